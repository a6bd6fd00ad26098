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
"""Live migrations that can't succeed: the server must not suffer from it."""

import contextlib
import time

from tempest.common import utils
from tempest.lib import decorators

from migration_tempest_plugin import config
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.tests.scenario import base as scenario_base
from migration_tempest_plugin.tests.scenario import shared
from migration_tempest_plugin.tests.scenario import volumes
from migration_tempest_plugin.tests.whitebox import base
from migration_tempest_plugin.tests.whitebox import failing
from migration_tempest_plugin.tests.whitebox import faults
from migration_tempest_plugin.tests.whitebox import slow

CONF = config.CONF

#: Where Nova's traceback ends if the scheduler knows no host for the server
#: (nova/conductor/tasks/live_migrate.py, _find_destination).
REFUSED = 'select_destinations'


@base.serial
class TestRefused(shared.SharedGuestScenario, failing.FailureScenario):
    """The destination can't have the server: nothing ever moves."""

    @decorators.idempotent_id('71f1ccf2-bd0b-4f0a-90d9-2a4f0b8c6d13')
    @decorators.attr(type=['slow', 'multinode'])
    @scenario_base.skip_without_disabling()
    @utils.services('compute', 'network')
    def test_no_room(self):
        """The destination has no memory to spare, by Placement's word"""
        self.fail_and_try_again(
            lambda host: faults.FullHost(self.os_admin, host), why=REFUSED
        )

    @decorators.idempotent_id('b2a5e0d4-6a3f-4d8e-8d7c-5c1e9f4a7b28')
    @decorators.attr(type=['slow', 'multinode'])
    @scenario_base.skip_without_disabling()
    @utils.services('compute', 'network')
    def test_disabled(self):
        """The destination's compute service is disabled"""
        self.fail_and_try_again(self.disabled, why=REFUSED)

    @decorators.idempotent_id('4c9d7e1b-2f5a-4b6c-9e80-7d3a1f6b8c35')
    @decorators.attr(type=['slow', 'multinode'])
    @utils.services('compute', 'network')
    def test_dead_compute(self):
        """nova-compute of the destination does not run"""
        self.fail_and_try_again(
            lambda host: faults.DeadCompute(
                self.os_admin.services_client,
                self.service_of(self.computes[host].host),
                CONF.migration_hosts.service_timeout,
            ),
            why=REFUSED,
        )


@base.serial
class TestInterrupted(shared.SharedGuestScenario, failing.FailureScenario):
    """A migration that goes on comes to a bad end."""

    @decorators.idempotent_id('e8f0a1c6-3b7d-4c9e-a152-6f8b2d4c9e47')
    @decorators.attr(type=['slow', 'multinode'])
    @utils.services('compute', 'network')
    def test_libvirt_killed(self):
        """libvirt of the destination is killed while memory is copied"""

        def kill(guest, destination, migration):
            self.await_slow_copy(migration, self.observation)
            compute = self.computes[destination]
            compute.kill_libvirt()
            self.await_libvirt(compute)

        self.fail_and_try_again(self.no_fault, kill, self.slow_down)

    @decorators.idempotent_id('9a2b4c6d-8e0f-4123-9456-7b9d1f3a5c58')
    @decorators.attr(type=['slow', 'multinode'])
    @utils.services('compute', 'network')
    def test_aborted(self):
        """It is aborted while memory is copied"""
        self.fail_and_try_again(self.no_fault, self.abort, self.slow_down)

    @decorators.idempotent_id('b80e4f2d-61c7-4a9b-8d35-0c7f2e9a1b64')
    @decorators.attr(type=['slow', 'multinode'])
    @volumes.skip_without()
    @utils.services('compute', 'network', 'volume')
    def test_aborted_on_volume(self):
        """As test_aborted, of a server whose disk is a volume"""
        self.fail_and_try_again(
            self.no_fault, self.abort, self.slow_down, on_volume=True
        )

    def abort(self, guest, destination, migration):
        """Have the API end it."""
        self.await_slow_copy(migration, self.observation)
        migration.abort()

    def slow_down(self, guest):
        """Make its migrations slow."""
        self.configure(
            self.compute_of(guest),
            **{
                **self.slow_migrations(),
                'live_migration_completion_timeout': 0,
            },
        )
        self.observation = self.observe(guest)

    def follow_again(self, guest, migration):
        """As in the base; it need not be slow any more."""
        libvirt = self.compute_of(guest).libvirt
        migration.wait_until(('running',), CONF.migration.migration_timeout)
        # Before that, Nova has yet to say how fast it may be.
        self.wait_for(
            migration,
            lambda: libvirt.job(guest.id).copies_memory,
            'memory being copied',
        )
        libvirt.set_bandwidth(guest.id, slow.FAST)
        super().follow_again(guest, migration)

    @staticmethod
    def no_fault(host):
        """It comes later."""
        return contextlib.nullcontext()

    def await_libvirt(self, compute):
        """Wait until libvirt on a host answers again."""
        give_up = time.monotonic() + CONF.migration_hosts.service_timeout
        while True:
            try:
                compute.libvirt.defined()
                return
            except exceptions.HostError:
                if time.monotonic() > give_up:
                    raise
                time.sleep(CONF.migration.progress_interval)
