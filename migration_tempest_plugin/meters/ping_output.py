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
"""Reads what ``ping -n -D -O`` prints. Pure: lines in, samples out.

As iputils (20221126) was seen to behave:

* A reply is printed when it comes, with the wall clock and its round trip.
* "no answer yet for icmp_seq=N" is printed when the probe after N is sent,
  so its time is that probe's. The real interval is up to some ms above the
  one asked for, never below.
* If the probe after N can't be sent (the queue to a neighbour that does not
  answer ARP is full), the same line comes again, with the same N, at each
  further attempt. Such an attempt is a probe that failed.
* "Destination Host Unreachable" says, seconds later, of probes that were
  already reported as unanswered: nothing is to be learned from it.
* Sequence numbers have 16 bits and start again at 0.
"""

import dataclasses
import re

from migration_tempest_plugin import measurement

_REPLY = re.compile(
    r'\[(\d+\.\d+)\] \d+ bytes from \S+ icmp_seq=(\d+) '
    r'.*?time=(\d+(?:\.\d+)?) ms(.*)'
)
_NO_ANSWER = re.compile(r'\[(\d+\.\d+)\] no answer yet for icmp_seq=(\d+)')
_NONE = ('(DUP!)', '(DIFFERENT ADDRESS!)', '(BAD CHECKSUM)')
_WRAP = 1 << 16


@dataclasses.dataclass(frozen=True)
class Reply:
    """A reply.

    :ivar wall: when it came, in seconds of the wall clock
    :ivar sequence: number of the probe, modulo 65536
    :ivar delay: round trip in seconds
    """

    wall: float
    sequence: int
    delay: float


@dataclasses.dataclass(frozen=True)
class NoAnswer:
    """The probe ``sequence`` had no answer when the next one was sent."""

    wall: float
    sequence: int


def parse_line(line: str) -> Reply | NoAnswer | None:
    """A Reply, a NoAnswer, or None for a line that says neither.

    A duplicate of a reply says nothing new either, and one that is damaged, or
    comes from somebody else, is none of the target's.
    """
    match = _REPLY.match(line)
    if match:
        if any(sign in match[4] for sign in _NONE):
            return None
        return Reply(float(match[1]), int(match[2]), float(match[3]) / 1000)
    match = _NO_ANSWER.match(line)
    return NoAnswer(float(match[1]), int(match[2])) if match else None


def unwrap(sequence: int, highest: int) -> int:
    """The number nearest to the highest one that is this modulo 65536.

    >>> unwrap(2, highest=65535)
    65538
    """
    behind = (highest - sequence + _WRAP // 2) % _WRAP - _WRAP // 2
    return highest - behind


class Probes:
    """The probes of one ping, as its lines show them one after another.

    :param interval: seconds, as given to ping
    """

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._highest = 0  # of all sequence numbers, not modulo 65536
        # starts of the unanswered, by sequence number
        self._starts: dict[int, float] = {}
        # (start, end) by sequence number
        self._replies: dict[int, tuple[float, float]] = {}
        # starts of those that could not be sent
        self._unsent: list[float] = []
        # when the latest one was sent, if known
        self._attempt: float | None = None

    def add(self, event: Reply | NoAnswer, time: float) -> None:
        """Take in an event.

        :param time: when it was, in monotonic seconds
        """
        sequence = unwrap(event.sequence, self._highest)
        if isinstance(event, Reply):
            start = time - event.delay
            self._replies.setdefault(sequence, (start, time))
            self._starts.pop(sequence, None)
            if sequence >= self._highest:
                self._attempt = None
        elif sequence in self._starts and self._attempt is not None:
            self._unsent.append(self._attempt)
            self._attempt = time
        else:
            # Its own start was in the line before, if that was one of
            # these too. If not, it can't be later than one interval before
            # now: the lower bound of an outage must not come out too high.
            self._starts[sequence] = (
                self._attempt
                if self._attempt is not None
                else time - self._interval
            )
            self._attempt = time
        self._highest = max(self._highest, sequence)

    def latest_unanswered(self) -> float | None:
        """When the latest probe without an answer was sent, or None."""
        return max([*self._starts.values(), *self._unsent], default=None)

    def samples(self, deadline: float, now: float) -> list[measurement.Sample]:
        """All samples; a probe still in flight within its deadline is none.

        :param deadline: seconds from a probe to its answer
        :param now: the present, in monotonic seconds
        """
        samples = [
            measurement.Sample(
                start,
                end,
                answered=end - start <= deadline,
                late=end - start > deadline,
            )
            for start, end in self._replies.values()
        ]
        failed = [*self._starts.values(), *self._unsent]
        # What it saw, it saw when it was sent.
        samples.extend(
            measurement.Sample(start, start, answered=False)
            for start in failed
            if start + deadline <= now
        )
        return samples
