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
"""StarlingX's settings where they conflict (test_starlingx.py).

With one another: the server's flavor, its metadata and its image say different
things. And with what libvirt can do: a tunnel that there can't be is refused.
"""

import contextlib
import dataclasses

from tempest.common import utils
from tempest.lib import decorators
import testtools

from migration_tempest_plugin.cloud import live_migration
from migration_tempest_plugin import config
from migration_tempest_plugin.starlingx import settings
from migration_tempest_plugin.tests.scenario import shared
from migration_tempest_plugin.tests.scenario import volumes
from migration_tempest_plugin.tests.whitebox import base
from migration_tempest_plugin.tests.whitebox import failing
from migration_tempest_plugin.tests.whitebox.providers import Case
from migration_tempest_plugin.tests.whitebox.providers import PerServer
from migration_tempest_plugin.tests.whitebox.providers import PUNCTUAL
from migration_tempest_plugin.tests.whitebox import side_by_side
from migration_tempest_plugin.tests.whitebox import slow

CONF = config.CONF


@dataclasses.dataclass(frozen=True)
class _Conflict:
    """What flavor, metadata and image of a server say, and what must hold.

    :ivar holds: what must, and where it comes from
    """

    flavor: Case
    metadata: Case
    image: dict[str, str]
    holds: settings.Settings


CONFLICTS = {
    'metadata switches off': _Conflict(
        Case(auto_converge=True, tunnel=True, max_downtime=300, timeout=60),
        Case(auto_converge=False, tunnel=False, max_downtime=150, timeout=40),
        {
            settings.IMAGE_MAX_DOWNTIME: '100',
            settings.IMAGE_TIMEOUT: '50',
            'hw_wrs_live_migration_auto_converge': 'True',
        },
        settings.Settings(
            auto_converge=False,
            tunnel=False,
            max_downtime=300,
            timeout=40,
            origins={
                'auto_converge': 'metadata',
                'tunnel': 'metadata',
                'max_downtime': 'flavor',
                'timeout': 'metadata',
            },
        ),
    ),
    'metadata switches on': _Conflict(
        Case(auto_converge=False, tunnel=False, timeout=60),
        Case(auto_converge=True, tunnel=True, max_downtime=150, timeout=0),
        {settings.IMAGE_MAX_DOWNTIME: '100', settings.IMAGE_TIMEOUT: '45'},
        settings.Settings(
            auto_converge=True,
            tunnel=True,
            max_downtime=150,
            timeout=45,
            origins={
                'auto_converge': 'metadata',
                'tunnel': 'metadata',
                'max_downtime': 'metadata',
                'timeout': 'image',
            },
        ),
    ),
}


class _HeedingScenario(volumes.VolumeScenario, slow.SlowScenario):
    """Base of the tests that need computes which heed a server's settings."""

    @classmethod
    def skip_checks(cls):
        super().skip_checks()
        features = CONF.migration_feature_enabled
        for name in ('starlingx_settings', 'tunnelled'):
            if not features[name]:
                raise cls.skipException(
                    'Computes do not switch auto-converge and tunnelling by '
                    f"a server's settings: [migration-feature-enabled] {name}"
                )


@base.serial
class TestPrecedence(_HeedingScenario, side_by_side.SideBySideScenario):
    """What holds where flavor, metadata and image say different things."""

    @decorators.idempotent_id('86980cbc-b48d-4a98-bc34-8d685c5f1a91')
    @decorators.attr(type=['slow', 'multinode'])
    @volumes.skip_without()
    @utils.services('compute', 'network', 'image', 'volume')
    def test_metadata_switches_off(self):
        """Auto-converge and tunnel of the flavor, but not of the server

        1. Boot a server of a flavor, from a volume of an image. All three say
           something of its live migrations, and so does its metadata.
        2. Let the guest write to its memory faster than it may be copied, and
           live migrate it.
        3. QEMU does not throttle its CPUs, and sends the memory itself: the
           metadata says so.
        4. The maximum downtime rises to that of the flavor.
        5. Nova ends the migration at the lowest time-out, the metadata's.
        6. The record of the migration names each setting, and its origin.
        """
        self._assert_holds('metadata switches off')

    @decorators.idempotent_id('ea7882a8-6f24-4d4b-8912-1168efb53b1a')
    @decorators.attr(type=['slow', 'multinode'])
    @volumes.skip_without()
    @utils.services('compute', 'network', 'image', 'volume')
    def test_metadata_switches_on(self):
        """As test_metadata_switches_off, but the other way round

        The flavor says nothing of the maximum downtime: that of the metadata
        goes before the image's. The lowest time-out is the image's; 0 of the
        metadata is none.
        """
        self._assert_holds('metadata switches on')

    def _assert_holds(self, name):
        made = self.made(name, 'all', self._migrate_all)
        looks, holds = made.observation.looks, CONFLICTS[name].holds
        self.assert_qemu(
            made.observation, 'auto-converge', holds.auto_converge
        )
        throttles = {seen.what.job.throttle or 0 for seen in looks}
        self.assertEqual(holds.auto_converge, max(throttles) > 0, throttles)
        self.assertEqual(holds.max_downtime, made.observation.steps()[-1][0])
        self.assertEqual(
            holds.max_downtime / 1000, looks[-1].what.maximum_downtime
        )
        late = made.observation.timeout()
        self.assertIsNotNone(late, 'Nova has logged no time-out')
        self.assertEqual(holds.timeout, late[0])
        self.assertLessEqual(abs(late[1] - holds.timeout), PUNCTUAL)
        self.assertEqual(
            {
                name: (getattr(holds, name), origin)
                for name, origin in holds.origins.items()
            },
            {
                each.name: (each.value, each.origin)
                for each in made.measured.settings
            },
        )
        self.assert_undisturbed(made.measured, made.observation)

    def _migrate_all(self):
        """All of them at the same time, from one host."""
        guests = {
            name: self._boot_as(conflict)
            for name, conflict in CONFLICTS.items()
        }
        self.bring_together(guests.values())
        source = self.compute_of(next(iter(guests.values())))
        self.plan_concurrent(len(guests), source)
        PerServer.apply(
            self,
            *(
                (guest, CONFLICTS[name].metadata)
                for name, guest in guests.items()
            ),
            **{**self.slow_migrations(), **slow.QUICK_STEPS},
        )
        self.load_memory_of(guests.values())

        def follow(running):
            live_migration.wait_until_all_ended(
                [migration for migration, _ in running.values()],
                CONF.migration.migration_timeout,
                self.LOOK_INTERVAL,
            )

        with self.assert_tunnelled(
            *(
                (guest, CONFLICTS[name].holds.tunnel)
                for name, guest in guests.items()
            )
        ):
            return self.make_all(guests, follow, self.live_migrate_all_in_vain)

    def _boot_as(self, conflict):
        """A guest whose flavor and image say what they are to say."""
        image = self.create_image_like(conflict.image)
        volume = self.create_volume_from_image(image_id=image)
        return self.boot_from(
            volume['id'], flavor=self.create_flavor(conflict.flavor.said())
        )


@base.serial
class TestTunnelRefused(
    shared.SharedGuestScenario, _HeedingScenario, failing.FailureScenario
):
    """A tunnel that there can't be is refused before anything is touched."""

    # The events say why (api-ref, "Servers - run an action": details).
    compute_min_microversion = '2.84'

    @decorators.idempotent_id('4892fbb4-f4b9-4562-8ea7-5240a04c67d3')
    @decorators.attr(type=['slow', 'multinode'])
    @testtools.skipUnless(
        CONF.compute_feature_enabled.block_migration_for_live_migration,
        'No disk is copied here: [compute-feature-enabled] '
        'block_migration_for_live_migration',
    )
    @utils.services('compute', 'network')
    def test_copied_disks(self):
        """libvirt tunnels no disks"""
        self._refused('its disks are copied')

    @decorators.idempotent_id('2f324e2a-990d-4f37-9235-5f3c19ffd779')
    @decorators.attr(type=['slow', 'multinode'])
    @utils.services('compute', 'network')
    def test_native_tls(self):
        """Nova permits no tunnel beside QEMU's own TLS"""
        self._refused_by('live_migration_with_native_tls')

    @decorators.idempotent_id('f79cfecd-ec87-4dd7-9812-6c8a0d278cfd')
    @decorators.attr(type=['slow', 'multinode'])
    @base.skip_without_post_copy()
    @utils.services('compute', 'network')
    def test_post_copy(self):
        """libvirt tunnels no post-copy"""
        self._refused_by('live_migration_permit_post_copy')

    def _refused_by(self, option):
        self._refused(option, {option: True})

    def _refused(self, why, options=None):
        self.fail_and_try_again(
            self._asked,
            prepare=lambda guest: self._prepare(guest, options),
            why=f'{settings.TUNNEL}.*{why}',
        )

    def _prepare(self, guest, options):
        self._guest = guest
        if options:
            self.configure(self.compute_of(guest), **options)

    @contextlib.contextmanager
    def _asked(self, host):
        """The server's metadata asks for a tunnel."""
        client = self.servers_client
        client.update_server_metadata(
            self._guest.id, {settings.TUNNEL: 'True'}
        )
        try:
            yield
        finally:
            client.delete_server_metadata_item(self._guest.id, settings.TUNNEL)
