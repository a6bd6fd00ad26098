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
"""What Nova's libvirt driver plans for a live migration: its own arithmetic.

From nova/virt/libvirt/migration.py (downtime_steps, update_downtime) and
nova/virt/libvirt/driver.py (_live_migration_data_gb,
_live_migration_monitor); and StarlingX's own Nova (r/2018.10), which differs.
Pure.
"""

import collections.abc
import dataclasses

_GIB = 2**30
#: Nova counts memory, and each disk that is copied, as this much at least.
_LEAST_GB = 2


@dataclasses.dataclass(frozen=True)
class Plan:
    """The options of nova.conf, [libvirt], that make it, and what is copied.

    :ivar downtime: live_migration_downtime, in ms
    :ivar steps: live_migration_downtime_steps
    :ivar delay: live_migration_downtime_delay, in seconds per GB
    :ivar completion_timeout: live_migration_completion_timeout, in seconds
        per GB; 0 for none
    :ivar data_gb: what Nova counts as to be copied
    :ivar starlingx: it is StarlingX's own Nova: its time-out is that of the
        whole migration, and its steps take two thirds of that
    """

    data_gb: float
    downtime: int = 500
    steps: int = 10
    delay: int = 75
    completion_timeout: int = 800
    starlingx: bool = False

    @classmethod
    def of_timeout(
        cls, seconds: int, data_gb: float, starlingx: bool = False
    ) -> 'Plan':
        """The Plan whose time-out is as near to that as an option allows.

        :param seconds: 0 for none
        """
        option = seconds if starlingx else round(seconds / data_gb)
        return cls(
            data_gb,
            completion_timeout=max(option, min(1, seconds)),
            starlingx=starlingx,
        )

    @property
    def downtimes(self) -> tuple[tuple[int, int], ...]:
        """Each step as (seconds that must have passed, maximum in ms)."""
        base: float
        offset: float
        if self.starlingx:
            delay = int(self.completion_timeout * 2 / 3 / self.steps)
            base = self.downtime // self.steps
            offset = (self.downtime - base) // self.steps
        else:
            delay = int(self.delay * self.data_gb)
            base = self.downtime / self.steps
            offset = (self.downtime - base) / self.steps
        return tuple(
            (delay * step, int(base + offset * step))
            for step in range(self.steps + 1)
        )

    @property
    def timeout(self) -> int | None:
        """Seconds after which Nova acts, or None if it never does."""
        if self.starlingx:
            return self.completion_timeout or None
        return int(self.completion_timeout * self.data_gb) or None

    def complaints(
        self, logged: collections.abc.Collection[tuple[int, int]]
    ) -> list[str]:
        """What is wrong with the steps that Nova logged.

        It may leave out steps, if the migration ends before them or a step
        passes unseen; it must not make up others, nor go back.

        :param logged: each as (ms, seconds), as the log says them
        :returns: a sentence for each
        """
        planned: dict[int, set[int]] = {}
        for after, downtime in self.downtimes:
            # Of steps that are equal, Nova logs the first that it sees.
            planned.setdefault(downtime, set()).add(after)
        found = []
        for downtime, after in logged:
            if downtime > self.downtime:
                found.append(
                    f'{downtime} ms is more than the limit of '
                    f'{self.downtime} ms'
                )
            elif after not in planned.get(downtime, ()):
                found.append(
                    f'{downtime} ms after {after} s is no step of the plan '
                    f'{self.downtimes}'
                )
        if list(logged) != sorted(logged):
            found.append(f'the steps go back: {tuple(logged)}')
        return found


def data_gb(
    memory_mb: float, copied_disks: collections.abc.Iterable[int] = ()
) -> float:
    """What Nova counts as to be copied.

    :param memory_mb: of the flavor
    :param copied_disks: the size of each, in bytes; none with shared storage
    """
    return max(_LEAST_GB, memory_mb * 2**20 / _GIB) + sum(
        max(_LEAST_GB, size / _GIB) for size in copied_disks
    )
