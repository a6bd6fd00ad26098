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
"""Times in which nobody looked, added up."""

import collections.abc
import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Gaps:
    """Some times in which nobody looked, each from one probe to the next.

    :ivar count: how many there were
    :ivar total: seconds of all of them
    :ivar longest: seconds of the longest one
    """

    count: int = 0
    total: float = 0.0
    longest: float = 0.0

    @classmethod
    def of(cls, lengths: collections.abc.Collection[float]) -> 'Gaps':
        """Those with some lengths, in seconds."""
        return cls(len(lengths), sum(lengths), max(lengths, default=0.0))

    def __add__(self, other: 'Gaps') -> 'Gaps':
        return Gaps(
            self.count + other.count,
            self.total + other.total,
            max(self.longest, other.longest),
        )

    def to_dict(self) -> dict[str, float]:
        return dataclasses.asdict(self)


NONE = Gaps()
