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
"""A migration, as libvirt's job of a domain shows it."""

import dataclasses
import re

# virDomainJobType (libvirt-domain.h)
_JOBS = ('none', 'bounded', 'unbounded', 'completed', 'failed', 'cancelled')
# virDomainJobOperation, as far as it matters
_MIGRATION_IN, _MIGRATION_OUT = 4, 5
_FIELD = re.compile(r'^([a-z][a-z_]*): (\d+)$', re.MULTILINE)
_TYPE = re.compile(r'^Job type: (\d+)$', re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Job:
    """A migration, as libvirt sees it (libvirt-domain.h, virDomainJob*).

    :ivar kind: none, bounded, unbounded, completed, failed or cancelled
    :ivar fields: every number that libvirt gives, by libvirt's names: times
        in ms, amounts in bytes, rates in bytes or pages per second
    """

    kind: str
    fields: dict[str, int]

    @classmethod
    def parse(cls, text: str) -> 'Job':
        """Read what ``virsh domjobinfo --rawstats`` prints.

        :raises ValueError: if it is not that
        """
        kind = _TYPE.search(text)
        if not kind or int(kind.group(1)) >= len(_JOBS):
            raise ValueError(f'not the statistics of a job: {text!r}')
        return cls(
            _JOBS[int(kind.group(1))],
            {name: int(value) for name, value in _FIELD.findall(text)},
        )

    @property
    def downtime(self) -> float | None:
        """For how long the guest stood in a migration, in seconds, or None.

        What the destination calls ``downtime`` is its own clock less the
        source's, which also sent it the time: without the difference, it is
        ``downtime_net``. It has none if its clock is behind
        (qemu_domainjob.c, qemuDomainJobDataUpdateDowntime).
        """
        operation = self.fields.get('operation', _MIGRATION_OUT)
        if operation == _MIGRATION_IN:
            return self._seconds('downtime_net')
        return (
            self._seconds('downtime') if operation == _MIGRATION_OUT else None
        )

    @property
    def elapsed(self) -> float | None:
        """Since it began, in seconds, or None."""
        return self._seconds('time_elapsed')

    @property
    def copies_memory(self) -> bool:
        """Whether it goes on, and has come to the memory."""
        return (
            self.kind in ('bounded', 'unbounded')
            and self.fields.get('memory_total', 0) > 0
        )

    @property
    def throttle(self) -> int | None:
        """By how many percent auto-converge slows the guest, or None."""
        return self.fields.get('auto_converge_throttle')

    def _seconds(self, name: str) -> float | None:
        return self.fields[name] / 1000 if name in self.fields else None
