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
"""A guest that writes to its disk all the time, record by record."""

import collections.abc
import dataclasses
import threading
import time

import fixtures
import paramiko

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.guest import shell
from migration_tempest_plugin.guest import stream

#: Records that the file has room for: at 4096 bytes each, 16 MiB.
RECORDS = 4096

#: Ticks per second in what Linux tells of processes (USER_HZ).
_HZ = 100


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """One record that the guest said was on its disk.

    :ivar token: made at random for it
    :ivar begin: when its writing began, in seconds of the guest's clock
    :ivar end: when it was on the disk
    :ivar cpu: seconds of the guest's processors that writing has taken by then
    """

    number: int
    token: str
    begin: float
    end: float
    cpu: float = 0.0

    @property
    def delay(self) -> float:
        """Seconds that it took."""
        return self.end - self.begin

    @classmethod
    def parse(cls, line: str) -> 'Record':
        """:raises ValueError: if it is no line of storage_writer.sh"""
        number, token, begin, end, ticks = line.split()
        return cls(
            int(number), token, float(begin), float(end), int(ticks) / _HZ
        )


class StorageWriter(fixtures.Fixture):
    """Takes in what the guest says that it has written.

    :param connect: returns a connected ``paramiko.SSHClient``, which is
        closed here; that ends the writing
    :param folder: where the guest writes to; on a disk, not in memory
    :param pause: seconds between two records
    :param lifetime: seconds after which the guest ends it by itself
    :ivar file: where the records are in the guest
    :ivar source: what the file is on: a device
    :ivar type: of the file system
    """

    def __init__(
        self,
        connect: collections.abc.Callable[[], paramiko.SSHClient],
        folder: str,
        pause: float = 0.2,
        lifetime: float = 3600,
    ) -> None:
        self.pause = pause
        self.file = self.source = self.type = ''
        self._connect = connect
        self._words = (folder, f'{pause:g}', RECORDS, round(lifetime))
        self._records: list[Record] = []
        self._arrived = 0.0  # when the last one came, by a monotonic clock
        self._changed = threading.Condition()
        # Each line that came, from the header on, and who gets it.
        self._lines: list[str] = []
        self._sinks: list[collections.abc.Callable[[str], object]] = []
        self._stream: stream.ScriptStream | None = None

    def _setUp(self) -> None:
        self._stream = stream.ScriptStream(
            self._connect, 'storage_writer', self._words, self._take
        )
        self.useFixture(self._stream)
        header = self._stream.header
        if not header.startswith('storage_writer 1 '):
            raise exceptions.GuestError(
                f"storage: the guest can't write: {header} ([migration] "
                'guest_storage_folder)'
            )
        where = shell.named(header)
        self.file, self.source = where['file'], where['source']
        self.type = where['type']
        self.wait_for_records(1)

    @property
    def is_running(self) -> bool:
        """Whether it is set up, and the guest goes on writing."""
        return self._stream is not None and self._stream.ended is None

    @property
    def records(self) -> tuple[Record, ...]:
        """Those that were reported up to now."""
        with self._changed:
            return tuple(self._records)

    @property
    def silent(self) -> float:
        """Seconds since the last one was reported."""
        with self._changed:
            return time.monotonic() - self._arrived

    def wait_for_records(self, more: int, patience: float = 30.0) -> None:
        """Wait for so many more.

        :param patience: in seconds
        :raises GuestError: if there are not so many by then
        """
        with self._changed:
            before = len(self._records)
            self._changed.wait_for(
                lambda: len(self._records) >= before + more or self._ended,
                patience,
            )
            now = len(self._records)
        if now < before + more:
            raise exceptions.GuestError(
                f'the guest does not write any more, after {now} records: '
                f'{self._ended or f"nothing for {self.silent:.1f} s"}'
            )

    def tell(self, sink: collections.abc.Callable[[str], object]) -> None:
        """Have a sink get each line, from the header on; it must not wait."""
        with self._changed:
            for line in self._lines:
                sink(line)
            self._sinks.append(sink)

    def tell_no_more(
        self, sink: collections.abc.Callable[[str], object]
    ) -> None:
        """Leave a sink alone that got the lines."""
        with self._changed:
            self._sinks.remove(sink)

    def _tell(self, line: str) -> None:
        new = [line]
        if self._stream and not self._lines:
            new = [self._stream.header, line]
        for each in new:
            self._lines.append(each)
            for sink in self._sinks:
                sink(each)

    @property
    def _ended(self) -> str | None:
        return self._stream.ended if self._stream else 'it was not set up'

    def _take(self, line: str) -> None:
        record = Record.parse(line)
        with self._changed:
            self._records.append(record)
            self._arrived = time.monotonic()
            self._tell(line)
            self._changed.notify_all()
