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
"""One live migration, as Nova's API shows it."""

import time

from oslo_log import log

from migration_tempest_plugin import exceptions

LOG = log.getLogger(__name__)

#: States of a migration record that do not change any more and are no success
#: (nova/compute/manager.py and nova/conductor/tasks/live_migrate.py).
FAILED = ('error', 'failed', 'cancelled')


class LiveMigration:
    """Asks for a live migration and follows it to its end.

    :param admin: Tempest's clients of an administrator
    :param server_id: id of the server
    :param interval: seconds between two looks at the API
    """

    def __init__(self, admin, server_id, interval):
        self._servers = admin.servers_client
        self._migrations = admin.migrations_client
        self._server_id = server_id
        self._interval = interval
        self.source = self.host()
        self._before = {record['id'] for record in self._records()}

    def host(self):
        """The host that the server is on."""
        return self._server()['OS-EXT-SRV-ATTR:host']

    def request(self, **arguments):
        """Ask for it; arguments are those of the API."""
        LOG.debug('Live migrating %s from %s: %s', self._server_id,
                  self.source, arguments)
        self._servers.live_migrate_server(self._server_id, **arguments)

    def wait_until_completed(self, timeout):
        """Wait for the record to be completed, and for the server.

        The server alone says too little: it is ACTIVE when a migration
        failed, too.

        :param timeout: in seconds
        :raises MigrationFailed: if it ends otherwise, or not in time
        """
        give_up = time.monotonic() + timeout
        while not self._completed():
            if time.monotonic() > give_up:
                raise exceptions.MigrationFailed(
                    'The live migration of %s from %s was not completed '
                    'within %g s' % (self._server_id, self.source, timeout),
                    self.record, self.events())
            time.sleep(self._interval)

    def _completed(self):
        record = self.record
        status = record and record['status']
        server = self._server()
        if status in FAILED or server['status'] == 'ERROR':
            raise exceptions.MigrationFailed(
                'The live migration of %s from %s ended as %s, with the '
                'server %s' % (self._server_id, self.source, status,
                               server['status']),
                record, self.events())
        return (status == 'completed' and server['status'] == 'ACTIVE' and
                server['OS-EXT-STS:task_state'] is None)

    @property
    def record(self):
        """The migration record, or None as long as there is none."""
        new = [record for record in self._records()
               if record['id'] not in self._before]
        return max(new, key=lambda record: record['id'], default=None)

    def events(self):
        """The events of the latest live migration's instance action."""
        actions = [action for action in self._servers.list_instance_actions(
            self._server_id)['instanceActions']
            if action['action'] == 'live-migration']
        if not actions:
            return []
        latest = max(actions, key=lambda action: action['start_time'])
        action = self._servers.show_instance_action(
            self._server_id, latest['request_id'])['instanceAction']
        return sorted(action.get('events', []),
                      key=lambda event: event['start_time'])

    def _server(self):
        return self._servers.show_server(self._server_id)['server']

    def _records(self):
        # Checked again here: a release of Nova that does not know the filter
        # would give the records of all servers.
        return [record for record in self._migrations.list_migrations(
            instance_uuid=self._server_id)['migrations']
            if record['instance_uuid'] == self._server_id]
