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
"""A guest for the self-check: processes of their own, on this machine.

It has a process table, mounts and a network of its own, and runs the commands
of the meters as an SSH client would have them run in a guest, without SSH.
The programs, the kernel and the clock are this machine's.
"""

import os
import subprocess
import tempfile

import fixtures

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.selfcheck import network


class Guest(fixtures.Fixture):
    """Runs commands until it is cleaned up; whatever they left ends then.

    :param inside: function that gives a context in which what is started is
        in the network of the guest
    :ivar folder: where it may write, TMPDIR of its commands
    """

    def __init__(self, inside):
        self._inside = inside

    def _setUp(self):
        self.folder = self.useFixture(fixtures.TempDir()).path
        # A proxy, say, that is meant for this machine is not for the guest.
        self._environment = {
            'PATH': os.environ.get('PATH', os.defpath),
            'TMPDIR': self.folder,
            'HOME': self.folder,
        }
        with self._inside():
            # All processes of the guest end with its first one.
            init = subprocess.Popen(
                [
                    'unshare',
                    '--mount',
                    '--pid',
                    '--fork',
                    '--kill-child',
                    '--mount-proc',
                    'sh',
                    '-c',
                    network.HOLD,
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        self.addCleanup(init.stdout.close)
        self.addCleanup(init.wait)
        self.addCleanup(init.stdin.close)
        said = init.stdout.readline()
        if said != '\n':
            raise OSError(f'no processes of its own for the guest: {said}')
        self._enter = [
            'nsenter',
            f'--target={init.pid}',
            '--net',
            '--mount',
            f'--pid=/proc/{init.pid}/ns/pid_for_children',
        ]

    def exec_command(self, cmd):
        """Return what a command prints, as clients of SSH do.

        :raises GuestError: if it exits with another code than 0
        """
        # In a session of its own, Ctrl-C is no business of it; and what it
        # leaves running may keep the standard error.
        with tempfile.TemporaryFile('w+') as errors:
            done = subprocess.run(
                [*self._enter, 'sh', '-c', cmd],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
            if done.returncode:
                errors.seek(0)
                raise exceptions.GuestError(
                    f'a command in the guest ended with {done.returncode} '
                    f'and said: {errors.read().strip()}'
                )
        return done.stdout

    def cpu(self):
        """Seconds of processor that its processes have taken.

        What exec_command() took itself is none of that.

        :raises GuestError: if the kernel does not say it
        """
        ticks = os.sysconf('SC_CLK_TCK')
        waited_for = (
            sum(
                sum(map(int, line.rpartition(')')[2].split()[13:15]))
                for line in self._of_each('stat')
            )
            / ticks
        )
        # Hundredths of a second, as stat has them, are too coarse for a
        # process that takes few.
        own = (
            sum(int(line.split()[0]) for line in self._of_each('schedstat'))
            / 1e9
        )
        return own + waited_for

    def _of_each(self, name):
        """The line of each process in a file of /proc."""
        # One may end meanwhile; the first one never does.
        lines = self.exec_command(
            f'cat /proc/1/{name} && cat /proc/[0-9]*/{name} 2>/dev/null || :'
        ).splitlines()
        if not lines:
            raise exceptions.GuestError('this kernel has no /proc/PID/' + name)
        return lines[1:]
