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

import collections.abc
import functools
import json
import time

from oslo_log import log
from tempest.lib import exceptions as lib_exc

from migration_tempest_plugin.cloud import api
from migration_tempest_plugin.cloud import records
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.measurement import Followed
from migration_tempest_plugin.measurement import Look
from migration_tempest_plugin.measurement import Progress
from migration_tempest_plugin.measurement.progress import ENDED
from migration_tempest_plugin.measurement.progress import FAILED

LOG = log.getLogger(__name__)

#: The part of the time in which Nova is asked how far it is, at the most.
LOOKING = 0.5

#: What comes back where it is not known: no such page, or 406, which older
#: releases of Tempest have no name for.
NOT_TOLD = (
    lib_exc.NotFound,
    getattr(lib_exc, 'NotAcceptable', lib_exc.UnexpectedResponseCode),
)


class LiveMigration:
    """Asks for a live migration and follows it to its end.

    :param admin: Tempest's clients of an administrator
    :param server_id: id of the server
    :param interval: seconds between two looks at the API
    :ivar looked: called after each look; it must not wait
    """

    def __init__(
        self, admin: api.Admin, server_id: str, interval: float
    ) -> None:
        self._servers = admin.servers_client
        self._migrations = admin.migrations_client
        self._server_id = server_id
        self._interval = interval
        self.source = self.host()
        self._before = {record['id'] for record in self._records()}
        self._actions_before = set(self._actions())
        # its request, once Nova shows it
        self._action: str | None = None
        self._tells_progress = True
        self._requested: float | None = None
        self._looks: list[Look] = []
        # What the last of them showed.
        self._seen: tuple[api.Record | None, tuple[api.Record, ...]]
        self._seen = None, ()
        self.looked: collections.abc.Callable[[], object] = lambda: None

    def host(self) -> str | None:
        """The host that the server is on."""
        host: str | None = self._server()['OS-EXT-SRV-ATTR:host']
        return host

    def request(self, **arguments: object) -> None:
        """Ask for it; arguments are those of the API."""
        LOG.debug(
            'Live migrating %s from %s: %s',
            self._server_id,
            self.source,
            arguments,
        )
        self._requested = time.monotonic()
        self._servers.live_migrate_server(self._server_id, **arguments)

    def wait_until_completed(
        self, timeout: float, status: str = 'ACTIVE'
    ) -> None:
        """Wait for the record to be completed, and for the server.

        The server alone says too little: it is ACTIVE when a migration
        failed, too.

        :param timeout: in seconds
        :param status: that the server has then; PAUSED if it had that before
        :raises MigrationFailed: if it ends otherwise, or not in time
        """
        self._wait_until(
            functools.partial(self._completed, becomes=status),
            'completed',
            timeout,
        )

    def is_completed(self) -> bool:
        """Whether it is by now: as wait_until_completed(), at once.

        :raises MigrationFailed: if it ended otherwise
        """
        return self._completed(self._look())

    def wait_until(
        self, statuses: collections.abc.Collection[str], timeout: float
    ) -> None:
        """Wait for the record to have one of some statuses.

        :param timeout: in seconds
        :raises MigrationFailed: if it ends with another, or does not in time
        """

        def reached(record: api.Record | None) -> bool:
            status = record['status'] if record else None
            if status not in statuses and status in ENDED:
                raise self._failed(f'ended as {status}')
            return status in statuses

        self._wait_until(reached, ' or '.join(statuses), timeout)

    def wait_until_ended(self, timeout: float) -> None:
        """Wait for the record to have an end, whatever it is.

        :param timeout: in seconds
        :raises MigrationFailed: if it does not end in time
        """
        self._wait_until(self._ended, 'ended', timeout)

    def has_ended(self) -> bool:
        """Whether it has by now: as wait_until_ended(), at once."""
        return self._ended(self._look())

    def abort(self) -> None:
        """Ask for its end, while it runs, or waits for its turn."""
        with api.microversion(api.ABORT):
            self._servers.delete(self._path())

    def call_off(self, timeout: float) -> None:
        """End it if it still goes on: for a test that has failed amid it.

        Never raises, so that it can't hide that failure.

        :param timeout: in seconds
        """
        try:
            record = self.record
            if record and record['status'] not in ENDED:
                self.abort()
                self.wait_until_ended(timeout)
        except (lib_exc.TempestException, exceptions.MigrationFailed) as error:
            LOG.warning(
                'The live migration of %s could not be called off: %s',
                self._server_id,
                error,
            )

    def force_complete(self) -> None:
        """Ask for its completion, whatever that costs the guest."""
        with api.microversion(api.FORCE_COMPLETE):
            # Older releases of Tempest have no call for it.
            self._servers.post(
                self._path() + '/action', json.dumps({'force_complete': None})
            )

    def _path(self) -> str:
        """Where the API has it.

        :raises MigrationFailed: if it has no record
        """
        record = self.record
        if record is None:
            raise self._failed('has no record')
        return f'servers/{self._server_id}/migrations/{record["id"]}'

    def _wait_until(
        self,
        reached: collections.abc.Callable[[api.Record | None], bool],
        what: str,
        timeout: float,
    ) -> None:
        give_up = time.monotonic() + timeout
        while True:
            asked = time.monotonic()
            if reached(self._look()):
                return
            if time.monotonic() > give_up:
                raise self.late(what, timeout)
            _pause(asked, self._interval)

    def late(self, what: str, timeout: float) -> exceptions.MigrationFailed:
        """The MigrationFailed that it was not done in time."""
        return self._failed(f'was not {what} within {timeout:g} s')

    def _failed(self, how: str) -> exceptions.MigrationFailed:
        return exceptions.MigrationFailed(
            f'The live migration of {self._server_id} from {self.source} '
            f'{how}',
            self.record,
            self.events(),
        )

    @property
    def progress(self) -> Progress | None:
        """What was seen while it was waited for, or None."""
        if self._requested is None:
            return None
        return Progress(self._requested, tuple(self._looks))

    def _look(self) -> api.Record | None:
        """Keep how far it is; returns the migration record."""
        asked = time.monotonic()
        record = self.record
        shown, events = self._shown(record), self.events()
        self._looks.append(records.look(asked, record, shown, events))
        self._seen = record, tuple(events)
        self.looked()
        return record

    def followed(self) -> Followed:
        """What was seen of it up to now; nothing is asked for that.

        :raises RuntimeError: if it was not requested
        """
        progress = self.progress
        if progress is None:
            raise RuntimeError('it was not requested')
        record, events = self._seen
        status = record['status'] if record else 'under way'
        destination = None
        if record and status in ENDED:
            moved = status == 'completed'
            destination = record['dest_compute'] if moved else self.source
        return Followed(
            'live migration',
            self.source,
            destination,
            status,
            progress,
            record,
            events,
            _when_ended(progress),
        )

    def _shown(self, record: api.Record | None) -> list[api.Record]:
        """The migrations that go on, as long as the API shows them."""
        if not record or not self._tells_progress:
            return []
        try:
            with api.microversion(api.PROGRESS):
                # Older releases of Tempest have no call for it.
                _, body = self._servers.get(
                    f'servers/{self._server_id}/migrations'
                )
        except NOT_TOLD as error:
            LOG.debug(
                'This cloud does not show the progress of a live '
                'migration: %s',
                error,
            )
            self._tells_progress = False
            return []
        shown: list[api.Record] = json.loads(body)['migrations']
        return shown

    def _ended(self, record: api.Record | None) -> bool:
        return (
            record is not None
            and record['status'] in ENDED
            and self._server()['OS-EXT-STS:task_state'] is None
        )

    def _completed(
        self, record: api.Record | None, becomes: str = 'ACTIVE'
    ) -> bool:
        status = record['status'] if record else None
        if record and status not in ENDED:
            # To show the server costs Nova a question to Neutron, too.
            return False
        server = self._server()
        if status in FAILED or server['status'] == 'ERROR':
            raise self._failed(
                f'ended as {status}, with the server {server["status"]}'
            )
        return (
            status == 'completed'
            and server['status'] == becomes
            and server['OS-EXT-STS:task_state'] is None
        )

    @property
    def record(self) -> api.Record | None:
        """The migration record, or None as long as there is none."""
        new = [
            record
            for record in self._records()
            if record['id'] not in self._before
        ]
        return max(new, key=lambda record: record['id'], default=None)

    def events(self) -> list[api.Record]:
        """The events of its instance action, as far as there are any."""
        if self._action is None:
            new = {
                request: start
                for request, start in self._actions().items()
                if request not in self._actions_before
            }
            if not new:
                return []
            self._action = max(new, key=new.__getitem__)
        action = self._servers.show_instance_action(
            self._server_id, self._action
        )['instanceAction']
        return sorted(
            action.get('events', []), key=lambda event: event['start_time']
        )

    def _actions(self) -> dict[str, str]:
        """When each live migration of the server was asked for."""
        return {
            action['request_id']: action['start_time']
            for action in self._servers.list_instance_actions(self._server_id)[
                'instanceActions'
            ]
            if action['action'] == 'live-migration'
        }

    def _server(self) -> api.Record:
        server: api.Record = self._servers.show_server(self._server_id)[
            'server'
        ]
        return server

    def _records(self) -> list[api.Record]:
        # Checked again here: a release of Nova that does not know the filter
        # would give the records of all servers.
        return [
            record
            for record in self._migrations.list_migrations(
                instance_uuid=self._server_id
            )['migrations']
            if record['instance_uuid'] == self._server_id
        ]


def wait_until_all_completed(
    migrations: collections.abc.Iterable[LiveMigration],
    timeout: float,
    interval: float,
) -> None:
    """Wait for several live migrations, looking at them in turn.

    Where one fails, the others are waited for all the same.

    :param timeout: seconds, for all of them
    :param interval: seconds between two looks at one
    :raises MigrationFailed: of the first one that failed, if any
    """
    _wait_until_all(
        migrations,
        lambda each: each.is_completed(),
        'completed',
        timeout,
        interval,
    )


def wait_until_all_ended(
    migrations: collections.abc.Iterable[LiveMigration],
    timeout: float,
    interval: float,
) -> None:
    """As wait_until_all_completed(), for any end."""
    _wait_until_all(
        migrations, lambda each: each.has_ended(), 'ended', timeout, interval
    )


def _wait_until_all(
    migrations: collections.abc.Iterable[LiveMigration],
    reached: collections.abc.Callable[[LiveMigration], bool],
    what: str,
    timeout: float,
    interval: float,
) -> None:
    give_up = time.monotonic() + timeout
    failures: list[exceptions.MigrationFailed] = []
    pending = list(migrations)
    while pending:
        asked = time.monotonic()
        late = asked > give_up
        for migration in list(pending):
            try:
                done = reached(migration)
                if not done and late:
                    raise migration.late(what, timeout)
            except exceptions.MigrationFailed as error:
                LOG.warning('%s', error)
                failures.append(error)
                done = True
            if done:
                pending.remove(migration)
        if pending:
            _pause(asked, interval)
    if failures:
        raise failures[0]


def _when_ended(progress: Progress) -> tuple[float, float] | None:
    """Between which moments the record came to its end, or None."""
    before = progress.requested
    for look in progress.looks:
        if look.status in ENDED:
            return before, look.answered
        before = look.asked
    return None


def _pause(asked: float, interval: float) -> None:
    """Sleep until the next look.

    What Nova does to answer, it can't do for the migration: a cloud that
    answers slowly, or of several migrations, is asked less often.

    :param asked: when the last look began
    :param interval: seconds that are slept at the least
    """
    took = time.monotonic() - asked
    time.sleep(max(interval, took * (1 / LOOKING - 1)))
