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
"""Where the downtime of one migration went."""

import dataclasses
import itertools

from migration_tempest_plugin.measurement.duration import Duration
from migration_tempest_plugin.measurement.guest_clock import GuestClock
from migration_tempest_plugin.measurement.guest_clock import Stop
from migration_tempest_plugin.measurement.outage import Outage
from migration_tempest_plugin.measurement.progress import Phase
from migration_tempest_plugin.measurement.progress import Progress
from migration_tempest_plugin.measurement.timeline import Timeline

SCHEMA = 'migration-tempest-plugin/breakdown'
SCHEMA_VERSION = 1


@dataclasses.dataclass(frozen=True)
class Breakdown:
    """What was down for how long, and what of it explains what.

    Each part is a Duration, or None where it was not measured. Of what was not
    seen, that is an estimate of 0, and at most the resolution.

    :ivar guest_stopped: the guest's own clock stood still
    :ivar libvirt_downtime: for how long libvirt says that it was stopped, in
        seconds: a number of libvirt's own, without bounds
    :ivar network: the guest did not answer from outside
    :ivar network_while_running: what of that is not the stop: the guest ran,
        and could not be reached
    :ivar network_after_stop: what of that came after the guest ran again; the
        rest came before its stops. Whether it came before or after can be
        known from outside by the beats that came through in between, and
        often there are none: then the estimate takes all for after.
    :ivar tcp_stalled: nothing came over an established connection
    :ivar metadata: the guest got no answer of the metadata service, in the
        tester's clock, if that is joined to the guest's
    :ivar metadata_after_network: what of that came after the network was back
    :ivar storage_stalled: what the guest wrote was not on its disk, in the
        tester's clock, if that is joined to the guest's
    :ivar phases: the Phases of the migration
    :ivar memory_copied: bytes, at least
    """

    guest_stopped: Duration | None = None
    libvirt_downtime: float | None = None
    network: Duration | None = None
    network_while_running: Duration | None = None
    network_after_stop: Duration | None = None
    tcp_stalled: Duration | None = None
    metadata: Duration | None = None
    metadata_after_network: Duration | None = None
    storage_stalled: Duration | None = None
    phases: tuple[Phase, ...] = ()
    memory_copied: int | None = None

    def text(self) -> str:
        """One line."""
        parts = [
            self._network(),
            _part(
                'by libvirt the guest was stopped for %.3f s',
                self.libvirt_downtime,
            ),
            _part('TCP stalled for %s', self.tcp_stalled),
            _part('no metadata for %s', self.metadata),
        ]
        if self.metadata_after_network:
            parts[-1] += (
                f', {self.metadata_after_network} of it after the network '
                'was back'
            )
        parts.append(_part('storage stalled for %s', self.storage_stalled))
        if self.memory_copied is not None:
            parts.append(
                f'{self.memory_copied / 2**20:.0f} MiB of memory copied'
            )
        parts.extend(
            f'{phase.name} {_phase(phase.begin, phase.end)}'
            for phase in self.phases
            if phase.kind == 'status' and phase.end
        )
        return '; '.join(filter(None, parts)) or 'nothing was measured'

    def _network(self) -> str:
        if self.network is None:
            return _part('guest stopped for %s', self.guest_stopped)
        text = f'network down for {self.network}'
        if self.guest_stopped is None:
            return text
        text += f', of which the guest was stopped for {self.guest_stopped}'
        if self.network_after_stop is not None:
            text += (
                f' and unreachable for {self.network_after_stop} after that'
            )
        return text

    def to_dict(self, origin: float = 0.0) -> dict[str, object]:
        """Ready for JSON; phases in seconds since the origin."""
        parts: dict[str, object] = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
        }
        parts['phases'] = [phase.to_dict(origin) for phase in self.phases]
        return {
            'schema': SCHEMA,
            'version': SCHEMA_VERSION,
            **{
                name: part.to_dict() if isinstance(part, Duration) else part
                for name, part in parts.items()
            },
        }


def break_down(
    network: Timeline | None = None,
    tcp: Timeline | None = None,
    metadata: Timeline | None = None,
    clock: GuestClock | None = None,
    progress: Progress | None = None,
    libvirt_downtime: float | None = None,
    storage: Timeline | None = None,
) -> Breakdown:
    """Make the Breakdown of what there is.

    :param network, tcp, metadata, storage: their Timelines; that of metadata
        may be in the guest's clock, and is then compared with nothing
    :param clock: the GuestClock
    :param progress: the Progress
    :param libvirt_downtime: in seconds
    """
    running = after_stop = after_network = None
    if network and metadata and metadata.clock == network.clock:
        after_network = _after_network(network, metadata)
    if network and clock:
        running, after_stop = _around_stops(network, clock.stops)
    return Breakdown(
        guest_stopped=clock.stopped if clock else None,
        libvirt_downtime=libvirt_downtime,
        network=network.total if network else None,
        network_while_running=running,
        network_after_stop=after_stop,
        tcp_stalled=tcp.total if tcp else None,
        metadata=metadata.total if metadata else None,
        metadata_after_network=after_network,
        storage_stalled=storage.total if storage else None,
        phases=progress.phases if progress else (),
        memory_copied=progress.memory_copied if progress else None,
    )


def _around_stops(
    network: Timeline, stops: tuple[Stop, ...]
) -> tuple[Duration, Duration | None]:
    """What of the outages was while the guest ran, and after its stops.

    Each answer shows that the guest ran. So a stop lies between two answered
    probes: in an outage, or where probes were answered late but in time.
    """
    inside: dict[Outage, list[Stop]] = {
        outage: [] for outage in network.outages
    }
    for stop in stops:
        outage = _around(stop, network.outages)
        if outage:
            inside[outage].append(stop)
    running = network.total.less(
        Duration.sum(
            _shown(stop, outage)
            for outage, own in inside.items()
            for stop in own
        )
    )
    if not stops:
        return running, None
    return running, _after_stops(network, stops, inside, running)


def _around(stop: Stop, outages: tuple[Outage, ...]) -> Outage | None:
    """The outage that a stop is in, or None."""
    return max(
        (
            outage
            for outage in outages
            if outage.start <= stop.end
            and stop.start <= outage.end
            and outage.upper >= stop.lower
        ),
        key=lambda outage: outage.upper,
        default=None,
    )


def _shown(stop: Stop, outage: Outage) -> Duration:
    """What an outage has of the stop that is in it."""
    # At both of its ends, the outage may not have been one yet.
    return Duration(
        max(0.0, stop.lower - (outage.upper - outage.lower)),
        stop.upper,
        float(stop.duration),
    )


def _after_stops(
    network: Timeline,
    stops: tuple[Stop, ...],
    inside: dict[Outage, list[Stop]],
    running: Duration,
) -> Duration:
    """What of the outages came after the guest ran again.

    Where a stop is in an outage, that is what came after this stop; else, an
    outage is after a stop, or before all of them. A short stop that no
    outage shows is none that anything comes after, unless it is the longest.

    :param inside: the stops in each outage, in order
    :param running: what of the outages was while the guest ran at all: it
        can't be more
    """
    first = min(
        [
            *itertools.chain(*inside.values()),
            max(stops, key=lambda stop: stop.upper),
        ],
        key=lambda stop: stop.start,
    )
    after = [_after(outage, own, first) for outage, own in inside.items()]
    after = [each for each in after if each.upper]
    if not after:  # nothing was seen after it
        return Duration(0, min(network.resolution, running.upper), 0)
    total = Duration.sum(after)
    upper = min(total.upper, running.upper)
    return Duration.around(float(total), min(total.lower, upper), upper)


def _after(outage: Outage, own: list[Stop], first: Stop) -> Duration:
    """What of one outage came after the guest ran again, as a Duration.

    :param own: the stops in it, in order
    :param first: the stop to go by if there is none
    """
    stop, *later = own or [first]
    earliest, latest = stop.resumed_earliest, stop.end
    if own:
        earliest = max(earliest, outage.start + stop.lower)
        latest = min(latest, outage.end)
    others = Duration.sum(each.duration for each in later)
    upper = max(0.0, outage.end - max(outage.start, earliest) - others.lower)
    lower = max(
        0.0,
        outage.last_failure - max(outage.first_failure, latest) - others.upper,
    )
    return Duration.around(
        float(outage.duration) - sum(float(each.duration) for each in own),
        min(lower, outage.lower, upper),
        upper,
    )


def _after_network(network: Timeline, metadata: Timeline) -> Duration | None:
    """What of the metadata's outages came after the network was back.

    None if the network was not seen to be down: then it was not back either.
    """
    if not network.outages:
        return None
    after = [
        _after_back(outage, network.outages) for outage in metadata.outages
    ]
    return Duration.sum(
        (each for each in after if each.upper), metadata.resolution
    )


def _after_back(outage: Outage, network: tuple[Outage, ...]) -> Duration:
    """What of one outage came after those of the network, as a Duration.

    It goes by the first of these that it has a part of, or else by the last
    one before it.
    """
    parts = [
        each
        for each in network
        if each.start <= outage.end and outage.start <= each.end
    ]
    before = [each for each in network if each.end < outage.start]
    if not parts and not before:
        return Duration(0, 0)
    back, *later = parts or before[-1:]
    # Of the others, that is taken out which is certain to be a part of it.
    upper = max(
        0.0,
        outage.end
        - max(outage.start, back.last_failure)
        - sum(
            max(0.0, min(each.lower, outage.last_failure - each.first_failure))
            for each in later
        ),
    )
    lower = max(
        0.0,
        outage.last_failure
        - max(outage.first_failure, back.end)
        - sum(each.upper for each in later),
    )
    return Duration(min(lower, outage.lower, upper), upper)


def _part(text: str, duration: float | None) -> str:
    return text % duration if duration is not None else ''


def _phase(begin: tuple[float, float], end: tuple[float, float]) -> str:
    """How long a phase took, as well as the looks at it show."""
    lower = max(0.0, end[0] - begin[1])
    return f'{lower:.1f} to {end[1] - begin[0]:.1f} s'
