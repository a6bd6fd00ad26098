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
import testtools

from migration_tempest_plugin import measurement
from migration_tempest_plugin.meters import metadata_log

HEADER = (
    'metadata_probe 2 pid=17811 boot=1aef2ac4-6e16-4426-9bed-'
    '4ffff3043060 tool=curl-each pause=fraction interface=- ;\n'
)
EACH = 'deadline 0.50 1.50 tool=curl-each lanes=1 baseline=10 slowest=0.02 ;\n'
ONE = 'deadline 0.50 1.50 tool=curl lanes=3 baseline=10 slowest=0.02 ;\n'
ATTEMPTS = """\
1 1 1381.88 0.02 ok ;
1 2 1382.07 0.01 ok ;
1 3 1383.28 1.02 rc28 ;
"""
Attempt = metadata_log.Attempt
FIRST = Attempt(1, 1, 1381.88, 0.02, 'ok')
SECOND = Attempt(1, 2, 1382.07, 0.01, 'ok')
THIRD = Attempt(1, 3, 1383.28, 1.02, 'rc28')
INTERVAL = 0.2


def parse(attempts, now='', uptime=1400.0):
    return metadata_log.parse(HEADER + attempts, now, uptime)


class TestAttempts(testtools.TestCase):
    def test_attempts(self):
        reading = parse(ATTEMPTS)
        self.assertEqual((FIRST, SECOND, THIRD), reading.attempts)
        self.assertEqual(1381.86, reading.attempts[0].start)
        self.assertEqual(0, reading.unreadable)

    def test_round_trips(self):
        """What the request took, not what is known of its begin and end."""
        answered, again, timed_out = parse(ATTEMPTS).samples(INTERVAL, 5.0)
        self.assertEqual(
            [0.02, 0.01, None],
            [each.round_trip for each in (answered, again, timed_out)],
        )
        self.assertGreater(answered.delay, 0.02)

    def test_nothing(self):
        for text in ('', HEADER, HEADER[:20]):
            self.assertEqual(
                metadata_log.Reading((), (), 5.0),
                metadata_log.parse(text, '', 5.0),
            )

    def test_torn_last_line(self):
        # Wherever it is cut, before its last character.
        line = '1 3 1383.28 1.02 rc28 ;'
        for length in range(1, len(line)):
            reading = parse('1 1 1381.88 0.02 ok ;\n' + line[:length])
            self.assertEqual((FIRST,), reading.attempts)
            self.assertEqual(1, reading.unreadable)

    def test_torn_line_within(self):
        reading = parse(
            '1 1 1381.88 0.02 ok ;\n1 2 13\n1 3 1383.28 1.02 rc28 ;\n'
        )
        self.assertEqual((FIRST, THIRD), reading.attempts)
        self.assertEqual(1, reading.unreadable)

    def test_two_torn_lines_make_no_attempt(self):
        for line in (
            '1 1 1381.881 2 1382.07 0.01 ok ;',
            '1 12 1381.07 0.01 ok ;',
            '1 0 1381.89 0.01 ok ;',
        ):
            reading = parse(f'1 1 1381.88 0.02 ok ;\n{line}\n')
            self.assertEqual((FIRST,), reading.attempts)
            self.assertEqual(1, reading.unreadable)

    def test_lanes_overlap(self):
        reading = parse(
            '1 1 12.00 0.001357 ok ;\n2 1 12.20 0.001357 ok ;\n'
            '2 2 12.80 0.001357 ok ;\n1 2 13.10 0.5 rc28 ;\n'
        )
        self.assertEqual(
            [(1, 1), (2, 1), (2, 2), (1, 2)],
            [(attempt.lane, attempt.sequence) for attempt in reading.attempts],
        )
        self.assertEqual(0, reading.unreadable)

    def test_log_that_has_lost_its_beginning(self):
        reading = metadata_log.parse(
            ATTEMPTS, '1 3 rc28 1382.26 2 1382.06 0 3 ;', 1400.0
        )
        self.assertEqual((), reading.attempts)
        self.assertTrue(reading.is_emptied)

    def test_foreign_text(self):
        reading = parse('sh: 1: cannot fork ;\n\x00\x00\n\n' + ATTEMPTS)
        self.assertEqual(3, len(reading.attempts))
        self.assertEqual(2, reading.unreadable)

    def test_chosen(self):
        self.assertIsNone(parse(ATTEMPTS).chosen)
        reading = parse('0 10 1381.68 0.02 ok ;\n' + EACH + ATTEMPTS)
        self.assertEqual(
            metadata_log.Chosen(
                connect=0.5,
                deadline=1.5,
                tool='curl-each',
                lanes=1,
                baseline=10,
                slowest=0.02,
            ),
            reading.chosen,
        )
        self.assertEqual(0, reading.unreadable)

    def test_restarts(self):
        reading = parse(ONE + ATTEMPTS + 'again 3 ;\nagain 1 ;\n')
        self.assertEqual((2, 0), (reading.restarts, reading.unreadable))

    def test_as_text(self):
        self.assertEqual(
            '3 attempts in 18.1 s (ok: 2, rc28: 1), 1 line cut or lost',
            str(parse(ATTEMPTS + '1 4 13')),
        )
        self.assertEqual(
            'no attempt in the log, 7 lines cut or lost',
            str(
                parse(
                    '',
                    '1 7 ok 12.08 7 12.08 3 7 ;\n2 7 ok 12.28 7 12.28 4 7 ;',
                )
            ),
        )
        self.assertIn(
            'curl ended and was started again 1 time',
            str(parse(ATTEMPTS + 'again 1 ;')),
        )


class TestParseNow(testtools.TestCase):
    parse = staticmethod(metadata_log.parse_now)

    def test_open(self):
        self.assertEqual(
            (
                metadata_log.Now(
                    lane=1,
                    sequence=8,
                    state='open',
                    start=1382.08,
                    answered=7,
                    last_answered=1381.35,
                    lost=0,
                ),
            ),
            self.parse('1 8 open 1382.08 7 1381.35 0 8          ;'),
        )

    def test_lanes(self):
        first, second = self.parse(
            '0 10 ok 12.08 10 12.08 0 10 ;\n1 1 rc7 13.08 0 - 0 1 ;\n'
        )
        self.assertEqual((0, 1), (first.lane, second.lane))
        self.assertIsNone(second.last_answered)

    def test_not_whole(self):
        for text in (
            '',
            '1 8 open 1382.08 7 13',
            # overwritten while it was read
            '1 9 open 1382.28 7 1381.35 0 8          ;',
        ):
            self.assertEqual((), self.parse(text))


class TestUnderWay(testtools.TestCase):
    def test_open(self):
        reading = parse(ATTEMPTS, '1 4 open 1383.46 2 1382.06 0 4 ;', 1384.5)
        (attempt,) = reading.under_way(INTERVAL)
        self.assertEqual(metadata_log.UnderWay(1, 4, 1383.46), attempt)
        self.assertTrue(reading.hangs(attempt, 1.0))
        self.assertFalse(reading.hangs(attempt, 1.1))

    def test_done(self):
        reading = parse(ATTEMPTS, '1 3 rc28 1382.26 2 1382.06 0 3 ;')
        self.assertEqual([], reading.under_way(INTERVAL))

    def test_done_between_the_two_reads(self):
        reading = parse(ATTEMPTS, '1 3 open 1382.26 2 1382.06 0 3 ;')
        self.assertEqual([], reading.under_way(INTERVAL))

    def test_done_but_not_written_down(self):
        # A full file system is no hang.
        reading = parse(ATTEMPTS, '1 9 ok 1385.26 2 1385.26 6 9 ;')
        self.assertEqual([], reading.under_way(INTERVAL))

    def test_one_curl_does_not_tell_when_it_begins(self):
        attempts = ONE + (
            '0 10 11.00 0.001 ok ;\n1 1 12.00 0.001 ok ;\n'
            '2 1 12.60 0.500 rc28 ;\n3 1 13.10 0.7 rc28 ;\n'
        )
        self.assertEqual(
            [], parse(attempts, uptime=12.599).under_way(INTERVAL)
        )
        # A period after its last start, or as soon as it has ended.
        self.assertEqual(
            [
                metadata_log.UnderWay(1, 2, 12.599),
                metadata_log.UnderWay(2, 2, 12.7),
                metadata_log.UnderWay(3, 2, 13.1),
            ],
            parse(attempts, uptime=13.2).under_way(INTERVAL),
        )


class TestSamples(testtools.TestCase):
    def samples(self, attempts, now='', uptime=1400.0, deadline=9.0):
        return parse(attempts, now, uptime).samples(INTERVAL, deadline)

    def test_attempts(self):
        samples = self.samples(EACH + ATTEMPTS)
        self.assertEqual(
            [True, True, False], [sample.answered for sample in samples]
        )
        self.assertEqual([False] * 3, [sample.late for sample in samples])
        self.assertEqual(1382.26, samples[2].start)

    def test_clock_cuts_off_hundredths(self):
        sample = self.samples(EACH + ATTEMPTS)[0]
        self.assertEqual(1381.86, sample.start)
        self.assertAlmostEqual(1381.87, sample.latest_start)
        self.assertAlmostEqual(1381.89, sample.end)

    def test_end_of_one_curl_is_noticed_late(self):
        (sample,) = self.samples(ONE + '1 1 12.00 0.001357 ok ;\n')
        self.assertAlmostEqual(11.993643, sample.start)
        self.assertAlmostEqual(12.008643, sample.latest_start)
        self.assertAlmostEqual(12.01, sample.end)

    def test_next_attempt_shows_how_late(self):
        # Noticed 0.2 s late: the next one began a period after it, at 12.4.
        sample, other, _ = self.samples(
            ONE + '1 1 12.00 0.001 ok ;\n2 1 12.05 0.001 ok ;\n'
            '1 2 12.40 0.001 ok ;\n'
        )
        self.assertAlmostEqual(12.409 - 0.6, sample.latest_start)
        self.assertAlmostEqual(12.01, sample.end)
        # That says nothing of another lane.
        self.assertAlmostEqual(12.059, other.latest_start)

    def test_attempt_before_shows_how_late(self):
        # It was due at 12.599, and the others of its lane were in time.
        attempts = ONE + (
            '1 1 12.00 0.001 ok ;\n1 2 12.65 0.001 ok ;\n'
            '1 3 13.25 0.001 ok ;\n'
        )
        samples = self.samples(attempts)
        self.assertAlmostEqual(11.994 + 0.6, samples[1].start)
        self.assertAlmostEqual(12.659, samples[1].latest_start)
        self.assertAlmostEqual(11.994 + 1.2, samples[2].start)
        # A lane that was put off is not that late.
        samples = self.samples(
            attempts.replace('12.65', '12.80').replace('13.25', '13.40')
        )
        self.assertAlmostEqual(12.794, samples[1].start)

    def test_quick_lane_has_another_period(self):
        attempts = (
            '4 1 12.00 0.001 ok ;\n4 2 13.40 0.001 rc7 ;\n'
            '4 3 13.42 0.001 ok ;\n'
        )
        self.assertAlmostEqual(
            13.409, self.samples(ONE + attempts)[1].latest_start
        )
        # It is stopped while all is well.
        self.assertEqual(
            [], parse(ONE + attempts, uptime=20.0).under_way(INTERVAL)
        )

    def test_lanes_in_turn(self):
        # Three lanes, each 0.6 s: 0.2 s from one to the next.
        for starts, in_turn in (
            ((12.0, 12.2, 12.4), True),
            # Nobody asks in the 0.4 s after the third, which is two intervals.
            ((12.0, 12.2, 12.2), True),
            ((12.0, 12.1, 12.19), False),
            # In another round, that is in between.
            ((12.0, 15.2, 14.2), True),
            ((12.0, 15.1, 14.5), False),
        ):
            attempts = ''.join(
                f'{lane} 1 {start:.2f} 0.000 ok ;\n'
                for lane, start in enumerate(starts, 1)
            )
            self.assertEqual(
                in_turn, parse(ONE + attempts).in_turn(INTERVAL), starts
            )
        self.assertFalse(parse(ONE + '1 1 12.00 0.001 ok ;\n').in_turn(0.2))
        self.assertTrue(parse(EACH + ATTEMPTS).in_turn(0.2))

    def test_time_out_while_the_guest_was_held(self):
        # Lane 2 was due at 12.8, while lane 1 waited for its deadline.
        attempts = ONE + (
            '1 1 12.00 0.001 ok ;\n2 1 12.20 0.001 ok ;\n'
            '1 2 13.20 0.600 rc28 ;\n2 2 13.20 0.001 ok ;\n'
        )
        self.assertEqual(
            [True] * 3, [sample.answered for sample in self.samples(attempts)]
        )
        # That it was put off is no sign of that.
        self.assertEqual(
            [True, True, False, True],
            [
                sample.answered
                for sample in self.samples(
                    attempts.replace('1 2 13.20', 'step 2 ;\n1 2 13.20')
                )
            ],
        )
        # What is refused is refused.
        self.assertEqual(
            [True, True, False, True],
            [
                sample.answered
                for sample in self.samples(attempts.replace('rc28', 'rc7'))
            ],
        )
        # A lane that waits for its own deadline is not late.
        self.assertEqual(
            [True, True, False, False, False],
            [
                sample.answered
                for sample in self.samples(
                    ONE + '1 1 12.00 0.001 ok ;\n2 1 12.20 0.001 ok ;\n'
                    '1 2 13.60 1.000 rc28 ;\n2 2 13.80 1.000 rc28 ;\n'
                    '1 3 14.60 1.000 rc28 ;\n'
                )
            ],
        )

    def test_next_attempt_begins_after_the_end(self):
        sample, _ = self.samples(
            ONE + '1 1 12.90 0.8 rc28 ;\n1 2 12.91 0.100 ok ;\n'
        )
        self.assertAlmostEqual(12.82 - 0.8, sample.latest_start)

    def test_late_answer(self):
        (sample,) = self.samples(EACH + '1 1 13.52 1.52 ok ;\n')
        self.assertFalse(sample.answered)
        self.assertTrue(sample.late)

    def test_baseline_has_a_deadline_of_its_own(self):
        (sample,) = self.samples('0 1 13.52 1.52 ok ;\n' + EACH)
        self.assertTrue(sample.answered)
        (sample,) = self.samples('0 1 13.52 1.52 ok ;\n' + EACH, deadline=1.5)
        self.assertTrue(sample.late)

    def test_failed_attempt_is_never_late(self):
        (sample,) = self.samples(EACH + '1 1 18.52 6.52 rc28 ;\n')
        self.assertFalse(sample.late)

    def test_hanging_attempt_is_down_since_its_start(self):
        samples = self.samples(
            EACH + ATTEMPTS, '1 4 open 1383.46 2 1382.06 0 4 ;', 1385.0
        )
        self.assertEqual(
            measurement.Sample(1383.46, 1385.0, False), samples[-1]
        )
        self.assertEqual(4, len(samples))

    def test_attempt_under_way_is_nothing_yet(self):
        samples = self.samples(
            EACH + ATTEMPTS, '1 4 open 1383.46 2 1382.06 0 4 ;', 1384.9
        )
        self.assertEqual(3, len(samples))

    def test_one_curl_that_is_overdue_is_not_down(self):
        self.assertEqual(3, len(self.samples(ONE + ATTEMPTS)))
