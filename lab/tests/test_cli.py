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

import re
import unittest

from embedded_cloud import cli

TESTS = 'migration_tempest_plugin.tests.'


class StagesTest(unittest.TestCase):

    def stages(self, test):
        return [name for name, regex in cli._STAGES.items()
                if re.search(regex, TESTS + test)]

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
                ('whitebox.test_that_is_new.T.test_it', 'hosts')):
            self.assertEqual([stage], self.stages(test), test)

    def test_no_others(self):
        for test in ('migration_tempest_plugin.unit_tests.test_plugin.T',
                     'tempest.api.compute.test_it'):
            self.assertEqual([], [
                name for name, regex in cli._STAGES.items()
                if re.search(regex, test)])


class ParseTest(unittest.TestCase):

    def test_one_stage_or_a_regex(self):
        self.assertEqual('guests', cli._parse(
            ['run', '--stage', 'guests']).stage)
        for wrong in (['--stage', 'none'],
                      ['--stage', 'guests', '--regex', 'x']):
            with self.assertRaises(SystemExit):
                cli._parse(['run', *wrong])
