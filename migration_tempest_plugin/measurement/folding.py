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

Most probes are answered, one after the other. All that follows from such a
stretch is in its first samples, its last one, and how many there were between
these: those between are left out.
"""

import collections.abc
import dataclasses
import itertools

from migration_tempest_plugin.measurement.round_trips import RoundTrips
from migration_tempest_plugin.measurement.sample import Sample


@dataclasses.dataclass(frozen=True, slots=True)
class Quiet:
    """Probes between two others that were left out: all were answered.

    :ivar begin: when the last one before them was sent, in seconds
    :ivar end: when the first one after them was sent
    :ivar count: how many were left out
    :ivar apart: the longest time from one probe to the next, in seconds, from
        begin to end
    """

    begin: float
    end: float
    count: int
    apart: float


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

    Kept is all that bounds an outage or a gap: each sample that failed, the
    last one before it, those behind it that may have had the first answer,
    and both sides of each gap.

    :param interval: seconds from probe to probe, as it was asked for
    :param deadline: seconds within which an answer comes
    :param cuts: moments, in seconds; the last probe before each and the first
        one after it are kept
    """

    def __init__(
        self,
        interval: float,
        deadline: float,
        cuts: collections.abc.Collection[float] = (),
    ) -> None:
        self._interval = interval
        self._deadline = deadline
        self._cuts = cuts
        # By when they were sent. New ones are not in order, and not folded.
        self._new: dict[float, Sample] = {}
        self._kept: dict[float, Sample] = {}
        self._quiet: list[Quiet] = []
        self._needed: set[float] = set()
        # Of the stretch that goes on: until when all of it is kept, and
        # its last sample, with what was left out before that.
        self._all_until = float('-inf')
        self._last: Sample | None = None
        self._left_out: Quiet | None = None

    def add(self, sample: Sample) -> None:
        """Take in a sample, or what became known of one that failed."""
        if sample.start in self._kept:
            self._kept[sample.start] = sample
        else:
            self._new[sample.start] = sample

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
        return [
            sample
            for sample in itertools.takewhile(
                lambda sample: sample.start >= oldest, newest_first
            )
            if sample.start >= moment
        ]

    def quiet_since(self, moment: float = float('-inf')) -> tuple[Quiet, ...]:
        """What was left out since a moment, the last one first."""
        left_out = self._left_out
        newest_first = itertools.chain(
            [left_out] if left_out and left_out.count else [],
            reversed(self._quiet),
        )
        return tuple(
            itertools.takewhile(
                lambda quiet: quiet.begin >= moment, newest_first
            )
        )

    def _fold(self, sample: Sample) -> None:
        last = self._last
        if last is None or not self._goes_on(last, sample):
            self._end_stretch()
            self._kept[sample.start] = sample
        elif sample.start <= self._all_until:
            self._kept[sample.start] = sample
        else:
            self._leave_out(last, sample)
        if not (sample.answered and (last is None or last.answered)):
            # Which answer was the first one after it, is not known sooner. A
            # probe that failed may have been sent when the next ones were.
            self._all_until = max(
                self._all_until, sample.latest_start + self._deadline
            )
        self._last = sample

    def _goes_on(self, last: Sample, sample: Sample) -> bool:
        return (
            last.answered
            and sample.answered
            and not sample.slack
            and sample.start not in self._needed
            and sample.start - last.start <= 2 * self._interval
            and not any(last.start < cut <= sample.start for cut in self._cuts)
        )

    def _leave_out(self, last: Sample, sample: Sample) -> None:
        """What was the last one of the stretch is not any more."""
        apart = sample.start - last.start
        before = self._left_out
        self._left_out = (
            Quiet(
                before.begin,
                sample.start,
                before.count + 1,
                max(before.apart, apart),
            )
            if before
            # The last one is kept: it is the end of what all is kept of.
            else Quiet(last.start, sample.start, 0, apart)
        )

    def _end_stretch(self) -> None:
        if self._last and self._left_out:
            self._kept[self._last.start] = self._last
            if self._left_out.count:
                self._quiet.append(self._left_out)
        self._left_out = None
