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
"""Keeps the samples of days in little memory, and loses nothing by it.

Most probes are answered, one after the other, with a short gap now and then;
or they fail, one after the other. All that follows from such a stretch is in
its first samples, its last one, how many there were between these, and how
long the gaps were: those between are left out.
"""

import bisect
import dataclasses
import itertools

from migration_tempest_plugin.measurement.gaps import Gaps
from migration_tempest_plugin.measurement.gaps import NONE
from migration_tempest_plugin.measurement import round_trips
from migration_tempest_plugin.measurement.round_trips import RoundTrips
from migration_tempest_plugin.measurement.sample import Sample

#: All of the time.
WHOLE = (float('-inf'), float('inf'))

#: A gap is short up to so many intervals, or seconds: of such a one it is not
#: kept when it was.
SHORT_INTERVALS = 10
SHORT = 0.1

#: After so many seconds in which all failed, another stretch begins: where a
#: part of one turns out to be of no use, all of it is.
LONGEST_DOWN = 60.0


@dataclasses.dataclass(frozen=True, slots=True)
class Quiet:
    """Probes between two others that were left out: all ended like these.

    :ivar begin: when the last one before them was sent, in seconds
    :ivar end: when the first one after them was sent
    :ivar count: how many were left out
    :ivar apart: the longest time from one probe to the next, in seconds, from
        begin to end, other than the gaps; 0 if there were gaps alone
    :ivar slowest: the longest time that an answer took, in seconds
    :ivar gaps: what there was of short Gaps
    :ivar answered: all were answered; if not, all failed
    """

    begin: float
    end: float
    count: int
    apart: float
    slowest: float = 0.0
    gaps: Gaps = NONE
    answered: bool = True


@dataclasses.dataclass(frozen=True)
class Probed:
    """What became of the probes of one target.

    :ivar samples: as far as that is known, in any order
    :ivar ended: the moment up to which it is known, in seconds
    :ivar quiet: what was left out
    :ivar round_trips: how long answers took, if some samples may be left out
    """

    samples: tuple[Sample, ...]
    ended: float
    quiet: tuple[Quiet, ...] = ()
    round_trips: RoundTrips | None = None


class Folding:
    """Samples as they come; the quiet ones are left out in time.

    Kept is all that bounds an outage or a long gap: the first sample that
    failed and the last one, the one before them, those behind them that may
    have had the first answer, each that was answered late, and both sides of
    each long gap.

    How long answers took is counted as they come: see round_trips.

    :param interval: seconds from probe to probe, as it was asked for
    :param window: from when to when round trips count, in seconds; the last
        probe before each of both and the first one after it are kept
    :param in_turn: each probe waited for the one before
    """

    def __init__(
        self,
        interval: float,
        window: tuple[float, float] = WHOLE,
        in_turn: bool = False,
    ) -> None:
        self._interval = interval
        self._longest_gap = max(SHORT, SHORT_INTERVALS * interval)
        self._window = window
        self._in_turn = in_turn
        self._round_trips = round_trips.Accumulator(interval)
        # By when they were sent. New ones are not in order, and not folded.
        self._new: dict[float, Sample] = {}
        self._kept: dict[float, Sample] = {}
        self._quiet: list[Quiet] = []
        self._folded = float('-inf')  # until when
        # Those that had been left out already.
        self._late: dict[float, Sample] = {}
        self._needed: set[float] = set()
        # Until when a probe that failed may have been sent, and when the first
        # answer came to one that was certainly sent after it.
        self._failed_until = float('-inf')
        self._first_answer = float('-inf')
        # The last sample; what was left out before it, if any may be.
        self._last: Sample | None = None
        self._left_out: _LeftOut | None = None

    def add(self, sample: Sample) -> None:
        """Take in a sample, or what became known of one that failed."""
        self._count(sample)
        if sample.late and sample.start < self._folded:
            self._end_stretch()
        if sample.start in self._kept:
            self._kept[sample.start] = sample
        elif sample.late and sample.start < self._folded:
            self._put_back(sample)
        else:
            self._new[sample.start] = sample

    def _count(self, sample: Sample) -> None:
        """Count how long its answer took."""
        seconds = (
            # As nearly all are: a thousand targets give 20 000 a second.
            sample.end - sample.start
            if sample.answered and not sample.slack and sample.took is None
            else sample.round_trip
        )
        begin, end = self._window
        if seconds is None or not begin <= sample.start < end:
            return
        if not self._in_turn:
            self._round_trips.add(sample.start, seconds)
            return
        # Others would have waited, too.
        for each in round_trips.due(sample.start, seconds, self._interval):
            self._round_trips.add(*each)

    def cut(self, moment: float) -> None:
        """Count round trips since a moment apart from those before it.

        :param moment: in seconds, just now
        """
        self._round_trips.cut(moment)

    def round_trips(self) -> RoundTrips:
        """All that were counted up to now."""
        return self._round_trips.round_trips()

    def _put_back(self, late: Sample) -> None:
        """Keep one that was left out: it divides its stretch."""
        self._late[late.start] = late
        place = bisect.bisect_left(
            self._quiet, late.start, key=lambda quiet: quiet.begin
        )
        whole = self._quiet[place - 1] if place else None
        if whole is None or whole.end <= late.start:
            return  # it had not been left out: what is read may be spoilt
        self._quiet[place - 1 : place] = [
            # How many of the others were on which side, nobody knows.
            dataclasses.replace(whole, end=late.start, count=whole.count - 1),
            dataclasses.replace(whole, begin=late.start, count=0),
        ]

    def keep(self, start: float) -> None:
        """Never leave out the sample that was sent at a moment.

        To be called before fold() comes to it.
        """
        self._needed.add(start)

    def fold(self, known: float) -> None:
        """Leave out what can be, of the samples before a moment.

        :param known: all that were sent before it have been added
        """
        for sample in sorted(
            (each for each in self._new.values() if each.start < known),
            key=lambda each: each.start,
        ):
            del self._new[sample.start]
            self._fold(sample)
        self._folded = max(self._folded, known)

    def probed(
        self, known: float, since: float = float('-inf'), slowest: float = 0.0
    ) -> Probed:
        """What became of the probes up to a moment.

        :param known: up to when that is known, in seconds
        :param since: those that were sent before are left out
        :param slowest: seconds within which it is known of each
        """
        return Probed(
            tuple(
                sample
                for sample in self.since(since, since - slowest)
                if sample.start <= known
            ),
            known,
            self.quiet_since(since),
            # A look at a part has no need of all of them.
            self._round_trips.round_trips()
            if since == float('-inf')
            else None,
        )

    def since(
        self, moment: float = float('-inf'), oldest: float = float('-inf')
    ) -> list[Sample]:
        """What was kept of the samples since a moment, the last one first.

        :param oldest: none before it has one behind it that came sooner
        """
        last = [self._last] if self._left_out and self._last else []
        newest_first = itertools.chain(
            reversed(self._new.values()), last, reversed(self._kept.values())
        )
        recent = itertools.takewhile(
            lambda sample: sample.start >= oldest, newest_first
        )
        return [
            sample
            for sample in itertools.chain(recent, self._late.values())
            if sample.start >= moment
        ]

    def quiet_since(self, moment: float = float('-inf')) -> tuple[Quiet, ...]:
        """What was left out since a moment, the last one first.

        Where some of a stretch was left out before it, all of the stretch.
        """
        left_out = self._left_out
        newest_first = itertools.chain(
            [left_out.quiet()] if left_out and left_out.count else [],
            reversed(self._quiet),
        )
        return tuple(
            itertools.takewhile(lambda quiet: quiet.end > moment, newest_first)
        )

    def _fold(self, sample: Sample) -> None:
        last = self._last
        if last is None or not self._goes_on(last, sample):
            self._end_stretch()
            self._kept[sample.start] = sample
        else:
            if self._left_out is None:
                # The last one is kept: it is the end of what all is kept of.
                self._left_out = _LeftOut(last.start, last.answered)
            else:
                self._left_out.add(last)
            self._left_out.go_on(last, sample, 2 * self._interval)
        if not sample.answered:
            self._failed_until = max(self._failed_until, sample.latest_start)
            self._first_answer = float('inf')
        elif sample.start > self._failed_until:
            self._first_answer = min(self._first_answer, sample.end)
        self._last = sample

    def _goes_on(self, last: Sample, sample: Sample) -> bool:
        """Whether a stretch goes on, and will do without the sample."""
        return (
            sample.answered is last.answered
            and (self._is_quiet if sample.answered else self._is_down)(
                last, sample
            )
            and sample.start not in self._needed
            and not any(
                last.start < cut <= sample.start for cut in self._window
            )
        )

    def _is_quiet(self, last: Sample, sample: Sample) -> bool:
        return (
            not sample.slack
            # A later probe may have its answer sooner.
            and sample.end >= self._first_answer
            and sample.start - last.start <= self._longest_gap
        )

    def _is_down(self, last: Sample, sample: Sample) -> bool:
        began = self._left_out.begin if self._left_out else last.start
        return (
            not sample.late
            and sample.why == last.why
            and sample.start - last.start <= 2 * self._interval
            and sample.start - began <= LONGEST_DOWN
        )

    def _end_stretch(self) -> None:
        """What was the last one of the stretch is kept."""
        if self._last and self._left_out:
            self._kept[self._last.start] = self._last
            if self._left_out.count:
                self._quiet.append(self._left_out.quiet())
        self._left_out = None


@dataclasses.dataclass(slots=True)
class _LeftOut:
    """What becomes a Quiet, as it grows."""

    begin: float
    answered: bool
    end: float = 0.0
    count: int = 0
    apart: float = 0.0
    slowest: float = 0.0
    gaps: Gaps = NONE

    def add(self, sample: Sample) -> None:
        """Leave out one more."""
        self.count += 1
        if sample.answered:
            self.slowest = max(self.slowest, sample.delay)

    def go_on(self, last: Sample, sample: Sample, most: float) -> None:
        """Go on from one sample to the next.

        :param most: what is farther apart than that is a gap
        """
        apart = sample.start - last.start
        if apart > most:
            self.gaps += Gaps.of([apart])
        else:
            self.apart = max(self.apart, apart)
        self.end = sample.start

    def quiet(self) -> Quiet:
        return Quiet(
            self.begin,
            self.end,
            self.count,
            self.apart,
            self.slowest,
            self.gaps,
            self.answered,
        )
