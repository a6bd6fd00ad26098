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
"""One probe and how it ended."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Sample:
    """One probe.

    :ivar start: when it was sent, in seconds
    :ivar end: when its answer came, or when it was known that it failed: its
        deadline, a refusal, or the moment of reading
    :ivar answered: an answer came within the deadline
    :ivar late: an answer came, but after the deadline, at ``end``: that is
        no answer
    :ivar slack: by how many seconds it may have been sent later than
        ``start``, where that is not known exactly
    :ivar took: how many seconds its answer took, where that is known better
        than by start and end
    :ivar why: why it failed, for people, where that is known
    """

    start: float
    end: float
    answered: bool
    late: bool = False
    slack: float = 0.0
    took: float | None = None
    why: str = ''

    def __post_init__(self) -> None:
        if self.end < self.start or self.slack < 0:
            raise ValueError(
                f'a probe that was sent at {self.start!r} (and up to '
                f"{self.slack!r} s later) can't end at {self.end!r}"
            )
        if self.answered and self.late:
            raise ValueError('a late answer is no answer')

    @property
    def delay(self) -> float:
        """Seconds from the start to the end."""
        return self.end - self.start

    @property
    def round_trip(self) -> float | None:
        """How many seconds its answer took, or None if that is not known.

        It is not of one that had none, nor of one that may have been sent at
        any time before its answer.

        Where it may have been sent later, since the tester itself was late,
        say, that is no time of the answer.
        """
        if not (self.answered or self.late):
            return None
        if self.took is not None:
            return self.took
        if self.slack and self.end <= self.latest_start:
            return None
        return max(0.0, self.end - self.latest_start)

    @property
    def latest_start(self) -> float:
        """When it was sent at the latest."""
        return self.start + self.slack
