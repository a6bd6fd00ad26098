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
"""From which round trip on a late answer is a stall.

A busy guest answers late, and more so now and then, though nothing is down.
How late, its round trips show before the operation begins.
"""

import collections.abc

#: The threshold is so many times what nine of ten round trips took at most,
#: or so many times the longest, whichever is more. Found with an emulated
#: guest of one processor on a busy machine: its longest round trip in a minute
#: was 2 to 16 times what nine of ten took in the first seconds.
TIMES_OF_MOST = 10
TIMES_OF_LONGEST = 2

#: Seconds. Not even in the busiest guest is more than that no stall: whoever
#: uses a connection would notice.
CEILING = 1.0


def threshold(
    round_trips: collections.abc.Iterable[float], least: float
) -> float:
    """How long an answer may take that is no stall.

    :param round_trips: seconds each, before the operation; at least one
    :param least: seconds; it is not less, whatever they are
    """
    ordered = sorted(round_trips)
    most = ordered[(9 * len(ordered) - 1) // 10]
    found = max(TIMES_OF_MOST * most, TIMES_OF_LONGEST * ordered[-1])
    return max(least, min(found, CEILING))
