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
"""The lab's commands."""

import contextlib
import io
import pathlib
import re
import tempfile
import types
import unittest

from embedded_cloud import cli
from embedded_cloud import progress
from embedded_cloud.timing import Span

TESTS = 'migration_tempest_plugin.tests.'


class StagesTest(unittest.TestCase):
    def stages(self, test):
        return [
            name
            for name, regex in cli._STAGES.items()
            if re.search(regex, TESTS + test)
        ]

    def test_each_test_is_in_one(self):
        for test, stage in (
            ('api.test_starlingx.T.test_it', 'first'),
            ('scenario.test_live_migration.T.test_it', 'first'),
            ('scenario.test_measuring.T.test_it', 'first'),
            ('scenario.test_parallel.T.test_it', 'guests'),
            ('scenario.test_that_is_new.T.test_it', 'guests'),
            ('whitebox.test_matrix.T.test_it', 'guests'),
            ('whitebox.test_failures.T.test_it', 'guests'),
            ('whitebox.test_abort.T.test_it', 'hosts'),
            ('whitebox.test_that_is_new.T.test_it', 'hosts'),
        ):
            self.assertEqual([stage], self.stages(test), test)

    def test_some_of_tempest(self):
        for test in (
            (
                'api.compute.admin.test_live_migration.LiveMigrationTest.'
                'test_volume_backed_live_migration[id-1]'
            ),
            (
                'scenario.test_volume_boot_pattern.TestVolumeBootPattern.'
                'test_volume_boot_pattern'
            ),
        ):
            self.assertRegex('tempest.' + test, cli._STAGES['tempest'])

    def test_no_others(self):
        for test in (
            'migration_tempest_plugin.unit_tests.test_plugin.T',
            'tempest.api.compute.test_it',
            (
                'tempest.api.compute.admin.test_live_migration.'
                'LiveMigrationTest.test_live_block_migration'
            ),
            (
                'tempest.scenario.test_volume_boot_pattern.'
                'TestVolumeBootPattern.test_volume_boot_pattern_two'
            ),
        ):
            self.assertEqual(
                [],
                [
                    name
                    for name, regex in cli._STAGES.items()
                    if re.search(regex, test)
                ],
            )


class ParseTest(unittest.TestCase):
    def test_one_stage_or_a_regex(self):
        self.assertEqual(
            'guests', cli._parse(['run', '--stage', 'guests']).stage
        )
        for wrong in (
            ['--stage', 'none'],
            ['--stage', 'guests', '--regex', 'x'],
        ):
            with self.assertRaises(SystemExit):
                cli._parse(['run', *wrong])

    def test_all_that_follows_is_the_clients(self):
        words = ['--help', 'server', '--', '--stage', 'none']
        parsed = cli._parse(['openstack', *words])
        self.assertEqual((words, 'openstack'), (parsed.words, parsed.command))


class FakeTester:
    """Runs tests of which those behind the API fail."""

    unfinished = None
    #: The first words of the command that Ctrl-C comes in.
    interrupted = ()

    def __init__(self):
        self.called = []

    def forget_runs(self):
        self.called.clear()

    def runs(self):
        return len(self.called)

    def tempest(self, *arguments):
        self.called.append(arguments)
        if arguments[:1] == self.interrupted:
            raise KeyboardInterrupt
        return int('whitebox' in arguments[-1])

    def keep_last(self):
        return 'last'

    def keep_unfinished(self, since):
        return self.unfinished

    def report(self):
        return None

    def log_mark(self):
        return 7

    def waited(self, mark):
        return [Span(f'since {mark}', 1, 3)]

    def tested(self):
        return [[Span('TestIt.test_it', 1, 5)]]


class RunTest(unittest.TestCase):
    def setUp(self):
        self.tester = FakeTester()

    def run_lab(self, *arguments):
        """lab/run in a cloud that is up; returns status and output."""
        with (
            tempfile.TemporaryDirectory() as folder,
            contextlib.redirect_stdout(io.StringIO()) as output,
        ):
            cloud = types.SimpleNamespace(
                settings=types.SimpleNamespace(home=pathlib.Path(folder)),
                is_up=lambda: True,
                memory=lambda: 2**30,
                progress=progress.Progress(),
                tester=self.tester,
            )
            status = cli._run(cloud, cli._parse(['run', *arguments]))
        return status, output.getvalue()

    def test_where_the_time_went(self):
        status, output = self.run_lab('--stage', 'first')
        self.assertEqual(0, status)
        self.assertRegex(
            output,
            r"""where the time went.*
 +\d+\.\d s  tests: first
 +\d+\.\d s  what they measured
    4\.0 s  in tests \(1\)
(?s:.*)
    2\.0 s  since 7 \(1\)
the slowest tests:
    4\.0 s  TestIt.test_it
$""",
        )

    def test_interrupted(self):
        """What was measured up to then is shown."""
        self.tester.interrupted = ('run',)
        for unfinished, shown in (
            ('part', [('downtime', 'summary', '--subunit', 'part')]),
            (None, []),
        ):
            self.tester.unfinished = unfinished
            with self.assertRaises(KeyboardInterrupt):
                self.run_lab('--stage', 'guests')
            self.assertEqual(shown, self.tester.called[1:])

    def test_one_stage_that_fails_is_enough(self):
        status, output = self.run_lab()
        self.assertEqual(1, status)
        self.assertRegex(output, '(?s)tests: first.*tests: guests.*tests: h')
