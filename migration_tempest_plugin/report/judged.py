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
"""What recorded migrations cost, and whether their limits were kept."""

import collections.abc
import dataclasses
import enum

from migration_tempest_plugin import measurement
from migration_tempest_plugin.measurement import distribution
from migration_tempest_plugin.report import digest
from migration_tempest_plugin.report import documents

#: Each kind of migration, in the order of the reports, for people.
KINDS = {'live': 'live', 'cold': 'cold', 'watch': 'watched'}


class State(enum.Enum):
    """What became of a limit, the worst first; its value is for people."""

    NOT_KEPT = 'not kept'
    NOT_MEASURED = 'not measured'
    NOT_CHECKED = 'not checked'
    KEPT = 'kept'


@dataclasses.dataclass(frozen=True)
class Judged:
    """A limit of a migration, with what was measured.

    :ivar what: what was measured, by its name in digest.durations()
    :ivar limit: the measurement.Limit
    :ivar cost: the Duration that is compared with it, or None
    :ivar state: what became of it
    :ivar why: what is to be known of the state, or ''
    """

    what: str
    limit: measurement.Limit
    cost: measurement.Duration | None
    state: State
    why: str = ''

    @property
    def told(self) -> str:
        """What was measured, for people; '' if nothing was."""
        return '' if self.cost is None else self.limit.told(self.cost)


def costs(migration: documents.Migration) -> dict[str, measurement.Duration]:
    """The Duration of each cost, by the names of digest.durations()."""
    return {
        name: digest.as_duration(duration)
        for name, duration in digest.durations(migration).items()
    }


def text(duration: measurement.Duration) -> str:
    """A Duration, for people; of one that was not seen, its bound."""
    return duration.told()


def limits(migration: documents.Migration) -> list[Judged]:
    """The Judged of each limit of a migration."""
    seen = digest.seen(migration)
    return [
        _judged(limit, seen.get(limit.what))
        for limit in map(digest.limit, migration.get('limits', ()))
    ]


def _judged(limit: measurement.Limit, seen: measurement.Seen | None) -> Judged:
    what = limit.name
    if not seen:
        return Judged(what, limit, None, State.NOT_MEASURED)
    cost = limit.cost(seen)
    if cost is None:
        return Judged(
            what, limit, None, State.NOT_CHECKED, 'there are too few answers'
        )
    if limit.exceeded(seen):
        return Judged(
            what, limit, cost, State.NOT_KEPT, _why(limit, limit.shown(seen))
        )
    if limit.unchecked(seen):
        return Judged(
            what,
            limit,
            cost,
            State.NOT_CHECKED,
            f'it is finer than the resolution, {seen.resolution:.3f} s',
        )
    return Judged(what, limit, cost, State.KEPT)


def _why(limit: measurement.Limit, cost: measurement.Duration) -> str:
    """What makes it exceed its limit."""
    if cost.lower > limit.seconds:
        return ''
    return (
        'by its upper bound'
        if cost.upper > limit.seconds
        else 'with what nobody observed'
    )


@dataclasses.dataclass(frozen=True)
class Typical:
    """How a cost is spread over migrations of one kind.

    :ivar migrations: how many took place
    :ivar spread: the Distribution of those in which it was measured
    :ivar judged: the Judged of all limits of it
    """

    migrations: int
    spread: distribution.Distribution
    judged: tuple[Judged, ...]

    @property
    def states(self) -> list[tuple[State, int]]:
        """How many limits ended in each State, the worst first."""
        return [
            (state, count)
            for state in State
            if (count := sum(each.state is state for each in self.judged))
        ]

    @property
    def allowed(self) -> tuple[float, float] | None:
        """The least and the greatest limit in seconds, or None."""
        seconds = [each.limit.seconds for each in self.judged]
        return (min(seconds), max(seconds)) if seconds else None


def typical(
    migrations: collections.abc.Iterable[documents.Migration],
) -> dict[str, dict[str, Typical]]:
    """{kind: {what: Typical}} of migrations that took place.

    A kind of which nothing at all was measured is left out.
    """
    kinds: dict[str, list[documents.Migration]] = {}
    for migration in filter(digest.moved, migrations):
        kinds.setdefault(migration.get('kind', 'live'), []).append(migration)
    found = {kind: _typical(kinds.get(kind, [])) for kind in KINDS}
    return {kind: each for kind, each in found.items() if each}


def _typical(migrations: list[documents.Migration]) -> dict[str, Typical]:
    measured = [costs(each) for each in migrations]
    judged = [found for each in migrations for found in limits(each)]
    found = {}
    for what in digest.COSTS:
        durations = [each[what] for each in measured if what in each]
        if durations:
            found[what] = Typical(
                len(migrations),
                distribution.Distribution.of(durations),
                tuple(each for each in judged if each.what == what),
            )
    return found
