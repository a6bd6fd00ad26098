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
"""Two parts of one file of samples, compared."""

import io
import json
import pathlib
from unittest import mock

import fixtures
import testtools

from migration_tempest_plugin.cmd import compare
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.measurement import Probing
from migration_tempest_plugin.measurement import Sample
from migration_tempest_plugin.recording import writer


class TestParts(testtools.TestCase):
    def setUp(self):
        super().setUp()
        folder = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.path = folder / 'watch.samples.gz'
        # An outage of 2 s, half a minute after the beginning.
        with (
            mock.patch.object(writer.time, 'monotonic', lambda: 1000.0),
            writer.Writer(self.path, None) as file,
        ):
            number = file.add('network', 'x', 0.1, 0.5, Probing.INDEPENDENT)
            for each in range(600):
                sent = 1000 + each / 10
                answered = not 300 <= each < 320
                file.take(number, Sample(sent, sent, answered))
            file.know(1060.0)

    def compare(self, *words):
        app = mock.Mock(stdout=io.StringIO(), stderr=io.StringIO())
        command = compare.Compare(app, None)
        parsed_args = command.get_parser('compare').parse_args(
            [str(self.path), str(self.path), *words]
        )
        command.take_action(parsed_args)
        return app.stdout.getvalue()

    def test_two_parts(self):
        said = self.compare(
            '--before-to', '+20', '--after-from', '+20', '--json'
        )
        [network] = json.loads(said)['compared']
        self.assertEqual(0.0, network['before']['median'])
        self.assertAlmostEqual(2.0, network['after']['median'], 1)

    def test_they_are_named(self):
        said = self.compare('--before-to', '+20', '--after-from', '+20')
        self.assertIn(f'before: {self.path}, to +20\n', said)
        self.assertIn(f'after:  {self.path}, from +20\n', said)

    def test_nothing_in_it(self):
        error = self.assertRaises(
            exceptions.RecordError, self.compare, '--after-from', '+90'
        )
        self.assertIn('it has nothing from +90', str(error))
