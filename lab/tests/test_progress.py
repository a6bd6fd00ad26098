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
"""What the lab says while it works."""

import io
import unittest

from embedded_cloud import progress


class ProgressTest(unittest.TestCase):
    def setUp(self):
        self.stream = io.StringIO()
        self.progress = progress.Progress(self.stream)

    def test_phase(self):
        with self.progress.phase('databases'):
            self.assertIn('s] databases ...\n', self.stream.getvalue())
        self.assertRegex(self.stream.getvalue(), r'databases: \d+\.\d s\n$')
        self.assertRegex(self.progress.table(), r'\d+\.\d s  databases$')

    def test_failed_phase(self):
        with self.assertRaises(ValueError):
            with self.progress.phase('databases'):
                raise ValueError
        self.assertIn('databases: failed after', self.stream.getvalue())
        self.assertEqual('', self.progress.table())
