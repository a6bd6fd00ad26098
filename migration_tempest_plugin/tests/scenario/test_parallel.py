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
"""Live migrations of several servers at the same time."""

from tempest.common import utils
from tempest.lib import decorators

from migration_tempest_plugin import config
from migration_tempest_plugin import measurement
from migration_tempest_plugin.tests.scenario import base
from migration_tempest_plugin.tests.scenario import shared

CONF = config.CONF


class _SeveralScenario(base.LiveMigrationScenario):
    """Base of the tests that measure several servers at the same time."""

    # They share the processors of one host: what measures in all of them takes
    # no more of it than what measures in one.

    @property
    def heartbeat_interval(self):
        """As in the base, but as many times as there are guests."""
        return CONF.migration.parallel_guests * super().heartbeat_interval

    @property
    def metadata_interval(self):
        """As heartbeat_interval."""
        return CONF.migration.parallel_guests * super().metadata_interval


class TestParallel(shared.SharedGuestScenario, _SeveralScenario):
    """Nova queues them, by max_concurrent_live_migrations of the source."""

    @decorators.idempotent_id('0f6d2b8e-53e1-4c5c-a3de-0f7e1b7f7f61')
    @decorators.attr(type=['slow', 'multinode'])
    @utils.services('compute', 'network')
    def test_parallel(self):
        """Several servers leave one host for another at the same time

        1. Boot servers ([migration] parallel_guests) and have all of them on
           one host.
        2. Measure each of them, and live migrate all of them at once.
        3. Each is on the other host, was not rebooted, and SSH reaches it.
        4. Each was down for no longer than allowed; the results say how long
           it waited for its turn.
        """
        guests = self.boot_guests(CONF.migration.parallel_guests)
        self.bring_together(guests)
        destination = self.another_host(guests[0])
        measured = self.live_migrate_all_measured(
            [(guest, destination) for guest in guests]
        )
        self.assert_downtime_allowed(*measured)

    @decorators.idempotent_id('c7c0a0a2-5a3f-4a0b-a0e0-0d4e2a3f9b1c')
    @decorators.attr(type=['slow', 'multinode'])
    @utils.services('compute', 'network')
    def test_crossing(self):
        """Two servers on two hosts change places at the same time

        1. Boot two servers, and have them on two hosts.
        2. Measure both, and live migrate each to the other one's host.
        3. Each is there, was not rebooted, and SSH reaches it.
        4. Each was down for no longer than allowed.
        """
        one, other = self.boot_guests(2)
        here = self.get_host_for_server(one.id)
        there = self.another_host(one)
        self.bring_to(there, [other])
        measured = self.live_migrate_all_measured(
            [(one, there), (other, here)]
        )
        self.assert_downtime_allowed(*measured)


@base.serial
class TestDrain(_SeveralScenario):
    """A host is emptied, as before its maintenance."""

    @decorators.idempotent_id('5d8f1c8b-2cf3-4a26-8f1c-3e5b9a6b1d72')
    @decorators.attr(type=['slow', 'multinode'])
    @base.skip_without_disabling()
    @utils.services('compute', 'network')
    def test_drain(self):
        """All servers leave a host, to wherever the scheduler sends them

        1. Boot servers ([migration] parallel_guests) and have all of them on
           one host; it has no others.
        2. Disable the compute service there.
        3. Measure each of the servers, and live migrate all of them at once.
        4. Each is on another host, was not rebooted, and SSH reaches it.
        5. Each was down for no longer than allowed; the worst one is named
           first. No server is left on the host.
        """
        guests = self.boot_guests(CONF.migration.parallel_guests)
        host = self.bring_together(guests)
        others = self.servers_on(host) - {guest.id for guest in guests}
        if others:
            raise self.skipException(
                f'{host} has servers that are not of this test, which are '
                f'left alone: {", ".join(sorted(others))}'
            )
        with self.disabled(host):
            measured = self.live_migrate_all_measured(
                [(guest, None) for guest in guests]
            )
            self.assertEqual(
                set(),
                self.servers_on(host),
                f'Some servers are left on {host}',
            )
        self.assert_downtime_allowed(*measured)

    def servers_on(self, host):
        """The ids of all servers on a host, whoever they are of."""
        return {
            server['id']
            for server in self.os_admin.servers_client.list_servers(
                all_tenants=True, host=host
            )['servers']
        }


class TestRepeats(base.LiveMigrationScenario):
    """One live migration after the other: how are the downtimes spread?"""

    @decorators.idempotent_id('e2d3a4f6-7a4c-4bb2-8f73-9a1f2c5d6e80')
    @decorators.attr(type=['slow', 'multinode'])
    @utils.services('compute', 'network')
    def test_repeated(self):
        """A server is live migrated again and again ([migration] repeats)

        1. Boot a server and reach it by SSH.
        2. Live migrate it to another host, and back, and so on, measured.
        3. In none of them it was down for longer than allowed.
        4. Nor was it in the median, the first one left out, which is often
           slower ([migration] allowed_median_network_downtime). It has a
           table of its own.
        """
        guest = self.boot_guest()
        measured = [
            self.live_migrate_measured(guest, host=self.another_host(guest))
            for _ in range(CONF.migration.repeats)
        ]
        first, *others = measured
        self.keep_table([first])
        self.keep_table(others)
        self.assert_downtime_allowed(*measured)
        self.assert_median_allowed(others)

    def assert_median_allowed(self, measured):
        """Fail if the network was down for too long in the median."""
        option = 'allowed_median_network_downtime'
        if config.limit(option) is not None:
            complaint = base.limit('network', option).complaint(
                measurement.in_median(
                    each.timeline('network') for each in measured
                )
            )
            self.assertIsNone(
                complaint,
                f'In the median of {len(measured)} migrations, the first one '
                'left out',
            )
