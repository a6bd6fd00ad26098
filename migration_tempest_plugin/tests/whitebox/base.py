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
import functools
import re
import time

from oslo_log import log
import testtools

from migration_tempest_plugin import config
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.guest import load
from migration_tempest_plugin.hosts import configuration
from migration_tempest_plugin.hosts import domain
from migration_tempest_plugin.hosts import inventory
from migration_tempest_plugin.hosts import sockets
from migration_tempest_plugin.hosts import watch
from migration_tempest_plugin.measurement import nova_plan
from migration_tempest_plugin.tests import compute_service
from migration_tempest_plugin.tests import flavor
from migration_tempest_plugin.tests.scenario import base
from migration_tempest_plugin.tests.whitebox import observation

CONF = config.CONF
LOG = log.getLogger(__name__)

#: Makes Tempest run a class while no other runs (tests/scenario/base.py).
serial = base.serial

#: Of how much more than the bandwidth a guest must write to its memory, so
#: that its migration does not come to its end by itself.
OVERLOAD = 1.5

#: How much of that is asked of it: it writes the share of half a second at
#: once, and who looks for a second may see one of these alone.
ASKED_OVERLOAD = 4

#: How often at most it is looked at how much it writes. libvirt samples 512
#: pages of a GiB: of a small guest so few that a look is wrong by a quarter.
LOOKS_AT_RATE = 5

#: Options with which Nova has taken all steps of the maximum downtime within
#: a minute.
QUICK_STEPS = {'live_migration_downtime_steps': 3,
               'live_migration_downtime_delay': 3}

#: MiB per second that no migration here is held back by.
FAST = 1024

# Migrations that a restart of nova-compute would end (nova/compute/manager.py,
# init_instance).
_UNDER_WAY = ('accepted', 'queued', 'preparing', 'running',
              'running (post-copy)', 'pre-migrating', 'migrating')


def skip_without_post_copy():
    """A decorator for tests that complete a migration by post-copy."""
    return testtools.skipUnless(
        CONF.migration_feature_enabled.post_copy,
        'No post-copy: [migration-feature-enabled] post_copy')


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
                '(or hosts_file) says how the compute hosts are reached')

    def setUp(self):
        super().setUp()
        self._observed = {}    # the last Observation of each guest, by its id

    def compute_of(self, guest):
        """The Compute that a guest is on."""
        name = self.get_host_for_server(guest.id)
        self.assertIn(name, self.computes, 'The server is on a host that '
                      '[migration-hosts] computes does not name')
        return self.computes[name]

    def create_flavor(self, extra_specs):
        """A flavor like that of the tests, with extra specs; its id."""
        admin = self.os_admin.flavors_client
        created = self.useFixture(flavor.Flavor(admin))
        admin.set_flavor_extra_spec(created.id, **extra_specs)
        return created.id

    def observe(self, guest):
        """Look at the guest's hosts until the test ends: an Observation."""
        server = self.os_admin.servers_client.show_server(
            guest.id)['server']
        observed = self._observed[guest.id] = self.useFixture(
            observation.Observation(
                self.computes, guest.id,
                server['OS-EXT-SRV-ATTR:instance_name'],
                server['OS-EXT-SRV-ATTR:host'], self.LOOK_INTERVAL))
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
            LOG.warning('libvirt on %s does not tell for how long the guest '
                        'was stopped: is its clock behind?',
                        measured.destination)
            self.assertTrue(
                observation.told_downtime(), 'libvirt tells nothing of the '
                'migration, neither at the source\n%s' % measured.text())


class ReconfiguringScenario(WhiteboxScenario):
    """Base of the tests that set options of nova.conf on the hosts."""

    @classmethod
    def skip_checks(cls):
        super().skip_checks()
        if not CONF.migration_hosts.allow_restart:
            raise cls.skipException(
                'nova-compute may not be restarted with other options: '
                '[migration-hosts] allow_restart')

    @classmethod
    def resource_setup(cls):
        super().resource_setup()
        files = [compute.nova_conf for compute in cls.computes.values()]
        cls._held = configuration.HeldConfiguration(files, cls.restart)
        cls.addClassResourceCleanup(cls._held.put_back)
        for file in files:
            configuration.put_right(file, cls.restart)

    def setUp(self):
        super().setUp()
        self._wanted = {}      # the options of each file, for this test

    # --- options of nova.conf ------------------------------------------------

    def configure(self, *computes, **options):
        """Set options of [libvirt] on some hosts for this test.

        nova-compute is restarted where they are not in force yet. They stay
        until another test of the class wants others, or until its end.

        :param options: their values; None for the default
        """
        self.plan_options(*computes, **options)
        self._held.want(self._wanted)

    def plan_options(self, *computes, **options):
        """As configure(), but in force only with the next of those."""
        self._want('libvirt', computes, options)

    def plan_concurrent(self, number, compute):
        """As plan_options(): how many migrations a host makes at a time."""
        self._want('DEFAULT', [compute],
                   {'max_concurrent_live_migrations': number})

    def _want(self, section, computes, options):
        for compute in computes:
            self._wanted.setdefault(compute.nova_conf, {}).update(
                {(section, name): value for name, value in options.items()})

    def migration_of(self, guest):
        # What the test before this one has set must not be in force.
        self._held.want(self._wanted)
        return super().migration_of(guest)

    def reconfigure(self, compute, **options):
        """Set mutable options of [libvirt] on a host until the test ends.

        nova-compute is told, and goes on: also amid a migration.

        :param options: their values, which must be new to it
        """
        self.useFixture(configuration.ChangedConfiguration(
            [compute.nova_conf],
            {('libvirt', name): value for name, value in options.items()},
            self._reload))

    @classmethod
    def _reload(cls, host):
        compute = cls.computes[host.name]
        mark = compute.log.mark()
        cls.service_of(host).reload()
        give_up = time.monotonic() + CONF.migration_hosts.service_timeout
        # oslo.config (cfg.py, mutate_config_files) says it.
        while not [line for line in compute.log.since(mark) if re.match(
                r'Option libvirt\.\w+ changed from', line.message)]:
            if time.monotonic() > give_up:
                raise exceptions.SettingNotInForce(
                    '%s: nova-compute was told to read its options again, '
                    'and has not logged within %g s that any has changed: is '
                    'reload_command right?' % (
                        host.name, CONF.migration_hosts.service_timeout))
            time.sleep(0.5)

    @property
    def bandwidth(self):
        """MiB per second to which slow migrations are held."""
        return CONF.migration.limited_bandwidth

    def slow_migrations(self):
        """Options under which a busy guest's migration does not complete."""
        return {'live_migration_bandwidth': self.bandwidth,
                'live_migration_permit_post_copy': False,
                'live_migration_timeout_action': 'abort'}

    @classmethod
    def restart(cls, host):
        """Restart nova-compute on a host.

        :raises HostError: if it can't be, or must not be now
        """
        under_way = [
            record for record in cls.os_admin.migrations_client
            .list_migrations(host=host.name)['migrations']
            if record['status'] in _UNDER_WAY]
        if under_way:
            raise exceptions.HostError(
                host.name, ('restart', 'nova-compute'),
                'that would end migrations that are under way there, of %s: '
                'wait for them, or abort them' % ', '.join(
                    record['instance_uuid'] for record in under_way))

        cls.service_of(host).restart(CONF.migration_hosts.service_timeout)

    @classmethod
    def service_of(cls, host):
        """nova-compute on a host, as a Service."""
        return cls.computes[host.name].service(functools.partial(
            compute_service.problem, cls.os_admin, host.name))

    def data_gb(self, guest):
        """What Nova counts as to be copied in a live migration, in GB.

        Its time-outs are per GB (measurement/nova_plan.py).
        """
        features = CONF.compute_feature_enabled
        copied = self._copied_bytes(guest) \
            if features.block_migration_for_live_migration else ()
        like = self.os_admin.flavors_client.show_flavor(
            CONF.compute.flavor_ref)['flavor']
        return nova_plan.data_gb(like['ram'], copied)

    def _copied_bytes(self, guest):
        libvirt = self.compute_of(guest).libvirt
        sizes = libvirt.disk_sizes(guest.id)
        # Nova looks at the file; that of a device has no size.
        return [0 if kind == 'block' else sizes[name] for name, kind
                in domain.copied_disks(libvirt.xml(guest.id))]

    def plan_of_timeout(self, guest, seconds):
        """Nova's plan with such a time-out, as near as nova.conf allows.

        :param seconds: 0 for none
        """
        return nova_plan.Plan.of_timeout(
            seconds, self.data_gb(guest),
            CONF.migration_feature_enabled.starlingx_settings)

    # --- load ----------------------------------------------------------------

    def await_slow_copy(self, migration, observation):
        """Wait until memory is copied as slowly as was set.

        :raises SettingNotInForce: if it is copied faster
        :raises NoMeasurement: if the migration is over before it was seen
        """
        limit = self.bandwidth
        migration.wait_until(('running',), CONF.migration.migration_timeout)
        self.wait_for(migration, lambda: observation.looks,
                      'memory being copied at %d MiB/s' % limit)
        self.assert_qemu(observation, 'max-bandwidth', limit * 2 ** 20)

    def wait_for(self, migration, condition, what):
        """Wait for something to be seen while a migration runs.

        :raises NoMeasurement: if it is over before that, or it takes too long
        """
        give_up = time.monotonic() + CONF.migration.migration_timeout
        while not condition():
            status = migration.record['status']
            if status != 'running' or time.monotonic() > give_up:
                raise exceptions.NoMeasurement(
                    'there was no sign of %s while the migration ran; it is '
                    '%s now' % (what, status))
            time.sleep(CONF.migration.progress_interval)

    def await_second_pass(self, migration, observation):
        """Wait until QEMU has copied all of the memory once.

        It does not switch to post-copy before.
        """
        self.wait_for(migration, lambda: any(
            seen.what.job.fields.get('memory_iteration', 0) > 1
            for seen in observation.looks), 'a second pass over the memory')

    def load_memory(self, guest):
        """Let a guest write to its memory faster than it may be copied.

        :returns: the MemoryLoad, which can be stopped
        :raises NoMeasurement: if it writes too little
        """
        [running] = self.load_memory_of([guest])
        return running

    def load_memory_of(self, guests, busy=False):
        """As load_memory(), for several guests at the same time.

        :param busy: write as fast as they can, on all of their processors
        """
        rate = None if busy else ASKED_OVERLOAD * self.bandwidth
        running = [self.useFixture(load.MemoryLoad(
            guest.ssh, CONF.migration.memory_load,
            CONF.migration.guest_probe_lifetime, rate)) for guest in guests]
        for guest, each in zip(guests, running):
            self._assert_overload(guest, each)
        return running

    def _assert_overload(self, guest, running):
        limit = self.bandwidth
        libvirt, rates = self.compute_of(guest).libvirt, []
        for _ in range(LOOKS_AT_RATE):
            rates.append(libvirt.dirty_rate(guest.id))
            rate = sum(rates) / len(rates)
            LOG.info('The guest writes %d MiB/s (%s); %d MiB/s are copied',
                     rate, running.tool, limit)
            if rate >= OVERLOAD * limit:
                return
        raise exceptions.NoMeasurement(
            'the guest writes %d MiB/s to its memory, which is not much '
            'more than the %d MiB/s that are copied: nothing can be said '
            'of a migration that does not converge. Lower [migration] '
            'limited_bandwidth, or raise memory_load' % (rate, limit),
            running.tool)

    def cpu_use(self, guest, seconds=3.0):
        """How many CPUs a guest uses, as a number: 0.9, say.

        :param seconds: for how long it is looked at
        """
        libvirt = self.compute_of(guest).libvirt
        began, before = time.monotonic(), libvirt.vcpu_time(guest.id)
        time.sleep(seconds)
        return (libvirt.vcpu_time(guest.id) - before) / (
            time.monotonic() - began)

    # --- what is asserted ----------------------------------------------------

    @contextlib.contextmanager
    def assert_tunnelled(self, guest, tunnelled):
        """Most bytes that migrate a guest meanwhile are sent by libvirt.

        Or by QEMU itself, if not tunnelled.
        """
        source = self.compute_of(guest)
        pids = sockets.qemu_pids(source.host, guest.id)
        peers = frozenset().union(*(
            sockets.addresses(compute.host)
            for compute in self.computes.values() if compute is not source))
        before = sockets.sent(source.host)
        asking = inventory.Compute(source.description)
        with watch.Watch(lambda: sockets.sent(asking.host), asking.close,
                         interval=0.2) as looking:
            yield
        found = sockets.grown(
            [before, *(seen.what for seen in looking.seen)], peers)
        by_qemu = sum(size for (_, pid), size in found.items()
                      if pid in pids)
        by_libvirt = sum(size for (name, _), size in found.items()
                         if name.startswith(('libvirtd', 'virtqemud')))
        ours, other = (by_libvirt, by_qemu) if tunnelled \
            else (by_qemu, by_libvirt)
        self.assertGreater(ours, 10 * max(other, 2 ** 20), 'QEMU has sent %d '
                           'bytes, libvirt %d' % (by_qemu, by_libvirt))

    def assert_qemu(self, observation, name, value):
        """A capability or parameter was in force in QEMU all the time."""
        looks = observation.looks
        if not looks:
            raise exceptions.NoMeasurement(
                'nobody saw the migration on %s' % observation.source,
                observation.error)
        found = {seen.what.qemu.get(name) for seen in looks}
        if found != {value}:
            raise exceptions.SettingNotInForce(
                'QEMU on %s migrates with %s = %s, not %s: whatever nova.conf '
                'says, nova-compute there does not have it' % (
                    observation.source, name, ', '.join(map(str, found)),
                    value))

    def assert_undisturbed(self, measured, observation):
        """A guest that has stayed was never stopped, nor down for long."""
        self.assertEqual([], list(map(str, observation.stopped())),
                         'The guest was stopped')
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
            [event.text for event in observation.stopped()][-1:])
        resumed = [event.text for event in observation.events(
            measured.destination, 'lifecycle')]
        self.assertTrue(
            {'Resumed Post-copy', 'Resumed Migrated'} & set(resumed), resumed)

    def assert_paused(self, measured, observation):
        """The guest was stopped until all was copied, and that is measured."""
        self.assertNotEqual([], observation.stopped(),
                            'The guest was not stopped')
        self.assertGreater(measured.clock.stopped.lower, 0, measured.text())
        self.assert_told_by_libvirt(measured, observation)
