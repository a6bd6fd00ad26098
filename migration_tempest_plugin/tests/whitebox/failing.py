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
"""What tests of migrations that fail are made of."""

import time

from migration_tempest_plugin.cloud import services
from migration_tempest_plugin import config
from migration_tempest_plugin.tests.scenario import volumes
from migration_tempest_plugin.tests.whitebox import slow

CONF = config.CONF


class FailureScenario(volumes.VolumeScenario, slow.SlowScenario):
    """Base of the tests in which a migration fails.

    The API leaves it to the record of the migration to say so (2.34).
    """

    compute_min_microversion = '2.34'

    def fail_and_try_again(
        self, fault, follow=None, prepare=None, why='.*', on_volume=False
    ):
        """Live migrate a guest in vain, and then without the fault.

        1. Boot a server, and begin to look it over.
        2. Make the fault at the destination, and live migrate the server to
           it, measured: that fails.
        3. The server is ACTIVE where it was, was down for no longer than
           allowed, and is as it was. Its ports are bound to the source alone;
           at the destination, neither libvirt nor the disk has anything of
           it.
        4. Put the fault right, and live migrate it again: it arrives.

        :param fault: called with the name of the destination; gives what is
            set up while the first migration goes on
        :param follow: called with the guest, the destination and the first
            migration; it returns when that has ended
        :param prepare: called with the guest before all that
        :param why: a pattern of what Nova must say in the instance action's
            events; anything, for a migration that has begun
        :param on_volume: whether the disk of the server is a volume
        """
        guest = self.boot_from_volume() if on_volume else self.boot_guest()
        destination = self.another_host(guest)
        if prepare:
            prepare(guest)
        checks = self.all_checks(
            guest, further=[self.volume_check(guest)] if on_volume else ()
        )

        def follow_it(migration):
            if follow:
                follow(guest, destination, migration)
            migration.wait_until_ended(CONF.migration.migration_timeout)

        with fault(destination):
            measured = self.live_migrate_in_vain(guest, follow_it, destination)
            self.assert_said(measured, why)
            self.assert_unharmed(guest, measured, checks)
        self.await_enabled(destination)
        self.assert_nothing_left(destination, guest)
        again = self.live_migrate_measured(
            guest,
            destination,
            lambda migration: self.follow_again(guest, migration),
        )
        self.assert_unharmed(guest, again, checks)

    def assert_said(self, measured, why):
        """Nova says in the events that a migration failed for a reason.

        By the place in its code, or by the message (2.84).
        """
        self.assertRegex(
            '\n'.join(
                event.get(name) or ''
                for event in measured.events
                for name in ('traceback', 'details')
            ),
            why,
            measured.text(),
        )

    def assert_unharmed(self, guest, measured, checks):
        """Where a guest is now, it is as it was, and was not down for long."""
        self.assert_downtime_allowed(measured)
        self.assert_bound_to(measured.destination, guest)
        checks.verify()

    def follow_again(self, guest, migration):
        """Wait until the second try has succeeded."""
        migration.wait_until_completed(CONF.migration.migration_timeout)

    def assert_bound_to(self, host, guest):
        """Each port of a guest has one binding, and that is to a host."""
        client = self.os_admin.ports_client
        ports = client.list_ports(device_id=guest.id)['ports']
        self.assertNotEqual([], ports)

        def bindings():
            return {
                port['id']: [
                    (binding['host'], binding['status'])
                    for binding in client.list_resources(
                        f'/ports/{port["id"]}/bindings'
                    )['bindings']
                ]
                for port in ports
            }

        self.await_equal(
            {port['id']: [(host, 'ACTIVE')] for port in ports},
            bindings,
            'The ports are bound elsewhere',
        )

    def assert_nothing_left(self, host, guest):
        """A host has nothing of a guest that is on another one."""
        compute = self.computes[host]
        self.await_equal(
            False,
            lambda: guest.id in compute.libvirt.defined(),
            f'libvirt on {host} still has a domain of it',
        )
        if CONF.compute_feature_enabled.block_migration_for_live_migration:
            self.await_equal(
                False,
                lambda: compute.has_disk(guest.id),
                f'{host} still has a disk of it',
            )

    def await_enabled(self, host):
        """Wait until servers can be scheduled to a host (again)."""

        def service():
            [found] = services.computes(
                self.os_admin.services_client, host=host
            )
            return found['state'], found['status']

        self.await_equal(
            ('up', 'enabled'),
            service,
            f'nova-compute on {host}',
            CONF.migration_hosts.service_timeout,
        )

    def await_equal(self, expected, look, message, timeout=None):
        """Fail if something does not become so in time."""
        give_up = time.monotonic() + (
            timeout or CONF.migration.recovery_timeout
        )
        while look() != expected and time.monotonic() < give_up:
            time.sleep(CONF.migration.progress_interval)
        self.assertEqual(expected, look(), message)
