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
"""A length of time that is known within bounds."""

import collections.abc


class Duration(float):
    """Seconds, as the best estimate, with the bounds of the true length.

    It is a float, the estimate, so that it can be compared, added up and
    formatted as one. Of what was not seen, the estimate is 0 and the upper
    bound is the resolution.

    >>> print(Duration(0.05, 0.11, 0.06))
    0.060 s (0.050 to 0.110)
    >>> Duration.sum([Duration(1, 3), Duration(2, 4)])
    Duration(lower=3.0, upper=7.0, estimate=5.0)
    >>> print(Duration.sum([], resolution=0.012))
    at most 0.012 s

    :ivar lower: it lasted at least so long
    :ivar upper: it lasted at most so long
    :param estimate: the middle of the bounds if left out
    """

    lower: float
    upper: float

    def __new__(
        cls, lower: float, upper: float, estimate: float | None = None
    ) -> 'Duration':
        if estimate is None:
            estimate = (lower + upper) / 2
        if not 0 <= lower <= estimate <= upper:
            raise ValueError(
                f'no bounds of a duration: {lower!r} and {upper!r} around '
                f'{estimate!r}'
            )
        self = super().__new__(cls, estimate)
        self.lower = float(lower)
        self.upper = float(upper)
        return self

    # Not what __new__() of a float takes, but what that of this class does.
    def __getnewargs__(  # type: ignore[override]
        self,
    ) -> tuple[float, float, float]:
        return self.lower, self.upper, float(self)

    def __repr__(self) -> str:
        return (
            f'Duration(lower={self.lower!r}, upper={self.upper!r}, '
            f'estimate={float(self)!r})'
        )

    def __str__(self) -> str:
        text = self.brief() + ' s'
        return (
            text
            if self.is_bound_alone
            else f'{text} ({self.lower:.3f} to {self.upper:.3f})'
        )

    @property
    def is_bound_alone(self) -> bool:
        """Whether there is nothing to say of it but its upper bound."""
        return not self and self.upper > 0

    def brief(self) -> str:
        """The estimate or, where there is none, the bound; without unit."""
        return (
            f'at most {self.upper:.3f}'
            if self.is_bound_alone
            else f'{self:.3f}'
        )

    def told(self) -> str:
        """The same as text, but of one that was not seen, its bound."""
        if self.is_bound_alone:
            return f'none longer than {self.upper:.3f} s'
        return str(self)

    @classmethod
    def around(cls, estimate: float, lower: float, upper: float) -> 'Duration':
        """One with the bounds, and the estimate as far as they allow it.

        What was added up or interpolated may have been rounded past them.
        """
        return cls(lower, upper, min(max(lower, estimate), upper))

    @classmethod
    def sum(
        cls,
        durations: collections.abc.Iterable['Duration'],
        resolution: float = 0.0,
    ) -> 'Duration':
        """The sum of durations, whose bounds are the sums of theirs.

        :param resolution: seconds; the upper bound where there are none,
            since none was seen
        """
        durations = tuple(durations) or (cls(0, resolution, 0),)
        return cls.around(
            sum(map(float, durations)),
            sum(each.lower for each in durations),
            sum(each.upper for each in durations),
        )

    @classmethod
    def longest(
        cls,
        durations: collections.abc.Iterable['Duration'],
        resolution: float = 0.0,
    ) -> 'Duration':
        """Of the longest of durations, whichever it is.

        It is as long at least as the greatest of their lower bounds, and at
        most as the greatest of their upper ones, which may be another's.

        :param resolution: as for sum()
        """
        durations = tuple(durations) or (cls(0, resolution, 0),)
        return cls(
            max(each.lower for each in durations),
            max(each.upper for each in durations),
            max(map(float, durations)),
        )

    def less(self, other: 'Duration') -> 'Duration':
        """What is left of it without another one that is a part of it."""
        return Duration.around(
            float(self) - float(other),
            max(0.0, self.lower - other.upper),
            max(0.0, self.upper - other.lower),
        )

    def to_dict(self) -> dict[str, object]:
        return {
            'estimate': float(self),
            'lower': self.lower,
            'upper': self.upper,
        }
