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
"""Processes that the lab starts, recorded so that a later run can end them.

A record is written by the process itself before it does anything else, so a
lab command that is killed half-way leaves no process without a record. It
holds the start time beside the pid: a pid that was given to another process
since then is never touched.
"""

import dataclasses
import os
import pathlib
import select
import signal
import subprocess

from embedded_cloud.settings import LabError

# Runs before the command: the shell's pid stays the command's.
_RECORD = 'read -r stat < /proc/$$/stat && echo "$stat" > "$0" && exec "$@"'

# Process 1 of a process table of its own: what it runs has no standard input,
# and all of it is killed at the end of the standard input that it got. What
# waits for that outlives a signal to the whole terminal.
_TIED = """
exec 3<&0 < /dev/null
trap '' HUP INT TERM
{ read -r _ <&3; kill -s KILL -- -1; } &
trap - HUP INT TERM
"$@" 3<&-
exit
"""


class Process:
    """One recorded process, running or not."""

    def __init__(self, record):
        self.record = pathlib.Path(record)

    def start(self, command, **popen_options):
        """Start a command under this record; returns the Popen."""
        self.record.parent.mkdir(parents=True, exist_ok=True)
        return subprocess.Popen(
            ['/bin/sh', '-c', _RECORD, str(self.record), *command],
            start_new_session=True,
            **popen_options,
        )

    @property
    def pid(self):
        """The pid while the process runs, otherwise None."""
        try:
            recorded = Stat.parse(self.record.read_text())
        except (OSError, ValueError):
            return None
        return recorded.pid if recorded.same_as(_stat(recorded.pid)) else None

    @property
    def child(self):
        """The pid of its first child, or None: of unshare, the PID 1."""
        pid = self.pid
        if pid is None:
            return None
        for entry in pathlib.Path('/proc').glob('[0-9]*'):
            stat = _stat(entry.name)
            if stat and stat.parent == pid:
                return stat.pid
        return None

    def stop(self, patience=10):
        """Kill the process, wait up to ``patience`` seconds, forget it.

        :returns: False when it still runs
        """
        pid = self.pid
        if pid is not None and not kill(
            pid, lambda: self.pid == pid, patience
        ):
            return False
        self.record.unlink(missing_ok=True)
        return True


def run_tied(command, enter=(), **options):
    """Run a command, and wait for it; it ends when this process does.

    However that ends, killed too: the kernel then closes the pipe that the
    command is tied to. It has a process table and mounts of its own, so that
    with it all that it started ends, and its mounts go.

    :param enter: a command line that goes before it, nsenter's, say
    :param options: of subprocess.run; the folder is the root
    :returns: subprocess.CompletedProcess
    """
    reading, writing = os.pipe()
    try:
        return subprocess.run(
            [
                *enter,
                'unshare',
                '--mount',
                '--pid',
                '--fork',
                '--mount-proc',
                '/bin/sh',
                '-c',
                _TIED,
                'sh',
                *map(str, command),
            ],
            stdin=reading,
            cwd='/',
            **options,
        )
    finally:
        os.close(reading)
        os.close(writing)


def run_logged(doing, command, output, environment=None):
    """Run a command that makes something, tied to this process.

    :param doing: what it is for, for the error
    :param output: an open file that takes what it prints
    :raises LabError: when it fails, with the end of what it printed
    """
    done = run_tied(command, stdout=output, stderr=output, env=environment)
    if done.returncode:
        raise LabError(
            f'{doing}: {command[0]} ended with {done.returncode}. '
            + end_of(output.name)
        )


def end_of(log):
    """What a log ends with, for the message of an error."""
    lines = pathlib.Path(log).read_text(errors='replace').splitlines()
    return f'{log} ends with:\n' + '\n'.join(lines[-8:])


def kill(pid, is_ours=lambda: True, patience=10):
    """Kill a process.

    :param is_ours: asked once the process can't be taken for another
    :returns: False when it still runs after ``patience`` seconds
    """
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        if is_ours():
            signal.pidfd_send_signal(handle, signal.SIGKILL)
            ended, _, _ = select.select([handle], [], [], patience)
            return bool(ended)
        return True
    except ProcessLookupError:
        return True
    finally:
        os.close(handle)


def memory(pid):
    """Bytes that the processes in the IPC namespace of ``pid`` take.

    Each host has one; process tables are one in another.
    """
    namespace = os.stat(f'/proc/{pid}/ns/ipc').st_ino
    total = 0
    for folder in pathlib.Path('/proc').glob('[0-9]*'):
        try:
            if os.stat(folder / 'ns/ipc').st_ino == namespace:
                total += _pss((folder / 'smaps_rollup').read_text())
        except OSError:
            pass  # it ended in between
    return total


def _pss(text):
    for line in text.splitlines():
        if line.startswith('Pss:'):
            return int(line.split()[1]) * 1024
    return 0


@dataclasses.dataclass(frozen=True)
class Stat:
    """What /proc/PID/stat says (proc(5)); ``start`` in ticks since boot."""

    pid: int
    state: str
    parent: int
    start: int

    @classmethod
    def parse(cls, text):
        """:raises ValueError: when the text is no such line"""
        pid, _, rest = text.partition(' (')
        fields = rest.rpartition(') ')[2].split()
        if len(fields) < 20:
            raise ValueError(f'not a line of /proc/PID/stat: {text!r}')
        return cls(int(pid), fields[0], int(fields[1]), int(fields[19]))

    def same_as(self, other):
        """Whether ``other`` is this process and still runs."""
        return (
            other is not None
            and other.state not in 'ZX'
            and (self.pid, self.start) == (other.pid, other.start)
        )


def _stat(pid):
    try:
        return Stat.parse(pathlib.Path(f'/proc/{pid}/stat').read_text())
    except (OSError, ValueError):
        return None
