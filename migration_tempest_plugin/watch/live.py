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
"""What a meter sees, while it goes on."""

import dataclasses

from migration_tempest_plugin import exceptions
from migration_tempest_plugin import measurement
from migration_tempest_plugin import meters
from migration_tempest_plugin.meters import metadata_follow
from migration_tempest_plugin.meters import service


@dataclasses.dataclass(frozen=True)
class State:
    """What is known of one target now.

    :ivar what: what is measured, in a word: 'network', 'tcp', 'http'
    :ivar down_since: in seconds of this machine's clock, or None
    :ivar why: why it is down, for people, where that is known
    :ivar lost: why it can't be measured any more, or None
    :ivar outages: those that are over
    :ivar resolution: seconds; no outage that was longer was missed, so far
    """

    target: str
    what: str
    down_since: float | None = None
    lost: str | None = None
    outages: tuple = ()
    resolution: float = 0.0
    why: str = ''

    @property
    def longest(self):
        """The Duration of the longest outage that is over."""
        return measurement.Duration.longest(
            (outage.duration for outage in self.outages), self.resolution
        )

    @property
    def total(self):
        """The Duration of all outages in sum that are over."""
        return measurement.Duration.sum(
            (outage.duration for outage in self.outages), self.resolution
        )


class Live:
    """What a meter sees, looked at piece by piece: a watch may take days.

    :param baseline: from when on it counts, in the clock of the meter
    :param clock: gives the GuestClock, if that is the guest's
    """

    def __init__(self, target, meter, baseline, clock=None):
        self.state = State(target, _what(meter))
        self._meter = meter
        self._answered = baseline
        self._clock = clock

    def look(self):
        """The outages that are known to be over since the last look."""
        if self.state.lost:
            return []  # for good; and why costs a look at all there was
        try:
            timeline = self._meter.recent(self._answered)
        except exceptions.NoMeasurement as error:
            # Nobody will see it come back, so nobody is to wait for that.
            self.state = dataclasses.replace(
                self.state, lost=error.reason, down_since=None, why=''
            )
            return []
        if timeline is None:
            return []
        seen = self._joined(timeline)
        if seen is None:
            return []
        self._answered = max(
            sample.start for sample in timeline.samples if sample.answered
        )
        ended = [outage for outage in seen.outages if not outage.ongoing]
        self.state = dataclasses.replace(
            self.state,
            down_since=seen.down_since,
            outages=(*self.state.outages, *ended),
            resolution=max(self.state.resolution, seen.resolution),
            why=seen.outages[-1].why if seen.still_down else '',
        )
        return ended

    def answers(self):
        """The Percentiles of all answers up to now, or None."""
        if self.state.lost or not hasattr(self._meter, 'round_trips'):
            return None
        try:
            found = self._meter.round_trips()
        except exceptions.NoMeasurement:
            return None
        return found and found.percentiles()

    def _joined(self, timeline):
        """The Timeline in the tester's clock; None if that is not known."""
        if timeline.clock == 'tester':
            return timeline
        try:
            return timeline.joined(self._clock())
        except exceptions.NoMeasurement:
            return None


def _what(meter):
    match meter:
        case meters.GuestHeartbeatMeter():
            return 'tcp'
        case metadata_follow.FollowedMetadataMeter():
            return 'metadata'
        case service.ServiceDowntimeMeter():
            return meter.what
    return 'network'
