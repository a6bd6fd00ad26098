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
"""A tester without its bridges, for tests that run something in it."""

import os
import pathlib
import tempfile
import unittest

from embedded_cloud import settings
from embedded_cloud import tester

# Process 1 of the tester; the commands of a test come before it is ready.
_INIT = """\
#!/bin/sh
mount -t proc proc /proc
%s
echo ready
exec sleep infinity
"""


@unittest.skipUnless(os.geteuid() == 0, 'needs root, for namespaces')
class TesterCase(unittest.TestCase):
    """Has a Tester whose folder is the test's own; nothing runs there yet."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.tester = tester.Tester(
            settings.Settings.from_environment({'LAB_DIR': folder.name})
        )

    def start_tester(self, prepare=':'):
        """Start its namespaces.

        :param prepare: a command that makes them ready
        """
        popen = self.tester._start(
            self.folder / 'log',
            self.write(self.folder / 'init', _INIT % prepare),
        )
        self.addCleanup(popen.wait)
        self.addCleanup(self.tester.stop)
        self.addCleanup(popen.stdout.close)
        self.addCleanup(popen.stdin.close)

    @staticmethod
    def write(path, text):
        """Write a program; returns its path."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path
