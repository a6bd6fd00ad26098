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
"""How far a migration was, each time that Nova's API was asked."""

import collections
import collections.abc
import dataclasses
import itertools

from migration_tempest_plugin.measurement.duration import Duration

#: Statuses of a migration record that do not change any more and are no
#: success (nova/compute/manager.py and nova/conductor/tasks/live_migrate.py).
FAILED = ('error', 'failed', 'cancelled')
ENDED = ('completed', *FAILED)

#: Those where nothing is done until somebody asks for more.
AT_REST = (*ENDED, 'finished', 'confirmed', 'reverted', 'done')

#: What a watch is after its last phase.
OVER = 'over'

_QUEUED = 'queued'
#: States of a migration record before its turn has come.
_WAITING = (None, 'accepted', _QUEUED)


@dataclasses.dataclass(frozen=True)
class Look:
    """What the API said at one time.

    :ivar asked: when it was asked, in seconds
    :ivar answered: when it had answered
    :ivar status: of the migration record, or None before there is one
    :ivar memory_total: bytes of memory that the guest has, or None where the
        API does not say so (it does while the migration is under way)
    :ivar memory_processed: bytes that were copied up to then
    :ivar memory_remaining: bytes that were left to copy
    :ivar events: names of the events of the instance action that had begun,
        and of those the ones that had ended
    """

    asked: float
    answered: float
    status: str | None = None
    memory_total: int | None = None
    memory_processed: int | None = None
    memory_remaining: int | None = None
    begun: frozenset[str] = frozenset()
    ended: frozenset[str] = frozenset()


@dataclasses.dataclass(frozen=True)
class Mark:
    """What somebody said that was done at a moment, in seconds."""

    moment: float
    text: str


@dataclasses.dataclass(frozen=True)
class Phase:
    """One phase of a migration; each end of it lies between two looks.

    :ivar kind: 'status' of the migration record, or 'event' of the action; in
        a watch 'status' is what was done, and 'migration' the status of the
        record of a migration that was followed
    :ivar name: Nova's word for it
    :ivar begin: when it began, as (earliest, latest), in seconds
    :ivar end: likewise; None if it was not seen to end
    """

    kind: str
    name: str
    begin: tuple[float, float]
    end: tuple[float, float] | None

    def to_dict(self, origin: float) -> dict[str, object]:
        """Ready for JSON, in seconds since the origin."""
        return {
            'kind': self.kind,
            'name': self.name,
            'begin': _since(self.begin, origin),
            'end': _since(self.end, origin),
        }


@dataclasses.dataclass(frozen=True)
class Progress:
    """All looks at one migration, in order.

    :ivar requested: when the migration was asked for, in seconds
    :ivar followed: of a watch, the Progress of each migration that went on
        meanwhile, in turn
    """

    requested: float
    looks: tuple[Look, ...] = ()
    followed: tuple['Progress', ...] = ()

    @classmethod
    def of_marks(
        cls,
        requested: float,
        marks: collections.abc.Iterable[Mark],
        over: float,
    ) -> 'Progress':
        """What was done, where Marks say so: each begins a phase.

        :param requested: the moment from which times count; a Mark before it
            counts from there
        :param over: when the last phase ended
        """
        looks: list[Look] = []
        status, seen = None, collections.Counter[str]()
        for mark in sorted(marks, key=lambda mark: mark.moment):
            moment = max(mark.moment, requested)
            # A look at what went on until then, and one at what begins: the
            # moment between two phases is known.
            looks.append(Look(moment, moment, status))
            seen[mark.text] += 1
            status = (
                mark.text
                if seen[mark.text] == 1
                else f'{mark.text} ({seen[mark.text]})'
            )
            looks.append(Look(moment, moment, status))
        if looks:
            over = max(over, looks[-1].asked)
            looks += [Look(over, over, status), Look(over, over, OVER)]
        return cls(requested, tuple(looks))

    @property
    def phases(self) -> tuple[Phase, ...]:
        """Each status that was seen, and each event, in order."""
        found = [*self._statuses(), *self._events(), *self._of_followed()]
        return tuple(sorted(found, key=lambda phase: phase.begin))

    @property
    def queued(self) -> Duration | None:
        """For how long it waited for its turn, as a Duration, or None.

        A host does max_concurrent_live_migrations at a time; the others are
        queued (nova/compute/manager.py, live_migration). None if its turn
        was not seen to come.
        """
        moments = [self.requested, *(look.asked for look in self.looks)]
        turn = next(
            (
                number
                for number, look in enumerate(self.looks)
                if look.status not in _WAITING
            ),
            None,
        )
        if turn is None:
            return None
        waiting = [
            number
            for number in range(turn)
            if self.looks[number].status == _QUEUED
        ]
        lower, first = 0.0, turn
        if waiting:
            first = waiting[0]
            lower = max(
                0.0, self.looks[waiting[-1]].asked - self.looks[first].answered
            )
        return Duration(lower, self.looks[turn].answered - moments[first])

    @property
    def memory_copied(self) -> int | None:
        """Bytes, as seen last; None if it was never seen.

        What was copied after the last look is missing in it. Of a watch, it is
        the sum over the migrations that were followed.
        """
        if self.followed:
            copied = [
                each.memory_copied
                for each in self.followed
                if each.memory_copied is not None
            ]
            return sum(copied) if copied else None
        return max(
            (
                look.memory_processed
                for look in self.looks
                if look.memory_processed is not None
            ),
            default=None,
        )

    def _statuses(self) -> collections.abc.Iterator[Phase]:
        groups = [
            (status, list(group))
            for status, group in itertools.groupby(
                self.looks, lambda look: look.status
            )
        ]
        before = self.requested
        for index, (status, group) in enumerate(groups):
            after = (
                groups[index + 1][1][0] if index + 1 < len(groups) else None
            )
            if status is not None:
                yield Phase(
                    'status',
                    status,
                    (before, group[0].answered),
                    None
                    if after is None
                    else (group[-1].asked, after.answered),
                )
            before = group[-1].asked

    def _events(self) -> collections.abc.Iterator[Phase]:
        names = {name for look in self.looks for name in look.begun}
        # A set has another order each time that a program runs.
        for name in sorted(names):
            begin = self._first(lambda look: name in look.begun)
            if begin is not None:  # as it always is: a look has it
                yield Phase(
                    'event',
                    name,
                    begin,
                    self._first(lambda look: name in look.ended),
                )

    def _of_followed(self) -> collections.abc.Iterator[Phase]:
        """Numbered, where there are several migrations."""
        for number, each in enumerate(self.followed, 1):
            for phase in each.phases:
                yield dataclasses.replace(
                    phase,
                    kind='migration' if phase.kind == 'status' else phase.kind,
                    name=f'{number}: {phase.name}'
                    if len(self.followed) > 1
                    else phase.name,
                )

    def _first(
        self, is_so: collections.abc.Callable[[Look], bool]
    ) -> tuple[float, float] | None:
        """When something became so: between two looks; None if never."""
        before = self.requested
        for look in self.looks:
            if is_so(look):
                return before, look.answered
            before = look.asked
        return None

    def to_dict(self, origin: float) -> dict[str, object]:
        """Ready for JSON, in seconds since the origin."""
        return {
            'requested': self.requested - origin,
            'phases': [phase.to_dict(origin) for phase in self.phases],
            # one of 0 s is no None
            'queued': None if self.queued is None else self.queued.to_dict(),
            'memory_copied': self.memory_copied,
            'looks': [
                {
                    'asked': look.asked - origin,
                    'answered': look.answered - origin,
                    'status': look.status,
                    'memory_total': look.memory_total,
                    'memory_processed': look.memory_processed,
                    'memory_remaining': look.memory_remaining,
                }
                for look in self._all_looks()
            ],
        }

    def _all_looks(self) -> list[Look]:
        looks = [*self.looks]
        for each in self.followed:
            looks += each.looks
        return sorted(looks, key=lambda look: look.asked)


def _since(
    moments: tuple[float, float] | None, origin: float
) -> list[float] | None:
    return moments and [moment - origin for moment in moments]
