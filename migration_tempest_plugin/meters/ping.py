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
"""Runs ping, where no socket of our own is allowed."""

import os
import subprocess
import threading
import time

from oslo_log import log

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.measurement import folding
from migration_tempest_plugin.meters import ping_output

LOG = log.getLogger(__name__)

#: Seconds that ping gets to say its first line, and to end when it is asked
#: to.
PATIENCE = 10.0

#: Seconds; below this, ping takes a whole core and is no quicker.
SHORTEST_INTERVAL = 0.02


class Probes:
    """What becomes of the probes of one ping.

    ``ping`` ends at clean-up; if this process dies without one, it ends by
    itself at its next line, which nobody reads any more (SIGPIPE).

    :param dest_ip: address or name
    :param interval: seconds from probe to probe; not below
        SHORTEST_INTERVAL, and some old releases of ping need root below 0.2
    :param deadline: seconds within which a reply must come
    :raises NoMeasurement: if ping does not start
    """

    method = 'ping'
    cpu = None

    def __init__(self, dest_ip: str, interval: float, deadline: float) -> None:
        self.interval = max(interval, SHORTEST_INTERVAL)
        self._dest_ip = dest_ip
        self._deadline = deadline
        self._probes = ping_output.Probes(self.interval)
        self._changed = threading.Condition()
        self._other_lines: list[str] = []
        self._began = self._over = False
        self._last_answered = float('-inf')
        self._last_time = time.monotonic()
        self._ended: float | None = None  # when it was stopped
        self._died: int | None = None  # what it had ended with
        self._ping = self._start()
        assert self._ping.stdout is not None  # it is a pipe
        self._output = self._ping.stdout
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._check_start()

    @property
    def pid(self) -> int:
        return self._ping.pid

    def _start(self) -> subprocess.Popen[str]:
        # -n -D -O: no names, wall clock, say what was not answered
        command = [
            'ping',
            '-n',
            '-D',
            '-O',
            '-i',
            f'{self.interval:g}',
            '--',
            self._dest_ip,
        ]
        LOG.debug('Starting %s', ' '.join(command))
        try:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors='replace',
                # as the prober (icmp.py)
                start_new_session=True,
                env={**os.environ, 'LC_ALL': 'C'},
            )
        except OSError as error:
            raise exceptions.NoMeasurement(
                f"ping can't be started ({error}); it is the package "
                'iputils-ping or iputils'
            ) from error

    def _check_start(self) -> None:
        """Wait for the line that it begins with, or the end of ping.

        It may warn of something before that.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._began or self._over, PATIENCE)
            if self._began:
                return
        self.stop()
        raise exceptions.NoMeasurement(
            f'ping of {self._dest_ip} did not start', seen=self.said()
        )

    def _read(self) -> None:
        """Take in what ping prints, as it comes; runs in a thread."""
        for line in self._output:
            event = ping_output.parse_line(line)
            with self._changed:
                if event:
                    self._add(event)
                elif line.startswith('PING ') and not self._began:
                    self._began = True
                elif line.strip():
                    self._other_lines.append(line.strip())
                self._changed.notify_all()
        self._ping.wait()
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def _add(self, event: ping_output.Reply | ping_output.NoAnswer) -> None:
        when = self._monotonic(event.wall)
        self._probes.add(event, when)
        if (
            isinstance(event, ping_output.Reply)
            and event.delay <= self._deadline
        ):
            self._last_answered = max(self._last_answered, when - event.delay)

    def _monotonic(self, wall: float) -> float:
        """The wall clock's time of an event that was just read, translated.

        If that clock was set in between, the present is as good as it gets.
        """
        now = time.monotonic()
        when = wall - time.time() + now
        if not self._last_time <= when <= now:
            when = max(now, self._last_time)
        self._last_time = when
        return when

    def stop(self) -> None:
        """End ping; what was seen up to now stays."""
        if self._ended is not None:
            return
        with self._changed:
            self._died = self._ping.poll()
            self._ended = time.monotonic()
        self._ping.terminate()
        try:
            self._ping.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._ping.kill()
            self._ping.wait()
        self._reader.join()
        self._output.close()

    def ended_by_itself(self) -> int | None:
        """Exit status of ping if nobody ended it, or None."""
        return self._ping.poll() if self._ended is None else self._died

    def wait_for_answer(self, since: float, timeout: float) -> float | None:
        """When an answered probe was sent, since a moment; None if none was.

        Waits until there is one, until the timeout, or the end of ping.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: (
                    self._last_answered >= since
                    or self.ended_by_itself() is not None
                ),
                timeout,
            )
            return (
                self._last_answered if self._last_answered >= since else None
            )

    def wait_until_decided(self, moment: float) -> bool:
        """Wait until it is known what became of the probes up to a moment.

        :returns: True: what ping does not say in time was not answered
        """
        with self._changed:
            latest = self._probes.latest_unanswered()
            if latest is None or self._ended is not None:
                return True
            decided = latest + self._deadline
            self._changed.wait_for(
                lambda: self.ended_by_itself() is not None,
                max(0.0, decided - time.monotonic()),
            )
            return True

    def samples(
        self, now: float, since: float = float('-inf')
    ) -> folding.Probed:
        """What became of the probes up to now.

        :param since: those that were sent before are left out
        """
        with self._changed:
            now = self._ended or time.monotonic()
            return folding.Probed(
                tuple(
                    sample
                    for sample in self._probes.samples(self._deadline, now)
                    if sample.start >= since
                ),
                now,
            )

    def said(self) -> str:
        """What else it said, for people."""
        lines = '; '.join(self._other_lines[-5:])
        return f'ping said: {lines or "nothing"}'
