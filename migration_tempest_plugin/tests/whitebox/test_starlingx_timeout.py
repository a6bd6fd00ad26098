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
"""Case 3.2 of StarlingX's plan (test_starlingx.py)."""

import dataclasses

from tempest.common import utils
from tempest.lib import decorators
import testtools

from migration_tempest_plugin.cloud import live_migration
from migration_tempest_plugin import config
from migration_tempest_plugin.starlingx import settings
from migration_tempest_plugin.tests.whitebox import base
from migration_tempest_plugin.tests.whitebox.providers import Case
from migration_tempest_plugin.tests.whitebox.providers import ENDING
from migration_tempest_plugin.tests.whitebox.providers import PerHost
from migration_tempest_plugin.tests.whitebox.providers import PerServer
from migration_tempest_plugin.tests.whitebox.providers import PUNCTUAL
from migration_tempest_plugin.tests.whitebox.providers import RunningPolicy
from migration_tempest_plugin.tests.whitebox import side_by_side

CONF = config.CONF


@dataclasses.dataclass(frozen=True)
class _Late:
    """A migration that is to be ended when its time is over.

    :ivar provider: what says how much time it has
    :ivar seconds: how much that is
    """

    provider: type
    case: Case
    seconds: int

    @property
    def by_host(self):
        """Whether nova.conf of its host says how much time it has.

        A stock Nova knows no other way, nor does it for a server that says
        nothing; of such a one, StarlingX's own Nova has a default.
        """
        features = CONF.migration_feature_enabled
        return self.provider is PerHost or (
            self.case.timeout is None
            and features.starlingx_settings
            and not features.starlingx_nova
        )

    @property
    def by_nova(self):
        """Whether nova-compute ends it, and not the policy."""
        return (
            self.provider is PerHost
            or CONF.migration_feature_enabled.starlingx_settings
        )


@base.serial
class TestTimeout(side_by_side.SideBySideScenario):
    """3.2: after how long a migration is ended that does not complete."""

    LATE = {
        'default_per_host': _Late(
            PerHost,
            Case(timeout=settings.Defaults.timeout),
            settings.Defaults.timeout,
        ),
        'default_per_server': _Late(
            PerServer, Case(), settings.Defaults.timeout
        ),
        'set_per_server': _Late(PerServer, Case(timeout=120), 120),
    }

    _due = None  # after how many seconds each is to be ended, by its name
    _policy = None  # the RunningPolicy, where one ends them

    # They are made side by side, and only wait. What follows them is to leave
    # the guests what they need, also where three share two processors.
    LOOK_INTERVAL = 3.0

    @property
    def heartbeat_interval(self):
        """As in the base, but five times: libvirt reports a stop."""
        return 5 * super().heartbeat_interval

    @property
    def metadata_interval(self):
        """As in the base, but as many times as there are guests."""
        return len(self.LATE) * super().metadata_interval

    @property
    def bandwidth(self):
        """As in the base, but a quarter: copying takes less, too."""
        return max(1, super().bandwidth // 4)

    @decorators.idempotent_id('be6082de-7f8a-4cba-a433-8d5064696090')
    @decorators.attr(type=['slow', 'multinode'])
    @utils.services('compute', 'network')
    def test_default_per_host(self):
        """A migration is ended after 180 s, the default of StarlingX

        1. Boot a server. On its host, set the time-out, and hold migrations
           to a low bandwidth.
        2. Let the guest write to its memory faster than that.
        3. Live migrate it, measured.
        4. When its time is over, within 3 s, Nova aborts it, and logs that;
           5 s later at the most, it has ended.
        5. The server is on its source, was never stopped, and is well.
        """
        self._assert_ended('default_per_host')

    @decorators.idempotent_id('8fcb4c53-899d-4d75-b36a-5ff899f44598')
    @decorators.attr(type=['slow', 'multinode'])
    @utils.services('compute', 'network')
    def test_default_per_server(self):
        """As test_default_per_host, on a server that says nothing

        The policy has Nova abort it, where Nova does not do so by itself.
        """
        self._assert_ended('default_per_server')

    @decorators.idempotent_id('cb15648c-1ac0-4f4c-ada1-6be59c9ac147')
    @decorators.attr(type=['slow', 'multinode'])
    @utils.services('compute', 'network')
    def test_set_per_server(self):
        """As test_default_per_host, with 120 s in the metadata alone

        The server's disk is a volume, where there are any.
        """
        self._assert_ended('set_per_server')

    @decorators.idempotent_id('26937298-c7ef-45d4-a915-12f98e5a8c1a')
    @decorators.attr(type=['slow', 'multinode'])
    @testtools.skipUnless(
        CONF.migration_feature_enabled.reload,
        'nova-compute does not read its options again: '
        '[migration-feature-enabled] reload',
    )
    @utils.services('compute', 'network')
    def test_changed_while_running(self):
        """A time-out that is set while a migration goes on holds for it

        1. Boot a server. On its host, set no time-out, and hold migrations to
           a low bandwidth.
        2. Let the guest write to its memory faster than that.
        3. Live migrate it, measured. While memory is copied, set a time-out
           of 20 s in nova.conf, and send nova-compute SIGHUP.
        4. Nova ends the migration, at that time or as soon as it has read it.
        5. The server is on its source, was never stopped, and is well.
        """
        guest = self.boot_guest()
        plan = self.plan_of_timeout(guest, 20)
        compute = self.compute_of(guest)
        PerHost.apply(self, (guest, Case(timeout=0)), **self.slow_migrations())
        self.load_memory(guest)
        observation = self.observe(guest)

        def follow(migration):
            self.await_slow_copy(migration, observation)
            self.reconfigure(
                compute,
                live_migration_completion_timeout=plan.completion_timeout,
            )
            migration.wait_until_ended(CONF.migration.migration_timeout)

        measured = self.live_migrate_in_vain(guest, follow)
        late = observation.timeout()
        self.assertIsNotNone(late, 'Nova has logged no time-out')
        self.assertEqual(plan.timeout, late[0], 'Nova has another time-out')
        self.assertGreaterEqual(late[1], plan.timeout - 1)
        self.assert_undisturbed(measured, observation)

    def _assert_ended(self, name):
        """A migration was ended when its time was over, by whom it should."""
        made = self.made(name, 'all', self._migrate_all)
        due, acted = self._due[name], self._acted(name, made)
        self.assertLessEqual(
            abs(acted - due),
            PUNCTUAL,
            f'The migration was aborted after {acted:.1f} s, not {due} s',
        )
        ended = made.observation.ended_early()
        self.assertIsNotNone(ended, 'The migration was not ended')
        self.assertGreaterEqual(
            ended,
            due - PUNCTUAL,
            f'The migration was ended after {ended:.1f} s, before {due} s',
        )
        self.assertLessEqual(
            ended - acted,
            ENDING,
            f'Nova was asked to end it after {acted:.1f} s, and had ended it '
            f'after {ended:.1f} s',
        )
        self.assert_undisturbed(made.measured, made.observation)

    def _acted(self, name, made):
        """After how many seconds its time was over, by whom it should be."""
        seen = made.observation.timeout()
        if self.LATE[name].by_nova:
            self.assertIsNotNone(seen, 'Nova has logged no time-out')
            self.assertEqual(
                self._due[name], seen[0], 'Nova has another time-out'
            )
            return seen[1]
        self.assertIsNone(
            seen, 'It was Nova that ended the migration, not the policy'
        )
        aborted = self._policy.aborted(made.measured.server)
        self.assertIsNotNone(aborted, 'The policy has not aborted it')
        return aborted

    def _migrate_all(self):
        """Let all of them be late."""
        guests = self.boot_apart(self.LATE, on_volumes=('set_per_server',))
        self._configure(guests)
        self.load_memory_of(guests.values())

        def follow(running):
            live_migration.wait_until_all_ended(
                [migration for migration, _ in running.values()],
                120 + max(self._due.values()),
                self.LOOK_INTERVAL,
            )

        return self.make_all(guests, follow, self.live_migrate_all_in_vain)

    def _due_of(self, name, guest):
        late = self.LATE[name]
        if late.by_host:
            # The option is per GB, in whole seconds.
            return self.plan_of_timeout(guest, late.seconds).timeout
        return late.seconds

    def _configure(self, guests):
        by_policy = not all(self.LATE[name].by_nova for name in guests)
        type(self)._due = {
            name: self._due_of(name, guest) for name, guest in guests.items()
        }
        for name, guest in guests.items():
            late, options = self.LATE[name], self.slow_migrations()
            if late.by_host:
                options.update(
                    PerHost.options(self, guest, Case(timeout=late.seconds))
                )
                # The policy has a time-out for whoever says nothing.
                said = Case(timeout=0) if by_policy else Case()
            else:
                said = late.case
                if by_policy:
                    options['live_migration_completion_timeout'] = 0
            compute = self.compute_of(guest)
            self.plan_options(compute, **options)
            self.plan_concurrent(len(guests), compute)
            PerServer.say(self, guest, said)
        self.configure()
        if by_policy:
            type(self)._policy = self.useFixture(RunningPolicy())
