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
"""What becomes of beats, by looks and clocks that a test makes up."""

import random

import testtools

from migration_tempest_plugin.measurement import beats
from migration_tempest_plugin.measurement import GuestClock
from migration_tempest_plugin.measurement import Sample

THRESHOLD = 0.1


class Case(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.told = []
        self.beats = beats.Beats(
            0.03, lambda sample, uptime: self.told.append((sample, uptime))
        )

    def answer(self, sent, received, uptime=1.0):
        self.beats.take(self.beats.send(sent), received, uptime)


class TestHeld(Case):
    """The tester itself did not run, so that it did not see the answers."""

    def seen(self, held, received):
        """The Samples of a beat that was sent at 100 s."""
        beats_ = beats.Beats(0.03)
        number = beats_.send(100.0)
        for each in held:
            beats_.hold(*each)
        if received:
            beats_.take(number, received, 1.0)
        return beats_.probed(101.0, THRESHOLD).samples

    def test_late_since_it_was_held(self):
        for received in (100.9, None):
            self.assertEqual(
                (), self.seen([(90, 91), (100.01, 100.95)], received)
            )

    def test_late_for_another_reason(self):
        for held in ([], [(90, 91), (103, 104)]):
            [sample] = self.seen(held, 100.9)
            self.assertTrue(sample.late)
            self.assertEqual(0.0, sample.slack)

    def test_late_for_both_reasons(self):
        [sample] = self.seen([(99.0, 100.5)], 100.9)
        self.assertTrue(sample.late)
        # For 0.4 s at least, whenever in these 0.9 s the answer came.
        self.assertAlmostEqual(0.4, sample.end - sample.latest_start)


class TestDecided(Case):
    def test_in_flight(self):
        """A beat goes to the sink when it is decided, and not before."""
        self.answer(100.0, 100.01, 7.0)
        number = self.beats.send(100.02)
        self.assertEqual(100.02, self.beats.decide(100.1, THRESHOLD))
        self.assertEqual([(Sample(100.0, 100.01, True), 7.0)], self.told)
        self.assertTrue(self.beats.waits(number))
        self.beats.take(number, 100.11, 7.1)
        self.assertEqual(100.2, self.beats.decide(100.2, THRESHOLD))
        self.assertEqual((Sample(100.02, 100.11, True), 7.1), self.told[-1])

    def test_late(self):
        """It failed, and goes to the sink again when its answer comes."""
        number = self.beats.send(100.0)
        self.beats.decide(100.2, THRESHOLD)
        self.assertEqual([(Sample(100.0, 100.0, False), None)], self.told)
        self.beats.take(number, 102.0, 7.0)
        late = Sample(100.0, 102.0, False, late=True)
        self.assertEqual((late,), self.beats.probed(102, THRESHOLD).samples)
        self.beats.decide(102.1, THRESHOLD)
        self.assertEqual((late, 7.0), self.told[-1])
        self.assertEqual((late,), self.beats.probed(103, THRESHOLD).samples)

    def test_held_before_it_failed(self):
        """No outage goes to the sink where the tester did not run."""
        number = self.beats.send(100.0)
        self.beats.hold(100.01, 102.0)
        self.assertEqual(100.0, self.beats.decide(102.01, THRESHOLD))
        self.beats.take(number, 102.02, 7.0)
        self.beats.decide(102.1, THRESHOLD)
        self.assertEqual([], self.told)

    def test_an_answer_that_nobody_waits_for(self):
        self.answer(100.0, 100.01)
        for number in (0, 1, -1):
            self.assertRaises(KeyError, self.beats.take, number, 101.0, 2.0)
        self.assertEqual(1, self.beats.answered)


class TestLong(Case):
    """An hour of beats, with a stop of the guest and a stall in it."""

    STOP = (1800.0, 1801.5)

    def setUp(self):
        super().setUp()
        chance = random.Random(4)
        self.all = []
        begin, end = self.STOP
        for each in range(50 * 3600):
            sent = each * 0.02
            trip = 0.002 + 0.004 * chance.random()
            read = sent + trip / 2
            if begin <= read < end:
                read = end  # when it runs again
            uptime = 50.0 + read - (end - begin) * (read >= end)
            received = max(read, sent + trip / 2) + trip / 2
            self.all.append((sent, received, int(uptime * 100) / 100))
        for sent, received, uptime in self.all:
            number = self.beats.send(sent)
            if sent == self.all[100][0]:
                self.beats.begin(sent)
            if received - sent > THRESHOLD:
                self.beats.decide(sent + 0.15, THRESHOLD)
            self.beats.take(number, received, uptime)
            self.beats.decide(received, THRESHOLD)

    def test_little_is_kept(self):
        probed = self.beats.probed(3601.0, THRESHOLD)
        left_out = sum(quiet.count for quiet in probed.quiet)
        self.assertEqual(len(self.all), left_out + len(probed.samples))
        self.assertLess(len(probed.samples), 2000)
        clock = self.beats.clock()
        self.assertLess(len(clock.beats), 3 * 3600)
        self.assertEqual(len(self.all), clock.looks)

    def test_the_same_stop(self):
        whole = GuestClock(tuple(beats.Beat(*each) for each in self.all[100:]))
        clock = self.beats.clock().since(self.all[100][0])
        self.assertEqual(whole.looks, clock.looks)
        [expected], [found] = whole.stops, clock.stops
        length = self.STOP[1] - self.STOP[0]
        self.assertLessEqual(found.lower, length)
        self.assertGreaterEqual(found.upper, length)
        # No worse than a drift of some seconds.
        self.assertAlmostEqual(expected.lower, found.lower, 2)
        self.assertAlmostEqual(expected.upper, found.upper, 2)
        self.assertGreaterEqual(clock.resolution, whole.resolution - 1e-9)
        self.assertLess(clock.resolution, 1.2 * whole.resolution)
