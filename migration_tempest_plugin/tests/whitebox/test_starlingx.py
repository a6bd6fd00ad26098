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
the server itself. Here are case 1.0 and tunnelling; 2.0 and 2.1 are in
test_starlingx_downtime.py, 3.2 is in test_starlingx_timeout.py; 3.0 and 3.1,
which migrate nothing, are in tests/api.
"""

from tempest.common import utils
from tempest.lib import decorators
import testtools

from migration_tempest_plugin import config
from migration_tempest_plugin.tests.scenario import base as scenario_base
from migration_tempest_plugin.tests.scenario import shared
from migration_tempest_plugin.tests.scenario import volumes
from migration_tempest_plugin.tests.whitebox import base
from migration_tempest_plugin.tests.whitebox.providers import Case
from migration_tempest_plugin.tests.whitebox.providers import PerHost
from migration_tempest_plugin.tests.whitebox.providers import PerServer
from migration_tempest_plugin.tests.whitebox import reconfiguring
from migration_tempest_plugin.tests.whitebox import side_by_side

CONF = config.CONF

#: After how many passes over the memory QEMU throttles at the latest
#: (migration/ram.c, mig_throttle_counter_reset).
PASSES = 3
#: In percent; QEMU takes no less.
LEAST_THROTTLE = 1


def _skip_without_starlingx():
    """A decorator for what only StarlingX's computes take from a server."""
    return testtools.skipUnless(
        CONF.migration_feature_enabled.starlingx_settings,
        'A stock Nova switches auto-converge and tunnelling on by nova.conf '
        "alone, for all servers of a host; StarlingX's does for a server, "
        'and so does nova-virt-starlingx: [migration-feature-enabled] '
        'starlingx_settings',
    )


def _skip_without_tunnelling():
    """A decorator for tests that switch tunnelling on."""
    return testtools.skipUnless(
        CONF.migration_feature_enabled.tunnelled,
        "Migrations can't be tunnelled here: "
        '[migration-feature-enabled] tunnelled',
    )


@base.serial
class TestAutoConverge(side_by_side.SideBySideScenario):
    """1.0: a guest is slowed down until its memory can be copied."""

    _cpus_used = None  # of the guest that is slowed down, before and after

    @decorators.idempotent_id('78600582-82db-4b3c-99ac-cfadd6302ad3')
    @decorators.attr(type=['slow', 'multinode'])
    @utils.services('compute', 'network')
    def test_on_per_host(self):
        """With auto-converge, the migration of a busy guest completes

        1. Boot a server, from a volume where there are any. On its host,
           switch auto-converge on, and hold migrations to a low bandwidth.
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
        """As test_on_per_host, with auto-converge in the server's metadata

        On its host, auto-converge is off. The server of test_off_per_server
        is migrated from there at the same time.
        """
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
    @utils.services('compute', 'network')
    def test_off_per_server(self):
        """As test_off_per_host, with auto-converge in the server's metadata

        Where the policy does it, auto-converge is on on the server's host;
        QEMU throttles by no more than 1 %, and has its own values again
        afterwards.
        """
        if CONF.migration_feature_enabled.starlingx_settings:
            self._off(PerServer)
        else:
            self._off_by_policy()

    def _on(self, provider):
        made = self.made('on', provider, lambda: self._migrate_both(provider))
        looks = made.observation.looks
        self.assert_arrived(made.measured)
        throttles = [
            seen.what.job.throttle for seen in looks if seen.what.job.throttle
        ]
        self.assertGreater(
            len(set(throttles)),
            1,
            f'The throttle does not rise: {throttles}',
        )
        self.assertEqual(sorted(throttles), throttles)
        before, after = self._cpus_used
        self.assertLess(
            min(_cpu_uses(looks)), before / 2, 'The guest is not slowed down'
        )
        self.assertGreater(after, before / 2, 'The guest stays slow')

    def _off(self, provider):
        made = self.made('off', provider, lambda: self._migrate_both(provider))
        self.assert_qemu(made.observation, 'auto-converge', False)
        self.assertEqual(
            [],
            [
                seen
                for seen in made.observation.looks
                if seen.what.job.throttle
            ],
        )
        self.assertIsNotNone(
            made.observation.timeout(),
            'It is not the time-out that has ended the migration',
        )
        self.assert_undisturbed(made.measured, made.observation)

    def _off_by_policy(self):
        guest, case = self.boot_guest(), Case(auto_converge=False, timeout=40)
        source = self.compute_of(guest)
        PerServer.apply(
            self,
            (guest, case),
            **self.slow_migrations(),
            live_migration_permit_auto_converge=True,
            live_migration_completion_timeout=0,
        )
        before = source.libvirt.auto_converge(guest.id)
        self.load_memory(guest)
        observation = self.observe(guest)

        def follow(migration):
            self.await_slow_copy(migration, observation)
            migration.wait_until_ended(CONF.migration.migration_timeout)

        measured = self.live_migrate_in_vain(guest, follow)
        self.assert_qemu(observation, 'auto-converge', True)
        throttles = [seen.what.job.throttle or 0 for seen in observation.looks]
        self.assertLessEqual(max(throttles), LEAST_THROTTLE)
        self.assertGreater(
            observation.looks[-1].what.job.fields['memory_iteration'],
            PASSES,
            'QEMU had no reason to throttle',
        )
        self.assert_undisturbed(measured, observation)
        after = source.libvirt.auto_converge(guest.id)
        self.assertEqual(str(before), str(after))

    def _migrate_both(self, provider):
        """One with auto-converge, and one without.

        Where nova.conf says it, they are on two hosts, and change places.
        """
        boot = self.boot_apart if provider is PerHost else self.boot_together
        guests = boot(('on', 'off'), on_volumes=('on', 'off'))
        on, off = guests.values()
        if provider is PerServer:
            self.plan_concurrent(len(guests), self.compute_of(on))
        provider.apply(
            self,
            (on, Case(auto_converge=True)),
            (off, Case(auto_converge=False, timeout=40)),
            **self.slow_migrations(),
        )
        # Its processors are what auto-converge is about.
        self.load_processors(on)
        load = self.load_memory(off)
        before = self.cpu_use(on)

        def follow(running):
            self.assert_qemu(running['on'][1], 'auto-converge', True)
            # That one takes longer.
            for name in ('off', 'on'):
                running[name][0].wait_until_ended(
                    CONF.migration.migration_timeout
                )

        made = self.make_all(guests, follow, self.live_migrate_unharmed)
        # Both may have come to share the processors of one host.
        load.stop()
        type(self)._cpus_used = before, self.cpu_use(on)
        self.assert_stayed(off, made['off'].measured)
        return made


@base.serial
class TestTunnelling(
    shared.SharedGuestScenario,
    volumes.VolumeScenario,
    reconfiguring.ReconfiguringScenario,
):
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
        """Two servers of one host, and one is tunnelled, by its metadata

        1. Boot two servers on one host; nova.conf says nothing of tunnelling,
           the metadata of one does.
        2. Live migrate both at the same time, and look at the sockets of
           their host.
        3. libvirt has sent the memory of the one, and QEMU has no connection
           for it; QEMU has sent that of the other.
        """
        guests = self.boot_uncopied_guests(2)
        self.bring_together(guests)
        tunnelled, other = guests
        self.plan_concurrent(2, self.compute_of(tunnelled))
        PerServer.apply(
            self,
            (tunnelled, Case(tunnel=True)),
            (other, Case()),
            live_migration_bandwidth=64,
        )
        with self.assert_tunnelled((tunnelled, True), (other, False)):
            self.live_migrate_all_measured(
                [(guest, None) for guest in guests], scenario_base.complete_all
            )

    def _tunnel(self, provider, tunnel):
        guest = self.boot_uncopied()
        provider.apply(
            self, (guest, Case(tunnel=tunnel)), live_migration_bandwidth=64
        )
        with self.assert_tunnelled((guest, tunnel)):
            self.live_migrate_measured(guest)


def _cpu_uses(looks):
    """How many CPUs the guest used from each look to the next."""
    return [
        (after.what.vcpu_time - before.what.vcpu_time) / (after.at - before.at)
        for before, after in zip(looks, looks[1:])
    ]
