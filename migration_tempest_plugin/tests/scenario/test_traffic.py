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
"""Traffic between two servers, and outward, while either is migrated."""

import ipaddress

from tempest.common import utils
from tempest.lib import decorators
import testtools

from migration_tempest_plugin import config
from migration_tempest_plugin import meters
from migration_tempest_plugin.running import recorder
from migration_tempest_plugin.tests.scenario import base

CONF = config.CONF


class TestTraffic(base.LiveMigrationScenario):
    """Measured in a server, by ping, besides what is measured of all."""

    # Its three pings share a processor with all else that is measured in it.
    # Where that is emulated, they do not keep half of this; and the limits are
    # seconds.
    PING_INTERVAL = 0.1

    def meters_of(self, guest, recording=recorder.NONE):
        """As of any guest, and what the observer sees at the same time."""
        return (
            *super().meters_of(guest, recording),
            *(
                meters.GuestPingMeter(
                    self.observer.connect,
                    address,
                    what,
                    self.PING_INTERVAL,
                    deadline=CONF.migration.network_probe_deadline,
                    lifetime=CONF.migration.guest_probe_lifetime,
                    # That of another guest stands beside the tester's clock in
                    # a way that nobody measures.
                    clock='guest' if guest is self.observer else 'neighbour',
                )
                for what, address in self.targets.items()
            ),
        )

    @decorators.idempotent_id('d6e4b8f2-1a7c-4b3d-9e5f-8c2a6d0e4f71')
    @decorators.attr(type=['slow', 'multinode'])
    @testtools.skipUnless(
        CONF.network_feature_enabled.ipv6,
        'No IPv6: [network-feature-enabled] ipv6',
    )
    @utils.services('compute', 'network')
    def test_traffic(self):
        """Two servers go on to reach each other, by IPv4 and by IPv6

        1. Make a network with IPv4 and IPv6, and boot two servers on it.
        2. In the first one, ping the second by both, and the outside.
        3. Live migrate the first one, measured. None of the three was out of
           its reach for longer than is allowed.
        4. Live migrate the second one, measured likewise: the outside was
           never out of the first one's reach, by more than that.
        """
        self.observer, other = self.boot_guests(
            2, networks=[{'uuid': self.create_dual_stack_network()}]
        )
        neighbours = {
            f'neighbour IPv{ipaddress.ip_address(address).version}': address
            for address in self.addresses_of(other)
        }
        self.targets = {
            **neighbours,
            'outside IPv4': self.outside(self.observer),
        }
        self.assertEqual(
            {'neighbour IPv4', 'neighbour IPv6', 'outside IPv4'},
            set(self.targets),
        )
        self.limits = (
            *self.limits,
            *(
                base.limit(what, 'allowed_network_downtime')
                for what in self.targets
            ),
        )
        for guest in (self.observer, other):
            measured = self.live_migrate_measured(
                guest, host=self.another_host(guest)
            )
            for what in self.targets:
                self.assertIsNotNone(measured.timeline(what), measured.text())
            self.assert_downtime_allowed(measured)

    def create_dual_stack_network(self):
        """A network with a router, IPv4 and IPv6; its id."""
        network, _, router = self.setup_network_subnet_with_router()
        subnet = self.create_subnet(
            network,
            ip_version=6,
            ipv6_ra_mode='slaac',
            ipv6_address_mode='slaac',
        )
        routers = self.os_primary.routers_client
        routers.add_router_interface(router['id'], subnet_id=subnet['id'])
        self.addCleanup(
            routers.remove_router_interface,
            router['id'],
            subnet_id=subnet['id'],
        )
        return network['id']
