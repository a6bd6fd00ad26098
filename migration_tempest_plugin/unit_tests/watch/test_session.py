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
"""What a watch sees as it happens."""

import dataclasses
import pathlib
import sys
import time
from unittest import mock

import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin import measurement
from migration_tempest_plugin.measurement import Sample
from migration_tempest_plugin.measurement import Timeline
from migration_tempest_plugin.meters import service_kinds
from migration_tempest_plugin.watch import live
from migration_tempest_plugin.watch import program
from migration_tempest_plugin.watch import session


class FakeMeter:
    """Its probes are a tenth of a second apart: + answered, - failed.

    Where there is a dot, none was sent.
    """

    def __init__(self):
        self.pattern = '+'
        self.asked = []

    def recent(self, since):
        self.asked.append(since)
        samples = [
            Sample(number / 10, number / 10, letter == '+')
            for number, letter in enumerate(self.pattern)
            if number / 10 >= since and letter != '.'
        ]
        return Timeline('network', 'x', samples, 0.1, samples[-1].end)


class TestLive(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.meter = FakeMeter()
        self.live = live.Live('x', self.meter, 0.0)

    def see(self, pattern):
        self.meter.pattern += pattern
        return [outage.failures for outage in self.live.look()]

    def test_up(self):
        self.assertEqual([], self.see('+++'))
        self.assertIsNone(self.live.state.down_since)

    def test_each_outage_is_told_once_it_is_over(self):
        self.assertEqual([], self.see('++--'))
        self.assertAlmostEqual(0.2, self.live.state.down_since)
        self.assertEqual([], self.see('-'))
        self.assertEqual([3], self.see('++'))
        self.assertIsNone(self.live.state.down_since)
        self.assertEqual([1, 2], self.see('-+--+'))
        self.assertEqual([], self.see('+'))
        self.assertEqual(3, len(self.live.state.outages))

    def test_what_was_not_seen(self):
        """The worst resolution of all that was looked at bounds it."""
        self.see('++.+++')
        self.see('+++')
        self.assertAlmostEqual(0.2, self.live.state.longest.upper)
        self.assertAlmostEqual(0.2, self.live.state.total.upper)
        self.assertEqual(0.0, self.live.state.total)
        self.see('---+')
        self.assertAlmostEqual(0.4, self.live.state.longest.upper)

    def test_only_what_is_new_is_looked_at(self):
        for _ in range(3):
            self.see('+' * 10)
        self.assertEqual([0.0, 1.0, 2.0], self.meter.asked)

    def test_why_it_is_down(self):
        samples = [
            Sample(0.0, 0.0, True),
            Sample(0.1, 0.1, False, why='HTTP 503'),
        ]
        for more, why in (([], 'HTTP 503'), ([Sample(0.2, 0.2, True)], '')):
            self.meter.recent = lambda since: Timeline(
                'http', 'x', [*samples, *more], 0.1, 0.2
            )
            ended = self.live.look()
            self.assertEqual(why, self.live.state.why)
        self.assertEqual(['HTTP 503'], [each.why for each in ended])

    def test_nothing_is_known_yet(self):
        """Right after the start, say; it is not lost then."""
        with mock.patch.object(self.meter, 'recent', return_value=None):
            self.assertEqual([], self.live.look())
        self.assertEqual(live.State('x', 'network'), self.live.state)
        self.assertEqual([2], self.see('+--+'))

    def test_lost(self):
        self.see('--')
        self.meter.recent = mock.Mock(
            side_effect=exceptions.NoMeasurement('the prober ended')
        )
        self.assertEqual([], self.live.look())
        self.assertEqual('the prober ended', self.live.state.lost)
        self.assertIsNone(self.live.state.down_since)
        self.assertEqual([], self.live.look())
        self.meter.recent.assert_called_once()


class TestGuestsClock(testtools.TestCase):
    """What a guest saw, in the tester's clock."""

    def setUp(self):
        super().setUp()
        self.clock = measurement.GuestClock(
            measurement.Beat(100 + each / 10, 100.001 + each / 10, each / 10)
            for each in range(50)
        )

    def live(self, clock):
        meter = mock.Mock()
        meter.recent = lambda since: Timeline(
            'metadata',
            'x',
            [
                Sample(number / 10, number / 10, letter == '+')
                for number, letter in enumerate('++---+++')
                if number / 10 >= since
            ],
            0.1,
            0.8,
            clock='guest',
        )
        return live.Live('x', meter, 0.0, clock)

    def test_joined(self):
        seen = self.live(lambda: self.clock)
        [outage] = seen.look()
        self.assertTrue(100 < outage.start < outage.end < 101)
        self.assertAlmostEqual(0.4, outage.upper, delta=0.03)
        # From where it was in the guest's own clock.
        self.assertEqual([], seen.look())

    def test_not_known_yet(self):
        """It is shown once the clock is known."""
        clock = mock.Mock(side_effect=exceptions.NoMeasurement('too few'))
        seen = self.live(clock)
        self.assertEqual([], seen.look())
        clock.side_effect = None
        clock.return_value = self.clock
        self.assertEqual(1, len(seen.look()))


class TestLoad(testtools.TestCase):
    def test_who_has_no_room(self):
        plan = session.Plan(('busy', 'idle', 'pinged'), {})
        watched = session.Session(plan)
        before = measurement.Taken(0.0, {'heartbeat': 1.0})
        after = measurement.Taken(10.0, {'heartbeat': 2.0})
        watched._metering.load = {
            target: measurement.GuestLoad.between(idle, before, after)
            for target, idle in (('busy', 0.04), ('idle', 0.5))
        }.get
        [(target, load)] = watched.under_load()
        self.assertEqual('busy', target)
        self.assertEqual(
            'measured under load: the guest was 4 % idle before', load.room
        )


class TestServices(testtools.TestCase):
    PLAN = session.Plan(
        ('a', 'b:80', 'http://b'),
        {},
        services={
            'b:80': service_kinds.Connect(('b', 80)),
            'http://b': service_kinds.Http(('b', 80)),
        },
    )

    def limited(self, plan, target):
        """Of what it has limits."""
        limits = [
            measurement.Limit(what, '--' + what, 1.0)
            for what in ('network', 'connect', 'http', 'kept', 'guest')
        ]
        watched = session.Session(plan)
        return [each.what for each in watched._limits_of(target, limits)]

    def test_each_has_the_limits_of_what_is_measured(self):
        for target, expected in (
            ('a', ['network', 'guest']),
            ('b:80', ['connect']),
            ('http://b', ['http']),
        ):
            self.assertEqual(expected, self.limited(self.PLAN, target))

    def test_a_connection_that_is_kept(self):
        plan = dataclasses.replace(self.PLAN, kept=True)
        self.assertEqual(['http', 'kept'], self.limited(plan, 'http://b'))
        self.assertEqual(['connect', 'kept'], self.limited(plan, 'b:80'))
        self.assertEqual(['network', 'guest'], self.limited(plan, 'a'))

    def test_how_it_is_called(self):
        watched = session.Session(self.PLAN)
        [meter] = watched._metering.meters['b:80']
        self.assertEqual(
            live.State('b:80', 'connect'), live.Live('b:80', meter, 0.0).state
        )

    def test_until_when_what_is_down_is_known(self):
        self.assertEqual(2.0, self.PLAN.longest_deadline)
        self.assertEqual(0.5, session.Plan(('a',), {}).longest_deadline)


class TestProgram(testtools.TestCase):
    def run_program(self, script, end=False):
        lines = []
        running = program.Program([sys.executable, '-c', script], lines.append)
        give_up = time.monotonic() + 20
        while not end and running.status is None:
            self.assertLess(time.monotonic(), give_up)
            time.sleep(0.01)
        while end and not lines:
            self.assertLess(time.monotonic(), give_up)
            time.sleep(0.01)
        running.end()
        return running, lines

    def test_lines_and_status(self):
        running, lines = self.run_program(
            'import sys; print("one", flush=True);'
            'sys.stderr.write("two\\nthr"); sys.exit(3)'
        )
        self.assertEqual(['one', 'two', 'thr'], lines)
        self.assertEqual(3, running.status)

    def test_the_name_is_no_argument(self):
        running, _ = self.run_program('"a password"')
        self.assertEqual(pathlib.Path(sys.executable).name, running.name)

    def test_it_is_ended(self):
        running, _ = self.run_program(
            'import time; print("here", flush=True); time.sleep(600)', True
        )
        self.assertEqual(-15, running.status)

    def test_no_such_program(self):
        error = self.assertRaises(
            exceptions.RecordError, program.Program, ['/no/such'], print
        )
        self.assertIn("/no/such can't be started", str(error))
