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
"""The test of a difference: against counting by hand, and by its promises."""

import itertools
import math
import random

import testtools

from migration_tempest_plugin.measurement import comparison
from migration_tempest_plugin.measurement.comparison import Samples
from migration_tempest_plugin.measurement.comparison import Verdict


def counted(before, after):
    """p_worse of one variant, by trying each way to deal the numbers out."""
    numbers = [*before, *after]

    def longer(chosen):
        others = list(numbers)
        for number in chosen:
            others.remove(number)
        return sum((a > b) + (a == b) / 2 for a in chosen for b in others)

    ways = [
        longer([numbers[index] for index in indices])
        for indices in itertools.combinations(range(len(numbers)), len(after))
    ]
    return sum(way >= longer(after) for way in ways) / len(ways)


def difference(before, after, tolerance=0.0):
    return comparison.difference(
        'network', {'v': Samples(before, after)}, tolerance
    )


class TestProbability(testtools.TestCase):
    def test_as_counted_by_hand(self):
        chance = random.Random(7)
        for _ in range(60):
            before, after = (
                tuple(
                    chance.choice((0.0, 0.1, chance.random()))
                    for _ in range(chance.randint(1, 5))
                )
                for _ in range(2)
            )
            found = difference(before, after)
            self.assertAlmostEqual(counted(before, after), found.p_worse)
            self.assertAlmostEqual(counted(after, before), found.p_better)

    def test_published(self):
        """Wilcoxon's table: 4 and 4, the smallest rank sum 10, p 1/70."""
        found = difference((1, 2, 3, 4), (5, 6, 7, 8))
        self.assertAlmostEqual(1 / 70, found.p_worse)
        self.assertAlmostEqual(2 / 70, found.p)
        self.assertAlmostEqual(2 / 70, found.least)

    def test_variants_are_not_mixed(self):
        """Of each variant AFTER is longer; what is long is the variant."""
        samples = {
            'short': Samples((1, 2), (3, 4)),
            'long': Samples((101, 102), (103, 104)),
        }
        found = comparison.difference('network', samples, 0.0)
        self.assertAlmostEqual(1 / 36, found.p_worse)
        self.assertEqual(2.0, found.shift)
        self.assertEqual(8, found.pairs)

    def test_many_are_as_few(self):
        """Where ranks are not counted any more, the result is the same."""
        chance = random.Random(3)
        before = [chance.random() for _ in range(26)]
        after = [chance.random() + 0.15 for _ in range(26)]
        many = comparison._p_longer([(before, after)], 0.0)
        ranked = [comparison._ranks(before, after)]
        ways = comparison._sums(ranked[0], 26)
        exact = sum(
            number
            for total, number in ways.items()
            if total >= sum(ranked[0][26:])
        ) / math.comb(52, 26)
        self.assertAlmostEqual(exact, many, places=3)

    def test_all_alike(self):
        self.assertEqual(1.0, difference((0.0,) * 4, (0.0,) * 4).p)
        self.assertEqual(1.0, difference((0.0,) * 40, (0.0,) * 40).p)

    def test_tolerance(self):
        before, after = (0.1,) * 5, (0.14,) * 5
        self.assertLess(difference(before, after).p, 0.01)
        self.assertEqual(1.0, difference(before, after, 0.05).p)

    def test_still_down_is_longest(self):
        found = difference((0.1, 0.2, 0.3, 0.4), (math.inf,) * 4)
        self.assertAlmostEqual(1 / 70, found.p_worse)
        self.assertEqual(math.inf, found.shift)
        self.assertEqual(1.0, difference((math.inf,) * 4, (math.inf,) * 4).p)

    def test_only_on_one_side(self):
        self.assertIsNone(difference((), (1.0,)))
        self.assertIsNone(comparison.difference('network', {}, 0.0))


class TestVerdict(testtools.TestCase):
    def verdicts(self, *differences, alpha=0.05):
        return [
            each.verdict for each in comparison.judge(list(differences), alpha)
        ]

    def test_each(self):
        worse = difference((1, 2, 3, 4), (5, 6, 7, 8))
        better = difference((5, 6, 7, 8), (1, 2, 3, 4))
        same = difference((1, 3, 5, 7), (2, 4, 6, 8))
        few = difference((1, 2), (5, 6))
        for each, verdict in (
            (worse, Verdict.WORSE),
            (better, Verdict.BETTER),
            (same, Verdict.SAME),
            (few, Verdict.TOO_FEW),
        ):
            self.assertEqual([verdict], self.verdicts(each))

    def test_what_was_not_resolved(self):
        """Better by more than may have gone by unseen is not worse."""

        def resolved(before, after, seconds):
            return comparison.difference(
                'x',
                {
                    'v': Samples(
                        before, after, (), (0.0, seconds, 10 * seconds)
                    )
                },
                0.5,
            )

        low, high = (1, 2, 3, 4), (5, 6, 7, 8)
        for before, after, seconds, verdict in (
            (low, low, 0.5, Verdict.SAME),
            (low, low, 0.51, Verdict.UNRESOLVED),
            (low, high, 9.0, Verdict.WORSE),
            (high, low, 4.5, Verdict.BETTER),
            (high, low, 4.6, Verdict.UNRESOLVED),
            (low[:2], low[:2], 9.0, Verdict.TOO_FEW),
        ):
            self.assertEqual(
                [verdict],
                self.verdicts(resolved(before, after, seconds)),
                (after, seconds),
            )

    def test_what_can_not_be_found_does_not_count(self):
        """Many variants of which nothing can be said hide no other one."""
        worse = difference((1, 2, 3, 4), (5, 6, 7, 8))
        few = [difference((1,), (5,))] * 30
        self.assertEqual(Verdict.WORSE, self.verdicts(worse, *few)[0])

    def test_many_questions_take_more(self):
        worse = difference((1, 2, 3, 4), (5, 6, 7, 8))
        self.assertEqual([Verdict.TOO_FEW] * 3, self.verdicts(*[worse] * 3))

    def test_alike_runs_are_found_alike(self):
        """Of 300 comparisons of chance with chance, 5 % may be wrong."""
        chance = random.Random(11)
        wrong = 0
        for _ in range(300):
            samples = {
                str(variant): Samples(
                    *(
                        tuple(chance.expovariate(1) for _ in range(4))
                        for _ in range(2)
                    )
                )
                for variant in range(4)
            }
            wrong += any(
                each.verdict in (Verdict.WORSE, Verdict.BETTER)
                for each in comparison.judge(
                    [
                        comparison.difference('x', {name: each}, 0.0)
                        for name, each in samples.items()
                    ],
                    0.05,
                )
            )
        self.assertLess(wrong / 300, 0.05)
