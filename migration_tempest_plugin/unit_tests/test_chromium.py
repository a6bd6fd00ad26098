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
"""The tests that use a browser, where there is none."""

import importlib.util
import shutil
import sys
from unittest import mock

import testtools

from migration_tempest_plugin.tests import chromium


class TestMissing(testtools.TestCase):
    def missing(self, programs=(), hidden=()):
        """What a fresh import of the module says.

        :param programs: those that are installed
        :param hidden: packages of Python that are not
        """
        names = {
            name: None
            for name in (*sys.modules, *hidden)
            if name.partition('.')[0] in hidden
        }
        spec = importlib.util.spec_from_file_location(
            'fresh', chromium.__file__
        )
        module = importlib.util.module_from_spec(spec)
        with (
            mock.patch.dict(sys.modules, names),
            mock.patch.object(
                shutil,
                'which',
                lambda name: f'/bin/{name}' if name in programs else None,
            ),
        ):
            spec.loader.exec_module(module)
        return module.missing()

    def test_nothing(self):
        self.assertEqual('', self.missing(('chromium', 'chromedriver')))

    def test_selenium(self):
        self.assertEqual(
            'selenium',
            self.missing(('chromium', 'chromedriver'), ('selenium',)),
        )

    def test_programs(self):
        self.assertEqual('chromedriver', self.missing(('chromium',)))
        self.assertEqual('chromium, chromedriver', self.missing())
