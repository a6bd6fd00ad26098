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
"""What ping in a guest says, as samples."""

import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.meters import guest_ping


class TestSamples(testtools.TestCase):
    def samples(self, **answers):
        return list(
            guest_ping.samples_of(
                {
                    int(number[1:]): answer
                    for number, answer in answers.items()
                },
                deadline=0.5,
            )
        )

    def test_all_answered(self):
        samples = self.samples(n0=(10.0, 0.1), n1=(11.0, 0.1))
        self.assertEqual([True, True], [each.answered for each in samples])
        self.assertAlmostEqual(9.9, samples[0].start)

    def test_lost_ones_lie_between(self):
        samples = self.samples(n1=(10.0, 0.0), n4=(13.0, 0.0))
        self.assertEqual(
            [True, False, False, True], [each.answered for each in samples]
        )
        self.assertEqual(
            [10.0, 11.0, 12.0, 13.0], [each.start for each in samples]
        )

    def test_late(self):
        samples = self.samples(n0=(10.0, 0.0), n1=(11.0, 0.6))
        self.assertEqual([False, True], [each.late for each in samples])
        self.assertFalse(samples[1].answered)


class TestMeter(testtools.TestCase):
    BUSYBOX = '12.34 64 bytes from 10.0.0.6: seq=%d ttl=64 time=0.5 ms'
    IPUTILS = '12.34 64 bytes from 10.0.0.6: icmp_seq=%d ttl=64 time=0.5 ms'

    def setUp(self):
        super().setUp()
        self.meter = guest_ping.GuestPingMeter(None, '10.0.0.6', 'neighbour')
        self.meter._interval, self.meter._wall_start = 0.05, None

    def test_numbers_begin_again(self):
        """They have 16 bits: after 55 minutes at 50 ms."""
        for number in 65534, 65535, 1, 0, 2:
            self.meter._take(self.IPUTILS % number)
        samples = self.meter.measurement().samples
        self.assertEqual(5, len(samples))
        self.meter._take(self.IPUTILS % 1)
        error = self.assertRaises(
            exceptions.NoMeasurement, self.meter.measurement
        )
        self.assertIn('1 packets were answered twice', str(error))

    def test_what_ping_says(self):
        for number, line in enumerate((self.BUSYBOX, self.IPUTILS)):
            self.meter._take(line % number)
        timeline = self.meter.measurement()
        self.assertEqual(2, timeline.successes)
        self.assertEqual('guest', timeline.clock)

    def test_an_answer_that_came_twice(self):
        for again in ('', ' (DUP!)'):
            self.meter._take(self.BUSYBOX % 1 + again)
        self.meter._take(self.BUSYBOX % 2)
        error = self.assertRaises(
            exceptions.NoMeasurement, self.meter.measurement
        )
        self.assertIn('1 packets were answered twice', str(error))

    def test_no_answers(self):
        self.assertRaises(exceptions.NoMeasurement, self.meter.measurement)

    def test_something_else(self):
        self.assertRaises(
            ValueError, self.meter._take, '12.34 PING 10.0.0.6: 56 data bytes'
        )
