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
"""Which meters are recorded, and in which file."""

import pathlib

from unittest import mock

import fixtures
import testtools

from migration_tempest_plugin.guest import writer as guest_writer
from migration_tempest_plugin.measurement import Probing
from migration_tempest_plugin.meters import metadata_follow
from migration_tempest_plugin.recording import reader
from migration_tempest_plugin.running import recorder


class FakeFile:
    """Keeps what a Recorder has written."""

    def __init__(self):
        self.said = []
        self.streams = 0

    def add(self, *stream, clock='tester'):
        self.said.append(stream)
        self.streams += 1
        return self.streams - 1

    def take(self, *sample):
        pass

    def baseline(self, *words):
        self.said.append(('baseline', *words))

    def deadline(self, *words):
        self.said.append(('deadline', *words))

    def log(self, *words):
        self.said.append(('log', *words))

    def lose(self, *words):
        self.said.append(('lost', *words))

    def ask(self, known):
        self.known = known


class FakeMeter:
    threshold = 0.25

    def __init__(self, known=None, lost=None):
        self.known, self.lost = known, lost


class TestRecorder(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.file = FakeFile()
        self.recorder = recorder.Recorder(self.file)

    def known(self, *meters):
        self.recorder._streams = {
            meter: number for number, meter in enumerate(meters)
        }
        self.recorder.begin(dict.fromkeys(meters, 1.0))
        del self.file.said[:]
        return self.file.known()

    def test_streams(self):
        self.recorder.network('192.0.2.7', 0.05, 0.5)
        beat = self.recorder.heartbeat(None, '192.0.2.7', 60, 0.1, 0.2)
        self.assertEqual(
            (0.1, 0.2, 60), (beat.interval, beat.deadline, beat.lifetime)
        )
        self.assertEqual(
            [
                ('network', '192.0.2.7', 0.05, 0.5, Probing.INDEPENDENT),
                ('tcp', '192.0.2.7', 0.11, None, Probing.ORDERED),
            ],
            [each[:5] for each in self.file.said],
        )

    def test_logs_in_the_guest(self):
        """What a test measures of metadata, and of a disk."""
        asked = self.recorder.metadata(
            None, None, '192.0.2.7', 0.2, 5.0, lifetime=9
        )
        self.assertEqual(
            (0.2, 5.0, 9), (asked.interval, asked.deadline, asked.lifetime)
        )
        its_writer = guest_writer.StorageWriter(None, '/var', pause=0.3)
        written = self.recorder.storage(its_writer, '192.0.2.7', 0.1)
        streams = [
            ('metadata', '192.0.2.7', 0.2, 5.0, Probing.SEQUENTIAL),
            ('storage', '192.0.2.7', 0.3, None, Probing.BLOCKING),
        ]
        self.assertEqual(streams, [each[:5] for each in self.file.said])
        self.recorder.begin({asked: 12.0, written: 13.0})
        self.assertEqual(
            [
                ('baseline', 0, 12.0),
                ('baseline', 1, 13.0),
                ('deadline', 1, 0.1),
            ],
            self.file.said[2:],
        )

    def test_a_log_is_followed_if_it_is_written_down(self):
        """That takes one more connection to the guest."""
        for each, followed in ((self.recorder, True), (recorder.NONE, False)):
            self.assertEqual(
                followed,
                isinstance(
                    each.metadata(None, None, '192.0.2.7'),
                    metadata_follow.FollowedMetadataMeter,
                ),
            )

    def test_each_line_of_the_disk_from_the_header_on(self):
        """Whether somebody wants them before or after they came."""
        its_writer = guest_writer.StorageWriter(None, '/var')
        its_writer._stream = mock.Mock(header='storage_writer 1', ended=None)
        self.useFixture(self.recorder.storage(its_writer, 'early', 0.1))
        lines = ['1 t1 100.00 100.01 2', '2 t2 100.21 100.22 3']
        for line in lines:
            its_writer._take(line)
        with self.recorder.storage(its_writer, 'late', 0.1):
            pass
        its_writer._tell('of one that is over, nothing more')
        lines_of = ([*lines, its_writer._lines[-1]], lines)
        for number, expected in enumerate(lines_of):
            self.assertEqual(
                ['storage_writer 1', *expected],
                [
                    said[2]
                    for said in self.file.said
                    if said[:2] == ('log', number)
                ],
            )

    def test_no_file(self):
        its_writer = guest_writer.StorageWriter(None, '/var')
        meter = recorder.NONE.storage(its_writer, 'x', 0.1)
        self.assertEqual(0.1, meter.deadline)
        self.assertEqual([], its_writer._sinks)
        recorder.NONE.migrations('x', ())

    def test_one_without_a_baseline(self):
        """It does not keep what the others see from being known."""
        counts = self.recorder.network('192.0.2.7', 0.05, 0.5)
        self.recorder.network('192.0.2.1', 0.05, 0.5, 'control')
        self.recorder.begin({counts: 12.0})
        self.assertEqual([('baseline', 0, 12.0)], self.file.said[2:])
        self.assertEqual({counts: 0}, self.recorder._streams)

    def test_known(self):
        self.assertEqual(7.0, self.known(FakeMeter(8.0), FakeMeter(7.0)))
        self.assertIsNone(self.known(FakeMeter(8.0), FakeMeter()))
        self.assertIsNone(self.known())

    def test_lost(self):
        """The others go on, and it is said once."""
        known = self.known(FakeMeter(8.0), FakeMeter(3.0, 'it ended'))
        self.assertEqual(8.0, known)
        self.assertEqual([('lost', 1, 3.0, 'it ended')], self.file.said)
        self.file.known()
        self.assertEqual(1, len(self.file.said))


class TestRecording(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.log = self.useFixture(fixtures.FakeLogger())

    def test_none(self):
        with recorder.recording(None, 'x') as recording:
            self.assertIs(recorder.NONE, recording)
        meter = recording.network('192.0.2.7', 0.05, 0.5)
        recording.begin({meter: 1.0})
        recording.mark('done')

    def test_one_file_each(self):
        folder = self.folder / 'not/yet'
        for text in 'ab':
            with recorder.recording(folder, 'x') as recording:
                recording.mark(text)
        self.assertEqual(
            {'a', 'b'},
            {
                mark.text
                for path in folder.iterdir()
                for mark in reader.read(path).marks
            },
        )
        self.assertEqual(0o700, folder.stat().st_mode & 0o777)

    def test_no_room_for_it(self):
        """It is measured all the same."""
        (self.folder / 'file').write_text('of somebody')
        with recorder.recording(self.folder / 'file', 'x') as recording:
            self.assertIs(recorder.NONE, recording)
        self.assertIn('No samples can be written to', self.log.output)
