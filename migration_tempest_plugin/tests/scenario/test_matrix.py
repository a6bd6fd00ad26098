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
"""Every kind of migration that the API alone can ask for, out and back."""

from tempest.common import waiters
from tempest.lib import exceptions as lib_exc

from migration_tempest_plugin import config
from migration_tempest_plugin import measurement
from migration_tempest_plugin.tests.scenario import shared
from migration_tempest_plugin.tests.scenario import variants
from migration_tempest_plugin.tests.scenario import volumes

CONF = config.CONF


class MatrixScenario(volumes.VolumeScenario):
    """Base of the tests that are made of variants."""

    def migrate_there_and_back(self, variant):
        """Boot a server, migrate it, and back; look it over after each.

        1. Boot a server, and begin to look it over.
        2. Migrate it to another host, as the variant says, measured.
        3. It is there; all that was looked at is as it was.
        4. The same, back, if the variant goes back ([migration]
           there_and_back).
        """
        reason = variants.reason_to_skip(variant)
        if reason:
            raise self.skipException(reason)
        guest = getattr(self, variant.boot)()
        source = self.get_host_for_server(guest.id)
        destination = self.another_host(guest)
        self.prepare(variant, guest, (source, destination))
        checks = self.checks(guest, *self.checks_for(variant, guest))
        migrate = getattr(self, variant.how)
        back = variant.back and CONF.migration.there_and_back
        for host in (destination, source) if back else (destination,):
            migrate(variant, guest, host)
            self.assertEqual(host, self.get_host_for_server(guest.id))
            checks.verify()

    def prepare(self, variant, guest, hosts):
        """Make the cloud and the guest as the variant wants them."""

    def checks_for(self, variant, guest):
        """The Checks that a variant must pass."""
        always = [
            self.network_check(guest),
            self.port_check(guest),
            *self.console_checks(guest),
        ]
        if variant.volumes:
            always += [
                self.volume_check(each)
                for each in (guest, self.neighbour)
                if each
            ]
        if variant.how == 'migrate_cold':
            return [*always, self.disk_check(guest)]
        running = [
            *always,
            self.storage_check(
                guest, volumes.MOUNTED if variant.mounted else None
            ),
            self.memory_check(guest),
        ]
        if variant.how == 'migrate_paused':
            return running  # its clock stands, too
        return [*running, self.clock_check(guest)]

    # --- how a variant migrates ----------------------------------------------

    def migrate_live(self, variant, guest, host):
        """A live migration within the limits."""
        self.assert_downtime_allowed(
            self.live_migrate_measured(guest, host=host)
        )

    def migrate_while_attaching(self, variant, guest, host):
        """As migrate_live(); Nova refuses a volume while it goes on.

        It lets a server that is migrated be changed by nothing
        (nova/compute/api.py, attach_volume: task_state must be None). The
        volume stays as it was.
        """
        volume = self.create_volume()['id']

        def follow(migration):
            self.assertRaises(
                lib_exc.Conflict,
                self.servers_client.attach_volume,
                guest.id,
                volumeId=volume,
            )
            migration.wait_until_completed(CONF.migration.migration_timeout)

        self.assert_downtime_allowed(
            self.live_migrate_measured(guest, host, follow)
        )
        self.assertEqual(
            'available',
            self.volumes_client.show_volume(volume)['volume']['status'],
        )

    def migrate_paused(self, variant, guest, host):
        """A live migration of a server that is paused before and after."""
        boot_id = guest.boot_id()
        client = self.servers_client
        client.pause_server(guest.id)
        waiters.wait_for_server_status(client, guest.id, 'PAUSED')
        migration = self.migration_of(guest)
        migration.request(**self.live_migrate_arguments(guest, host))
        migration.wait_until_completed(
            CONF.migration.migration_timeout, 'PAUSED'
        )
        client.unpause_server(guest.id)
        waiters.wait_for_server_status(client, guest.id, 'ACTIVE')
        self.assertEqual(boot_id, guest.boot_id(), 'The guest was rebooted')

    def migrate_cold(self, variant, guest, host):
        """A migration of a server that is shut down for it, and confirmed.

        The results say how long it was down; no limit is checked.
        """
        boot_id, source = guest.boot_id(), self.get_host_for_server(guest.id)
        network, *_ = self.meters_of(guest)
        with network:
            baseline = network.wait_until_up(CONF.migration.baseline_timeout)
            self.os_admin.servers_client.migrate_server(guest.id)
            waiters.wait_for_server_status(
                self.servers_client, guest.id, 'VERIFY_RESIZE'
            )
            self.servers_client.confirm_resize_server(guest.id)
            waiters.wait_for_server_status(
                self.servers_client, guest.id, 'ACTIVE'
            )
            network.wait_until_up(CONF.validation.ping_timeout)
            timeline = network.measurement().since(baseline)
        self.keep(
            measurement.MeasuredMigration(
                server=guest.id,
                source=source,
                destination=self.get_host_for_server(guest.id),
                measurements=(timeline,),
                kind='cold',
            )
        )
        guest.reach()
        self.assertNotEqual(
            boot_id, guest.boot_id(), 'The guest was not shut down'
        )


@variants.tests_of(variants.BY_API)
class TestMatrix(shared.SharedGuestScenario, MatrixScenario):
    """The variants of variants.BY_API."""
