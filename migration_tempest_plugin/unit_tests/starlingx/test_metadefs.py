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
"""The metadata definitions say the same as the rules."""

import importlib.resources
import json
import re

import testtools

from migration_tempest_plugin import starlingx
from migration_tempest_plugin.starlingx import settings

_FILE = 'metadefs/starlingx-live-migration.json'

#: None of them is what a form should write, whatever a rule makes of it.
_ODD = ('', ' ', '0120', '00', '180 ', '1.5', '+150', '1e3', 'x180', '180x')


class TestPatterns(testtools.TestCase):
    def setUp(self):
        super().setUp()
        text = importlib.resources.files(starlingx) / _FILE
        self.properties = json.loads(text.read_text())['properties']

    def takes(self, name, value):
        pattern = self.properties[name.removeprefix('hw:wrs:')]['pattern']
        return re.search(pattern, value) is not None

    def test_as_the_validator(self):
        for name in (settings.TIMEOUT, settings.MAX_DOWNTIME):
            for number in (*range(-130, 1203), 10**6):
                self.assertEqual(
                    settings.complaint(name, str(number)) is None,
                    self.takes(name, str(number)),
                    (name, number),
                )

    def test_odd_values(self):
        for name in (settings.TIMEOUT, settings.MAX_DOWNTIME):
            self.assertEqual(
                [], [each for each in _ODD if self.takes(name, each)]
            )

    def test_defaults(self):
        """Those of the rules, and values that the form itself takes."""
        defaults = settings.Defaults()
        for name, default in (
            (settings.TIMEOUT, defaults.timeout),
            (settings.MAX_DOWNTIME, defaults.max_downtime),
        ):
            found = self.properties[name.removeprefix('hw:wrs:')]
            self.assertEqual(str(default), found['default'])
            self.assertIn(f'The default is {default}.', found['description'])
            self.assertTrue(self.takes(name, found['default']))
