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
import pathlib
from unittest import mock

import fixtures
import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin import measurement
from migration_tempest_plugin.recording import reader
from migration_tempest_plugin.running import live_migrations
from migration_tempest_plugin.running import recorder
from migration_tempest_plugin.unit_tests.measurement import test_followed
from migration_tempest_plugin.unit_tests.running import fakes


class TestMeasure(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.said, self.kept = [], []
        self.compute = mock.Mock()
        self.compute.libvirt.completed_job.return_value.downtime = 0.05

    def move(self, server, **arguments):
        migration = mock.Mock(source='a')
        migration.host.return_value = 'b'
        migration.record = {'status': 'completed'}
        migration.events.return_value = []
        migration.progress = measurement.Progress(1.0, ())
        migration.request.side_effect = lambda **how: self.said.append(
            (server, how)
        )
        return live_migrations.Move(
            server,
            migration,
            {'host': 'b'},
            (fakes.FakeMeter(server, self.said),),
            **arguments,
        )

    def measure(self, *moves, follow=lambda migrations: None):
        return live_migrations.measure(
            moves,
            follow,
            live_migrations.Terms(5, 7, computes={'b': self.compute}),
            self.kept.append,
        )

    def test_in_this_order(self):
        move = self.move('x')
        [measured] = self.measure(
            move, follow=lambda migrations: self.said.append(migrations)
        )
        self.assertEqual(
            [
                ('x', 'set up'),
                ('x', 'up within 5 s'),
                ('x', {'host': 'b'}),
                [move.migration],
                ('x', 'up within 7 s'),
                ('x', 'read'),
                ('x', 'ended'),
            ],
            self.said,
        )
        self.assertEqual(
            ('x', 'a', 'b', 0.05),
            (
                measured.server,
                measured.source,
                measured.destination,
                measured.libvirt_downtime,
            ),
        )
        self.assertEqual([measured], self.kept)

    def test_recorded(self):
        """What was done and from when it counts is in the file."""
        folder = self.useFixture(fixtures.TempDir()).path
        move = self.move('x', target='192.0.2.7')
        seen = test_followed.followed(5.0)
        move.migration.followed.return_value = seen
        with recorder.recording(folder, 'a test') as recording:
            live_migrations.measure(
                [move],
                lambda migrations: move.migration.looked(),
                live_migrations.Terms(5, 7, recording=recording),
                self.kept.append,
            )
        [path] = pathlib.Path(folder).iterdir()
        self.assertRegex(path.name, r'^a test-\d{8}-\d{6}\.samples\.gz$')
        self.assertEqual(
            ['live migration requested', 'live migration ended'],
            [mark.text for mark in reader.read(path).marks],
        )
        [(target, [followed])] = reader.read(path).followed.items()
        self.assertEqual('192.0.2.7', target)
        self.assertEqual(
            (seen.status, seen.record, 3),
            (followed.status, followed.record, len(followed.progress.looks)),
        )

    def test_several(self):
        moves = [self.move(name) for name in 'xyz']
        measured = self.measure(*moves)
        self.assertEqual(['x', 'y', 'z'], [each.server for each in measured])
        for move in moves:
            move.migration.request.assert_called_once_with(host='b')

    def test_one_that_fails(self):
        """It is called off, and what was measured is kept all the same."""
        failed = exceptions.MigrationFailed('ended as error', {}, [])

        def follow(migrations):
            raise failed

        move = self.move('x')
        self.assertIs(
            failed,
            self.assertRaises(
                exceptions.MigrationFailed, self.measure, move, follow=follow
            ),
        )
        move.migration.call_off.assert_called_once_with(7)
        self.assertEqual(['x'], [each.server for each in self.kept])
        self.assertEqual(('x', 'ended'), self.said[-1])

    def test_never_up(self):
        """Nothing is migrated, and that is kept, too."""
        move = self.move('x')
        move.meters[0]._down = True
        self.assertRaises(exceptions.NoMeasurement, self.measure, move)
        move.migration.request.assert_not_called()
        move.migration.call_off.assert_not_called()
        self.assertEqual(['x'], [each.server for each in self.kept])

    def test_figures(self):
        asked = []
        [measured] = self.measure(
            self.move(
                'x', figures=lambda since: asked.append(since) or ('figure',)
            )
        )
        self.assertEqual([1.0], asked)
        self.assertEqual(('figure',), measured.figures)

    def test_settings(self):
        said = (measurement.Setting('timeout', 350, 'metadata'),)
        with_any, without = self.measure(
            self.move('x', settings=said), self.move('y')
        )
        self.assertEqual((said, ()), (with_any.settings, without.settings))

    def test_never_requested(self):
        move = self.move('x', figures=self.fail)
        move.migration.progress = None
        [measured] = self.measure(move)
        self.assertEqual((), measured.figures)

    def test_libvirt_is_not_asked_of_one_that_failed(self):
        move = self.move('x')
        move.migration.record = {'status': 'error'}
        [measured] = self.measure(move)
        self.assertIsNone(measured.libvirt_downtime)
        self.compute.libvirt.completed_job.assert_not_called()

    def test_libvirt_can_not_be_asked(self):
        self.compute.libvirt.completed_job.side_effect = exceptions.HostError(
            'b', ('virsh',), 'no such domain'
        )
        [measured] = self.measure(self.move('x'))
        self.assertIsNone(measured.libvirt_downtime)
