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
"""Whether a guest's wall clock goes on, and from the same source."""

import dataclasses
import time

from migration_tempest_plugin.checks import check
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.guest import shell
from migration_tempest_plugin.measurement.guest_clock import DRIFT

#: How often the clock is looked at; the look that took least time counts.
LOOKS = 5

#: Seconds within which the guest must say it.
PATIENCE = 30.0


@dataclasses.dataclass(frozen=True)
class Look:
    """The guest's wall clock, beside that of who asked.

    :ivar moment: when it was asked for, in seconds of the asker's clock
    :ivar low: the guest's clock less the asker's is at least this
    :ivar high: and at most this
    :ivar source: the kernel's clocksource
    """

    moment: float
    low: float
    high: float
    source: str

    @classmethod
    def parse(cls, text, asked, answered):
        """Read what clock.sh says.

        :raises GuestError: if it is not that
        """
        try:
            now, resolution, source = text.split()
            return cls(
                asked,
                float(now) - answered,
                float(now) + float(resolution) - asked,
                source,
            )
        except ValueError:
            raise exceptions.GuestError(
                f'The guest was asked for its clock, and said {text!r}'
            ) from None


class ClockCheck(check.Check):
    """The guest's time of day has not moved by more than is allowed.

    Where the guest is stopped, its clock may be late by that time, until it
    is put right from outside.

    :param connect: returns a connected ``paramiko.SSHClient``, which is
        closed here
    :param allowed: seconds by which it may be late, or early
    """

    name = 'clock'

    def __init__(self, connect, allowed):
        self._connect = connect
        self._allowed = allowed

    def _setUp(self):
        self._before = self._look()

    def verify(self):
        after, before = self._look(), self._before
        if after.source != before.source:
            raise self.failed(
                'the clocksource is %s, and was %s',
                after.source,
                before.source,
            )
        # The asker's own clock may be slewed meanwhile.
        slack = DRIFT * (after.moment - before.moment)
        low = after.low - before.high - slack
        high = after.high - before.low + slack
        seen = (
            f'it moved by {(low + high) / 2:+.3f} s '
            f'({low:+.3f} to {high:+.3f}) in '
            f'{after.moment - before.moment:.1f} s'
        )
        if low > self._allowed or high < -self._allowed:
            raise self.failed('%s; %g s are allowed', seen, self._allowed)
        if max(-low, high) > self._allowed:
            return (
                f'not known well enough: {seen}; '
                f'{self._allowed:g} s are allowed'
            )
        return f'{seen}; the clocksource is {after.source}'

    def _look(self):
        command = shell.command_of('clock')
        with shell.asking(self.name), self._connect() as connection:
            looks = [self._ask(connection, command) for _ in range(LOOKS)]
        return min(looks, key=lambda look: look.high - look.low)

    @staticmethod
    def _ask(connection, command):
        asked = time.monotonic()
        text = (
            connection.exec_command(command, timeout=PATIENCE)[1]
            .read()
            .decode(errors='replace')
        )
        return Look.parse(shell.own(text), asked, time.monotonic())
