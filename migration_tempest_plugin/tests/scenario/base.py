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
"""What the scenarios are made of: a live migration, measured and judged."""

import functools

from oslo_log import log
from tempest.lib.common import api_version_request
from tempest.lib import decorators
import testtools
from testtools import content

from migration_tempest_plugin.cloud import disks
from migration_tempest_plugin.cloud import live_migration
from migration_tempest_plugin.cloud import services
from migration_tempest_plugin import config
from migration_tempest_plugin.guest import writer
from migration_tempest_plugin import measurement
from migration_tempest_plugin.measurement import progress
from migration_tempest_plugin.report import several
from migration_tempest_plugin.report import streams
from migration_tempest_plugin.running import facts
from migration_tempest_plugin.running import live_migrations
from migration_tempest_plugin.running import recorder
from migration_tempest_plugin.running import settings
from migration_tempest_plugin.tests.scenario import guests

#: For tests that change what all others rely on. Older releases of Tempest
#: have no such decorator: there they must not run beside others.
serial = getattr(decorators, 'serial', lambda cls: cls)

CONF = config.CONF
LOG = log.getLogger(__name__)


def skip_without_disabling():
    """A decorator for tests that disable a compute service."""
    return testtools.skipUnless(
        CONF.migration.allow_disabling_computes,
        'No compute service may be disabled: [migration] '
        'allow_disabling_computes',
    )


def limit(what, option, longest=False):
    """The measurement.Limit that an option sets.

    :param what: what was measured
    :param longest: it is for each single outage, not for their sum
    """
    return measurement.Limit(
        what,
        option,
        config.limit(option),
        longest,
        CONF.migration.fail_unchecked_limits,
    )


def round_trip_limit(what, option):
    """The measurement.RoundTripLimit that an option sets.

    :param what: what was measured
    """
    return measurement.RoundTripLimit(
        what,
        option,
        config.limit(option),
        fail_unchecked=CONF.migration.fail_unchecked_limits,
    )


def _complete(migration):
    migration.wait_until_completed(CONF.migration.migration_timeout)


def complete_all(migrations):
    """Wait until all are completed."""
    # Each may have to wait for all of the others.
    live_migration.wait_until_all_completed(
        migrations,
        CONF.migration.migration_timeout * len(migrations),
        CONF.migration.progress_interval,
    )


class LiveMigrationScenario(guests.GuestScenario):
    """Base of the tests that measure live migrations."""

    @classmethod
    def skip_checks(cls):
        super().skip_checks()
        features = CONF.compute_feature_enabled
        if not features.live_migration:
            raise cls.skipException(
                'Live migration is not enabled: [compute-feature-enabled] '
                'live_migration'
            )
        if CONF.compute.min_compute_nodes < 2:
            raise cls.skipException(
                'A live migration needs two computes: [compute] '
                'min_compute_nodes'
            )

    @classmethod
    def resource_setup(cls):
        super().resource_setup()
        cls.limits = (
            *(
                limit(what, option, longest)
                for what, option, longest in config.LIMITS
                if config.limit(option) is not None
            ),
            *(
                round_trip_limit(what, option)
                for what, option in config.ROUND_TRIP_LIMITS
                if config.limit(option) is not None
            ),
        )
        cls.facts = facts.of_run(cls.os_admin, cls.computes)

    def another_host(self, guest):
        """A compute that is up and that the guest is not on."""
        source = self.get_host_for_server(guest.id)
        # Older releases of Tempest have no such option.
        wanted = getattr(CONF.compute, 'migration_dest_host', None)
        if wanted and wanted != source:
            return wanted
        computes = services.computes(self.os_admin.services_client)
        others = sorted(
            record['host']
            for record in computes
            if services.is_usable(record) and record['host'] != source
        )
        self.assertNotEqual(
            [],
            others,
            f'There is no compute beside {source} that '
            f'is up and enabled: {computes}',
        )
        return others[0]

    def disabled(self, host):
        """Let no server be scheduled to a host meanwhile, in a ``with``."""
        return services.ComputeService(
            self.os_admin.services_client, host
        ).disabled('live migration test')

    def live_migrate_measured(self, guest, host=None, follow=_complete):
        """Live migrate a guest and check that it arrived, measuring it.

        What was measured becomes a detail of the test, whatever happens.

        :param host: the destination, or None to leave it to the scheduler
        :param follow: called with the LiveMigration that was asked for; it
            returns when that is completed
        :returns: the MeasuredMigration
        """
        [measured] = self.live_migrate_unharmed(
            [(guest, host)], lambda migrations: follow(*migrations)
        )
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
            found.setdefault(self.get_host_for_server(guest.id), []).append(
                guest
            )
        return sorted(
            found.items(), key=lambda each: len(each[1]), reverse=True
        )

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
            if self.get_host_for_server(guest.id) != host:
                migration = self.migration_of(guest)
                migration.request(**self.live_migrate_arguments(guest, host))
                _complete(migration)

    def assert_arrived(self, measured, host=None):
        """A server is on another host; on the one that is named."""
        seen = measured.text()
        self.assertNotEqual(
            measured.source,
            measured.destination,
            'The server is where it was.\n' + seen,
        )
        self.assertIn(host, (None, measured.destination), seen)

    def live_migrate_in_vain(self, guest, follow, host=None):
        """Live migrate a guest that stays where it is, measuring it.

        :param follow: called with the LiveMigration that was asked for; it
            returns when that has ended
        :returns: the MeasuredMigration
        """
        [measured] = self.live_migrate_all_in_vain(
            [(guest, host)], lambda migrations: follow(*migrations)
        )
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
        self.assertEqual(
            measured.source,
            measured.destination,
            'The server is not where it was.\n' + seen,
        )
        self.assertIn(
            measured.record and measured.record['status'],
            progress.FAILED,
            seen,
        )
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
            self.assertEqual(
                boot_id, guest.boot_id(), 'The guest was rebooted.\n' + seen
            )
            self.assertGreater(guest.uptime(), uptime, seen)
        return measured

    def assert_active(self, guest, seen=''):
        """After a migration that ended early, the API promises ACTIVE."""
        status = self.os_admin.servers_client.show_server(guest.id)['server'][
            'status'
        ]
        if status == 'ERROR':
            LOG.warning(
                'The server is in ERROR, though it is unharmed: a '
                'defect of this Nova ([migration-feature-enabled] '
                'aborted_server_active); its state is reset'
            )
            # Also where that fails the test: Tempest can't delete it so.
            self.os_admin.servers_client.reset_state(guest.id, state='active')
        if CONF.migration_feature_enabled.aborted_server_active:
            self.assertEqual(
                'ACTIVE',
                status,
                'The migration was rolled back, but the '
                f'server is {status}. Nova 32.2.0 to 34.0.0 have this defect; '
                '[migration-feature-enabled] aborted_server_active = false '
                f'lets the rest be judged.\n{seen}',
            )

    def migration_of(self, guest):
        """The LiveMigration of a guest that is to be asked for."""
        return live_migration.LiveMigration(
            self.os_admin, guest.id, CONF.migration.progress_interval
        )

    def _live_migrate(self, moves, follow):
        name = '.'.join(self.id().split('[')[0].split('.')[-2:])
        with recorder.recording(
            CONF.migration.samples_directory, name
        ) as recording:
            return live_migrations.measure(
                [self._move(guest, host, recording) for guest, host in moves],
                follow,
                live_migrations.Terms(
                    CONF.migration.baseline_timeout,
                    CONF.migration.recovery_timeout,
                    self.limits,
                    self.computes,
                    recording,
                ),
                self.keep,
            )

    def _move(self, guest, host, recording):
        return live_migrations.Move(
            guest.id,
            self.migration_of(guest),
            self.live_migrate_arguments(guest, host),
            self.meters_of(guest, recording),
            functools.partial(self.figures_of, guest),
            settings.of_server(self.os_admin, guest.id),
            guest.address,
        )

    def assert_downtime_allowed(self, *measured):
        """Fail if anything was down for longer than is allowed."""
        wrong = [
            (complaints, each)
            for complaints, each in (
                (each.complaints(self.limits), each) for each in measured
            )
            if complaints
        ]
        if wrong:
            self.fail(
                '\n'.join(
                    '\n'.join([*complaints, each.text()])
                    for complaints, each in wrong
                )
                + (
                    '\n[migration] fail_unchecked_limits = false lets pass '
                    'what '
                    "can't be checked"
                    if any(each.unchecked(self.limits) for _, each in wrong)
                    else ''
                )
            )

    @property
    def heartbeat_interval(self):
        """Seconds between two beats in a guest."""
        return CONF.migration.guest_heartbeat_interval

    @property
    def metadata_interval(self):
        """Seconds between two questions of a guest for its metadata."""
        return CONF.migration.metadata_probe_interval

    def meters_of(self, guest, recording=recorder.NONE):
        """The meters of network, guest and metadata service, not set up.

        :param recording: the Recorder that has their samples written
        """
        options = CONF.migration
        return (
            recording.network(
                guest.address,
                options.network_probe_interval,
                options.network_probe_deadline,
            ),
            recording.heartbeat(
                guest.connect,
                guest.address,
                options.guest_probe_lifetime,
                self.heartbeat_interval,
                options.guest_heartbeat_deadline,
            ),
            recording.metadata(
                guest.ssh,
                guest.connect,
                guest.address,
                self.metadata_interval,
                options.metadata_probe_deadline,
                connect_deadline=options.metadata_connect_deadline,
                lifetime=options.guest_probe_lifetime,
                ip_version=options.metadata_ip_version,
                path=options.metadata_path,
                least_connect_deadline=(
                    options.metadata_least_connect_deadline
                ),
                least_deadline=options.metadata_least_probe_deadline,
            ),
            *self.storage_meters_of(guest, recording),
        )

    def storage_meters_of(self, guest, recording=recorder.NONE):
        """The meter of what a guest writes to its disk, if it has a limit."""
        if CONF.migration.allowed_storage_stall is None:
            return ()
        return (
            self.storage_meter(guest, self.storage_writer(guest), recording),
        )

    def storage_writer(self, guest, folder=None):
        """A StorageWriter: to a folder, or to the one of the options."""
        return writer.StorageWriter(
            guest.connect,
            folder or CONF.migration.guest_storage_folder,
            lifetime=CONF.migration.guest_probe_lifetime,
        )

    def storage_meter(self, guest, storage_writer, recording=recorder.NONE):
        """A meter of what a StorageWriter has a guest write."""
        return recording.storage(
            storage_writer,
            guest.address,
            CONF.migration.guest_storage_deadline,
        )

    def live_migrate_arguments(self, guest, host=None):
        """The API's arguments for a guest (api-ref, "Live-Migrate Server")."""
        request = api_version_request.APIVersionRequest
        if request(self.compute_request_microversion) >= request('2.25'):
            return {'host': host, 'block_migration': 'auto'}
        block = CONF.compute_feature_enabled.block_migration_for_live_migration
        return {
            'host': host,
            'block_migration': block
            and disks.has_local(self.os_admin, guest.id),
            'disk_over_commit': False,
        }

    def figures_of(self, guest, since):
        """The Figures that the hosts reported of a guest since a moment.

        From here, nobody sees any.
        """
        return ()

    def keep(self, measured):
        """Make a MeasuredMigration a detail of the test."""
        LOG.info(measured.summary())
        self.addDetail(streams.FACTS, streams.detail(self.facts))
        self.addDetailUniqueName(
            'migration', content.text_content(measured.text())
        )
        self.addDetailUniqueName(
            streams.DETAIL, streams.detail(measured.to_dict())
        )
