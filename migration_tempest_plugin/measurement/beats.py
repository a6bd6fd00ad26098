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
"""What becomes of the questions for a guest's clock, as it becomes known."""

import bisect
import collections
import collections.abc
import dataclasses

from migration_tempest_plugin.measurement.clock_folding import ClockFolding
from migration_tempest_plugin.measurement.folding import Folding
from migration_tempest_plugin.measurement.folding import Probed
from migration_tempest_plugin.measurement.guest_clock import Beat
from migration_tempest_plugin.measurement.guest_clock import GuestClock
from migration_tempest_plugin.measurement.round_trips import RoundTrips
from migration_tempest_plugin.measurement.sample import Sample

#: Takes each Sample, and what the guest's clock showed then, or None.
Sink = collections.abc.Callable[[Sample, float | None], object]

#: Seconds for which all samples are kept: who looks now and then sees them.
_WHOLE = 10.0


class Beats:
    """The beats of one guest, in the order in which they were sent.

    Answers come in that order, too. What is decided of a beat goes to the
    sink; of one that failed, once more where its answer comes after all.

    :param interval: seconds from beat to beat at the most, as asked for
    :param sink: must not wait
    :ivar sent: how many were sent
    :ivar answered: how many were answered
    :ivar last: the latest one that was answered, or None
    """

    def __init__(self, interval: float, sink: Sink | None = None) -> None:
        self.sent = self.answered = 0
        self.last: Beat | None = None
        self._sink = sink
        # By number: when each was sent that has no answer.
        self._flying: dict[int, float] = {}
        self._failed: dict[int, float] = {}
        # What has one, and is not decided.
        self._arrived: collections.deque[Beat] = collections.deque()
        # When the tester did not run: (from, to).
        self._held: list[tuple[float, float]] = []
        self._folding = Folding(interval)
        self._clock = ClockFolding()

    def send(self, moment: float) -> int:
        """A beat is sent now; its number."""
        number, self.sent = self.sent, self.sent + 1
        self._flying[number] = moment
        return number

    def take(self, number: int, received: float, uptime: float) -> Beat:
        """An answer.

        :raises KeyError: if no such beat waits for one
        """
        sent = (
            self._failed.pop(number)
            if number in self._failed
            else self._flying.pop(number)
        )
        self.last = beat = Beat(sent, received, uptime)
        self.answered += 1
        self._arrived.append(beat)
        self._clock.add(beat)
        return beat

    def hold(self, begin: float, end: float) -> None:
        """The tester itself did not run in a time."""
        self._held.append((begin, end))

    def begin(self, baseline: float) -> None:
        """What was sent at a moment is the first that counts."""
        self._folding.keep(baseline)
        self._clock.begin(baseline)

    def waits(self, number: int) -> bool:
        """Whether a beat that was sent has no answer, and did not fail."""
        return number in self._flying

    @property
    def latest(self) -> float | None:
        """When the last beat was sent, if it has no answer; or None."""
        return self._flying.get(self.sent - 1)

    def decide(self, now: float, threshold: float) -> float:
        """Decide about what can be; to be called when hold() was.

        :param threshold: seconds from which on a late answer is a stall
        :returns: the moment up to which all beats are decided
        """
        while self._arrived:
            beat = self._arrived.popleft()
            self._decide(self._of(beat, threshold), beat.uptime)
        for number, sent in list(self._flying.items()):
            sample = self._overdue(sent, now, threshold)
            if sample is None:
                break
            self._failed[number] = self._flying.pop(number)
            self._decide(sample, None)
        self._forget()
        known = next(iter(self._flying.values()), now)
        self._folding.fold(known - _WHOLE)
        return known

    def probed(
        self, now: float, threshold: float, since: float = float('-inf')
    ) -> Probed:
        """What became of the beats up to now, as it looks now.

        :param since: those that were sent before are left out
        """
        decided = self._folding.probed(now, since)
        samples = [*decided.samples]
        samples += filter(
            None, (self._of(beat, threshold) for beat in self._arrived)
        )
        samples += filter(
            None,
            (
                self._overdue(sent, now, threshold)
                for sent in self._flying.values()
            ),
        )
        # An answer that has arrived says more than that it was late.
        found = {each.start: each for each in samples if each.start >= since}
        return dataclasses.replace(decided, samples=tuple(found.values()))

    def cut(self, moment: float) -> None:
        """Count round trips since a moment apart from those before it."""
        self._folding.cut(moment)

    def round_trips(self) -> RoundTrips:
        """All that were counted up to now."""
        return self._folding.round_trips()

    def clock(self) -> GuestClock:
        """The GuestClock of all beats.

        :raises NoMeasurement: if there are too few, or if it went back
        """
        return self._clock.clock()

    def recent_clock(self) -> GuestClock:
        """The same of the latest ones alone, of some minutes."""
        return self._clock.recent()

    def _of(self, beat: Beat, threshold: float) -> Sample | None:
        """The Sample of an answer; None if it says nothing.

        It is late since the tester itself did not run.
        """
        if beat.received - beat.sent <= threshold:
            return Sample(beat.sent, beat.received, True)
        held = self._held_between(beat.sent, beat.received)
        if beat.received - beat.sent - held <= threshold:
            return None
        # So much later it may have been sent, as far as the stall goes.
        return Sample(beat.sent, beat.received, False, late=True, slack=held)

    def _overdue(
        self, sent: float, now: float, threshold: float
    ) -> Sample | None:
        """The Sample of a beat without an answer; None if it is in time."""
        held = self._held_between(sent, now)
        if now - sent - held <= threshold:
            return None
        return Sample(sent, sent, False, slack=held)

    def _held_between(self, begin: float, end: float) -> float:
        """For how many seconds the tester did not run."""
        first = bisect.bisect_right(
            self._held, begin, key=lambda held: held[1]
        )
        return sum(
            max(0.0, min(end, until) - max(begin, since))
            for since, until in self._held[first:]
        )

    def _decide(self, sample: Sample | None, uptime: float | None) -> None:
        if sample:
            self._folding.add(sample)
            if self._sink:
                self._sink(sample, uptime)

    def _forget(self) -> None:
        """The times that the tester did not run, as far as all is decided."""
        waiting = [*self._failed.values(), *self._flying.values()]
        oldest = min(waiting, default=float('inf'))
        self._held = [held for held in self._held if held[1] > oldest]
