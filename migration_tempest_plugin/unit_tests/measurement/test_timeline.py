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
"""Timelines: outages and their bounds, what nobody saw, and no data."""

import dataclasses
import json

import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.measurement import Probing
from migration_tempest_plugin.measurement import Sample
from migration_tempest_plugin.measurement import Timeline

INTERVAL = 0.1
DELAY = 0.01  # until an answer comes
DEADLINE = 0.5


def probes(pattern, start=100.0):
    """Samples, one an interval: + answered, - failed, l late, . not sent."""
    samples = []
    for number, letter in enumerate(pattern):
        sent = start + number * INTERVAL
        if letter == '+':
            samples.append(Sample(sent, sent + DELAY, True))
        elif letter == '-':
            samples.append(Sample(sent, sent + DEADLINE, False))
        elif letter == 'l':
            samples.append(Sample(sent, sent + 0.8, False, late=True))
    return samples


def timeline(pattern, ended=None):
    return Timeline(
        'network',
        '192.0.2.1',
        probes(pattern),
        INTERVAL,
        ended=ended or 100.0 + len(pattern) * INTERVAL,
    )


class Case(testtools.TestCase):
    def assertSeconds(self, expected, seconds):
        self.assertAlmostEqual(expected, seconds, places=6)

    def assertBounds(self, lower, upper, duration):
        self.assertSeconds(lower, duration.lower)
        self.assertSeconds(upper, duration.upper)
        self.assertSeconds((lower + upper) / 2, duration)


class TestOutages(Case):
    def test_none(self):
        seen = timeline('++++++')
        self.assertEqual((), seen.outages)
        self.assertEqual((), seen.durations)
        for duration in (seen.total, seen.longest):
            self.assertEqual((0, 0), (duration, duration.lower))
            self.assertSeconds(INTERVAL, duration.upper)
        self.assertFalse(seen.still_down)
        self.assertEqual((6, 0), (seen.successes, seen.failures))

    def test_none_where_it_was_looked_at_more_rarely(self):
        """The longest time between two probes bounds what was not seen."""
        seen = timeline('+++.+++.........+++')
        self.assertSeconds(0.2, seen.total.upper)
        self.assertSeconds(0.2, seen.to_dict()['longest']['upper'])

    def test_one(self):
        seen = timeline('++---++')
        [outage] = seen.outages
        self.assertSeconds(100.1, outage.start)
        self.assertSeconds(100.5 + DELAY, outage.end)
        self.assertEqual(3, outage.failures)
        self.assertFalse(outage.ongoing)
        # from the first failed probe to the last, less one round trip; from
        # the last answered one's start to the next answer
        self.assertBounds(0.2 - DELAY, 0.4 + DELAY, seen.total)
        self.assertBounds(0.2 - DELAY, 0.4 + DELAY, seen.longest)

    def test_a_single_lost_probe_has_no_lower_bound(self):
        self.assertBounds(0, 0.2 + DELAY, timeline('++-++').total)

    def test_two_are_not_one(self):
        seen = timeline('+--+----++')
        self.assertEqual([2, 4], [each.failures for each in seen.outages])
        self.assertBounds(0.3 - DELAY, 0.5 + DELAY, seen.longest)
        self.assertBounds(0.4 - 2 * DELAY, 0.8 + 2 * DELAY, seen.total)

    def test_still_down(self):
        seen = timeline('++--', ended=107.0)
        [outage] = seen.outages
        self.assertTrue(seen.still_down)
        self.assertTrue(outage.ongoing)
        self.assertSeconds(107.0, outage.end)
        self.assertSeconds(6.9, outage.upper)

    def test_down_from_the_first_probe(self):
        [outage] = timeline('---++').outages
        self.assertSeconds(100.0, outage.start)
        self.assertBounds(0.2 - DELAY, 0.3 + DELAY, outage.duration)

    def test_a_late_answer_is_none(self):
        seen = timeline('++ll++')
        self.assertEqual(2, len(seen.late))
        self.assertSeconds(0.8, seen.late[0].delay)
        self.assertEqual(2, seen.outages[0].failures)

    def test_the_truth_is_within_the_bounds(self):
        # An outage of any length, begun and ended anywhere between probes.
        for begin in (0.201, 0.25, 0.299):
            for length in (0.05, 0.11, 0.2, 0.333, 0.9):
                pattern = ''.join(
                    '-'
                    if begin <= number * INTERVAL <= begin + length
                    else '+'
                    for number in range(30)
                )
                total = timeline(pattern).total
                if '-' in pattern:
                    self.assertLessEqual(total.lower, length)
                    self.assertGreaterEqual(total.upper, length)

    def test_order_does_not_matter(self):
        samples = probes('++--+')
        shuffled = Timeline('network', 'x', reversed(samples), INTERVAL, 101)
        self.assertEqual(1, len(shuffled.outages))
        self.assertEqual(tuple(samples), shuffled.samples)


class TestIndependent(Case):
    """Probes that are sent whatever becomes of the others."""

    def seen(self, pattern, ended=None):
        return dataclasses.replace(
            timeline(pattern, ended), probing=Probing.INDEPENDENT
        )

    def test_the_estimate_goes_on_where_nobody_looked(self):
        [outage] = self.seen('++--..........--++').outages
        self.assertSeconds(0.2 - 2 * DELAY, outage.lower)
        self.assertSeconds(1.5 + DELAY, outage.upper)
        # half an interval at each end
        self.assertSeconds(1.4, outage.duration)

    def test_a_failed_probe_sees_one_moment(self):
        """That its deadline is long does not mean that somebody looked."""
        seen = self.seen('++--...--++')
        self.assertSeconds(0.3, seen.unobserved)
        self.assertSeconds(0.2 - 2 * DELAY, seen.outages[0].lower)
        self.assertEqual(0, timeline('++--...--++').unobserved)

    def test_unobserved_at_the_end(self):
        self.assertSeconds(4.8, self.seen('++', ended=105.0).unobserved)

    def test_one_whose_place_is_not_known_divides_nothing(self):
        """A refusal and an answer in the same hundredth of a second."""
        samples = [
            Sample(10.0, 10.0, True),
            *(
                Sample(second, second, False, slack=0.01)
                for second in (11.0, 11.5, 12.0)
            ),
            Sample(11.995, 12.0, True, slack=0.01),
            Sample(13.0, 13.0, True),
        ]
        [outage] = Timeline('metadata', 'x', samples, 0.5, 13.0).outages
        self.assertEqual(3, outage.failures)
        self.assertBounds(0.49, 3.0, outage.duration)

    def test_one_that_was_sent_between_divides_them(self):
        samples = [
            Sample(10.0, 10.0, True),
            Sample(11.0, 11.0, False, slack=0.01),
            Sample(11.02, 11.03, True, slack=0.01),
            Sample(11.04, 11.04, False, slack=0.01),
            Sample(12.0, 12.0, True),
        ]
        self.assertEqual(
            2, len(Timeline('metadata', 'x', samples, 0.5, 12.0).outages)
        )

    def test_slack_is_in_no_lower_bound(self):
        samples = probes('++---++')
        samples[2] = dataclasses.replace(samples[2], slack=0.05)
        [outage] = dataclasses.replace(
            self.seen('++---++'), samples=samples
        ).outages
        self.assertSeconds(0.15 - DELAY, outage.lower)
        self.assertSeconds(0.4 + DELAY, outage.upper)


class TestOrdered(Case):
    """Answers that come in the order of the probes, as in TCP."""

    def test_a_late_answer_shows_that_none_came(self):
        samples = probes('++')
        # All come at once at 101.0, as soon as the way is free again.
        samples += [
            Sample(start, 101.0, late, not late)
            for start, late in ((100.2, False), (100.3, False), (100.95, True))
        ]
        seen = Timeline(
            'tcp', 'x', samples, INTERVAL, 101.1, probing=Probing.ORDERED
        )
        [outage] = seen.outages
        self.assertSeconds(100.1, outage.start)
        self.assertSeconds(101.0, outage.end)
        self.assertSeconds(0.8 - DELAY, outage.lower)
        self.assertSeconds(0.85, outage.duration)


class TestSince(Case):
    def test_what_was_before_does_not_count(self):
        seen = timeline('--++--++')
        self.assertEqual(2, len(seen.outages))
        later = seen.since(seen.samples[2].start)
        self.assertEqual(seen.outages[1:], later.outages)
        self.assertSeconds(100.2, later.began)

    def test_baseline_that_may_have_been_sent_earlier(self):
        seen = timeline('++--++')
        sent = seen.samples[1].start
        self.assertEqual(seen.outages, seen.since(sent + DELAY).outages)
        self.assertSeconds(sent, seen.since(sent + DELAY).began)

    def test_what_was_down_before_the_baseline(self):
        # The one that failed may end later than the baseline.
        seen = timeline('+-+++')
        later = seen.since(seen.samples[2].start + DELAY / 2)
        self.assertEqual((), later.outages)

    def test_nothing_after(self):
        self.assertRaises(exceptions.NoMeasurement, timeline('++').since, 200)

    def test_the_wall_clock_goes_along(self):
        seen = dataclasses.replace(timeline('--++--++'), wall_start=5000.0)
        later = seen.since(seen.samples[2].start)
        self.assertSeconds(5000.2, later.wall_start)


class TestRecovered(Case):
    def test_up(self):
        seen = timeline('++--++')
        self.assertIs(seen, seen.recovered())

    def test_still_down(self):
        seen = dataclasses.replace(
            timeline('++--', ended=101.5), wall_start=0.5
        )
        error = self.assertRaises(exceptions.NoMeasurement, seen.recovered)
        self.assertEqual(
            'network of 192.0.2.1 is still down, for 1.400 s now (since '
            '1970-01-01 00:00:00.600 UTC): 2 probes failed',
            error.reason,
        )
        self.assertIn('STILL DOWN', error.seen)
        self.assertIs(seen, error.timeline)


class TestUnobserved(Case):
    def test_none(self):
        self.assertEqual(0, timeline('++--++').unobserved)

    def test_nobody_looked(self):
        seen = timeline('+++....................+++')
        self.assertEqual((), seen.outages)
        self.assertSeconds(2.1 - DELAY - INTERVAL, seen.unobserved)

    def test_one_probe_more_or_less_is_resolution(self):
        seen = timeline('+++.+++')
        self.assertEqual(0, seen.unobserved)
        self.assertSeconds(0.2, seen.resolution)

    def test_it_is_not_resolution(self):
        self.assertSeconds(0.1, timeline('+++.........+++').resolution)

    def test_what_is_late_in_order_is_seen_from_the_deadline_on(self):
        for probing, resolution in (
            (Probing.INDEPENDENT, 0.1),
            (Probing.ORDERED, 0.4),
        ):
            seen = dataclasses.replace(
                timeline('+++'), probing=probing, deadline=0.3
            )
            self.assertSeconds(resolution, seen.resolution)
            self.assertSeconds(0.3, seen.to_dict()['deadline'])

    def test_before_an_outage(self):
        # down at last, but since when? The upper bound takes all of it.
        [outage] = timeline('++..........--++').outages
        self.assertBounds(0.1 - DELAY, 1.3 + DELAY, outage.duration)

    def test_within_an_outage(self):
        # It may have been up in between: the lower bound takes none of it.
        [outage] = timeline('++--..........--++').outages
        self.assertBounds(0.2 - 2 * DELAY, 1.5 + DELAY, outage.duration)

    def test_at_the_end(self):
        self.assertSeconds(
            4.9 - DELAY - INTERVAL, timeline('++', ended=105.0).unobserved
        )


class TestNoMeasurement(testtools.TestCase):
    def test_no_probe(self):
        error = self.assertRaises(exceptions.NoMeasurement, timeline, '')
        self.assertIn('no probe was sent', str(error))

    def test_never_answered(self):
        error = self.assertRaises(exceptions.NoMeasurement, timeline, '--l-')
        self.assertIn('no probe was answered in time', error.reason)
        self.assertIn('4 probes that failed', error.seen)
        self.assertIn('1 of them answered late', error.seen)


class TestAsText(Case):
    def test_summary(self):
        self.assertEqual(
            'network of 192.0.2.1: 1 outage, longest 0.300 s (0.190 to '
            '0.410), in sum 0.300 s (0.190 to 0.410); 4 of 7 probes answered '
            'in 0.7 s, resolution 0.100 s, unobserved 0.000 s',
            timeline('++---++').summary(),
        )
        self.assertIn(
            ': no outage longer than 0.100 s; 3 of 3 probes',
            timeline('+++').summary(),
        )
        self.assertIn('STILL DOWN', timeline('++--').summary())
        self.assertIn(
            'network of 192.0.2.1, stalls longer than 0.310 s: no outage',
            dataclasses.replace(
                timeline('+++'), probing=Probing.ORDERED, deadline=0.31
            ).summary(),
        )

    def test_why_probes_failed(self):
        samples = [
            Sample(number / 10, number / 10, not why, why=why)
            for number, why in enumerate(
                ('', 'refused', '503', '503', '', 'refused', 'refused', '')
            )
        ]
        seen = Timeline('http', 'x', samples, 0.1, 0.7)
        self.assertEqual({'refused': 3, '503': 2}, seen.reasons)
        self.assertEqual(
            ['503', 'refused'], [each.why for each in seen.outages]
        )
        self.assertTrue(
            seen.summary().endswith('; 3 failed: refused; 2 failed: 503')
        )
        recorded = seen.to_dict()
        self.assertEqual({'refused': 3, '503': 2}, recorded['reasons'])
        self.assertEqual('503', recorded['outages'][0]['why'])
        self.assertEqual({'refused': 2}, seen.since(0.4).reasons)
        error = self.assertRaises(exceptions.NoMeasurement, seen.since, 0.75)
        self.assertIn('no probe was sent', str(error))
        # Of what does not say it, nothing is said.
        self.assertNotIn('reasons', timeline('+-+').to_dict())
        self.assertNotIn('why', timeline('+-+').to_dict()['outages'][0])

    def test_why_none_was_answered(self):
        error = self.assertRaises(
            exceptions.NoMeasurement,
            Timeline,
            'http',
            'x',
            [Sample(1.0, 1.0, False, why='HTTP 404')],
            0.1,
            1.0,
        )
        self.assertIn('; 1 failed: HTTP 404', error.seen)

    def test_to_dict_is_ready_for_json(self):
        recorded = json.loads(json.dumps(timeline('++-l++').to_dict()))
        self.assertEqual(
            'migration-tempest-plugin/timeline', recorded['schema']
        )
        self.assertSeconds(0.1, recorded['outages'][0]['start'])
        self.assertSeconds(0.3, recorded['late'][0]['start'])
        self.assertSeconds(0.2, recorded['outages'][0]['first_failure'])
        self.assertSeconds(0.3, recorded['outages'][0]['last_failure'])
        self.assertEqual([], recorded['gaps'])

    def test_to_dict_says_when_nobody_looked(self):
        samples = [
            Sample(number / 10, number / 10, True)
            for number in (*range(5), *range(20, 25))
        ]
        [gap] = Timeline('network', 'x', samples, 0.1, 2.4).to_dict()['gaps']
        self.assertSeconds(0.4, gap['begin'])
        self.assertSeconds(2.0, gap['end'])


class TestSample(testtools.TestCase):
    def test_nonsense(self):
        self.assertRaises(ValueError, Sample, 2.0, 1.0, True)
        self.assertRaises(ValueError, Sample, 1.0, 2.0, True, late=True)
