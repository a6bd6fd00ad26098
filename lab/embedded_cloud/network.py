#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.
"""The lab's networks, and who has which address and card on them."""

import dataclasses

# Bridges in the tester's namespace, with the third byte of their addresses.
MANAGEMENT, TUNNEL, MIGRATION, EXTERNAL = range(4)
BRIDGES = ('br-management', 'br-tunnel', 'br-migration', 'br-external')


def address(network, number):
    return f'10.30.{network}.{number}'


def subnet(network):
    return f'10.30.{network}.0/24'


TESTER = 1  # its number on every network; the gateway of the external one


@dataclasses.dataclass(frozen=True)
class Card:
    """A network card of a host, one end of a veth pair; eth0, eth1, ..."""

    network: int
    address: str | None  # None: the host's own bridge has it, or nobody

    @property
    def name(self):
        return f'eth{self.network}'


def cards(number, networks):
    """The cards of host ``number`` on ``networks``.

    The address of the tunnel is on the bridge br-phy of its Open vSwitch, and
    the external network has only OVN's router on it.
    """
    return tuple(
        Card(
            network,
            None
            if network in (TUNNEL, EXTERNAL)
            else address(network, number),
        )
        for network in networks
    )
