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
"""What is told of one recorded migration, wherever it is told.

A migration is MeasuredMigration.to_dict(), of any version.
"""

import enum
import math

#: What a migration costs a server, in the order in which it is told.
COSTS = ('network', 'tcp', 'metadata', 'guest stopped')

QUEUED = 'queued'


class Verdict(enum.Enum):
    """What came of a migration, the worst first; its value is for people."""

    NO_MEASUREMENT = 'no measurement'
    OVER = 'over the limit'
    NOT_JUDGED = 'no limit'
    WITHIN = 'within limits'


def durations(migration):
    """Each duration that was measured, by name: what it cost, and waited."""
    found = {each['what']: each['total']
             for each in migration['measurements']
             if 'no_measurement' not in each}
    if migration.get('guest_clock'):
        found['guest stopped'] = migration['guest_clock']['stopped']
    queued = (migration.get('progress') or {}).get('queued')
    if queued and migration.get('kind') != 'watch':
        found[QUEUED] = queued
    return found


def missing(migration):
    """Why there is no measurement, a reason for each that is missing."""
    return [each['no_measurement'] for each in migration['measurements']
            if 'no_measurement' in each]


def still_down(migration):
    """What was still down when the observation ended."""
    timelines = (each.get('timeline') if 'no_measurement' in each else each
                 for each in migration['measurements'])
    return [each['what'] for each in timelines
            if each and each['still_down']]


def complaints(migration):
    """What was wrong: what exceeded its limit, or has no measurement."""
    return migration.get('complaints', missing(migration))


def verdict(migration):
    if missing(migration):
        return Verdict.NO_MEASUREMENT
    if complaints(migration):
        return Verdict.OVER
    # Older records do not know their limits.
    return Verdict.WITHIN if migration.get('limits') else Verdict.NOT_JUDGED


def badness(migration):
    """Greater is worse: what has no measurement, then what was away longest.

    By the upper bounds, as limits are.
    """
    seconds = durations(migration)
    return (-list(Verdict).index(verdict(migration)),
            seconds['network']['upper'] if 'network' in seconds
            else math.inf)


def moved(migration):
    """Whether it took place: otherwise it says nothing of what one costs."""
    return migration.get('kind') == 'watch' or \
        migration['destination'] not in (None, migration['source'])


def way(migration, arrow='->'):
    """From where to where, for people."""
    if migration.get('kind') == 'watch':
        return migration['server']
    return '%s %s %s' % (migration['source'], arrow,
                         migration['destination'] or 'nowhere')


def phase(found):
    """When a phase began and ended, for people: each between two looks."""
    text = '%s: from %.1f..%.1f s' % (found['name'], *found['begin'])
    return text + (' to %.1f..%.1f s' % tuple(found['end'])
                   if found['end'] else ' on')
