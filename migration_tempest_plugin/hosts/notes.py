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
"""Notes of who changes a file, which are kept beside it.

A change by a process that was killed is found by its note, and so is one that
is being made now.
"""

import collections.abc
import dataclasses
import hashlib
import json
import os
import pathlib
import socket
import typing

#: (section, option)
Option: typing.TypeAlias = tuple[str, str]

_BOOT_ID = pathlib.Path('/proc/sys/kernel/random/boot_id')


@dataclasses.dataclass(frozen=True)
class Note:
    """Who changes a file, and what.

    :ivar machine: the machine that the change came from
    :ivar boot_id: of that machine
    :ivar pid: the process there
    :ivar born: when it started, in clock ticks since the boot (proc(5), stat)
    :ivar digest: SHA-256 of the text that was written
    :ivar options: those that were changed, as (section, option)
    """

    machine: str
    boot_id: str
    pid: int
    born: int
    digest: str
    options: tuple[Option, ...]

    @classmethod
    def of_this_process(
        cls, data: bytes, options: collections.abc.Iterable[Option]
    ) -> 'Note':
        """A note of a change by this very process."""
        return cls(
            socket.gethostname(),
            _boot_id(),
            os.getpid(),
            _read_born(os.getpid()),
            _digest(data),
            tuple(options),
        )

    @classmethod
    def from_json(cls, text: str) -> 'Note':
        """Read it again.

        :raises ValueError: if it is none
        """
        try:
            fields = json.loads(text)
            options = tuple(
                (section, option) for section, option in fields.pop('options')
            )
            note = cls(options=options, **fields)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(str(error)) from error
        for name in ('pid', 'born'):
            if type(getattr(note, name)) is not int:
                raise ValueError(f'{name} is no whole number')
        return note

    def is_of(self, data: bytes) -> bool:
        """Whether these are what was written."""
        return self.digest == _digest(data)

    def to_json(self) -> str:
        """In one line."""
        return json.dumps(dataclasses.asdict(self))

    @property
    def at_work(self) -> bool:
        """Whether that process is of this machine, and alive."""
        return self.boot_id == _boot_id() and _born(self.pid) == self.born

    @property
    def elsewhere(self) -> bool:
        """Whether it is of another machine: nobody here sees if it lives."""
        return (
            self.boot_id != _boot_id() and self.machine != socket.gethostname()
        )

    @property
    def ours(self) -> bool:
        """Whether it is this very process."""
        return self.at_work and self.pid == os.getpid()

    def __str__(self) -> str:
        return f'process {self.pid} of {self.machine}'


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _boot_id() -> str:
    return _BOOT_ID.read_text().strip()


def _born(pid: int) -> int | None:
    """When a process started, or None if there is none."""
    try:
        return _read_born(pid)
    except OSError:
        return None


def _read_born(pid: int) -> int:
    """As _born().

    :raises OSError: if there is none
    """
    with open(f'/proc/{pid}/stat') as stat:
        return int(stat.read().rpartition(')')[2].split()[19])
