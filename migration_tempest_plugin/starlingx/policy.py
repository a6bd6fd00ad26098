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
"""Holds live migrations to what their servers' settings say, from outside.

A stock Nova knows nothing of StarlingX's settings. Two of them work all the
same: a migration that takes too long is aborted by the API, and the
maximum downtime is set by libvirt on the source. What nova.conf alone can say
(auto-converge, tunnelling) can't.
"""

import collections.abc
import contextlib
import dataclasses
import time
import typing

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.starlingx import settings


@dataclasses.dataclass(frozen=True)
class Migration:
    """A live migration that is running.

    :ivar server: id of the server
    :ivar source: the host that it leaves
    """

    id: int
    server: str
    source: str


class Cloud(typing.Protocol):
    """What a Controller asks of a cloud."""

    def migrations(self) -> collections.abc.Collection[Migration]:
        """The live migrations that run."""

    def sources(self, server: str) -> settings.Sources:
        """Where a server's settings stand."""

    def abort(self, migration: Migration) -> None:
        """End one of them."""


class Job(typing.Protocol):
    """A migration, as libvirt sees it."""

    @property
    def elapsed(self) -> float | None:
        """Seconds since it began, or None."""


class Libvirt(typing.Protocol):
    """What a Controller asks of libvirt on a host; times are seconds."""

    def job(self, server: str) -> Job:
        """The migration of a server that is going on."""

    def maximum_downtime(self, server: str) -> float:
        """For how long QEMU may stop a server at the end."""

    def set_maximum_downtime(self, server: str, seconds: float) -> None:
        """Say for how long it may."""


@dataclasses.dataclass
class _Known:
    """What was done about one migration.

    :ivar since: when it began, or was first seen
    :ivar due: when its time is over, or None
    """

    since: float
    due: float | None = None
    aborted: bool = False
    said: set[str] = dataclasses.field(default_factory=set)


class Controller:
    """Looks at the running live migrations, and acts on each.

    :param cloud: has migrations(), which gives the Migrations; sources(server)
        for the settings.Sources of a server; abort(migration)
    :param libvirts: the Libvirt of each host by its name; where there is
        none, the maximum downtime can't be set
    :param defaults: the settings.Defaults for servers that say nothing
    :param say: called with each sentence on what is done
    :param dry_run: only says what it would do
    :param clock: gives the time of step()
    """

    def __init__(
        self,
        cloud: Cloud,
        libvirts: collections.abc.Mapping[str, Libvirt],
        defaults: settings.Defaults,
        say: collections.abc.Callable[[str], object],
        dry_run: bool = False,
        clock: collections.abc.Callable[[], float] = time.monotonic,
    ) -> None:
        self._cloud = cloud
        self._libvirts = libvirts
        self._defaults = defaults
        self._say = say
        self._dry_run = dry_run
        self._clock = clock
        self._known: dict[int, _Known] = {}

    def step(self, now: float) -> None:
        """Look once, and do what is due.

        Settings are read again each time: they may change while a server is
        migrated. What can't be done for one server is said, and tried again
        at the next step.

        :param now: by a monotonic clock, in seconds
        :raises MigrationTestError: if the cloud can't be asked for migrations
        """
        migrations = self._cloud.migrations()
        self._known = {
            each.id: self._known.get(each.id)
            or _Known(self._beginning(each, now))
            for each in migrations
        }
        # What is due goes first: others may take their time.
        for migration in sorted(migrations, key=self._due):
            try:
                self._hold(migration, self._known[migration.id], now)
            except exceptions.MigrationTestError as error:
                self._tell(migration, str(error))

    def _due(self, migration: Migration) -> float:
        due = self._known[migration.id].due
        return float('inf') if due is None else due

    @property
    def next_due(self) -> float | None:
        """When the time of a migration is over next, or None.

        By the clock of step().
        """
        return min(
            (
                known.due
                for known in self._known.values()
                if known.due is not None and not known.aborted
            ),
            default=None,
        )

    def _hold(self, migration: Migration, known: _Known, now: float) -> None:
        if known.aborted:
            return
        sources = self._cloud.sources(migration.server)
        for sentence in sources.unknown:
            self._tell(migration, sentence)
        wanted = settings.resolve(sources, self._defaults)
        for sentence in wanted.ignored:
            self._tell(migration, sentence + ': it is ignored')
        known.due = known.since + wanted.timeout if wanted.timeout else None
        if known.due is not None and now >= known.due:
            self._abort(migration, known, wanted.timeout)
        else:
            self._set_downtime(migration, wanted.max_downtime)

    def _beginning(self, migration: Migration, now: float) -> float:
        """libvirt says since when it goes on: it may have been seen late."""
        libvirt = self._libvirts.get(migration.source)
        if libvirt:
            with contextlib.suppress(exceptions.HostError):
                elapsed = libvirt.job(migration.server).elapsed or 0.0
                return min(now, self._clock() - elapsed)
        return now

    def _abort(
        self, migration: Migration, known: _Known, timeout: int
    ) -> None:
        self._tell(migration, f'not completed after {timeout} s: aborting it')
        if not self._dry_run:
            self._cloud.abort(migration)
        known.aborted = True

    def _set_downtime(self, migration: Migration, wanted: int) -> None:
        libvirt = self._libvirts.get(migration.source)
        if not libvirt:
            self._tell(
                migration,
                f"its maximum downtime can't be set: {migration.source} is "
                'not among [migration-hosts] computes',
            )
            return
        current = round(libvirt.maximum_downtime(migration.server) * 1000)
        target = target_downtime(current, wanted, self._defaults.max_downtime)
        if target != current:
            self._tell(
                migration,
                f'maximum downtime of {target} ms instead of {current} ms',
            )
            if not self._dry_run:
                libvirt.set_maximum_downtime(migration.server, target / 1000)

    def _tell(self, migration: Migration, sentence: str) -> None:
        """Say something of a migration, but once only."""
        said = self._known[migration.id].said
        if sentence not in said:
            said.add(sentence)
            self._say(
                f'server {migration.server}, migration {migration.id}: '
                f'{sentence}'
            )


def target_downtime(current: int, wanted: int, host: int) -> int:
    """Which maximum downtime QEMU should have, in ms.

    Nova raises it step by step up to the host's own. No step may go over what
    is wanted; more than the host's own is given once Nova has come to its
    end.

    >>> target_downtime(current=250, wanted=100, host=500)
    100
    >>> target_downtime(current=50, wanted=100, host=500)
    50

    :param current: what it has
    :param wanted: what the server's settings say
    :param host: what nova.conf says
    """
    if current > wanted or (current == host and wanted > host):
        return wanted
    return current
