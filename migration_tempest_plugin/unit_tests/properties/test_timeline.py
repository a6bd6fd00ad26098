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

import dataclasses
import math

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.measurement import Duration
from migration_tempest_plugin.measurement.guest_clock import TICK
from migration_tempest_plugin.measurement import Probing
from migration_tempest_plugin.measurement import Sample
from migration_tempest_plugin.measurement import Seen
from migration_tempest_plugin.measurement import Timeline
from migration_tempest_plugin.unit_tests.properties import base
from migration_tempest_plugin.unit_tests.properties.base import strategies

INTERVAL = 0.1

#: What is computed may be off by rounding.
ROUNDING = 1e-9


@dataclasses.dataclass(frozen=True)
class Truth:
    """What really happened, and the probes that saw it.

    :ivar down: begin and end of each time in which every packet is lost
    :ivar lags: by how much each probe is sent too late
    :ivar trip: seconds of the way to the target, and of the way back
    :ivar slack: by how much a probe may have been sent later than it says;
        really it is by a part of that, which is another one for each
    """

    down: tuple
    lags: tuple
    trip: float
    slack: float = 0.0

    def timeline(self):
        samples = []
        for number, lag in enumerate(self.lags):
            sent = number * INTERVAL + lag
            answered = not any(
                begin <= moment < end
                for begin, end in self.down
                for moment in (sent + self.trip, sent + 2 * self.trip)
            )
            samples.append(
                Sample(
                    sent - self.slack * (number * 0.618034 % 1),
                    sent + 2 * self.trip,
                    answered,
                    slack=self.slack,
                )
            )
        return Timeline(
            'network',
            'x',
            samples,
            INTERVAL,
            samples[-1].end,
            probing=Probing.INDEPENDENT,
        )


def truths(most=4):
    """Outages that are at least a second apart, and a prober that is late."""
    return strategies.builds(
        _truth,
        strategies.lists(
            strategies.tuples(
                strategies.floats(1.0, 3.0), strategies.floats(0.0, 2.0)
            ),
            max_size=most,
        ),
        strategies.lists(
            strategies.floats(0, 0.99 * INTERVAL), min_size=40, max_size=40
        ),
        strategies.floats(0, 0.02),
        strategies.sampled_from((0.0, 0.03, 0.2)),
    )


def _truth(outages, lags, trip, slack):
    down, now = [], 0.0
    for up, seconds in outages:
        down.append((now + up, now + up + seconds))
        now += up + seconds
    number = round((now + 1) / INTERVAL)
    return Truth(
        tuple(down),
        tuple(lags[each % len(lags)] for each in range(number)),
        trip,
        slack,
    )


@dataclasses.dataclass(frozen=True)
class Disk:
    """What really happened to a guest's disk, and how long writing took.

    :ivar stalls: begin and end of each time in which nothing goes on
    :ivar work: seconds that each record takes of the disk
    :ivar pause: seconds between two of them
    """

    stalls: tuple
    work: float
    pause: float

    THRESHOLD = 0.2

    def timeline(self):
        samples, now = [], 0.0
        over = max((end for _, end in self.stalls), default=0.0) + 2
        while now < over:
            began, now = now, self._after(now)
            # A guest's clock counts in ticks, and cuts them off.
            start, end = _ticks(began), _ticks(now)
            late = end - start > self.THRESHOLD
            samples.append(
                Sample(start, end + TICK, not late, late=late, slack=TICK)
            )
            now += self.pause
        return Timeline(
            'storage',
            'x',
            samples,
            self.pause,
            samples[-1].end,
            probing=Probing.BLOCKING,
            clock='guest',
            deadline=self.THRESHOLD,
        )

    def _after(self, now):
        """When a record is on the disk that is begun now."""
        left = self.work
        for begin, end in self.stalls:
            if end <= now:
                continue
            if now + left <= begin:
                break
            left -= max(0.0, begin - now)
            now = end
        return now + left


def _ticks(moment):
    return math.floor(moment / TICK) * TICK


def disks():
    return strategies.builds(
        lambda outages, work, pause: Disk(
            _truth(outages, [0.0], 0.0, 0.0).down, work, pause
        ),
        strategies.lists(
            strategies.tuples(
                strategies.floats(1.0, 3.0), strategies.floats(0.0, 6.0)
            ),
            max_size=4,
        ),
        strategies.floats(0.0, 0.15),
        strategies.floats(0.02, 0.2),
    )


class TestDisk(base.Case):
    def test_bounds_hold_the_truth(self):
        def check(disk):
            for outage in disk.timeline().outages:
                [(begin, end)] = [
                    each
                    for each in disk.stalls
                    if each[0] < outage.end
                    and outage.start < each[1]
                    and each[1] > each[0]
                ]
                self.assertLessEqual(outage.lower, end - begin + ROUNDING)
                self.assertGreaterEqual(outage.upper, end - begin - ROUNDING)

        self.for_all(check, disks())

    def test_what_is_longer_than_the_resolution_is_seen(self):
        def check(disk):
            timeline = disk.timeline()
            self.assertLess(timeline.resolution, 1.0)
            for begin, end in disk.stalls:
                if end - begin > timeline.resolution:
                    self.assertTrue(
                        any(
                            outage.start <= begin and end <= outage.end
                            for outage in timeline.outages
                        )
                    )

        self.for_all(check, disks())


class TestTimeline(base.Case):
    def test_bounds_hold_the_truth(self):
        def check(truth):
            timeline = truth.timeline()
            for outage in timeline.outages:
                [(begin, end)] = [
                    each
                    for each in truth.down
                    if outage.start <= each[0] < outage.end
                ]
                self.assertLessEqual(outage.lower, end - begin + ROUNDING)
                self.assertGreaterEqual(outage.upper, end - begin - ROUNDING)
                self.assertGreaterEqual(outage.end, end)

        self.for_all(check, truths())

    def test_what_is_longer_than_the_resolution_is_seen(self):
        def check(truth):
            timeline = truth.timeline()
            for begin, end in truth.down:
                if end - begin > timeline.resolution + 2 * truth.trip:
                    self.assertTrue(
                        any(
                            outage.start <= begin and end <= outage.end
                            for outage in timeline.outages
                        )
                    )

        self.for_all(check, truths())

    def test_the_sum_holds_all(self):
        def check(truth):
            timeline = truth.timeline()
            seen = sum(
                end - begin
                for begin, end in truth.down
                if any(
                    outage.start <= begin and end <= outage.end
                    for outage in timeline.outages
                )
            )
            self.assertLessEqual(timeline.total.lower, seen + ROUNDING)
            self.assertGreaterEqual(timeline.total.upper, seen - ROUNDING)
            self.assertLessEqual(
                timeline.longest.lower, timeline.total.lower + ROUNDING
            )

        self.for_all(check, truths())

    def test_what_nobody_saw_is_bounded(self):
        """Also where the prober did not run while it was down."""

        def check(truth, pauses):
            timeline = truth.timeline()
            looked = [
                each
                for each in timeline.samples
                if not any(
                    begin - early <= each.start < end + late
                    for (begin, end), (early, late) in zip(truth.down, pauses)
                )
            ]
            if not any(each.answered for each in looked):
                return
            seen = Seen.of(dataclasses.replace(timeline, samples=looked))
            longer = sum(
                end - begin
                for begin, end in truth.down
                if end - begin > seen.resolution + 2 * truth.trip
            )
            bound = Duration.sum(seen.durations).upper + seen.missed.total
            self.assertGreaterEqual(bound, longer - ROUNDING)

        # Of several, the bounds of one would leave room for another.
        pause = strategies.floats(0.0, 0.1)
        self.for_all(
            check,
            truths(most=1),
            strategies.lists(strategies.tuples(pause, pause), max_size=1),
            examples=1000,
        )

    def test_any_samples(self):
        """Whatever they are: NoMeasurement, or bounds in their order."""
        samples = strategies.lists(
            strategies.builds(
                _sample,
                strategies.floats(0, 10),
                strategies.floats(0, 3),
                strategies.sampled_from(('answered', 'lost', 'late')),
                strategies.sampled_from((0.0, 0.01)),
            ),
            max_size=30,
        )

        def check(samples, probing, deadline):
            if probing is Probing.ORDERED:
                samples = _in_order(samples)
            elif probing is Probing.BLOCKING:
                samples = _one_by_one(samples)
            try:
                timeline = Timeline(
                    'tcp',
                    'x',
                    samples,
                    INTERVAL,
                    max([14.0, *(each.end for each in samples)]),
                    probing=probing,
                    deadline=deadline,
                )
            except exceptions.NoMeasurement:
                self.assertFalse(any(each.answered for each in samples))
                return
            for outage in timeline.outages:
                self.assertLessEqual(0, outage.lower)
                self.assertLessEqual(outage.lower, outage.upper + ROUNDING)
                self.assertLessEqual(outage.start, outage.first_failure)
            self.assertLessEqual(
                timeline.longest.upper, timeline.total.upper + ROUNDING
            )
            self.assertGreaterEqual(timeline.unobserved, 0)
            self.assertIn('of x', timeline.summary())
            self.assertEqual(
                len(samples),
                timeline.to_dict()['successes']
                + timeline.to_dict()['failures'],
            )

        self.for_all(
            check,
            samples,
            strategies.sampled_from(Probing),
            strategies.sampled_from((0.1, 0.5)),
        )


def _in_order(samples):
    """The same, but no answer comes before that of an earlier probe."""
    found, latest = [], 0.0
    for sample in sorted(samples, key=lambda each: each.start):
        latest = max(latest, sample.end)
        found.append(dataclasses.replace(sample, end=latest))
    return found


def _one_by_one(samples):
    """The same, but each begins when the one before has ended."""
    found, free = [], 0.0
    for sample in sorted(samples, key=lambda each: each.start):
        start = max(free, sample.start)
        free = start + sample.delay
        found.append(dataclasses.replace(sample, start=start, end=free))
    return found


def _sample(start, delay, became, slack):
    return Sample(
        start, start + delay, became == 'answered', became == 'late', slack
    )


class TestDuration(base.Case):
    def durations(self):
        return strategies.lists(
            strategies.builds(
                lambda lower, more, part: Duration.around(
                    lower + part * more, lower, lower + more
                ),
                strategies.floats(0, 1e6),
                strategies.floats(0, 1e6),
                strategies.floats(0, 1),
            ),
            max_size=8,
        )

    def test_sum_and_longest(self):
        def check(durations, resolution):
            total = Duration.sum(durations, resolution)
            longest = Duration.longest(durations, resolution)
            for duration in (total, longest):
                self.assertLessEqual(duration.lower, duration)
                self.assertLessEqual(duration, duration.upper)
            self.assertLessEqual(longest.upper, total.upper * (1 + ROUNDING))
            if not durations:
                self.assertEqual(resolution, total.upper)

        self.for_all(check, self.durations(), strategies.floats(0, 10))

    def test_less(self):
        """A part and what is left of it hold what they are made of."""

        def check(durations):
            if len(durations) < 2:
                return
            whole, part = Duration.sum(durations), durations[0]
            left = whole.less(part)
            truth = sum(each.upper for each in durations[1:])
            self.assertGreaterEqual(left.upper, truth - 1e-6 * (1 + truth))
            self.assertLessEqual(left.lower, truth)

        self.for_all(check, self.durations())
