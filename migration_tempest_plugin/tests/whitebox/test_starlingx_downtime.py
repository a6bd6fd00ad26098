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
"""Cases 2.0 and 2.1 of StarlingX's plan (test_starlingx.py)."""

import time

from tempest.common import utils
from tempest.lib import decorators

from migration_tempest_plugin import config
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.measurement import nova_plan
from migration_tempest_plugin.starlingx import settings
from migration_tempest_plugin.tests.scenario import shared
from migration_tempest_plugin.tests.scenario import volumes
from migration_tempest_plugin.tests.whitebox import base
from migration_tempest_plugin.tests.whitebox.providers import Case
from migration_tempest_plugin.tests.whitebox.providers import PerHost
from migration_tempest_plugin.tests.whitebox.providers import PerServer
from migration_tempest_plugin.tests.whitebox.providers import PUNCTUAL
from migration_tempest_plugin.tests.whitebox import side_by_side
from migration_tempest_plugin.tests.whitebox import slow

CONF = config.CONF


@base.serial
class TestMaximumDowntime(
    shared.SharedGuestScenario,
    volumes.VolumeScenario,
    side_by_side.SideBySideScenario,
):
    """2.0 and 2.1: for how long a guest may be stopped at the end.

    That is a limit which QEMU holds against its own estimate; how long the
    guest is stopped in the end is another thing, and is reported beside it.
    """

    _data_gb = None  # what Nova counts as to be copied of each server

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

    @decorators.idempotent_id('2c7e5b1a-94d3-4f68-8a0b-d1e6f3c95a74')
    @decorators.attr(type=['slow', 'multinode'])
    @volumes.skip_without()
    @utils.services('compute', 'network', 'image', 'volume')
    def test_set_by_image_of_volume(self):
        """As test_set_per_server, with 100 ms in the image of its volume

        1. Make an image that says 100 ms, and of it, a volume.
        2. The volume says so, too (volume_image_metadata).
        3. Boot a server from the volume, and go on as there.
        """
        made = self.made(PerServer, 'image', self._migrate_one)
        self._judge(made, PerServer, 100)

    def _maximum(self, provider, case, limit):
        """One of two migrations with a limit; the other is made, too."""
        made = self.made(
            provider, limit, lambda: self._migrate_both(case, limit)
        )
        self._judge(made, provider, limit)

    def _judge(self, made, provider, limit):
        """The limit was in force, and Nova took its steps up to its own."""
        plan = self._plan(provider, limit)
        steps = made.observation.steps()
        self.assertEqual([], plan.complaints(steps))
        _, last = plan.downtimes[-1]
        self.assertEqual(last, steps[-1][0])
        from_outside = self._from_outside(provider)
        self._assert_held(
            made.observation,
            (limit if from_outside else last) / 1000,
            PUNCTUAL if from_outside else 0,
        )
        self.assert_told_by_libvirt(made.measured, made.observation)

    def _from_outside(self, provider):
        """Whether it is the policy that does it, and not Nova."""
        return (
            provider is PerServer
            and not CONF.migration_feature_enabled.starlingx_settings
        )

    def _plan(self, provider, limit):
        """The steps that Nova takes, whatever the policy makes of them."""
        return nova_plan.Plan(
            self._data_gb,
            steps=3,
            delay=3,
            downtime=500 if self._from_outside(provider) else limit,
            completion_timeout=0,
            starlingx=CONF.migration_feature_enabled.starlingx_nova,
        )

    def _migrate_both(self, case, limit):
        """A server for which nova.conf says it, and one that does itself.

        They are on two hosts, and change places. Their disks are volumes,
        where there are any: Nova copies the memory alone, in shorter steps.
        """
        both = (PerHost, PerServer)
        guests = self.boot_apart(both, on_volumes=both)
        by_host, by_server = guests.values()
        options = self._options()
        self.plan_options(
            self.compute_of(by_host),
            **{**PerHost.options(self, by_host, case), **options},
        )
        PerServer.apply(self, (by_server, case), **options)
        return self._migrate(guests, limit)

    def _migrate_one(self):
        """A server whose volume says it, by the image that it is made of."""
        image = self.create_image_like({settings.IMAGE_MAX_DOWNTIME: str(100)})
        volume = self.create_volume_from_image(image_id=image)
        self.assertEqual(
            '100',
            volume['volume_image_metadata'].get(settings.IMAGE_MAX_DOWNTIME),
            volume,
        )
        guest = self.boot_from(volume['id'])
        PerServer.apply(self, (guest, Case()), **self._options())
        return self._migrate({PerServer: guest}, 100)

    def _options(self):
        return {
            **self.slow_migrations(),
            **slow.QUICK_STEPS,
            'live_migration_completion_timeout': 0,
        }

    def _migrate(self, guests, limit):
        """Live migrate busy guests; let them rest after Nova's last step."""
        sources = [self.compute_of(guest) for guest in guests.values()]
        type(self)._data_gb = self.data_gb(next(iter(guests.values())))
        loads = self.load_memory_of(guests.values())

        def follow(running):
            for provider, (migration, seen) in running.items():
                self._await_last_step(
                    self._plan(provider, limit), seen, migration
                )
            for load, source, guest in zip(loads, sources, guests.values()):
                load.stop()
                # What measures in the guest writes to its memory, too.
                source.libvirt.set_bandwidth(guest.id, slow.FAST)
            side_by_side.complete(running)

        return self.make_all(guests, follow)

    def _await_last_step(self, plan, observation, migration):
        """Until Nova has logged it, and QEMU was looked at after that."""
        after, downtime = plan.downtimes[-1]
        self.wait_for(
            migration,
            lambda: (downtime, after) in observation.steps(),
            f"Nova's last step, {downtime} ms after {after} s,",
        )
        reached = time.monotonic() + 2 * PUNCTUAL
        self.wait_for(
            migration,
            lambda: observation.looks[-1].at > reached,
            'that step in QEMU',
        )

    def _assert_held(self, observation, limit, grace):
        """QEMU was never allowed more for longer than grace, and as much."""
        over = None
        for seen in observation.looks:
            if seen.what.maximum_downtime <= limit:
                over = None
                continue
            over = seen.at if over is None else over
            if seen.at - over > grace or not grace:
                allowed = seen.what.maximum_downtime
                raise exceptions.SettingNotInForce(
                    f'QEMU on {observation.source} may stop the guest for '
                    f'{allowed:g} s; the limit is {limit:g} s'
                )
        self.assertEqual(
            limit,
            observation.looks[-1].what.maximum_downtime,
            'The limit is not what QEMU has at the end',
        )
