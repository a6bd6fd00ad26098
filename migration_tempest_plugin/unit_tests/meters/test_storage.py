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
"""What becomes of the records that a guest reports."""

from unittest import mock

import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.guest import writer
from migration_tempest_plugin import meters
from migration_tempest_plugin.meters import storage


class Writer:
    """Has reported some records; whoever waits for more has them next."""

    pause = 0.1
    source, type = '/dev/vdb', 'ext4'
    silent = 0.05
    is_running = True

    def __init__(self, *delays):
        self.records = ()
        self.now = 100.0
        self.coming = []
        for delay in delays:
            self.report(delay)

    def report(self, delay):
        begin, self.now = self.now, self.now + delay
        number = len(self.records) + 1
        self.records += (
            writer.Record(number, f't{number}', begin, self.now, number / 100),
        )
        self.now += self.pause

    def wait_for_records(self, more, patience=30.0):
        while more and self.coming:
            self.report(self.coming.pop(0))
            more -= 1
        if more:
            raise exceptions.GuestError('it writes no more')


class TestStorageStallMeter(testtools.TestCase):
    def meter(self, *delays, coming=(), deadline=0.1):
        self.writer = Writer(*delays)
        self.writer.coming = list(coming)
        return meters.StorageStallMeter(self.writer, deadline, 'the-guest')

    def test_the_first_call_waits_for_the_baseline(self):
        meter = self.meter(0.01, 0.02, coming=[0.01] * 20)
        began = meter.wait_until_up(60)
        self.assertEqual(10, len(self.writer.records))
        self.assertEqual(self.writer.records[-1].begin, began)
        self.assertAlmostEqual(0.1, meter.threshold)
        meter.wait_until_up(60)
        self.assertEqual(12, len(self.writer.records))

    def test_a_slow_disk(self):
        meter = self.meter(*[0.06] * 10, coming=[0.06] * 3)
        meter.wait_until_up(60)
        self.assertAlmostEqual(0.6, meter.threshold)

    def test_a_stall(self):
        meter = self.meter(*[0.01] * 10, coming=[0.01, 0.01, 5.0, 0.01, 0.01])
        since = meter.wait_until_up(60)
        self.writer.wait_for_records(2)
        timeline = meter.measurement().since(since)
        [outage] = timeline.outages
        self.assertAlmostEqual(5.0, outage.estimate, delta=0.05)
        self.assertTrue(4.9 < outage.lower <= 5.0 <= outage.upper < 5.3)
        self.assertLess(timeline.resolution, 0.5)
        self.assertIn('stalls longer than 0.100 s', timeline.summary())
        self.assertIn('/dev/vdb (ext4)', timeline.summary())

    def test_none(self):
        meter = self.meter(*[0.01] * 10, coming=[0.01] * 3)
        meter.wait_until_up(60)
        timeline = meter.measurement()
        self.assertEqual((), timeline.outages)
        self.assertGreater(timeline.total.upper, 0)

    def test_still_stalled(self):
        meter = self.meter(*[0.01] * 10, coming=[0.01, 0.01])
        meter.wait_until_up(60)
        self.writer.silent = 7.0
        error = self.assertRaises(exceptions.NoMeasurement, meter.measurement)
        self.assertIn('storage of the-guest is still down', str(error))
        self.assertAlmostEqual(
            7.0, error.timeline.outages[-1].upper, delta=0.2
        )

    def test_it_has_ended(self):
        meter = self.meter(*[0.01] * 10)
        self.writer.is_running = False
        error = self.assertRaises(exceptions.NoMeasurement, meter.measurement)
        self.assertIn('has ended its writing', str(error))

    def test_it_does_not_begin(self):
        error = self.assertRaises(
            exceptions.NoMeasurement, self.meter(0.01).wait_until_up, 60
        )
        self.assertIn('it writes no more', str(error))
        self.assertIn('1 records', str(error))

    def test_what_it_takes(self):
        self.assertIsNone(self.meter().guest_cpu)
        self.assertEqual(0.02, self.meter(0.01, 0.01).guest_cpu)

    def test_a_writer_that_runs_is_left_running(self):
        meter = self.meter(0.01)
        self.writer.setUp = mock.Mock()
        with meter:
            pass
        self.writer.setUp.assert_not_called()

    def test_no_deadline_that_can_be_distinguished(self):
        self.assertRaises(
            ValueError, meters.StorageStallMeter, Writer(), 0.001
        )


class TestLog(testtools.TestCase):
    """What the script in the guest said, read later."""

    HEADER = 'storage_writer 1 file=/var/x type=ext4 source=/dev/vda1'
    LINES = (
        HEADER,
        '1 t1 100.00 100.01 2',
        '2 t2 100.21 100.22 3',
        '3 t3 100.42 102.92 4',
        '4 t4 103.12 103.13 5',
    )

    def read(self, lines):
        return storage.of_log(lines, 'the-guest', 0.2, 0.1)

    def test_a_stall(self):
        timeline = self.read(self.LINES)
        self.assertEqual(
            ('storage', 'guest', 0.1, 'records on /dev/vda1 (ext4)'),
            (
                timeline.what,
                timeline.clock,
                timeline.deadline,
                timeline.method,
            ),
        )
        [outage] = timeline.outages
        # Up to the records before and after it.
        self.assertTrue(
            2.4 < outage.lower <= 2.5 <= outage.upper < 2.95, outage
        )

    def test_since_a_moment(self):
        timeline = self.read(self.LINES).since(103.12)
        self.assertEqual((), timeline.outages)
        self.assertEqual(1, timeline.successes)

    def test_a_line_that_is_cut(self):
        timeline = self.read([*self.LINES, '5 t5 103.'])
        self.assertEqual(4, timeline.successes + timeline.failures)

    def test_nothing_was_written(self):
        for lines in ([], [self.HEADER]):
            error = self.assertRaises(
                exceptions.NoMeasurement, self.read, lines
            )
            self.assertIn('has written nothing', str(error))
