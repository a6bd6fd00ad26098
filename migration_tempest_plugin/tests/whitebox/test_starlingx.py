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
"""StarlingX's test plan "Live Migration Auto Converge and Tunneling".

Each case is there twice: said in nova.conf of the server's host, and said by
the server itself. Cases 3.0 and 3.1, which migrate nothing, are in tests/api.
"""

import contextlib
import dataclasses
import time

from tempest.common import utils
from tempest.lib import decorators
import testtools

from migration_tempest_plugin import config
from migration_tempest_plugin import exceptions
from migration_tempest_plugin import measurement
from migration_tempest_plugin.measurement import nova_plan
from migration_tempest_plugin.starlingx import settings
from migration_tempest_plugin.tests.scenario import live_migration
from migration_tempest_plugin.tests.whitebox import base
from migration_tempest_plugin.tests.whitebox.providers import Case
from migration_tempest_plugin.tests.whitebox.providers import PerHost
from migration_tempest_plugin.tests.whitebox.providers import PerServer
from migration_tempest_plugin.tests.whitebox.providers import RunningPolicy

CONF = config.CONF

#: Within how many seconds of its time something has to happen: Nova and the
#: policy look twice a second, and libvirt takes its time, too.
PUNCTUAL = 3


def _skip_without_starlingx():
    """A decorator for what only StarlingX's computes take from a server."""
    return testtools.skipUnless(
        CONF.migration_feature_enabled.starlingx_settings,
        'A stock Nova takes auto-converge and tunnelling from nova.conf '
        'alone, for all servers of a host; StarlingX\'s takes them from a '
        'server: [migration-feature-enabled] starlingx_settings')


def _skip_without_tunnelling():
    """A decorator for tests that switch tunnelling on."""
    return testtools.skipUnless(
        CONF.migration_feature_enabled.tunnelled,
        'Migrations can\'t be tunnelled here (disks are copied, say): '
        '[migration-feature-enabled] tunnelled')


@base.serial
class TestAutoConverge(base.ReconfiguringScenario):
    """1.0: a guest is slowed down until its memory can be copied."""

    @decorators.idempotent_id('78600582-82db-4b3c-99ac-cfadd6302ad3')
    @decorators.attr(type=['slow', 'multinode'])
    @utils.services('compute', 'network')
    def test_on_per_host(self):
        """With auto-converge, the migration of a busy guest completes

        1. Boot a server. On its host, switch auto-converge on, and hold
           migrations to a low bandwidth.
        2. Let the guest write to its memory faster than that.
        3. Live migrate it, and look at the migration in libvirt and QEMU.
        4. QEMU throttles its CPUs, more and more; they do less, and the
           migration completes.
        5. On the destination its CPUs do as much as before.
        """
        self._on(PerHost)

    @decorators.idempotent_id('594f40bb-e8d0-44ce-b849-35d701c451ab')
    @decorators.attr(type=['slow', 'multinode'])
    @_skip_without_starlingx()
    @utils.services('compute', 'network')
    def test_on_per_server(self):
        """As test_on_per_host, with auto-converge in the server's metadata"""
        self._on(PerServer)

    @decorators.idempotent_id('d1b526cb-c1a0-4c04-b1ef-f4bb52285b22')
    @decorators.attr(type=['slow', 'multinode'])
    @utils.services('compute', 'network')
    def test_off_per_host(self):
        """Without auto-converge, the migration of a busy guest times out

        1. Boot a server. On its host, switch auto-converge off, set a
           time-out, and hold migrations to a low bandwidth.
        2. Let the guest write to its memory faster than that.
        3. Live migrate it, and look at the migration in libvirt and QEMU.
        4. QEMU never throttles its CPUs. Nova ends the migration at the
           time-out.
        5. The server is on its source, was never stopped, and is well.
        """
        self._off(PerHost)

    @decorators.idempotent_id('a18857f7-a131-4913-841c-83b5c64a4fb9')
    @decorators.attr(type=['slow', 'multinode'])
    @_skip_without_starlingx()
    @utils.services('compute', 'network')
    def test_off_per_server(self):
        """As test_off_per_host, with auto-converge in the server's metadata"""
        self._off(PerServer)

    def _on(self, provider):
        guest = self.boot_guest()
        provider.apply(self, guest, Case(auto_converge=True),
                       **self.slow_migrations())
        self.load_memory(guest)
        before = self.cpu_use(guest)
        observation = self.observe(guest)

        def follow(migration):
            self.await_slow_copy(migration, observation)
            self.assert_qemu(observation, 'auto-converge', True)
            migration.wait_until_completed(CONF.migration.migration_timeout)

        self.live_migrate_measured(guest, follow=follow)
        throttles = [seen.what.job.throttle for seen in observation.looks
                     if seen.what.job.throttle]
        self.assertGreater(len(set(throttles)), 1,
                           'The throttle does not rise: %s' % throttles)
        self.assertEqual(sorted(throttles), throttles)
        least = min(_cpu_uses(observation.looks))
        after = self.cpu_use(guest)
        self.assertLess(least, before / 2, 'The guest is not slowed down')
        self.assertGreater(after, before / 2, 'The guest stays slow')

    def _off(self, provider):
        guest = self.boot_guest()
        provider.apply(self, guest, Case(auto_converge=False, timeout=40),
                       **self.slow_migrations())
        self.load_memory(guest)
        observation = self.observe(guest)

        def follow(migration):
            self.await_slow_copy(migration, observation)
            migration.wait_until_ended(CONF.migration.migration_timeout)

        measured = self.live_migrate_in_vain(guest, follow)
        self.assert_qemu(observation, 'auto-converge', False)
        self.assertEqual([], [seen for seen in observation.looks
                              if seen.what.job.throttle])
        self.assertIsNotNone(observation.timeout(), 'It is not the time-out '
                             'that has ended the migration')
        self.assert_undisturbed(measured, observation.stopped())


@base.serial
class TestMaximumDowntime(base.ReconfiguringScenario):
    """2.0 and 2.1: for how long a guest may be stopped at the end.

    That is a limit which QEMU holds against its own estimate; how long the
    guest is stopped in the end is another thing, and is reported beside it.
    """

    @decorators.idempotent_id('92d88c1e-9ae1-478b-b59f-dd5c28d49d05')
    @decorators.attr(type=['slow', 'multinode'])
    @utils.services('compute', 'network')
    def test_default_per_host(self):
        """The maximum downtime is 500 ms if nothing else is said

        1. Boot a server. On its host, have the default maximum downtime,
           reached in few steps, and hold migrations to a low bandwidth.
        2. Let the guest write to its memory faster than that.
        3. Live migrate it. When Nova has logged its last step, let the guest
           rest, and the migration go faster; it completes.
        4. Each step is one of Nova's plan, and the last is 500 ms.
        5. QEMU itself was never allowed more, and had 500 ms at the end.
        """
        self._maximum(PerHost, Case(), 500)

    @decorators.idempotent_id('39c31f50-64b4-4480-82a8-254d3d04b23d')
    @decorators.attr(type=['slow', 'multinode'])
    @utils.services('compute', 'network')
    def test_set_per_host(self):
        """As test_default_per_host, with 100 ms, the least there may be"""
        self._maximum(PerHost, Case(max_downtime=100), 100)

    @decorators.idempotent_id('71786d73-b430-4c80-9b86-3b83ac26bedb')
    @decorators.attr(type=['slow', 'multinode'])
    @utils.services('compute', 'network')
    def test_default_per_server(self):
        """As test_default_per_host, on a server that says nothing"""
        self._maximum(PerServer, Case(), 500)

    @decorators.idempotent_id('879b4efa-3d3c-4443-a8d2-5527f255c916')
    @decorators.attr(type=['slow', 'multinode'])
    @utils.services('compute', 'network')
    def test_set_per_server(self):
        """As test_default_per_host, with 100 ms in the server's metadata

        Where the policy does it, Nova's own steps go on to 500 ms; each time
        QEMU has no more than 100 ms again soon.
        """
        self._maximum(PerServer, Case(max_downtime=100), 100)

    def _maximum(self, provider, case, limit):
        guest = self.boot_guest()
        provider.apply(self, guest, case, **{
            **self.slow_migrations(), **base.QUICK_STEPS,
            'live_migration_completion_timeout': 0})
        from_outside = provider is PerServer and \
            not CONF.migration_feature_enabled.starlingx_settings
        plan = nova_plan.Plan(
            self.data_gb(guest), downtime=500 if from_outside else limit,
            steps=3, delay=3)
        source = self.compute_of(guest)
        load = self.load_memory(guest)
        observation = self.observe(guest)

        def follow(migration):
            self.await_slow_copy(migration, observation)
            self._await_last_step(plan, observation, migration)
            load.stop()
            # What measures in the guest writes to its memory, too.
            source.libvirt.set_bandwidth(guest.id, base.FAST)
            migration.wait_until_completed(CONF.migration.migration_timeout)

        measured = self.live_migrate_measured(guest, follow=follow)
        steps = observation.steps()
        self.assertEqual([], plan.complaints(steps))
        self.assertEqual(plan.downtime, steps[-1][0])
        self._assert_held(observation, limit / 1000,
                          PUNCTUAL if from_outside else 0)
        self.assertIsNotNone(measured.libvirt_downtime, measured.text())

    def _await_last_step(self, plan, observation, migration):
        """Until Nova has logged it, and QEMU was looked at after that."""
        after, downtime = plan.downtimes[-1]
        self.wait_for(
            migration, lambda: (downtime, after) in observation.steps(),
            'Nova\'s last step, %d ms after %d s,' % (downtime, after))
        reached = time.monotonic() + 2 * PUNCTUAL
        self.wait_for(
            migration, lambda: observation.looks[-1].at > reached,
            'that step in QEMU')

    def _assert_held(self, observation, limit, grace):
        """QEMU was never allowed more for longer than grace, and as much."""
        over = None
        for seen in observation.looks:
            if seen.what.maximum_downtime <= limit:
                over = None
                continue
            over = seen.at if over is None else over
            if seen.at - over > grace or not grace:
                raise exceptions.SettingNotInForce(
                    'QEMU on %s may stop the guest for %g s; the limit is '
                    '%g s' % (observation.source,
                              seen.what.maximum_downtime, limit))
        self.assertEqual(
            limit, observation.looks[-1].what.maximum_downtime,
            'The limit is not what QEMU has at the end')


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
    def by_nova(self):
        """Whether nova-compute ends it, and not the policy."""
        return self.provider is PerHost or \
            CONF.migration_feature_enabled.starlingx_settings


@dataclasses.dataclass(frozen=True)
class _Ended:
    """What became of one: how it was seen (see Observation)."""

    measured: measurement.MeasuredMigration
    timeout: tuple | None
    after: float | None
    stopped: list


@base.serial
class TestTimeout(base.ReconfiguringScenario):
    """3.2: after how long a migration is ended that does not complete.

    Those whose time is long are made side by side, in whichever of their
    tests comes first, since waiting is all that they do. Each test judges its
    own.
    """

    LATE = {
        'default_per_host': _Late(
            PerHost, Case(timeout=settings.Defaults.timeout),
            settings.Defaults.timeout),
        'default_per_server': _Late(PerServer, Case(),
                                    settings.Defaults.timeout),
        'set_per_server': _Late(PerServer, Case(timeout=120), 120),
    }

    _all_ended = None    # the _Ended of each, by its name
    _failure = None      # why there are none
    _unkept = None       # what was measured while they are made

    @decorators.idempotent_id('be6082de-7f8a-4cba-a433-8d5064696090')
    @decorators.attr(type=['slow', 'multinode'])
    @utils.services('compute', 'network')
    def test_default_per_host(self):
        """A migration is ended after 180 s, the default of StarlingX

        1. Boot a server. On its host, set the time-out, and hold migrations
           to a low bandwidth.
        2. Let the guest write to its memory faster than that.
        3. Live migrate it, measured.
        4. The migration is ended when its time is over, within 3 s; Nova
           logs it.
        5. The server is on its source, was never stopped, and is well.
        """
        self._assert_ended('default_per_host')

    @decorators.idempotent_id('8fcb4c53-899d-4d75-b36a-5ff899f44598')
    @decorators.attr(type=['slow', 'multinode'])
    @utils.services('compute', 'network')
    def test_default_per_server(self):
        """As test_default_per_host, on a server that says nothing"""
        self._assert_ended('default_per_server')

    @decorators.idempotent_id('cb15648c-1ac0-4f4c-ada1-6be59c9ac147')
    @decorators.attr(type=['slow', 'multinode'])
    @utils.services('compute', 'network')
    def test_set_per_server(self):
        """As test_default_per_host, with 120 s in the metadata alone"""
        self._assert_ended('set_per_server')

    @decorators.idempotent_id('26937298-c7ef-45d4-a915-12f98e5a8c1a')
    @decorators.attr(type=['slow', 'multinode'])
    @testtools.skipUnless(
        CONF.migration_feature_enabled.reload,
        'nova-compute does not read its options again: '
        '[migration-feature-enabled] reload')
    @utils.services('compute', 'network')
    def test_changed_while_running(self):
        """A time-out that is set while a migration goes on holds for it

        1. Boot a server. On its host, set no time-out, and hold migrations to
           a low bandwidth.
        2. Let the guest write to its memory faster than that.
        3. Live migrate it, measured. While memory is copied, set a time-out
           of 20 s in nova.conf, and tell nova-compute (SIGHUP).
        4. Nova ends the migration, at that time or as soon as it is told.
        5. The server is on its source, was never stopped, and is well.
        """
        seconds = 20
        guest = self.boot_guest()
        compute = self.compute_of(guest)
        PerHost.apply(self, guest, Case(timeout=0), **self.slow_migrations())
        self.load_memory(guest)
        observation = self.observe(guest)

        def follow(migration):
            self.await_slow_copy(migration, observation)
            self.reconfigure(compute, live_migration_completion_timeout=round(
                seconds / self.data_gb(guest)))
            migration.wait_until_ended(CONF.migration.migration_timeout)

        measured = self.live_migrate_in_vain(guest, follow)
        late = observation.timeout()
        self.assertIsNotNone(late, 'Nova has logged no time-out')
        self.assertEqual(seconds, late[0], 'Nova has another time-out')
        self.assertGreaterEqual(late[1], seconds - 1)
        self.assert_undisturbed(measured, observation.stopped())

    def _assert_ended(self, name):
        """A migration was ended when its time was over, by whom it should."""
        late, ended = self.LATE[name], self._ended()[name]
        self.keep(ended.measured)
        if late.by_nova:
            self.assertIsNotNone(ended.timeout, 'Nova has logged no time-out')
            self.assertEqual(late.seconds, ended.timeout[0],
                             'Nova has another time-out')
        else:
            self.assertIsNone(ended.timeout, 'It was Nova that ended the '
                              'migration, not the policy')
        self.assertIsNotNone(ended.after, 'The migration was not ended')
        self.assertLessEqual(
            abs(ended.after - late.seconds), PUNCTUAL,
            'The migration was ended after %.1f s, not after %d s' % (
                ended.after, late.seconds))
        self.assert_undisturbed(ended.measured, ended.stopped)

    def _ended(self):
        """What became of all of them, which are made if they are not yet."""
        cls = type(self)
        if cls._failure:
            self.fail('The migrations of all of these tests were made in '
                      'another one, which failed: %s' % cls._failure)
        if cls._all_ended is None:
            with self._kept_on_failure():
                cls._all_ended = self._migrate_all()
        return cls._all_ended

    @contextlib.contextmanager
    def _kept_on_failure(self):
        """What is measured is kept by the tests that judge it, each its own.

        Here, only if there is nothing to judge.
        """
        self._unkept = []
        try:
            yield
        except Exception as error:
            type(self)._failure = error
            for measured in self._unkept:
                super().keep(measured)
            raise
        finally:
            self._unkept = None

    def keep(self, measured):
        if self._unkept is None:
            super().keep(measured)
        else:
            self._unkept.append(measured)

    def _migrate_all(self):
        """Let all of them be late, at the same time.

        Those of one host have the same nova.conf: who says it there leaves
        one host, and who says it in a server's metadata the other.
        """
        guests = dict(zip(self.LATE, self.boot_guests(len(self.LATE))))
        self._place(guests)
        self._configure(guests)
        self.load_memory_of(guests.values())
        observations = {name: self.observe(guest)
                        for name, guest in guests.items()}

        def follow(migrations):
            for migration, observation in zip(migrations,
                                              observations.values()):
                self.await_slow_copy(migration, observation)
            live_migration.wait_until_all_ended(
                migrations, 120 + max(
                    late.seconds for late in self.LATE.values()),
                CONF.migration.progress_interval)

        measured = self.live_migrate_all_in_vain(
            [(guest, None) for guest in guests.values()], follow)
        return {name: _Ended(each, seen.timeout(), seen.ended_early(),
                             seen.stopped())
                for (name, seen), each in zip(observations.items(), measured)}

    def _of(self, guests, provider):
        """The guests whose time that provider says, by name."""
        return {name: guest for name, guest in guests.items()
                if self.LATE[name].provider is provider}

    def _place(self, guests):
        [by_host] = self._of(guests, PerHost).values()
        self.bring_to(self.another_host(by_host),
                      self._of(guests, PerServer).values())

    def _configure(self, guests):
        for name, guest in self._of(guests, PerHost).items():
            self.configure(self.compute_of(guest), **{
                **PerHost.options(self, guest, self.LATE[name].case),
                **self.slow_migrations()})
        by_policy = not CONF.migration_feature_enabled.starlingx_settings
        servers = self._of(guests, PerServer)
        options = self.slow_migrations()
        if by_policy:
            options['live_migration_completion_timeout'] = 0
        self.configure(
            *{self.compute_of(guest) for guest in servers.values()},
            sections={'DEFAULT': {
                'max_concurrent_live_migrations': len(servers)}}, **options)
        for name, guest in servers.items():
            PerServer.say(self, guest, self.LATE[name].case)
        if by_policy:
            # It has a time-out for whoever says nothing.
            for guest in self._of(guests, PerHost).values():
                PerServer.say(self, guest, Case(timeout=0))
            self.useFixture(RunningPolicy())


@base.serial
class TestForceCompleteAtTimeout(base.ReconfiguringScenario):
    """3.2: a migration that does not complete in time is brought to its end.

    Nova does that with timeout_action = force_complete; StarlingX's settings
    of a server have no such word.
    """

    @decorators.idempotent_id('4a404875-67c1-4be1-a52d-eea70e20f4a2')
    @decorators.attr(type=['slow', 'multinode'])
    @base.skip_without_post_copy()
    @utils.services('compute', 'network')
    def test_post_copy(self):
        """At the time-out, the guest goes on at the destination

        1. Boot a server. On its host, permit post-copy, and auto-converge,
           too; set a time-out that completes by force; hold migrations to a
           low bandwidth.
        2. nova-compute says that auto-converge will not be in use.
        3. Let the guest write to its memory faster than that.
        4. Live migrate it, measured: Nova switches to post-copy, and it
           completes. QEMU did not have auto-converge.
        """
        guest = self.boot_guest()
        compute = self.compute_of(guest)
        mark = compute.log.mark()
        self._configure(guest, post_copy=True)
        self.assertTrue(
            [line for line in compute.log.since(mark)
             if 'auto-converge will not be in use' in line.message],
            'nova-compute does not say that post-copy takes the place of '
            'auto-converge')
        self.load_memory(guest)
        measured, observation = self._migrate(guest)
        self.assert_post_copy(measured, observation)
        self.assert_qemu(observation, 'auto-converge', False)

    @decorators.idempotent_id('5f957d9d-df89-4c5c-9190-1808736fe315')
    @decorators.attr(type=['slow', 'multinode'])
    @utils.services('compute', 'network')
    def test_pause(self):
        """At the time-out, the guest is stopped until all is copied

        1. Boot a server. On its host, set a time-out that completes by force,
           without post-copy; hold migrations to a low bandwidth.
        2. Let the guest write to its memory faster than that.
        3. Live migrate it, measured: Nova stops the guest, and the migration
           completes. libvirt and the guest's own clock say for how long.
        """
        guest = self.boot_guest()
        self._configure(guest, post_copy=False)
        self.load_memory(guest)
        measured, observation = self._migrate(guest)
        self.assert_paused(measured, observation)

    def _migrate(self, guest):
        observation = self.observe(guest)

        def follow(migration):
            self.await_slow_copy(migration, observation)
            migration.wait_until_completed(CONF.migration.migration_timeout)

        measured = self.live_migrate_measured(guest, follow=follow)
        self.assertIsNotNone(observation.timeout(),
                             'Nova has logged no time-out')
        return measured, observation

    def _configure(self, guest, post_copy):
        PerHost.apply(self, guest, Case(auto_converge=post_copy, timeout=20),
                      **{**self.slow_migrations(),
                         'live_migration_permit_post_copy': post_copy,
                         'live_migration_timeout_action': 'force_complete'})


@base.serial
class TestTunnelling(base.ReconfiguringScenario):
    """Whether a migration goes through libvirt's connection, or QEMU's own."""

    @decorators.idempotent_id('3bfb5a9e-e124-44a0-9ca2-6fbb531789db')
    @decorators.attr(type=['slow', 'multinode'])
    @utils.services('compute', 'network')
    def test_off_per_host(self):
        """Without tunnelling, QEMU sends the memory itself

        1. Boot a server; on its host, switch tunnelling off.
        2. Live migrate it, and look at the sockets of its host.
        3. QEMU has sent most of the bytes, over a connection of its own.
        """
        self._tunnel(PerHost, False)

    @decorators.idempotent_id('1bdbe65c-1d5f-4129-a6f2-857830a36b37')
    @decorators.attr(type=['slow', 'multinode'])
    @_skip_without_tunnelling()
    @utils.services('compute', 'network')
    def test_on_per_host(self):
        """With tunnelling, libvirt sends the memory

        1. Boot a server; on its host, switch tunnelling on.
        2. Live migrate it, and look at the sockets of its host.
        3. libvirt has sent most of the bytes; QEMU has no connection.
        """
        self._tunnel(PerHost, True)

    @decorators.idempotent_id('d77c3932-4197-4e20-aab9-081b9a24fac6')
    @decorators.attr(type=['slow', 'multinode'])
    @_skip_without_tunnelling()
    @_skip_without_starlingx()
    @utils.services('compute', 'network')
    def test_on_per_server(self):
        """As test_on_per_host, with tunnelling in the server's metadata"""
        self._tunnel(PerServer, True)

    def _tunnel(self, provider, tunnel):
        guest = self.boot_guest()
        source = self.compute_of(guest)
        provider.apply(self, guest, Case(tunnel=tunnel),
                       live_migration_bandwidth=64)
        with self.assert_tunnelled(source, tunnel):
            self.live_migrate_measured(guest)


def _cpu_uses(looks):
    """How many CPUs the guest used from each look to the next."""
    return [(after.what.vcpu_time - before.what.vcpu_time) /
            (after.at - before.at)
            for before, after in zip(looks, looks[1:])]
