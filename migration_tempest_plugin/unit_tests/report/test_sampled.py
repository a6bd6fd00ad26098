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

import gzip
import pathlib
import zlib

import fixtures
import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin import measurement
from migration_tempest_plugin.measurement import Probing
from migration_tempest_plugin.measurement import Sample
from migration_tempest_plugin.recording.window import moment
from migration_tempest_plugin.recording.window import WHOLE
from migration_tempest_plugin.recording.window import Window
from migration_tempest_plugin.recording import writer
from migration_tempest_plugin.report import sampled
from migration_tempest_plugin.unit_tests.measurement import test_followed

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


class TestLogsOfTheGuest(testtools.TestCase):
    """The guest's clock was 100 when that of the tester was BEGAN."""

    METADATA = (
        'metadata_probe 2 pid=7 tool=curl-each pause=fraction interface=- ;',
        'deadline 0.50 1.00 tool=curl-each lanes=1 baseline=10 slowest=0.01 ;',
        *(
            f'1 {each + 1} {100 + each / 5 + 0.01:.2f} 0.01 ok ;'
            for each in range(100)
        ),
    )
    STORAGE = (
        'storage_writer 1 file=/x type=ext4 source=/dev/vda1',
        *(
            f'{each} t {100 + each / 5:.2f} {100 + each / 5 + 0.01:.2f} 1'
            for each in range(1, 60)
        ),
        # from 112 to 114.5
        '60 t 112.00 114.50 1',
        *(
            f'{each} t {102.5 + each / 5:.2f} {102.5 + each / 5 + 0.01:.2f} 1'
            for each in range(61, 87)
        ),
    )

    def setUp(self):
        super().setUp()
        folder = self.useFixture(fixtures.TempDir()).path
        self.path = pathlib.Path(folder) / 'x.samples.gz'

    def measurements(self, metadata=METADATA, storage=STORAGE):
        """Of what is in the file, twenty seconds long."""
        with writer.Writer(self.path, self.fail) as file:
            beats = file.add('tcp', 'a', 0.03, None, Probing.ORDERED)
            asked = file.add(
                'metadata', 'a', 0.2, 5.0, Probing.SEQUENTIAL, clock='guest'
            )
            written = file.add(
                'storage', 'a', 0.2, None, Probing.BLOCKING, clock='guest'
            )
            for each in range(1000):
                sent = BEGAN + each / 50
                file.take(
                    beats, Sample(sent, sent + 0.001, True), 100 + each / 50
                )
            for stream, lines in ((asked, metadata), (written, storage)):
                for line in lines:
                    file.log(stream, line)
            file.baseline(beats, BEGAN)
            file.baseline(asked, 101.0)
            file.baseline(written, 101.0)
            file.deadline(beats, 0.1)
            file.deadline(written, 0.1)
            file.know(BEGAN + 20)
        [(_, migration)] = sampled.run(self.path, sampled.View()).migrations
        self.path.unlink()
        return migration['measurements']

    def test_they_are_in_the_time_of_the_tester(self):
        _, metadata, storage = self.measurements()
        self.assertEqual('metadata', metadata['what'])
        self.assertEqual([], metadata['outages'])
        self.assertEqual(0.0, metadata['unobserved'])
        [outage] = storage['outages']
        self.assertTrue(
            2.4 < outage['lower'] <= 2.5 <= outage['upper'] < 2.95, outage
        )
        self.assertAlmostEqual(11.0, outage['start'], delta=0.3)
        self.assertIn('/dev/vda1 (ext4)', storage['method'])

    def test_one_that_ends_early(self):
        """A test that was killed: its log was read before it migrated."""
        _, metadata, storage = self.measurements(self.METADATA[:30])
        self.assertIn(
            'metadata of a: the last 14.6 s are not known',
            metadata['no_measurement'],
        )
        self.assertEqual(0, metadata['timeline']['failures'])
        self.assertEqual(1, len(storage['outages']))

    def test_the_end_is_behind(self):
        """The log in the guest is looked at once a second."""
        _, metadata, _ = self.measurements(self.METADATA[:-10])
        self.assertAlmostEqual(16.8, metadata['observed'], delta=0.1)

    def test_one_that_was_never_read(self):
        unread = [
            each['no_measurement']
            for each in self.measurements(metadata=())
            if 'no_measurement' in each
        ]
        self.assertEqual(1, len(unread))
        self.assertIn('metadata of a: ', unread[0])


class TestFollowedServer(testtools.TestCase):
    """The migrations of a server that was watched for thirty seconds."""

    def setUp(self):
        super().setUp()
        folder = self.useFixture(fixtures.TempDir()).path
        self.path = pathlib.Path(folder) / 'x.samples.gz'
        self.first = test_followed.followed(BEGAN + 4, 'a', 'b', memory=7)
        self.second = test_followed.followed(BEGAN + 20, 'b', 'c')

    def write(self, *looks):
        """Each of the looks has all that is known by then."""
        self.useFixture(
            fixtures.MockPatch(
                'migration_tempest_plugin.recording.writer.time.monotonic',
                lambda: BEGAN,
            )
        )
        with writer.Writer(self.path, self.fail) as file:
            pings = file.add('network', 'a', 0.1, 0.5, Probing.INDEPENDENT)
            for each in range(300):
                file.take(
                    pings, Sample(BEGAN + each / 10, BEGAN + each / 10, True)
                )
            file.baseline(pings, BEGAN)
            for known in looks:
                file.migrations('a', known)
                file.migrations('another', ())
            file.know(BEGAN + 30)

    def migration(self, window=WHOLE):
        [(_, migration)] = sampled.run(
            self.path, sampled.View(window)
        ).migrations
        return migration

    def phases(self, window=WHOLE):
        return [
            (phase['name'], round(phase['begin'][0], 3))
            for phase in self.migration(window)['progress']['phases']
            if phase['kind'] == 'migration'
        ]

    def test_what_was_followed_is_read(self):
        self.write([], [self.first], [self.first, self.second])
        found = self.migration()
        self.assertEqual(('a', 'c'), (found['source'], found['destination']))
        expected = [each.to_dict(BEGAN) for each in (self.first, self.second)]
        self.assertEqual(2, len(found['followed']))
        for each, other in zip(expected, found['followed']):
            for name in ('kind', 'source', 'destination', 'status'):
                self.assertEqual(each[name], other[name])
            for bound in ('lower', 'upper'):
                self.assertAlmostEqual(
                    each['took'][bound], other['took'][bound], 5
                )
        self.assertEqual({'id': BEGAN + 20}, found['migration_record'])

    def test_each_look_stands_there_once(self):
        """However often it was known, and what changes is the latest."""
        under_way = test_followed.followed(BEGAN + 4, memory=7, ended=False)
        self.write([], [under_way], [under_way], [self.first], [self.first])
        text = gzip.decompress(self.path.read_bytes()).decode()
        self.assertEqual(3, text.count('"looked":0'))
        self.assertEqual(2, text.count('"migration":0'))
        self.assertIn('"memory_processed":7', text)
        [only] = self.migration()['followed']
        self.assertEqual('completed', only['status'])

    def test_cut_while_it_goes_on(self):
        under_way = test_followed.followed(BEGAN + 4, ended=False)
        self.write([under_way])
        whole = zlib.decompressobj(wbits=31).decompress(self.path.read_bytes())
        self.path.write_bytes(gzip.compress(whole[: whole.index(b'{"end"')]))
        [only] = self.migration()['followed']
        self.assertEqual(('running', None), (only['status'], only['took']))
        self.assertIsNone(self.migration()['destination'])
        self.assertEqual([('running', 4.0)], self.phases()[:1])

    def test_a_part_of_the_time(self):
        """A migration belongs to it if it went on then."""
        self.write([self.first, self.second])
        for begin, end, expected in (
            ('+0', '+3', []),
            ('+0', '+15', [BEGAN + 4]),
            ('+6', '+15', [BEGAN + 4]),
            ('+9', '+15', []),
            ('+9', '+30', [BEGAN + 20]),
        ):
            found = self.migration(Window(moment(begin), moment(end)))
            record = found['migration_record']
            self.assertEqual(
                expected, [record['id']] if record else [], (begin, end)
            )
