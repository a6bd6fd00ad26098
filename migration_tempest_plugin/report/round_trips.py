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
"""The round trips of recorded timelines, by phase, for people."""

import collections.abc
import typing

from migration_tempest_plugin.measurement import brownout
from migration_tempest_plugin.measurement.duration import Duration
from migration_tempest_plugin.measurement.round_trips import milliseconds
from migration_tempest_plugin.measurement.round_trips import Percentiles
from migration_tempest_plugin.measurement.round_trips import within_error
from migration_tempest_plugin.report import documents
from migration_tempest_plugin import words

_Figure: typing.TypeAlias = typing.Literal['median', 'p95', 'p99', 'maximum']

#: Each figure, with the part of all answers that took no longer.
FIGURES: dict[_Figure, float] = {
    'median': 0.5,
    'p95': 0.95,
    'p99': 0.99,
    'maximum': 1.0,
}

#: What of them is compared, by what was measured.
_COMPARED: dict[str, _Figure] = {
    'round trip': 'median',
    'round trip 99 %': 'p99',
}

#: Each quantity that is compared.
QUANTITIES = tuple(
    f'{what} {name}'
    for what in ('network', 'tcp', 'metadata')
    for name in _COMPARED
)

#: How many phases a line has at most beside what was before; of marks, whose
#: names are long.
_TOLD = 5
_TOLD_OF_MARKS = 2


def of_operation(
    migration: documents.Migration, timeline: documents.Timeline
) -> documents.RoundTrips | None:
    """Those while it was migrated, or all of a watch; None if not known."""
    phase = brownout.of_operation(migration.get('kind', 'live'))
    return next(
        (
            each
            for each in timeline.get('round_trips', ())
            if each['phase'] == phase
        ),
        None,
    )


def percentiles(
    migration: documents.Migration, timeline: documents.Timeline
) -> Percentiles | None:
    """Those of_operation(), as the Percentiles that they were."""
    found = of_operation(migration, timeline)
    if found is None:
        return None
    return Percentiles(
        found['count'],
        found['unanswered'],
        *(found[figure] for figure in FIGURES),
    )


def compared(
    migration: documents.Migration,
) -> collections.abc.Iterator[tuple[str, Duration]]:
    """Each of QUANTITIES that is known of a migration, within its error."""
    for each in migration['measurements']:
        if 'no_measurement' in each:
            continue
        found = of_operation(migration, each)
        for name, figure in _COMPARED.items():
            seconds = found and found[figure]
            if seconds is not None:
                yield f'{each["what"]} {name}', within_error(seconds)


def line(timeline: documents.Timeline, of_marks: bool) -> str:
    """The phases that its round trips tell apart, or '' if none are known.

    In milliseconds: the median of each, and how much the slowest ones took.

    :param of_marks: each phase is called after a mark
    """
    found = timeline.get('round_trips', [])
    if len(found) > 1:
        found = [
            each
            for each in found
            if each['phase'] not in (brownout.WHOLE, brownout.DURING)
        ]
    most = _TOLD_OF_MARKS if of_marks else _TOLD
    before = [each for each in found if each['phase'] == brownout.BEFORE]
    others = [each for each in found if each not in before]
    worst = sorted(others, key=_longest, reverse=True)[:most]
    told = [
        _told(each, of_marks)
        for each in found
        if each in before or each in worst
    ]
    if quicker := len(others) - len(worst):
        verb = 'was' if quicker == 1 else 'were'
        phases = words.counted(quicker, 'phase')
        told.append(f'and {phases} that {verb} quicker')
    return 'in ms: ' + ', '.join(told) if told else ''


def _longest(each: documents.RoundTrips) -> float:
    return each['p99'] or each['maximum'] or 0.0


def _told(each: documents.RoundTrips, of_marks: bool) -> str:
    named = of_marks and each['phase'] not in (
        brownout.WHOLE,
        brownout.BEFORE,
    )
    phase = f'after "{each["phase"]}"' if named else each['phase']
    details = [*_slowest(each)]
    if each['unanswered']:
        details.append(f'{each["unanswered"]} unanswered')
    middle = each['median']
    if middle is None:
        return f'{phase} {details[0]}'
    return f'{phase} {milliseconds(middle)} ({", ".join(details)})'


def _slowest(
    each: documents.RoundTrips,
) -> collections.abc.Iterator[str]:
    if each['p99'] is not None:
        yield f'99 %: {milliseconds(each["p99"])}'
    elif each['maximum'] is not None:
        yield f'longest: {milliseconds(each["maximum"])}'
