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
"""Migrations that do not complete in time, and are completed by force.

Those at the time-out belong to case 3.2 of StarlingX's plan
(test_starlingx.py): Nova does that with timeout_action = force_complete;
StarlingX's settings of a server have no such word.
"""

from tempest.common import utils
from tempest.lib import decorators

from migration_tempest_plugin import config
from migration_tempest_plugin.tests.scenario import shared
from migration_tempest_plugin.tests.whitebox import base
from migration_tempest_plugin.tests.whitebox.providers import Case
from migration_tempest_plugin.tests.whitebox.providers import PerHost
from migration_tempest_plugin.tests.whitebox import side_by_side

CONF = config.CONF

#: How a migration is completed by force, as names of guests.
PAUSE, POST_COPY = 'pause', 'post-copy'


@base.serial
class TestForceComplete(
    shared.SharedGuestScenario, side_by_side.SideBySideScenario
):
    """A migration is brought to its end, whatever that costs the guest."""

    _said = ()  # nova-compute's lines that auto-converge is not in use

    @decorators.idempotent_id('46c609ce-8941-4db5-b6aa-24584f28f76c')
    @decorators.attr(type=['slow', 'multinode'])
    @utils.services('compute', 'network')
    def test_force_complete_pause(self):
        """Completed by force without post-copy, the guest is stopped

        1. Boot a server. On its host, do not permit post-copy, and hold
           migrations to a low bandwidth.
        2. Let the guest write to its memory faster than that.
        3. Live migrate it, measured, and force that to complete.
        4. It completes; libvirt and the guest's own clock say for how long
           the guest was stopped.
        """
        made = self.made(PAUSE, 'by request', self._by_request)
        self.assert_paused(made.measured, made.observation)

    @decorators.idempotent_id('b735d35d-2507-458f-a90d-cfc432975228')
    @decorators.attr(type=['slow', 'multinode'])
    @base.skip_without_post_copy()
    @utils.services('compute', 'network')
    def test_force_complete_post_copy(self):
        """Completed by force with post-copy, the guest goes on meanwhile

        1. Boot a server. On its host, permit post-copy, and hold migrations
           to a low bandwidth.
        2. Let the guest write to its memory faster than that.
        3. Live migrate it, measured, and force that to complete.
        4. It switches to post-copy, and completes.
        """
        made = self.made(POST_COPY, 'by request', self._by_request)
        self.assert_post_copy(made.measured, made.observation)

    @decorators.idempotent_id('5f957d9d-df89-4c5c-9190-1808736fe315')
    @decorators.attr(type=['slow', 'multinode'])
    @utils.services('compute', 'network')
    def test_timeout_pause(self):
        """At the time-out, the guest is stopped until all is copied

        1. Boot a server. On its host, set a time-out that completes by force,
           without post-copy; hold migrations to a low bandwidth.
        2. Let the guest write to its memory faster than that.
        3. Live migrate it, measured: Nova stops the guest, and the migration
           completes. libvirt and the guest's own clock say for how long.
        """
        made = self.made(PAUSE, 'at the time-out', self._at_timeout)
        self.assertIsNotNone(
            made.observation.timeout(), 'Nova has logged no time-out'
        )
        self.assert_paused(made.measured, made.observation)

    @decorators.idempotent_id('4a404875-67c1-4be1-a52d-eea70e20f4a2')
    @decorators.attr(type=['slow', 'multinode'])
    @base.skip_without_post_copy()
    @utils.services('compute', 'network')
    def test_timeout_post_copy(self):
        """At the time-out, the guest goes on at the destination

        1. Boot a server. On its host, permit post-copy, and auto-converge,
           too; set a time-out that completes by force; hold migrations to a
           low bandwidth.
        2. nova-compute says that auto-converge will not be in use.
        3. Let the guest write to its memory faster than that.
        4. Live migrate it, measured: Nova switches to post-copy, and it
           completes. QEMU did not have auto-converge.
        """
        made = self.made(POST_COPY, 'at the time-out', self._at_timeout)
        self.assertTrue(
            self._said,
            'nova-compute does not say that post-copy takes the '
            'place of auto-converge',
        )
        self.assertIsNotNone(
            made.observation.timeout(), 'Nova has logged no time-out'
        )
        self.assert_post_copy(made.measured, made.observation)
        self.assert_qemu(made.observation, 'auto-converge', False)

    def _boot(self):
        """One guest for each way to complete, on two hosts."""
        return self.boot_apart(
            (PAUSE, POST_COPY)
            if CONF.migration_feature_enabled.post_copy
            else (PAUSE,)
        )

    def _by_request(self):
        """Both are forced, and change places."""
        guests = self._boot()
        for name, guest in guests.items():
            self.plan_options(
                self.compute_of(guest),
                **{
                    **self.slow_migrations(),
                    'live_migration_permit_post_copy': name == POST_COPY,
                },
            )
        self.configure()
        self.load_memory_of(guests.values())

        def follow(running):
            for each in running.values():
                self.await_second_pass(*each)
            for migration, _ in running.values():
                migration.force_complete()
            side_by_side.complete(running)

        return self.make_all(guests, follow)

    def _at_timeout(self):
        """Both are late, and change places."""
        guests = self._boot()
        marks = {
            compute: compute.log.mark() for compute in self.computes.values()
        }
        for name, guest in guests.items():
            self.plan_options(
                self.compute_of(guest),
                **{
                    **PerHost.options(
                        self,
                        guest,
                        Case(auto_converge=name == POST_COPY, timeout=20),
                    ),
                    **self.slow_migrations(),
                    'live_migration_permit_post_copy': name == POST_COPY,
                    'live_migration_timeout_action': 'force_complete',
                },
            )
        self.configure()
        type(self)._said = [
            line
            for compute, mark in marks.items()
            for line in compute.log.since(mark)
            if 'auto-converge will not be in use' in line.message
        ]
        self.load_memory_of(guests.values())
        return self.make_all(guests, side_by_side.complete)
