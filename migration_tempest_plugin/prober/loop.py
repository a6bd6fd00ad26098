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
"""Probes all targets on their schedules, and reports what became of them."""

import collections.abc
import heapq
import json
import os
import select
import socket
import time

from migration_tempest_plugin.prober import echo

# For type checkers, which know it by its name: to import typing would take
# time at each start.
TYPE_CHECKING = False
if TYPE_CHECKING:
    import typing

    class Command(typing.TypedDict, total=False):
        """One line of the input."""

        add: int
        address: list[typing.Any]
        interval: int
        deadline: int
        remove: int


#: Nanoseconds between two looks at what came in. Replies have the kernel's
#: stamp, so that looking seldom costs nothing but patience.
LOOK = 20_000_000

#: Targets are spread over their interval in steps of so many nanoseconds: one
#: wake-up serves all of a step.
STEP = 2_000_000

#: For so many nanoseconds a failed probe is remembered, for a late reply.
MEMORY = 60_000_000_000

#: A UDP port, for the look-up of a route.
_DISCARD = 9

#: Bytes that may wait for a reader that does not read.
BACKLOG = 64 << 20


class Target:
    """One address that is probed.

    :ivar pending: the requests that are not decided, as {when sent: slack},
        the oldest first; ``failed`` likewise for those that failed, without
        the slack
    """

    def __init__(
        self,
        number: int,
        address: echo.Address,
        interval: int,
        deadline: int,
        source: echo.EchoSocket,
    ) -> None:
        self.number = number
        self.address = address
        self.interval = interval
        self.deadline = deadline
        self.source = source
        self.pending: dict[int, int] = {}
        self.failed: dict[int, int] = {}


class Loop:
    """Serves the commands of one parent, and ends with it.

    :param commands: file descriptor to read commands from
    :param answers: file descriptor to write to
    :param buffer: bytes of the receive queues
    """

    def __init__(
        self, commands: int, answers: int, buffer: int = echo.BUFFER
    ) -> None:
        self._commands = commands
        self._answers = answers
        self._buffer = buffer
        self._parent = os.getppid()
        self._sockets: dict[int, echo.EchoSocket] = {}  # by family
        self._drops: dict[int, int] = {}  # by family
        self._targets: dict[int, Target] = {}  # by number
        self._due: list[tuple[int, int]] = []  # heap of (when, number)
        self._added = 0
        self._doubtful = 0  # what was sent before may have been lost here
        self._input = bytearray()
        self._output = bytearray()
        os.set_blocking(commands, False)
        os.set_blocking(answers, False)

    def run(self) -> None:
        """Go on until the parent is gone."""
        look = time.monotonic_ns()
        while True:
            if not self._targets:
                self._rest()
            self._send_due(time.monotonic_ns())
            now = time.monotonic_ns()
            if now >= look:
                if not self._look(now):
                    return
                look = now + LOOK
            wake = min(look, self._due[0][0]) if self._due else look
            pause = wake - time.monotonic_ns()
            if pause > 0:
                time.sleep(pause / 1e9)

    def _rest(self) -> None:
        """Nothing to probe: wait for a command, or for the parent's end."""
        select.select(
            [self._commands], [self._answers] if self._output else [], [], 1.0
        )

    def _send_due(self, now: int) -> None:
        while self._due and self._due[0][0] <= now:
            due, number = self._due[0]
            target = self._targets.get(number)
            if target is None:
                heapq.heappop(self._due)
                continue
            self._send(target)
            # The schedule is absolute: places that were missed stay empty.
            due += target.interval
            if due <= now:
                due += ((now - due) // target.interval + 1) * target.interval
            heapq.heapreplace(self._due, (due, number))

    def _send(self, target: Target) -> None:
        try:
            start, latest = target.source.send(target.number, target.address)
        except OSError as error:
            self._say(
                'unsent %d %d %s',
                target.number,
                time.monotonic_ns(),
                error.strerror,
            )
        else:
            target.pending[start] = latest - start

    def _look(self, now: int) -> bool:
        """Take in what came up to now; False if the parent is gone."""
        for family, source in self._sockets.items():
            for number, start, end in source.receive():
                target = self._targets.get(number)
                if target:
                    self._take(target, start, end)
            drops = source.drops()
            if drops != self._drops[family]:
                self._drops[family] = drops
                self._doubtful = time.monotonic_ns()
        mark = now
        for target in self._targets.values():
            # Most have nothing to decide about: of many, that is to be cheap.
            oldest = next(iter(target.pending), now)
            if oldest + target.deadline <= now or target.failed:
                self._give_up(target, now)
                oldest = next(iter(target.pending), now)
            mark = min(mark, oldest)
        self._say('mark %d %d', mark, time.process_time_ns())
        alive = self._read_commands() and os.getppid() == self._parent
        self._flush()
        return alive and len(self._output) < BACKLOG

    def _take(self, target: Target, start: int, end: int | None) -> None:
        """A reply came, at a time that is not known if end is None."""
        if start in target.pending:
            latest = end or time.monotonic_ns()
            slack = target.pending.pop(start)
            if latest - start <= target.deadline:
                self._say('ok %d %d %d', target.number, start, latest)
            elif end is None or end - start - slack <= target.deadline:
                self._say('unknown %d %d', target.number, start)
            else:
                self._say('failed %d %d 0', target.number, start)
                self._say('late %d %d %d', target.number, start, end)
        elif start in target.failed:
            del target.failed[start]
            self._say(
                'late %d %d %d',
                target.number,
                start,
                end or time.monotonic_ns(),
            )
        # or else it is a duplicate

    def _give_up(self, target: Target, now: int) -> None:
        """Decide about what was sent too long ago.

        It may have been sent later than it says, by its slack. All replies
        that came before now were read. But if the kernel had no room for some,
        nobody knows whose they were.
        """
        for start in list(_until(target.pending, now - target.deadline)):
            slack = target.pending.pop(start)
            if start < self._doubtful:
                self._say('unknown %d %d', target.number, start)
            else:
                # There may be many: of use is no more than when it was sent.
                target.failed[start] = 0
                self._say('failed %d %d %d', target.number, start, slack)
        for start in list(_until(target.failed, now - MEMORY)):
            del target.failed[start]

    def _read_commands(self) -> bool:
        """Serve what was asked; False at the end of the input."""
        try:
            data = os.read(self._commands, 1 << 16)
        except BlockingIOError:
            return True
        self._input += data
        *lines, self._input = self._input.split(b'\n')
        for line in lines:
            self._serve(json.loads(line))
        return bool(data)

    def _serve(self, command: 'Command') -> None:
        if 'remove' in command:
            self._targets.pop(command['remove'], None)
            return
        number, address = command['add'], tuple(command['address'])
        family = socket.AF_INET if len(address) == 2 else socket.AF_INET6
        try:
            source = self._socket(family)
            _check_route(family, address)
        except echo.Forbidden as error:
            self._say('refused %d permission %s', number, error)
        except OSError as error:
            self._say('refused %d route %s', number, error.strerror)
        else:
            self._add(
                Target(
                    number,
                    address,
                    command['interval'],
                    command['deadline'],
                    source,
                )
            )

    def _socket(self, family: int) -> echo.EchoSocket:
        if family not in self._sockets:
            self._sockets[family] = echo.EchoSocket(family, self._buffer)
            self._drops[family] = 0
        return self._sockets[family]

    def _add(self, target: Target) -> None:
        self._targets[target.number] = target
        self._say('added %d %s', target.number, target.source.method)
        # A place in the interval, whenever it was added: those of one step
        # are due at the same moment.
        now, place = time.monotonic_ns(), self._added * STEP
        self._added += 1
        heapq.heappush(
            self._due, (now + (place - now) % target.interval, target.number)
        )

    def _say(self, line: str, *values: object) -> None:
        self._output += (line % values + '\n').encode()

    def _flush(self) -> None:
        try:
            del self._output[: os.write(self._answers, self._output)]
        except BlockingIOError:
            pass  # a reader that is busy must not hold up the probes


def _until(moments: dict[int, int], end: int) -> collections.abc.Iterator[int]:
    """The keys that are over, with their slack, of a dict in order."""
    for moment, slack in moments.items():
        if moment + slack > end:
            return
        yield moment


def _check_route(family: int, address: echo.Address) -> None:
    """Raise OSError if the kernel knows no way there; nothing is sent."""
    host, _, *scope = address
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((host, _DISCARD, *scope))
