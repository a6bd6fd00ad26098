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
"""What tests that look behind Nova's API are made of."""

import contextlib

from oslo_log import log
import testtools

from migration_tempest_plugin import config
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.hosts import inventory
from migration_tempest_plugin.hosts import sockets
from migration_tempest_plugin.hosts import watch
from migration_tempest_plugin.tests import flavor
from migration_tempest_plugin.tests.scenario import base
from migration_tempest_plugin.tests.whitebox import observation

CONF = config.CONF
LOG = log.getLogger(__name__)

#: Makes Tempest run a class while no other runs (tests/scenario/base.py).
serial = base.serial


def skip_without_post_copy():
    """A decorator for tests that complete a migration by post-copy."""
    return testtools.skipUnless(
        CONF.migration_feature_enabled.post_copy,
        'No post-copy: [migration-feature-enabled] post_copy',
    )


class WhiteboxScenario(base.LiveMigrationScenario):
    """Base of the tests that look behind Nova's API."""

    #: Seconds from one look at a migration, at its source, to the next.
    LOOK_INTERVAL = observation.INTERVAL

    @classmethod
    def skip_checks(cls):
        super().skip_checks()
        hosts = CONF.migration_hosts
        if not hosts.computes and not hosts.hosts_file:
            raise cls.skipException(
                'Nobody can look behind the API: [migration-hosts] computes '
                '(or hosts_file) says how the compute hosts are reached'
            )

    def setUp(self):
        super().setUp()
        self._observed = {}  # the last Observation of each guest, by its id

    def compute_of(self, guest):
        """The Compute that a guest is on."""
        name = self.get_host_for_server(guest.id)
        self.assertIn(
            name,
            self.computes,
            'The server is on a host that '
            '[migration-hosts] computes does not name',
        )
        return self.computes[name]

    def create_flavor(self, extra_specs):
        """A flavor like that of the tests, with extra specs; its id."""
        admin = self.os_admin.flavors_client
        created = self.useFixture(flavor.Flavor(admin))
        admin.set_flavor_extra_spec(created.id, **extra_specs)
        return created.id

    def observe(self, guest):
        """Look at the guest's hosts until the test ends: an Observation."""
        server = self.os_admin.servers_client.show_server(guest.id)['server']
        observed = self._observed[guest.id] = self.useFixture(
            observation.Observation(
                self.computes,
                guest.id,
                server['OS-EXT-SRV-ATTR:instance_name'],
                server['OS-EXT-SRV-ATTR:host'],
                self.LOOK_INTERVAL,
            )
        )
        return observed

    def figures_of(self, guest, since):
        observed = self._observed.get(guest.id)
        return observed.figures(since) if observed else ()

    def assert_told_by_libvirt(self, measured, observation):
        """libvirt says for how long the guest was stopped.

        That is the destination, or, where its clock is behind the source's,
        at least the source.
        """
        if measured.libvirt_downtime is None:
            LOG.warning(
                'libvirt on %s does not say for how long the guest '
                'was stopped: is its clock behind?',
                measured.destination,
            )
            self.assertTrue(
                observation.told_downtime(),
                'libvirt reports nothing of the '
                f'migration, neither at the source\n{measured.text()}',
            )

    # --- what is asserted ----------------------------------------------------

    @contextlib.contextmanager
    def assert_tunnelled(self, *pairs):
        """libvirt sends the memory of guests, or QEMU itself does.

        :param pairs: guests that are on one host, and are migrated meanwhile;
            each with whether its migration is tunnelled
        """
        source = self.compute_of(pairs[0][0])
        pids = {
            guest.id: sockets.qemu_pids(source.host, guest.id)
            for guest, _ in pairs
        }
        peers = frozenset().union(
            *(
                sockets.addresses(compute.host)
                for compute in self.computes.values()
                if compute is not source
            )
        )
        before = sockets.sent(source.host)
        asking = inventory.Compute(source.description)
        with watch.Watch(
            lambda: sockets.sent(asking.host), asking.close, interval=0.2
        ) as looking:
            yield
        found = sockets.grown(
            [before, *(seen.what for seen in looking.seen)], peers
        )
        by_libvirt = sum(
            size
            for (name, _), size in found.items()
            if name.startswith(('libvirtd', 'virtqemud'))
        )
        by_qemu = {
            server: sum(
                size for (_, pid), size in found.items() if pid in pids[server]
            )
            for server in pids
        }
        self._assert_sent(pairs, by_libvirt, by_qemu)

    def _assert_sent(self, pairs, by_libvirt, by_qemu):
        """Whoever has to send the memory has, and nobody else.

        :param by_qemu: bytes by the server
        """
        said = f'libvirt has sent {by_libvirt} bytes, QEMU {by_qemu}'
        tunnelled = [guest.id for guest, tunnelled in pairs if tunnelled]
        # libvirt may chat.
        others = max(2**20, *(by_qemu[server] for server in tunnelled), 0)
        if tunnelled:
            self.assertGreater(by_libvirt, 10 * others, said)
        else:
            others = max(others, by_libvirt)
        for guest, _ in pairs:
            if guest.id not in tunnelled:
                self.assertGreater(by_qemu[guest.id], 10 * others, said)

    def assert_qemu(self, observation, name, value):
        """A capability or parameter was in force in QEMU all the time."""
        looks = observation.looks
        if not looks:
            raise exceptions.NoMeasurement(
                f'nobody saw the migration on {observation.source}',
                observation.error,
            )
        found = {seen.what.qemu.get(name) for seen in looks}
        if found != {value}:
            values = ', '.join(map(str, found))
            raise exceptions.SettingNotInForce(
                f'QEMU on {observation.source} migrates with {name} = '
                f'{values}, not {value}: whatever nova.conf or the server '
                'says, nova-compute there does not have it'
            )

    def assert_undisturbed(self, measured, observation):
        """A guest that has stayed was never stopped, nor down for long."""
        self.assertEqual(
            [], list(map(str, observation.stopped())), 'The guest was stopped'
        )
        self.assert_downtime_allowed(measured)

    def assert_post_copy(self, measured, observation):
        """The guest was stopped to go on at the destination, in post-copy.

        The destination's event need not say so: where the rest of the memory
        came before libvirt let the guest run there (40 MiB did), it says
        "Resumed Migrated".
        """
        statuses = {look.status for look in measured.progress.looks}
        self.assertIn('running (post-copy)', statuses, measured.text())
        self.assertEqual(
            ['Suspended Post-copy'],
            [event.text for event in observation.stopped()][-1:],
        )
        resumed = [
            event.text
            for event in observation.events(measured.destination, 'lifecycle')
        ]
        self.assertTrue(
            {'Resumed Post-copy', 'Resumed Migrated'} & set(resumed), resumed
        )

    def assert_paused(self, measured, observation):
        """The guest was stopped until all was copied, and that is measured."""
        self.assertNotEqual(
            [], observation.stopped(), 'The guest was not stopped'
        )
        self.assertGreater(measured.clock.stopped.lower, 0, measured.text())
        self.assert_told_by_libvirt(measured, observation)
