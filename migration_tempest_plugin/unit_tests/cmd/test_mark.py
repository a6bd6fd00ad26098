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
"""What is said of an upgrade, for the watch in another terminal."""

import io
import os
import pathlib
from unittest import mock

import fixtures
import testtools

from migration_tempest_plugin.cmd import mark
from migration_tempest_plugin.watch import marks


class TestMark(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)
        self.app = mock.Mock(stdout=io.StringIO(), stderr=io.StringIO())

    def mark(self, *words):
        command = mark.Mark(self.app, None)
        return command.run(command.get_parser('mark').parse_args(list(words)))

    def watching(self, name):
        return marks.Marks(pathlib.Path(name), lambda mark: None)

    def test_each_watch_of_the_folder(self):
        with self.watching('a.marks') as one, self.watching('b.marks') as two:
            self.assertEqual(0, self.mark('upgraded', 'compute\t3\x1b[0m\n'))
            for watch in (one, two):
                [found] = watch.look()
                self.assertEqual('upgraded compute 3 [0m', found.text)
        self.assertEqual(
            'marked in a.marks\nmarked in b.marks\n',
            self.app.stderr.getvalue(),
        )

    def test_one_watch(self):
        with self.watching('a.marks') as one, self.watching('b.marks') as two:
            self.assertEqual(0, self.mark('x', '--output', 'b.json'))
            self.assertEqual([], one.look())
            self.assertEqual(['x'], [each.text for each in two.look()])

    def test_none(self):
        self.assertEqual(2, self.mark('x'))
        self.assertIn('no watch goes on', self.app.stderr.getvalue())
        self.assertEqual(2, self.mark('x', '--output', 'b.json'))
        self.assertIn('there is no b.marks', self.app.stderr.getvalue())

    def test_what_is_no_text(self):
        with self.watching('a.marks') as watch:
            for text, length in ((' \n', 0), ('x' * 201, 201)):
                self.assertEqual(2, self.mark(text))
                self.assertIn(
                    f'1 to 200 characters, not {length}',
                    self.app.stderr.getvalue(),
                )
            self.assertEqual(0, self.mark('\N{CHECK MARK}' * 200))
            self.assertEqual(1, len(watch.look()))
