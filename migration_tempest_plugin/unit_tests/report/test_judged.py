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
"""What was allowed, and what became of it."""

import dataclasses

import testtools

from migration_tempest_plugin import measurement
from migration_tempest_plugin.report import judged
from migration_tempest_plugin.report.judged import State
from migration_tempest_plugin.unit_tests.report import samples


def limit(seconds, what='network', longest=False):
    return measurement.Limit(what, f'allowed_{what}', seconds, longest)


def unobserved(timeline, begin, end):
    """The same, without the probes of some numbers."""
    return dataclasses.replace(
        timeline, samples=(*timeline.samples[:begin], *timeline.samples[end:])
    )


class TestLimits(testtools.TestCase):
    def judged(self, *limits, **more):
        document = samples.migration(limits=limits, **more)
        return document, judged.limits(document)

    def test_round_trips(self):
        """By the upper bound, of 99 % of what was answered."""
        for what, seconds, state, told in (
            ('network', 0.00045, State.KEPT, '0.39 ms (0.38 to 0.40)'),
            ('network', 0.0004, State.NOT_KEPT, '0.39 ms (0.38 to 0.40)'),
            ('tcp', 0.1, State.NOT_CHECKED, ''),
            ('metadata', 0.1, State.NOT_MEASURED, ''),
        ):
            few = samples.timeline(0.15, 'tcp')
            _, [found] = self.judged(
                measurement.RoundTripLimit(what, 'an_option', seconds),
                measurements=(
                    samples.timeline(0.3),
                    dataclasses.replace(few, samples=few.samples[:80]),
                ),
            )
            self.assertEqual(
                (f'{what} round trip', state, told),
                (found.what, found.state, found.told),
            )

    def test_states(self):
        coarse = samples.timeline(0.0, interval=1.2)
        gap = unobserved(samples.timeline(0.0), 20, 80)
        for limits, more, state, why in (
            (limit(0.5), {'down': 0.3}, State.KEPT, ''),
            (limit(0.32), {'down': 0.3}, State.KEPT, ''),
            (limit(0.2), {'down': 0.3}, State.NOT_KEPT, ''),
            (
                limit(0.305),
                {'down': 0.3},
                State.NOT_KEPT,
                'by its upper bound',
            ),
            (limit(0.011), {'down': 0.0}, State.KEPT, ''),
            (
                limit(1.0),
                {'measurements': (coarse,)},
                State.NOT_CHECKED,
                'it is finer than the resolution, 1.200 s',
            ),
            (
                limit(0.5),
                {'measurements': (gap,)},
                State.NOT_KEPT,
                'with what nobody observed',
            ),
            # finer than the resolution, but certainly not kept
            (
                limit(1.0),
                {'measurements': (samples.timeline(6.0, interval=1.2),)},
                State.NOT_KEPT,
                '',
            ),
            (limit(1.0), {'measurements': (gap,)}, State.KEPT, ''),
            (limit(1.0, 'metadata'), {}, State.NOT_MEASURED, ''),
            (limit(0.2, 'guest'), {'down': 0.3}, State.KEPT, ''),
            (limit(0.05, 'guest'), {'down': 0.3}, State.NOT_KEPT, ''),
            (limit(0.2, 'guest'), {'clock': None}, State.NOT_MEASURED, ''),
        ):
            _, [found] = self.judged(limits, **more)
            self.assertEqual((state, why), (found.state, found.why))

    def test_as_the_tests_judge(self):
        """What the page calls kept has no complaint, and the other way."""
        gap = unobserved(samples.timeline(0.0), 20, 80)
        both = unobserved(samples.timeline(0.3), 10, 30)
        for timeline in (
            samples.timeline(0.3),
            samples.timeline(0.0),
            gap,
            both,
        ):
            for seconds in (0.005, 0.05, 0.29, 0.3, 0.305, 0.32, 0.45, 0.7):
                for longest in (False, True):
                    document, [found] = self.judged(
                        limit(seconds, longest=longest),
                        measurements=(timeline,),
                    )
                    self.assertEqual(
                        found.state is State.KEPT,
                        not document['complaints'],
                        (seconds, longest, found, document['complaints']),
                    )
                    self.assertEqual(
                        found.state is State.NOT_CHECKED,
                        bool(document['unchecked']),
                        (seconds, found),
                    )

    def test_version_1(self):
        """It knows for how long nobody looked, but not when."""
        document, _ = self.judged(
            limit(0.5),
            measurements=(unobserved(samples.timeline(0.0), 20, 80),),
        )
        del document['measurements'][0]['gaps']
        [found] = judged.limits(document)
        self.assertEqual(State.NOT_KEPT, found.state)
        del document['limits']
        self.assertEqual([], judged.limits(document))


class TestCosts(testtools.TestCase):
    def test_seen(self):
        cost = judged.costs(samples.migration(0.3))['network']
        self.assertEqual('0.300 s (0.290 to 0.310)', judged.text(cost))

    def test_not_seen_is_no_zero(self):
        costs = judged.costs(
            samples.migration(
                0.0,
                measurements=(samples.timeline(0.0, interval=1.2),),
                clock=samples.stopped(0.0),
            )
        )
        self.assertEqual(
            'none longer than 1.200 s', judged.text(costs['network'])
        )
        self.assertRegex(
            judged.text(costs['guest stopped']),
            r'^none longer than 0\.01\d s$',
        )

    def test_not_measured(self):
        self.assertNotIn('network', judged.costs(samples.gone()))


class TestTypical(testtools.TestCase):
    def test_many(self):
        """Forty live ones; two cold ones are apart."""
        found = judged.typical(each for _, each in samples.many().migrations)
        self.assertEqual(['live', 'cold'], list(found))
        self.assertEqual(
            ['network', 'tcp', 'metadata', 'guest stopped'],
            list(found['live']),
        )
        network = found['live']['network']
        self.assertEqual((40, 40), (network.migrations, network.spread.count))
        self.assertLess(network.spread.maximum.upper, 0.4)
        self.assertEqual([(State.KEPT, 40)], network.states)
        self.assertEqual((20.0, 20.0), network.allowed)
        self.assertAlmostEqual(
            8.0, float(found['cold']['network'].spread.median)
        )
        self.assertEqual(2, found['cold']['network'].spread.count)
        self.assertNotIn('metadata', found['cold'])

    def test_median_of_what_was_not_seen(self):
        found = judged.typical(
            [samples.migration(down) for down in (0.0, 0.0, 0.3)]
        )
        network = found['live']['network']
        self.assertEqual(
            'none longer than 0.010 s', judged.text(network.spread.median)
        )
        self.assertAlmostEqual(0.3, float(network.spread.maximum))

    def test_those_that_stayed_are_left_out(self):
        self.assertEqual(
            {}, judged.typical([samples.migration(destination=None)])
        )

    def test_a_kind_of_which_nothing_was_measured(self):
        nothing = {**samples.gone(), 'kind': 'cold', 'guest_clock': None}
        del nothing['progress']
        self.assertEqual({}, judged.typical([nothing]))
        self.assertEqual(
            ['live'], list(judged.typical([nothing, samples.migration(0.1)]))
        )

    def test_worst_state_first(self):
        found = judged.typical(
            [
                samples.migration(0.1),
                samples.migration(0.8),
                samples.migration(0.2),
            ]
        )
        self.assertEqual(
            [(State.NOT_KEPT, 1), (State.KEPT, 2)],
            found['live']['network'].states,
        )
        self.assertIsNone(found['live']['tcp'].allowed)
