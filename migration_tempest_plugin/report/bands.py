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
"""The band of a lane: how long answers took, over time.

It is as high as the median and the 99th percentile are apart, on a logarithmic
scale of the lane's own: what is drawn twice as high took many times as long.
"""

import dataclasses
import math

from migration_tempest_plugin.measurement.round_trips import milliseconds
from migration_tempest_plugin.report import documents

#: The scale goes at least from one to so many times as long: what varies less
#: is not to look like much.
_LEAST_SCALE = 10

#: Which part of the scale is drawn at least, to be seen.
_LEAST = 0.04


@dataclasses.dataclass(frozen=True)
class Piece:
    """A part of the band.

    :ivar begin, end: from when to when, in seconds of the axis
    :ivar low, high: the median and the 99th percentile, as parts of the scale
    :ivar text: what they are, for people
    """

    begin: float
    end: float
    low: float
    high: float
    text: str


def pieces(timeline: documents.Timeline) -> list[Piece]:
    """The pieces of a timeline, in order; none where nothing is known."""
    slots = timeline.get('band', [])
    if not slots:
        return []
    least = min(each['median'] for each in slots) or 1e-6
    most = max(least * _LEAST_SCALE, *(each['p99'] for each in slots))
    scale = math.log(most / least)
    begin = timeline.get('begin', 0.0)
    near = 2 * timeline.get('interval', 0.0)
    found = []
    for slot, following in zip(slots, [*slots[1:], None]):
        low, high = (
            math.log(max(1.0, seconds / least)) / scale
            for seconds in (slot['median'], slot['p99'])
        )
        # Nothing is missing between a slot and the next one.
        end = (
            following['begin']
            if following and following['begin'] - slot['end'] <= near
            else slot['end'] + near / 2
        )
        found.append(
            Piece(
                begin + slot['begin'],
                begin + end,
                low,
                max(high, low + _LEAST),
                _text(slot),
            )
        )
    return found


def _text(slot: documents.RoundTripSlot) -> str:
    median, high, longest = (
        milliseconds(slot[name]) for name in ('median', 'p99', 'maximum')
    )
    return (
        f'round trips: median {median} ms, 99 % {high} ms, '
        f'longest {longest} ms'
    )
