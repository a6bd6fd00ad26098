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

from migration_tempest_plugin.measurement.duration import Duration

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
        rest came before the stop. Whether it came before or after can be
        told from outside by the beats that came through in between, and
        often there are none: then the estimate takes all for after.
    :ivar tcp_stalled: nothing came over an established connection
    :ivar metadata: the guest got no answer of the metadata service, in the
        tester's clock, if that is joined to the guest's
    :ivar metadata_after_network: what of that came after the network was back
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
    phases: tuple = ()
    memory_copied: int | None = None

    def text(self):
        """One line."""
        parts = [self._network(),
                 _part('by libvirt the guest was stopped for %.3f s',
                       self.libvirt_downtime),
                 _part('TCP stalled for %s', self.tcp_stalled),
                 _part('no metadata for %s', self.metadata)]
        if self.metadata_after_network:
            parts[-1] += (', %s of it after the network was back'
                          % self.metadata_after_network)
        if self.memory_copied is not None:
            parts.append('%.0f MiB of memory copied'
                         % (self.memory_copied / 2 ** 20))
        parts.extend('%s %s' % (phase.name, _phase(phase))
                     for phase in self.phases if phase.kind == 'status' and
                     phase.end)
        return '; '.join(filter(None, parts)) or 'nothing was measured'

    def _network(self):
        if self.network is None:
            return _part('guest stopped for %s', self.guest_stopped)
        text = 'network away for %s' % self.network
        if self.guest_stopped is None:
            return text
        text += ', of which the guest was stopped for %s' % self.guest_stopped
        if self.network_after_stop is not None:
            text += (' and unreachable for %s after that'
                     % self.network_after_stop)
        return text

    def to_dict(self, origin=0.0):
        """Ready for JSON; phases in seconds since the origin."""
        parts = {field.name: getattr(self, field.name)
                 for field in dataclasses.fields(self)}
        parts['phases'] = [phase.to_dict(origin) for phase in self.phases]
        return {'schema': SCHEMA, 'version': SCHEMA_VERSION, **{
            name: part.to_dict() if isinstance(part, Duration) else part
            for name, part in parts.items()}}


def break_down(network=None, tcp=None, metadata=None, clock=None,
               progress=None, libvirt_downtime=None):
    """Make the Breakdown of what there is.

    :param network, tcp, metadata: their Timelines; that of metadata may be in
        the guest's clock, and is then compared with nothing
    :param clock: the GuestClock
    :param progress: the Progress
    :param libvirt_downtime: in seconds
    """
    parts = {
        'libvirt_downtime': libvirt_downtime,
        'network': network and network.total,
        'tcp_stalled': tcp and tcp.total,
        'metadata': metadata and metadata.total,
        'guest_stopped': clock and clock.stopped}
    if network and metadata and metadata.clock == network.clock:
        parts['metadata_after_network'] = _after_network(network, metadata)
    if network and clock:
        parts.update(_around_stops(network, clock.stops))
    if progress:
        parts.update(phases=progress.phases,
                     memory_copied=progress.memory_copied)
    return Breakdown(**parts)


def _around_stops(network, stops):
    """What of the outages was while the guest ran, and after its stop.

    Each answer shows that the guest ran. So a stop lies between two answered
    probes: in an outage, or where probes were answered late but in time.
    """
    inside = [(stop, outage) for stop, outage in (
        (stop, _around(stop, network.outages)) for stop in stops) if outage]
    stopped = Duration.sum(Duration(
        # At both of its ends, the outage may not have been one yet.
        max(0.0, stop.lower - (outage.upper - outage.lower)), stop.upper,
        float(stop.duration)) for stop, outage in inside)
    running = network.total.less(stopped)
    if not stops:
        return {'network_while_running': running}
    return {'network_while_running': running,
            'network_after_stop': _after_stop(
                network, max(stops, key=lambda stop: stop.upper), running)}


def _around(stop, outages):
    """The outage that a stop is in, or None."""
    return max((outage for outage in outages
                if outage.start <= stop.end and stop.start <= outage.end and
                outage.upper >= stop.lower),
               key=lambda outage: outage.upper, default=None)


def _after_stop(network, stop, running):
    """What of the outages came after the guest ran again.

    :param running: what of them was while the guest ran at all: it can't be
        more
    """
    earliest, latest = stop.resumed_earliest, stop.end
    outage = _around(stop, network.outages)
    if outage:
        earliest = max(earliest, outage.start + stop.lower)
        latest = min(latest, outage.end)
    lower = sum(max(0.0, each.last_failure - max(each.first_failure, latest))
                for each in network.outages)
    upper = sum(max(0.0, each.end - max(each.start, earliest))
                for each in network.outages)
    if not upper:  # nothing was seen after it
        return Duration(0, min(network.resolution, running.upper), 0)
    upper = min(upper, running.upper)
    lower = min(lower, upper)
    return Duration.around(float(running), lower, upper)


def _after_network(network, metadata):
    """What of the metadata's outages came after the network was back.

    None if the network was not seen to be down: then it was not back either.
    """
    if not network.outages:
        return None
    back = network.outages[-1]
    after = [Duration(
        max(0.0, outage.last_failure - max(outage.first_failure, back.end)),
        max(0.0, outage.end - max(outage.start, back.last_failure)))
        for outage in metadata.outages]
    return Duration.sum((each for each in after if each.upper),
                        metadata.resolution)


def _part(text, duration):
    return text % duration if duration is not None else ''


def _phase(phase):
    """How long a phase took, as well as the looks at it tell."""
    lower = max(0.0, phase.end[0] - phase.begin[1])
    return '%.1f to %.1f s' % (lower, phase.end[1] - phase.begin[0])
