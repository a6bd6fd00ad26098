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
"""How long answers took, over time: what came through, but came worse.

Most samples of a long measurement are left out (see folding), so that their
round trips are counted as they come. They are counted by slots of time, and in
each slot by buckets whose limits grow by a factor: so a percentile is known to
a share of itself, however short or long round trips are (the idea of
HdrHistogram; the limits are those of DDSketch, which bounds the error). Where
there are too many slots, each two neighbours become one. The maximum is exact.
"""

import bisect
import collections.abc
import dataclasses
import functools
import itertools
import math
import struct
import typing

from migration_tempest_plugin.measurement.duration import Duration
from migration_tempest_plugin.measurement.sample import Sample

#: A percentile is off by no more than this share of itself.
ERROR = 0.025

_FACTOR = (1 + ERROR) / (1 - ERROR)
_PER_LOG = 1 / math.log(_FACTOR)

#: Seconds; what is shorter counts as that.
_LEAST = 1e-6

#: Seconds that a slot has at first, or as long as ten probes take.
_WIDTH = 0.1

#: How many slots there are at most, of what is probed often, and of others: of
#: these there may be a thousand at a time.
_SLOTS, _FEW_SLOTS = 512, 64
_OFTEN = 0.02

#: How many slots are ready to be counted in: answers do not come in the order
#: in which probes were sent.
_OPEN = 2

#: So many answers it takes at least for the 95th and the 99th percentile: of
#: fewer, each would be the maximum.
ENOUGH_95, ENOUGH_99 = 20, 100

# Of a slot: from when to when, its maximum, how many buckets, and how many
# bytes a count has; then which buckets these are, and their counts.
_HEAD = struct.Struct('=3dHB')
_COUNT = {2: 'H', 4: 'I'}

#: When a probe was sent, and how long its answer took, both in seconds.
_Taken: typing.TypeAlias = tuple[float, float]

#: How many cuts were before a slot, and its number among those of its width.
_Place: typing.TypeAlias = tuple[int, int]


@dataclasses.dataclass(frozen=True)
class Percentiles:
    """How long answers took, in seconds; None where there are too few.

    :ivar count: how many answers there were, those after the deadline among
        them
    :ivar unanswered: how many probes had no answer at all; they are in no
        percentile
    """

    count: int = 0
    unanswered: int = 0
    median: float | None = None
    p95: float | None = None
    p99: float | None = None
    maximum: float | None = None

    def to_dict(self) -> dict[str, object]:
        return dataclasses.asdict(self)


@dataclasses.dataclass(slots=True)
class Slot:
    """The round trips of the probes that were sent in one time.

    :ivar begin: when the first of them was sent, in seconds
    :ivar end: when the last one was
    :ivar counts: how many are in each bucket
    :ivar maximum: the longest, in seconds
    """

    begin: float = math.inf
    end: float = -math.inf
    counts: dict[int, int] = dataclasses.field(default_factory=dict)
    maximum: float = 0.0

    @property
    def count(self) -> int:
        """How many round trips there are."""
        return sum(self.counts.values())

    def percentile(self, part: float) -> float:
        """So long a part of them took at most, in seconds.

        :param part: 0 to 1
        """
        left = math.ceil(part * self.count)
        for bucket in sorted(self.counts):
            left -= self.counts[bucket]
            if left <= 0:
                return min(_seconds(bucket), self.maximum)
        return self.maximum

    def percentiles(self, unanswered: int = 0) -> Percentiles:
        """Its Percentiles.

        :param unanswered: how many probes had no answer
        """
        count = self.count
        if not count:
            return Percentiles(unanswered=unanswered)
        return Percentiles(
            count,
            unanswered,
            self.percentile(0.5),
            self.percentile(0.95) if count >= ENOUGH_95 else None,
            self.percentile(0.99) if count >= ENOUGH_99 else None,
            self.maximum,
        )

    @classmethod
    def of(cls, slots: collections.abc.Iterable['Slot']) -> 'Slot':
        """Several as one."""
        whole = cls()
        for slot in slots:
            whole.begin = min(whole.begin, slot.begin)
            whole.end = max(whole.end, slot.end)
            whole.maximum = max(whole.maximum, slot.maximum)
            for bucket, count in slot.counts.items():
                whole.counts[bucket] = whole.counts.get(bucket, 0) + count
        return whole


#: No slot, from when to when it counts.
_NONE = (math.inf, -math.inf, Slot())


@dataclasses.dataclass(frozen=True)
class RoundTrips:
    """The round trips of one timeline.

    :ivar packed: its slots in order, each as _pack() makes it
    """

    packed: tuple[bytes, ...]

    @classmethod
    def of(
        cls,
        samples: collections.abc.Sequence[Sample],
        interval: float,
        in_turn: bool = False,
        cuts: collections.abc.Iterable[float] = (),
    ) -> 'RoundTrips':
        """Those of probes of which all are there.

        :param samples: in the order in which they were sent
        :param interval: seconds from probe to probe
        :param in_turn: each waited for the one before
        :param cuts: moments that no slot goes beyond
        """
        counted = Accumulator(interval)
        for moment in sorted(cuts):
            counted.cut(moment)
        found = _due(samples, interval) if in_turn else _sent(samples)
        for start, seconds in found:
            counted.add(start, seconds)
        return counted.round_trips()

    @functools.cached_property
    def slots(self) -> tuple[Slot, ...]:
        """Each Slot, in order."""
        return tuple(map(_unpack, self.packed))

    def since(self, moment: float) -> 'RoundTrips':
        """Those of the slots that go on after a moment, or begin then."""
        return RoundTrips(
            tuple(
                packed
                for packed, slot in zip(self.packed, self.slots)
                if slot.end >= moment
            )
        )

    def percentiles(self) -> Percentiles:
        """Those of all of them; of what had no answer, it knows nothing."""
        return Slot.of(self.slots).percentiles()

    def coarse(self, most: int) -> list[Slot]:
        """The slots, or neighbours together where there are too many.

        :param most: how many there may be
        """
        together = math.ceil(len(self.slots) / most) or 1
        return [
            Slot.of(self.slots[first : first + together])
            for first in range(0, len(self.slots), together)
        ]


class Accumulator:
    """Counts round trips as they come, in memory that does not grow.

    :param interval: seconds from probe to probe
    """

    def __init__(self, interval: float) -> None:
        self._width = max(_WIDTH, 10 * interval)
        self._most = _SLOTS if interval < _OFTEN else _FEW_SLOTS
        self._cuts: list[float] = []
        self._packed: dict[_Place, bytes] = {}
        self._open: dict[_Place, Slot] = {}
        # The slot that was counted in, with from when to when it counts.
        self._latest = _NONE

    def cut(self, moment: float) -> None:
        """What was sent since a moment is in no slot with what was before.

        That is so for all that comes from now on.

        :param moment: in seconds; one before an earlier cut counts as that
        """
        self._cuts.append(max([moment, *self._cuts[-1:]]))
        self._latest = _NONE

    def add(self, start: float, seconds: float) -> None:
        """Take in how long an answer took.

        :param start: when the probe was sent, in seconds
        """
        begin, end, slot = self._latest
        if not begin <= start < end:
            slot = self._open.get(self._place(start)) or self._opened(start)
            self._latest = *self._bounds(start), slot
        bucket = (
            math.ceil(math.log(seconds / _LEAST) * _PER_LOG)
            if seconds > _LEAST
            else 0
        )
        slot.counts[bucket] = slot.counts.get(bucket, 0) + 1
        if start < slot.begin:
            slot.begin = start
        if start > slot.end:
            slot.end = start
        if seconds > slot.maximum:
            slot.maximum = seconds

    def round_trips(self) -> RoundTrips:
        """All up to now, as RoundTrips."""
        whole = {
            **self._packed,
            **{place: _pack(slot) for place, slot in self._open.items()},
        }
        return RoundTrips(tuple(whole[place] for place in sorted(whole)))

    def _bounds(self, start: float) -> tuple[float, float]:
        """From when to when the slot of a moment is, in seconds."""
        segment, number = self._place(start)
        return (
            max([number * self._width, *self._cuts[segment - 1 : segment]]),
            min([(number + 1) * self._width, *self._cuts[segment:]]),
        )

    def _place(self, start: float) -> _Place:
        return (
            bisect.bisect_right(self._cuts, start) if self._cuts else 0,
            int(start // self._width),
        )

    def _opened(self, start: float) -> Slot:
        """The Slot of a moment, ready to be counted in."""
        if len(self._packed) >= self._most + len(self._cuts):
            self._widen()
        place = self._place(start)
        packed = self._packed.pop(place, None)
        slot = _unpack(packed) if packed else Slot()
        self._open[place] = slot
        if len(self._open) > _OPEN:
            oldest = min(each for each in self._open if each != place)
            self._packed[oldest] = _pack(self._open.pop(oldest))
        return slot

    def _widen(self) -> None:
        """Make one slot of each two that are neighbours, between two cuts."""
        self._width *= 2
        merged: dict[_Place, list[Slot]] = {}
        for place, slot in (
            *((place, _unpack(each)) for place, each in self._packed.items()),
            *self._open.items(),
        ):
            segment, number = place
            merged.setdefault((segment, number // 2), []).append(slot)
        self._open = {}
        self._packed = {
            place: _pack(Slot.of(slots)) for place, slots in merged.items()
        }


def _sent(
    samples: collections.abc.Iterable[Sample],
) -> collections.abc.Iterator[_Taken]:
    for sample in samples:
        seconds = sample.round_trip
        if seconds is not None:
            yield sample.start, seconds


def _due(
    samples: collections.abc.Sequence[Sample], interval: float
) -> collections.abc.Iterator[_Taken]:
    """Those that were sent, and those that were due while one was waited for.

    An answer that takes long keeps others from being sent, which would have
    waited for it, too: without these, a stall counts as one long round trip
    among many short ones (wrk2 counts as here).
    """
    for sample, following in itertools.zip_longest(samples, samples[1:]):
        seconds = sample.round_trip
        if seconds is not None:
            yield from due(
                sample.start,
                seconds,
                interval,
                following.start if following else math.inf,
            )


def due(
    start: float, seconds: float, interval: float, following: float = math.inf
) -> collections.abc.Iterator[_Taken]:
    """A probe that was sent, and those that were due while it was waited for.

    :param start: when it was sent, in seconds
    :param seconds: how long its answer took
    :param interval: seconds from probe to probe
    :param following: when the next one was sent
    """
    yield start, seconds
    answered = start + seconds
    sent = min(answered, following)
    # One that is sent a little late is no other one.
    missed = math.ceil((sent - start) / interval - 1.5)
    for number in range(1, missed + 1):
        moment = start + number * interval
        yield moment, answered - moment


def milliseconds(seconds: float) -> str:
    """A time in milliseconds, to what matters of it."""
    number = 1000 * seconds
    digits = sum(number < least for least in (10, 1, 0.1))
    return f'{number:.{digits}f}'


def within_error(seconds: float) -> Duration:
    """A percentile with the bounds that its ERROR gives it."""
    return Duration(seconds / (1 + ERROR), seconds / (1 - ERROR), seconds)


def _seconds(bucket: int) -> float:
    """What stands for all in a bucket: off by ERROR at most."""
    return _LEAST * _FACTOR**bucket * (1 - ERROR)


def _pack(slot: Slot) -> bytes:
    size = len(slot.counts)
    width = 2 if max(slot.counts.values()) < 1 << 16 else 4
    return _HEAD.pack(
        slot.begin, slot.end, slot.maximum, size, width
    ) + struct.pack(
        f'={size}H{size}{_COUNT[width]}', *slot.counts, *slot.counts.values()
    )


def _unpack(packed: bytes) -> Slot:
    begin, end, maximum, size, width = _HEAD.unpack_from(packed)
    numbers = struct.unpack_from(
        f'={size}H{size}{_COUNT[width]}', packed, _HEAD.size
    )
    return Slot(begin, end, dict(zip(numbers[:size], numbers[size:])), maximum)
