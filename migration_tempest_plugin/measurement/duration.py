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


class Duration(float):
    """Seconds, as the best estimate, with the bounds of the true length.

    It is a float, the estimate, so that it can be compared, added up and
    formatted as one.

    :ivar lower: it lasted at least so long
    :ivar upper: it lasted at most so long
    :param estimate: the middle of the bounds if left out
    """

    def __new__(cls, lower, upper, estimate=None):
        if estimate is None:
            estimate = (lower + upper) / 2
        if not 0 <= lower <= estimate <= upper:
            raise ValueError('no bounds of a duration: %r and %r around %r'
                             % (lower, upper, estimate))
        self = super().__new__(cls, estimate)
        self.lower = float(lower)
        self.upper = float(upper)
        return self

    def __getnewargs__(self):
        return self.lower, self.upper, float(self)

    def __repr__(self):
        return 'Duration(lower=%r, upper=%r, estimate=%r)' % (
            self.lower, self.upper, float(self))

    def __str__(self):
        return '%.3f s (%.3f to %.3f)' % (self, self.lower, self.upper)

    @classmethod
    def sum(cls, durations):
        """The sum of durations, whose bounds are the sums of theirs."""
        durations = tuple(durations)
        lower = sum(each.lower for each in durations)
        upper = sum(each.upper for each in durations)
        # Adding up may round them past each other.
        return cls(lower, upper,
                   min(max(lower, sum(map(float, durations))), upper))

    @classmethod
    def longest(cls, durations):
        """Of the longest of durations, whichever it is; 0 s without any.

        It is as long at least as the greatest of their lower bounds, and at
        most as the greatest of their upper ones, which may be another's.
        """
        durations = tuple(durations) or (cls(0, 0),)
        return cls(max(each.lower for each in durations),
                   max(each.upper for each in durations),
                   max(map(float, durations)))

    def less(self, other):
        """What is left of it without another one that is a part of it."""
        lower = max(0.0, self.lower - other.upper)
        upper = max(0.0, self.upper - other.lower)
        return Duration(lower, upper,
                        min(max(lower, float(self) - float(other)), upper))

    def to_dict(self):
        return {'estimate': float(self), 'lower': self.lower,
                'upper': self.upper}
