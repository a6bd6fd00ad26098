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
"""The servers of a watch, followed through Nova's API meanwhile."""

import collections.abc
import dataclasses
import threading
import time

from migration_tempest_plugin.cloud import following
from migration_tempest_plugin.cloud import nova
from migration_tempest_plugin.cloud import server
from migration_tempest_plugin.cloud import shown
from migration_tempest_plugin import exceptions
from migration_tempest_plugin import measurement
from migration_tempest_plugin.watch import session

#: Seconds from one look at all servers to the next, at the least.
EVERY = 0.5

#: The part of the time in which Nova is asked, at the most.
LOOKING = 0.5

#: Gets a target, and all that was Followed of its server up to now.
Sink = collections.abc.Callable[
    [str, collections.abc.Sequence[measurement.Followed]], object
]


@dataclasses.dataclass(frozen=True)
class News:
    """What a look at a server showed, or that it could not be looked at.

    :ivar moment: when it was known, in seconds: it happened before that
    :ivar text: for people
    :ivar details: for programs, by name; doc/source/records.rst has them
    """

    moment: float
    text: str
    details: dict


class Servers:
    """Follows servers in a thread as long as its ``with`` lasts.

    An API that does not answer is asked on: it may be what is being upgraded.

    :param api: cloud.nova.Nova, or None if there are no servers
    :param servers: each cloud.server.Server
    :raises CloudError: from ``with``, if the first look fails
    """

    def __init__(
        self, api: nova.Nova | None, servers: collections.abc.Iterable
    ):
        self._followed = [_Followed(api, each) for each in servers]
        self._over = threading.Event()
        self._changed = threading.Lock()
        self._news = []
        self._sink = None
        self._known = 0.0  # when the last round began in which all answered
        self._unknown = None  # (since when, why) they do not
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> 'Servers':
        self._round()
        if self._unknown:
            _, why = self._unknown
            raise exceptions.CloudError(why)
        if self._followed:
            self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.end()

    @property
    def addresses(self) -> list[str]:
        """That of each server."""
        return [each.server.address for each in self._followed]

    def end(self) -> None:
        """Look once more, and no more after that."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def record(self, sink: Sink) -> None:
        """Have a sink get what is known of all migrations, at each look."""
        self._sink = sink

    def look(self) -> list[News]:
        """What is new since the last call."""
        with self._changed:
            news, self._news = self._news, []
        return news

    def now(self) -> list[str]:
        """What goes on, for people: of one server, also that nothing does."""
        if self._unknown:
            return [self._unknown[1]]
        return [
            each.now
            for each in self._followed
            if each.following.is_under_way or len(self._followed) == 1
        ]

    def hidden(self) -> str:
        """What this user may not see, for people; or ''."""
        if all(each.shown.records for each in self._followed):
            return ''
        return (
            'hosts, and the records of migrations, are shown to '
            'administrators alone: what is followed is the status of servers, '
            'and the events of their migrations'
        )

    def is_at_rest(self, since: float) -> bool:
        """Whether nothing was done to any at a look after a moment."""
        return self._known >= since and not any(
            each.following.is_under_way for each in self._followed
        )

    def unknown_for(self) -> float:
        """For how many seconds the API has not answered."""
        unknown = self._unknown
        return time.monotonic() - unknown[0] if unknown else 0.0

    def join(
        self, measured: measurement.MeasuredMigration
    ) -> measurement.MeasuredMigration:
        """What was measured of a target, with the migrations of its server."""
        for each in self._followed:
            if each.server.address == measured.server:
                return measured.following(each.followed())
        return measured

    def _run(self) -> None:
        over, pause = False, 0.0
        while not over:
            over = self._over.wait(pause)
            took = self._round()
            # What Nova does to answer, it can't do for a migration.
            pause = max(EVERY, took * (1 / LOOKING - 1))

    def _round(self) -> float:
        """Look at each server; returns how many seconds that took."""
        began, why, news = time.monotonic(), '', []
        try:
            for each in self._followed:
                news += each.look()
                if self._sink:
                    self._sink(each.server.address, each.followed())
        except exceptions.CloudError as error:
            why = str(error)
        except Exception as error:  # an answer that nobody knows
            why = f'{type(error).__name__}: {error}'
        with self._changed:
            of_api = self._of_api(began, why)
            self._news += [*news, *of_api] if why else [*of_api, *news]
        return time.monotonic() - began

    def _of_api(self, began: float, why: str) -> list[News]:
        """That it can't be asked, once, or that it can be again.

        :param began: when the round began
        :param why: the round failed, or ''
        """
        unknown = self._unknown
        if why:
            self._unknown = unknown or (self._known, why)
            return [] if unknown else [_failed(self._known, why)]
        self._known, self._unknown = began, None
        return [_answers(unknown, began)] if unknown else []


def _failed(since: float, why: str) -> News:
    return News(
        time.monotonic(),
        f'not known what servers do: {why}',
        {'why': why, 'since': session.epoch(since)},
    )


def _answers(unknown: tuple[float, str], began: float) -> News:
    since, why = unknown
    return News(
        began,
        f'not known what servers did from {session.wall(since)} to '
        f'{session.wall(began)}: {why}; it answers again',
        {'why': None, 'since': session.epoch(since)},
    )


class _Followed:
    """One server, and what was said of it.

    :ivar now: what is known of it, for people
    """

    def __init__(self, api: nova.Nova, named: server.Server):
        self.server = named
        self.shown = shown.Shown(api, named.id)
        self.following = following.Following(self.shown)
        self.now = ''
        self._said = None  # of the server itself
        self._statuses = {}  # number of a migration: the status that was said

    def look(self) -> list[News]:
        """What is new: nothing if all is as it was."""
        state = self.following.look()
        changed = [
            migration
            for number, migration in enumerate(self.following.migrations)
            if self._statuses.get(number) != migration.status
        ]
        texts = [_of_migration(each) for each in changed]
        # While it migrates, that says more than its status does.
        if all(each.ended for each in self.following.migrations):
            texts += self._of_server(state)
        if not texts:
            return []
        self._statuses = dict(
            enumerate(each.status for each in self.following.migrations)
        )
        said = '; '.join(texts)
        self.now = f'{self.server.named} ({self.server.address}): {said}'
        return [News(state.answered, self.now, self._details(state, changed))]

    def followed(self) -> list[measurement.Followed]:
        """Its migrations up to now, in turn."""
        return [each.followed() for each in self.following.migrations]

    def _of_server(self, state: following.State) -> list[str]:
        """What it is, if that has not been said."""
        said = (state.status, state.task, state.host_id)
        before, self._said = self._said, said
        if said == before:
            return []
        text = state.status or 'there is no such server any more'
        if state.task and state.task.upper() != state.status:
            text += f' ({state.task})'
        if state.host:
            text += f' on {state.host}'
        elif before and state.host_id and before[-1] != state.host_id:
            text += ', on another host'
        return [text]

    def _details(
        self, state: following.State, changed: list[following.Migration]
    ) -> dict:
        return {
            'target': self.server.address,
            'server': self.server.id,
            'name': self.server.named,
            'status': state.status,
            'task': state.task,
            'host': state.host,
            'migrations': [
                {
                    'kind': each.kind,
                    'source': each.source,
                    'destination': each.destination or each.to,
                    'status': each.status,
                    'over': each.ended is not None,
                }
                for each in changed
            ],
        }


def _of_migration(migration: following.Migration) -> str:
    """For people: from where to where, as far as that is known, and how."""
    way = [migration.kind]
    if migration.source:
        way.append(f'from {migration.source}')
    if migration.to:
        way.append(f'to {migration.to}')
    return f'{" ".join(way)}: {migration.status}'
