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
"""A measured migration: what is wrong with it, and what it says."""

import dataclasses
import json

import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.measurement import Beat
from migration_tempest_plugin.measurement import Duration
from migration_tempest_plugin.measurement import Figures
from migration_tempest_plugin.measurement import GuestClock
from migration_tempest_plugin.measurement import GuestLoad
from migration_tempest_plugin.measurement import in_median
from migration_tempest_plugin.measurement import Limit
from migration_tempest_plugin.measurement import MeasuredMigration
from migration_tempest_plugin.measurement import Progress
from migration_tempest_plugin.measurement import Sample
from migration_tempest_plugin.measurement import Seen
from migration_tempest_plugin.measurement import Setting
from migration_tempest_plugin.measurement import Timeline

LIMITS = (
    Limit('network', 'allowed_network_downtime', 0.5),
    Limit('metadata', 'allowed_metadata_downtime', 6.0),
)


def timeline(what, down, ongoing=False):
    """One that was down for so many probes, a tenth of a second each."""
    samples = [
        Sample(number / 10, number / 10, not 3 <= number < 3 + down)
        for number in range(3 + down if ongoing else 20)
    ]
    return Timeline(what, 'x', samples, 0.1, ended=samples[-1].end)


def clock(stopped=0.0):
    """Of a guest that stood still for so many seconds."""
    return GuestClock(
        Beat(number / 50 + after, number / 50 + after + 0.001, number / 50)
        for number in range(100)
        for after in [stopped if number >= 50 else 0.0]
    )


def migration(*measurements):
    return MeasuredMigration(
        server='uuid',
        source='a',
        destination='b',
        measurements=measurements,
        record={'id': 7, 'status': 'completed'},
        events=(
            {
                'event': 'compute_live_migration',
                'result': 'Success',
                'start_time': 'T1',
                'finish_time': 'T2',
            },
        ),
    )


class TestLoad(testtools.TestCase):
    def test_it_is_told(self):
        load = GuestLoad(0.04, 16.0, {'heartbeat': 2.4})
        measured = dataclasses.replace(
            migration(timeline('network', 2)), load=load
        )
        self.assertIn(load.text(), measured.text().splitlines())
        self.assertEqual(load.to_dict(), measured.to_dict()['guest_load'])

    def test_nothing_ran_in_the_guest(self):
        self.assertIsNone(
            migration(timeline('network', 2)).to_dict()['guest_load']
        )


class TestSettings(testtools.TestCase):
    SETTINGS = (
        Setting('auto_converge', False, 'flavor'),
        Setting('tunnel', None, 'nova.conf'),
        Setting('max_downtime', 160, 'metadata'),
        Setting('timeout', None, 'nova.conf'),
    )

    def test_they_are_told(self):
        measured = dataclasses.replace(
            migration(timeline('network', 2)), settings=self.SETTINGS
        )
        self.assertIn(
            'Settings: auto-converge off (flavor), maximum downtime 160 ms '
            '(metadata), the rest as nova.conf has it.',
            measured.text().splitlines(),
        )
        self.assertEqual(
            [each.to_dict() for each in self.SETTINGS],
            measured.to_dict()['settings'],
        )

    def test_nobody_heeds_any(self):
        measured = migration(timeline('network', 2))
        self.assertNotIn('Settings', measured.text())
        self.assertNotIn('settings', measured.to_dict())


class TestComplaints(testtools.TestCase):
    def test_none(self):
        measured = migration(timeline('network', 2), timeline('metadata', 9))
        self.assertEqual([], measured.complaints(LIMITS))

    def test_the_upper_bound_counts(self):
        # five failed probes: 0.4 to 0.6 s, an estimate of 0.5 s
        measured = migration(timeline('network', 5))
        self.assertEqual(0.5, round(measured.timelines[0].total, 6))
        [complaint] = measured.complaints(LIMITS)
        self.assertIn('0.500 s (0.400 to 0.600)', complaint)
        self.assertIn(
            'by its upper bound longer than the 0.5 s that '
            'allowed_network_downtime allows',
            complaint,
        )

    def test_longer_for_certain(self):
        # 0.5 to 0.7 s
        [complaint] = migration(timeline('network', 6)).complaints(
            [Limit('network', 'allowed', 0.45)]
        )
        self.assertIn('(0.500 to 0.700), longer than the 0.45 s', complaint)

    def test_one_does_not_hide_the_other(self):
        measured = migration(
            timeline('network', 9),
            exceptions.NoMeasurement('the guest was rebooted'),
        )
        self.assertEqual(2, len(measured.complaints(LIMITS)))

    def test_no_measurement_is_wrong(self):
        measured = migration(exceptions.NoMeasurement('no log', seen='7'))
        self.assertEqual(
            ['No measurement: no log. Seen: 7'], measured.complaints(LIMITS)
        )

    def test_still_down_is_wrong_however_short(self):
        still = self.assertRaises(
            exceptions.NoMeasurement,
            timeline('network', 1, ongoing=True).recovered,
        )
        [complaint] = migration(still).complaints(LIMITS)
        self.assertIn('network of x is still down, for', complaint)

    def test_the_longest(self):
        samples = [
            Sample(
                number / 10, number / 10, number not in (3, 4, 5, 9, 10, 11)
            )
            for number in range(20)
        ]
        twice = Timeline('network', 'x', samples, 0.1, ended=1.9)
        for seconds, wrong in ((0.45, 0), (0.35, 1)):
            found = migration(twice).complaints(
                [Limit('network', 'allowed_longest', seconds, longest=True)]
            )
            self.assertEqual(wrong, len(found), found)
        self.assertIn('network downtime, longest outage: 0.300 s', found[0])

    def test_what_nobody_saw_does_not_pass(self):
        """It may all have been down."""
        samples = [
            Sample(number / 10, number / 10, True)
            for number in (*range(5), *range(70, 80))
        ]
        gap = Timeline('network', 'x', samples, 0.1, ended=7.9)
        [complaint] = migration(gap).complaints(LIMITS)
        self.assertIn('6.600 s that nobody observed', complaint)
        [complaint] = migration(gap).complaints(
            [Limit('network', 'allowed_longest', 6.0, longest=True)]
        )
        self.assertIn('6.600 s that nobody observed', complaint)
        self.assertEqual(
            [], migration(gap).complaints([Limit('network', 'allowed', 10.0)])
        )

    def test_what_an_outage_has_in_its_bounds_counts_once(self):
        samples = [
            Sample(number / 10, number / 10, number not in (5, 60))
            for number in (*range(6), *range(60, 80))
        ]
        gap = Timeline('network', 'x', samples, 0.1, ended=7.9)
        # from 0.4 to 6.1
        self.assertEqual(
            [], migration(gap).complaints([Limit('network', 'allowed', 5.8)])
        )

    def test_the_guest(self):
        measured = dataclasses.replace(migration(), clock=clock(stopped=0.3))
        self.assertEqual(
            [],
            measured.complaints([Limit('guest', 'allowed_guest_stop', 0.35)]),
        )
        [complaint] = measured.complaints(
            [Limit('guest', 'allowed_guest_stop', 0.3)]
        )
        self.assertEqual(
            f'guest stopped: {measured.clock.stopped}, by its upper bound '
            'longer than the 0.3 s that allowed_guest_stop allows',
            complaint,
        )


class TestUnchecked(testtools.TestCase):
    """A limit that is finer than the resolution can't be called kept."""

    def limit(self, seconds, longest=False, fail=True, what='network'):
        return Limit(what, 'allowed', seconds, longest, fail)

    def test_it_is_wrong(self):
        measured = migration(timeline('network', 0))
        for longest in (False, True):
            limits = [self.limit(0.05, longest)]
            [complaint] = measured.complaints(limits)
            self.assertEqual([complaint], measured.unchecked(limits))
            self.assertRegex(
                complaint,
                r'^NOT CHECKED: network downtime.*: nothing seen; '
                r'the limit of 0.05 s \(allowed\) is finer than the '
                r'resolution that was reached, 0\.100 s\. Allow more, or',
            )

    def test_it_is_told_where_it_is_not_wrong(self):
        measured = migration(timeline('network', 0))
        limits = [self.limit(0.05, fail=False)]
        self.assertEqual([], measured.complaints(limits))
        self.assertEqual(1, len(measured.unchecked(limits)))

    def test_what_the_resolution_can_tell_is_checked(self):
        measured = migration(timeline('network', 0))
        for seconds in (0.11, 0.5):
            self.assertEqual([], measured.complaints([self.limit(seconds)]))
            self.assertEqual([], measured.unchecked([self.limit(seconds)]))

    def test_no_time_at_all(self):
        """What the smallest outage takes, no meter can exclude."""
        [complaint] = migration(timeline('network', 0)).complaints(
            [self.limit(0)]
        )
        self.assertIn('the limit of 0 s', complaint)
        self.assertIn('No probing shows that there was none', complaint)

    def test_what_was_seen_is_judged_all_the_same(self):
        """One lost probe is too much, however lenient about the unseen."""
        measured = migration(timeline('network', 1))
        for seconds in (0, 0.05):
            limits = [self.limit(seconds, fail=False)]
            self.assertEqual([], measured.unchecked(limits))
            [complaint] = measured.complaints(limits)
            self.assertIn('by its upper bound longer than', complaint)

    def test_a_longer_one_may_be_unseen_beside_a_short_one(self):
        """Here it was looked at closely, there it was not."""
        seen = Seen((Duration(0.1, 0.3),), 1.2)
        self.assertEqual(
            'NOT CHECKED: network downtime: 0.200 s (0.100 to 0.300); the '
            'limit of 0.5 s (allowed) is finer than the resolution that was '
            'reached, 1.200 s. Allow more, or probe more often',
            self.limit(0.5).complaint(seen),
        )

    def test_what_nobody_saw_is_no_matter_of_resolution(self):
        samples = [
            Sample(number / 10, number / 10, True)
            for number in (*range(5), *range(70, 80))
        ]
        gap = Timeline('network', 'x', samples, 0.1, ended=7.9)
        for fail in (False, True):
            [complaint] = migration(gap).complaints(
                [self.limit(0.05, fail=fail)]
            )
            self.assertIn(
                'network downtime: nothing seen, and 6.600 s that '
                'nobody observed',
                complaint,
            )

    def test_gaps_no_longer_than_the_resolution(self):
        """What they may hide is in no sum, and what is longer is in each."""
        # Each looks for 0.35 s here, and once nobody does for longer.
        starts = (0.0, 0.35, 0.7, 1.0, 1.3, 1.6, 2.3)
        samples = [
            Sample(start, start + (0.33 if start < 0.4 else 0.02), True)
            for start in starts
        ]
        seen = Timeline('metadata', 'x', samples, 0.1, ended=2.32)
        self.assertAlmostEqual(0.35, seen.resolution)
        self.assertEqual(
            [0.28, 0.28, 0.28, 0.68],
            [round(gap.length, 2) for gap in seen.hidden],
        )
        for seconds, wrong in ((0.7, 0), (0.67, 1)):
            found = migration(seen).complaints(
                [Limit('metadata', 'allowed', seconds)]
            )
            self.assertEqual(wrong, len(found), found)
        self.assertIn('and 0.680 s that nobody observed', found[0])
        self.assertAlmostEqual(0.68, in_median([seen]).durations[0].upper)

    def test_the_guest(self):
        measured = dataclasses.replace(migration(), clock=clock())
        resolution = measured.clock.resolution
        self.assertEqual(
            [],
            measured.complaints([self.limit(resolution * 1.01, what='guest')]),
        )
        [complaint] = measured.complaints(
            [self.limit(resolution * 0.9, what='guest')]
        )
        self.assertIn('NOT CHECKED: guest stopped: nothing seen;', complaint)

    def test_it_is_recorded(self):
        measured = dataclasses.replace(
            migration(timeline('network', 0)),
            limits=(self.limit(0.05, fail=False),),
        )
        recorded = json.loads(json.dumps(measured.to_dict()))
        self.assertEqual([], recorded['complaints'])
        [sentence] = recorded['unchecked']
        self.assertIn('NOT CHECKED', sentence)
        self.assertIn(sentence, measured.text().splitlines())
        self.assertEqual(
            0.1, round(recorded['measurements'][0]['total']['upper'], 6)
        )


class TestInMedian(testtools.TestCase):
    def complaint(self, seconds, *timelines, fail=True):
        return Limit(
            'network', 'allowed_median', seconds, fail_unchecked=fail
        ).complaint(in_median(timelines))

    def test_by_the_upper_bounds(self):
        several = [timeline('network', down) for down in (1, 4, 9)]
        self.assertIsNone(self.complaint(0.55, *several))
        self.assertIn(
            'network downtime: 0.400 s (0.300 to 0.500), by its '
            'upper bound longer than the 0.45 s',
            self.complaint(0.45, *several),
        )

    def test_what_was_not_seen(self):
        several = [timeline('network', down) for down in (0, 0, 9)]
        self.assertIsNone(self.complaint(0.15, *several))
        self.assertIn(
            'NOT CHECKED: network downtime: nothing seen;',
            self.complaint(0.05, *several),
        )
        self.assertIsNone(self.complaint(0.05, *several, fail=False))

    def test_what_nobody_saw(self):
        gap = Timeline(
            'network',
            'x',
            [
                Sample(number / 10, number / 10, True)
                for number in (*range(5), *range(70, 80))
            ],
            0.1,
            ended=7.9,
        )
        self.assertIsNone(self.complaint(6.65, gap))
        self.assertIn('at most 6.600 s', self.complaint(6.55, gap))


class TestEvidence(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.measured = migration(
            timeline('network', 5),
            exceptions.NoMeasurement('the guest was rebooted'),
        )

    def test_text_holds_it_all(self):
        text = self.measured.text()
        for part in (
            'from a to b',
            'network down for 0.500 s',
            '5 probes failed',
            'the guest was rebooted',
            '"status": "completed"',
            'compute_live_migration T1 - T2: Success',
        ):
            self.assertIn(part, text)

    def test_of_many_outages_the_longest_are_named(self):
        # twelve outages: of one probe each, but for the fourth and the last
        down = {
            20 * outage + probe
            for outage in range(12)
            for probe in range(5, 8 if outage in (3, 11) else 6)
        }
        stutter = Timeline(
            'network',
            'x',
            [
                Sample(number / 10, number / 10, number not in down)
                for number in range(240)
            ],
            0.1,
            ended=23.9,
        )
        lines = [
            line
            for line in migration(stutter).text().splitlines()
            if 'probes failed' in line
        ]
        self.assertEqual(10, len(lines))
        self.assertEqual(
            sorted(lines, key=lambda line: float(line.split()[1])), lines
        )
        self.assertEqual(2, sum('3 probes failed' in line for line in lines))
        self.assertIn(
            '  and 2 that were not longer than these',
            migration(stutter).text().splitlines(),
        )

    def test_nothing_measured(self):
        self.assertIn('nothing was measured', migration().summary())

    def test_to_dict_is_ready_for_json(self):
        recorded = json.loads(json.dumps(self.measured.to_dict()))
        self.assertEqual(7, recorded['migration_record']['id'])
        self.assertEqual(1, len(recorded['measurements'][0]['outages']))
        self.assertEqual(
            'the guest was rebooted',
            recorded['measurements'][1]['no_measurement'],
        )

    def test_limits_and_what_was_wrong(self):
        recorded = dataclasses.replace(self.measured, limits=LIMITS).to_dict()
        self.assertEqual(
            {
                'what': 'network',
                'option': 'allowed_network_downtime',
                'seconds': 0.5,
                'longest': False,
                'fail_unchecked': True,
            },
            recorded['limits'][0],
        )
        rebooted, too_long = recorded['complaints']
        self.assertIn('the guest was rebooted', rebooted)
        self.assertIn('longer than the 0.5 s', too_long)

    def test_figures_are_on_the_common_axis(self):
        measured = dataclasses.replace(
            self.measured,
            figures=(Figures(7.5, throttle=20),),
            progress=Progress(5.0),
        )
        self.assertEqual(
            [
                {
                    'at': 2.5,
                    'memory_remaining': None,
                    'dirty_rate': None,
                    'bandwidth': None,
                    'throttle': 20,
                }
            ],
            measured.to_dict()['figures'],
        )
