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

import fixtures
import testtools

from migration_tempest_plugin.measurement import Probing
from migration_tempest_plugin.recording import reader
from migration_tempest_plugin.running import recorder


class FakeFile:
    """Keeps what a Recorder has written."""

    def __init__(self):
        self.said = []
        self.streams = 0

    def add(self, *stream):
        self.said.append(stream)
        self.streams += 1
        return self.streams - 1

    def take(self, *sample):
        pass

    def baseline(self, *words):
        self.said.append(('baseline', *words))

    def deadline(self, *words):
        self.said.append(('deadline', *words))

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
