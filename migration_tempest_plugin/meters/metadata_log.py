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
"""Reads what metadata_probe.sh wrote down. Pure: text in, samples out.

The format is described at the top of guest/metadata_probe.sh. A line that is
not whole (the last one of a log that is just being written, or one that met a
full file system) is left out and counted: the time of its attempt is
unobserved.
"""

import collections
import dataclasses
import re

from migration_tempest_plugin import measurement
from migration_tempest_plugin.measurement.guest_clock import TICK

_NUMBER = r'(\d+\.\d\d)'
_ATTEMPT = re.compile(r'(\d+) %s %s (\w+) ;' % (_NUMBER, _NUMBER))
_NOW = re.compile(r'(\d+) (\w+) %s (\d+) (-|\d+\.\d\d) (\d+) (\d+) *;'
                  % _NUMBER)


@dataclasses.dataclass(frozen=True)
class Attempt:
    """One request: start and end in seconds of the guest's clock."""

    sequence: int
    start: float
    end: float
    result: str

    @property
    def answered(self):
        return self.result == 'ok'


@dataclasses.dataclass(frozen=True)
class Now:
    """What the script is doing.

    :ivar sequence: number of the latest attempt
    :ivar state: 'open' while it is under way, its result afterwards
    :ivar start: when it began
    :ivar answered: how many were answered up to now
    :ivar last_answered: start of the latest answered one, or None
    :ivar lost: lines that could not be written into the log
    """

    sequence: int
    state: str
    start: float
    answered: int
    last_answered: float | None
    lost: int


@dataclasses.dataclass(frozen=True)
class Reading:
    """What was read at one time.

    :ivar attempts: those that came to an end, in order
    :ivar now: the Now, or None if its line was not whole
    :ivar uptime: the guest's clock then
    :ivar unreadable: lines that are not whole, or not from the script
    """

    attempts: tuple[Attempt, ...]
    now: Now | None
    uptime: float
    unreadable: int = 0

    @property
    def under_way(self):
        """The attempt that had not come to an end, as Now, or None."""
        if self.now is None or self.now.state != 'open':
            return None
        if self.attempts and self.attempts[-1].sequence >= self.now.sequence:
            return None
        return self.now

    @property
    def is_emptied(self):
        """Whether attempts came to an end of which none is in the log."""
        return (not self.attempts and self.now is not None and
                self.now.sequence > 1)

    def hangs(self, deadline):
        """Whether the attempt under way was older than the deadline."""
        attempt = self.under_way
        return attempt is not None and self.uptime - attempt.start > deadline

    def samples(self, deadline):
        """Turn the attempts into samples.

        The one under way counts as unanswered, since its start, if it hangs;
        before that it counts as nothing. The end of each sample is moved by
        the TICK that the clock may have cut off, so that no bound is narrower
        than what was seen.

        :param deadline: seconds, from the start of an attempt; an answer that
            took longer is late
        """
        samples = [_sample(attempt, deadline) for attempt in self.attempts]
        if self.hangs(deadline):
            samples.append(measurement.Sample(self.under_way.start,
                                              self.uptime, False))
        return samples

    def __str__(self):
        lost = self.unreadable + (self.now.lost if self.now else 0)
        if not self.attempts:
            return 'no attempt in the log, %d lines cut or lost' % lost
        results = collections.Counter(each.result for each in self.attempts)
        return '%d attempts in %.1f s (%s), %d lines cut or lost' % (
            len(self.attempts), self.uptime - self.attempts[0].start,
            ', '.join('%s: %d' % pair for pair in sorted(results.items())),
            lost)


def parse(log, now, uptime):
    """Make a Reading of the texts of the log and of what is under way.

    The first line of the log, the header, is left to others.
    """
    attempts = []
    unreadable = 0
    for line in filter(None, log.splitlines()[1:]):
        attempt = _attempt(line)
        if attempt and _follows(attempts, attempt):
            attempts.append(attempt)
        else:
            unreadable += 1
    return Reading(tuple(attempts), parse_now(now), uptime, unreadable)


def parse_now(text):
    """Read the line on what is under way; None if it is not whole."""
    match = _NOW.fullmatch(text.strip())
    # The number stands at both ends: a line that was read while it was being
    # overwritten has two different ones.
    if not match or match[1] != match[7]:
        return None
    return Now(sequence=int(match[1]), state=match[2], start=float(match[3]),
               answered=int(match[4]),
               last_answered=None if match[5] == '-' else float(match[5]),
               lost=int(match[6]))


def _attempt(line):
    match = _ATTEMPT.fullmatch(line)
    return match and Attempt(int(match[1]), float(match[2]), float(match[3]),
                             match[4])


def _follows(attempts, attempt):
    """Whether it can come after those; what two torn lines make can't."""
    if attempt.end < attempt.start:
        return False
    return not attempts or (attempt.sequence > attempts[-1].sequence and
                            attempt.start >= attempts[-1].end)


def _sample(attempt, deadline):
    late = attempt.answered and attempt.end - attempt.start > deadline
    return measurement.Sample(attempt.start, attempt.end + TICK,
                              attempt.answered and not late, late)
