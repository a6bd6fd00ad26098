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
"""Measures how long a guest is stopped, and its TCP connections stall."""

import collections.abc
import dataclasses
import math
import socket
import threading
import time

import fixtures
from oslo_log import log
import paramiko

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.guest import shell
from migration_tempest_plugin.guest import stream
from migration_tempest_plugin import measurement
from migration_tempest_plugin.measurement import beats
from migration_tempest_plugin.measurement import guest_clock
from migration_tempest_plugin.measurement.guest_clock import TICK
from migration_tempest_plugin.measurement.round_trips import RoundTrips
from migration_tempest_plugin.measurement import stall
from migration_tempest_plugin.measurement import timeline

LOG = log.getLogger(__name__)

#: Seconds for a second look at a guest whose connection is lost.
SECOND_LOOK_PATIENCE = 10.0

#: Seconds from beat to beat.
INTERVAL = 0.02

#: Seconds that an answer may take at least, whatever the round trips are.
DEADLINE = 0.1

#: What asks, for people.
METHOD = 'one SSH connection'

#: Seconds of beats at least from which a threshold is chosen.
BASELINE = 3.0

#: Seconds by which the tester wakes up so late that it did not run itself.
HELD = 0.05

#: Seconds for a guest that answers to report its load.
LOAD_PATIENCE = 2.0

#: How a connection breaks while something is sent: as EOFError, too.
_BROKEN = (OSError, EOFError, paramiko.SSHException)

_BOOT_ID = 'cat /proc/sys/kernel/random/boot_id'


@dataclasses.dataclass(frozen=True)
class Heartbeat:
    """What was seen of one guest.

    :ivar stalls: the Timeline of the TCP connection
    :ivar clock: the GuestClock
    """

    stalls: measurement.Timeline
    clock: measurement.GuestClock

    def since(self, moment: float) -> 'Heartbeat':
        """The Heartbeat of the beats that were sent at a moment or later.

        :raises NoMeasurement: if there are too few
        """
        return Heartbeat(self.stalls.since(moment), self.clock.since(moment))


class GuestHeartbeatMeter(fixtures.Fixture):
    """Asks for a guest's clock over one SSH connection, again and again.

    Three things follow from the answers: how long the guest itself stood
    still, which no access to its hypervisor is needed for; how long an
    established TCP connection stalled, and that it survived; and that the
    guest was not rebooted.

    A beat that has its answer within the threshold is answered. A busy guest
    answers late though nothing is down: so the threshold is chosen from the
    round trips of the baseline, which is all that comes before the first
    wait_until_up() is over (see ``measurement.stall``). In a stall TCP repeats
    what was lost after ever longer times, so that a stall may be much longer
    than the outage that caused it.

    A beat that is late since this machine did not run meanwhile says
    nothing: it is no sample.

    :param connect: returns a connected ``paramiko.SSHClient``, which is
        closed here
    :param interval: seconds from beat to beat. Each is up to a TICK later
        than that, by chance: so the guest's clock, which counts in ticks, is
        seen at all of their phases, and known better than to a tick.
    :param deadline: seconds; the threshold is not less than that, whatever
        the round trips are
    :param lifetime: seconds after which the script in the guest ends by
        itself, should the connection never be closed
    :param target: name of the guest, for people
    :param sink: called with each Sample as it becomes known, once more where
        an answer comes late, and with what the guest's clock showed then, or
        None; it must not wait
    :raises ValueError: for a number that makes no sense
    """

    def __init__(
        self,
        connect: collections.abc.Callable[[], paramiko.SSHClient],
        interval: float = INTERVAL,
        deadline: float = DEADLINE,
        lifetime: float = 3600,
        target: str = 'the guest',
        sink: beats.Sink | None = None,
    ) -> None:
        for number in (interval, deadline, lifetime):
            if not 0.001 <= float(number) <= 1e6:
                raise ValueError(
                    f'{number!r} is no number of seconds for a heartbeat'
                )
        self.target = target
        self.interval = float(interval)
        self.deadline = float(deadline)
        self.lifetime = math.ceil(lifetime)
        self._connect = connect
        self._changed = threading.Condition()
        self._connection: paramiko.SSHClient | None = None
        self._beats = beats.Beats(self.interval + TICK, sink)
        self._known: float | None = None
        # when the latest beat was sent that was answered in time
        self._answered = float('-inf')
        # the beats of the baseline, until it is over
        self._baseline: list[measurement.Beat] = []
        # chosen then
        self._threshold: float | None = None
        self._wanted = 1  # how often its load is asked for: at first
        self._asked = 0  # how often it was
        # each answer
        self._loads: list[measurement.ProcessorTimes | None] = []
        # which of them is of the baseline's end
        self._baseline_load: int | None = None
        self._over = threading.Event()
        # when it was cleaned up
        self._ended: float | None = None
        # how the connection ended before that
        self._broken: str | None = None
        self._second_look: str | None = None
        self._boot_id: str | None = None
        self._began = math.nan  # when it was set up
        self._wall_start: float | None = None
        self._threads: list[threading.Thread] = []

    def _setUp(self) -> None:
        self.addCleanup(self._stop)
        self._began, self._wall_start = time.monotonic(), time.time()
        try:
            self._connection = connection = self._connect()
            _send_at_once(connection)
            channel, header, rest = stream.start(
                connection, 'heartbeat', self.lifetime
            )
            self._boot_id = _boot_id(header)
        # Each client has its own errors, down to those of sockets.
        except Exception as error:
            raise self._nothing(
                "the guest's clock can't be asked for: "
                f'{type(error).__name__}: {error}'
            ) from error
        for function in (
            lambda: self._send(channel),
            lambda: self._receive(connection, channel, rest),
            self._watch_itself,
        ):
            thread = threading.Thread(target=function, daemon=True)
            thread.start()
            self._threads.append(thread)

    def _send(self, channel: paramiko.Channel) -> None:
        """Send the beats on their schedule; runs in a thread."""
        begin = time.monotonic()
        place = 0
        while True:
            due = begin + place * self.interval + place * 0.618034 % 1 * TICK
            if self._over.wait(max(0.0, due - time.monotonic())):
                return
            # The channel's window is full in a long outage.
            if channel.send_ready() and not (
                self._ask_load(channel) and self._beat(channel)
            ):
                return
            # Places that were missed stay empty: there are no bursts.
            place = max(
                place + 1,
                math.floor((time.monotonic() - begin) / self.interval),
            )

    def _watch_itself(self) -> None:
        """Note when the tester itself did not run; runs in a thread.

        That thread does nothing but sleep: the one that sends may also wait
        for the network.
        """
        while True:
            due = time.monotonic() + HELD
            over = self._over.wait(HELD)
            with self._changed:
                now = time.monotonic()
                if now - due > HELD:
                    self._beats.hold(due, now)
                # Before a threshold is chosen, there is no baseline either.
                if self._threshold is not None:
                    self._known = self._beats.decide(
                        self._ended or now, self._threshold
                    )
            if over:
                return

    @property
    def known(self) -> float | None:
        """Up to when all samples went to the sink; None before a baseline."""
        return self._known

    def cut(self, moment: float) -> None:
        """Something else begins: round trips since then count apart.

        :param moment: when that was, in seconds, just now
        """
        with self._changed:
            self._beats.cut(moment)

    def round_trips(self) -> RoundTrips:
        """How long all answers took up to now."""
        with self._changed:
            return self._beats.round_trips()

    @property
    def lost(self) -> str | None:
        """Why nothing more becomes known of it, before its end; or None."""
        return self._broken

    def _beat(self, channel: paramiko.Channel) -> bool:
        with self._changed:
            number = self._beats.send(time.monotonic())
        return _say(channel, b'%d\n' % number)

    def _ask_load(self, channel: paramiko.Channel) -> bool:
        # In this thread alone: to send may take as long as an outage.
        while self._asked < self._wanted:
            self._asked += 1
            if not _say(channel, b'load\n'):
                return False
        return True

    def _receive(
        self,
        connection: paramiko.SSHClient,
        channel: paramiko.Channel,
        rest: bytes,
    ) -> None:
        """Take in the answers as they come; runs in a thread."""
        while True:
            data = channel.recv(1 << 16)
            now = time.monotonic()
            if not data:
                break
            *lines, rest = (rest + data).split(b'\n')
            with self._changed:
                for line in lines:
                    self._take(line, now)
                self._changed.notify_all()
        with self._changed:
            if self._ended is None:
                self._broken = self._how_it_broke(connection)
            self._over.set()
            self._changed.notify_all()

    def _take(self, line: bytes, now: float) -> None:
        kind, _, rest = line.partition(b' ')
        if kind == b'load':
            self._take_load(rest.decode(errors='replace'))
            return
        try:
            said, uptime = line.split()
            beat = self._beats.take(int(said), now, float(uptime))
        except (ValueError, KeyError):
            LOG.debug("Left out of the guest's answers: %r", line)
            return
        if self._threshold is None:
            self._baseline.append(beat)
        if beat.received - beat.sent <= self.threshold:
            self._answered = beat.sent

    def _take_load(self, line: str) -> None:
        load = None
        try:
            load = measurement.ProcessorTimes.parse(line)
        except ValueError as error:
            LOG.warning('The load of %s is not known: %s', self.target, error)
        self._loads.append(load)

    @property
    def guest_cpu(self) -> float | None:
        """Seconds of the guest's processors that the heartbeat has taken.

        It is what the script and its SSH session have taken up to now; None
        if the guest does not report it, or can't be asked any more.
        """
        if self._boot_id is None or self._over.is_set():
            return None
        with self._changed:
            self._wanted += 1
            wanted = self._wanted
            self._changed.wait_for(
                lambda: len(self._loads) >= wanted or self._over.is_set(),
                self.interval + LOAD_PATIENCE,
            )
            load = self._loads[wanted - 1 : wanted]
        return load[0].session if load and load[0] else None

    @property
    def idle_before(self) -> float | None:
        """Which part of the guest's processors was idle in the baseline.

        It is 0 to 1, from the set-up until the first wait_until_up() was
        over, with all that was measured then; or None if it is not known.
        """
        with self._changed:
            if self._baseline_load is None or self._baseline_load >= len(
                self._loads
            ):
                return None
            first, last = self._loads[0], self._loads[self._baseline_load]
        return last.idle_since(first) if first and last else None

    def _how_it_broke(self, connection: paramiko.SSHClient) -> str:
        if time.monotonic() - self._began >= self.lifetime:
            return (
                'the script in the guest ended after its lifetime of '
                f'{self.lifetime} s: give it a longer one'
            )
        error = connection.get_transport().get_exception()
        how = (
            f'{type(error).__name__}: {error}'
            if error
            else 'the guest closed it'
        )
        return f'the SSH connection did not survive: {how}'

    def _stop(self) -> None:
        with self._changed:
            if self._ended is None:
                self._ended = time.monotonic()
        self._over.set()
        if self._connection:
            # Not the channel: that would send something, and wait for it.
            self._connection.close()
        for thread in self._threads:
            thread.join()

    def wait_until_up(self, timeout: float) -> float:
        """Wait until a beat that was sent after this call is answered.

        The first call waits for the end of the baseline, too, if that is not
        BASELINE long yet.

        :param timeout: in seconds
        :returns: when the answered beat was sent, for Heartbeat.since()
        :raises NoMeasurement: if there was no such answer within the
            timeout, or if the connection is lost
        """
        since = time.monotonic()
        with self._changed:
            self._changed.wait_for(
                lambda: (
                    self._broken
                    or self._threshold is not None
                    or self._choose_threshold()
                ),
                timeout,
            )
            self._changed.wait_for(
                lambda: self._broken or self._answered >= since,
                max(0.0, since + timeout - time.monotonic()),
            )
            if self._answered >= since and self._threshold is not None:
                # It may become the baseline.
                self._beats.begin(self._answered)
                return self._answered
        self._check()
        seconds = time.monotonic() - since
        reason = (
            f'the guest did not answer with its clock within {seconds:g} s'
        )
        if self._threshold is None:
            reason += f', or not for the {BASELINE:g} s of the baseline'
        # The connection to a guest that was rebooted breaks when TCP next
        # repeats what was lost, which may be a minute later.
        if timeout >= SECOND_LOOK_PATIENCE:
            reason += '; ' + self._ask_again()
        raise self._nothing(reason)

    def _choose_threshold(self) -> bool:
        """Choose it if the baseline is long enough; whether it was.

        The load is looked at when the baseline is over, too.
        """
        # The first ones waited for the script to start.
        found = [
            beat
            for beat in self._baseline
            if beat.sent >= self._baseline[0].received
        ]
        if not found or found[-1].sent - found[0].sent < BASELINE:
            return False
        self._threshold = stall.threshold(
            [beat.received - beat.sent for beat in found], self.deadline
        )
        self._baseline.clear()
        self._wanted += 1
        self._baseline_load = self._wanted - 1
        return True

    @property
    def threshold(self) -> float:
        """Seconds from which on a late answer is a stall.

        It is chosen when the baseline is over, and the deadline until then.
        """
        return self._threshold or self.deadline

    def measurement(self) -> Heartbeat:
        """The Heartbeat up to now, or up to the clean-up if that is over.

        Beats that were sent before this call and are in flight are waited
        for, until the threshold at the most.

        :raises NoMeasurement: if the connection is lost, if the guest was
            rebooted, if no beat was answered, or if it is still down
        """
        if self._boot_id is None:
            raise self._nothing('the meter was not set up')
        with self._changed:
            last = self._beats.sent - 1
            latest = self._beats.latest or time.monotonic()
            self._changed.wait_for(
                lambda: self._broken or not self._beats.waits(last),
                max(0.0, latest + self.threshold - time.monotonic()),
            )
        self._check()
        stalls = self._stalls()
        self._check_recovered(stalls)
        with self._changed:
            return Heartbeat(stalls, self._beats.clock())

    def recent(self, since: float) -> timeline.Timeline:
        """The Timeline of the connection since a moment; waits for nothing.

        :raises NoMeasurement: if no beat since then was answered, or if the
            connection is lost
        """
        if self._broken:
            raise self._nothing(self._broken)
        return self._stalls(since)

    def recent_clock(self) -> guest_clock.GuestClock:
        """The guest's clock in the last minutes.

        :raises NoMeasurement: if it was seldom seen, or went back
        """
        with self._changed:
            return self._beats.recent_clock()

    def _stalls(self, since: float = float('-inf')) -> timeline.Timeline:
        """The Timeline of the beats that were sent since a moment."""
        with self._changed:
            probed = self._beats.probed(
                self._ended or time.monotonic(), self.threshold, since
            )
        return measurement.Timeline(
            'tcp',
            self.target,
            probed.samples,
            self.interval + TICK,
            probed.ended,
            self._wall_start,
            probing=measurement.Probing.ORDERED,
            method=METHOD,
            deadline=self.threshold,
            quiet=probed.quiet,
            round_trips=probed.round_trips,
        )

    def _check(self) -> None:
        """Raise NoMeasurement if the connection is lost."""
        if self._broken:
            raise self._nothing(f'{self._broken}; {self._look_again()}')

    def _check_recovered(self, stalls: timeline.Timeline) -> None:
        try:
            stalls.recovered()
        except exceptions.NoMeasurement as error:
            since = stalls.down_since
            if (
                since is not None
                and stalls.ended - since > SECOND_LOOK_PATIENCE
            ):
                error.reason += '; ' + self._look_again()
            raise

    def _look_again(self) -> str:
        """What another connection shows of the guest; asked for once."""
        if self._second_look is None:
            self._second_look = self._ask_again()
        return self._second_look

    def _ask_again(self) -> str:
        try:
            boot_id = shell.within(SECOND_LOOK_PATIENCE, self._ask_boot_id)
        except Exception as error:
            return f'the guest is unreachable: {type(error).__name__}: {error}'
        if boot_id != self._boot_id:
            return 'the guest was rebooted'
        return 'a new connection works, and the guest was not rebooted'

    def _ask_boot_id(self) -> str:
        with self._connect() as connection:
            return shell.own(
                connection.exec_command(
                    shell.marked(_BOOT_ID), timeout=SECOND_LOOK_PATIENCE
                )[1]
                .read()
                .decode(errors='replace')
            ).strip()

    def _nothing(self, reason: str) -> exceptions.NoMeasurement:
        seen = None
        if last := self._beats.last:
            seconds = last.received - self._began
            counts = f'{self._beats.answered} of {self._beats.sent}'
            seen = (
                f'{counts} beats answered, the last one {seconds:.1f} s after '
                f'the start, at an uptime of {last.uptime:.2f} s'
            )
        return exceptions.NoMeasurement(
            f'heartbeat of {self.target}: {reason}', seen
        )


def _send_at_once(connection: paramiko.SSHClient) -> None:
    """A beat must not wait for the answer to the one before."""
    try:
        connection.get_transport().sock.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
        )
    except (AttributeError, OSError):
        pass  # through a proxy, which has its own ways


def _say(channel: paramiko.Channel, line: bytes) -> bool:
    try:
        channel.sendall(line)
    except _BROKEN:
        return False  # the other thread finds out why
    return True


def _boot_id(header: str) -> str:
    """The id of the guest's boot, from the first line of the script."""
    name, _, boot_id = header.partition(' boot=')
    if name != 'heartbeat 1' or not boot_id:
        raise exceptions.GuestError(f'it said {header!r}')
    return boot_id
