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
"""Runs the prober, and keeps what it says of each target."""

import collections
import collections.abc
import io
import json
import os
import subprocess
import sys
import threading
import time
import typing

from oslo_log import log

import migration_tempest_plugin
from migration_tempest_plugin import exceptions
from migration_tempest_plugin import measurement
from migration_tempest_plugin.measurement import folding
from migration_tempest_plugin.measurement.round_trips import RoundTrips
from migration_tempest_plugin import words

if typing.TYPE_CHECKING:  # it runs as a process of its own
    from migration_tempest_plugin.prober import echo
    from migration_tempest_plugin.prober import loop

LOG = log.getLogger(__name__)

#: Seconds that the prober gets to answer a command, and to end when it is
#: told to.
PATIENCE = 10.0

#: Takes each sample.
Sink = collections.abc.Callable[[measurement.Sample], None]

#: What starts it.
COMMAND = (sys.executable, '-m', 'migration_tempest_plugin.prober')

_SECOND = 1_000_000_000

#: Seconds for which all samples are kept: who looks now and then sees them.
_WHOLE = 2.0

#: Seconds after which it is looked again which of the others are left out.
_FOLD = 1.0


class Forbidden(Exception):
    """This user may open no socket for ICMP."""


class Probes:
    """What becomes of the probes of one target.

    :param address: as a socket takes it
    :param interval: seconds from probe to probe
    :param deadline: seconds within which a reply must come
    :param sink: called with each sample as it becomes known, once more where
        an answer comes late; it must not wait
    :raises Forbidden: if the prober may open no socket
    :raises NoMeasurement: if there is no way to the target, or if the prober
        does not start
    """

    def __init__(
        self,
        address: 'echo.Address',
        interval: float,
        deadline: float,
        sink: Sink | None = None,
    ) -> None:
        self.interval = interval
        self._sink = sink
        self.method = 'prober'
        self._deadline = deadline
        self._folding = folding.Folding(interval)
        self._last_answered = float('-inf')  # when it was sent, in seconds
        self._unknown = 0
        self._unsent: collections.Counter[str] = collections.Counter()
        # until when all was known then, and what it had ended with
        self._stopped: tuple[float, int | None] | None = None
        # of the prober, to the command "add"
        self._answer: tuple[str, list[str]] | None = None
        self._prober = _Prober.serve(
            self,
            {
                'address': list(address),
                'interval': round(interval * _SECOND),
                'deadline': round(deadline * _SECOND),
            },
        )
        self._check_answer(address[0])

    def _check_answer(self, host: str) -> None:
        kind, words = self._answer or (None, [])
        if kind == 'added':
            self.method = f'prober ({" ".join(words)})'
            return
        said = self._prober.said()
        self._prober.release(self)
        if kind is None:
            raise exceptions.NoMeasurement(
                f'the prober did not start to probe {host} within '
                f'{PATIENCE:g} s',
                seen=said or 'it said nothing',
            )
        reason, *words = words
        if reason == 'permission':
            raise Forbidden(' '.join(words))
        raise exceptions.NoMeasurement(
            f'no packet can be sent from here to {host}: {" ".join(words)}; '
            f'look at the routes of this machine (ip route get {host})'
        )

    @property
    def pid(self) -> int:
        return self._prober.pid

    @property
    def cpu(self) -> float:
        return self._prober.cpu

    def stop(self) -> None:
        """End the probing; what was seen up to now stays."""
        with self._prober.changed:
            self._stopped = self.known, self.ended_by_itself()
        self._prober.release(self)

    def ended_by_itself(self) -> int | None:
        """Exit status of the prober if nobody ended it, or None."""
        return self._stopped[1] if self._stopped else self._prober.status

    def wait_for_answer(self, since: float, timeout: float) -> float | None:
        """When an answered probe was sent, since a moment; None if none was.

        Waits until there is one, until the timeout, or the prober's end.
        """
        with self._prober.changed:
            self._prober.changed.wait_for(
                lambda: (
                    self._last_answered >= since
                    or self.ended_by_itself() is not None
                    or self._stopped
                ),
                timeout,
            )
            if self._last_answered < since:
                return None
            # It may become the baseline.
            self._folding.keep(self._last_answered)
            return self._last_answered

    def wait_until_decided(self, moment: float) -> bool:
        """Wait until it is known what became of the probes up to a moment.

        :returns: False if the prober does not say it
        """
        with self._prober.changed:
            return self._prober.changed.wait_for(
                lambda: (
                    self._prober.mark >= moment
                    or self._prober.status is not None
                    or self._stopped is not None
                ),
                moment + self._deadline + PATIENCE - time.monotonic(),
            )

    def samples(
        self, now: float, since: float = float('-inf')
    ) -> folding.Probed:
        """What became of the probes up to now, as far as it is known.

        :param since: those that were sent before are left out
        """
        with self._prober.changed:
            return self._folding.probed(
                min(now, self.known),
                since,
                # Each is reported within this and a look.
                self._deadline + 1.0,
            )

    def cut(self, moment: float) -> None:
        """Count round trips since a moment apart from those before it."""
        with self._prober.changed:
            self._folding.cut(moment)

    def round_trips(self) -> RoundTrips:
        """How long all answers took up to now."""
        with self._prober.changed:
            return self._folding.round_trips()

    @property
    def known(self) -> float:
        """The moment up to which it is known what became of the probes.

        Before the prober's first mark that can only be the present.
        """
        return (
            self._stopped[0]
            if self._stopped
            else self._prober.mark or time.monotonic()
        )

    def said(self) -> str:
        """What else is to be said of it, for people."""
        parts = [
            f'{words.counted(number, "probe")} could not be sent from '
            f'here: {why}'
            for why, number in self._unsent.items()
        ]
        if self._unknown:
            parts.append(
                f'{self._unknown} answers may have been lost in this machine'
            )
        return '; '.join(filter(None, [*parts, self._prober.said()]))

    def fold(self, known: float) -> None:
        """Leave out what is not needed, of what was sent before a moment."""
        self._folding.fold(known)

    def take(self, kind: str, words: list[str]) -> None:
        """Take in a line of the prober (its format: see the package)."""
        if kind in ('added', 'refused'):
            self._answer = kind, words
        elif kind == 'unsent':
            self._unsent[' '.join(words[1:])] += 1
        elif kind == 'unknown':
            self._unknown += 1
        elif self._stopped is None:
            self._take_sample(kind, *map(int, words))

    def _take_sample(self, kind: str, start: int, other: int) -> None:
        sent = start / _SECOND
        if kind == 'failed':
            # What it saw, it saw when it was sent.
            sample = measurement.Sample(
                sent, sent, False, slack=other / _SECOND
            )
        else:
            sample = measurement.Sample(
                sent, other / _SECOND, kind == 'ok', late=kind == 'late'
            )
        self._folding.add(sample)
        if self._sink:
            self._sink(sample)
        if kind == 'ok':
            self._last_answered = max(self._last_answered, sent)


class _Prober:
    """The process, for all the targets in one network namespace.

    :ivar changed: notified whenever it said something, and when it ended
    :ivar mark: the moment up to which all is known, in seconds
    :ivar cpu: seconds of processor time that it has taken
    :ivar status: exit status, if it ended by itself
    """

    # by process and network namespace
    _running: typing.ClassVar[dict[tuple[int, int], '_Prober']] = {}
    _lock = threading.Lock()

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.mark = self.cpu = self._folded = 0.0
        self.status: int | None = None
        self._targets: dict[int, Probes] = {}  # by number
        self._numbers = iter(range(sys.maxsize))
        self._told_to_end = False
        self._errors = ''
        root = os.path.dirname(
            os.path.dirname(migration_tempest_plugin.__file__)
        )
        # Of a session of its own: what ends the group of this process, or its
        # terminal, leaves the prober to be read to its end.
        self._process = subprocess.Popen(
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd='/',
            start_new_session=True,
            env={**os.environ, 'PYTHONPATH': os.path.abspath(root)},
        )
        # They are pipes.
        assert self._process.stdin is not None
        assert isinstance(self._process.stdout, io.BufferedReader)
        assert self._process.stderr is not None
        self._input, self._output, self._error_output = (
            self._process.stdin,
            self._process.stdout,
            self._process.stderr,
        )
        self.pid = self._process.pid
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        LOG.debug('Started the prober, process %d', self.pid)

    @classmethod
    def serve(cls, target: Probes, command: 'loop.Command') -> '_Prober':
        """Have a target probed; returns the prober once it has answered.

        One that ended is replaced, so that its end is the end of those
        meters alone that it had.
        """
        # A thread may be in another network than the process.
        network = os.getpid(), os.stat('/proc/thread-self/ns/net').st_ino
        with cls._lock:
            prober = cls._running.get(network)
            if prober is None or prober._is_over():
                prober = cls._running[network] = cls()
            prober._add(target, command)
        with prober.changed:
            prober.changed.wait_for(
                lambda: target._answer or prober.status is not None, PATIENCE
            )
        return prober

    def _is_over(self) -> bool:
        return self._told_to_end or self._process.poll() is not None

    def _add(self, target: Probes, command: 'loop.Command') -> None:
        number = next(self._numbers)
        with self.changed:
            self._targets[number] = target
        self._command({'add': number, **command})

    def release(self, target: Probes) -> None:
        """Probe a target no more; the last one ends the process."""
        with self._lock:
            with self.changed:
                number = next(
                    (
                        number
                        for number, each in self._targets.items()
                        if each is target
                    ),
                    None,
                )
                if number is None:
                    return
                del self._targets[number]
                over = not self._targets
            if over:
                self._end()
            else:
                self._command({'remove': number})

    def _command(self, command: 'loop.Command') -> None:
        try:
            self._input.write(json.dumps(command).encode() + b'\n')
            self._input.flush()
        except BrokenPipeError:
            pass  # it has ended: whoever waits for an answer sees that

    def _end(self) -> None:
        self._told_to_end = True
        try:
            self._input.close()
        except BrokenPipeError:
            pass  # what was not sent is of no use any more
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        self._output.close()
        self._error_output.close()

    def _read(self) -> None:
        """Take in what it says, until it ends; runs in a thread."""
        rest = b''
        while True:
            data = self._output.read1(1 << 16)
            if not data:
                break
            *lines, rest = (rest + data).split(b'\n')
            with self.changed:
                for line in lines:
                    self._take(line.decode().split())
                self.changed.notify_all()
        errors = self._error_output.read().decode(errors='replace')
        status = self._process.wait()
        with self.changed:
            self._errors = errors.strip()
            if not self._told_to_end:
                self.status = status
            self.changed.notify_all()

    def _take(self, words: list[str]) -> None:
        kind, *rest = words
        if kind == 'mark':
            self.mark = int(rest[0]) / _SECOND
            self.cpu = int(rest[1]) / _SECOND
            if self.mark - self._folded > _FOLD:
                self._folded = self.mark
                for each in self._targets.values():
                    each.fold(self.mark - _WHOLE)
            return
        target = self._targets.get(int(rest[0]))
        if target:
            target.take(kind, rest[1:])

    def said(self) -> str:
        """The end of what it wrote as errors."""
        return self._errors and 'the prober said: ' + self._errors[-500:]
