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
"""Recorded processes, with real ones."""

import os
import pathlib
import subprocess
import tempfile
import unittest

from embedded_cloud import process


class ProcessTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.record = pathlib.Path(folder.name) / 'run' / 'it.stat'

    def start(self, *command):
        """Start a command that says a line when it is there."""
        popen = process.Process(self.record).start(
            ['/bin/sh', '-c', 'echo; exec "$@"', 'sh', *command],
            stdout=subprocess.PIPE,
        )
        self.addCleanup(popen.wait)
        self.addCleanup(popen.kill)
        self.addCleanup(popen.stdout.close)
        popen.stdout.readline()
        return popen

    def test_recorded_by_itself(self):
        popen = self.start('sleep', '60')
        self.assertEqual(popen.pid, process.Process(self.record).pid)

    def test_stopped_and_forgotten(self):
        popen = self.start('sleep', '60')
        self.assertTrue(process.Process(self.record).stop())
        self.assertEqual(-9, popen.wait())
        self.assertFalse(self.record.exists())

    def test_ended_process_is_not_running(self):
        popen = self.start('true')
        popen.wait()
        self.assertIsNone(process.Process(self.record).pid)

    def test_a_zombie_is_not_running(self):
        popen = self.start('true')
        os.waitid(os.P_PID, popen.pid, os.WEXITED | os.WNOWAIT)
        self.assertIsNone(process.Process(self.record).pid)

    def test_a_pid_of_somebody_else_is_never_touched(self):
        popen = self.start('sleep', '60')
        text = self.record.read_text()
        start = text.rpartition(') ')[2].split()[19]
        self.record.write_text(text.replace(f' {start} ', ' 1 ', 1))
        self.assertIsNone(process.Process(self.record).pid)
        self.assertTrue(process.Process(self.record).stop())
        self.assertIsNone(popen.poll())

    def test_no_record_and_a_broken_one(self):
        self.assertIsNone(process.Process(self.record).pid)
        self.assertTrue(process.Process(self.record).stop())
        self.record.parent.mkdir()
        for text in ('', '12', 'one (two) three', '12 (x) S 1'):
            self.record.write_text(text)
            self.assertIsNone(process.Process(self.record).pid)

    def test_child(self):
        popen = self.start(
            '/bin/sh', '-c', "sh -c 'echo $$; exec sleep 60' & wait"
        )
        child = int(popen.stdout.readline())
        self.addCleanup(process.kill, child)
        self.assertEqual(child, process.Process(self.record).child)

    def test_memory(self):
        popen = self.start('sleep', '60')
        self.assertGreater(process.memory(popen.pid), 100_000)

    def test_names_with_blanks_and_brackets(self):
        line = '7 (a (b) c) S 3 ' + ' '.join(str(n) for n in range(5, 30))
        stat = process.Stat.parse(line)
        self.assertEqual(
            (7, 'S', 3, 22), (stat.pid, stat.state, stat.parent, stat.start)
        )
