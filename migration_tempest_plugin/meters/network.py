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
"""Measures, from outside, how long a server's network is down."""

import socket
import time
import typing

import fixtures
from oslo_log import log

from migration_tempest_plugin import exceptions
from migration_tempest_plugin import measurement
from migration_tempest_plugin.measurement import folding
from migration_tempest_plugin.measurement.round_trips import RoundTrips
from migration_tempest_plugin.measurement import timeline
from migration_tempest_plugin.meters import icmp
from migration_tempest_plugin.meters import ping

if typing.TYPE_CHECKING:  # it runs as a process of its own
    from migration_tempest_plugin.prober import echo

LOG = log.getLogger(__name__)

_MEND = (
    'let the group of this user into net.ipv4.ping_group_range '
    '(sysctl), or run as root'
)


class NetDowntimeMeter(fixtures.Fixture):
    """Sends ICMP echoes to an address in the background, until it is read.

    A probe is answered if its reply comes within the deadline. Which probes
    were, and when, makes the timeline; lost packets times the interval would
    be wrong, since two short outages are not a long one.

    The probes are sent by a process of their own, one for all meters, which a
    busy test does not disturb; it ends with the last meter, and with the
    process that it serves, however that dies. Where neither of the sockets
    that it needs is allowed, ``ping`` takes its place, with its coarser
    interval. ``Timeline.method`` says which it was.

    :param dest_ip: IPv4 or IPv6 address, or a name
    :param interval: seconds from probe to probe
    :param deadline: seconds within which a reply must come
    :param sink: called with each Sample as it becomes known; not where
        ``ping`` is used
    :raises ValueError: for a number that makes no sense
    """

    def __init__(
        self,
        dest_ip: str,
        interval: float = 0.01,
        deadline: float = 0.5,
        sink: icmp.Sink | None = None,
    ) -> None:
        for number in (interval, deadline):
            if not 0.0005 <= float(number) < 3600:
                raise ValueError(
                    f'{number!r} is no number of seconds for a probe'
                )
        self.dest_ip = str(dest_ip)
        self.interval = float(interval)
        self.deadline = float(deadline)
        self._sink = sink
        self._probes: icmp.Probes | ping.Probes | None = None
        self._wall_start: float | None = None

    def _setUp(self) -> None:
        self._wall_start = time.time()
        self._probes = self._start(_resolve(self.dest_ip))
        self.addCleanup(self._probes.stop)

    def _start(self, address: 'echo.Address') -> icmp.Probes | ping.Probes:
        try:
            return icmp.Probes(
                address, self.interval, self.deadline, self._sink
            )
        except icmp.Forbidden as reason:
            forbidden = reason
        try:
            probes = ping.Probes(self.dest_ip, self.interval, self.deadline)
        except exceptions.NoMeasurement as error:
            raise exceptions.NoMeasurement(
                f'no ICMP socket may be opened here ({forbidden}; {_MEND}), '
                f'and {error.reason}',
                error.seen,
            ) from error
        LOG.warning(
            'No ICMP socket may be opened here (%s): ping is used, which is '
            'coarser. To mend it, %s.',
            forbidden,
            _MEND,
        )
        return probes

    @property
    def _sender(self) -> icmp.Probes | ping.Probes:
        """What sends the probes.

        :raises NoMeasurement: if the meter was never set up
        """
        if self._probes is None:
            raise exceptions.NoMeasurement(
                f'the meter of {self.dest_ip} was not set up'
            )
        return self._probes

    @property
    def pid(self) -> int:
        """Of the process that sends the probes."""
        return self._sender.pid

    def cut(self, moment: float) -> None:
        """Something else begins: round trips since then count apart.

        :param moment: when that was, in seconds, just now
        """
        # ping's are all kept.
        if isinstance(self._probes, icmp.Probes):
            self._probes.cut(moment)

    def round_trips(self) -> RoundTrips | None:
        """How long all answers took up to now; None where ping is used."""
        sender = self._sender
        return (
            sender.round_trips() if isinstance(sender, icmp.Probes) else None
        )

    @property
    def known(self) -> float | None:
        """Up to when all samples went to the sink; None if none does."""
        sender = self._sender
        return sender.known if isinstance(sender, icmp.Probes) else None

    @property
    def cpu(self) -> float | None:
        """Seconds of processor time that it took, for all its targets.

        None where ping is used.
        """
        return self._sender.cpu

    def wait_until_up(
        self, timeout: float, since: float | None = None
    ) -> float:
        """Wait until a probe that was sent after this call is answered.

        Says both that there is a baseline before an operation, and that the
        network is back after it.

        :param timeout: in seconds
        :param since: the moment that counts instead of that of this call: so
            many meters are waited for at the same time
        :returns: when the answered probe was sent, for Timeline.since()
        :raises NoMeasurement: if there was no such answer within the
            timeout, or if what sends the probes has ended
        """
        now = time.monotonic()
        since = now if since is None else since
        answered = self._sender.wait_for_answer(since, since + timeout - now)
        self._check_alive()
        if answered is None:
            raise exceptions.NoMeasurement(
                f'{self.dest_ip} did not answer a ping within {timeout:g} s',
                seen=self._seen(),
            )
        return answered

    def measurement(self, until: float | None = None) -> timeline.Timeline:
        """The Timeline up to now, or up to the clean-up if that is over.

        Probes that were sent before this call and are in flight are waited
        for, until the deadline at the most.

        :param until: the moment that counts instead of that of this call: so
            what is in flight of many meters is waited for at the same time
        :raises NoMeasurement: if the meter was never set up, if what sends
            the probes ended by itself, if no probe was answered, or if it is
            still down: then with the timeline up to now
        """
        now = time.monotonic() if until is None else until
        decided = self._sender.wait_until_decided(now)
        self._check_alive()
        if not decided:
            raise exceptions.NoMeasurement(
                f'{self._sender.method}, which sends the probes to '
                f'{self.dest_ip}, does not say any more what became of them: '
                'it was stopped, or this machine is overloaded',
                seen=self._seen(),
            )
        return self._timeline(self._sender.samples(now)).recovered()

    def recent(self, since: float) -> timeline.Timeline | None:
        """The Timeline of the probes that were sent since a moment.

        As far as it is known what became of them: nothing is waited for.

        :returns: None as long as that is known of none of them
        :raises NoMeasurement: if none of them was answered, or if what sends
            the probes has ended
        """
        self._check_alive()
        probed = self._sender.samples(time.monotonic(), since)
        return self._timeline(probed) if probed.samples else None

    def get_downtime(self) -> float:
        """Seconds without network in sum, the timeline's estimate.

        :raises NoMeasurement: as measurement() does
        """
        return float(self.measurement().total)

    def _timeline(self, probed: folding.Probed) -> timeline.Timeline:
        return measurement.Timeline(
            what='network',
            target=self.dest_ip,
            samples=probed.samples,
            quiet=probed.quiet,
            round_trips=probed.round_trips,
            interval=self._sender.interval,
            ended=probed.ended,
            wall_start=self._wall_start,
            method=self._sender.method,
            probing=measurement.Probing.INDEPENDENT,
        )

    @property
    def lost(self) -> str | None:
        """Why nothing more becomes known of it, before its end; or None."""
        ended = self._sender.ended_by_itself()
        if ended is None:
            return None
        return (
            f'{self._sender.method}, which sends the probes to '
            f'{self.dest_ip}, ended in the middle, with '
            f'{how_it_ended(ended)}'
        )

    def _check_alive(self) -> None:
        if lost := self.lost:
            raise exceptions.NoMeasurement(lost, seen=self._seen())

    def _seen(self) -> str:
        try:
            seen = self._timeline(
                self._sender.samples(time.monotonic())
            ).summary()
        except exceptions.NoMeasurement as error:
            seen = str(error)
        return '; '.join(filter(None, (seen, self._sender.said())))


def how_it_ended(status: int) -> str:
    """A process's exit status in words."""
    return f'signal {-status}' if status < 0 else f'exit status {status}'


def _resolve(name: str) -> 'echo.Address':
    """The first address of a name, as a socket takes it.

    :raises NoMeasurement: if it has none
    """
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:
        raise exceptions.NoMeasurement(
            f'no address was found for {name!r}: {error}. Give the address, '
            'or a name that this machine can look up'
        ) from error
    match found[0][4]:
        case (int(), bytes()):
            raise exceptions.NoMeasurement(
                f'the address of {name} is of IPv6, which this Python was '
                'built without'
            )
        case address:
            return address
