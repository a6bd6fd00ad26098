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
import dataclasses
import errno
import gzip
import os
import pathlib
import signal
import subprocess
import sys
from unittest import mock

import fixtures
import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.measurement import Mark
from migration_tempest_plugin.measurement import Probing
from migration_tempest_plugin.measurement import Sample
from migration_tempest_plugin.measurement import Timeline
from migration_tempest_plugin.recording import lines
from migration_tempest_plugin.recording import reader
from migration_tempest_plugin.recording.window import moment
from migration_tempest_plugin.recording.window import Window
from migration_tempest_plugin.recording import writer

STREAM = ('network', '192.0.2.7', 0.05, 0.5, Probing.INDEPENDENT)

#: Writes as quickly as it can, until somebody ends it.
_ENDLESS = """
import pathlib, sys, time
from migration_tempest_plugin.measurement import Probing, Sample
from migration_tempest_plugin.recording import writer

with writer.Writer(pathlib.Path(sys.argv[1]), print) as file:
    number = file.add('network', 'x', 0.01, 0.5, Probing.INDEPENDENT)
    while True:
        now = time.monotonic()
        file.take(number, Sample(now, now, True))
        file.know(now)
        print(now, flush=True)
        time.sleep(0.01)
"""


class TestRecording(testtools.TestCase):
    def setUp(self):
        super().setUp()
        folder = self.useFixture(fixtures.TempDir()).path
        self.path = pathlib.Path(folder) / 'samples.gz'
        self.said = []

    def write(self, samples, known=None):
        with writer.Writer(self.path, self.said.append) as file:
            number = file.add(*STREAM)
            for each in samples:
                file.take(number, each)
            file.know(samples[-1].start if known is None else known)
        return file

    def write_from(self, origin, samples):
        """The same, by somebody whose clock begins there."""
        with mock.patch.object(writer.time, 'monotonic', lambda: origin):
            self.write(samples)

    def timeline(self, file):
        [stream] = file.streams
        return file.timeline(stream)

    def probes(self, *failed, number=100):
        """As a prober has them: moments in nanoseconds, far from zero."""
        return [
            Sample(
                98765.432101001 + 0.05 * each,
                98765.432101001
                + 0.05 * each
                + (0.5 if each in failed else 0.0007),
                each not in failed,
                slack=0.0002 if each in failed else 0.0,
            )
            for each in range(number)
        ]

    def test_what_is_written_is_read(self):
        samples = self.probes(40, 41, 42)
        self.write(samples)
        file = reader.read(self.path)
        self.assertEqual('over', file.why)
        found = self.timeline(file)
        whole = Timeline(*STREAM[:2], samples, 0.05, samples[-1].start)
        self.assertEqual('192.0.2.7', found.target)
        self.assertEqual(100, found.successes + found.failures)
        self.assertEqual(3, found.failures)
        [outage], [expected] = found.outages, whole.outages
        self.assertAlmostEqual(expected.upper, outage.upper, 5)
        self.assertGreaterEqual(outage.upper, expected.upper - 1e-9)
        self.assertAlmostEqual(samples[0].start, found.began, 5)

    def test_round_trips(self):
        """Those of the file, apart from one mark on, or of a part of it."""
        samples = self.probes(40, 41, 42)
        with writer.Writer(self.path, self.said.append) as file:
            number = file.add(*STREAM)
            for each in samples[:50]:
                file.take(number, each)
            file.mark(Mark(samples[50].start, 'something'))
            for each in samples[50:]:
                file.take(number, each)
            file.know(samples[-1].start)
        file = reader.read(self.path)
        slots = self.timeline(file).round_trips.slots
        self.assertEqual(97, sum(each.count for each in slots))
        self.assertAlmostEqual(0.0007, max(each.maximum for each in slots), 5)
        self.assertEqual(
            50,
            sum(
                each.count
                for each in slots
                if each.begin > samples[50].start - 1e-4
            ),
        )
        begin = samples[90].start - file.header.origin - 0.01
        part = reader.read(self.path, Window(begin=moment(f'+{begin:.3f}')))
        self.assertEqual(
            10,
            sum(each.count for each in self.timeline(part).round_trips.slots),
        )

    def test_late_answers(self):
        """It is known later of a probe that had failed."""
        samples = self.probes(40)
        late = Sample(samples[40].start, samples[40].start + 3, False, True)
        self.write([*samples, late], samples[-1].start)
        found = self.timeline(reader.read(self.path))
        [seen] = found.late
        self.assertAlmostEqual(3.0, seen.delay, 5)
        self.assertEqual(100, found.successes + found.failures)

    def test_why_probes_failed(self):
        samples = self.probes(40, 41)
        samples[41] = dataclasses.replace(samples[41], why='HTTP "503"')
        self.write(samples)
        found = self.timeline(reader.read(self.path))
        self.assertEqual('HTTP "503"', found.outages[0].why)

    def test_baseline(self):
        """What was before it does not count."""
        samples = self.probes(40, 41, 1900, number=2000)
        with writer.Writer(self.path, self.said.append) as file:
            number = file.add(*STREAM)
            for each in samples:
                file.take(number, each)
            file.baseline(number, samples[50].start)
            file.know(samples[-1].start)
        found = self.timeline(reader.read(self.path))
        self.assertEqual(1, found.failures)
        self.assertEqual(1949, found.successes)
        self.assertAlmostEqual(samples[50].start, found.began, 5)
        self.assertLess(len(found.samples), 500)

    def test_the_clock_of_a_guest(self):
        """What it showed is there with each answer, and its stop."""
        stopped = 1.5
        sent = [98765.4 + 0.02 * each for each in range(4000)]
        with writer.Writer(self.path, self.said.append) as file:
            number = file.add('tcp', 'x', 0.03, None, Probing.ORDERED)
            for each in sent:
                after = stopped * (each >= sent[2000])
                begun, ended = each + after, each + after + 0.001
                file.take(
                    number,
                    Sample(begun, ended, True),
                    int(100 * (each - 98000)) / 100,
                )
            file.take(number, Sample(ended + 0.1, ended + 0.1, False))
            file.baseline(number, sent[50])
            file.deadline(number, 0.125)
            file.know(ended + 0.2)
        found = reader.read(self.path)
        [stream] = found.streams
        seen = found.timeline(stream)
        self.assertEqual(0.125, seen.deadline)
        self.assertEqual(3950, seen.successes)
        self.assertTrue(seen.still_down)
        clock = found.clock(stream, seen)
        self.assertEqual(3950, clock.looks)
        self.assertLess(len(clock.beats), 1500)
        [stop] = clock.stops
        self.assertLessEqual(stop.lower, stopped)
        self.assertGreaterEqual(stop.upper, stopped)
        self.assertLess(stop.upper - stop.lower, 0.05)

    def test_a_guest_that_was_rebooted(self):
        with writer.Writer(self.path, self.said.append) as file:
            number = file.add('tcp', 'x', 0.03, None, Probing.ORDERED)
            for each in range(100):
                file.take(
                    number,
                    Sample(98765 + each, 98765.1 + each, True),
                    (100.0 if each < 50 else 0.0) + each,
                )
            file.know(98865)
        found = reader.read(self.path)
        [stream] = found.streams
        error = self.assertRaises(
            exceptions.NoMeasurement,
            found.clock,
            stream,
            found.timeline(stream),
        )
        self.assertIn('the guest was rebooted', str(error))

    def test_a_log(self):
        log = ['metadata_probe 2 pid=7 "x" ;', '1 1 12.30 0.001 ok ;']
        with writer.Writer(self.path, self.said.append) as file:
            number = file.add('metadata', 'x', 0.2, 5.0, Probing.SEQUENTIAL)
            for line in log:
                file.log(number, line)
            file.baseline(number, 12.3)
        [stream] = reader.read(self.path).streams
        self.assertEqual(log, stream.log)
        self.assertAlmostEqual(12.3, stream.baseline, 5)

    def test_what_is_lost(self):
        """It ends there, and the others go on."""
        samples = self.probes()
        with writer.Writer(self.path, self.said.append) as file:
            lost = file.add(*STREAM)
            other = file.add(*STREAM)
            for each in samples[:50]:
                file.take(lost, each)
            for each in samples:
                file.take(other, each)
            file.lose(lost, samples[50].start, 'it "ended"')
            file.know(samples[-1].start)
        found = reader.read(self.path)
        one, two = found.streams
        self.assertEqual('it "ended"', one.lost.why)
        self.assertIsNone(two.lost)
        self.assertAlmostEqual(samples[50].start, found.timeline(one).ended, 5)
        self.assertAlmostEqual(samples[-1].start, found.timeline(two).ended, 5)

    def test_a_window(self):
        """An outage that it begins or ends in is there as a whole."""
        samples = self.probes(
            *range(400, 440), *range(900, 960), 1500, number=2000
        )
        whole = Timeline(*STREAM[:2], samples, 0.05, samples[-1].start)
        self.write_from(samples[0].start, samples)
        for begin, end, expected, successes in (
            ('+21.02', None, whole.outages, 1500),
            ('+25.02', None, whole.outages[1:], 1438),
            (None, '+46.02', whole.outages[:2], 861),
            # Between the last answered probe and the first that failed.
            (None, '+44.97', whole.outages[:1], 860),
            ('+47.97', None, whole.outages[2:], 1039),
            ('+46.02', '+46.52', whole.outages[1:2], 2),
            ('+50.02', '+60.02', (), 200),
            ('+47.02', '+90.02', whole.outages[1:], 841),
        ):
            window = Window(*(each and moment(each) for each in (begin, end)))
            found = self.timeline(reader.read(self.path, window))
            self.assertEqual(len(expected), len(found.outages), window)
            for outage, seen in zip(expected, found.outages):
                self.assertAlmostEqual(outage.upper, seen.upper, 4)
                self.assertAlmostEqual(outage.lower, seen.lower, 4)
            self.assertEqual(successes, found.successes, window)

    def test_a_window_with_nothing(self):
        samples = self.probes()
        self.write_from(samples[0].start, samples)
        for window, why in (
            (Window(moment('+4000')), 'it has nothing from +4000: it goes'),
            (
                Window(None, moment('2001-02-03 04:05')),
                'it has nothing to 2001-02-03 04:05: it goes from 20',
            ),
            (
                Window(moment('+3'), moment('+3.0')),
                'nothing is from +3 to +3.0',
            ),
        ):
            error = self.assertRaises(
                exceptions.RecordError, reader.read, self.path, window
            )
            self.assertIn(f'{self.path}: {why}', str(error))

    def test_marks(self):
        said = 'upgraded "compute 3" \N{CHECK MARK}'
        with writer.Writer(self.path, self.said.append) as file:
            number = file.add(*STREAM)
            for each in self.probes():
                file.take(number, each)
            file.mark(Mark(98765.5, said))
            file.know(98771.0)
        found = reader.read(self.path)
        [mark] = found.marks
        self.assertEqual(said, mark.text)
        self.assertAlmostEqual(98765.5, mark.moment, 5)
        self.assertEqual(100, self.timeline(found).successes)

    def test_zcat_reads_it(self):
        self.write(self.probes())
        text = gzip.decompress(self.path.read_bytes()).decode()
        self.assertIn(lines.SCHEMA, text.splitlines()[0])
        self.assertIn('"why":"over"', text.splitlines()[-1])

    def test_cut_anywhere(self):
        """What can be read is a beginning of what was written."""
        with mock.patch.object(writer, 'EVERY', 0.001):
            self.write(self.probes(number=20))
        data = self.path.read_bytes()
        read = []
        for end in range(len(data)):
            self.path.write_bytes(data[:end])
            try:
                recorded = reader.read(self.path)
            except exceptions.RecordError as error:
                self.assertIn('nothing of it can be read', str(error))
                self.assertEqual([], read, 'more could be read of less')
                continue
            read.append(
                sum(
                    len(folding.since())
                    + sum(quiet.count for quiet in folding.quiet_since())
                    for folding in (each.folding for each in recorded.streams)
                )
            )
        self.assertEqual(sorted(read), read)
        self.assertEqual((0, 20), (read[0], read[-1]))

    def test_a_writer_that_is_killed(self):
        process = subprocess.Popen(
            [sys.executable, '-c', _ENDLESS, self.path],
            stdout=subprocess.PIPE,
            text=True,
        )
        began = float(process.stdout.readline())
        for line in process.stdout:
            last = float(line)
            if last - began > 2.5 * writer.EVERY:
                break
        process.send_signal(signal.SIGKILL)
        process.communicate()
        recorded = reader.read(self.path)
        self.assertIsNone(recorded.why)
        found = self.timeline(recorded)
        self.assertAlmostEqual(began, found.began, 5)
        # No more than is not written yet; a busy machine may take longer.
        self.assertLess(last - recorded.ended, 2 * writer.EVERY)

    def test_a_full_disk(self):
        """It ends the file, and nothing else."""
        samples = self.probes()

        def full(file, data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with writer.Writer(self.path, self.said.append) as file:
            number = file.add(*STREAM)
            with mock.patch.object(writer.os, 'write', full):
                file.take(number, samples[0])
                file._thread.join(5 * writer.EVERY)
            [said] = self.said
            self.assertIn('No space left on device', said)
            file.take(number, samples[1])
        self.assertEqual([said], self.said)

    def test_it_is_there_already(self):
        self.path.write_text('of somebody')
        self.assertRaises(FileExistsError, writer.Writer, self.path, None)
        self.assertEqual('of somebody', self.path.read_text())

    def test_who_may_read_it(self):
        self.write(self.probes())
        self.assertEqual(0o600, self.path.stat().st_mode & 0o777)

    def test_what_is_none(self):
        for data, why in (
            (b'', 'nothing of it can be read'),
            (b'hello', 'nothing of it can be read'),
            (gzip.compress(b'\xb3\n'), 'it is no file of samples'),
            (gzip.compress(b'hello\n'), 'it is no file of samples'),
            (
                gzip.compress(b'{"schema": "x", "version": 1}\n'),
                'it is no file of samples',
            ),
            (
                gzip.compress(
                    f'{{"schema": "{lines.SCHEMA}", "version": 7}}\n'.encode()
                ),
                'it is of version 7',
            ),
        ):
            self.path.write_bytes(data)
            self.assertEqual('version 7' in why, reader.is_samples(self.path))
            error = self.assertRaises(
                exceptions.RecordError, reader.read, self.path
            )
            self.assertIn(f'{self.path}: {why}', str(error))
        self.path.unlink()
        error = self.assertRaises(
            exceptions.RecordError, reader.read, self.path
        )
        self.assertIn('No such file', str(error))
