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
"""Measures, from inside a guest, for how long it has no metadata service."""

import collections.abc
import math
import threading
import time
import typing

import fixtures
from oslo_log import log

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.guest import shell
from migration_tempest_plugin import measurement
from migration_tempest_plugin.measurement.guest_clock import TICK
from migration_tempest_plugin.measurement import timeline
from migration_tempest_plugin.meters import metadata_log
from migration_tempest_plugin import words

LOG = log.getLogger(__name__)

#: Address of the metadata service, by IP version, as it stands in a URL. The
#: IPv6 one is link-local: the guest fills in the interface of its default
#: route.
ADDRESSES = {4: '169.254.169.254', 6: '[fe80::a9fe:a9fe%25@interface@]'}

#: A page that any metadata service has and that costs it little.
INSTANCE_ID_PATH = '/latest/meta-data/instance-id'

#: Seconds from the start of an attempt to the next one.
INTERVAL = 0.2

#: Seconds in which an attempt must be answered, at the most.
DEADLINE = 5.0

#: Seconds between two looks at the guest while something is waited for, at
#: most: the first ones come sooner. A look may be a connection whose key
#: exchange takes a small guest a good part of this time.
LOOK_INTERVAL = 1.0

#: In how many rounds of its lanes a guest may come to ask in turn: the script
#: needs three to see and mend that a lane began late.
ROUNDS = 6

#: What makes the requests, by the name that the script gives it, for people.
TOOLS = {
    'curl': 'curl in the guest',
    'curl-each': 'curl, started for each request, in the guest',
    'gnu-wget': 'GNU wget, started for each request, in the guest',
    'busybox-wget': 'busybox wget, started for each request, in the guest',
}


class Seconds(typing.TypedDict):
    """Up and down, as Tempest's meter calls it."""

    PASSED: float
    FAILED: float


class Results(typing.TypedDict):
    """What Tempest's meter returns."""

    successes: int
    failures: int
    downtime: Seconds


class MetadataDowntimeMeter(fixtures.Fixture):
    """Asks the metadata service from inside a guest, until it is read.

    A script in the guest asks on a fixed schedule and writes down each
    attempt; it is placed when the fixture is set up, and gone, with its
    processes and files, when that is cleaned up. An attempt succeeds if the
    status is 200 and there is a body (with wget: if wget says so and there is
    a body). Each is made over a connection of its own.

    Where the guest has curl 7.84 or later, a few of its processes, the lanes,
    make all attempts, in turn: as long as one waits for its deadline, the
    others go on. While attempts fail, one more makes them in quick
    succession, to see the end soon. Where it has not, curl or else wget is
    started for each attempt, which costs a small guest about ten times as
    much; its start is then part of each attempt, and there is one lane.

    All times are those of the guest's clock (/proc/uptime), which stands
    still while the guest itself is stopped: that time is in no outage, and
    the seconds of an outage are those that the guest could notice.

    The deadlines of an attempt follow from the baseline: ten answers before
    the first wait_until_up() returns. They are five times as long as the
    slowest of these took, within the limits below, and part of the Timeline.
    With wget, the deadline is kept by timeout(1), and by old releases of it,
    as by curl before 7.32, in whole seconds; a busybox wget without
    timeout(1) keeps whole seconds, or no limit if it was built so. An attempt
    that hangs for longer is down all the same. ``Timeline.resolution`` says
    what was reached.

    :param ssh_client: anything with ``exec_command(cmd) -> str`` that raises
        if the command does not exit with 0
    :param interval: seconds from the start of an attempt to the next one
    :param connect_deadline: seconds in which an attempt must be connected, at
        the most that may be chosen; never more than deadline
    :param deadline: seconds in which an attempt must be answered, at the most
        that may be chosen
    :param lifetime: seconds after which the script in the guest ends by
        itself, should it never be cleaned up
    :param ip_version: 4 or 6, of the service's well-known address
    :param path: what to ask the service for
    :param url: asked instead of address and path, if given
    :param least_connect_deadline: the least that may be chosen for
        connect_deadline; more than that counts as that
    :param least_deadline: the same for deadline
    :param tool: 'curl' (one process for many requests), 'curl-each' or
        'wget'; the first of them that the guest has if None
    :param sink: called with each line of the guest's log, once it is read; it
        must not wait
    :raises ValueError: for a number that makes no sense
    """

    def __init__(
        self,
        ssh_client: shell.Client,
        interval: float = INTERVAL,
        connect_deadline: float = 3.0,
        deadline: float = DEADLINE,
        lifetime: float = 3600.0,
        ip_version: int = 4,
        path: str = INSTANCE_ID_PATH,
        url: str | None = None,
        least_connect_deadline: float = 0.5,
        least_deadline: float = 1.0,
        tool: str | None = None,
        sink: collections.abc.Callable[[str], object] | None = None,
    ) -> None:
        if ip_version not in ADDRESSES:
            raise ValueError(f'ip_version is 4 or 6, not {ip_version!r}')
        if tool not in (None, 'curl', 'curl-each', 'wget'):
            raise ValueError(
                f"tool is 'curl', 'curl-each' or 'wget', not {tool!r}"
            )
        numbers = (
            interval,
            lifetime,
            least_connect_deadline,
            connect_deadline,
            least_deadline,
            deadline,
        )
        for number in numbers:
            if number < TICK:
                raise ValueError(
                    f"{number!r} s is less than the guest's clock can "
                    f'distinguish ({TICK:g} s)'
                )
        self.url = url or 'http://' + ADDRESSES[ip_version] + path
        self.interval = interval
        self.deadline = deadline
        self.lifetime = lifetime
        self._script = shell.GuestScript(
            ssh_client,
            'metadata_probe',
            [
                self.url,
                tool or 'auto',
                *(f'{number:.2f}' for number in numbers),
            ],
            lifetime,
        )
        self._running = False
        self._sink = sink
        self._sinking = threading.Lock()
        self._sunk = 0  # lines
        self._last: shell.State | None = None
        self._cpu: float | None = None
        self._wall_start: float | None = None
        self._overdue = math.inf  # when the script has ended by itself
        self._in_turn = False
        self._patience_over = math.inf  # until it asks in turn

    def _setUp(self) -> None:
        self.addCleanup(self._stop)
        self._script.start()
        self._wall_start = time.time()
        self._overdue = time.monotonic() + self.lifetime
        self._running = True

    def _stop(self) -> None:
        self._running = False
        state = self._script.stop()
        if state is not None:
            self._last = self._seen(state)

    @property
    def guest_cpu(self) -> float | None:
        """Seconds of the guest's processor that the measuring has taken.

        It is the time of the script and all that it has started, up to the
        last look at the guest, of each process in whole hundredths. The looks
        themselves (SSH) are not in it.
        None if it is not known: before the first look, and where the guest's
        kernel does not say it (CONFIG_PROC_CHILDREN).
        """
        return self._cpu

    def _seen(self, state: shell.State) -> shell.State:
        """The State, after a look."""
        if state.cpu is not None:
            self._cpu = state.cpu
        if self._sink:
            lines = state.log.splitlines()
            if lines and not lines[-1].endswith(' ;'):
                lines.pop()  # it is not whole yet
            self._give(0, lines)
        return state

    def _give(self, before: int, lines: collections.abc.Sequence[str]) -> None:
        """Give the sink what is new of some lines of the log.

        :param before: how many lines of the log are before them
        """
        if self._sink is None:
            return
        with self._sinking:
            for line in lines[self._sunk - before :]:
                self._sink(line)
                self._sunk += 1

    def wait_until_up(self, timeout: float) -> float:
        """Wait until an attempt that began after this call is answered.

        So it says before an operation that there is a baseline, from which
        the deadlines were chosen, and after it that the service is back.

        The first time, it also waits until the guest asks in turn, some rounds
        at the most: what nobody looked at before does not count then.

        :param timeout: in seconds
        :returns: when the answered attempt began, for Timeline.since()
        :raises NoMeasurement: if there was no such answer within the
            timeout, or if there can't be one any more
        """
        give_up = time.monotonic() + timeout
        since = None
        # The next attempt has begun by then, and is answered as a rule.
        pause = 1.5 * self.interval
        while True:
            try:
                state = self._seen(self._script.state())
            except exceptions.GuestError as error:
                seen = str(error)
            else:
                self._check(state)
                since = state.uptime if since is None else since
                nows = metadata_log.parse_now(state.now)
                answered = _latest_answer(nows)
                if answered >= since and self._asks_in_turn(give_up):
                    return answered
                seen = _latest_result(nows)
            if time.monotonic() >= give_up:
                raise self._nothing(
                    f'the guest got no answer within {timeout:g} s', seen
                )
            time.sleep(min(pause, LOOK_INTERVAL))
            pause *= 2

    def _asks_in_turn(self, give_up: float) -> bool:
        """Whether the guest does, or has had enough time for it."""
        if self._in_turn or self._said.get('tool') != 'curl':
            return True
        reading = self._read()
        self._in_turn = reading.in_turn(self.interval)
        lanes = reading.chosen.lanes if reading.chosen else 1
        now = time.monotonic()
        self._patience_over = min(
            self._patience_over, give_up, now + ROUNDS * lanes * self.interval
        )
        return self._in_turn or now >= self._patience_over

    def measurement(self) -> timeline.Timeline:
        """The Timeline up to now, or up to the clean-up if that is over.

        Whether an attempt that is under way fails is waited for, not longer
        than the deadline: from then on it counts as down since its start.

        :raises NoMeasurement: if the guest can't be reached, was rebooted, or
            is without the script or its log, if there is too little in it, or
            if it is still down: then with the timeline up to now
        """
        reading = self._settled()
        if reading.unreadable:
            LOG.debug(
                'Left out %d lines of the log in the guest that are not whole',
                reading.unreadable,
            )
        if reading.restarts:
            LOG.warning(
                'In the guest, curl ended and was started again '
                '%s: its time is unobserved',
                words.counted(reading.restarts, 'time'),
            )
        samples = reading.samples(self._reached_interval(), self.deadline)
        if reading.is_emptied or not samples:
            raise self._nothing(
                'the log of the probe in the guest holds no attempt',
                str(reading),
            )
        if not any(sample.answered for sample in samples):
            raise self._nothing(
                'no attempt was answered in time', str(reading)
            )
        chosen = reading.chosen
        return measurement.Timeline(
            'metadata',
            self._asked,
            tuple(samples),
            self._reached_interval(),
            max(reading.uptime, *(sample.end for sample in samples)),
            self._wall_start,
            method=method(self._said, chosen),
            clock='guest',
            deadline=chosen.deadline if chosen else self.deadline,
        ).recovered()

    def get_results(self) -> Results:
        """The numbers of the measurement, by the names of Tempest's meter.

        :returns: {'successes': number of attempts that were answered,
            'failures': number of those that were not, 'downtime': {'PASSED':
            seconds up, 'FAILED': seconds down in sum}}, the seconds as
            estimates
        :raises NoMeasurement: as measurement() does
        """
        measured = self.measurement()
        down = float(measured.total)
        up = measured.ended - measured.began - down - measured.unobserved
        return {
            'successes': measured.successes,
            'failures': measured.failures,
            'downtime': {'PASSED': max(up, 0.0), 'FAILED': down},
        }

    def _settled(self) -> metadata_log.Reading:
        """A Reading by which all that was under way has ended, or hangs."""
        interval = self._reached_interval()
        reading = self._read()
        waited_for = reading.under_way(interval)
        while self._running and any(
            attempt in waited_for
            and not reading.hangs(attempt, self._longest(reading.chosen))
            for attempt in reading.under_way(interval)
        ):
            # A connection takes its time: this is no busy loop.
            reading = self._read()
        return reading

    def _longest(self, chosen: metadata_log.Chosen | None) -> float:
        """Seconds that an attempt may be under way."""
        if chosen is None:
            return self.deadline
        # One curl keeps its deadline; when it began is a reckoning.
        return chosen.deadline + (
            metadata_log.GRACE if chosen.tool == 'curl' else 0
        )

    def _read(self) -> metadata_log.Reading:
        if self._running:
            try:
                state = self._seen(self._script.read())
            except exceptions.GuestError as error:
                raise self._nothing(str(error)) from error
            self._check(state)
            self._last = state
        elif self._last is None:
            raise self._nothing(
                'it was not read from the guest before the '
                'clean-up, nor could it be then'
            )
        else:
            self._check(self._last)
        return _reading(self._last)

    def _check(self, state: shell.State) -> None:
        """Raise NoMeasurement if the script can't have gone on measuring."""
        if state.boot_id != self._script.boot_id:
            reason = 'the guest was rebooted'
        elif not state.present and time.monotonic() >= self._overdue:
            reason = (
                'the probe in the guest ended after its lifetime of '
                f'{self.lifetime:g} s: give it a longer one'
            )
        elif not state.present:
            reason = (
                'the directory of the probe in the guest, '
                f'{self._script.directory}, is gone'
            )
        elif not state.alive:
            reason = 'the probe in the guest is dead: something killed it'
        else:
            return
        raise self._nothing(
            reason, str(_reading(state)) if state.log else None
        )

    def _nothing(
        self, reason: str, seen: str | None = None
    ) -> exceptions.NoMeasurement:
        if seen is None and self._last is not None:
            seen = f'last, {_reading(self._last)}'
        return exceptions.NoMeasurement(
            f'metadata of {self._asked}: {reason}', seen
        )

    @property
    def _asked(self) -> str:
        """The URL with the interface that the guest has filled in."""
        interface = self._said.get('interface', '-')
        return self.url.replace(
            '%25@interface@', '' if interface == '-' else f'%25{interface}'
        )

    @property
    def _said(self) -> dict[str, str]:
        """What the script's header says, by its names."""
        return shell.named(self._script.header)

    def _reached_interval(self) -> float:
        """The interval, as far as sleep in the guest allows for it."""
        return reached_interval(self._said, self.interval)


def method(
    said: collections.abc.Mapping[str, str],
    chosen: metadata_log.Chosen | None,
) -> str:
    """How a guest asks for its metadata, for people.

    :param said: what the header of the log says, by its names
    :param chosen: what the script chose, if it did
    """
    tool = chosen.tool if chosen else said.get('tool', '')
    name = TOOLS.get(tool, tool)
    if chosen is None:
        return name
    return (
        f'{name} ({words.counted(chosen.lanes, "lane")}, '
        f'{chosen.connect:g} s to '
        f'connect, {chosen.deadline:g} s to answer)'
    )


def reached_interval(
    said: collections.abc.Mapping[str, str], interval: float
) -> float:
    """The interval, as far as sleep in the guest allows for it, in seconds.

    :param said: what the header of the log says, by its names
    """
    if said.get('pause') == 'whole' and said.get('tool') != 'curl':
        return float(math.ceil(interval))
    return interval


def _latest_answer(nows: collections.abc.Iterable[metadata_log.Now]) -> float:
    """When the latest answered attempt began, baseline left out, or -1."""
    return max(
        (
            now.last_answered
            for now in nows
            if now.lane != metadata_log.BASELINE
            and now.last_answered is not None
        ),
        default=-1.0,
    )


def _latest_result(nows: collections.abc.Sequence[metadata_log.Now]) -> str:
    """What the latest attempt came to, for people."""
    if not nows:
        return 'the latest attempt: ?'
    latest = max(nows, key=lambda now: (now.sequence > 0, now.start))
    seen = f'the latest attempt: {latest.state}'
    if latest.lane == metadata_log.BASELINE:
        seen += f' ({latest.answered} were answered: too few for a baseline)'
    return seen


def _reading(state: shell.State) -> metadata_log.Reading:
    return metadata_log.parse(state.log, state.now, state.uptime)
