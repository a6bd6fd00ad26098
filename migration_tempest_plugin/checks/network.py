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
"""Whether a guest reaches, and has, what it should on its network."""

import ipaddress

from migration_tempest_plugin.checks import check
from migration_tempest_plugin.guest import shell


class NetworkCheck(check.Check):
    """The guest is reached, reaches others, and has its addresses.

    That it is reached is what each question to it needs.

    :param client: anything with ``exec_command(cmd) -> str``, from outside
    :param addresses: what each interface must have, as {MAC: [address, ...]}
    :param outside: an address that it must reach
    :param neighbours: further addresses that it must reach
    :param attempts: how often each of them is tried; a packet may be lost
    """

    name = 'network'

    def __init__(self, client, addresses, outside, neighbours=(), attempts=3):
        self._attempts = attempts
        self._client = client
        self._addresses = addresses
        self._outside = outside
        self._neighbours = tuple(neighbours)

    def _setUp(self):
        self.verify()

    def verify(self):
        self._verify_addresses()
        for address in (self._outside, *self._neighbours):
            self._verify_reached(address)
        reached = ', '.join((self._outside, *self._neighbours))
        addresses = sum(map(len, self._addresses.values()))
        return (
            f'it is reached, reaches {reached}, and has {addresses} addresses'
        )

    def _verify_reached(self, address):
        for _ in range(self._attempts):
            facts = self._ask('ping', address)
            if facts['answered'] == 'yes':
                return
        raise self.failed(
            'the guest does not reach %s, of %d attempts: %s',
            address,
            self._attempts,
            facts.get('said'),
        )

    def _verify_addresses(self):
        has = set()
        for pair in self._ask('addresses')['addresses'].split():
            mac, _, address = pair.partition(',')
            has.add((mac.lower(), ipaddress.ip_address(address)))
        for mac, addresses in self._addresses.items():
            for address in addresses:
                if (mac.lower(), ipaddress.ip_address(address)) not in has:
                    raise self.failed(
                        'the interface %s does not have %s; there is %s',
                        mac,
                        address,
                        ', '.join(
                            f'{each} on {of}'
                            for of, each in sorted(has, key=str)
                        ),
                    )

    def _ask(self, *words):
        return shell.ask(self._client, 'look', *words)
