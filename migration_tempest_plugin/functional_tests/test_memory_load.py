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
"""The load on a guest's memory, with a real sshd, under several shells."""

import os
import shutil
import signal

import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.functional_tests import sshd
from migration_tempest_plugin.functional_tests import test_guest_script
from migration_tempest_plugin.guest import load

MIB = 2**20
NEEDED = (
    'mktemp',
    'wc',
    'cat',
    'rm',
    'sleep',
    'sed',
    'awk',
    'df',
    'setsid',
    'seq',
    'dd',
)


@testtools.skipIf(sshd.skip_reason('busybox'), sshd.skip_reason('busybox'))
class LoadTestCase(testtools.TestCase):
    shell = 'dash'
    prologue = sshd.TEMPEST_PROLOGUE
    programs = ()

    def setUp(self):
        super().setUp()
        toolbox = self.useFixture(
            test_guest_script.Toolbox(
                ('sh', shutil.which(self.shell.split()[0])),
                self.shell.split()[0],
                *NEEDED,
                *self.programs,
            )
        )
        self.guest = self.useFixture(
            sshd.Guest(shell=self.shell, path=toolbox.path)
        )
        self.client = self.guest.client('')

    def load(self, mib=16, lifetime=60, rate=None):
        return load.MemoryLoad(self.client, mib, lifetime, rate)

    def script(self):
        """Its process; a child that is about to become another is later."""
        return min(
            pid
            for pid, command in self.guest.processes().items()
            if 'memory_load' in command
        )

    def written(self):
        """Bytes of memory that what runs there has written to."""
        return max([self.size(pid) for pid in self.guest.processes()] or [0])

    def size(self, pid):
        try:
            return os.stat(f'/proc/{pid}/fd/3').st_size
        except OSError:
            return 0


class TestDash(LoadTestCase):
    def test_writes_to_memory(self):
        running = self.useFixture(self.load())
        self.assertRegex(running.tool, r'^dd folder=/')
        test_guest_script.wait_until(lambda: self.written() == 16 * MIB)
        file = f'/proc/{self.script()}/fd/3'
        self.assertIn(' (deleted)', os.readlink(file))
        # It goes on: nothing is written once only.
        before = os.stat(file).st_mtime_ns
        test_guest_script.wait_until(
            lambda: os.stat(file).st_mtime_ns > before
        )

    def test_writes_at_a_rate(self):
        # More than fits at once: it comes round.
        running = self.useFixture(self.load(mib=5, rate=6))
        self.assertRegex(running.tool, r'^dd folder=/.* rate=6$')
        test_guest_script.wait_until(lambda: self.written() == 3 * MIB)
        file = f'/proc/{self.script()}/fd/3'
        self.assertIn(' (deleted)', os.readlink(file))
        with open(file, 'rb') as content:
            first = content.read(3 * MIB)
            # Nothing that a migration would not have to copy.
            self.assertEqual(
                3 * MIB / 4096,
                len(
                    {
                        first[page : page + 4096]
                        for page in range(0, 3 * MIB, 4096)
                    }
                ),
            )

            def again():
                content.seek(0)
                return content.read(3 * MIB)

            # Each page becomes another.
            test_guest_script.wait_until(
                lambda: (
                    not any(
                        first[page : page + 4096] == now[page : page + 4096]
                        for now in [again()]
                        for page in range(0, 3 * MIB, 4096)
                    )
                )
            )
            self.assertLessEqual(self.written(), 5 * MIB)

    def test_nothing_is_left(self):
        for rate in (None, 100):
            with self.load(rate=rate):
                test_guest_script.wait_until(self.written)
            test_guest_script.wait_until(lambda: not self.guest.processes())
            self.assertEqual([], os.listdir(self.guest.tmp))

    def test_ends_by_itself(self):
        with self.load(lifetime=3):
            test_guest_script.wait_until(lambda: not self.guest.processes())
            self.assertEqual([], os.listdir(self.guest.tmp))

    def test_ends_with_its_directory(self):
        with self.load():
            [name] = os.listdir(self.guest.tmp)
            shutil.rmtree(os.path.join(self.guest.tmp, name))
            test_guest_script.wait_until(lambda: not self.guest.processes())

    def test_too_much_for_the_guest(self):
        error = self.assertRaises(
            testtools.MultipleExceptions, self.load(mib=10**7).setUp
        )
        [reason] = [
            each[1]
            for each in error.args
            if isinstance(each[1], exceptions.GuestError)
        ]
        self.assertIn(
            'no tmpfs that may be written to has room for 10000000 MiB',
            str(reason),
        )


class TestBusybox(TestDash):
    shell = 'busybox sh'


class TestBash(TestDash):
    shell = 'bash'


@testtools.skipIf(
    sshd.skip_reason('stress-ng', 'taskset'),
    sshd.skip_reason('stress-ng', 'taskset'),
)
class TestStressNg(LoadTestCase):
    programs = ('stress-ng', 'taskset')

    def stressors(self):
        return [
            pid
            for pid, command in self.guest.processes().items()
            if command.startswith('stress-ng')
        ]

    def test_one_for_each_cpu(self):
        running = self.useFixture(self.load())
        self.assertEqual(f'stress-ng cpus={os.cpu_count()}', running.tool)
        test_guest_script.wait_until(
            lambda: (
                {
                    cpu
                    for pid in self.stressors()
                    for cpu in os.sched_getaffinity(pid)
                }
                == set(range(os.cpu_count()))
            )
        )
        for pid in self.stressors():
            self.assertEqual(1, len(os.sched_getaffinity(pid)))

    def test_nothing_is_left(self):
        with self.load():
            test_guest_script.wait_until(self.stressors)
        test_guest_script.wait_until(lambda: not self.guest.processes())

    def test_killed(self):
        with self.load(lifetime=4):
            test_guest_script.wait_until(self.stressors)
            os.kill(self.script(), signal.SIGKILL)
            # stress-ng knows when to end, too.
            test_guest_script.wait_until(lambda: not self.stressors())
