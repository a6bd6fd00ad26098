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
"""What Tempest loads, and what it must not."""

import os
import pathlib
import unittest

import testtools

from migration_tempest_plugin import plugin


def names(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from names(test)
        else:
            yield test.id()


class TestPlugin(testtools.TestCase):
    def test_loads_tempests_tests_alone(self):
        folder, top = plugin.MigrationTempestPlugin().load_tests()
        loaded = list(
            names(unittest.TestLoader().discover(folder, top_level_dir=top))
        )
        self.assertNotEqual([], loaded)
        for name in loaded:
            self.assertStartsWith(name, 'migration_tempest_plugin.tests.')
        self.assertEqual(
            {'api', 'dashboard', 'scenario', 'whitebox'},
            {name.split('.')[2] for name in loaded},
        )

    def assertStartsWith(self, text, start):
        self.assertEqual(start, text[: len(start)])

    def test_scripts_lie_in_the_package(self):
        package = pathlib.Path(plugin.__file__).parent
        for script in package.glob('*/*.sh'):
            self.assertTrue(os.access(script, os.R_OK))
            self.assertEqual('#!/bin/sh', script.read_text().splitlines()[0])
