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
"""What a meter made of outages whose length is known. Pure."""

import dataclasses
import typing

from migration_tempest_plugin.measurement import Duration


@dataclasses.dataclass(frozen=True)
class Reading:
    """What one meter made of one outage.

    :ivar planned: what was asked for
    :ivar injected: bounds of the true length
    :ivar measured: what the meter says, or None if it saw nothing
    :ivar resolution: of the measurement: a shorter one may go unseen
    """

    planned: typing.Any
    injected: Duration
    measured: Duration | None
    resolution: float

    @property
    def holds(self):
        """Whether the bounds hold the true length."""
        if self.measured is None:
            return self.injected.lower <= self.resolution
        return (
            self.measured.lower <= self.injected.upper
            and self.measured.upper >= self.injected.lower
        )

    @property
    def error(self):
        """How far the estimate is from the truth, in seconds."""
        return abs(float(self.measured or 0) - float(self.injected))

    @property
    def width(self):
        """How far the bounds are apart, in seconds.

        What was not seen lasted as long as the resolution, at most.
        """
        if self.measured is None:
            return self.resolution
        return self.measured.upper - self.measured.lower


def read(timeline, planned, injected):
    """Find each outage that was made in a timeline.

    :param planned: what was asked for, of each
    :param injected: the network.Injected of each, in the timeline's clock
    :returns: (a Reading of each, how many outages were seen that were none)
    """
    rest = list(timeline.outages)
    readings = []
    for wanted, outage in zip(planned, injected):
        seen = [
            each
            for each in rest
            if each.start <= outage.has_ended and each.end >= outage.began
        ]
        rest = [each for each in rest if each not in seen]
        readings.append(
            Reading(
                wanted,
                Duration(outage.lower, outage.upper),
                Duration.sum(each.duration for each in seen) if seen else None,
                timeline.resolution,
            )
        )
    return tuple(readings), len(rest)
