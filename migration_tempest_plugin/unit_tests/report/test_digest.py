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
"""What is told of a migration, of whatever version."""

import dataclasses

import testtools

from migration_tempest_plugin import measurement
from migration_tempest_plugin.measurement.folding import Quiet
from migration_tempest_plugin.measurement.gaps import Gaps
from migration_tempest_plugin.report import digest
from migration_tempest_plugin.report.digest import Verdict
from migration_tempest_plugin.unit_tests.report import samples


UNCHECKED = samples.migration(0.0, limits=(samples.TOO_FINE,))


class TestDigest(testtools.TestCase):
    def test_verdict(self):
        for verdict, migration in (
            (Verdict.WITHIN, samples.migration(0.1)),
            (Verdict.OVER, samples.migration(0.8)),
            (Verdict.NOT_CHECKED, UNCHECKED),
            (Verdict.NO_MEASUREMENT, samples.gone()),
            (Verdict.NOT_JUDGED, samples.migration(limits=())),
        ):
            self.assertEqual(verdict, digest.verdict(migration))

    def test_the_worst_is_the_worst(self):
        order = [
            samples.migration(0.1),
            samples.migration(0.2),
            samples.migration(0.0, limits=()),
            UNCHECKED,
            samples.migration(0.8),
            samples.migration(0.9),
            samples.gone(),
        ]
        self.assertEqual(order, sorted(reversed(order), key=digest.badness))

    def test_the_worst_service(self):
        order = [
            samples.migration(
                kind='watch', measurements=(samples.timeline(down, what),)
            )
            for down, what in ((0.1, 'dns'), (0.2, 'network'), (0.3, 'http'))
        ]
        self.assertEqual(order, sorted(reversed(order), key=digest.badness))

    def test_durations(self):
        found = digest.durations(samples.migration(0.3))
        self.assertEqual(
            ['network', 'tcp', 'guest stopped', 'queued'], list(found)
        )
        self.assertLessEqual(found['network']['lower'], 0.3)
        self.assertGreaterEqual(found['network']['upper'], 0.3)

    def test_what_was_not_seen_is_bounded_by_the_resolution(self):
        new = samples.migration(0.0)
        for document in (new, samples.aged(new)):
            found = digest.durations(document)
            for name in ('network', 'tcp'):
                self.assertEqual(
                    (0.0, 0.0), (found[name]['estimate'], found[name]['lower'])
                )
                self.assertAlmostEqual(0.01, found[name]['upper'])
        longest = digest.bounded(
            samples.aged(new)['measurements'][0], 'longest'
        )
        self.assertAlmostEqual(0.01, longest['upper'])

    def test_what_was_seen_stays_as_it_is(self):
        document = samples.migration(0.3)
        for name in ('total', 'longest'):
            self.assertEqual(
                document['measurements'][0][name],
                digest.bounded(document['measurements'][0], name),
            )

    def test_resolved(self):
        """To the resolution, or within narrower bounds."""
        unseen = digest.resolved(samples.migration(0.0))
        self.assertAlmostEqual(0.01, unseen['network'])
        seen = samples.migration(0.3)
        seen['guest_clock'].update(
            resolution=0.08,
            stopped={'estimate': 0.1, 'lower': 0.096, 'upper': 0.104},
        )
        found = digest.resolved(seen)
        self.assertAlmostEqual(0.01, found['network'])
        self.assertAlmostEqual(0.008, found['guest stopped'])
        self.assertNotIn('queued', found)

    def test_settings(self):
        migration = samples.migration(
            settings=(measurement.Setting('timeout', 0, 'image'),)
        )
        self.assertEqual('time-out none (image)', digest.settings(migration))
        for without in (
            samples.aged(migration),
            {**migration, 'settings': []},
        ):
            self.assertEqual('', digest.settings(without))

    def test_unchecked(self):
        strict = samples.migration(
            0.0,
            limits=(
                dataclasses.replace(samples.TOO_FINE, fail_unchecked=True),
            ),
        )
        self.assertEqual([], digest.complaints(UNCHECKED))
        self.assertEqual(
            digest.unchecked(UNCHECKED), digest.complaints(strict)
        )
        for document in (strict, UNCHECKED, samples.aged(UNCHECKED)):
            [sentence] = digest.unchecked(document)
            self.assertIn(
                '0.001 s (allowed_network_downtime) is finer than '
                'the resolution',
                sentence,
            )
            self.assertEqual([sentence], digest.remarks(document))
            self.assertEqual([], digest.exceeded(document))
            self.assertEqual(Verdict.NOT_CHECKED, digest.verdict(document))

    def test_unchecked_of_the_guest_in_older_records(self):
        stopped = samples.migration(
            0.0,
            clock=samples.stopped(0.0),
            limits=(dataclasses.replace(samples.TOO_FINE, what='guest'),),
        )
        [sentence] = digest.unchecked(samples.aged(stopped))
        self.assertIn('NOT CHECKED: guest stopped: nothing seen;', sentence)

    def test_seen(self):
        """As the model sees it, so that limits are judged as it does."""
        samples_of = [
            measurement.Sample(number / 10, number / 10, number not in (7, 60))
            for number in (*range(8), *range(40, 50), *range(70, 80))
        ]
        timeline = measurement.Timeline('network', 'x', samples_of, 0.1, 9.9)
        document = samples.migration(measurements=(timeline,))
        found = digest.seen(document)['network']
        self.assertEqual(timeline.durations, found.durations)
        self.assertEqual(timeline.resolution, found.resolution)
        self.assertEqual(
            [round(gap.length, 6) for gap in timeline.hidden],
            [round(seconds, 6) for seconds in found.hidden],
        )
        self.assertEqual(2, len(found.hidden))
        self.assertEqual(
            [samples.LIMIT], list(map(digest.limit, document['limits']))
        )

    def test_seen_of_what_was_left_out(self):
        gaps = Gaps(3, 1.5, 0.7)
        timeline = measurement.Timeline(
            'network',
            'x',
            [measurement.Sample(each, each, True) for each in (0.0, 60.0)],
            0.1,
            60.0,
            quiet=(Quiet(0.0, 60.0, 500, 0.1, gaps=gaps),),
        )
        document = samples.migration(measurements=(timeline,))
        found = digest.seen(document)['network']
        self.assertEqual(measurement.Seen.of(timeline), found)
        self.assertEqual(gaps, found.missed)

    def test_phase(self):
        phase = {'name': 'running', 'begin': [0.1, 0.2], 'end': [1.0, 1.26]}
        self.assertEqual(
            'running: from 0.1..0.2 s to 1.0..1.3 s', digest.phase(phase)
        )
        self.assertEqual(
            'running: from 0.1..0.2 s on', digest.phase({**phase, 'end': None})
        )

    def test_way_of_a_server_that_was_watched(self):
        migration = samples.migration(kind='watch')
        migration['server'] = '192.0.2.1'
        self.assertEqual(
            '192.0.2.1, compute1 -> compute2', digest.way(migration)
        )
        migration['destination'] = 'compute1'
        self.assertEqual('192.0.2.1, compute1', digest.way(migration))
        migration['destination'] = None
        self.assertEqual('192.0.2.1', digest.way(migration))

    def test_way(self):
        self.assertEqual(
            'compute1 -> compute2', digest.way(samples.migration())
        )
        self.assertEqual(
            'compute1 -> nowhere',
            digest.way(samples.migration(destination=None)),
        )
