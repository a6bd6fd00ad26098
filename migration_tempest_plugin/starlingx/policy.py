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

A stock Nova knows nothing of StarlingX's settings. Some of them work all the
same: a migration that takes too long is aborted by the API, the maximum
downtime is set by libvirt on the source, and where auto-converge is on, QEMU
is kept from slowing the server down. What nova.conf alone can say
(auto-converge on, tunnelling) can't.
"""

import collections.abc
import contextlib
import dataclasses
import time
import typing

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.starlingx import outlook
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

    def look_ahead(self) -> None:
        """Read the settings of one server whose migration comes soon."""

    def sources(self, server: str) -> settings.Sources:
        """Where a server's settings stand."""

    def abort(self, migration: Migration) -> None:
        """End one of them."""


class Job(typing.Protocol):
    """A migration, as libvirt sees it."""

    @property
    def elapsed(self) -> float | None:
        """Seconds since it began, or None."""

    @property
    def copies_memory(self) -> bool:
        """Whether it goes on, and has come to the memory."""


class AutoConverge(typing.Protocol):
    """How QEMU slows a server down; as text, the values for people."""

    @property
    def on(self) -> bool:
        """Whether it does, in the migration that goes on."""

    @property
    def is_held(self) -> bool:
        """Whether somebody keeps it from that already."""


class Unthrottled(typing.Protocol):
    """A server that is not slowed down until close()."""

    @property
    def over(self) -> bool:
        """Whether it may be by now: the connection is lost, say."""

    def close(self) -> None:
        """Put back what QEMU had before."""


class Libvirt(typing.Protocol):
    """What a Controller asks of libvirt on a host; times are seconds."""

    def job(self, server: str) -> Job:
        """The migration of a server that is going on."""

    def maximum_downtime(self, server: str) -> float:
        """For how long QEMU may stop a server at the end."""

    def set_maximum_downtime(self, server: str, seconds: float) -> None:
        """Say for how long it may."""

    def has(self, server: str) -> bool:
        """Whether a server is on the host."""

    def auto_converge(self, server: str) -> AutoConverge:
        """How QEMU slows a server down in the migration that goes on."""

    def unthrottled(self, server: str) -> Unthrottled:
        """Keep QEMU from that."""


@dataclasses.dataclass
class _Known:
    """What was done about one migration.

    :ivar since: when it began, or was first seen
    :ivar due: when its time is over, or None
    :ivar tried: whether it was to be aborted in the present step
    :ivar auto_converge: what was wanted when all was done about it that can
        be; None if there is something left
    :ivar tunnel: what was wanted when it was looked at, or None
    """

    since: float
    due: float | None = None
    tried: bool = False
    aborted: bool = False
    auto_converge: bool | None = None
    tunnel: bool | None = None
    said: set[str] = dataclasses.field(default_factory=set)

    def is_late(self, now: float) -> bool:
        """Whether its time is over, and it is still to be aborted."""
        return self.due is not None and now >= self.due and not self.aborted


class Controller:
    """Looks at the running live migrations, and acts on each.

    :param cloud: has migrations(), which gives the Migrations; sources(server)
        for the settings.Sources of a server; abort(migration)
    :param libvirts: the Libvirt of each host by its name; where there is
        none, neither maximum downtime nor auto-converge can be set
    :param defaults: the settings.Defaults for servers that say nothing
    :param say: called with each sentence on what is done
    :param dry_run: only says what it would do
    :param clock: gives the time in seconds, and only goes forward
    :param nova_confs: the NovaConf of each host by its name, where it can be
        read
    """

    def __init__(
        self,
        cloud: Cloud,
        libvirts: collections.abc.Mapping[str, Libvirt],
        defaults: settings.Defaults,
        say: collections.abc.Callable[[str], object],
        dry_run: bool = False,
        clock: collections.abc.Callable[[], float] = time.monotonic,
        nova_confs: collections.abc.Mapping[str, outlook.NovaConf]
        | None = None,
    ) -> None:
        self._cloud = cloud
        self._libvirts = libvirts
        self._defaults = defaults
        self._say = say
        self._dry_run = dry_run
        self._clock = clock
        self._nova_confs = nova_confs or {}
        self._known: dict[Migration, _Known] = {}
        self._held: dict[Migration, Unthrottled] = {}

    def step(self) -> None:
        """Look once, and do what is due.

        Settings are read again each time: they may change while a server is
        migrated. What can't be done for one server is said, and tried again
        at the next step.

        :raises MigrationTestError: if the cloud can't be asked for migrations
        """
        now = self._clock()
        migrations = self._cloud.migrations()
        self._known = {
            each: self._known.get(each) or _Known(self._beginning(each, now))
            for each in migrations
        }
        for known in self._known.values():
            known.tried = False
        for migration in migrations:
            self._abort_late()
            with self._telling(migration):
                self._hold(migration)
        self._abort_late()
        self._release_all(but=migrations)
        # What goes wrong with it is said when it runs.
        with contextlib.suppress(exceptions.MigrationTestError):
            self._cloud.look_ahead()

    def close(self) -> None:
        """Put everything back. What can't be is said."""
        self._release_all()

    @contextlib.contextmanager
    def _telling(self, migration: Migration) -> collections.abc.Iterator[None]:
        """Say what goes wrong meanwhile, and go on."""
        try:
            yield
        except exceptions.HostError as error:
            # At the end of its migration, a server goes at any time.
            if self._is_there(migration):
                self._tell(migration, str(error))
        except exceptions.MigrationTestError as error:
            self._tell(migration, str(error))

    def _is_there(self, migration: Migration) -> bool:
        """Whether a server is still on its source, as far as is known."""
        libvirt = self._libvirts.get(migration.source)
        if libvirt:
            with contextlib.suppress(exceptions.HostError):
                return libvirt.has(migration.server)
        return True

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

    def _abort_late(self) -> None:
        """End what is late by now: to look at one takes its time.

        Each is tried once in a step.
        """
        for migration, known in self._known.items():
            if not known.tried and known.is_late(self._clock()):
                known.tried = True
                with self._telling(migration):
                    self._abort_if_late(migration, known)

    def _abort_if_late(self, migration: Migration, known: _Known) -> None:
        wanted = self._wanted(migration)
        now = self._clock()
        if not known.is_late(now):
            return
        self._tell(
            migration,
            f'not completed after {wanted.timeout} s: aborting it, '
            f'{now - known.since:.1f} s after it began',
        )
        if not self._dry_run:
            self._cloud.abort(migration)
        known.aborted = True

    def _hold(self, migration: Migration) -> None:
        known = self._known[migration]
        if known.aborted:
            return
        wanted = self._wanted(migration)
        for hold in (
            self._set_downtime,
            self._set_auto_converge,
            self._look_at_tunnel,
        ):
            self._abort_late()
            if known.aborted:
                return
            with self._telling(migration):
                hold(migration, wanted)

    def _wanted(self, migration: Migration) -> settings.Settings:
        """What is to hold for it; from now on, its time is over at that."""
        sources = self._cloud.sources(migration.server)
        for sentence in sources.unknown:
            self._tell(migration, sentence)
        wanted = settings.resolve(sources, self._defaults)
        for sentence in wanted.ignored:
            self._tell(migration, sentence + ': it is ignored')
        known = self._known[migration]
        known.due = known.since + wanted.timeout if wanted.timeout else None
        return wanted

    def _beginning(self, migration: Migration, now: float) -> float:
        """libvirt says since when it goes on: it may have been seen late."""
        libvirt = self._libvirts.get(migration.source)
        if libvirt:
            with contextlib.suppress(exceptions.HostError):
                elapsed = libvirt.job(migration.server).elapsed or 0.0
                return min(now, self._clock() - elapsed)
        return now

    def _libvirt(self, migration: Migration, name: str) -> Libvirt | None:
        """Where a setting is set; that there is nobody is said."""
        libvirt = self._libvirts.get(migration.source)
        if not libvirt:
            self._tell(
                migration,
                f"its {settings.TITLES[name]} can't be set: "
                f'{outlook.not_described(migration.source)}',
            )
        return libvirt

    def _set_downtime(
        self, migration: Migration, wanted: settings.Settings
    ) -> None:
        libvirt = self._libvirt(migration, 'max_downtime')
        if not libvirt:
            return
        current = round(libvirt.maximum_downtime(migration.server) * 1000)
        target = target_downtime(
            current, wanted.max_downtime, self._defaults.max_downtime
        )
        if target != current:
            self._tell(
                migration,
                f'maximum downtime of {target} ms instead of {current} ms',
            )
            if not self._dry_run:
                libvirt.set_maximum_downtime(migration.server, target / 1000)

    def _set_auto_converge(
        self, migration: Migration, wanted: settings.Settings
    ) -> None:
        said = 'auto_converge' in wanted.origins
        self._release_if_need_be(migration, said and not wanted.auto_converge)
        known = self._known[migration]
        if (
            not said
            or migration in self._held
            or known.auto_converge == wanted.auto_converge
        ):
            return
        libvirt = self._libvirt(migration, 'auto_converge')
        # libvirt writes it when a migration begins: it need not have before
        # there is memory to copy.
        if not libvirt or not libvirt.job(migration.server).copies_memory:
            return
        found = libvirt.auto_converge(migration.server)
        if found.on and not wanted.auto_converge:
            if found.is_held:
                # By somebody else, who may let go.
                self._tell(
                    migration, 'auto-converge off: throttle held already'
                )
                return
            self._unthrottle(migration, libvirt, found)
        elif wanted.auto_converge and not found.on:
            self._tell(
                migration,
                "auto-converge on can't be had from outside: "
                f'{outlook.OUT_OF_REACH["auto_converge"]}',
            )
        known.auto_converge = wanted.auto_converge

    def _unthrottle(
        self, migration: Migration, libvirt: Libvirt, found: AutoConverge
    ) -> None:
        if not self._dry_run:
            self._held[migration] = libvirt.unthrottled(migration.server)
        self._tell(
            migration, f'auto-converge off: throttle held at 1 % (was {found})'
        )

    def _release_if_need_be(self, migration: Migration, is_off: bool) -> None:
        """Let go of what is lost, or not wanted; it is looked at anew."""
        held = self._held.get(migration)
        if held and (held.over or not is_off):
            self._release(migration)
            self._known[migration].auto_converge = None

    def _release_all(
        self, but: collections.abc.Collection[Migration] = ()
    ) -> None:
        with contextlib.ExitStack() as stack:
            for migration in self._held:
                if migration not in but:
                    stack.callback(self._release, migration)

    def _release(self, migration: Migration) -> None:
        try:
            self._held.pop(migration).close()
        except exceptions.HostError as error:
            self._say_of(migration, str(error))

    def _look_at_tunnel(
        self, migration: Migration, wanted: settings.Settings
    ) -> None:
        known = self._known[migration]
        if 'tunnel' not in wanted.origins or known.tunnel == wanted.tunnel:
            return
        # Once, also where it can't be read: it changes nothing.
        known.tunnel = wanted.tunnel
        nova_conf = self._nova_confs.get(migration.source)
        host = (
            self._defaults.tunnel
            if nova_conf is None
            else outlook.host_value(nova_conf, 'tunnel').value
        )
        if wanted.tunnel != host:
            self._tell(
                migration,
                f'{wanted.in_words()["tunnel"]} ({wanted.origins["tunnel"]}): '
                f'nobody heeds it, {outlook.OUT_OF_REACH["tunnel"]}',
            )

    def _tell(self, migration: Migration, sentence: str) -> None:
        """Say something of a migration, but once only."""
        said = self._known[migration].said
        if sentence not in said:
            said.add(sentence)
            self._say_of(migration, sentence)

    def _say_of(self, migration: Migration, sentence: str) -> None:
        self._say(
            f'server {migration.server}, migration {migration.id}: {sentence}'
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
