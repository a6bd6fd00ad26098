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

import collections.abc
import typing

import prometheus_client

from migration_tempest_plugin import measurement
from migration_tempest_plugin.measurement import brownout
from migration_tempest_plugin.measurement.round_trips import Percentiles
from migration_tempest_plugin.report import digest
from migration_tempest_plugin.report import documents
from migration_tempest_plugin.report import recorded
from migration_tempest_plugin.report import round_trips

#: Which migration it is: the number is that of the report, so that no two of
#: several runs are the same.
_OF = ('test', 'number', 'server', 'source', 'destination', 'kind')


class Series:
    """The series of some migrations, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = prometheus_client.CollectorRegistry()
        self._seconds = self._gauge(
            'cost_seconds',
            'What a live migration cost a server, by '
            'estimate and bounds; an estimate of 0: nothing was seen.',
            'what',
            'bound',
        )
        self._outages = self._gauge(
            'outages', 'How many outages that was.', 'what'
        )
        self._longest = self._gauge(
            'longest_outage_seconds', 'The longest of them.', 'what', 'bound'
        )
        self._resolution = self._gauge(
            'resolution_seconds',
            "An outage that is longer can't have been missed.",
            'what',
        )
        self._down = self._gauge(
            'down', 'Whether it is down: at the end, of what is over.', 'what'
        )
        self._limit = self._gauge(
            'limit_seconds', 'The longest that is allowed.', 'what', 'option'
        )
        self._round_trip = self._gauge(
            'round_trip_seconds',
            'How long answers took: so long, or shorter, was this part.',
            'what',
            'phase',
            'quantile',
        )
        self._unanswered = self._gauge(
            'unanswered_probes', 'Probes without an answer.', 'what', 'phase'
        )
        self._wrong = self._gauge(
            'complaints',
            'Limits that were not kept, or have no measurement: 0 is good.',
        )
        self._unchecked = self._gauge(
            'unchecked_limits', 'Limits that are finer than the resolution.'
        )

    def _gauge(
        self, name: str, says: str, *labels: str
    ) -> prometheus_client.Gauge:
        return prometheus_client.Gauge(
            'migration_' + name, says, [*_OF, *labels], registry=self.registry
        )

    def add(
        self, test: str, number: int, migration: documents.Migration
    ) -> None:
        """Take in one that was recorded."""
        of = (
            test,
            number,
            migration.get('server', ''),
            migration['source'] or '',
            migration['destination'] or '',
            migration.get('kind', 'live'),
        )
        self._wrong.labels(*of).set(len(digest.complaints(migration)))
        self._unchecked.labels(*of).set(len(digest.unchecked(migration)))
        for what, duration in digest.durations(migration).items():
            _bounds(self._seconds, (*of, what), digest.as_duration(duration))
        for each in migration['measurements']:
            if 'no_measurement' in each:
                continue
            self._add_outages(
                (*of, each['what']),
                len(each['outages']),
                digest.as_duration(digest.bounded(each, 'longest')),
                each['resolution'],
                each['still_down'],
            )
            self._add_round_trips((*of, each['what']), each)
        for allowed in migration.get('limits', ()):
            self._limit.labels(*of, allowed['what'], allowed['option']).set(
                allowed['seconds']
            )

    def _add_round_trips(
        self, of: tuple[object, ...], timeline: documents.Timeline
    ) -> None:
        for each in timeline.get('round_trips', ()):
            phase = *of, each['phase']
            self._unanswered.labels(*phase).set(each['unanswered'])
            self._add_figures(phase, each)

    def _add_figures(
        self,
        of: tuple[object, ...],
        figures: collections.abc.Mapping[str, typing.Any],
    ) -> None:
        for figure, part in round_trips.FIGURES.items():
            seconds = figures[figure]
            if seconds is not None:
                self._round_trip.labels(*of, part).set(seconds)

    def add_watched(
        self,
        test: str,
        number: int,
        target: str,
        what: str,
        outages: collections.abc.Collection[measurement.Outage],
        resolution: float,
        is_down: bool,
        answers: Percentiles | None = None,
    ) -> None:
        """Take in what was seen of a target up to now.

        :param outages: those that are over
        :param answers: the Percentiles of how long they took, if known
        """
        of = (test, number, target, '', '', 'watch', what)
        durations = [each.duration for each in outages]
        _bounds(
            self._seconds, of, measurement.Duration.sum(durations, resolution)
        )
        self._add_outages(
            of,
            len(durations),
            measurement.Duration.longest(durations, resolution),
            resolution,
            is_down,
        )
        if answers:
            self._add_figures((*of, brownout.WHOLE), answers.to_dict())

    def _add_outages(
        self,
        of: tuple[object, ...],
        count: int,
        longest: measurement.Duration,
        resolution: float,
        is_down: bool,
    ) -> None:
        self._outages.labels(*of).set(count)
        self._resolution.labels(*of).set(resolution)
        self._down.labels(*of).set(is_down)
        _bounds(self._longest, of, longest)

    def text(self) -> str:
        """All of it, in Prometheus' text format."""
        return prometheus_client.generate_latest(self.registry).decode()


def text(run: recorded.Run) -> str:
    """All migrations of a Run."""
    series = Series()
    for number, (test, migration) in enumerate(run.migrations, 1):
        series.add(test.name, number, migration)
    return series.text()


def _bounds(
    gauge: prometheus_client.Gauge,
    labels: tuple[object, ...],
    duration: measurement.Duration,
) -> None:
    gauge.labels(*labels, 'estimate').set(float(duration))
    gauge.labels(*labels, 'lower').set(duration.lower)
    gauge.labels(*labels, 'upper').set(duration.upper)
