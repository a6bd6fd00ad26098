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
"""Many targets at the same time."""

import threading
import time

import fixtures
import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.measurement import Sample
from migration_tempest_plugin.measurement import Timeline
from migration_tempest_plugin.meters import many


def timeline(pattern):
    """Probes, a tenth of a second each: + answered, - failed."""
    samples = [
        Sample(number / 10, number / 10, letter == '+')
        for number, letter in enumerate(pattern)
    ]
    return Timeline('network', 'x', samples, 0.1, ended=samples[-1].end)


class FakeMeter:
    """Reads like the patterns, one after another."""

    def __init__(self, *patterns, up=True):
        self.patterns = list(patterns)
        self.up = up
        self.waited = []
        self.read = []

    def wait_until_up(self, timeout, since):
        self.waited.append((timeout, since))
        if not self.up:
            raise exceptions.NoMeasurement('no answer')
        return since + 0.5

    def measurement(self, until):
        self.read.append(until)
        return timeline(self.patterns.pop(0)).recovered()


class TestSetUp(testtools.TestCase):
    def test_the_first_one_shows_whether_it_is_of_use(self):
        tried = []

        def fails():
            tried.append('first')
            raise exceptions.NoMeasurement('no socket')

        self.assertRaises(
            exceptions.NoMeasurement,
            many.set_up,
            [fails, lambda: tried.append('second')],
        )
        self.assertEqual(['first'], tried)

    def test_the_others_do_not_wait_for_each_other(self):
        together = threading.Barrier(3)
        many.set_up([lambda: None] + [lambda: together.wait(20)] * 3)
        self.assertFalse(together.broken)

    def test_none(self):
        self.assertIsNone(many.set_up([]))


class TestWait(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())

    def test_from_the_same_moment_on(self):
        meters = [FakeMeter(), FakeMeter()]
        patience = dict(zip(meters, (3.0, 4.0)))
        before = time.monotonic()
        found = many.wait_until_up(meters, patience.get)
        [(first, since)], [(second, also)] = [each.waited for each in meters]
        self.assertEqual((3.0, 4.0), (first, second))
        self.assertEqual(since, also)
        self.assertLessEqual(before, since)
        self.assertEqual(dict.fromkeys(meters, since + 0.5), found)

    def test_one_that_is_not_up(self):
        self.assertRaises(
            exceptions.NoMeasurement,
            many.wait_until_up,
            [FakeMeter(up=False)],
            lambda _: 1.0,
        )

    def test_what_stays_down_does_not_hide_the_other(self):
        meters = [FakeMeter(up=False), FakeMeter(up=False), FakeMeter()]
        many.wait_until_recovered(meters, 0)
        [(patience, since)] = meters[2].waited
        self.assertEqual(1.0, patience)
        self.assertEqual([(patience, since)], meters[0].waited)
        self.assertEqual(
            'Not back: 2 targets. The first: No measurement: no answer\n',
            self.log.output,
        )


class TestRead(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.FakeLogger())

    def read(self, *meters, baseline=0.0, patience=60.0):
        return many.read(
            dict.fromkeys(meters, baseline), time.monotonic() + patience
        )

    def test_up_to_the_same_moment(self):
        meters = [FakeMeter('--+++'), FakeMeter('--+-+')]
        found = self.read(*meters, baseline=0.15)
        self.assertEqual([0, 1], [len(found[each].outages) for each in meters])
        self.assertEqual(meters[0].read, meters[1].read)

    def test_the_last_probe_failed(self):
        """Those get their time to recover, and are read again."""
        up = FakeMeter('+++')
        down = [FakeMeter('++-', '++-++'), FakeMeter('+--', '+--+')]
        found = self.read(up, *down)
        self.assertEqual(
            [1, 2], [found[each].outages[0].failures for each in down]
        )
        self.assertEqual(down[0].waited, down[1].waited)
        self.assertEqual(1, len(up.read))

    def test_it_stays_down(self):
        meter = FakeMeter('++-')
        found = self.read(meter, patience=-1.0)
        self.assertIn('still down', found[meter].reason)
        self.assertEqual([], meter.waited)

    def test_what_can_not_recover_is_not_waited_for(self):
        meter = FakeMeter('---')
        found = self.read(meter)
        self.assertIn('no probe was answered', found[meter].reason)
        self.assertEqual([], meter.waited)
