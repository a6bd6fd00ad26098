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

import math
import random
import sys

import testtools

from migration_tempest_plugin.measurement import Probing
from migration_tempest_plugin.measurement import round_trips
from migration_tempest_plugin.measurement.round_trips import Accumulator
from migration_tempest_plugin.measurement.round_trips import RoundTrips
from migration_tempest_plugin.measurement.round_trips import Slot
from migration_tempest_plugin.measurement import Sample
from migration_tempest_plugin.measurement import Timeline

DAY = 86400


def counted(*round_trips):
    """A Slot of round trips, 10 ms from probe to probe."""
    accumulator = Accumulator(0.01)
    for number, seconds in enumerate(round_trips):
        accumulator.add(1000 + 0.01 * number, seconds)
    return Slot.of(accumulator.round_trips().slots)


class TestPercentiles(testtools.TestCase):
    def assertNear(self, expected, found):
        """Within the error that is stated."""
        self.assertIsNotNone(found)
        self.assertLessEqual(
            abs(found - expected), round_trips.ERROR * expected * 1.000001
        )

    def test_they_are_as_near_as_is_stated(self):
        numbers = random.Random(1)
        for spread in 0.01, 0.3, 2.0:
            trips = [
                numbers.lognormvariate(math.log(0.0004), spread)
                for _ in range(2000)
            ]
            found = counted(*trips).percentiles()
            trips.sort()
            self.assertEqual(2000, found.count)
            self.assertNear(trips[999], found.median)
            self.assertNear(trips[1899], found.p95)
            self.assertNear(trips[1979], found.p99)
            self.assertEqual(trips[-1], found.maximum)

    def test_whatever_its_length_is(self):
        for exponent in range(-50, 36):
            seconds = 10 ** (exponent / 10)
            self.assertNear(seconds, counted(seconds, 1e9).percentile(0.5))

    def test_none_is_longer_than_the_longest(self):
        for seconds in 0.000123, 0.0421, 7.77:
            found = counted(*[seconds] * 100).percentiles()
            self.assertLessEqual(found.p99, found.maximum)
            self.assertEqual(seconds, found.maximum)

    def test_too_few_have_none(self):
        for count, known in (
            (0, (False, False, False)),
            (19, (True, False, False)),
            (20, (True, True, False)),
            (99, (True, True, False)),
            (100, (True, True, True)),
        ):
            found = counted(*[0.001] * count).percentiles(7)
            self.assertEqual((count, 7), (found.count, found.unanswered))
            self.assertEqual(
                known,
                tuple(
                    each is not None
                    for each in (found.median, found.p95, found.p99)
                ),
            )

    def test_of_no_time_at_all(self):
        self.assertEqual(0.0, counted(0.0, 0.0).percentile(0.5))


class TestAccumulator(testtools.TestCase):
    def take(self, interval, number):
        accumulator = Accumulator(interval)
        for each in range(number):
            accumulator.add(1e5 + each * interval, 0.0004)
        return accumulator.round_trips()

    def test_each_is_counted_however_long_it_takes(self):
        for interval, number in (0.01, 100_000), (0.05, 100_000), (60, 5000):
            found = self.take(interval, number)
            self.assertEqual(number, sum(each.count for each in found.slots))
            begins = [each.begin for each in found.slots]
            self.assertEqual(sorted(begins), begins)
            self.assertEqual(1e5, begins[0])

    def test_memory_does_not_grow(self):
        """A month at 50 ms, with round trips of all lengths."""
        numbers = random.Random(2)
        accumulator = Accumulator(0.05)
        for each in range(200_000):
            accumulator.add(
                30 * DAY / 200_000 * each, numbers.lognormvariate(-8, 1)
            )
        packed = accumulator.round_trips().packed
        self.assertLess(len(packed), 80)
        self.assertLess(sum(map(sys.getsizeof, packed)), 150_000)

    def test_very_many(self):
        """More than two bytes count."""
        found = Accumulator(0.001)
        for each in range(70_000):
            found.add(1e-6 * each, 0.0004)
        for each in range(1, 10):
            found.add(float(each), 0.0004)
        self.assertEqual(70_009, Slot.of(found.round_trips().slots).count)

    def test_slots_are_short_at_first(self):
        longest = max(
            each.end - each.begin for each in self.take(0.01, 3000).slots
        )
        self.assertLess(longest, 0.11)

    def test_answers_that_come_later(self):
        """Of a probe that was sent long before."""
        accumulator = Accumulator(0.01)
        for each in range(100_000):
            accumulator.add(0.01 * each, 0.001)
        accumulator.add(3.0, 997.0)
        slots = accumulator.round_trips().slots
        [late] = [each for each in slots if each.maximum > 1]
        self.assertLessEqual(late.begin, 3.0)
        self.assertGreaterEqual(late.end, 3.0)
        self.assertEqual(100_001, sum(each.count for each in slots))

    def test_no_slot_goes_beyond_a_cut(self):
        accumulator = Accumulator(0.01)
        for each in range(50_000):
            if each in (7000, 7001, 30_000):
                accumulator.cut(0.01 * each)
            accumulator.add(0.01 * each, 0.001)
        slots = accumulator.round_trips().slots
        for cut in 70.0, 70.01, 300.0:
            self.assertEqual(
                [],
                [
                    (each.begin, each.end)
                    for each in slots
                    if each.begin < cut <= each.end
                ],
            )
        self.assertLess(len(slots), 530)


class TestRoundTrips(testtools.TestCase):
    def test_since(self):
        found = RoundTrips.of(
            [Sample(float(each), each + 0.5, True) for each in range(100)], 1.0
        ).since(35.0)
        self.assertEqual(
            (30.0, 70), (found.slots[0].begin, Slot.of(found.slots).count)
        )

    def test_fewer_slots(self):
        found = RoundTrips.of(
            [Sample(float(each), each + 0.5, True) for each in range(1000)],
            1.0,
        )
        coarse = found.coarse(7)
        self.assertLessEqual(len(coarse), 7)
        self.assertEqual(1000, sum(each.count for each in coarse))
        self.assertEqual([], RoundTrips(()).coarse(7))

    def test_what_has_no_round_trip(self):
        """A failed probe has none, and a late one has all of it."""
        [slot] = RoundTrips.of(
            [
                Sample(0.0, 0.001, True),
                Sample(0.01, 0.51, False),
                Sample(0.02, 3.02, False, late=True),
                Sample(0.03, 3.03, False, late=True, slack=2.5),
                Sample(0.04, 1.0, True, took=0.002),
                # It may have been sent at any time before its answer.
                Sample(0.05, 0.95, True, slack=0.9),
            ],
            0.01,
        ).slots
        self.assertEqual(4, slot.count)
        self.assertAlmostEqual(3.0, slot.maximum)
        # 0.001, 0.002, 0.5 and 3.0
        self.assertAlmostEqual(0.5, slot.percentile(0.75), 1)

    def test_a_stall_is_not_omitted(self):
        """Those count that were due while one was waited for."""
        samples = [
            Sample(0.0, 0.01, True),
            Sample(0.2, 1.21, True),
            Sample(1.21, 1.22, True),
            Sample(1.42, 1.43, True),
        ]
        waited, scheduled = (
            Slot.of(
                Timeline('metadata', 'x', samples, 0.2, 2.0, probing=probing)
                .round_trips_cut_at([])
                .slots
            )
            for probing in (Probing.SEQUENTIAL, Probing.INDEPENDENT)
        )
        self.assertEqual(4, scheduled.count)
        # Those due at 0.4, 0.6, 0.8 and 1.0 would have waited as well.
        self.assertEqual(8, waited.count)
        self.assertAlmostEqual(0.81, waited.percentile(7 / 8), 1)

    def test_lanes_that_overlap_need_none(self):
        samples = [
            Sample(0.2 * each, 0.2 * each + 1.0, True) for each in range(20)
        ]
        found = RoundTrips.of(samples, 0.2, in_turn=True)
        # Behind the last one, nobody knows what was due.
        self.assertEqual(24, Slot.of(found.slots).count)
