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

from unittest import mock

import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.tests.scenario import live_migration

SERVER = 'the-server'
OLD = {'id': 3, 'instance_uuid': SERVER, 'status': 'error'}
OTHER = {'id': 9, 'instance_uuid': 'another', 'status': 'failed'}


def record(status, number=4):
    return {'id': number, 'instance_uuid': SERVER, 'status': status}


def server(host='a', status='ACTIVE', task=None):
    return {'server': {'OS-EXT-SRV-ATTR:host': host, 'status': status,
                       'OS-EXT-STS:task_state': task}}


class TestLiveMigration(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.admin = mock.Mock()
        self.servers = self.admin.servers_client
        self.servers.show_server.return_value = server()
        self.servers.list_instance_actions.return_value = {
            'instanceActions': []}
        self.records(OLD, OTHER)
        self.migration = live_migration.LiveMigration(self.admin, SERVER, 0)

    def records(self, *records):
        self.admin.migrations_client.list_migrations.return_value = {
            'migrations': list(records)}

    def play(self, *steps):
        """What the API says, look by look: (records, server)."""
        self.admin.migrations_client.list_migrations.side_effect = [
            {'migrations': [OLD, OTHER, *records]} for records, _ in steps]
        self.servers.show_server.side_effect = [said for _, said in steps]

    def test_source_and_request(self):
        self.assertEqual('a', self.migration.source)
        self.migration.request(host='b', block_migration='auto')
        self.servers.live_migrate_server.assert_called_once_with(
            SERVER, host='b', block_migration='auto')

    def test_older_and_other_records_are_not_it(self):
        self.assertIsNone(self.migration.record)
        self.records(OLD, OTHER, record('running'))
        self.assertEqual('running', self.migration.record['status'])

    def test_completed_is_not_enough_without_the_server(self):
        self.play(([], server()),
                  ([record('running')], server(task='migrating')),
                  ([record('completed')], server(task='migrating')),
                  ([record('completed')], server('b')))
        self.migration.wait_until_completed(60)
        self.assertRaises(StopIteration, self.servers.show_server)

    def test_fails(self):
        for status in ('error', 'failed', 'cancelled'):
            self.records(OLD, record(status))
            error = self.assertRaises(
                exceptions.MigrationFailed,
                self.migration.wait_until_completed, 60)
            self.assertIn('ended as ' + status, str(error))
            self.assertEqual(record(status), error.record)

    def test_server_in_error(self):
        self.servers.show_server.return_value = server(status='ERROR')
        error = self.assertRaises(exceptions.MigrationFailed,
                                  self.migration.wait_until_completed, 60)
        self.assertIn('with the server ERROR', str(error))

    def test_takes_too_long(self):
        self.records(OLD, record('running'))
        error = self.assertRaises(exceptions.MigrationFailed,
                                  self.migration.wait_until_completed, 0)
        self.assertIn('was not completed within 0 s', str(error))
        self.assertIn('"running"', str(error))

    def test_events_of_the_latest_one(self):
        self.servers.list_instance_actions.return_value = {
            'instanceActions': [
                {'action': 'create', 'start_time': '3', 'request_id': 'c'},
                {'action': 'live-migration', 'start_time': '1',
                 'request_id': 'first'},
                {'action': 'live-migration', 'start_time': '2',
                 'request_id': 'second'}]}
        self.servers.show_instance_action.return_value = {
            'instanceAction': {'events': [{'start_time': '9'},
                                          {'start_time': '8'}]}}
        self.assertEqual(['8', '9'], [event['start_time'] for event in
                                      self.migration.events()])
        self.servers.show_instance_action.assert_called_once_with(
            SERVER, 'second')
