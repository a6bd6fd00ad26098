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
"""What migrations cost as CSV, a row for each measurement."""

import collections.abc
import csv
import io

from migration_tempest_plugin.report import digest
from migration_tempest_plugin.report import documents
from migration_tempest_plugin.report import recorded
from migration_tempest_plugin.report import round_trips

#: Seconds, but for those that count. From the median to the maximum, it is of
#: round trips during the migration, or in all of a watch.
COLUMNS = (
    'test',
    'status',
    'kind',
    'server',
    'source',
    'destination',
    'what',
    'target',
    'estimate',
    'lower',
    'upper',
    'outages',
    'longest',
    'longest_lower',
    'longest_upper',
    'resolution',
    'unobserved',
    'answered',
    'failed',
    'median',
    'p95',
    'p99',
    'maximum',
    'no_measurement',
)


def document(tests: collections.abc.Iterable[recorded.RecordedTest]) -> str:
    """All measurements of tests, with a line of COLUMNS above them."""
    output = io.StringIO()
    writer = csv.DictWriter(output, COLUMNS)
    writer.writeheader()
    for test in tests:
        for migration in test.migrations:
            for row in _rows(migration):
                writer.writerow(
                    {
                        'test': test.id,
                        'status': test.status,
                        'kind': migration.get('kind', 'live'),
                        'server': migration['server'],
                        'source': migration['source'],
                        'destination': migration['destination'],
                        **{key: _rounded(value) for key, value in row.items()},
                    }
                )
    return output.getvalue()


def _rounded(value: object) -> object:
    """Seconds, to the microsecond."""
    return round(value, 6) if isinstance(value, float) else value


def _rows(
    migration: documents.Migration,
) -> collections.abc.Iterator[dict[str, object]]:
    for each in migration['measurements']:
        if 'no_measurement' in each:
            yield {'no_measurement': each['no_measurement']}
            continue
        longest = digest.bounded(each, 'longest')
        yield {
            'what': each['what'],
            'target': each['target'],
            **digest.bounded(each, 'total'),
            'outages': len(each['outages']),
            'longest': longest['estimate'],
            'longest_lower': longest['lower'],
            'longest_upper': longest['upper'],
            'resolution': each['resolution'],
            'unobserved': each.get('unobserved'),
            'answered': each.get('successes'),
            'failed': each.get('failures'),
            **_round_trips(migration, each),
        }
    clock = migration.get('guest_clock')
    if clock:
        yield {
            'what': 'guest stopped',
            **clock['stopped'],
            'outages': len(clock['stops']),
            'resolution': clock.get('resolution'),
        }


def _round_trips(
    migration: documents.Migration, timeline: documents.Timeline
) -> dict[str, float | None]:
    found = round_trips.of_operation(migration, timeline)
    if found is None:
        return {}
    return {figure: found[figure] for figure in round_trips.FIGURES}
