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
"""Following a live migration through the API, with an API that is played."""

import functools
import json
import time
from unittest import mock

from tempest.lib import exceptions as lib_exc
from tempest.lib.services.compute import base_compute_client
import testtools

from migration_tempest_plugin.cloud import live_migration

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.measurement.progress import ENDED

SERVER = 'the-server'
OLD = {'id': 3, 'instance_uuid': SERVER, 'status': 'error'}
OTHER = {'id': 9, 'instance_uuid': 'another', 'status': 'failed'}


def record(status, number=4):
    return {'id': number, 'instance_uuid': SERVER, 'status': status}


def server(host='a', status='ACTIVE', task=None):
    return {
        'server': {
            'OS-EXT-SRV-ATTR:host': host,
            'status': status,
            'OS-EXT-STS:task_state': task,
        }
    }


def in_progress(*migrations):
    """What a rest client returns: response and body."""
    return mock.Mock(), json.dumps({'migrations': migrations})


class Case(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.start()

    def start(self):
        self.admin = mock.Mock()
        self.servers = self.admin.servers_client
        self.servers.show_server.return_value = server()
        self.actions()
        self.servers.get.side_effect = None
        self.servers.get.return_value = in_progress()
        self.records(OLD, OTHER)
        self.migration = live_migration.LiveMigration(self.admin, SERVER, 0)

    def actions(self, *actions):
        self.servers.list_instance_actions.return_value = {
            'instanceActions': list(actions)
        }

    def records(self, *records):
        self.admin.migrations_client.list_migrations.return_value = {
            'migrations': list(records)
        }

    def play(self, *steps):
        """What the API says, look by look: (records, server)."""
        self.admin.migrations_client.list_migrations.side_effect = [
            {'migrations': [OLD, OTHER, *records]} for records, _ in steps
        ]
        # The server is not asked for while the record says enough.
        self.servers.show_server.side_effect = [
            said
            for records, said in steps
            if not records or records[-1]['status'] in ENDED
        ]


class TestLiveMigration(Case):
    def test_source_and_request(self):
        self.assertEqual('a', self.migration.source)
        self.migration.request(host='b', block_migration='auto')
        self.servers.live_migrate_server.assert_called_once_with(
            SERVER, host='b', block_migration='auto'
        )

    def test_older_and_other_records_are_not_it(self):
        self.assertIsNone(self.migration.record)
        self.records(OLD, OTHER, record('running'))
        self.assertEqual('running', self.migration.record['status'])

    def test_completed_is_not_enough_without_the_server(self):
        self.play(
            ([], server()),
            ([record('running')], server(task='migrating')),
            ([record('completed')], server(task='migrating')),
            ([record('completed')], server('b')),
        )
        self.migration.wait_until_completed(60)
        self.assertRaises(StopIteration, self.servers.show_server)

    def test_fails(self):
        for status in ('error', 'failed', 'cancelled'):
            self.records(OLD, record(status))
            error = self.assertRaises(
                exceptions.MigrationFailed,
                self.migration.wait_until_completed,
                60,
            )
            self.assertIn('ended as ' + status, str(error))
            self.assertEqual(record(status), error.record)

    def test_server_in_error(self):
        self.servers.show_server.return_value = server(status='ERROR')
        error = self.assertRaises(
            exceptions.MigrationFailed, self.migration.wait_until_completed, 60
        )
        self.assertIn('with the server ERROR', str(error))

    def test_takes_too_long(self):
        self.records(OLD, record('running'))
        error = self.assertRaises(
            exceptions.MigrationFailed, self.migration.wait_until_completed, 0
        )
        self.assertIn('was not completed within 0 s', str(error))
        self.assertIn('"running"', str(error))

    def test_events_of_this_one(self):
        create = {'action': 'create', 'start_time': '3', 'request_id': 'c'}
        first = {
            'action': 'live-migration',
            'start_time': '1',
            'request_id': 'first',
        }
        self.actions(create, first)
        migration = live_migration.LiveMigration(self.admin, SERVER, 0)
        self.assertEqual([], migration.events())
        self.actions(
            create, first, {**first, 'start_time': '2', 'request_id': 'second'}
        )
        self.servers.show_instance_action.return_value = {
            'instanceAction': {
                'events': [{'start_time': '9'}, {'start_time': '8'}]
            }
        }
        self.assertEqual(
            ['8', '9'], [event['start_time'] for event in migration.events()]
        )
        self.servers.show_instance_action.assert_called_once_with(
            SERVER, 'second'
        )


class TestEndedEarly(Case):
    def test_wait_until_running(self):
        self.play(
            ([], server()),
            ([record('queued')], server()),
            ([record('running')], server()),
        )
        self.migration.wait_until(('running',), 60)

    def test_ends_before_it_runs(self):
        self.records(OLD, record('error'))
        error = self.assertRaises(
            exceptions.MigrationFailed,
            self.migration.wait_until,
            ('running',),
            60,
        )
        self.assertIn('ended as error', str(error))

    def test_never_runs(self):
        self.records(OLD, record('queued'))
        error = self.assertRaises(
            exceptions.MigrationFailed,
            self.migration.wait_until,
            ('running', 'preparing'),
            0,
        )
        self.assertIn('was not running or preparing within 0 s', str(error))

    def test_any_end_will_do(self):
        for status in ('completed', 'cancelled', 'error', 'failed'):
            self.start()
            self.play(
                ([record('running')], None),
                ([record(status)], server(task='migrating')),
                ([record(status)], server(status='ERROR')),
            )
            self.migration.wait_until_ended(60)
            self.assertRaises(StopIteration, self.servers.show_server)

    def ask(self, function, method):
        self.records(OLD, record('running'))
        self.versions = []
        getattr(self.servers, method).side_effect = lambda *_: (
            self.versions.append(base_compute_client.COMPUTE_MICROVERSION)
        )
        function()
        return getattr(self.servers, method).call_args.args

    def test_abort(self):
        self.assertEqual(
            ('servers/the-server/migrations/4',),
            self.ask(self.migration.abort, 'delete'),
        )
        self.assertEqual(['2.65'], self.versions)

    def test_called_off(self):
        self.play(
            *[
                ([record(status)], server())
                for status in ('running', 'running', 'cancelled')
            ]
        )
        self.migration.call_off(60)
        self.servers.delete.assert_called_once_with(
            'servers/the-server/migrations/4'
        )

    def test_nothing_to_call_off(self):
        for records in ([OLD], [OLD, record('completed')]):
            self.records(*records)
            self.migration.call_off(60)
        self.servers.delete.assert_not_called()

    def test_can_not_be_called_off(self):
        self.records(OLD, record('running'))
        self.servers.delete.side_effect = lib_exc.Conflict('too late')
        self.migration.call_off(60)
        self.servers.delete.side_effect = None
        self.migration.call_off(0)

    def test_there_is_no_record(self):
        self.records(OLD)
        for function in (self.migration.abort, self.migration.force_complete):
            error = self.assertRaises(exceptions.MigrationFailed, function)
            self.assertIn('has no record', str(error))
        self.servers.delete.assert_not_called()

    def test_the_record_goes_while_it_is_called_off(self):
        """It never raises: another failure is under way."""
        self.play(([record('running')], None), ([], server()), ([], server()))
        self.migration.call_off(60)
        self.servers.delete.assert_not_called()

    def test_force_complete(self):
        url, body = self.ask(self.migration.force_complete, 'post')
        self.assertEqual('servers/the-server/migrations/4/action', url)
        self.assertEqual({'force_complete': None}, json.loads(body))
        self.assertEqual(['2.22'], self.versions)


class TestProgress(Case):
    def follow(self):
        self.migration.request()
        self.migration.wait_until_completed(60)
        return self.migration.progress

    def test_not_requested(self):
        self.assertIsNone(self.migration.progress)
        self.assertRaises(RuntimeError, self.migration.followed)

    def test_followed(self):
        """What each look shows is known at once, and nothing is asked."""
        seen = []
        self.migration.looked = lambda: seen.append(self.migration.followed())
        self.play(
            ([], server()),
            ([record('running')], server()),
            (
                [record('completed') | {'dest_compute': 'b'}],
                server('b', 'MIGRATING', 'migrating'),
            ),
            ([record('completed') | {'dest_compute': 'b'}], server('b')),
        )
        progress = self.follow()
        self.assertEqual(
            [
                ('under way', None, 1),
                ('running', None, 2),
                ('completed', 'b', 3),
                ('completed', 'b', 4),
            ],
            [
                (each.status, each.destination, len(each.progress.looks))
                for each in seen
            ],
        )
        self.assertEqual([None, None], [each.ended for each in seen[:2]])
        # From the last look at which it went on.
        over = progress.looks[1].asked, progress.looks[2].answered
        self.assertEqual([over, over], [each.ended for each in seen[2:]])

    def test_one_that_failed_is_where_it_was(self):
        self.play(([record('error') | {'dest_compute': 'b'}], server()))
        self.migration.request()
        self.migration.wait_until_ended(60)
        followed = self.migration.followed()
        self.assertEqual(
            ('error', 'a'), (followed.status, followed.destination)
        )

    def test_a_slow_cloud_is_asked_less_often(self):
        self.migration = live_migration.LiveMigration(
            self.admin, SERVER, interval=0.5
        )
        now, slept, asked = [100.0], [], []
        takes = [0.1, 1.0, 0.1]

        def ask(*args):
            asked.append(args)
            now[0] += takes[len(asked) - 1]
            return mock.DEFAULT

        self.servers.list_instance_actions.side_effect = ask
        self.play(
            ([record('running')], server()),
            ([record('running')], server()),
            ([record('completed')], server('b')),
        )
        with (
            mock.patch.object(time, 'monotonic', lambda: now[0]),
            mock.patch.object(time, 'sleep', slept.append),
        ):
            self.follow()
        self.assertEqual([0.5, 1.0], slept)

    def test_statuses_and_memory(self):
        self.play(
            ([], server()),
            ([record('running')], server()),
            ([record('completed')], server('b')),
        )
        self.servers.get.side_effect = [
            in_progress(
                {'id': 3, 'memory_processed_bytes': 5},
                {
                    'id': 4,
                    'memory_total_bytes': 100,
                    'memory_processed_bytes': 70,
                    'memory_remaining_bytes': 30,
                },
            ),
            in_progress(),
        ]
        progress = self.follow()
        self.servers.get.assert_called_with('servers/the-server/migrations')
        self.assertEqual(
            [None, 'running', 'completed'],
            [look.status for look in progress.looks],
        )
        self.assertEqual(70, progress.memory_copied)
        self.assertEqual(30, progress.looks[1].memory_remaining)
        self.assertIsNone(progress.looks[2].memory_total)

    def test_what_nova_does_not_know_yet(self):
        """It says 0 of all, which is no number of bytes."""
        self.play(
            ([record('running')], server()),
            ([record('completed')], server('b')),
        )
        self.servers.get.side_effect = [
            in_progress(
                {
                    'id': 4,
                    'memory_total_bytes': 0,
                    'memory_processed_bytes': 0,
                    'memory_remaining_bytes': 0,
                }
            ),
            in_progress(),
        ]
        progress = self.follow()
        self.assertIsNone(progress.looks[0].memory_remaining)
        self.assertIsNone(progress.memory_copied)

    def test_the_microversion_is_put_back(self):
        asked = []

        def ask(url):
            asked.append(base_compute_client.COMPUTE_MICROVERSION)
            return in_progress()

        self.servers.get.side_effect = ask
        self.play(([record('completed')], server('b')))
        before = base_compute_client.COMPUTE_MICROVERSION
        self.follow()
        self.assertEqual(['2.23'], asked)
        self.assertEqual(before, base_compute_client.COMPUTE_MICROVERSION)

    def test_a_cloud_without_it_is_asked_once(self):
        for error in live_migration.NOT_TOLD:
            self.start()
            ask = self.servers.get
            ask.side_effect = error
            self.play(
                ([record('running')], server()),
                ([record('completed')], server('b')),
            )
            self.assertIsNone(self.follow().memory_copied)
            ask.assert_called_once()

    def test_events(self):
        self.actions()
        self.play(
            ([record('running')], server()),
            ([record('completed')], server('b')),
        )
        self.actions(
            {'action': 'live-migration', 'start_time': '1', 'request_id': 'r'}
        )
        self.servers.show_instance_action.side_effect = [
            {
                'instanceAction': {
                    'events': [
                        {
                            'event': 'compute_live_migration',
                            'start_time': '1',
                            'finish_time': finish,
                        }
                    ]
                }
            }
            for finish in (None, '2')
        ]
        [event] = [
            phase for phase in self.follow().phases if phase.kind == 'event'
        ]
        self.assertEqual('compute_live_migration', event.name)
        self.assertIsNotNone(event.end)


class TestAllCompleted(testtools.TestCase):
    def migration(self, *outcomes):
        """One that gives one outcome at each look."""
        migration = mock.Mock()
        migration.is_completed.side_effect = outcomes
        migration.late.side_effect = lambda what, timeout: (
            exceptions.MigrationFailed('late', None, [])
        )
        return migration

    def wait(self, *migrations, timeout=10):
        live_migration.wait_until_all_completed(migrations, timeout, 0)

    def test_each_is_looked_at_until_it_is(self):
        quick, slow = self.migration(True), self.migration(False, False, True)
        self.wait(quick, slow)
        self.assertEqual(1, quick.is_completed.call_count)
        self.assertEqual(3, slow.is_completed.call_count)

    def test_the_others_go_on_when_one_fails(self):
        failure = exceptions.MigrationFailed('no room', None, [])
        slow = self.migration(False, True)
        error = self.assertRaises(
            exceptions.MigrationFailed,
            self.wait,
            self.migration(failure),
            slow,
        )
        self.assertIs(failure, error)
        self.assertEqual(2, slow.is_completed.call_count)

    def test_no_more_than_half_of_the_time_is_looking(self):
        now, slept = [100.0], []

        def sleep(seconds):
            slept.append(seconds)
            now[0] += seconds

        def look(outcomes, takes):
            now[0] += takes
            return outcomes.pop(0)

        migrations = [self.migration(), self.migration()]
        for migration, outcomes in zip(
            migrations, ([False, True], [False, False, True]), strict=True
        ):
            migration.is_completed.side_effect = functools.partial(
                look, outcomes, 0.5
            )
        with (
            mock.patch.object(time, 'monotonic', lambda: now[0]),
            mock.patch.object(time, 'sleep', sleep),
        ):
            live_migration.wait_until_all_completed(migrations, 60, 0.1)
        # two that take half a second each, then again, then one of them
        self.assertEqual([1.0, 1.0], slept)

    def test_late(self):
        error = self.assertRaises(
            exceptions.MigrationFailed,
            self.wait,
            self.migration(True),
            self.migration(*[False] * 1000),
            timeout=0,
        )
        self.assertEqual('late', error.reason)
