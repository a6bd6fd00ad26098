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

The files in ping/ are what ping of iputils 20221126 printed:

* drop.txt: its probes were dropped for a while
* no_neighbour.txt: the neighbour went away
* unreachable.txt: its probes were refused for a while
* duplicates.txt: each third probe was answered twice
* late.txt: the target stood still for a second, and answered what had come in
  meanwhile when it went on, in any order
* ipv6.txt: the neighbour was not found for a second; then as drop.txt
* wrap.txt: around the end of the sequence numbers, with six probes dropped
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


def timeline(events, interval=INTERVAL):
    found = samples(events, interval=interval)
    return measurement.Timeline(
        'network', 'x', found, interval, ended=found[-1].end
    )


class TestParseLine(testtools.TestCase):
    def parse(self, line):
        return ping_output.parse_line(line)

    def test_reply(self):
        self.assertEqual(
            Reply(1795215451.180702, 1, 0.000328),
            self.parse(
                '[1795215451.180702] 64 bytes from 10.9.0.2: '
                'icmp_seq=1 ttl=64 time=0.328 ms\n'
            ),
        )

    def test_reply_of_ipv6(self):
        self.assertEqual(
            Reply(1795215451.5, 12, 0.0125),
            self.parse(
                '[1795215451.500000] 64 bytes from fe80::1%eth0: '
                'icmp_seq=12 ttl=64 time=12.5 ms\n'
            ),
        )

    def test_no_answer(self):
        self.assertEqual(
            NoAnswer(1795215451.742729, 10),
            self.parse('[1795215451.742729] no answer yet for icmp_seq=10\n'),
        )

    def test_says_nothing(self):
        for line in (
            '',
            'PING 10.9.0.2 (10.9.0.2) 56(84) bytes of data.',
            (
                '[1795215457.546884] From 10.9.0.1 icmp_seq=60 Destination '
                'Host Unreachable'
            ),
            (
                '[1795215457.1] 64 bytes from 10.9.0.2: icmp_seq=3 ttl=64 '
                'time=0.05 ms (DUP!)'
            ),
            (
                '[1795215457.1] 64 bytes from 10.9.0.3: icmp_seq=3 ttl=64 '
                'time=0.05 ms (DIFFERENT ADDRESS!)'
            ),
            (
                '[1795215457.1] 64 bytes from 10.9.0.2: icmp_seq=3 ttl=64 '
                'time=0.05 ms (BAD CHECKSUM)'
            ),
            'ping: sendmsg: Operation not permitted',
            '[1795215451.18] 64 bytes from 10.9.0.2: icm',
        ):
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

    def test_unreachable(self):
        seen = timeline(events('unreachable.txt'))
        self.assertEqual((14, 10), (seen.successes, seen.failures))
        # between the answers 8 and 19
        [outage] = seen.outages
        self.assertAlmostEqual(0.620, outage.upper, places=3)
        self.assertGreater(outage.lower, 0.45)

    def test_duplicates(self):
        seen = timeline(events('duplicates.txt'))
        self.assertEqual((8, 0), (seen.successes, seen.failures))
        self.assertLess(max(each.delay for each in seen.samples), 0.001)

    def test_late(self):
        seen = timeline(events('late.txt'))
        # 10 to 18 took longer than the deadline, 19 to 27 did not
        self.assertEqual((23, 9), (seen.successes, seen.failures))
        self.assertEqual(9, len(seen.late))
        self.assertAlmostEqual(0.998, seen.late[0].delay, places=3)
        # It stood still for 1.0 s, which the bounds hold: from the answered
        # probe 9 to the answer to 19.
        [outage] = seen.outages
        self.assertAlmostEqual(1.054, outage.upper, places=3)
        self.assertAlmostEqual(0.452, outage.lower, places=3)

    def test_ipv6(self):
        seen = timeline(events('ipv6.txt'))
        # the neighbour was found after a second
        self.assertEqual(9, len(seen.late))
        # between the answers 19 and 26, as with IPv4
        outage = seen.outages[-1]
        self.assertEqual(6, outage.failures)
        self.assertAlmostEqual(0.393, outage.upper, places=3)
        self.assertGreater(outage.lower, 0.25)
        self.assertLess(outage.lower, 0.3)

    def test_wrap(self):
        captured = events('wrap.txt')
        before = [
            Reply(captured[0].wall - 1, number, 0.0)
            for number in range(1, captured[0].sequence)
        ]
        # It was -i 0: at once after an answer, some 16 ms without one.
        seen = timeline(before + captured, interval=0.01).since(
            captured[0].wall - 0.1
        )
        self.assertEqual((31, 6), (seen.successes, seen.failures))
        # between the answers 65532 and 3
        [outage] = seen.outages
        self.assertAlmostEqual(0.0995, outage.upper, places=3)


class TestProbes(testtools.TestCase):
    def test_start_is_the_reply_less_the_round_trip(self):
        [sample] = samples([Reply(10.0, 1, 0.2)])
        self.assertEqual(
            (9.8, 10.0, True), (sample.start, sample.end, sample.answered)
        )

    def test_start_of_an_unanswered_one(self):
        first, second, third = samples(
            [Reply(10.0, 1, 0.0), NoAnswer(10.12, 2), NoAnswer(10.18, 3)]
        )
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

    def test_every_attempt_that_could_not_be_sent_failed(self):
        found = samples(
            [
                Reply(10.0, 1, 0.0),
                NoAnswer(10.12, 2),
                NoAnswer(10.17, 2),
                NoAnswer(10.22, 2),
                Reply(10.22, 3, 0.0),
            ]
        )
        self.assertEqual(
            [10.0, 10.07, 10.12, 10.17, 10.22],
            [round(each.start, 6) for each in found],
        )
        self.assertEqual(
            [True, False, False, False, True],
            [each.answered for each in found],
        )

    def test_an_old_answer_between_attempts_that_could_not_be_sent(self):
        found = samples(
            [
                Reply(10.0, 1, 0.0),
                NoAnswer(10.12, 2),
                NoAnswer(10.18, 3),
                NoAnswer(10.23, 3),
                Reply(10.24, 2, 0.2),
                NoAnswer(10.28, 3),
            ]
        )
        self.assertEqual(
            [10.0, 10.04, 10.12, 10.18, 10.23],
            [round(each.start, 6) for each in found],
        )
        self.assertEqual(
            [True, True, False, False, False],
            [each.answered for each in found],
        )

    def test_latest_unanswered(self):
        probes = ping_output.Probes(INTERVAL)
        self.assertIsNone(probes.latest_unanswered())
        for event, expected in (
            (NoAnswer(10.1, 1), 10.05),
            (NoAnswer(10.2, 2), 10.1),
            (NoAnswer(10.3, 2), 10.2),  # 3 could not be sent
            (Reply(10.35, 1, 0.3), 10.2),
        ):
            probes.add(event, event.wall)
            self.assertAlmostEqual(expected, probes.latest_unanswered())

    def test_an_answer_ends_what_is_waited_for(self):
        probes = ping_output.Probes(INTERVAL)
        probes.add(NoAnswer(10.1, 1), 10.1)
        probes.add(Reply(10.2, 1, 0.15), 10.2)
        self.assertIsNone(probes.latest_unanswered())
