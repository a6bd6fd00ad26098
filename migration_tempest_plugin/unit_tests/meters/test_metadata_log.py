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

HEADER = ('metadata_probe 1 pid=17811 boot=1aef2ac4-6e16-4426-9bed-'
          '4ffff3043060 tool=curl pause=fraction connect=0.50 deadline=1.00 '
          'interface=- ;\n')
ATTEMPTS = """\
1 1381.86 1381.88 ok ;
2 1382.06 1382.07 ok ;
3 1382.26 1383.28 rc28 ;
"""
Attempt = metadata_log.Attempt
FIRST = Attempt(1, 1381.86, 1381.88, 'ok')
SECOND = Attempt(2, 1382.06, 1382.07, 'ok')
THIRD = Attempt(3, 1382.26, 1383.28, 'rc28')


def parse(attempts, now='', uptime=1400.0):
    return metadata_log.parse(HEADER + attempts, now, uptime)


class TestAttempts(testtools.TestCase):

    def test_attempts(self):
        reading = parse(ATTEMPTS)
        self.assertEqual((FIRST, SECOND, THIRD), reading.attempts)
        self.assertEqual(0, reading.unreadable)

    def test_nothing(self):
        for text in ('', HEADER, HEADER[:20]):
            self.assertEqual(metadata_log.Reading((), None, 5.0),
                             metadata_log.parse(text, '', 5.0))

    def test_torn_last_line(self):
        # Wherever it is cut, before its last character.
        line = '3 1382.26 1383.28 rc28 ;'
        for length in range(1, len(line)):
            reading = parse('1 1381.86 1381.88 ok ;\n' + line[:length])
            self.assertEqual((FIRST,), reading.attempts)
            self.assertEqual(1, reading.unreadable)

    def test_torn_line_within(self):
        reading = parse('1 1381.86 1381.88 ok ;\n2 1382.06 13\n'
                        '3 1382.26 1383.28 rc28 ;\n')
        self.assertEqual((FIRST, THIRD), reading.attempts)
        self.assertEqual(1, reading.unreadable)

    def test_two_torn_lines_make_no_attempt(self):
        for line in ('1 1381.862 1382.06 1382.07 ok ;',
                     '12 1382.06 1381.07 ok ;',
                     '0 1381.86 1381.87 ok ;'):
            reading = parse('1 1381.86 1381.88 ok ;\n%s\n' % line)
            self.assertEqual((FIRST,), reading.attempts)
            self.assertEqual(1, reading.unreadable)

    def test_foreign_text(self):
        reading = parse('sh: 1: cannot fork ;\n\x00\x00\n\n' + ATTEMPTS)
        self.assertEqual(3, len(reading.attempts))
        self.assertEqual(2, reading.unreadable)

    def test_as_text(self):
        self.assertEqual(
            '3 attempts in 18.1 s (ok: 2, rc28: 1), 1 lines cut or lost',
            str(parse(ATTEMPTS + '4 13')))
        self.assertEqual('no attempt in the log, 7 lines cut or lost',
                         str(parse('', '7 ok 12.08 7 12.08 7 7 ;')))


class TestParseNow(testtools.TestCase):

    parse = staticmethod(metadata_log.parse_now)

    def test_open(self):
        self.assertEqual(
            metadata_log.Now(sequence=8, state='open', start=1382.08,
                             answered=7, last_answered=1381.35, lost=0),
            self.parse('8 open 1382.08 7 1381.35 0 8          ;'))

    def test_never_answered(self):
        self.assertIsNone(self.parse('1 rc7 12.08 0 - 0 1 ;').last_answered)

    def test_not_whole(self):
        for text in ('', '8 open 1382.08 7 13',
                     # overwritten while it was read
                     '9 open 1382.28 7 1381.35 0 8          ;'):
            self.assertIsNone(self.parse(text))


class TestUnderWay(testtools.TestCase):

    def test_open(self):
        reading = parse(ATTEMPTS, '4 open 1383.46 2 1382.06 0 4 ;', 1384.5)
        self.assertEqual(4, reading.under_way.sequence)
        self.assertTrue(reading.hangs(1.0))
        self.assertFalse(reading.hangs(1.1))

    def test_done(self):
        reading = parse(ATTEMPTS, '3 rc28 1382.26 2 1382.06 0 3 ;')
        self.assertIsNone(reading.under_way)
        self.assertFalse(reading.hangs(0))

    def test_done_between_the_two_reads(self):
        reading = parse(ATTEMPTS, '3 open 1382.26 2 1382.06 0 3 ;')
        self.assertIsNone(reading.under_way)

    def test_done_but_not_written_down(self):
        # A full file system is no hang.
        reading = parse(ATTEMPTS, '9 ok 1385.26 2 1385.26 6 9 ;')
        self.assertIsNone(reading.under_way)


class TestSamples(testtools.TestCase):

    def test_attempts(self):
        samples = parse(ATTEMPTS).samples(1.5)
        self.assertEqual([True, True, False],
                         [sample.answered for sample in samples])
        self.assertEqual([False] * 3, [sample.late for sample in samples])
        self.assertEqual(1382.26, samples[2].start)

    def test_clock_cuts_off_hundredths(self):
        sample = parse(ATTEMPTS).samples(1.5)[0]
        self.assertEqual(1381.86, sample.start)
        self.assertAlmostEqual(1381.89, sample.end)

    def test_late_answer(self):
        sample, = parse('1 12.00 13.52 ok ;\n').samples(1.5)
        self.assertFalse(sample.answered)
        self.assertTrue(sample.late)

    def test_failed_attempt_is_never_late(self):
        sample, = parse('1 12.00 18.52 rc28 ;\n').samples(1.5)
        self.assertFalse(sample.late)

    def test_hanging_attempt_is_down_since_its_start(self):
        reading = parse(ATTEMPTS, '4 open 1383.46 2 1382.06 0 4 ;', 1385.0)
        samples = reading.samples(1.5)
        self.assertEqual(measurement.Sample(1383.46, 1385.0, False),
                         samples[-1])
        self.assertEqual(4, len(samples))

    def test_attempt_under_way_is_nothing_yet(self):
        reading = parse(ATTEMPTS, '4 open 1383.46 2 1382.06 0 4 ;', 1384.9)
        self.assertEqual(3, len(reading.samples(1.5)))
