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
"""Bundles are unpacked, and nothing else is touched."""

import io
import os
import pathlib
from unittest import mock

import fixtures
import testtools

from migration_tempest_plugin.cmd import bundle

FILES = [
    ('m.T.test_it', 'id/console.log', b'booted'),
    ('m.T.test_it', 'id/a/domain.xml', b'<domain/>'),
]


class TestBundle(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.useFixture(
            fixtures.MonkeyPatch(
                'migration_tempest_plugin.report.source.stream',
                lambda path: io.BytesIO(),
            )
        )

    def run_command(self, *files):
        self.useFixture(
            fixtures.MonkeyPatch(
                'migration_tempest_plugin.report.streams.bundles',
                lambda stream: iter(files),
            )
        )
        app = mock.Mock(stdout=io.StringIO())
        command = bundle.Bundle(app, None)
        command.run(
            command.get_parser('bundle').parse_args(
                [str(self.folder / 'kept')]
            )
        )
        return app.stdout.getvalue()

    def test_written(self):
        said = self.run_command(*FILES)
        self.assertEqual(f'{self.folder}/kept/m.T.test_it/id\n', said)
        path = self.folder / 'kept/m.T.test_it/id/a/domain.xml'
        self.assertEqual(b'<domain/>', path.read_bytes())
        self.assertEqual(0o600, os.stat(path).st_mode & 0o777)

    def test_nothing_is_replaced(self):
        self.run_command(FILES[0])
        error = self.assertRaises(
            SystemExit, self.run_command, (*FILES[0][:2], b'other')
        )
        self.assertIn('File exists', str(error))
        path = self.folder / 'kept/m.T.test_it/id/console.log'
        self.assertEqual(b'booted', path.read_bytes())

    def test_nothing_outside(self):
        for name in ('id/../../../../etc/x', '/etc/x'):
            error = self.assertRaises(
                SystemExit, self.run_command, ('m.T.test_it', name, b'')
            )
            self.assertIn('outside', str(error))

    def test_none(self):
        error = self.assertRaises(SystemExit, self.run_command)
        self.assertIn('No server was kept', str(error))
