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
"""What reno will read: files that nothing here runs."""

import testtools
import yaml

from migration_tempest_plugin.unit_tests.checkout import ROOT


def load(path):
    return yaml.safe_load(path.read_text())


class TestReleaseNotes(testtools.TestCase):
    def test_each_can_be_read(self):
        notes = list((ROOT / 'releasenotes/notes').glob('*.yaml'))
        self.assertNotEqual([], notes)
        for note in notes:
            self.assertLessEqual(
                set(load(note)),
                {
                    'prelude',
                    'features',
                    'issues',
                    'upgrade',
                    'deprecations',
                    'critical',
                    'security',
                    'fixes',
                    'other',
                },
                note.name,
            )
