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

import time

from migration_tempest_plugin.functional_tests import slow_echo
from migration_tempest_plugin.functional_tests import test_watch
from migration_tempest_plugin.measurement import round_trips
from migration_tempest_plugin.report import sampled
from migration_tempest_plugin.watch import marks

QUICK, SLOW, LATE = 0.002, 0.04, 0.7

#: Seconds beside what answers are held, of the median and of the slowest: this
#: machine is busy, too.
BESIDE, MUCH = 0.004, 0.05

#: How many answers each phase has at least.
ENOUGH = 250


class TestBrownout(test_watch.NetworkTest):
    """Pings that are answered after a known delay."""

    def setUp(self):
        super().setUp()
        with self.network.server():
            self.echo = self.useFixture(slow_echo.SlowEcho(QUICK))

    def await_answers(self, number):
        """Wait for more of them; returns how long each was held."""
        held = self.echo.held
        first = len(held)
        give_up = time.monotonic() + test_watch.PATIENCE
        while len(held) < first + number:
            self.assertLess(time.monotonic(), give_up)
            time.sleep(0.01)
        return held[first:]

    def mark(self, watch, text):
        """Say what is done, and wait until the watch has taken it."""
        marks.put(marks.beside(self.record), text)
        while text not in watch.stderr.readline():
            pass

    def assertAsHeld(self, held, found):
        """Percentiles are off by the stated error, and what is beside."""
        least, most = map(sorted, zip(*held))
        for part, seconds, beside in (
            (0.5, found['median'], BESIDE),
            (0.95, found['p95'], MUCH),
            (0.99, found['p99'], MUCH),
        ):
            first = int(part * (len(held) - 20))
            last = min(len(held) - 1, int(part * (len(held) + 20)))
            self.assertGreaterEqual(
                seconds, least[first] * (1 - round_trips.ERROR)
            )
            self.assertLessEqual(
                seconds, (most[last] + beside) * (1 + round_trips.ERROR)
            )
        self.assertGreaterEqual(found['count'], ENOUGH)

    def phases(self, timeline):
        return {each['phase']: each for each in timeline['round_trips']}

    def watch_it_slow_down(self):
        """Before, slow and late; returns how long answers were held."""
        watch = self.watch('--interval', '0.01')
        quick = self.await_answers(ENOUGH + 20)
        self.mark(watch, 'slow')
        self.echo.delay = SLOW
        slow = self.await_answers(ENOUGH + 50)[50:]
        self.mark(watch, 'late')
        self.echo.delay = LATE
        self.await_answers(100)
        self.echo.delay = QUICK
        self.await_answers(100)
        status, output = self.end_command(watch)
        self.assertEqual(0, status, output + self.errors)
        return quick, slow, output

    def test_each_phase_has_its_own(self):
        quick, slow, output = self.watch_it_slow_down()
        found = self.phases(self.recorded())
        self.assertAsHeld(quick, found['sh runs'])
        self.assertAsHeld(slow, found['slow'])
        self.assertRegex(
            output,
            r'round trips +in ms: before \d+(\.\d)? .*, '
            r'after "slow" (39|[4-9]\d) \(99 %: \d+\), after "late"',
        )

    def test_a_late_answer_has_its_delay(self):
        """It is part of an outage, and of the percentiles, too."""
        self.watch_it_slow_down()
        timeline = self.recorded()
        late = self.phases(timeline)['late']
        self.assertGreaterEqual(len(timeline['late']), 50)
        self.assertGreaterEqual(late['maximum'], LATE)
        self.assertEqual(0, late['unanswered'])
        self.assertGreater(late['p95'], 0.5)

    def test_the_file_of_samples_knows_them_too(self):
        """From the very mark on: it was there before the answers were."""
        quick, slow, _ = self.watch_it_slow_down()
        run = sampled.run(self.samples, sampled.View())
        [(_, migration)] = run.migrations
        [timeline] = migration['measurements']
        found = self.phases(timeline)
        self.assertEqual(list(self.phases(self.recorded())), list(found))
        self.assertAsHeld(quick, found['sh runs'])
        self.assertAsHeld(slow, found['slow'])

    def test_a_limit(self):
        """As long as answers are held, or too few for a percentile."""
        self.echo.delay = SLOW
        for seconds, enough, status, said in (
            (SLOW / 2, True, 1, 'longer than the 0.02 s that '),
            (SLOW * 2, True, 0, ': kept, '),
            (SLOW * 2, False, 1, 'NOT CHECKED: network round trip: '),
        ):
            watch = self.watch(
                '--allowed-network-round-trip',
                seconds,
                '--interval',
                '0.01' if enough else '0.5',
            )
            self.await_answers(ENOUGH if enough else 2)
            ended, output = self.end_command(watch)
            self.assertEqual(status, ended, output + self.errors)
            self.assertIn(said, output)
            self.forget()

    def test_an_outage_is_beside_it(self):
        watch = self.watch('--interval', '0.01')
        self.await_answers(ENOUGH)
        self.outage(0.3)
        self.await_answers(50)
        self.end_command(watch)
        timeline = self.recorded()
        whole = self.phases(timeline)['whole']
        self.assertEqual(timeline['failures'], whole['unanswered'])
        self.assertGreater(whole['unanswered'], 20)
        # The first slot may have some that were sent before the baseline.
        self.assertGreaterEqual(whole['count'], timeline['successes'])
        self.assertLessEqual(whole['count'], timeline['successes'] + 10)
        # One of ten had no answer: what it waited for is in no percentile.
        self.assertLess(whole['p95'], 0.25)
