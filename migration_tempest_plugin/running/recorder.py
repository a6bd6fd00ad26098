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
"""Meters whose samples go to a file as they come."""

import collections.abc
import functools

import paramiko

from migration_tempest_plugin import measurement
from migration_tempest_plugin.measurement.guest_clock import TICK
from migration_tempest_plugin import meters
from migration_tempest_plugin.meters import heartbeat
from migration_tempest_plugin.recording import writer


class Recorder:
    """Makes meters, and has the file say what is known of each.

    :param file: the recording.Writer that gets each sample; None for none
    """

    def __init__(self, file: writer.Writer | None) -> None:
        self._file = file
        # The number of the stream of each that is not lost.
        self._streams: dict[
            meters.NetDowntimeMeter | meters.GuestHeartbeatMeter, int
        ] = {}

    def network(
        self,
        target: str,
        interval: float,
        deadline: float,
        what: str = 'network',
    ) -> meters.NetDowntimeMeter:
        """A meter that pings a target."""
        if self._file is None:
            return meters.NetDowntimeMeter(target, interval, deadline)
        stream = self._file.add(
            what,
            target,
            interval,
            deadline,
            measurement.Probing.INDEPENDENT,
            'prober',
        )
        meter = meters.NetDowntimeMeter(
            target,
            interval,
            deadline,
            sink=functools.partial(self._file.take, stream),
        )
        self._streams[meter] = stream
        return meter

    def heartbeat(
        self,
        connect: collections.abc.Callable[[], paramiko.SSHClient],
        target: str,
        lifetime: float,
    ) -> meters.GuestHeartbeatMeter:
        """A meter of a guest's clock; see GuestHeartbeatMeter."""
        if self._file is None:
            return meters.GuestHeartbeatMeter(
                connect, target=target, lifetime=lifetime
            )
        stream = self._file.add(
            'tcp',
            target,
            heartbeat.INTERVAL + TICK,
            None,  # it is chosen later
            measurement.Probing.ORDERED,
            heartbeat.METHOD,
        )
        meter = meters.GuestHeartbeatMeter(
            connect,
            target=target,
            lifetime=lifetime,
            sink=functools.partial(self._file.take, stream),
        )
        self._streams[meter] = stream
        return meter

    def begin(self, baselines: collections.abc.Mapping[object, float]) -> None:
        """Each meter counts from its baseline on; one without does not."""
        if self._file is None:
            return
        self._streams = {
            meter: stream
            for meter, stream in self._streams.items()
            if meter in baselines
        }
        for meter, stream in self._streams.items():
            self._file.baseline(stream, baselines[meter])
            if isinstance(meter, meters.GuestHeartbeatMeter):
                self._file.deadline(stream, meter.threshold)
        self._file.ask(self.known)

    def known(self) -> float | None:
        """Up to when all that was seen is in the file, or None.

        Of a meter that is lost, nothing more becomes known: the file says so.
        """
        for meter, stream in list(self._streams.items()):
            if self._file and (lost := meter.lost):
                del self._streams[meter]
                self._file.lose(stream, meter.known or 0.0, lost)
        known = [meter.known for meter in self._streams]
        moments = [each for each in known if each is not None]
        return min(moments) if moments and len(moments) == len(known) else None
