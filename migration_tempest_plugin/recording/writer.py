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
"""Writes samples to a file while they come."""

import collections.abc
import os
import pathlib
import threading
import time
import zlib

from migration_tempest_plugin.measurement import Followed
from migration_tempest_plugin.measurement import Mark
from migration_tempest_plugin.measurement import Probing
from migration_tempest_plugin.measurement import Sample
from migration_tempest_plugin.recording import lines
from migration_tempest_plugin.recording import migrations

#: Seconds from one write to the next: what a kill -9 loses.
EVERY = 1.0


#: Says up to when all that was sent has been taken, in seconds, or None.
Known = collections.abc.Callable[[], float | None]


class Writer:
    """A file of samples that is written as long as its ``with`` lasts.

    It is compressed, and can be read up to where it was cut. What can't be
    written, as the disk is full, ends the file and nothing else.

    :param path: the file, which must not be there yet
    :param say: called with a sentence if that happens, in another thread
    :raises OSError: if it can't be made
    :ivar failed: why nothing more was written, or None
    """

    def __init__(
        self, path: pathlib.Path, say: collections.abc.Callable[[str], object]
    ) -> None:
        self.path = path
        self._say = say
        self.failed: str | None = None
        header = lines.Header(time.time(), time.monotonic())
        self._coder = lines.Coder(header)
        self._changed = threading.Condition()
        # What is to be written, in turn; samples go on in the last Batch.
        self._new: list[lines.Line] = [header]
        self._samples: dict[int, list[tuple[Sample, float | None]]] = {}
        self._logs: dict[int, list[str]] = {}
        self._streams = 0
        self._told = migrations.Told()
        self._known: float | None = None
        self._ask: Known = lambda: None
        self._over = False
        self._packer = zlib.compressobj(wbits=lines.GZIP)
        # For its owner alone: it has addresses of servers.
        self._file = os.open(
            path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600
        )
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> 'Writer':
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        with self._changed:
            self._over = True
            self._changed.notify()
        self._thread.join()
        os.close(self._file)

    def add(
        self,
        what: str,
        target: str,
        interval: float,
        deadline: float | None,
        probing: Probing,
        method: str = '',
        clock: str = 'tester',
    ) -> int:
        """Begin a Stream, and return its number."""
        with self._changed:
            number, self._streams = self._streams, self._streams + 1
            self._new.append(
                lines.Stream(
                    number,
                    what,
                    target,
                    interval,
                    deadline,
                    probing,
                    method,
                    clock,
                )
            )
            self._samples[number] = []
        return number

    def take(
        self, stream: int, sample: Sample, uptime: float | None = None
    ) -> None:
        """Have a sample written; nothing is waited for.

        :param uptime: what the guest's clock showed with it, in seconds
        """
        with self._changed:
            if self.failed is None:
                self._samples[stream].append((sample, uptime))

    def log(self, stream: int, line: str) -> None:
        """Have a line of a log written: see lines.Log."""
        with self._changed:
            if self.failed is None:
                self._logs.setdefault(stream, []).append(line)

    def baseline(self, stream: int, moment: float) -> None:
        """Have a stream count from a moment on: see lines.Baseline."""
        self._append(lines.Baseline(stream, moment))

    def deadline(self, stream: int, seconds: float) -> None:
        """Have the deadline of a stream written that was chosen."""
        self._append(lines.Deadline(stream, seconds))

    def lose(self, stream: int, moment: float, why: str) -> None:
        """Have it written that a stream has no more samples: lines.Lost."""
        self._append(lines.Lost(stream, moment, why))

    def mark(self, mark: Mark) -> None:
        """Have a Mark written."""
        self._append(mark)

    def migrations(
        self, target: str, followed: collections.abc.Iterable[Followed]
    ) -> None:
        """Have it written what is new of a target's migrations.

        :param followed: all of them up to now, in turn
        """
        with self._changed:
            if self.failed is None:
                self._new += self._told.new(target, followed)

    def _append(self, line: lines.Line) -> None:
        with self._changed:
            if self.failed is None:
                self._new.append(line)

    def know(self, moment: float) -> None:
        """Say that all that was sent before a moment has been taken."""
        with self._changed:
            self._known = moment

    def ask(self, known: Known) -> None:
        """Have it asked for at each write, in another thread."""
        self._ask = known

    def _run(self) -> None:
        """Write, again and again; runs in a thread."""
        over = False
        while not over:
            with self._changed:
                self._changed.wait_for(lambda: self._over, EVERY)
                over = self._over
            # Before the samples are taken: those up to then are among them.
            known = self._ask()
            with self._changed:
                self._known = self._known if known is None else known
                new = [*self._take_new()]
            if over:
                new.append(lines.End(time.monotonic(), 'over'))
            try:
                self._write(new, zlib.Z_FINISH if over else zlib.Z_SYNC_FLUSH)
            except OSError as error:
                self._give_up(error)
                return

    def _take_new(self) -> collections.abc.Iterator[lines.Line]:
        yield from self._new
        self._new = []
        for number, samples in self._samples.items():
            if samples:
                taken, uptimes = zip(*samples)
                asked = any(each is not None for each in uptimes)
                yield lines.Batch(number, taken, uptimes if asked else ())
                samples.clear()
        for number, log in self._logs.items():
            yield lines.Log(number, tuple(log))
        self._logs = {}
        if self._known is not None:
            yield lines.Known(self._known)
            self._known = None

    def _write(self, new: list[lines.Line], flush: int) -> None:
        text = ''.join(self._coder.encode(each) + '\n' for each in new)
        data = self._packer.compress(text.encode()) + self._packer.flush(flush)
        while data:
            data = data[os.write(self._file, data) :]

    def _give_up(self, error: OSError) -> None:
        with self._changed:
            self.failed = error.strerror or str(error)
            self._new = []
            self._logs = {}
            for samples in self._samples.values():
                samples.clear()
        self._say(
            f'{self.path} is not written any more: {self.failed}. What it has '
            'can be read; measuring goes on'
        )
