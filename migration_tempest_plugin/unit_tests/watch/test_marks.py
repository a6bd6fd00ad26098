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
"""What is put to a watch from another terminal."""

import os
import pathlib
import subprocess
import sys
import time

import fixtures
import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.watch import marks


_PUT = """
import pathlib, sys
from migration_tempest_plugin.watch import marks

marks.put(*marks.held(pathlib.Path(sys.argv[1])), "x")
"""


class TestMarks(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.path = self.folder / 'upgrade.marks'
        self.found = []

    def opened(self):
        return marks.Marks(self.path, self.found.append)

    def texts(self):
        return [mark.text for mark in self.found]

    def test_they_come_in_turn(self):
        began = time.monotonic()
        with self.opened() as watch:
            watch.add('it runs', began)
            marks.put(self.path, 'drained')
            [drained] = watch.look()
            self.assertEqual([], watch.look())
            marks.put(self.path, 'upgraded "3" \N{CHECK MARK}')
        self.assertEqual('drained', drained.text)
        self.assertTrue(began <= drained.moment <= time.monotonic())
        self.assertEqual(
            ['it runs', 'drained', 'upgraded "3" \N{CHECK MARK}'],
            self.texts(),
        )
        self.assertEqual(self.found, watch.all)

    def test_it_is_there_as_long_as_the_watch(self):
        with self.opened():
            self.assertEqual([self.path], marks.held(self.folder))
            self.assertEqual(0o600, self.path.stat().st_mode & 0o777)
        self.assertEqual([], list(self.folder.iterdir()))
        error = self.assertRaises(
            exceptions.RecordError, marks.put, self.path, 'late'
        )
        self.assertIn('no watch goes on', str(error))

    def test_of_a_watch_that_was_killed(self):
        self.path.write_text('{"at": 1.0, "text": "of the one before"}\n')
        self.assertEqual([], marks.held(self.folder))
        error = self.assertRaises(
            exceptions.RecordError, marks.put, self.path, 'late'
        )
        self.assertIn('a watch that was killed', str(error))
        with self.opened() as watch:
            self.assertEqual([], watch.look())

    def test_another_watch_has_it(self):
        with self.opened():
            error = self.assertRaises(exceptions.RecordError, self.opened)
            self.assertIn(str(self.path), str(error))
            marks.put(self.path, 'still taken')
        self.assertEqual(['still taken'], self.texts())

    def test_of_another_process(self):
        with self.opened() as watch:
            subprocess.run(
                [
                    sys.executable,
                    '-c',
                    _PUT,
                    self.folder,
                ],
                check=True,
            )
            [mark] = watch.look()
        self.assertEqual('x', mark.text)
        self.assertLess(time.monotonic() - mark.moment, 60)

    def test_a_line_comes_in_parts(self):
        with self.opened() as watch, open(self.path, 'ab', 0) as file:
            file.write(b'{"at": 0, "te')
            self.assertEqual([], watch.look())
            file.write(b'xt": "whole"}\n')
            self.assertEqual(['whole'], [each.text for each in watch.look()])

    def test_a_clock_that_is_another_one(self):
        for at in (0, time.monotonic() + 3600):
            with self.opened() as watch, open(self.path, 'a') as file:
                before = time.monotonic()
                file.write(f'{{"at": {at}, "text": "elsewhere"}}\n')
                file.flush()
                [mark] = watch.look()
            self.assertTrue(before <= mark.moment <= time.monotonic())

    def test_what_is_none(self):
        with self.opened() as watch, open(self.path, 'ab', 0) as file:
            file.write(b'\xff\n[]\n{"text": "no moment"}\n7\n\n')
            file.write(b'{"at": "noon", "text": "x"}\n')
            self.assertEqual([], watch.look())

    def test_nobody_may_write_there(self):
        error = self.assertRaises(
            exceptions.RecordError,
            marks.Marks,
            self.folder / 'no-folder/x.marks',
            self.found.append,
        )
        self.assertIn("x.marks can't be written: No such file", str(error))
        self.assertEqual([], os.listdir(self.folder))

    def test_where_it_is(self):
        for output, name in (
            ('a/upgrade.json', 'a/upgrade.marks'),
            ('upgrade', 'upgrade.marks'),
        ):
            self.assertEqual(
                pathlib.Path(name), marks.beside(pathlib.Path(output))
            )
