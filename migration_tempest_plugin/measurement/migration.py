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
"""One live migration with all that was measured of it."""

import dataclasses
import functools
import json

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.measurement.breakdown import break_down
from migration_tempest_plugin.measurement.progress import Progress

SCHEMA = 'migration-tempest-plugin/migration'
SCHEMA_VERSION = 2
#: How many outages of one timeline a text names: with a TCP connection that
#: stutters, what matters would go under.
_OUTAGES_TOLD = 10


@dataclasses.dataclass(frozen=True)
class Limit:
    """How long something may be down in one migration.

    :ivar what: what was measured: Timeline.what, or 'guest' for its stop
    :ivar option: the option that sets the limit
    :ivar seconds: the longest time that is allowed
    :ivar longest: it is for each single outage, not for their sum
    """

    what: str
    option: str
    seconds: float
    longest: bool = False

    def complaint(self, duration, hidden=0.0):
        """What is wrong with a Duration, or None if the limit is kept.

        Kept is what is shown to be kept: by the upper bound, even if what
        nobody saw was down.

        :param hidden: seconds that may have been down unseen
        """
        seconds = '%s: %s' % (self._name(), duration)
        if duration.upper > self.seconds:
            return '%s, %s than the %g s that %s allows' % (
                seconds, 'longer' if duration.lower > self.seconds
                else 'by its upper bound longer', self.seconds, self.option)
        shown = max(duration.upper, hidden) if self.longest \
            else duration.upper + hidden
        if shown > self.seconds:
            return '%s, and %.3f s that nobody observed: too much to say ' \
                'that it is not longer than the %g s that %s allows. Use a ' \
                'longer interval of the probes, or a machine that is less ' \
                'busy' % (seconds, hidden, self.seconds, self.option)
        return None

    def _name(self):
        if self.what == 'guest':
            return 'guest stopped'
        return '%s downtime%s' % (
            self.what, ', longest outage' if self.longest else '')

    def to_dict(self):
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class MeasuredMigration:
    """One live migration of one server.

    :ivar server: id of the server
    :ivar source: host that it was on
    :ivar destination: host that it was on afterwards, or None
    :ivar measurements: the Timeline of each meter, or the NoMeasurement that
        there was instead
    :ivar clock: the GuestClock, or None if it was not measured
    :ivar record: the migration record of Nova's API, or None
    :ivar events: the events of the instance action, as in Nova's API
    :ivar progress: the Progress, as Nova's API showed it
    :ivar libvirt_downtime: for how long libvirt says that the guest was
        stopped, in seconds, or None if it was not asked or does not know
    :ivar kind: 'live', or 'cold' if the server was shut down for it
    :ivar limits: the Limits that it is held against
    :ivar figures: the Figures of its copying, as libvirt on the source host
        told them
    """

    server: str
    source: str
    destination: str | None
    measurements: tuple
    clock: object = None
    record: dict | None = None
    events: tuple = ()
    progress: Progress | None = None
    libvirt_downtime: float | None = None
    kind: str = 'live'
    limits: tuple = ()
    figures: tuple = ()

    def complaints(self, limits):
        """What is wrong, a sentence each; nothing if all is as allowed.

        What has no measurement is wrong, too, whatever its limit is.
        """
        found = [str(each) for each in self.measurements
                 if isinstance(each, exceptions.NoMeasurement)]
        for limit in limits:
            if limit.what == 'guest':
                if self.clock:
                    found.append(limit.complaint(self.clock.stopped))
                continue
            timeline = self.timeline(limit.what)
            if timeline:
                found.append(_complaint(limit, timeline))
        return list(filter(None, found))

    @property
    def timelines(self):
        """The measurements that there are."""
        return [each for each in self.measurements
                if not isinstance(each, exceptions.NoMeasurement)]

    def timeline(self, what):
        """The Timeline of what was measured, or None."""
        return next((each for each in self.timelines if each.what == what),
                    None)

    @functools.cached_property
    def breakdown(self):
        """Where the downtime went, as a Breakdown."""
        return break_down(
            network=self.timeline('network'), tcp=self.timeline('tcp'),
            metadata=self.timeline('metadata'), clock=self.clock,
            progress=self.progress,
            libvirt_downtime=self.libvirt_downtime)

    def summary(self):
        """One line."""
        return '%s migration of %s from %s to %s: %s' % (
            self.kind.capitalize(), self.server, self.source,
            self.destination or 'nowhere', self.breakdown.text())

    def text(self):
        """All of it, for people: what was seen, and what Nova says."""
        lines = [self.summary()]
        for each in self.measurements:
            if isinstance(each, exceptions.NoMeasurement):
                lines.append(str(each))
                each = each.timeline
            if each is not None:
                lines.append(each.summary())
                lines.extend(_outage_lines(each))
        if self.clock:
            lines.append(self.clock.summary())
        if self.progress:
            lines.extend(self._phase_lines())
        lines.append('migration record: %s' % json.dumps(
            self.record, sort_keys=True))
        lines.append('events of the instance action, in the cloud\'s wall '
                     'clock:')
        lines.extend('  %s %s - %s: %s' % (
            event.get('event'), event.get('start_time'),
            event.get('finish_time'), event.get('result'))
            for event in self.events)
        return '\n'.join(lines)

    def _phase_lines(self):
        origin = self.progress.requested
        if self.progress.queued is not None:
            yield 'waited for its turn: %s' % self.progress.queued
        yield 'phases, in seconds after the request:'
        for phase in self.progress.phases:
            yield '  %s %s: from %s%s' % (
                phase.kind, phase.name, _between(phase.begin, origin),
                ' until %s' % _between(phase.end, origin) if phase.end
                else '')

    @property
    def _origin(self):
        """The moment from which the times of phases and stops count."""
        if self.progress:
            return self.progress.requested
        return min((each.began for each in self.timelines), default=0.0)

    def to_dict(self):
        """All of it, ready for JSON (its schema: see the documentation)."""
        return {
            'schema': SCHEMA, 'version': SCHEMA_VERSION,
            'kind': self.kind, 'server': self.server, 'source': self.source,
            'destination': self.destination,
            'breakdown': self.breakdown.to_dict(self._origin),
            'measurements': [self._measurement(each)
                             for each in self.measurements],
            'guest_clock': self.clock and self.clock.to_dict(self._origin),
            'progress': self.progress and self.progress.to_dict(
                self._origin),
            'migration_record': self.record, 'events': list(self.events),
            'limits': [limit.to_dict() for limit in self.limits],
            'complaints': self.complaints(self.limits),
            'figures': [each.to_dict(self._origin)
                        for each in self.figures]}

    def _measurement(self, each):
        if isinstance(each, exceptions.NoMeasurement):
            return {'no_measurement': each.reason, 'seen': each.seen,
                    'timeline': each.timeline and self._timeline(
                        each.timeline)}
        return self._timeline(each)

    def _timeline(self, timeline):
        return {**timeline.to_dict(),
                'begin': timeline.began - self._origin}


def _complaint(limit, timeline):
    hidden = [gap.length for gap in timeline.hidden]
    if limit.longest:
        return limit.complaint(timeline.longest, max(hidden, default=0.0))
    return limit.complaint(timeline.total, sum(hidden))


def _outage_lines(timeline):
    """The longest of the outages, in their order: a screenful, not all."""
    longest = sorted(timeline.outages, key=lambda outage: outage.duration,
                     reverse=True)[:_OUTAGES_TOLD]
    for outage in sorted(longest, key=lambda outage: outage.start):
        yield _outage_line(timeline, outage)
    shorter = len(timeline.outages) - len(longest)
    if shorter:
        yield '  and %d that were not longer than these' % shorter


def _outage_line(timeline, outage):
    return '  from %.3f s to %.3f s after the first probe: %s, %d probes ' \
        'failed%s' % (outage.start - timeline.began,
                      outage.end - timeline.began, outage.duration,
                      outage.failures,
                      ', still down' if outage.ongoing else '')


def _between(moments, origin):
    return '%.1f..%.1f' % tuple(moment - origin for moment in moments)
