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
"""A migration that was followed while its server was watched."""

import dataclasses

from migration_tempest_plugin.measurement.duration import Duration
from migration_tempest_plugin.measurement.progress import Progress


@dataclasses.dataclass(frozen=True)
class Followed:
    """What Nova's API showed of one migration that somebody else asked for.

    :ivar kind: 'live migration', 'cold migration', 'resize' or 'evacuation'
    :ivar source: host that the server was on, or None where it is not shown
    :ivar destination: host that it was on afterwards, or None: it is not
        shown, or the migration was not over
    :ivar status: of the record; where that is not shown 'under way', 'over',
        'over, on the same host', or 'failed'
    :ivar progress: the Progress; it counts from the last look before it
    :ivar record: the migration record of Nova's API, or None where it is not
        shown
    :ivar events: the events of the instance action, as in Nova's API
    :ivar ended: when it was over, as (earliest, latest), in seconds; None if
        it was not seen to be over
    """

    kind: str
    source: str | None
    destination: str | None
    status: str
    progress: Progress
    record: dict[str, object] | None = None
    events: tuple[dict[str, object], ...] = ()
    ended: tuple[float, float] | None = None

    @property
    def took(self) -> Duration | None:
        """For how long it went on, or None if it was not over."""
        if self.ended is None:
            return None
        earliest, latest = self.ended
        begun = self.progress.looks[0].answered
        return Duration(
            max(0.0, earliest - begun), latest - self.progress.requested
        )

    def to_dict(self, origin: float) -> dict[str, object]:
        """Ready for JSON, in seconds since the origin."""
        return {
            'kind': self.kind,
            'source': self.source,
            'destination': self.destination,
            'status': self.status,
            # one of 0 s is no None
            'took': None if self.took is None else self.took.to_dict(),
            'phases': [
                phase.to_dict(origin) for phase in self.progress.phases
            ],
            'migration_record': self.record,
            'events': list(self.events),
        }
