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
"""What lab/run starts ends with it, with real processes in namespaces."""

import os
import pathlib
import select
import signal
import subprocess
import sys
import tempfile
import unittest

from embedded_cloud import process
from embedded_cloud import settings
from embedded_cloud import tester

from tests import tester_case

#: Seconds within which the kernel ends a handful of processes, by far.
PATIENCE = 30

# Takes Tempest's place: a worker in a session of its own, which signals of a
# terminal don't reach, and a runner that wants to live on. "ready" is said
# once both are there.
TEMPEST = """\
#!/bin/sh
trap '' TERM HUP INT
setsid sh -c 'trap "" TERM HUP INT; echo ready; exec sleep 600' &
sleep 600
exit 3
"""

# Ctrl-C and a closed terminal end it, though a shell, or nohup, may have had
# these tests ignore them.
LAB = """
import signal, sys
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
from embedded_cloud import settings, tester
sys.exit(tester.Tester(settings.Settings.from_environment(
    {'LAB_DIR': sys.argv[1]})).tempest('run'))
"""


class TiedTest(tester_case.TesterCase):
    def setUp(self):
        super().setUp()
        self.tester.workspace.mkdir(parents=True)
        self.write(self.tester.venv / 'bin/tempest', TEMPEST)
        self.start_tester()

    def start_lab(self):
        """Start what runs Tempest; each of its processes holds its stdout."""
        lab = subprocess.Popen(
            [sys.executable, '-c', LAB, str(self.folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd=pathlib.Path(tester.__file__).parents[1],
        )
        self.addCleanup(lab.stdout.close)
        self.addCleanup(lab.wait)
        self.addCleanup(lab.kill)
        self.assertEqual(b'ready\n', lab.stdout.readline())
        return lab

    def assert_all_end(self, lab):
        readable, _, _ = select.select([lab.stdout], [], [], PATIENCE)
        self.assertTrue(readable, 'something goes on alone')
        self.assertEqual(b'', lab.stdout.read())
        self.assertIsNotNone(self.tester.pid, 'the cloud has ended, too')

    def test_signals(self):
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGKILL):
            lab = self.start_lab()
            os.kill(lab.pid, number)
            self.assert_all_end(lab)
            self.assertEqual(-number, lab.wait())

    def test_ctrl_c_twice(self):
        lab = self.start_lab()
        for _ in range(2):
            try:
                os.killpg(lab.pid, signal.SIGINT)
            except ProcessLookupError:
                break  # the first one was enough
        self.assert_all_end(lab)
        self.assertNotEqual(0, lab.wait())

    def test_the_terminal_is_closed(self):
        lab = self.start_lab()
        os.killpg(lab.pid, signal.SIGHUP)
        self.assert_all_end(lab)

    def test_the_cloud_ends(self):
        lab = self.start_lab()
        self.tester.stop()
        readable, _, _ = select.select([lab.stdout], [], [], PATIENCE)
        self.assertTrue(readable, 'something outlives the cloud')
        self.assertEqual(b'', lab.stdout.read())
        self.assertNotEqual(0, lab.wait())

    def test_exit_status(self):
        self.write(self.tester.venv / 'bin/tempest', '#!/bin/sh\nexit 3\n')
        self.assertEqual(3, self.tester.tempest('run'))

    def test_output_and_arguments(self):
        self.write(
            self.tester.venv / 'bin/tempest', '#!/bin/sh\nprintf "<%s>" "$@"\n'
        )
        self.assertEqual(
            '<a b><*><>', self.tester.tempest_output('a b', '*', '')
        )

    def test_what_was_left_running_ends(self):
        self.write(
            self.tester.venv / 'bin/tempest',
            '#!/bin/sh\nsetsid sleep 600 &\necho done\n',
        )
        self.assertEqual('done\n', self.tester.tempest_output())

    def test_memory_is_that_of_the_cloud(self):
        before = self.tester.memory()
        self.start_lab()
        self.assertGreater(self.tester.memory(), before)


@unittest.skipUnless(os.geteuid() == 0, 'needs root, for namespaces')
class LoggedTest(unittest.TestCase):
    """The same for what is built, outside of any cloud."""

    def test_failure_shows_the_log(self):
        with tempfile.NamedTemporaryFile() as log:
            with self.assertRaisesRegex(
                settings.LabError, '(?s)trying: sh ended with 4.*why'
            ):
                process.run_logged(
                    'trying', ['sh', '-c', 'echo why; exit 4'], log
                )

    def test_no_standard_input(self):
        with tempfile.NamedTemporaryFile() as log:
            process.run_logged('trying', ['cat'], log)
            self.assertEqual(b'', log.read())
