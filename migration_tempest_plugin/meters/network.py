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
"""Measures, from outside, how long a server's network is away."""

import os
import subprocess
import threading
import time

import fixtures
from oslo_log import log

from migration_tempest_plugin import exceptions
from migration_tempest_plugin import measurement
from migration_tempest_plugin.meters import ping_output

LOG = log.getLogger(__name__)

#: Seconds that ping gets to look up a name and to say its first line, and to
#: end when it is told to.
PATIENCE = 10.0


class NetDowntimeMeter(fixtures.Fixture):
    """Pings an address in the background, until it is read.

    A probe is answered if its reply comes within the deadline. Which probes
    were, and when, makes the timeline; lost packets times the interval would
    be wrong, since ping does not keep the interval, and since two short
    outages are not a long one.

    ``ping`` is a process of its own, which a busy test does not disturb. It
    ends at clean-up; if this process dies without one, it ends by itself at
    its next line, which nobody reads any more (SIGPIPE).

    :param dest_ip: IPv4 or IPv6 address, or a name
    :param interval: seconds from probe to probe; below 0.2 s some old
        releases of ping need root
    :param deadline: seconds within which a reply must come
    :raises ValueError: for a number that makes no sense
    """

    def __init__(self, dest_ip, interval=0.05, deadline=0.5):
        for number in (interval, deadline):
            if not 0 < float(number) < 3600:
                raise ValueError('%r is no number of seconds for a probe'
                                 % number)
        self.dest_ip = str(dest_ip)
        self.interval = float(interval)
        self.deadline = float(deadline)
        self._probes = ping_output.Probes(self.interval)
        self._changed = threading.Condition()
        self._ping = self._reader = None
        self._other_lines = []
        self._heard = False
        self._last_answered = float('-inf')
        self._last_time = None
        self._wall_start = None
        self._ended = self._died = None

    def _setUp(self):
        self.addCleanup(self._stop)
        # -n -D -O: no names, wall clock, say what was not answered
        command = ['ping', '-n', '-D', '-O', '-i', '%g' % self.interval,
                   '--', self.dest_ip]
        LOG.debug('Starting %s', ' '.join(command))
        self._wall_start = time.time()
        self._last_time = time.monotonic()
        try:
            self._ping = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, errors='replace',
                env={**os.environ, 'LC_ALL': 'C'})
        except OSError as error:
            raise exceptions.NoMeasurement(
                'ping can\'t be started (%s); it is the package iputils-ping '
                'or iputils' % error) from error
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._check_start()

    def _check_start(self):
        """Wait for the first line, which also says that it can't start."""
        with self._changed:
            self._changed.wait_for(lambda: self._heard, PATIENCE)
            if self._other_lines and self._other_lines[0].startswith('PING '):
                self._other_lines.pop(0)
                return
        self._stop()
        raise exceptions.NoMeasurement(
            'ping of %s did not start' % self.dest_ip, seen=self._said())

    def _read(self):
        """Take in what ping prints, as it comes; runs in a thread."""
        for line in self._ping.stdout:
            event = ping_output.parse_line(line)
            with self._changed:
                if event:
                    self._add(event)
                elif line.strip():
                    self._other_lines.append(line.strip())
                self._heard = True
                self._changed.notify_all()
        self._ping.wait()
        with self._changed:
            self._heard = True
            self._changed.notify_all()

    def _add(self, event):
        when = self._monotonic(event.wall)
        self._probes.add(event, when)
        if isinstance(event, ping_output.Reply) and \
                event.delay <= self.deadline:
            self._last_answered = max(self._last_answered,
                                      when - event.delay)

    def _monotonic(self, wall):
        """The wall clock's time of an event that was just read, translated.

        If that clock was set in between, the present is as good as it gets.
        """
        now = time.monotonic()
        when = wall - time.time() + now
        if not self._last_time <= when <= now:
            when = max(now, self._last_time)
        self._last_time = when
        return when

    def _stop(self):
        if self._ping is None or self._ended is not None:
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
        self._ping.stdout.close()

    def wait_until_up(self, timeout):
        """Wait until a probe that was sent after this call is answered.

        Says both that there is a baseline before an operation, and that the
        network is back after it.

        :param timeout: in seconds
        :returns: when the answered probe was sent, for Timeline.since()
        :raises NoMeasurement: if there was no such answer within the
            timeout, or if ping has ended
        """
        since = time.monotonic()
        with self._changed:
            self._changed.wait_for(
                lambda: self._last_answered >= since or self._exit_status()
                is not None, timeout)
            self._check_alive()
            if self._last_answered < since:
                raise exceptions.NoMeasurement(
                    '%s did not answer a ping within %g s'
                    % (self.dest_ip, timeout), seen=self._said())
            return self._last_answered

    def measurement(self):
        """The Timeline up to now, or up to the clean-up if that is over.

        Probes that were sent before this call and are in flight are waited
        for, until the deadline at the most: without them, the end of an
        outage that is just over would not be known as well as it could be.

        :raises NoMeasurement: if the meter was never set up, if ping ended
            by itself, or if no probe was answered
        """
        if self._ping is None:
            raise exceptions.NoMeasurement(
                'the meter of %s was not set up' % self.dest_ip)
        with self._changed:
            self._wait_until_decided()
            self._check_alive()
            return self._timeline()

    def _wait_until_decided(self):
        latest = self._probes.latest_unanswered()
        if latest is None or self._ended is not None:
            return
        decided = latest + self.deadline
        self._changed.wait_for(lambda: self._exit_status() is not None,
                               max(0.0, decided - time.monotonic()))

    def _timeline(self):
        now = self._ended or time.monotonic()
        return measurement.Timeline(
            what='network', target=self.dest_ip,
            samples=self._probes.samples(self.deadline, now),
            interval=self.interval, ended=now, wall_start=self._wall_start)

    def get_downtime(self):
        """Seconds without network in sum, the timeline's estimate.

        :raises NoMeasurement: as measurement() does
        """
        return float(self.measurement().total)

    def _exit_status(self):
        """Of ping, if it ended before it was told to; otherwise None."""
        return self._ping.poll() if self._ended is None else self._died

    def _check_alive(self):
        status = self._exit_status()
        if status is None:
            return
        try:
            seen = self._timeline().summary()
        except exceptions.NoMeasurement as error:
            seen = str(error)
        raise exceptions.NoMeasurement(
            'ping of %s ended in the middle, with %s'
            % (self.dest_ip, 'signal %d' % -status if status < 0
               else 'exit status %d' % status),
            seen='%s; %s' % (seen, self._said()))

    def _said(self):
        return 'ping said: %s' % ('; '.join(self._other_lines[-5:])
                                  or 'nothing')
