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
"""What Nova's API shows of one server and its migrations, to whoever asks."""

import dataclasses
import datetime

from migration_tempest_plugin.cloud import nova
from migration_tempest_plugin.cloud.records import Record

#: Microversions: of os-migrations with their type, and of the memory that is
#: copied; of instance actions, whose events it shows to everybody.
_MIGRATIONS, _ACTIONS = '2.23', '2.51'

#: What a migration is called, by its type.
KINDS = {
    'live-migration': 'live migration',
    'migration': 'cold migration',
    'resize': 'resize',
    'evacuation': 'evacuation',
}

#: The type of a migration, by the action that asks for it.
_TYPES = {
    'live-migration': 'live-migration',
    'migrate': 'migration',
    'resize': 'resize',
    'evacuate': 'evacuation',
}

#: By how much the clocks of Nova's API and its conductor may differ.
_CLOCKS = datetime.timedelta(seconds=2)

#: The status of HTTP for what a user may not ask.
_FORBIDDEN = (403,)


@dataclasses.dataclass(frozen=True)
class Found:
    """A migration in an answer of Nova.

    :ivar key: the id of its record, or of its request where that is hidden
    :ivar kind: one of KINDS
    :ivar request: id of its request, or None if it is not known
    :ivar record: or None where it is hidden
    """

    key: object
    kind: str
    request: str | None
    record: Record | None = None


class Shown:
    """What is shown of a server; each method asks, and raises CloudError.

    :param api: Nova's API
    :param server: id of the server
    :ivar records: whether the user may see records of migrations, as far as
        they were asked for
    """

    def __init__(self, api: nova.Nova, server: str) -> None:
        self.records = True
        self._api = api
        self._server = server
        self._path = '/servers/' + server

    def document(self) -> Record | None:
        """The server; None if there is none any more."""
        answer = self._api.get(self._path, refused=(404,))
        document: Record | None = answer and answer['server']
        return document

    def migrations(self) -> list[Found]:
        """All that there were, the oldest first."""
        actions = self._actions()
        found = self._records()
        if found is None:
            return [
                Found(request, KINDS[_TYPES[each['action']]], request)
                for each in actions
                for request in [each['request_id']]
            ]
        return [
            Found(
                each['id'],
                KINDS[each['migration_type']],
                _request(each, actions),
                each,
            )
            for each in found
        ]

    def memory(self) -> list[Record]:
        """The migrations that go on, with their memory; none if hidden."""
        answer = self._api.get(
            self._path + '/migrations', _MIGRATIONS, refused=_FORBIDDEN
        )
        return answer['migrations'] if answer else []

    def events(self, request: str) -> list[Record]:
        """The events of a request."""
        answer = self._api.get(
            f'{self._path}/os-instance-actions/{request}', _ACTIONS
        )
        return sorted(
            (answer or {})['instanceAction'].get('events', ()),
            key=lambda event: event['start_time'],
        )

    def _records(self) -> list[Record] | None:
        if not self.records:
            return None
        answer = self._api.get(
            '/os-migrations',
            _MIGRATIONS,
            refused=_FORBIDDEN,
            query={'instance_uuid': self._server},
        )
        self.records = answer is not None
        if answer is None:
            return None
        return sorted(
            (
                record
                for record in answer['migrations']
                if record['migration_type'] in KINDS
            ),
            key=lambda record: record['id'],
        )

    def _actions(self) -> list[Record]:
        """Of what migrates it, the requests."""
        answer = self._api.get(self._path + '/os-instance-actions', _ACTIONS)
        return sorted(
            (
                action
                for action in (answer or {})['instanceActions']
                if action['action'] in _TYPES
            ),
            key=lambda action: action['start_time'],
        )


def _request(record: Record, actions: list[Record]) -> str | None:
    """The id of the request that a record comes from, or None."""
    created = _moment(record['created_at']) + _CLOCKS
    before: list[str] = [
        action['request_id']
        for action in actions
        if _TYPES[action['action']] == record['migration_type']
        and _moment(action['start_time']) <= created
    ]
    return before[-1] if before else None


def _moment(stamp: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(stamp)
