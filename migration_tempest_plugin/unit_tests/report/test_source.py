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
"""Where a run may be, and what is said if it is not there."""

import gzip
import io
import pathlib
import subprocess
import sys
from unittest import mock

import fixtures
import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.report import source
from migration_tempest_plugin.unit_tests.report import samples

RUN = samples.run(samples.test(samples.migration()))


class TestSource(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.useFixture(fixtures.TempDir()).path)

    def file(self, name, data):
        path = self.folder / name
        path.write_bytes(data)
        return str(path)

    def assert_refused(self, pattern, *path):
        error = self.assertRaises(exceptions.RecordError, source.run, *path)
        self.assertRegex(str(error), pattern)
        self.assertNotIn('\n', str(error))

    def test_a_file_of_either_kind(self):
        stream = samples.stream(*RUN.tests, facts=RUN.facts).getvalue()
        for path in (
            self.file('a', RUN.to_json().encode()),
            self.file('b', stream),
        ):
            found = source.run(path)
            self.assertEqual(RUN.facts, found.facts)
            self.assertEqual(
                RUN.tests[0].migrations, found.tests[0].migrations
            )

    def test_standard_input(self):
        stdin = mock.Mock(buffer=io.BytesIO(RUN.to_json().encode()))
        self.useFixture(fixtures.MonkeyPatch('sys.stdin', stdin))
        self.assertEqual(RUN, source.run('-'))

    def test_the_folder_of_a_report(self):
        self.file('report.json', RUN.to_json().encode())
        self.assertEqual(RUN, source.run(str(self.folder)))

    def test_a_repository_of_stestr(self):
        """Its own commands fill it."""
        self.file('.stestr.conf', b'[DEFAULT]\ntest_path=./nowhere\n')
        for command, given in (
            (['init'], b''),
            (['load', '--force-init'], samples.stream(*RUN.tests).getvalue()),
        ):
            subprocess.run(
                [sys.executable, '-m', 'stestr', *command],
                cwd=self.folder,
                input=given,
                check=False,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        found = source.run(str(self.folder))
        self.assertEqual(RUN.tests[0].migrations, found.tests[0].migrations)

    def test_none(self):
        self.assert_refused('no recorded run in .*workspace', str(self.folder))
        self.assert_refused(
            "nothing can't be read: No such file", str(self.folder / 'nothing')
        )

    def test_packed(self):
        stream = samples.stream(*RUN.tests, facts=RUN.facts).getvalue()
        for data in RUN.to_json().encode(), stream:
            found = source.run(self.file('a.gz', gzip.compress(data)))
            self.assertEqual(
                RUN.tests[0].migrations, found.tests[0].migrations
            )
        path = self.file('b.gz', gzip.compress(stream)[:-20])
        self.assert_refused("b.gz can't be unpacked", path)

    def test_lines_in_front_of_a_stream(self):
        stream = samples.stream(*RUN.tests).getvalue()
        for line in b'[10:00:00] starting\n', b'{"a": 1}\n', b'stack.sh\n':
            path = self.file('a', line + stream)
            self.assertEqual(
                RUN.tests[0].migrations, source.run(path).tests[0].migrations
            )
            self.assertIn(
                b'starting',
                source.stream(self.file('b', b'starting' + stream)).read(),
            )

    def test_the_file_is_named(self):
        path = self.file('broken', b'no stream')
        self.assert_refused(path + ': there is no test in it', path)
        path = self.file('other', b'{"schema": "other"}')
        self.assert_refused(path + ': .* no recorded run', path)

    def test_a_stream_is_no_json(self):
        path = self.file('a', RUN.to_json().encode())
        error = self.assertRaises(exceptions.RecordError, source.stream, path)
        self.assertIn('a subunit stream is needed', str(error))
