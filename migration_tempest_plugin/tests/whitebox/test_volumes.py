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
"""What a server sees of its volume when the storage itself fails."""

import time

from tempest.common import utils
from tempest.lib import decorators
import testtools

from migration_tempest_plugin.checks import storage
from migration_tempest_plugin import config
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.hosts import domain
from migration_tempest_plugin.hosts import inventory
from migration_tempest_plugin.tests.scenario import shared
from migration_tempest_plugin.tests.scenario import volumes
from migration_tempest_plugin.tests.whitebox import base
from migration_tempest_plugin.tests.whitebox import faults
from migration_tempest_plugin.tests.whitebox import slow

CONF = config.CONF

#: Seconds for which the storage answers nobody.
PAUSE = 5


@base.serial
class TestStorage(
    shared.SharedGuestScenario, volumes.VolumeScenario, slow.SlowScenario
):
    """The storage of volumes fails, or what is on it."""

    @decorators.idempotent_id('d94b7e20-1c5f-4e83-b7a6-58f0c3d2e971')
    @decorators.attr(type=['slow', 'multinode'])
    @volumes.skip_without()
    @testtools.skipUnless(
        CONF.migration_hosts.storage_host,
        'Nobody can hold the storage of volumes up: [migration-hosts] '
        'storage_host',
    )
    @utils.services('compute', 'network', 'volume')
    def test_stalled(self):
        """The storage answers nobody for five seconds of a migration

        1. Boot a server from a volume, and begin to look it over.
        2. Live migrate it, measured, with a low bandwidth.
        3. While memory is copied, stop the storage, and let it go on after
           five seconds. Let memory be copied faster.
        4. The migration completes. What the guest wrote has stalled that
           long, and nothing of it is torn or lost.
        """
        guest = self.boot_from_volume()
        written = self.storage_check(guest)
        checks = self.checks(guest, written, self.volume_check(guest))
        source = self.compute_of(guest)
        self.configure(source, **self.slow_migrations())
        observation = self.observe(guest)

        def follow(migration):
            self.await_slow_copy(migration, observation)
            with faults.PausedStorage(inventory.storage(CONF.migration_hosts)):
                time.sleep(PAUSE)
            source.libvirt.set_bandwidth(guest.id, slow.FAST)
            migration.wait_until_completed(CONF.migration.migration_timeout)

        self.live_migrate_measured(guest, follow=follow)
        checks.verify()
        self.assertGreater(
            storage.longest_stall(written.writer.records), PAUSE - 1
        )

    @decorators.idempotent_id('41f6c0b8-7d2e-4935-9e1a-c5b80d7f3a26')
    @decorators.attr(type=['slow', 'multinode'])
    @volumes.skip_without()
    @testtools.skipUnless(
        CONF.migration_hosts.rbd_command,
        'Nobody can change what is in Ceph: [migration-hosts] rbd_command',
    )
    @utils.services('compute', 'network', 'volume')
    def test_changed(self):
        """A byte that the guest wrote is changed in Ceph: that is found

        1. Boot a server from a volume, and begin to write to it.
        2. Change one byte of a record, in Ceph.
        3. The check of the storage fails, and names the record.
        """
        guest = self.boot_from_volume()
        check = self.useFixture(self.storage_check(guest))
        check.verify()
        record = check.writer.records[0]
        compute = self.compute_of(guest)
        [image] = domain.volumes(compute.libvirt.xml(guest.id)).values()
        faults.change_in_ceph(compute, image, record.token)
        error = self.assertRaises(exceptions.CheckFailed, check.verify)
        self.assertRegex(str(error), f'record {record.number} .* is torn')
