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

import dataclasses
import math

import testtools

from migration_tempest_plugin.measurement import Beat
from migration_tempest_plugin.measurement import brownout
from migration_tempest_plugin.measurement import GuestClock
from migration_tempest_plugin.measurement import Look
from migration_tempest_plugin.measurement import Mark
from migration_tempest_plugin.measurement import MeasuredMigration
from migration_tempest_plugin.measurement import Probing
from migration_tempest_plugin.measurement import Progress
from migration_tempest_plugin.measurement.round_trips import Accumulator
from migration_tempest_plugin.measurement import Sample
from migration_tempest_plugin.measurement import Timeline

#: When it was asked for, copied, switched over and over, in seconds.
REQUESTED, COPIES, STOPS, RESUMES, OVER = 110.0, 112.0, 120.0, 120.5, 124.0

SLOW = 0.02


def progress(*more):
    looks = [
        (REQUESTED, 'preparing'),
        (COPIES, 'preparing'),
        (COPIES, 'running'),
        *more,
        (RESUMES + 1, 'post-migrating'),
        (OVER, 'completed'),
    ]
    return Progress(
        REQUESTED,
        tuple(Look(moment, moment, status) for moment, status in looks),
    )


def probes(late=False):
    """Each 10 ms: quick, slow while it is copied, none while it is stopped."""
    for number in range(3000):
        sent = 100 + number / 100
        if STOPS <= sent < RESUMES:
            yield (
                Sample(sent, RESUMES + 0.001, False, late=True)
                if late
                else Sample(sent, sent, False)
            )
        else:
            slow = COPIES <= sent < STOPS
            yield Sample(sent, sent + (SLOW if slow else 0.001), True)


def timeline(samples, **more):
    return Timeline(
        'network',
        'x',
        tuple(samples),
        0.01,
        130.0,
        probing=Probing.INDEPENDENT,
        **more,
    )


def migration(*timelines, **more):
    return MeasuredMigration(
        **{
            'server': 'x',
            'source': 'a',
            'destination': 'b',
            'measurements': timelines,
            'progress': progress(),
            **more,
        }
    )


class TestPhases(testtools.TestCase):
    def phases(self, measured):
        found = measured.brownout(measured.timelines[0])
        return dict(found.phases)

    def assertNear(self, expected, found):
        self.assertAlmostEqual(1.0, found / expected, delta=0.03)

    def test_of_a_migration(self):
        found = self.phases(migration(timeline(probes())))
        self.assertEqual(
            [
                'before',
                'during',
                'preparing',
                'pre-copy',
                'switch-over',
                'post-migrating',
                'after',
            ],
            list(found),
        )
        for phase in 'before', 'post-migrating', 'after':
            self.assertNear(0.001, found[phase].median)
            self.assertEqual(0, found[phase].unanswered)
        self.assertNear(SLOW, found['pre-copy'].median)
        self.assertEqual(50, found['switch-over'].unanswered)
        self.assertEqual(1000, found['before'].count)
        self.assertEqual(50, found['during'].unanswered)
        self.assertEqual(1350, found['during'].count)

    def test_what_was_answered_late(self):
        """A stall is in the percentiles, since probes do not wait for it."""
        found = self.phases(migration(timeline(probes(late=True))))
        self.assertEqual(0, found['switch-over'].unanswered)
        self.assertNear(0.5, found['switch-over'].maximum)
        # from 0 to 0.5, and two that were quick
        self.assertAlmostEqual(0.24, found['switch-over'].median, 2)

    def test_what_was_counted_as_it_came(self):
        """To a slot: those of the switch-over are its own."""
        samples = list(probes())
        counted = Accumulator(0.01)
        for each in samples:
            if each.answered:
                counted.add(each.start, each.round_trip)
        kept = timeline(
            [each for each in samples if 119 < each.start < 121],
            round_trips=counted.round_trips(),
        )
        found = self.phases(migration(kept))
        self.assertNear(0.001, found['before'].p99)
        self.assertNear(SLOW, found['pre-copy'].p99)
        self.assertNear(0.001, found['after'].p99)
        self.assertEqual(50, found['switch-over'].unanswered)
        self.assertEqual(
            2950,
            sum(found[each].count for each in found if each != 'during'),
        )

    def test_post_copy(self):
        found = self.phases(
            migration(
                timeline(probes()),
                progress=progress((STOPS, 'running (post-copy)')),
            )
        )
        self.assertIn('post-copy', found)
        self.assertNotIn('post-migrating', found)

    def test_nothing_shows_the_switch_over(self):
        found = self.phases(
            migration(timeline(each for each in probes() if each.answered))
        )
        self.assertEqual(['before', 'during', 'after'], list(found))

    def test_without_progress(self):
        self.assertEqual(
            ['whole'],
            list(self.phases(migration(timeline(probes()), progress=None))),
        )

    def test_by_another_clock(self):
        seen = dataclasses.replace(timeline(probes()), clock='guest')
        self.assertEqual(['whole'], list(self.phases(migration(seen))))

    def test_what_is_no_round_trip(self):
        seen = dataclasses.replace(
            timeline(probes()), what='storage', probing=Probing.BLOCKING
        )
        measured = migration(seen)
        self.assertIsNone(measured.brownout(seen))
        [document] = measured.to_dict()['measurements']
        self.assertNotIn('round_trips', document)

    def test_keepalives_have_none(self):
        """They were answered for all that: they are not unanswered."""
        samples = [
            Sample(100.0 + each, 101.0 + each, each != 7, slack=1.0)
            for each in range(20)
        ]
        seen = dataclasses.replace(timeline(samples), what='kept')
        found = self.phases(migration(seen, kind='watch'))
        self.assertEqual(
            {(0, 1)},
            {(each.count, each.unanswered) for each in found.values()},
        )

    def test_of_a_watch(self):
        marks = [Mark(112.0, 'first'), Mark(120.5, 'second')]
        found = self.phases(
            migration(
                timeline(probes()),
                kind='watch',
                progress=Progress.of_marks(100.0, marks, 129.9),
            )
        )
        self.assertEqual(['whole', 'before', 'first', 'second'], list(found))
        self.assertNear(SLOW, found['first'].median)
        self.assertEqual(50, found['first'].unanswered)
        self.assertEqual(2950, found['whole'].count)

    def test_of_a_watch_without_marks(self):
        found = self.phases(
            migration(
                timeline(probes()),
                kind='watch',
                progress=Progress.of_marks(100.0, (), 130.0),
            )
        )
        self.assertEqual(['whole'], list(found))

    def test_recorded(self):
        [document] = migration(timeline(probes())).to_dict()['measurements']
        during = document['round_trips'][1]
        self.assertEqual(
            ('during', 1350, 50),
            (during['phase'], during['count'], during['unanswered']),
        )
        band = document['band']
        self.assertLessEqual(len(band), 60)
        self.assertEqual(0.0, band[0]['begin'])
        self.assertNear(SLOW, max(each['p99'] for each in band))
        self.assertNear(0.001, band[-1]['median'])


class TestSwitchOver(testtools.TestCase):
    def test_a_stop_and_the_outage_around_it(self):
        clock = GuestClock(
            tuple(
                Beat(sent, sent + 0.001, uptime)
                for sent, uptime in (
                    *((100 + each / 50, each / 50) for each in range(1000)),
                    *(
                        (120.2 + each / 50, 20 + each / 50)
                        for each in range(400)
                    ),
                )
            )
        )
        begin, end = brownout.switch_over(
            progress(), timeline(probes()), clock
        )
        self.assertAlmostEqual(STOPS, begin, 1)
        self.assertAlmostEqual(RESUMES, end, 1)

    def test_what_was_before_the_request_is_none(self):
        late = dataclasses.replace(progress(), requested=125.0)
        self.assertIsNone(brownout.switch_over(late, timeline(probes()), None))

    def test_the_last_part_goes_on(self):
        parts = brownout.parts_of_migration(progress(), (STOPS, 126.0))
        self.assertEqual(('after', 126.0), (parts[-1].phase, parts[-1].begin))
        self.assertEqual(-math.inf, parts[0].begin)
