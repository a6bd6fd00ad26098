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
import contextlib
import functools
import itertools
import pathlib
import time
import typing

from oslo_log import log
import paramiko

from migration_tempest_plugin.guest import shell
from migration_tempest_plugin.guest import writer as guest_writer
from migration_tempest_plugin.hosts import ssh
from migration_tempest_plugin import measurement
from migration_tempest_plugin.measurement.guest_clock import TICK
from migration_tempest_plugin import meters
from migration_tempest_plugin.meters import heartbeat
from migration_tempest_plugin.meters import metadata
from migration_tempest_plugin.meters import metadata_follow
from migration_tempest_plugin.meters import service as services
from migration_tempest_plugin.meters import service_kinds
from migration_tempest_plugin.recording import writer

LOG = log.getLogger(__name__)

#: A meter that gives its samples to a sink.
_Sampling: typing.TypeAlias = (
    meters.NetDowntimeMeter
    | meters.GuestHeartbeatMeter
    | services.ServiceDowntimeMeter
)

#: One that gives it the lines of its log in the guest.
_Logging: typing.TypeAlias = (
    meters.MetadataDowntimeMeter | meters.StorageStallMeter
)

_Meter = typing.TypeVar('_Meter', bound=_Sampling | _Logging)

#: Those whose threshold is chosen when they begin.
_CHOOSING = meters.GuestHeartbeatMeter, meters.StorageStallMeter


class Recorder:
    """Makes meters, and has the file say what is known of each.

    :param file: the recording.Writer that gets each sample; None for none
    """

    def __init__(self, file: writer.Writer | None) -> None:
        self._file = file
        # The number of the stream of each that is not lost.
        self._streams: dict[_Sampling, int] = {}
        # The same of those with a log in the guest, in its clock.
        self._logs: dict[_Logging, int] = {}

    def network(
        self,
        target: str,
        interval: float,
        deadline: float,
        what: str = 'network',
    ) -> meters.NetDowntimeMeter:
        """A meter that pings a target."""
        return self._made(
            functools.partial(
                meters.NetDowntimeMeter, target, interval, deadline
            ),
            what,
            target,
            interval,
            deadline,
            measurement.Probing.INDEPENDENT,
            'prober',
        )

    def heartbeat(
        self,
        connect: collections.abc.Callable[[], paramiko.SSHClient],
        target: str,
        lifetime: float,
        interval: float = heartbeat.INTERVAL,
        deadline: float = heartbeat.DEADLINE,
    ) -> meters.GuestHeartbeatMeter:
        """A meter of a guest's clock; see GuestHeartbeatMeter."""
        return self._made(
            functools.partial(
                meters.GuestHeartbeatMeter,
                connect,
                interval,
                deadline,
                lifetime,
                target,
            ),
            'tcp',
            target,
            interval + TICK,
            None,  # it is chosen later
            measurement.Probing.ORDERED,
            heartbeat.METHOD,
        )

    def metadata(
        self,
        guest: ssh.Host | shell.Client,
        connect: collections.abc.Callable[[], paramiko.SSHClient],
        target: str,
        interval: float = metadata.INTERVAL,
        deadline: float = metadata.DEADLINE,
        **settings: typing.Any,
    ) -> metadata.MetadataDowntimeMeter:
        """A meter of a guest's metadata service.

        If it is written down, it is followed: see FollowedMetadataMeter.

        :param guest: where the service is asked for
        :param connect: as of a FollowedMetadataMeter
        :param settings: of a MetadataDowntimeMeter
        """
        make = (
            functools.partial(
                metadata_follow.FollowedMetadataMeter, guest, connect
            )
            if self._file
            else functools.partial(metadata.MetadataDowntimeMeter, guest)
        )
        return self._made(
            functools.partial(
                make,
                interval=interval,
                deadline=deadline,
                **settings,
            ),
            'metadata',
            target,
            interval,
            deadline,
            measurement.Probing.SEQUENTIAL,
            clock='guest',
        )

    def storage(
        self,
        storage_writer: guest_writer.StorageWriter,
        target: str,
        deadline: float,
    ) -> meters.StorageStallMeter:
        """A meter of what a guest writes to its disk."""
        return self._made(
            functools.partial(
                meters.StorageStallMeter, storage_writer, deadline, target
            ),
            'storage',
            target,
            storage_writer.pause,
            None,  # it is chosen later
            measurement.Probing.BLOCKING,
            clock='guest',
        )

    def service(
        self,
        target: str,
        service: service_kinds.Service,
        interval: float,
        deadline: float,
    ) -> services.ServiceDowntimeMeter:
        """A meter of what is asked of a service."""
        return self._made(
            functools.partial(
                services.ServiceDowntimeMeter,
                target,
                service,
                interval,
                deadline,
            ),
            service.what,
            target,
            interval,
            deadline,
            service.probing,
            service.method,
        )

    def _made(
        self,
        make: collections.abc.Callable[..., _Meter],
        what: str,
        target: str,
        interval: float,
        deadline: float | None,
        probing: measurement.Probing,
        method: str = '',
        clock: str = 'tester',
    ) -> _Meter:
        """A meter, with a stream of its own for its samples.

        What is in the guest's clock comes as the lines of a log.
        """
        if self._file is None:
            return make()
        stream = self._file.add(
            what, target, interval, deadline, probing, method, clock
        )
        take = self._file.log if clock == 'guest' else self._file.take
        meter = make(sink=functools.partial(take, stream))
        if isinstance(meter, _Logging):
            self._logs[meter] = stream
        else:
            self._streams[meter] = stream
        return meter

    def begin(
        self, baselines: collections.abc.Mapping[typing.Any, float]
    ) -> None:
        """Each meter counts from its baseline on; one without does not."""
        if self._file is None:
            return
        self._streams = {
            meter: stream
            for meter, stream in self._streams.items()
            if meter in baselines
        }
        for meter, stream in itertools.chain(
            self._logs.items(), self._streams.items()
        ):
            if meter in baselines:
                self._file.baseline(stream, baselines[meter])
            if isinstance(meter, _CHOOSING):
                self._file.deadline(stream, meter.threshold)
        self._file.ask(self.known)

    def migrations(
        self,
        target: str,
        followed: collections.abc.Iterable[measurement.Followed],
    ) -> None:
        """Have it written what is new of the migrations of a target's server.

        :param followed: all of them up to now, in turn
        """
        if self._file:
            self._file.migrations(target, followed)

    def mark(self, text: str) -> None:
        """Have it written that something is done now."""
        if self._file:
            self._file.mark(measurement.Mark(time.monotonic(), text))

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


#: Writes nothing.
NONE = Recorder(None)


@contextlib.contextmanager
def recording(
    folder: str | None, name: str
) -> collections.abc.Iterator[Recorder]:
    """A Recorder to a new file in a folder, as long as the ``with`` lasts.

    :param folder: None for none; it is made if it is not there
    :param name: of what is recorded; the file has the time of day in its name
    """
    if folder is None:
        yield NONE
        return
    try:
        file = _new_file(pathlib.Path(folder), name)
    except OSError as error:
        # Measuring goes on without it.
        LOG.warning('No samples can be written to %s: %s', folder, error)
        yield NONE
        return
    with file:
        yield Recorder(file)
    LOG.info('Each sample is in %s', file.path)


def _new_file(folder: pathlib.Path, name: str) -> writer.Writer:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    stem = f'{name}-{time.strftime("%Y%m%d-%H%M%S")}'
    for number in itertools.count(1):
        ending = f'-{number}' if number > 1 else ''
        try:
            return writer.Writer(
                folder / f'{stem}{ending}.samples.gz', LOG.warning
            )
        except FileExistsError:
            continue
    raise AssertionError('there is no end of numbers')
