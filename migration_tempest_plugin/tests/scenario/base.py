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
"""What the scenarios are made of: boot, measure a live migration, judge it."""

from concurrent import futures
import contextlib
import itertools
import time

from oslo_log import log
from tempest.common import waiters
from tempest.lib.common import api_version_request
from tempest.lib.common.utils import test_utils
from tempest.lib import decorators
from tempest.scenario import manager
import testtools
from testtools import content

from migration_tempest_plugin import config
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.guest import reach
from migration_tempest_plugin.guest import shell
from migration_tempest_plugin.hosts import inventory
from migration_tempest_plugin import measurement
from migration_tempest_plugin import meters
from migration_tempest_plugin.meters import reading
from migration_tempest_plugin.report import recorded
from migration_tempest_plugin.report import several
from migration_tempest_plugin.tests import compute_service
from migration_tempest_plugin.tests.scenario import evidence
from migration_tempest_plugin.tests.scenario import facts
from migration_tempest_plugin.tests.scenario import live_migration

#: For tests that change what all others rely on. Older releases of Tempest
#: have no such decorator: there they must not run beside others.
serial = getattr(decorators, 'serial', lambda cls: cls)

CONF = config.CONF
LOG = log.getLogger(__name__)


class Guest:
    """A server, and how to get into it.

    :ivar id: of the server
    :ivar address: what is probed, and where SSH goes
    :ivar ssh: Tempest's client of the guest
    :ivar group: id of its security group
    :ivar private_key: what opens it, as text
    """

    def __init__(self, server, address, ssh, group, private_key=None):
        self.id = server['id']
        self.address = address
        self.ssh = ssh
        self.group = group
        self.private_key = private_key

    def connect(self):
        """A connection of its own, as a paramiko.SSHClient."""
        return self.ssh.ssh_client.connect()

    def reach(self):
        """Wait until it can be logged into, as after a boot.

        :raises SSHTimeout: if it can't in time
        """
        reach.wait_for_ssh(self.address, CONF.validation.ssh_timeout)
        self.ssh.validate_authentication()

    def sync(self):
        """Have it write to its disk what it still holds in memory.

        A hard reboot loses that: in a guest that was just made, the keys of
        its sshd and the configuration of its network.
        """
        self._run('sync')

    def boot_id(self):
        """Another one after each boot (proc(5), random/boot_id)."""
        return self._run('cat /proc/sys/kernel/random/boot_id').strip()

    def uptime(self):
        """Seconds since the guest booted."""
        return float(self._run('cat /proc/uptime').split()[0])

    def _run(self, command):
        return shell.run(self.ssh, 'the server ' + self.id, command)


def skip_without_disabling():
    """A decorator for tests that disable a compute service."""
    return testtools.skipUnless(
        CONF.migration.allow_disabling_computes,
        'No compute service may be disabled: [migration] '
        'allow_disabling_computes')


def limit(what, option, longest=False):
    """The measurement.Limit that an option sets.

    :param what: what was measured
    :param longest: it is for each single outage, not for their sum
    """
    return measurement.Limit(what, option, config.limit(option), longest,
                             CONF.migration.fail_unchecked_limits)


def _complete(migration):
    migration.wait_until_completed(CONF.migration.migration_timeout)


def complete_all(migrations):
    """Wait until all are completed."""
    # Each may have to wait for all of the others.
    live_migration.wait_until_all_completed(
        migrations, CONF.migration.migration_timeout * len(migrations),
        CONF.migration.progress_interval)


class LiveMigrationScenario(manager.NetworkScenarioTest):
    """Base of the tests that measure live migrations."""

    credentials = ['primary', 'admin']

    @classmethod
    def skip_checks(cls):
        super().skip_checks()
        features = CONF.compute_feature_enabled
        if not features.live_migration:
            raise cls.skipException(
                'Live migration is not enabled: [compute-feature-enabled] '
                'live_migration')
        if CONF.compute.min_compute_nodes < 2:
            raise cls.skipException(
                'A live migration needs two computes: [compute] '
                'min_compute_nodes')
        if not CONF.validation.run_validation:
            raise cls.skipException(
                'Nothing is measured without reaching the servers: '
                '[validation] run_validation')
        if CONF.validation.connect_method == 'floating' and not (
                CONF.network.public_network_id and
                CONF.network_feature_enabled.floating_ips):
            raise cls.skipException(
                'No floating IPs: [network] public_network_id and '
                '[network-feature-enabled] floating_ips, or [validation] '
                'connect_method = fixed where servers are reached directly')

    @classmethod
    def resource_setup(cls):
        super().resource_setup()
        cls.limits = tuple(
            limit(what, option, longest)
            for what, option, longest in config.LIMITS
            if config.limit(option) is not None)
        cls.computes = inventory.computes(CONF.migration_hosts)
        for compute in cls.computes.values():
            cls.addClassResourceCleanup(compute.close)
        cls.facts = facts.facts(cls.os_admin, cls.computes)

    def boot_guest(self, **arguments):
        """Boot a server that is reached by ICMP and SSH.

        :param arguments: further ones of Tempest's create_server()
        """
        return self.boot_guests(1, **arguments)[0]

    def boot_guests(self, count, **arguments):
        """Boot servers that are reached by ICMP and SSH, side by side.

        :param count: how many
        :param arguments: further ones of Tempest's create_server()
        """
        keypair = self.create_keypair()
        group = self.create_security_group()
        servers = [self._create(
            key_name=keypair['name'],
            security_groups=[{'name': group['name']}], **arguments)
            for _ in range(count)]
        self.addCleanup(self._delete, servers)
        for server in servers:
            waiters.wait_for_server_status(self.servers_client, server['id'],
                                           'ACTIVE')
        # With their addresses now.
        servers = [self.servers_client.show_server(server['id'])['server']
                   for server in servers]
        return [self._reach(server, group, keypair['private_key'])
                for server in servers]

    def _create(self, **arguments):
        """A server that is being built; if the test fails, it says why."""
        server = self.create_server(wait_until=None, **arguments)
        self.keep_evidence_of(server['id'])
        return server

    def keep_evidence_of(self, server):
        """If the test fails, have all that says why about a server."""
        bundle = evidence.Bundle(
            self.os_admin, server, self.computes,
            CONF.compute_feature_enabled.console_output)
        self.addOnException(lambda _: bundle.keep(self))

    def _delete(self, servers):
        """Before Tempest does so, and waits for the end of each in turn."""
        for server in servers:
            test_utils.call_and_ignore_notfound_exc(
                self.servers_client.delete_server, server['id'])

    def _reach(self, server, group, private_key):
        address = self.get_server_ip(server)
        # If there is no answer, Tempest's client finds out, and says why.
        reach.wait_for_ssh(address, CONF.validation.ssh_timeout)
        ssh = self.get_remote_client(
            address, private_key=private_key, server=server)
        ssh.ssh_client = reach.KeptClient.like(ssh.ssh_client)
        self.addCleanup(ssh.ssh_client.close)
        return Guest(server, address, ssh, group['id'], private_key)

    def interfaces_of(self, guest):
        """Each fixed address of a guest, as (MAC, address)."""
        server = self.servers_client.show_server(guest.id)['server']
        return [(address['OS-EXT-IPS-MAC:mac_addr'], address['addr'])
                for network in server['addresses'].values()
                for address in network
                if address['OS-EXT-IPS:type'] == 'fixed']

    def addresses_of(self, guest):
        """The fixed addresses of a guest."""
        return [address for _, address in self.interfaces_of(guest)]

    def outside(self, guest):
        """The address outside that a guest must reach."""
        return CONF.migration.guest_outside_address or \
            shell.ask(guest.ssh, 'look', 'tester')['address']

    def another_host(self, guest):
        """A compute that is up and that the guest is not on."""
        source = self.get_host_for_server(guest.id)
        # Older releases of Tempest have no such option.
        wanted = getattr(CONF.compute, 'migration_dest_host', None)
        if wanted and wanted != source:
            return wanted
        services = self.os_admin.services_client.list_services(
            binary='nova-compute')['services']
        others = sorted(service['host'] for service in services
                        if service['state'] == 'up' and
                        service['status'] == 'enabled' and
                        service['host'] != source)
        self.assertNotEqual([], others, 'There is no compute beside %s that '
                            'is up and enabled: %s' % (source, services))
        return others[0]

    @contextlib.contextmanager
    def disabled(self, host):
        """Let no server be scheduled to a host meanwhile."""
        service = compute_service.ComputeService(
            self.os_admin.services_client, host)
        self.assertEqual(
            'enabled', service.record['status'], 'nova-compute on %s is '
            'disabled already: %s' % (host, service.record))
        try:
            service.update(status='disabled',
                           disabled_reason='live migration test')
            yield
        finally:
            service.update(status='enabled')

    def live_migrate_measured(self, guest, host=None, follow=_complete):
        """Live migrate a guest and check that it arrived, measuring it.

        What was measured becomes a detail of the test, whatever happens.

        :param host: the destination, or None to leave it to the scheduler
        :param follow: called with the LiveMigration that was asked for; it
            returns when that is completed
        :returns: the MeasuredMigration
        """
        [measured] = self.live_migrate_unharmed(
            [(guest, host)], lambda migrations: follow(*migrations))
        self.assert_arrived(measured, host)
        return measured

    def live_migrate_all_measured(self, moves, follow=complete_all):
        """Live migrate guests at the same time, measuring each of them.

        :param moves: for each, the guest, and the host or None as for
            live_migrate_measured()
        :param follow: called with the LiveMigrations that were asked for; it
            returns when they are completed
        :returns: the MeasuredMigrations
        """
        measured = self.live_migrate_unharmed(moves, follow)
        self.keep_table(measured)
        for each, (_, host) in zip(measured, moves):
            self.assert_arrived(each, host)
        return measured

    def keep_table(self, measured):
        """Make a table of several MeasuredMigrations a detail of the test."""
        table = several.table([each.to_dict() for each in measured])
        LOG.info('%s', table)
        self.addDetailUniqueName('migrations', content.text_content(table))

    def by_host(self, guests):
        """Each host that has any of them, and these; the most first."""
        found = {}
        for guest in guests:
            found.setdefault(self.get_host_for_server(guest.id),
                             []).append(guest)
        return sorted(found.items(), key=lambda each: len(each[1]),
                      reverse=True)

    def bring_together(self, guests):
        """Have guests on the host that most of them are on; that host."""
        host, _ = self.by_host(guests)[0]
        self.bring_to(host, guests)
        return host

    def bring_to(self, host, guests):
        """Live migrate those guests to a host that are not on it.

        Nothing is measured.
        """
        for guest in guests:
            migration = self.migration_of(guest)
            if migration.source != host:
                migration.request(**self.live_migrate_arguments(host))
                _complete(migration)

    def assert_arrived(self, measured, host=None):
        """A server is on another host; on the one that is named."""
        seen = measured.text()
        self.assertNotEqual(measured.source, measured.destination,
                            'The server is where it was.\n' + seen)
        self.assertIn(host, (None, measured.destination), seen)

    def live_migrate_in_vain(self, guest, follow, host=None):
        """Live migrate a guest that stays where it is, measuring it.

        :param follow: called with the LiveMigration that was asked for; it
            returns when that has ended
        :returns: the MeasuredMigration
        """
        [measured] = self.live_migrate_all_in_vain(
            [(guest, host)], lambda migrations: follow(*migrations))
        return measured

    def live_migrate_all_in_vain(self, moves, follow):
        """Live migrate guests that stay where they are, measuring each.

        :param moves: for each, the guest, and the host or None as for
            live_migrate_measured()
        :param follow: called with the LiveMigrations that were asked for; it
            returns when they have ended
        :returns: the MeasuredMigrations
        """
        all_measured = self.live_migrate_unharmed(moves, follow)
        for (guest, _), measured in zip(moves, all_measured):
            self.assert_stayed(guest, measured)
        return all_measured

    def assert_stayed(self, guest, measured):
        """A migration has failed, and its server is where it was, ACTIVE."""
        seen = measured.text()
        self.assertEqual(measured.source, measured.destination,
                         'The server is not where it was.\n' + seen)
        self.assertIn(measured.record and measured.record['status'],
                      live_migration.FAILED, seen)
        self.assert_active(guest, seen)

    def live_migrate_unharmed(self, moves, follow):
        """Live migrate guests to whatever end, measuring each.

        None of them is rebooted by it.

        :param moves: for each, the guest, and the host or None as for
            live_migrate_measured()
        :param follow: called with the LiveMigrations that were asked for; it
            returns when they have ended
        :returns: the MeasuredMigrations
        """
        guests = [guest for guest, _ in moves]
        before = [(guest.boot_id(), guest.uptime()) for guest in guests]
        measured = self._live_migrate(moves, follow)
        for guest, (boot_id, uptime), each in zip(guests, before, measured):
            seen = each.text()
            self.assertEqual(boot_id, guest.boot_id(),
                             'The guest was rebooted.\n' + seen)
            self.assertGreater(guest.uptime(), uptime, seen)
        return measured

    def assert_active(self, guest, seen=''):
        """After a migration that ended early, the API promises ACTIVE."""
        status = self.os_admin.servers_client.show_server(
            guest.id)['server']['status']
        if status == 'ERROR':
            LOG.warning('The server is in ERROR, though it is unharmed: a '
                        'defect of this Nova ([migration-feature-enabled] '
                        'aborted_server_active); its state is reset')
            # Also where that fails the test: Tempest can't delete it so.
            self.os_admin.servers_client.reset_state(guest.id, state='active')
        if CONF.migration_feature_enabled.aborted_server_active:
            self.assertEqual(
                'ACTIVE', status, 'The migration was rolled back, but the '
                'server is %s. Nova 32.2.0 to 34.0.0 have this defect; '
                '[migration-feature-enabled] aborted_server_active = false '
                'lets the rest be judged.\n%s' % (status, seen))

    def migration_of(self, guest):
        """The LiveMigration of a guest that is to be asked for."""
        return live_migration.LiveMigration(
            self.os_admin, guest.id, CONF.migration.progress_interval)

    def _live_migrate(self, moves, follow):
        migrations = [self.migration_of(guest) for guest, _ in moves]
        meters_of = [self.meters_of(guest) for guest, _ in moves]
        running = list(itertools.chain.from_iterable(meters_of))
        give_up = 0.0
        taken = [None] * len(moves)
        with contextlib.ExitStack() as stack:
            baselines = {}
            try:
                # The metadata's first: it takes longest until it is up.
                for meter in reversed(running):
                    reading.set_up(stack, meter)
                for meter in running:
                    baselines[meter] = meter.wait_until_up(
                        CONF.migration.baseline_timeout)
                taken = list(map(reading.taken, meters_of))
                with _called_off_on_failure(migrations):
                    self._request(migrations, [host for _, host in moves])
                    follow(migrations)
                give_up = time.monotonic() + CONF.migration.recovery_timeout
                for meter in running:
                    reading.wait_until_recovered(meter, give_up)
            finally:
                # Before the meters end, so that one that died is noticed.
                measured = [self._keep(guest, migration, [
                    reading.read(meter, baselines.get(meter, 0), give_up)
                    for meter in its_meters],
                    reading.guest_load(its_meters, its_taken))
                    for (guest, _), migration, its_meters, its_taken in zip(
                        moves, migrations, meters_of, taken)]
        return measured

    def _request(self, migrations, hosts):
        """Ask for all of them at the same time."""
        with futures.ThreadPoolExecutor(len(migrations)) as pool:
            asked = [
                pool.submit(migration.request,
                            **self.live_migrate_arguments(host))
                for migration, host in zip(migrations, hosts)]
        for each in asked:
            each.result()

    def assert_downtime_allowed(self, *measured):
        """Fail if anything was down for longer than is allowed."""
        wrong = [(complaints, each) for complaints, each in (
            (each.complaints(self.limits), each) for each in measured)
            if complaints]
        if wrong:
            self.fail('\n'.join('%s\n%s' % (
                '\n'.join(complaints), each.text())
                for complaints, each in wrong) + (
                '\n[migration] fail_unchecked_limits = false lets pass what '
                'can\'t be checked' if any(
                    each.unchecked(self.limits) for _, each in wrong)
                else ''))

    def meters_of(self, guest):
        """The meters of network, guest and metadata service, not set up."""
        options = CONF.migration
        return (
            meters.NetDowntimeMeter(
                guest.address, interval=options.network_probe_interval,
                deadline=options.network_probe_deadline),
            meters.GuestHeartbeatMeter(
                guest.connect, target=guest.address,
                interval=options.guest_heartbeat_interval,
                deadline=options.guest_heartbeat_deadline,
                lifetime=options.guest_probe_lifetime),
            meters.MetadataDowntimeMeter(
                guest.ssh, interval=options.metadata_probe_interval,
                connect_deadline=options.metadata_connect_deadline,
                deadline=options.metadata_probe_deadline,
                lifetime=options.guest_probe_lifetime,
                ip_version=options.metadata_ip_version,
                path=options.metadata_path,
                least_connect_deadline=(
                    options.metadata_least_connect_deadline),
                least_deadline=options.metadata_least_probe_deadline))

    def live_migrate_arguments(self, host=None):
        """The API's arguments (api-ref, "Live-Migrate Server")."""
        request = api_version_request.APIVersionRequest
        if request(self.compute_request_microversion) >= request('2.25'):
            return {'host': host, 'block_migration': 'auto'}
        block = CONF.compute_feature_enabled.block_migration_for_live_migration
        return {'host': host, 'block_migration': block,
                'disk_over_commit': False}

    def _keep(self, guest, migration, readings, load):
        """Make what was measured a detail of the test."""
        measurements, clock = reading.join(readings)
        host, record = migration.host(), migration.record
        progress = migration.progress
        measured = measurement.MeasuredMigration(
            server=guest.id, source=migration.source,
            destination=host, record=record,
            events=tuple(migration.events()), progress=progress,
            measurements=measurements, clock=clock,
            libvirt_downtime=self._libvirt_downtime(guest, host, record),
            limits=self.limits, load=load, figures=self.figures_of(
                guest, progress.requested) if progress else ())
        self.keep(measured)
        return measured

    def figures_of(self, guest, since):
        """The Figures that the hosts told of a guest since a moment.

        From here, nobody sees any.
        """
        return ()

    def keep(self, measured):
        """Make a MeasuredMigration a detail of the test."""
        LOG.info(measured.summary())
        self.addDetail(recorded.FACTS, recorded.detail(self.facts))
        self.addDetailUniqueName(
            'migration', content.text_content(measured.text()))
        self.addDetailUniqueName(recorded.DETAIL,
                                 recorded.detail(measured.to_dict()))

    def _libvirt_downtime(self, guest, host, record):
        """For how long libvirt says that the guest was stopped, or None."""
        compute = self.computes.get(host)
        if not compute or not record or record['status'] != 'completed':
            return None
        try:
            return compute.libvirt.completed_job(guest.id).downtime
        except exceptions.HostError as error:
            LOG.warning('libvirt could not be asked: %s', error)
            return None


@contextlib.contextmanager
def _called_off_on_failure(migrations):
    """Where something fails meanwhile, no migration is left under way."""
    try:
        yield
    except BaseException:
        for migration in migrations:
            migration.call_off(CONF.migration.recovery_timeout)
        raise
