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
"""Live migrations of one server, measured from both sides of its network."""

from tempest.common import utils
from tempest.lib import decorators
import testtools

from migration_tempest_plugin import config
from migration_tempest_plugin.tests.scenario import base
from migration_tempest_plugin.tests.scenario import shared

CONF = config.CONF


class TestLiveMigration(shared.SharedGuestScenario):
    """Block migration if the cloud's features say so, as an option."""

    @decorators.idempotent_id('2fc11f7d-c511-47f1-957f-32a3c301ca9f')
    @decorators.attr(type=['slow', 'multinode'])
    @utils.services('compute', 'network')
    def test_live_migration(self):
        """A live migration to a host that the scheduler chooses

        1. Boot a server and reach it by SSH.
        2. Ping it, and ask the metadata service in it, all the time.
        3. Live migrate it, and wait until Nova's record says completed.
        4. It is on another host, was not rebooted, and SSH reaches it.
        5. Network and metadata were down for no longer than allowed.
        """
        guest = self.boot_guest()
        measured = self.live_migrate_measured(guest)
        self.assert_downtime_allowed(measured)

    @decorators.idempotent_id('f741b324-e905-4ade-ba21-a74146787a89')
    @decorators.attr(type=['slow', 'multinode'])
    @utils.services('compute', 'network')
    def test_live_migration_to_host(self):
        """A live migration to a host that the request names

        1. Boot a server and reach it by SSH.
        2. Choose another host: [compute] migration_dest_host, or one that is
           up and enabled.
        3. Live migrate the server to it, measuring network and metadata.
        4. It is on that host, was not rebooted, and SSH reaches it.
        5. Network and metadata were down for no longer than allowed.
        """
        guest = self.boot_guest()
        measured = self.live_migrate_measured(
            guest, host=self.another_host(guest)
        )
        self.assert_downtime_allowed(measured)

    @decorators.idempotent_id('328ed7c3-a34a-4103-a34f-c119b0d7c253')
    @decorators.attr(type=['slow', 'multinode'])
    @testtools.skipUnless(
        CONF.compute_feature_enabled.live_migrate_back_and_forth,
        'Migrating back is not enabled: [compute-feature-enabled] '
        'live_migrate_back_and_forth',
    )
    @utils.services('compute', 'network')
    def test_live_migration_there_and_back(self):
        """A live migration to another host, and one back

        1. Boot a server and reach it by SSH.
        2. Live migrate it to another host, measuring network and metadata.
        3. Live migrate it back to the first one, measuring again.
        4. In each of both, it arrived, was not rebooted, SSH reaches it, and
           network and metadata were down for no longer than allowed.
        """
        guest = self.boot_guest()
        there = self.live_migrate_measured(
            guest, host=self.another_host(guest)
        )
        back = self.live_migrate_measured(guest, host=there.source)
        self.assert_downtime_allowed(there)
        self.assert_downtime_allowed(back)


class TestLiveMigrationAutoBlock(base.LiveMigrationScenario):
    """Nova finds out whether disks have to be copied (microversion 2.25)."""

    compute_min_microversion = '2.25'

    @decorators.idempotent_id('13a156b2-f16b-4988-b4b7-63c3db5cbbd4')
    @decorators.attr(type=['slow', 'multinode'])
    @utils.services('compute', 'network')
    def test_live_migration_auto_block(self):
        """A live migration with block_migration set to 'auto'

        1. Boot a server and reach it by SSH.
        2. Live migrate it with block_migration 'auto', measuring network and
           metadata.
        3. It is on another host, was not rebooted, and SSH reaches it.
        4. Network and metadata were down for no longer than allowed.
        """
        guest = self.boot_guest()
        measured = self.live_migrate_measured(guest)
        self.assert_downtime_allowed(measured)
