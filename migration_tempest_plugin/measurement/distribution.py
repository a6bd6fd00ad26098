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
"""How numbers of the same kind are spread."""

import dataclasses
import statistics


@dataclasses.dataclass(frozen=True)
class Distribution:
    """Of some numbers, in their own unit.

    :ivar percentile: the 95th, interpolated between the two next to it
    """

    count: int
    minimum: float
    median: float
    percentile: float
    maximum: float

    @classmethod
    def of(cls, numbers):
        """:raises ValueError: if there are none"""
        numbers = sorted(map(float, numbers))
        if not numbers:
            raise ValueError('no numbers, no distribution')
        percentile = numbers[0] if len(numbers) == 1 else \
            statistics.quantiles(numbers, n=20, method='inclusive')[-1]
        return cls(len(numbers), numbers[0], statistics.median(numbers),
                   percentile, numbers[-1])

    def __str__(self):
        return 'min %.3f, median %.3f, 95%% %.3f, max %.3f' % (
            self.minimum, self.median, self.percentile, self.maximum)
