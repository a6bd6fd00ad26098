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
import json

from migration_tempest_plugin import exceptions

SCHEMA = 'migration-tempest-plugin/migration'
SCHEMA_VERSION = 1


@dataclasses.dataclass(frozen=True)
class Limit:
    """How long something may be down in one migration.

    :ivar what: what was measured, as in Timeline.what
    :ivar option: the option that sets the limit
    :ivar seconds: the longest total that is allowed
    """

    what: str
    option: str
    seconds: float


@dataclasses.dataclass(frozen=True)
class MeasuredMigration:
    """One live migration of one server.

    :ivar server: id of the server
    :ivar source: host that it was on
    :ivar destination: host that it was on afterwards, or None
    :ivar measurements: the Timeline of each meter, or the NoMeasurement that
        there was instead
    :ivar record: the migration record of Nova's API, or None
    :ivar events: the events of the instance action, as in Nova's API
    """

    server: str
    source: str
    destination: str | None
    measurements: tuple
    record: dict | None = None
    events: tuple = ()

    def complaints(self, limits):
        """What is wrong, a sentence each; nothing if all is as allowed.

        A total is held against its limit by its upper bound.
        """
        found = [str(each) for each in self.measurements
                 if isinstance(each, exceptions.NoMeasurement)]
        limits = {limit.what: limit for limit in limits}
        for timeline in self.timelines:
            limit = limits[timeline.what]
            if timeline.still_down:
                found.append('%s of %s was still down at the end'
                             % (timeline.what, timeline.target))
            if timeline.total.upper > limit.seconds:
                found.append(
                    '%s downtime: %s, longer than the %g s that %s allows'
                    % (timeline.what, timeline.total, limit.seconds,
                       limit.option))
        return found

    @property
    def timelines(self):
        """The measurements that there are."""
        return [each for each in self.measurements
                if not isinstance(each, exceptions.NoMeasurement)]

    def summary(self):
        """One line."""
        return 'Live migration of %s from %s to %s: %s' % (
            self.server, self.source, self.destination or 'nowhere',
            '; '.join('%s down %s in %d outage%s' % (
                each.what, each.total, len(each.outages),
                '' if len(each.outages) == 1 else 's')
                for each in self.timelines) or 'nothing was measured')

    def text(self):
        """All of it, for people: what was seen, and what Nova says."""
        lines = [self.summary()]
        for each in self.measurements:
            if isinstance(each, exceptions.NoMeasurement):
                lines.append(str(each))
                continue
            lines.append(each.summary())
            lines.extend('  from %.3f s to %.3f s after the first probe: %s, '
                         '%d probes failed%s'
                         % (outage.start - each.began,
                            outage.end - each.began, outage.duration,
                            outage.failures,
                            ', still down' if outage.ongoing else '')
                         for outage in each.outages)
        lines.append('migration record: %s' % json.dumps(
            self.record, sort_keys=True))
        lines.append('events of the instance action:')
        lines.extend('  %s %s - %s: %s' % (
            event.get('event'), event.get('start_time'),
            event.get('finish_time'), event.get('result'))
            for event in self.events)
        return '\n'.join(lines)

    def to_dict(self):
        """All of it, ready for JSON."""
        return {
            'schema': SCHEMA, 'version': SCHEMA_VERSION,
            'server': self.server, 'source': self.source,
            'destination': self.destination,
            'measurements': [
                {'no_measurement': each.reason, 'seen': each.seen}
                if isinstance(each, exceptions.NoMeasurement)
                else each.to_dict() for each in self.measurements],
            'migration_record': self.record, 'events': list(self.events)}
