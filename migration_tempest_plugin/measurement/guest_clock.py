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
"""The guest's clock beside the tester's, and where it stood still.

A beat is a question to the guest: what is your clock? It was read somewhere
between the question and the answer, so that the offset of the two clocks,
the tester's less the guest's, is known within bounds. The guest's clock stands
still while the guest is stopped: the offset takes a step.
"""

import bisect
import collections.abc
import dataclasses
import functools
import itertools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.measurement.duration import Duration
from migration_tempest_plugin.measurement.sample import Sample
from migration_tempest_plugin import words

#: /proc/uptime counts hundredths of a second, and cuts off what is less.
TICK = 0.01

#: By how much the two clocks may drift apart in a second: the most that
#: adjtimex(2) slews a clock by.
DRIFT = 500e-6


@dataclasses.dataclass(frozen=True, slots=True)
class Beat:
    """One look at the guest's clock.

    :ivar sent: when the guest was asked, in the tester's clock
    :ivar received: when it had answered
    :ivar uptime: what the guest's clock showed in between
    """

    sent: float
    received: float
    uptime: float


@dataclasses.dataclass(frozen=True)
class Stop:
    """One time in which the guest's clock stood still.

    All are seconds of the tester's clock, or a number of seconds.

    :ivar start: it did not begin before
    :ivar resumed_earliest: the guest did not run again before
    :ivar end: the guest ran again by then
    :ivar lower: it lasted at least so long
    :ivar upper: it lasted at most so long
    """

    start: float
    resumed_earliest: float
    end: float
    lower: float
    upper: float

    @property
    def duration(self) -> Duration:
        return Duration(self.lower, self.upper)

    def to_dict(self, origin: float) -> dict[str, object]:
        return {
            'start': self.start - origin,
            'end': self.end - origin,
            'resumed_earliest': self.resumed_earliest - origin,
            **self.duration.to_dict(),
        }


@dataclasses.dataclass(frozen=True)
class _Offset:
    """The tester's clock less the guest's, within bounds."""

    low: float
    high: float

    def after(self, seconds: float) -> '_Offset':
        """What is known of it so many seconds away."""
        apart = DRIFT * abs(seconds)
        return _Offset(self.low - apart, self.high + apart)

    def and_(self, other: '_Offset') -> '_Offset':
        """Both are known."""
        return _Offset(max(self.low, other.low), min(self.high, other.high))

    def or_(self, other: '_Offset') -> '_Offset':
        """One of both is so."""
        return _Offset(min(self.low, other.low), max(self.high, other.high))

    @property
    def contradictory(self) -> bool:
        return self.low > self.high


@dataclasses.dataclass(frozen=True)
class GuestClock:
    """What the beats say of the guest's clock.

    :ivar beats: in the order in which they were sent
    :ivar left_out: how many others there were between them, from which
        nothing follows
    :raises NoMeasurement: if there are fewer than two, or if the clock went
        back: then the guest was rebooted
    """

    beats: tuple[Beat, ...]
    left_out: int = 0

    def __post_init__(self) -> None:
        # Frozen: this is the one way to keep what may be any iterable.
        object.__setattr__(self, 'beats', tuple(self.beats))
        if len(self.beats) < 2:
            raise exceptions.NoMeasurement(
                "too few looks at the guest's clock to tell whether it stood "
                'still',
                seen=f'{len(self.beats)} of them',
            )
        for before, after in itertools.pairwise(self.beats):
            if after.uptime < before.uptime:
                raise exceptions.NoMeasurement(
                    'the guest was rebooted: its clock went back',
                    seen=f'from {before.uptime:.2f} s to {after.uptime:.2f} s',
                )

    @functools.cached_property
    def _segments(self) -> list[tuple[Beat, ...]]:
        """The beats, cut where their offsets can't be one and the same."""
        segments: list[list[Beat]] = []
        last: _Offset | None = None
        for beat in self.beats:
            own = _own(beat)
            both = last and last.after(beat.sent - segments[-1][-1].sent).and_(
                own
            )
            if both and not both.contradictory:
                segments[-1].append(beat)
                last = both
            else:
                segments.append([beat])
                last = own
        return [tuple(segment) for segment in segments]

    @functools.cached_property
    def _certain(self) -> list[tuple[Beat, ...]]:
        """Of each segment, the beats that are certain to belong to it.

        At its end, one that took long, or was asked for before a step and
        answered after it, says little: it may have been read after the step.
        """
        certain = []
        for segment, later in itertools.pairwise(self._segments):
            new = _known(later)[0]
            sharp = 3 * min(map(_width, segment))
            end = len(segment)
            while end > 1 and (
                _width(segment[end - 1]) > sharp
                or _own(segment[end - 1]).high >= new.low
            ):
                end -= 1
            certain.append(segment[:end])
        return [*certain, self._segments[-1]]

    @functools.cached_property
    def _offsets(self) -> list[_Offset]:
        """The offset at each beat, whatever stops there were.

        A stop makes it grow: it is not below what was known before, nor above
        what becomes known later.
        """
        found: list[_Offset] = []
        for chain in self._chains:
            found.extend(
                _Offset(before.low, after.high)
                for before, after in zip(_forwards(chain), _backwards(chain))
            )
        return found

    @property
    def _chains(self) -> collections.abc.Iterator[list[Beat]]:
        """The beats, cut where the guest's clock was set on."""
        chain = [self.beats[0]]
        known = _own(chain[0])
        for beat in self.beats[1:]:
            own = _own(beat)
            known = known.after(beat.sent - chain[-1].sent)
            if own.high < known.low:
                yield chain
                chain = []
                known = own
            known = _Offset(max(known.low, own.low), own.high)
            chain.append(beat)
        yield chain

    @functools.cached_property
    def stops(self) -> tuple[Stop, ...]:
        """Each time in which it stood still, in order."""
        found = []
        for before, after in itertools.pairwise(self._certain):
            last, first = before[-1], after[0]
            seconds = first.sent - last.sent
            old = _known(before)[-1].after(seconds)
            new = _known(after)[0]
            # A clock that was set on is no stop.
            if new.high > old.low:
                found.append(
                    Stop(
                        start=old.low + last.uptime,
                        resumed_earliest=new.low + last.uptime,
                        end=new.high + first.uptime + TICK,
                        lower=max(0.0, new.low - old.high),
                        upper=new.high - old.low,
                    )
                )
        return tuple(found)

    @property
    def looks(self) -> int:
        """How many beats there were."""
        return len(self.beats) + self.left_out

    @property
    def durations(self) -> tuple[Duration, ...]:
        """The Duration of each stop, in order."""
        return tuple(stop.duration for stop in self.stops)

    @property
    def stopped(self) -> Duration:
        """For how long it was seen to stand still in sum, as a Duration.

        Where it was not, it is an estimate of 0, and at most the resolution.
        """
        return Duration.sum(self.durations, self.resolution)

    @functools.cached_property
    def resolution(self) -> float:
        """Seconds; no stop that was longer can have been missed.

        Between two beats of a segment the offset may have stepped from the
        least that those before say to the most that those after say.
        """
        found = 0.0
        for segment in self._certain:
            lows = [offset.low for offset in _forwards(segment)]
            highs = [offset.high for offset in _backwards(segment)]
            found = max(
                [found, *(high - low for low, high in zip(lows, highs[1:]))]
            )
        return found

    def earliest(self, uptime: float) -> float:
        """When the guest's clock showed this at the earliest, in seconds."""
        return uptime + self._offset(uptime).low

    def latest(self, uptime: float) -> float:
        """When it did at the latest, for an uptime that is not cut off."""
        return uptime + self._offset(uptime).high

    @functools.cached_property
    def _uptimes(self) -> list[float]:
        return [beat.uptime for beat in self.beats]

    def _offset(self, uptime: float) -> _Offset:
        """The offset while the guest's clock showed this.

        Between two beats it is that of one or of the other.
        """
        index = bisect.bisect_right(self._uptimes, uptime)
        near = range(max(0, index - 1), min(index + 1, len(self.beats)))
        first, *second = [
            self._offsets[each].after(uptime - self._uptimes[each])
            for each in near
        ]
        return first.or_(second[0]) if second else first

    def sample(self, sample: Sample) -> Sample:
        """A Sample of the guest's clock, in the tester's.

        Its start may have been cut off by a TICK; its end was not.
        """
        start = self.earliest(sample.start)
        latest = self.latest(sample.latest_start + TICK)
        return dataclasses.replace(
            sample,
            start=start,
            slack=max(0.0, latest - start),
            end=max(start, self.latest(sample.end)),
        )

    def since(self, moment: float) -> 'GuestClock':
        """The GuestClock of the beats that were sent at a moment or later.

        :raises NoMeasurement: if there are too few
        """
        return GuestClock(
            tuple(beat for beat in self.beats if beat.sent >= moment),
            self.left_out,
        )

    def summary(self) -> str:
        """One line."""
        count = words.counted(len(self.stops), 'stop')
        found = (
            f'stopped for {self.stopped} in {count}'
            if self.stops
            else f'no stop longer than {self.resolution:.4f} s'
        )
        return (
            f"guest's clock: {found}; {self.looks} looks, "
            f'resolution {self.resolution:.4f} s'
        )

    def to_dict(self, origin: float = 0.0) -> dict[str, object]:
        """Ready for JSON; moments in seconds since the origin."""
        return {
            'stopped': self.stopped.to_dict(),
            'stops': [stop.to_dict(origin) for stop in self.stops],
            'resolution': self.resolution,
            'beats': self.looks,
        }


def _own(beat: Beat) -> _Offset:
    """What one beat says of the offset."""
    return _Offset(beat.sent - beat.uptime - TICK, beat.received - beat.uptime)


def _width(beat: Beat) -> float:
    """How little it says of the offset, in seconds."""
    return beat.received - beat.sent + TICK


def _forwards(beats: collections.abc.Sequence[Beat]) -> list[_Offset]:
    """What each beat and those before it say."""
    found = [_own(beats[0])]
    for before, beat in itertools.pairwise(beats):
        found.append(found[-1].after(beat.sent - before.sent).and_(_own(beat)))
    return found


def _backwards(beats: collections.abc.Sequence[Beat]) -> list[_Offset]:
    """What each beat and those after it say."""
    found = [_own(beats[-1])]
    for after, beat in itertools.pairwise(reversed(beats)):
        found.append(found[-1].after(after.sent - beat.sent).and_(_own(beat)))
    return found[::-1]


def _known(beats: collections.abc.Sequence[Beat]) -> list[_Offset]:
    """What each beat and all the others say."""
    return [
        before.and_(after)
        for before, after in zip(_forwards(beats), _backwards(beats))
    ]
