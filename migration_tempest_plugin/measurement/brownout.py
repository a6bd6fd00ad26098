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
"""How round trips were before, during and after a migration, by phase.

A blackout is when nothing comes through; a brownout, when it comes through
late.
"""

import bisect
import collections.abc
import dataclasses
import math

from migration_tempest_plugin.measurement.guest_clock import GuestClock
from migration_tempest_plugin.measurement.progress import ENDED
from migration_tempest_plugin.measurement.progress import Phase
from migration_tempest_plugin.measurement.progress import Progress
from migration_tempest_plugin.measurement.round_trips import Percentiles
from migration_tempest_plugin.measurement.round_trips import Slot
from migration_tempest_plugin.measurement.timeline import Probing
from migration_tempest_plugin.measurement.timeline import Timeline

#: What phases are called. WHOLE is all that was measured; DURING is from the
#: request of a migration to its end, and sums up the phases in between.
WHOLE, BEFORE, DURING, AFTER = 'whole', 'before', 'during', 'after'
PREPARING, PRE_COPY, SWITCH_OVER = 'preparing', 'pre-copy', 'switch-over'
POST_COPY, POST_MIGRATING = 'post-copy', 'post-migrating'

#: Nova's words for states of a migration.
_RUNNING, _IN_POST_COPY = 'running', 'running (post-copy)'

#: From when to when, in seconds.
_Span = tuple[float, float]

#: How many slots the band over time has at most.
_BAND = 60


@dataclasses.dataclass(frozen=True)
class Part:
    """One phase: from begin on up to the begin of the next one, in seconds.

    :ivar during: it is a part of the migration
    """

    phase: str
    begin: float
    during: bool = False


def of_operation(kind: str) -> str:
    """The phase of what is measured: a migration, or all of a watch.

    :param kind: of a MeasuredMigration
    """
    return WHOLE if kind == 'watch' else DURING


def parts_of_watch(progress: Progress | None) -> list[Part]:
    """The Parts of a watch: what came after each mark."""
    marks = [each for each in _statuses(progress) if each.end]
    if not marks:
        return [Part(WHOLE, -math.inf)]
    return [
        Part(BEFORE, -math.inf),
        *(Part(each.name, each.begin[1]) for each in marks),
    ]


def parts_of_migration(
    progress: Progress | None, switch_over: _Span | None
) -> list[Part]:
    """The Parts of a migration, as far as they are known.

    :param switch_over: from when to when it was, or None
    """
    if progress is None:
        return [Part(WHOLE, -math.inf)]
    statuses = _statuses(progress)
    ended = next(
        (each.begin[1] for each in statuses if each.name in ENDED), math.inf
    )
    parts = [Part(BEFORE, -math.inf)]
    if switch_over:
        parts += _around_switch_over(progress, statuses, *switch_over)
        ended = max(ended, switch_over[1])
    else:
        parts.append(Part(DURING, progress.requested, True))
    return [*parts, Part(AFTER, ended)]


def _around_switch_over(
    progress: Progress, statuses: list[Phase], begin: float, end: float
) -> list[Part]:
    copying = next(
        (
            each.begin[0]
            for each in statuses
            if each.name == _RUNNING and each.begin[0] < begin
        ),
        begin,
    )
    in_post_copy = any(each.name == _IN_POST_COPY for each in statuses)
    return [
        Part(PREPARING, progress.requested, True),
        Part(PRE_COPY, copying, True),
        Part(SWITCH_OVER, begin, True),
        Part(POST_COPY if in_post_copy else POST_MIGRATING, end, True),
    ]


def _statuses(progress: Progress | None) -> list[Phase]:
    if progress is None:
        return []
    return [each for each in progress.phases if each.kind == 'status']


def switch_over(
    progress: Progress | None,
    network: Timeline | None,
    clock: GuestClock | None,
) -> _Span | None:
    """From when to when the guest was switched over, or None.

    That is its longest stop since the request, with the outages of its network
    around that; where no stop is known, the longest outage.
    """
    since = progress.requested if progress else -math.inf
    outages = [
        each
        for each in (network.outages if network else ())
        if each.end > since
    ]
    stops = [
        each for each in (clock.stops if clock else ()) if each.end > since
    ]
    spans = [(each.start, each.end) for each in outages]
    if stops:
        longest = max(stops, key=lambda stop: stop.upper)
        spans = [(longest.start, longest.end)] + [
            span
            for span in spans
            if span[0] <= longest.end and longest.start <= span[1]
        ]
    elif spans:
        spans = [max(spans, key=lambda span: span[1] - span[0])]
    if not spans:
        return None
    return (
        max(since, min(begin for begin, _ in spans)),
        max(end for _, end in spans),
    )


@dataclasses.dataclass(frozen=True)
class Brownout:
    """The round trips of a Timeline, by phase and over time.

    :ivar phases: each phase with its Percentiles, in order
    :ivar band: neighbouring Slots of all of its time
    """

    phases: tuple[tuple[str, Percentiles], ...]
    band: tuple[Slot, ...]

    @classmethod
    def of(cls, timeline: Timeline, parts: list[Part]) -> 'Brownout | None':
        """That of a Timeline; None if its answers are no round trips.

        In another clock than the tester's, it is not known in which Part
        something was: all of it is one.
        """
        if timeline.probing is Probing.BLOCKING:
            return None
        if timeline.clock != 'tester':
            parts = [Part(WHOLE, -math.inf)]
        begins = [part.begin for part in parts]
        round_trips = timeline.round_trips_cut_at(begins[1:])
        slots: list[list[Slot]] = [[] for _ in parts]
        for slot in round_trips.slots:
            slots[_place(slot, parts, begins)].append(slot)
        unanswered = [0] * len(parts)
        for sample in timeline.samples:
            if not (sample.answered or sample.late):
                place = bisect.bisect_right(begins, sample.start) - 1
                unanswered[place] += timeline.counted(sample)
        return cls(
            tuple(_phases(parts, slots, unanswered)),
            tuple(round_trips.coarse(_BAND)),
        )

    def phase(self, name: str) -> Percentiles | None:
        """The Percentiles of a phase; None if it is not known."""
        return next(
            (each for phase, each in self.phases if phase == name), None
        )

    def to_dict(self, origin: float) -> dict[str, object]:
        """Ready for JSON, in seconds since the origin."""
        return {
            'round_trips': [
                {'phase': phase, **percentiles.to_dict()}
                for phase, percentiles in self.phases
            ],
            'band': [
                {
                    'begin': round(slot.begin - origin, 6),
                    'end': round(slot.end - origin, 6),
                    'median': round(slot.percentile(0.5), 7),
                    'p99': round(slot.percentile(0.99), 7),
                    'maximum': round(slot.maximum, 7),
                }
                for slot in self.band
            ],
        }


def _place(slot: Slot, parts: list[Part], begins: list[float]) -> int:
    """The number of the Part that a Slot counts for.

    It is where the middle of the slot is; but the switch-over is short, and
    has all slots that go into it.
    """
    first, middle, last = (
        bisect.bisect_right(begins, moment) - 1
        for moment in (slot.begin, (slot.begin + slot.end) / 2, slot.end)
    )
    for number in range(first, last + 1):
        if parts[number].phase == SWITCH_OVER:
            return number
    return middle


def _phases(
    parts: list[Part], slots: list[list[Slot]], unanswered: list[int]
) -> collections.abc.Iterator[tuple[str, Percentiles]]:
    """The Percentiles of each phase with probes, and of the sum of some."""
    rows = [(part.phase, [number]) for number, part in enumerate(parts)]
    during = [number for number, part in enumerate(parts) if part.during]
    if len(during) > 1:
        rows.insert(during[0], (DURING, during))
    elif len(parts) > 1 and not during:
        rows.insert(0, (WHOLE, list(range(len(parts)))))
    for phase, numbers in rows:
        slot = Slot.of(each for number in numbers for each in slots[number])
        failed = sum(unanswered[number] for number in numbers)
        if slot.counts or failed:
            yield phase, slot.percentiles(failed)
