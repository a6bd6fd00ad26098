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

    It is a float, the middle of the bounds, so that it can be compared,
    added up and formatted as one.

    :ivar lower: it lasted at least so long
    :ivar upper: it lasted at most so long
    """

    def __new__(cls, lower, upper):
        if not 0 <= lower <= upper:
            raise ValueError('no bounds of a duration: %r and %r'
                             % (lower, upper))
        self = super().__new__(cls, (lower + upper) / 2)
        self.lower = float(lower)
        self.upper = float(upper)
        return self

    def __getnewargs__(self):
        return self.lower, self.upper

    def __repr__(self):
        return 'Duration(lower=%r, upper=%r)' % (self.lower, self.upper)

    def __str__(self):
        return '%.3f s (%.3f to %.3f)' % (self, self.lower, self.upper)

    @classmethod
    def sum(cls, durations):
        """The sum of durations, whose bounds are the sums of theirs."""
        durations = tuple(durations)
        return cls(sum(each.lower for each in durations),
                   sum(each.upper for each in durations))

    def to_dict(self):
        return {'estimate': float(self), 'lower': self.lower,
                'upper': self.upper}
