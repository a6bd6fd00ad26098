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
"""Live migrations that an administrator ends early, one way or the other."""

from tempest.common import compute
from tempest.common import utils
from tempest.lib import decorators
import testtools

from migration_tempest_plugin import config
from migration_tempest_plugin.tests.whitebox import base
from migration_tempest_plugin.tests.whitebox import slow

CONF = config.CONF


@base.serial
class TestAbort(slow.SlowScenario):
    """A migration is called off; the server is as if nothing had been."""

    @decorators.idempotent_id('cdfc5229-9f68-436b-a80c-779e83016340')
    @decorators.attr(type=['slow', 'multinode'])
    @utils.services('compute', 'network')
    def test_abort_while_running(self):
        """A live migration is aborted while memory is copied

        1. Boot a server. On its host, hold migrations to a low bandwidth.
        2. Let the guest write to its memory faster than that.
        3. Live migrate it, measured, and abort that once memory is copied.
        4. The migration is cancelled, and the server on its source, ACTIVE,
           was never stopped, and is well.
        """
        guest = self.boot_guest()
        self.configure(self.compute_of(guest), **self.slow_migrations())
        self.load_memory(guest)
        observation = self.observe(guest)

        def follow(migration):
            self.await_slow_copy(migration, observation)
            migration.abort()
            migration.wait_until_ended(CONF.migration.migration_timeout)

        measured = self.live_migrate_in_vain(guest, follow)
        # A Nova that leaves the server in ERROR calls this an error, too.
        if CONF.migration_feature_enabled.aborted_server_active:
            self.assertEqual(
                'cancelled', measured.record['status'], measured.text()
            )
        self.assert_undisturbed(measured, observation)

    @decorators.idempotent_id('9001ac43-8611-4fdd-a040-02433240df7a')
    @decorators.attr(type=['slow', 'multinode'])
    @testtools.skipUnless(
        compute.is_scheduler_filter_enabled('SameHostFilter'),
        "Two servers can't be asked for on one host: "
        '[compute-feature-enabled] scheduler_enabled_filters has no '
        'SameHostFilter',
    )
    @utils.services('compute', 'network')
    def test_abort_while_queued(self):
        """A live migration is aborted while it waits for its turn

        1. Boot two servers on one host. There, hold migrations to a low
           bandwidth.
        2. Let one guest write to its memory faster than that, and live
           migrate it: Nova does one at a time, unless nova.conf says more
           ([compute] max_concurrent_live_migrations).
        3. Live migrate the other one, measured: it is queued. Abort that.
        4. It is cancelled, and its server ACTIVE on its source; libvirt never
           began to migrate it.
        """
        busy = self.boot_guest()
        waiting = self.boot_guest(scheduler_hints={'same_host': busy.id})
        self.configure(self.compute_of(busy), **self.slow_migrations())
        self.load_memory(busy)
        observation = self.observe(waiting)
        first = self.migration_of(busy)
        first.request(**self.live_migrate_arguments(busy))
        first.wait_until(('running',), CONF.migration.migration_timeout)

        def follow(migration):
            migration.wait_until(('queued',), CONF.migration.migration_timeout)
            migration.abort()
            migration.wait_until_ended(CONF.migration.migration_timeout)

        try:
            # Named, since the scheduler still holds them to one host.
            measured = self.live_migrate_in_vain(
                waiting, follow, host=self.another_host(waiting)
            )
        finally:
            first.abort()
            first.wait_until_ended(CONF.migration.migration_timeout)
        self.assert_active(busy)
        self.assertEqual(
            'cancelled', measured.record['status'], measured.text()
        )
        self.assertEqual([], observation.looks, 'libvirt has migrated it')
        self.assert_undisturbed(measured, observation)
