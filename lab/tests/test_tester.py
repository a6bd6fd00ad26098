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
"""Where Tempest runs."""

import tempfile
import unittest

from embedded_cloud import settings
from embedded_cloud import tester

_STESTR = """\
[DEFAULT]
test_path=%(venv)s/lib/python3.11/site-packages/tempest/test_discover
top_dir=%(venv)s/lib/python3.11/site-packages/tempest
group_regex=([^\\.]*\\.)*
"""


class WorkspaceTest(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def of(self, release):
        return tester.Tester(settings.Settings.from_environment(
            {'LAB_DIR': self.folder, 'LAB_RELEASE': release}))

    def test_of_another_release(self):
        before, now = self.of('2025.2'), self.of('2026.2')
        configuration = now.workspace / '.stestr.conf'
        configuration.parent.mkdir(parents=True)
        configuration.write_text(_STESTR % {'venv': before.venv})
        for _ in range(2):  # once more changes nothing
            now._look_in_own_venv()
            self.assertEqual(_STESTR % {'venv': now.venv},
                             configuration.read_text())

    def test_runs(self):
        here = self.of('2026.2')
        repository = here.workspace / '.stestr'
        repository.mkdir(parents=True)
        self.assertEqual(0, here.runs())
        for name in ('0', '1', '10', 'format', 'next-stream'):
            (repository / name).touch()
        self.assertEqual(3, here.runs())
