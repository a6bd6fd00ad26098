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
"""libvirt's events on a host, with the time that libvirt gives them."""

import collections.abc
import contextlib
import dataclasses
import re
import shlex
import threading
import time

import fixtures

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.hosts import libvirt
from migration_tempest_plugin.hosts import ssh

#: Seconds after which virsh ends by itself, should nobody end it.
LIFETIME = 3600

# What an event of the life cycle begins with (virsh-domain-event.c).
_LIFE = (
    'Defined',
    'Undefined',
    'Started',
    'Suspended',
    'Resumed',
    'Stopped',
    'Shutdown',
    'PMSuspended',
    'Crashed',
)

_EVENT = re.compile(
    r'^(?P<stamp>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+[+-]\d{4}): '
    r"event '(?P<kind>[\w-]+)' for domain '?(?P<domain>[^']*?)'?: ?"
    r'(?P<text>.*)$'
)
_FIELD = re.compile(r'^\t(\w+): (\S+)$')


@dataclasses.dataclass(frozen=True)
class Event:
    """One event (virsh event --all).

    :ivar stamp: when, by the host's clock, as libvirt writes it
    :ivar arrived: when it was read here, by this machine's monotonic clock
    :ivar kind: as "virsh event --list" calls it
    :ivar domain: libvirt's name of the domain
    :ivar text: what it says
    :ivar fields: the numbers that follow it, as text by libvirt's names
    """

    stamp: str
    arrived: float
    kind: str
    domain: str
    text: str
    fields: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def foreign(self) -> bool:
        """Whether it is of the life cycle, but in another language."""
        return (
            self.kind == 'lifecycle'
            and self.text.partition(' ')[0] not in _LIFE
        )

    def __str__(self) -> str:
        fields = ''.join(
            f' {name}={value}' for name, value in self.fields.items()
        )
        return f'{self.stamp} {self.kind}: {self.text}{fields}'


class EventWatch(fixtures.Fixture):
    """Keeps libvirt's events on a host for as long as it is set up.

    :param host: a Host of its own: it is closed at the end
    :param virsh: the words that ask libvirt there
    """

    def __init__(
        self, host: ssh.Host, virsh: collections.abc.Sequence[str] = ('virsh',)
    ) -> None:
        self._host = host
        self._virsh = virsh
        self._events: list[Event] = []
        self._lock = threading.Lock()

    def _setUp(self) -> None:
        stack = contextlib.ExitStack()
        stack.callback(self._host.close)
        self.addCleanup(stack.close)
        output = stack.enter_context(
            self._host.stream(
                'events',
                LIFETIME,
                *map(shlex.join, libvirt.split(self._virsh)),
            )
        )
        threading.Thread(
            target=self._read, args=(output,), daemon=True
        ).start()

    def events(self, domain: str, kind: str | None = None) -> list[Event]:
        """The Events of a domain up to now, of one kind if it is given.

        :param domain: libvirt's name of it
        """
        with self._lock:
            return [
                each
                for each in self._events
                if each.domain == domain and kind in (None, each.kind)
            ]

    def _read(self, output: collections.abc.Iterable[bytes]) -> None:
        # The connection is closed under it at the end.
        with contextlib.suppress(OSError, exceptions.HostError):
            for line in output:
                with self._lock:
                    add(
                        self._events,
                        line.decode(errors='replace'),
                        time.monotonic(),
                    )


def add(events: list[Event], line: str, now: float) -> None:
    """Add what a line of virsh says to a list of Events.

    :param now: when it was read
    """
    line = line.rstrip('\n')
    found = _EVENT.match(line)
    if found:
        events.append(
            Event(
                found['stamp'],
                now,
                found['kind'],
                found['domain'],
                found['text'],
            )
        )
        return
    field = _FIELD.match(line)
    if field and events:
        events[-1].fields[field[1]] = field[2]
