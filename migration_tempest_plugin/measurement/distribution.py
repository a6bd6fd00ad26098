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

import collections.abc
import dataclasses
import statistics
import typing

from migration_tempest_plugin.measurement.duration import Duration

_Figure: typing.TypeAlias = collections.abc.Callable[[list[float]], float]


@dataclasses.dataclass(frozen=True)
class Distribution:
    """Of some Durations, or of numbers that are known exactly.

    Each figure is a Duration. Its bounds are the same figure of all lower and
    of all upper bounds.

    :ivar percentile: the 95th, interpolated between the two next to it
    """

    count: int
    minimum: Duration
    median: Duration
    percentile: Duration
    maximum: Duration

    @classmethod
    def of(cls, numbers: collections.abc.Iterable[float]) -> 'Distribution':
        """:raises ValueError: if there are none"""
        durations = [
            each if isinstance(each, Duration) else Duration(each, each)
            for each in numbers
        ]
        if not durations:
            raise ValueError('no numbers, no distribution')
        sides = [
            sorted(map(float, side))
            for side in (
                durations,
                (each.lower for each in durations),
                (each.upper for each in durations),
            )
        ]
        figures: tuple[_Figure, ...] = (
            min,
            statistics.median,
            _percentile,
            max,
        )
        return cls(
            len(durations),
            *(Duration.around(*map(figure, sides)) for figure in figures),
        )

    def __str__(self) -> str:
        return (
            f'min {self.minimum.brief()}, median {self.median.brief()}, '
            f'95% {self.percentile.brief()}, max {self.maximum.brief()}'
        )


def _percentile(numbers: list[float]) -> float:
    """The 95th of ordered numbers, of which some may be infinite."""
    place, part = divmod(19 * (len(numbers) - 1), 20)
    if not part:
        return numbers[place]
    return (numbers[place] * (20 - part) + numbers[place + 1] * part) / 20
