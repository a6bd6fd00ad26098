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
"""How busy a guest is, and what of it measuring takes."""

import collections.abc
import dataclasses
import typing

#: What /proc counts processor time in, for every program (proc(5)): sysconf
#: says 100 a second on all of today's architectures.
TICK = 0.01

#: Which part of a guest's processors must be idle before the operation: with
#: less, what is measured may be the load.
ROOM = 0.1


@dataclasses.dataclass(frozen=True)
class ProcessorTimes:
    """One look at what a guest's processors did up to then.

    The time that went by is that of the guest's clock: the ticks in /proc/stat
    add up to less of it, since an emulated guest loses some.

    :ivar uptime: seconds since the boot
    :ivar idle: of these, in which a processor was idle, in the sum of all
    :ivar processors: how many there are
    :ivar session: seconds that the processes took that look, from their start
        on, or None if it is not known
    """

    uptime: float
    idle: float
    processors: int
    session: float | None

    @classmethod
    def parse(cls, line: str) -> 'ProcessorTimes':
        """Read what heartbeat.sh says after "load".

        :raises ValueError: if it is something else
        """
        first, *processes = line.split('|')
        uptime, idle, processors = first.split()
        found = [_process(each) for each in processes]
        is_whole = found and _is_ssh(found[-1][0])
        return cls(
            float(uptime),
            float(idle),
            int(processors),
            sum(taken for _, taken in found) if is_whole else None,
        )

    def idle_since(self, before: 'ProcessorTimes') -> float | None:
        """Which part of the time since an earlier look was idle, 0 to 1.

        None if no time went by.
        """
        all_of_it = (self.uptime - before.uptime) * self.processors
        if all_of_it <= 0:
            return None
        # Each of the counters is cut off for itself.
        return min(max(0.0, (self.idle - before.idle) / all_of_it), 1.0)


def _process(line: str) -> tuple[str, float]:
    """Name and seconds of processor of a process, from its /proc/PID/stat."""
    name, closed, rest = line.partition('(')[2].rpartition(')')
    fields = rest.split()
    if not closed or len(fields) < 13:
        raise ValueError(f'no /proc/PID/stat: {line!r}')
    return name, (int(fields[11]) + int(fields[12])) * TICK


def _is_ssh(name: str) -> bool:
    return 'ssh' in name or name == 'dropbear'


@dataclasses.dataclass(frozen=True)
class Taken:
    """What measuring has taken of a guest's processors up to a moment.

    :ivar moment: in seconds of the tester's clock
    :ivar processor: seconds by the name of what measures, each from its start
        on, or None where that is not known
    """

    moment: float
    processor: dict[str, float | None]


@dataclasses.dataclass(frozen=True)
class GuestLoad:
    """How busy a guest was, and what of it measuring took.

    :ivar idle: which part of its processors was idle before the operation,
        0 to 1, while it was measured already; or None if it is not known
    :ivar seconds: how long it was measured
    :ivar processor: seconds of its processors that measuring took in that
        time, by the name of what measures; None where that is not known
    """

    idle: float | None
    seconds: float
    processor: dict[str, float | None]

    @classmethod
    def between(
        cls, idle: float | None, before: Taken, after: Taken
    ) -> 'GuestLoad':
        """Of two looks at what measuring has Taken."""
        return cls(
            idle,
            after.moment - before.moment,
            {
                name: _more(before.processor.get(name), taken)
                for name, taken in after.processor.items()
            },
        )

    @property
    def is_under_load(self) -> bool:
        """Whether the guest had no room left for being measured."""
        return self.idle is not None and self.idle < ROOM

    @property
    def room(self) -> str:
        """How much room it had before, and whether that is too little."""
        if self.idle is None:
            return 'nobody knows how idle the guest was before'
        load = 'measured under load: ' if self.is_under_load else ''
        return f'{load}the guest was {100 * self.idle:.0f} % idle before'

    def text(self) -> str:
        """One line."""
        taken = ', '.join(map(self._taken, self.processor))
        return (
            f'{self.room}; of its processors measuring took, in '
            f'{self.seconds:.1f} s: {taken}'
        )

    def _taken(self, name: str) -> str:
        taken = self.processor[name]
        if taken is None:
            return name + ' not known'
        share = (
            f' ({100 * taken / self.seconds:.0f} %)' if self.seconds else ''
        )
        return f'{name} {taken:.2f} s{share}'

    def to_dict(self) -> dict[str, object]:
        """Ready for JSON."""
        return {**dataclasses.asdict(self), 'under_load': self.is_under_load}

    @classmethod
    def from_dict(
        cls, document: collections.abc.Mapping[str, typing.Any]
    ) -> 'GuestLoad':
        """What to_dict() made."""
        return cls(
            document['idle'], document['seconds'], document['processor']
        )


def _more(before: float | None, after: float | None) -> float | None:
    return (
        None if before is None or after is None else max(0.0, after - before)
    )
