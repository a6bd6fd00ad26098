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
"""Measures, from inside a guest, how long an address is out of reach."""

import collections.abc
import re
import threading
import time

import fixtures
import paramiko

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.guest import stream
from migration_tempest_plugin import measurement
from migration_tempest_plugin.measurement.guest_clock import TICK
from migration_tempest_plugin.measurement import timeline
from migration_tempest_plugin.meters import ping_output

_ANSWER = re.compile(
    r'(\d+\.\d\d) .*seq=(\d+) .*time[=<]([\d.]+) ms(.*DUP.*)?'
)
_INTERVAL = re.compile(r'ping_stream 1 interval=([\d.]+)')


class GuestPingMeter(fixtures.Fixture):
    """Pings an address from inside a guest, until it is read.

    All times are those of the guest's clock (/proc/uptime), which stands
    still while the guest itself is stopped. The packets are printed as they
    are answered: what is still out of reach at the end is no measurement.

    :param connect: returns a connected ``paramiko.SSHClient``, which is
        closed here
    :param address: IPv4 or IPv6
    :param what: what is measured, in a word
    :param interval: seconds from one packet to the next; one second, if
        nothing less is known to the guest's ping
    :param deadline: seconds within which a packet must be answered
    :param lifetime: seconds after which it ends by itself
    :param clock: whose clock the guest's is, as in a Timeline
    """

    def __init__(
        self,
        connect: collections.abc.Callable[[], paramiko.SSHClient],
        address: str,
        what: str,
        interval: float = 0.05,
        deadline: float = 0.5,
        lifetime: float = 3600,
        clock: str = 'guest',
    ) -> None:
        self.address = address
        self.what = what
        self.deadline = deadline
        self._clock = clock
        self._interval = interval  # until the guest prints its own
        self._wall_start: float | None = None
        self._stream = stream.ScriptStream(
            connect,
            'ping_stream',
            (address, f'{interval:g}', round(lifetime)),
            self._take,
        )
        self._changed = threading.Condition()
        # (when it came, round trip) by number
        self._answers: dict[int, tuple[float, float]] = {}
        # of these numbers, not modulo 65536
        self._highest: int | None = None
        self._duplicates = 0

    def _setUp(self) -> None:
        self.useFixture(self._stream)
        said = _INTERVAL.fullmatch(self._stream.header)
        if not said:
            raise self._nothing(
                f"the guest can't ping it: {self._stream.header}"
            )
        self._interval = float(said[1])
        self._wall_start = time.time()

    def _take(self, line: str) -> None:
        answer = _ANSWER.fullmatch(line)
        if not answer:
            raise ValueError(line)
        came, modulo, trip, again = answer.groups()
        with self._changed:
            if self._highest is None:
                self._highest = int(modulo)
            number = ping_output.unwrap(int(modulo), self._highest)
            self._highest = max(self._highest, number)
            if again or number in self._answers:
                self._duplicates += 1
            else:
                self._answers[number] = (float(came), float(trip) / 1000)
            self._changed.notify_all()

    def wait_until_up(self, timeout: float) -> float:
        """Wait for one more answer.

        :param timeout: in seconds
        :returns: when that came, for Timeline.since()
        :raises NoMeasurement: if none comes
        """
        with self._changed:
            before = len(self._answers)
            self._changed.wait_for(
                lambda: len(self._answers) > before or self._stream.ended,
                timeout,
            )
            if len(self._answers) > before:
                came, trip = self._answers[max(self._answers)]
                return came - trip
        raise self._nothing(
            self._stream.ended or f'no answer within {timeout:g} s'
        )

    def measurement(self) -> timeline.Timeline:
        """The Timeline up to the last answer.

        :raises NoMeasurement: if there are no answers, or the guest had an
            answer twice: then it, or what it pings, runs twice
        """
        with self._changed:
            answers = dict(self._answers)
        if self._duplicates:
            raise self._nothing(
                f'{self._duplicates} packets were answered twice: two of '
                'them are there'
            )
        if len(answers) < 2:
            raise self._nothing(f'there are {len(answers)} answers')
        samples = tuple(samples_of(answers, self.deadline))
        return measurement.Timeline(
            self.what,
            self.address,
            samples,
            self._interval,
            max(sample.end for sample in samples),
            self._wall_start,
            probing=measurement.Probing.INDEPENDENT,
            method='ping in the guest',
            clock=self._clock,
        )

    def _nothing(self, reason: str) -> exceptions.NoMeasurement:
        return exceptions.NoMeasurement(
            f'{self.what} of {self.address}: {reason}',
            f'{len(self._answers)} answers',
        )


def samples_of(
    answers: collections.abc.Mapping[int, tuple[float, float]], deadline: float
) -> collections.abc.Iterator[measurement.Sample]:
    """The Samples of all packets from the first answered one to the last.

    When one was sent that has no answer lies between those around it that
    have one.

    :param answers: (when it came, its round trip) in seconds, by number
    :param deadline: seconds; what took longer is late
    """
    numbers = sorted(answers)
    for number, following in zip(numbers, [*numbers[1:], None]):
        came, trip = answers[number]
        sent = came - trip
        in_time = trip <= deadline
        yield measurement.Sample(
            sent, came + TICK, in_time, late=not in_time, slack=TICK
        )
        if following is None:
            return
        came, trip = answers[following]
        missing = following - number
        step = (came - trip - sent) / missing
        for place in range(1, missing):
            guessed = sent + place * step
            yield measurement.Sample(
                guessed, guessed + TICK, False, slack=TICK
            )
