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
"""Measures, from outside, how long a service is down."""

import socket
import time

import fixtures

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.measurement import folding
from migration_tempest_plugin.measurement.round_trips import RoundTrips
from migration_tempest_plugin.measurement import timeline
from migration_tempest_plugin.meters import service_kinds
from migration_tempest_plugin.meters import service_probes

#: Seconds from probe to probe, at least: each leaves a port of this machine
#: in use for a minute.
LEAST_INTERVAL = 0.01

#: Seconds within which an answer must come, at least.
LEAST_DEADLINE = 0.001

#: The most of both.
MOST = 600.0


class ServiceDowntimeMeter(fixtures.Fixture):
    """Asks a service again and again, in the background, until it is read.

    A probe is answered if a good answer comes within the deadline. Its name
    is looked up once, and the first address that it has is asked.

    :param target: the service, as its user calls it
    :param service: what is asked: see service_kinds
    :param interval: seconds from probe to probe
    :param deadline: seconds within which a good answer must come
    :param sink: called with each Sample as it becomes known
    :raises ValueError: for a number that makes no sense
    :ivar what: the word for it in records
    """

    def __init__(
        self,
        target: str,
        service: service_kinds.Service,
        interval: float = 0.25,
        deadline: float = 2.0,
        sink: service_probes.Sink | None = None,
    ) -> None:
        for least, number in (
            (LEAST_INTERVAL, interval),
            (LEAST_DEADLINE, deadline),
        ):
            if not least <= number <= MOST:
                raise ValueError(
                    f'{number!r} is not from {least:g} to {MOST:g} seconds'
                )
        self.target = target
        self.what = service.what
        self.interval = interval
        self.deadline = deadline
        self._service = service
        self._sink = sink
        self._method = ''
        self._sender: service_probes.Probes | None = None
        self._wall_start: float | None = None

    def _setUp(self) -> None:
        self._wall_start = time.time()
        address = self._resolved()
        self._method = f'{self._service.method} to {address[0]}'
        self._sender = service_probes.Probes(
            self._service, address, self.interval, self.deadline, self._sink
        )
        self.addCleanup(self._sender.stop)

    def _resolved(self) -> service_kinds.Address:
        """The first address that its name has."""
        host, port = self._service.place
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise exceptions.NoMeasurement(
                f'no address was found for {host!r} of {self.target}: '
                f'{error}. Give the address, or a name that this machine can '
                'look up'
            ) from error
        match found[0][4]:
            case (str(), *_) as address:
                return address
        raise exceptions.NoMeasurement(
            f'the address of {host} is of IPv6, which this Python was built '
            'without'
        )

    @property
    def _probes(self) -> service_probes.Probes:
        if self._sender is None:
            raise exceptions.NoMeasurement(
                f'the meter of {self.target} was not set up'
            )
        if lost := self.lost:
            raise exceptions.NoMeasurement(lost) from self._sender.error
        return self._sender

    @property
    def lost(self) -> str | None:
        """Why nothing more becomes known of it, before its end; or None."""
        if self._sender is None or self._sender.error is None:
            return None
        return (
            f'{self.target} can not be asked: {self._sender.error!r}. '
            'This is an error of the plugin'
        )

    @property
    def known(self) -> float | None:
        """Up to when all samples went to the sink; None before the set-up."""
        return self._sender.known if self._sender else None

    def cut(self, moment: float) -> None:
        """Something else begins: round trips since then count apart.

        :param moment: when that was, in seconds, just now
        """
        self._probes.cut(moment)

    def round_trips(self) -> RoundTrips:
        """How long all answers took up to now."""
        return self._probes.round_trips()

    def wait_until_up(self, timeout: float) -> float:
        """Wait until a probe that was sent after this call is answered.

        :param timeout: in seconds
        :returns: when the answered probe was sent, for Timeline.since()
        :raises NoMeasurement: if there was no such answer within the timeout
        """
        answered = self._probes.wait_for_answer(time.monotonic(), timeout)
        if answered is None:
            raise exceptions.NoMeasurement(
                f'{self.target} gave no good answer within {timeout:g} s',
                seen=self._seen(),
            )
        return answered

    def measurement(self) -> timeline.Timeline:
        """The Timeline up to now, or up to the clean-up if that is over.

        Probes that were sent before this call and are under way are waited
        for.

        :raises NoMeasurement: if the meter was never set up, if no probe was
            answered, or if it is still down: then with the timeline up to now
        """
        now = time.monotonic()
        if not self._probes.wait_until_decided(now):
            raise exceptions.NoMeasurement(
                f'probes of {self.target} do not end: its answer comes byte '
                'by byte, or this machine is overloaded',
                seen=self._seen(),
            )
        return self._timeline(self._probes.samples(now)).recovered()

    def recent(self, since: float) -> timeline.Timeline | None:
        """The Timeline of the probes that were sent since a moment.

        As far as it is known what became of them: nothing is waited for.

        :returns: None as long as that is known of none of them
        :raises NoMeasurement: if none of them was answered
        """
        probed = self._probes.samples(time.monotonic(), since)
        return self._timeline(probed) if probed.samples else None

    def get_downtime(self) -> float:
        """Seconds without a good answer in sum, the timeline's estimate.

        :raises NoMeasurement: as measurement() does
        """
        return float(self.measurement().total)

    def _timeline(self, probed: folding.Probed) -> timeline.Timeline:
        return timeline.Timeline(
            what=self.what,
            target=self.target,
            samples=probed.samples,
            quiet=probed.quiet,
            round_trips=probed.round_trips,
            interval=self.interval,
            ended=probed.ended,
            wall_start=self._wall_start,
            method=self._method,
            probing=self._service.probing,
            deadline=self.deadline,
        )

    def _seen(self) -> str:
        """What there is to say where there is no measurement."""
        try:
            seen = self._timeline(
                self._probes.samples(time.monotonic())
            ).summary()
        except exceptions.NoMeasurement as error:
            seen = error.seen or str(error)
        return '; '.join(filter(None, (seen, self._probes.said())))
