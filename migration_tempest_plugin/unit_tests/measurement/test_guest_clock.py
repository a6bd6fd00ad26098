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
"""Where a guest's clock stood still, told from outside."""

import json
import random

import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.measurement import Beat
from migration_tempest_plugin.measurement import guest_clock
from migration_tempest_plugin.measurement import GuestClock
from migration_tempest_plugin.measurement import Sample


class Guest:
    """A guest that stops, behind a network that goes away, over TCP.

    :param stops: (begin, end) of each, in the tester's clock
    :param outages: (begin, end) of each, likewise
    :param drift: of its clock
    """

    def __init__(self, chance, stops=(), outages=(), drift=0.0, trip=0.0005):
        self.stops, self.outages = stops, outages
        self._chance, self._drift, self._trip = chance, drift, trip

    def clock(self, moment):
        stopped = sum(
            min(max(moment - begin, 0), end - begin)
            for begin, end in self.stops
        )
        return 100 + (moment - stopped) * (1 + self._drift)

    def beats(self, end):
        """What a meter sees that looks from 0 to the end."""
        beats = []
        asked = answered = number = 0
        while True:
            sent = number * 0.02 + number * 0.618034 % 1 * guest_clock.TICK
            if sent > end:
                return beats
            asked = max(asked, self._arrival(sent))
            for begin, until in self.stops:
                if begin <= asked < until:
                    asked = until
            answered = max(answered, self._arrival(asked))
            beats.append(
                Beat(sent, answered, int(self.clock(asked) * 100) / 100)
            )
            number += 1

    def _arrival(self, sent):
        """TCP repeats what was lost, after ever longer times."""
        pause = 0.2
        while any(begin <= sent < end for begin, end in self.outages):
            sent += pause
            pause *= 2
        return sent + self._trip * self._chance.uniform(0.4, 3)


def guest_by_chance(seed):
    """A guest with some stops, and outages that hold them."""
    chance = random.Random(seed)
    stops, outages = [], []
    moment = 2.0
    for _ in range(chance.choice((0, 1, 1, 2, 3))):
        moment += chance.uniform(1, 4)
        stop = moment, moment + chance.choice((0.02, 0.06, 0.1, 0.3, 1, 5))
        stops.append(stop)
        outages.append(
            (
                stop[0] - chance.choice((0, 0.05)),
                stop[1] + chance.choice((0, 0.02, 0.3, 1)),
            )
        )
        moment = stop[1]
    return Guest(
        chance,
        stops,
        outages,
        chance.uniform(-1e-4, 1e-4),
        chance.choice((0.0003, 0.001, 0.004)),
    ), moment + 4


class TestStops(testtools.TestCase):
    def seen(self, stops=(), outages=(), end=8):
        return GuestClock(Guest(random.Random(1), stops, outages).beats(end))

    def test_none(self):
        clock = self.seen()
        self.assertEqual((), clock.stops)
        self.assertEqual(0.0, clock.stopped)
        self.assertEqual(clock.resolution, clock.stopped.upper)
        self.assertLess(clock.resolution, 0.015)

    def test_one(self):
        [stop] = self.seen([(4.0, 4.1)], [(4.0, 4.1)]).stops
        self.assertLessEqual(stop.lower, 0.1)
        self.assertGreaterEqual(stop.upper, 0.1)
        self.assertLess(stop.upper - stop.lower, 0.005)
        self.assertLessEqual(stop.start, 4.0)
        self.assertGreater(stop.start, 3.9)
        self.assertLessEqual(stop.resumed_earliest, 4.1)
        self.assertGreaterEqual(stop.end, 4.1)

    def test_an_outage_is_no_stop(self):
        """The connection stalled, but the clock went on."""
        self.assertEqual((), self.seen(outages=[(4.0, 5.0)]).stops)

    def test_the_truth_is_within_the_bounds(self):
        for seed in range(60):
            guest, end = guest_by_chance(seed)
            clock = GuestClock(guest.beats(end))
            truth = sum(until - begin for begin, until in guest.stops)
            self.assertLessEqual(clock.stopped.lower, truth, seed)
            self.assertGreaterEqual(clock.stopped.upper, truth, seed)
            if len(clock.stops) == len(guest.stops):
                for stop, (begin, until) in zip(clock.stops, guest.stops):
                    self.assertLessEqual(stop.start, begin, seed)
                    self.assertLessEqual(stop.resumed_earliest, until, seed)
                    self.assertGreaterEqual(stop.end, until, seed)

    def test_moments_are_within_the_bounds(self):
        for seed in range(60):
            guest, end = guest_by_chance(seed)
            clock = GuestClock(guest.beats(end))
            for _ in range(50):
                moment = guest._chance.uniform(0, end)
                if any(
                    begin <= moment <= until for begin, until in guest.stops
                ):
                    continue
                uptime = guest.clock(moment)
                self.assertLessEqual(clock.earliest(uptime), moment, seed)
                self.assertGreaterEqual(clock.latest(uptime), moment, seed)

    def test_a_clock_that_is_set_on_is_no_stop(self):
        beats = self.seen().beats
        later = [
            Beat(beat.sent, beat.received, beat.uptime + 3)
            for beat in beats[200:]
        ]
        clock = GuestClock([*beats[:200], *later])
        self.assertEqual((), clock.stops)
        self.assertAlmostEqual(
            beats[300].sent, clock.earliest(beats[300].uptime + 3), delta=0.02
        )


class TestNoMeasurement(testtools.TestCase):
    def test_too_few(self):
        error = self.assertRaises(
            exceptions.NoMeasurement, GuestClock, [Beat(1, 1, 1)]
        )
        self.assertIn('too few', error.reason)

    def test_rebooted(self):
        error = self.assertRaises(
            exceptions.NoMeasurement,
            GuestClock,
            [Beat(1, 1, 500.0), Beat(2, 2, 3.5)],
        )
        self.assertIn('the guest was rebooted', error.reason)
        self.assertIn('from 500.00 s to 3.50 s', error.seen)


class TestUse(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.clock = GuestClock(
            Guest(random.Random(1), [(4.0, 4.3)], [(4.0, 4.6)]).beats(8)
        )

    def test_a_sample_before_the_stop(self):
        # The guest's clock is 100 s ahead, and its reading is cut off.
        joined = self.clock.sample(Sample(102.0, 102.11, True))
        self.assertLessEqual(joined.start, 2.0)
        self.assertGreaterEqual(joined.latest_start, 2.01)
        self.assertGreaterEqual(joined.end, 2.11)
        self.assertLess(joined.slack, 0.03)
        self.assertTrue(joined.answered)

    def test_a_sample_after_the_stop(self):
        joined = self.clock.sample(Sample(106.0, 106.0, False))
        self.assertAlmostEqual(6.3, joined.start, delta=0.02)

    def test_a_sample_that_may_be_before_or_after(self):
        """Nothing was heard of the guest while its network was away."""
        joined = self.clock.sample(Sample(104.1, 104.12, False))
        self.assertLessEqual(joined.start, 4.1)
        self.assertGreaterEqual(joined.latest_start, 4.4)

    def test_since(self):
        self.assertEqual((), self.clock.since(5.0).stops)
        self.assertRaises(exceptions.NoMeasurement, self.clock.since, 9.0)

    def test_summary(self):
        self.assertRegex(
            self.clock.summary(),
            r'^guest\'s clock: stopped for 0\.3\d\d s .* in 1 '
            r'stop; \d+ looks, resolution 0\.\d+ s$',
        )
        later = self.clock.since(5.0)
        self.assertIn(
            f'no stop longer than {later.resolution:.4f} s;', later.summary()
        )

    def test_to_dict_is_ready_for_json(self):
        recorded = json.loads(json.dumps(self.clock.to_dict(1.0)))
        [stop] = recorded['stops']
        self.assertLessEqual(stop['start'], 3.0)
        self.assertEqual(recorded['stopped']['upper'], stop['upper'])
