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
"""Recorded measurements in Prometheus' text format, a time series each.

For the textfile collector of a node exporter, say, or a gate's own store.
"""

import typing

import prometheus_client

from migration_tempest_plugin.report import digest
from migration_tempest_plugin.report import documents
from migration_tempest_plugin.report import recorded

#: Which migration it is: the number is that of the report, so that no two of
#: several runs are the same.
_OF = ('test', 'number', 'server', 'source', 'destination', 'kind')

_BOUNDS: tuple[typing.Literal['estimate', 'lower', 'upper'], ...] = (
    'estimate',
    'lower',
    'upper',
)


def text(run: recorded.Run) -> str:
    """All migrations of a Run."""
    registry = prometheus_client.CollectorRegistry()

    def gauge(name: str, says: str, *labels: str) -> prometheus_client.Gauge:
        return prometheus_client.Gauge(
            'migration_' + name, says, [*_OF, *labels], registry=registry
        )

    seconds = gauge(
        'cost_seconds',
        'What a live migration cost a server, by '
        'estimate and bounds; an estimate of 0: nothing was seen.',
        'what',
        'bound',
    )
    outages = gauge('outages', 'How many outages that was.', 'what')
    longest = gauge(
        'longest_outage_seconds', 'The longest of them.', 'what', 'bound'
    )
    resolution = gauge(
        'resolution_seconds',
        "An outage that is longer can't have been missed.",
        'what',
    )
    limit = gauge(
        'limit_seconds', 'The longest that is allowed.', 'what', 'option'
    )
    wrong = gauge(
        'complaints',
        'Limits that were not kept, or have no measurement: 0 is good.',
    )
    unchecked = gauge(
        'unchecked_limits', 'Limits that are finer than the resolution.'
    )
    for number, (test, migration) in enumerate(run.migrations, 1):
        of = (
            test.name,
            number,
            migration.get('server', ''),
            migration['source'] or '',
            migration['destination'] or '',
            migration.get('kind', 'live'),
        )
        wrong.labels(*of).set(len(digest.complaints(migration)))
        unchecked.labels(*of).set(len(digest.unchecked(migration)))
        for what, duration in digest.durations(migration).items():
            _bounds(seconds, (*of, what), duration)
        for each in migration['measurements']:
            if 'no_measurement' in each:
                continue
            outages.labels(*of, each['what']).set(len(each['outages']))
            resolution.labels(*of, each['what']).set(each['resolution'])
            _bounds(
                longest, (*of, each['what']), digest.bounded(each, 'longest')
            )
        for allowed in migration.get('limits', ()):
            limit.labels(*of, allowed['what'], allowed['option']).set(
                allowed['seconds']
            )
    return prometheus_client.generate_latest(registry).decode()


def _bounds(
    gauge: prometheus_client.Gauge,
    labels: tuple[object, ...],
    duration: documents.Duration,
) -> None:
    for bound in _BOUNDS:
        gauge.labels(*labels, bound).set(duration[bound])
