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
"""What a file of samples says of a guest that was watched."""

import pathlib

import fixtures
import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin import measurement
from migration_tempest_plugin.measurement import Probing
from migration_tempest_plugin.measurement import Sample
from migration_tempest_plugin.recording import writer
from migration_tempest_plugin.report import sampled

#: When it began, and for how long the guest was stopped after ten seconds.
BEGAN, STOPPED = 98765.0, 1.5

GUEST = measurement.Limit('guest', '--allowed-guest-stop', 1.0)


class TestGuest(testtools.TestCase):
    def setUp(self):
        super().setUp()
        folder = self.useFixture(fixtures.TempDir()).path
        self.path = pathlib.Path(folder) / 'x.samples.gz'

    def write(self, clock=True, lost=None):
        with writer.Writer(self.path, self.fail) as file:
            pings = file.add('network', 'a', 0.1, 0.5, Probing.INDEPENDENT)
            beats = file.add('tcp', 'a', 0.03, None, Probing.ORDERED)
            for each in range(300):
                file.take(
                    pings, Sample(BEGAN + each / 10, BEGAN + each / 10, True)
                )
            for each in range(1000):
                sent = BEGAN + each / 50 + STOPPED * (each >= 500)
                uptime = 100 + each / 50
                file.take(
                    beats,
                    Sample(sent, sent + 0.001, True),
                    uptime if clock else None,
                )
            for stream in (pings, beats):
                file.baseline(stream, BEGAN)
            file.deadline(beats, 0.1)
            if lost:
                file.lose(beats, BEGAN + 20, lost)
            file.know(BEGAN + 30)

    def run_of(self, *limits):
        return sampled.run(self.path, sampled.View(limits=limits))

    def test_all_of_a_target_is_together(self):
        self.write()
        [(_, migration)] = self.run_of().migrations
        self.assertEqual(
            ['network', 'tcp'],
            [each['what'] for each in migration['measurements']],
        )
        [stop] = migration['guest_clock']['stops']
        self.assertLessEqual(stop['lower'], STOPPED)
        self.assertGreaterEqual(stop['upper'], STOPPED)

    def test_a_limit_of_its_stops(self):
        self.write()
        run = self.run_of(GUEST)
        [test] = run.tests
        self.assertEqual('fail', test.status)
        self.assertIn('--allowed-guest-stop', test.reason)

    def test_no_limit_of_a_clock_that_nobody_asked_for(self):
        self.write(clock=False)
        error = self.assertRaises(exceptions.RecordError, self.run_of, GUEST)
        self.assertIn(
            "--allowed-guest-stop can't be checked: it has only network, tcp",
            str(error),
        )

    def test_what_was_lost(self):
        self.write(lost='the connection did not survive')
        [(test, migration)] = self.run_of().migrations
        self.assertEqual('fail', test.status)
        pings, beats = migration['measurements']
        self.assertEqual(300, pings['successes'])
        self.assertIn('did not survive', beats['no_measurement'])
        self.assertEqual(1000, beats['timeline']['successes'])
