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
"""One time without answers, and how exactly it is known."""

import dataclasses

from migration_tempest_plugin.measurement.duration import Duration


@dataclasses.dataclass(frozen=True)
class Outage:
    """One time in which no probe was answered.

    ``start`` and ``end`` are the widest that it can have been::

        probe    answered  failed  failed  failed  answered
        sent at     |         |       |       |       |
                    |         [---- lower ----]       |
                    [------------- upper ----------------]
                  start                                 end

    An outage that no answered probe divides reads as one.

    :ivar start: when the last answered probe before it was sent; the first
        probe, if none was answered before
    :ivar end: when the first answer to a probe after it came; the end of the
        observation, if none did
    :ivar lower: it lasted at least so many seconds: from the first failed
        probe to the last. The time that an answer takes is left out (the
        answer may have been lost on its way back), and so is unobserved time.
    :ivar failures: how many probes failed
    :ivar first_failure: when the first of them was sent, at the latest
    :ivar last_failure: when the last of them was sent
    :ivar ongoing: it was still down when the observation ended
    :ivar estimate: how many seconds it is likely to have lasted; the middle
        of the bounds if None
    :ivar why: why most of its probes failed, for people, where that is known
    """

    start: float
    end: float
    lower: float
    failures: int
    first_failure: float
    last_failure: float
    ongoing: bool = False
    estimate: float | None = None
    why: str = ''

    @property
    def upper(self) -> float:
        """It lasted at most so many seconds: from start to end."""
        return self.end - self.start

    @property
    def duration(self) -> Duration:
        """The Duration with these bounds."""
        return Duration(self.lower, self.upper, self.estimate)

    def to_dict(self) -> dict[str, object]:
        return {
            'start': self.start,
            'end': self.end,
            'failures': self.failures,
            'ongoing': self.ongoing,
            **self.duration.to_dict(),
            **({'why': self.why} if self.why else {}),
        }
