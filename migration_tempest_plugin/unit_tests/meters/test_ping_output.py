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
"""What ping says, and what follows from it.

The files in ping/ are what ping of iputils 20221126 printed when its probes
were dropped (drop.txt), and when the neighbour went away (no_neighbour.txt).
"""

import pathlib

import testtools

from migration_tempest_plugin import measurement
from migration_tempest_plugin.meters import ping_output
from migration_tempest_plugin.meters.ping_output import NoAnswer
from migration_tempest_plugin.meters.ping_output import Reply

CAPTURED = pathlib.Path(__file__).parent / 'ping'
INTERVAL = 0.05
DEADLINE = 0.5


def events(name):
    lines = (CAPTURED / name).read_text().splitlines()
    return [event for event in map(ping_output.parse_line, lines) if event]


def samples(events, now=float('inf'), interval=INTERVAL, deadline=DEADLINE):
    probes = ping_output.Probes(interval)
    for event in events:
        probes.add(event, event.wall)
    return sorted(probes.samples(deadline, now), key=lambda each: each.start)


def timeline(events):
    found = samples(events)
    return measurement.Timeline('network', 'x', found, INTERVAL,
                                ended=found[-1].end)


class TestParseLine(testtools.TestCase):

    def parse(self, line):
        return ping_output.parse_line(line)

    def test_reply(self):
        self.assertEqual(
            Reply(1795215451.180702, 1, 0.000328),
            self.parse('[1795215451.180702] 64 bytes from 10.9.0.2: '
                       'icmp_seq=1 ttl=64 time=0.328 ms\n'))

    def test_reply_of_ipv6(self):
        self.assertEqual(
            Reply(1795215451.5, 12, 0.0125),
            self.parse('[1795215451.500000] 64 bytes from fe80::1%eth0: '
                       'icmp_seq=12 ttl=64 time=12.5 ms\n'))

    def test_no_answer(self):
        self.assertEqual(
            NoAnswer(1795215451.742729, 10),
            self.parse('[1795215451.742729] no answer yet for icmp_seq=10\n'))

    def test_says_nothing(self):
        for line in (
                '', 'PING 10.9.0.2 (10.9.0.2) 56(84) bytes of data.',
                '[1795215457.546884] From 10.9.0.1 icmp_seq=60 Destination '
                'Host Unreachable',
                '[1795215457.1] 64 bytes from 10.9.0.2: icmp_seq=3 ttl=64 '
                'time=0.05 ms (DUP!)',
                'ping: sendmsg: Operation not permitted',
                '[1795215451.18] 64 bytes from 10.9.0.2: icm'):
            self.assertIsNone(self.parse(line), line)


class TestCaptured(testtools.TestCase):

    def test_drop(self):
        seen = timeline(events('drop.txt'))
        self.assertEqual((15, 6), (seen.successes, seen.failures))
        [outage] = seen.outages
        # between the answers 9 and 16: 396 ms; six probes at least 50 ms
        # apart were lost
        self.assertAlmostEqual(0.396, outage.upper, places=3)
        self.assertGreater(outage.lower, 0.25)
        self.assertLess(outage.lower, 0.3)

    def test_no_neighbour(self):
        seen = timeline(events('no_neighbour.txt'))
        outage = seen.outages[0]
        # Answers 55 and 72 were 3.3 s apart. What could not be sent in
        # between, and has no number, is seen nevertheless.
        self.assertAlmostEqual(3.36, outage.upper, places=1)
        self.assertGreater(outage.lower, 3.1)
        self.assertGreater(outage.failures, 55)
        self.assertEqual(0, seen.unobserved)


class TestProbes(testtools.TestCase):

    def test_start_is_the_reply_less_the_round_trip(self):
        [sample] = samples([Reply(10.0, 1, 0.2)])
        self.assertEqual((9.8, 10.0, True),
                         (sample.start, sample.end, sample.answered))

    def test_start_of_an_unanswered_one(self):
        first, second, third = samples([
            Reply(10.0, 1, 0.0), NoAnswer(10.12, 2), NoAnswer(10.18, 3)])
        # of the first not known, at the latest an interval before; of the
        # next when the line of the one before it was printed
        self.assertAlmostEqual(10.07, second.start)
        self.assertAlmostEqual(10.12, third.start)

    def test_answered_after_all(self):
        [sample] = samples([NoAnswer(10.1, 1), Reply(10.4, 1, 0.4)])
        self.assertTrue(sample.answered)
        self.assertAlmostEqual(10.0, sample.start)

    def test_late(self):
        [sample] = samples([NoAnswer(10.1, 1), Reply(10.9, 1, 0.9)])
        self.assertFalse(sample.answered)
        self.assertTrue(sample.late)
        self.assertAlmostEqual(0.9, sample.delay)

    def test_in_flight_is_neither_up_nor_down(self):
        log = [Reply(10.0, 1, 0.0), NoAnswer(10.1, 2)]
        self.assertEqual(1, len(samples(log, now=10.5)))
        self.assertEqual(2, len(samples(log, now=10.6)))

    def test_first_answer_counts(self):
        [sample] = samples([Reply(10.0, 1, 0.1), Reply(10.3, 1, 0.4)])
        self.assertAlmostEqual(0.1, sample.delay)

    def test_numbers_start_again(self):
        log = []
        for number in range(65530, 65545):
            log.append(Reply(number / 10, number % 65536, 0.0)
                       if number != 65536 else
                       NoAnswer(number / 10 + 0.1, 0))
        # the highest number is only known from the first one on
        probes = ping_output.Probes(0.1)
        probes._highest = 65529
        for event in log:
            probes.add(event, event.wall)
        found = probes.samples(0.5, float('inf'))
        self.assertEqual(15, len(found))
        self.assertEqual(1, sum(not each.answered for each in found))
