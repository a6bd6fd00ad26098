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
"""What is said of one recorded migration, in every kind of report.

A migration is MeasuredMigration.to_dict(), of any version.
"""

import collections.abc
import enum
import math
import typing

from migration_tempest_plugin import measurement
from migration_tempest_plugin.measurement import gaps
from migration_tempest_plugin.measurement import setting
from migration_tempest_plugin.report import documents
from migration_tempest_plugin.report import round_trips

#: What of services a watch measures.
SERVICES = ('connect', 'http', 'kept', 'dns')

#: What nobody observed is worth a word where it is more than that part of the
#: time.
UNOBSERVED = 0.01

#: What a migration costs a server, in the order of the reports; and those.
COSTS = (
    'network',
    'tcp',
    'metadata',
    'storage',
    'guest stopped',
    *SERVICES,
)

QUEUED = 'queued'


class Verdict(enum.Enum):
    """What came of a migration, the worst first; its value is for people."""

    NO_MEASUREMENT = 'no measurement'
    OVER = 'over the limit'
    NOT_CHECKED = 'not checked'
    NOT_JUDGED = 'no limit'
    WITHIN = 'within limits'


def durations(migration: documents.Migration) -> dict[str, documents.Duration]:
    """Each duration that was measured, by name: what it cost, and waited."""
    found = {
        each['what']: bounded(each, 'total')
        for each in migration['measurements']
        if 'no_measurement' not in each
    }
    clock = migration.get('guest_clock')
    if clock:
        found['guest stopped'] = clock['stopped']
    queued = (migration.get('progress') or {}).get('queued')
    if queued and migration.get('kind') != 'watch':
        found[QUEUED] = queued
    return found


def bounded(
    timeline: documents.Timeline, name: typing.Literal['total', 'longest']
) -> documents.Duration:
    """The "total" or the "longest" of a recorded timeline, with its bounds.

    Older records have 0 for the upper bound of what was not seen; it is the
    resolution.
    """
    duration = timeline[name]
    if timeline['outages']:
        return duration
    return {
        **duration,
        'upper': max(duration['upper'], timeline['resolution']),
    }


def as_duration(recorded: documents.Duration) -> measurement.Duration:
    """A recorded duration, as the Duration that it was."""
    return measurement.Duration(
        recorded['lower'], recorded['upper'], recorded['estimate']
    )


def resolved(migration: documents.Migration) -> dict[str, float]:
    """How finely each of durations() is known, in seconds, but the queue.

    To the resolution, or within its bounds where they are narrower.
    """
    reached = {
        each['what']: each['resolution']
        for each in migration['measurements']
        if 'no_measurement' not in each
    }
    clock = migration.get('guest_clock')
    if clock:
        reached['guest stopped'] = clock.get('resolution', math.inf)
    return {
        name: min(reached[name], duration['upper'] - duration['lower'])
        for name, duration in durations(migration).items()
        if name in reached
    }


def unobserved(timeline: documents.Timeline) -> float:
    """Seconds that nobody observed, where they are worth a word; else 0."""
    seconds, observed = timeline.get('unobserved'), timeline.get('observed')
    if not seconds or not observed or seconds < UNOBSERVED * observed:
        return 0.0
    return seconds


def missing(migration: documents.Migration) -> list[str]:
    """Why there is no measurement, a reason for each that is missing."""
    return [
        each['no_measurement']
        for each in migration['measurements']
        if 'no_measurement' in each
    ]


def still_down(migration: documents.Migration) -> list[str]:
    """What was still down when the observation ended."""
    timelines = (
        each.get('timeline') if 'no_measurement' in each else each
        for each in migration['measurements']
    )
    return [each['what'] for each in timelines if each and each['still_down']]


def complaints(migration: documents.Migration) -> list[str]:
    """What was wrong: limits that were not kept, or have no measurement."""
    return migration.get('complaints', missing(migration))


def unchecked(migration: documents.Migration) -> list[str]:
    """Of each limit that is finer than the resolution, a sentence.

    Whether that is wrong, too, is for the options: then it is one of
    complaints().
    """
    limits = migration.get('limits', ())
    if 'unchecked' in migration or not limits:
        return migration.get('unchecked', [])
    # Older records have what that takes.
    found = seen(migration)
    return [
        sentence
        for each in limits
        if each['what'] in found
        and (sentence := limit(each).unchecked(found[each['what']]))
    ]


def limit(recorded: documents.Limit) -> measurement.Limit:
    """A recorded limit, as the Limit that it was."""
    kind = (
        measurement.RoundTripLimit
        if recorded.get('round_trip')
        else measurement.Limit
    )
    return kind(
        recorded['what'],
        recorded['option'],
        recorded['seconds'],
        recorded['longest'],
        recorded.get('fail_unchecked', True),
    )


def seen(migration: documents.Migration) -> dict[str, measurement.Seen]:
    """What was Seen of all that was measured, by Limit.what."""
    found = {
        each['what']: measurement.Seen(
            tuple(map(as_duration, each['outages'])),
            each['resolution'],
            tuple(_hidden(each)),
            _short_gaps(each),
            round_trips.percentiles(migration, each),
        )
        for each in migration['measurements']
        if 'no_measurement' not in each
    }
    clock = migration.get('guest_clock')
    if clock and 'resolution' in clock:
        found['guest'] = measurement.Seen(
            tuple(map(as_duration, clock['stops'])), clock['resolution']
        )
    return found


def exceeded(migration: documents.Migration) -> list[str]:
    """What was wrong, but what was not checked."""
    unkept = unchecked(migration)
    return [each for each in complaints(migration) if each not in unkept]


def remarks(migration: documents.Migration) -> list[str]:
    """All that is to be said of its limits: what was wrong at first."""
    wrong = complaints(migration)
    return [
        *wrong,
        *(each for each in unchecked(migration) if each not in wrong),
    ]


def verdict(migration: documents.Migration) -> Verdict:
    if missing(migration):
        return Verdict.NO_MEASUREMENT
    if exceeded(migration):
        return Verdict.OVER
    if unchecked(migration):
        return Verdict.NOT_CHECKED
    # Older records do not know their limits.
    return Verdict.WITHIN if migration.get('limits') else Verdict.NOT_JUDGED


def badness(migration: documents.Migration) -> tuple[int, float]:
    """Greater is worse: what has no measurement, then what was down longest.

    By the upper bounds, as limits are.
    """
    seconds = durations(migration)
    cost = seconds.get('network') or _service(seconds)
    return (
        -list(Verdict).index(verdict(migration)),
        cost['upper'] if cost else math.inf,
    )


def _service(
    seconds: dict[str, documents.Duration],
) -> documents.Duration | None:
    """Of a service, which is not pinged."""
    return next(
        (seconds[each] for each in SERVICES if each in seconds),
        None,
    )


def moved(migration: documents.Migration) -> bool:
    """Whether it took place: otherwise it says nothing of what one costs."""
    return migration.get('kind') == 'watch' or migration[
        'destination'
    ] not in (None, migration['source'])


def way(migration: documents.Migration, arrow: str = '->') -> str:
    """From where to where, for people; of a watch, the target first."""
    source, destination = migration['source'], migration['destination']
    hosts = f'{source} {arrow} {destination or "nowhere"}'
    if migration.get('kind') != 'watch':
        return hosts
    if not (source and destination):
        return migration['server']
    if source == destination:  # reverted, failed, or there and back again
        return f'{migration["server"]}, {source}'
    return f'{migration["server"]}, {hosts}'


def settings(migration: documents.Migration) -> str:
    """Which settings held, and where each is from, for people.

    Empty where there are none: on a stock Nova, and in older records.
    """
    return setting.in_words(
        map(measurement.Setting.from_dict, migration.get('settings', ()))
    )


def by_mark(
    migration: documents.Migration, timeline: documents.Timeline
) -> dict[str | None, list[documents.Outage]]:
    """The outages by the phase that had begun when the first probe failed.

    None is the time before the first phase. It is empty where there are no
    phases, as in older records.
    """
    begun = [
        each
        for each in (migration.get('progress') or {}).get('phases', ())
        if each['kind'] == 'status'
    ]
    begin = timeline.get('begin')
    groups: dict[str | None, list[documents.Outage]] = {}
    if not begun or begin is None:
        return groups
    for outage in timeline['outages']:
        moment = begin + outage.get('first_failure', outage['start'])
        name = None
        for each in begun:
            if each['begin'][1] <= moment:
                name = each['name']
        groups.setdefault(name, []).append(outage)
    return groups


def phase(found: documents.Phase) -> str:
    """When a phase began and ended, for people: each between two looks."""
    text = f'{found["name"]}: from {_between(found["begin"])}'
    return text + (' to ' + _between(found['end']) if found['end'] else ' on')


def _between(moments: list[float]) -> str:
    earliest, latest = moments
    return f'{earliest:.1f}..{latest:.1f} s'


def _short_gaps(timeline: documents.Timeline) -> gaps.Gaps:
    """As Timeline.short_gaps; in older records, each gap is by itself."""
    if 'short_gaps' not in timeline:
        return gaps.NONE
    found = timeline['short_gaps']
    return gaps.Gaps(found['count'], found['total'], found['longest'])


def _hidden(timeline: documents.Timeline) -> collections.abc.Iterator[float]:
    """As Timeline.hidden; records of version 1 know no more than the sum."""
    if 'gaps' not in timeline:
        yield timeline.get('unobserved', 0.0)
    for gap in timeline.get('gaps', ()):
        if not any(
            outage['start'] <= gap['begin'] and gap['end'] <= outage['end']
            for outage in timeline['outages']
        ):
            yield gap['end'] - gap['begin']
