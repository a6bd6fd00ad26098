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
"""A server followed through whatever is done to it, by Nova's API."""

import dataclasses
import time

from migration_tempest_plugin.cloud import records
from migration_tempest_plugin.cloud.records import Record
from migration_tempest_plugin.cloud import shown
from migration_tempest_plugin.measurement import Followed
from migration_tempest_plugin.measurement import Look
from migration_tempest_plugin.measurement import Progress
from migration_tempest_plugin.measurement.progress import AT_REST


@dataclasses.dataclass(frozen=True)
class State:
    """What Nova said of a server at one time.

    :ivar asked: when it was asked, in seconds
    :ivar answered: when it had answered all
    :ivar status: of the server; None if there is no such server any more
    :ivar task: what Nova does to it, or None
    :ivar host: that it is on, or None where that is not shown
    :ivar host_id: differs from host to host, and is shown to everybody
    """

    asked: float
    answered: float
    status: str | None
    task: str | None = None
    host: str | None = None
    host_id: str = ''

    @classmethod
    def of(cls, asked: float, document: Record | None) -> 'State':
        """That of what Nova says now."""
        return cls(
            asked,
            time.monotonic(),
            **{
                'status': document['status'],
                'task': document.get('OS-EXT-STS:task_state'),
                'host': document.get('OS-EXT-SRV-ATTR:host'),
                'host_id': document.get('hostId') or '',
            }
            if document is not None
            else {'status': None},
        )


@dataclasses.dataclass
class Migration:
    """A migration while it is followed; its parts are those of a Followed.

    :ivar source_id: State.host_id of the source
    :ivar destination_id: that of the destination, once it is over
    """

    kind: str
    source: str | None
    requested: float
    source_id: str
    record: Record | None = None
    events: list[Record] = dataclasses.field(default_factory=list)
    looks: list[Look] = dataclasses.field(default_factory=list)
    destination: str | None = None
    destination_id: str | None = None
    ended: tuple[float, float] | None = None

    @property
    def status(self) -> str:
        """That of its record, or in words where that is not shown."""
        if self.record is not None:
            status: str = self.record['status']
            return status
        if not self.ended:
            return 'under way'
        if self.source_id != self.destination_id:
            return 'over'
        # A resize may stay on its host, and is no failure then.
        return 'failed' if self._had_errors else 'over, on the same host'

    @property
    def _had_errors(self) -> bool:
        return any(event.get('result') == 'Error' for event in self.events)

    @property
    def to(self) -> str | None:
        """The host that it goes to, or None where that is not shown."""
        return (self.record or {}).get('dest_compute')

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is done in it, as far as it itself shows."""
        if self.record is not None:
            return self.record['status'] in AT_REST
        return bool(self.events) and all(
            event.get('finish_time') for event in self.events
        )

    def followed(self) -> Followed:
        """What there is of it up to now."""
        return Followed(
            self.kind,
            self.source,
            self.destination,
            self.status,
            Progress(self.requested, tuple(self.looks)),
            self.record,
            tuple(self.events),
            self.ended,
        )


class Following:
    """Follows one server, and what began after the first look.

    An administrator sees hosts, and the records of migrations with their
    status and their memory. Others see the status of the server, and of each
    migration the events; a change of the host, and not which it is.

    :param its: what is Shown of the server
    """

    def __init__(self, its: shown.Shown) -> None:
        self._its = its
        self._document: Record | None = None
        self._state: State | None = None
        self._before: set[object] = set()
        self._migrations: dict[object, Migration] = {}

    @property
    def migrations(self) -> tuple[Migration, ...]:
        """Those that began since the first look, in turn."""
        return tuple(self._migrations.values())

    @property
    def is_under_way(self) -> bool:
        """Whether something was done to the server at the last look."""
        return bool(
            self._state
            and self._state.status
            and (self._state.task or not self._all_ended)
        )

    @property
    def _all_ended(self) -> bool:
        return all(each.ended for each in self.migrations)

    def look(self) -> State:
        """Ask once.

        :raises CloudError: if an answer is missing; the next look goes on
        """
        asked = time.monotonic()
        document = self._its.document()
        # For hours, nothing may change: then this alone is asked for.
        if document is not None and (
            document != self._document or not self._all_ended
        ):
            self._look_at_migrations(State.of(asked, document))
        self._document = document
        self._state = State.of(asked, document)
        return self._state

    def _look_at_migrations(self, state: State) -> None:
        found = self._its.migrations()
        if self._state is None:
            self._before = {each.key for each in found}
            return
        new = [each for each in found if each.key not in self._before]
        memory = self._its.memory() if any(each.record for each in new) else []
        for each in new:
            if each.key not in self._migrations:
                self._migrations[each.key] = _begun(each, self._state)
            migration = self._migrations[each.key]
            # Of what is over, only the record may change.
            if not migration.ended or each.record != migration.record:
                self._follow(migration, each, state, memory)
        self._see_where(state)

    def _follow(
        self,
        migration: Migration,
        found: shown.Found,
        state: State,
        memory: list[Record],
    ) -> None:
        """Take in what is shown of it now."""
        if found.request:
            migration.events = self._its.events(found.request)
        migration.record = found.record
        look = records.look(
            state.asked, found.record, memory, migration.events
        )
        migration.looks.append(look)
        # The answers on the server may be older than its request.
        if state.task is None and migration.is_at_rest:
            before = self._state.asked if self._state else migration.requested
            migration.ended = migration.ended or (before, look.answered)

    def _see_where(self, state: State) -> None:
        """Where the server is after each of them that is over.

        A resize or a cold migration is over when it can be confirmed, and may
        be reverted after that: then the server is where it was before.
        """
        places = [
            (each.source, each.source_id) for each in self.migrations[1:]
        ]
        if state.task is None:
            places.append((state.host, state.host_id))
        for migration, place in zip(self.migrations, places):
            if migration.ended:
                migration.destination, migration.destination_id = place


def _begun(found: shown.Found, before: State) -> Migration:
    """A Migration that was not there when the server was in a State."""
    source = (found.record or {}).get('source_compute') or before.host
    return Migration(found.kind, source, before.asked, before.host_id)
