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
import itertools

import fixtures

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.measurement import cut_off
from migration_tempest_plugin.measurement.folding import Folding
from migration_tempest_plugin.measurement import Seen
from migration_tempest_plugin.measurement.timeline import Gap
from migration_tempest_plugin.unit_tests.properties import base
from migration_tempest_plugin.unit_tests.properties.base import strategies
from migration_tempest_plugin.unit_tests.properties import test_timeline


def folded(timeline, steps, needed=()):
    """The same, of samples that were folded now and then as they came.

    That one of them was answered late, is known at the end.
    """
    folding = Folding(timeline.interval)
    for start in needed:
        folding.keep(start)
    for number, sample in enumerate(timeline.samples):
        folding.add(dataclasses.replace(sample, late=False))
        if steps[number % len(steps)]:
            folding.fold(sample.start)
    for sample in timeline.samples:
        if sample.late:
            folding.add(sample)
    return dataclasses.replace(
        timeline, samples=folding.since(), quiet=folding.quiet_since()
    )


def seen(timeline, pauses, delays):
    """The same, where nobody probed in some times (begin, seconds).

    Of what was answered, it is known when it was sent.

    :param delays: in turn, how long each answer takes; None for one that is
        lost, or, where they are lost anyway, that comes late
    """
    samples = [
        _answered(sample, delay)
        for sample, delay in zip(timeline.samples, itertools.cycle(delays))
        if not any(
            begin <= sample.start < begin + seconds
            for begin, seconds in pauses
        )
    ]
    return dataclasses.replace(timeline, samples=samples)


def _answered(sample, delay):
    if not sample.answered:
        return dataclasses.replace(sample, late=delay is None)
    if delay is None:
        return dataclasses.replace(sample, answered=False)
    return dataclasses.replace(sample, slack=0.0, end=sample.start + delay)


class TestFolding(base.Case):
    def setUp(self):
        super().setUp()
        # So that there are several in one outage.
        self.useFixture(
            fixtures.MonkeyPatch(
                'migration_tempest_plugin.measurement.folding.LONGEST_DOWN',
                0.75,
            )
        )

    def for_all_foldings(self, check):
        """Call it with (a Timeline, when it is folded)."""

        def build(truth, pauses, delays, steps):
            try:
                whole = seen(truth.timeline(), pauses, delays)
            except exceptions.NoMeasurement:
                return
            check(whole, steps)

        self.for_all(
            build,
            test_timeline.truths(),
            strategies.lists(
                strategies.tuples(
                    strategies.floats(0.0, 12.0), strategies.floats(0.0, 2.0)
                ),
                max_size=3,
            ),
            strategies.lists(
                strategies.one_of(
                    strategies.floats(0.0, 0.01),
                    strategies.floats(0.0, 0.5),
                    strategies.none(),
                ),
                min_size=1,
                max_size=31,
            ),
            strategies.lists(strategies.booleans(), min_size=1, max_size=7),
            examples=400,
        )

    def assert_same(self, whole, short):
        for name in (
            'began',
            'outages',
            'longest',
            'total',
            'resolution',
            'successes',
            'failures',
            'down_since',
            'late',
        ):
            self.assertEqual(getattr(whole, name), getattr(short, name), name)
        self.assertAlmostEqual(whole.unobserved, short.unobserved)
        # Of those that were left out, it is known how long they were.
        for seen, known in zip(*map(self.missed, (whole, short))):
            self.assertAlmostEqual(seen, known)

    def assert_bounded(self, whole, short):
        """It may say less, and nothing that is not so."""
        self.assertEqual(len(whole.outages), len(short.outages))
        for one, other in zip(whole.outages, short.outages):
            self.assertLessEqual(other.start, one.start)
            self.assertLessEqual(one.end, other.end)
            self.assertLessEqual(other.lower, one.lower)
            self.assertLessEqual(one.lower - other.lower, 2 * 0.75)
        self.assertLessEqual(whole.unobserved, short.unobserved + 1e-9)

    def missed(self, timeline):
        return dataclasses.astuple(Seen.of(timeline).missed)

    def test_all_follows_from_what_is_kept(self):
        def check(whole, steps):
            self.assert_same(whole, folded(whole, steps))

        self.for_all_foldings(check)

    def test_since_what_was_needed(self):
        def check(whole, steps):
            answered = [each for each in whole.samples if each.answered]
            needed = answered[len(answered) // 2].start
            self.assert_same(
                whole.since(needed),
                folded(whole, steps, [needed]).since(needed),
            )

        self.for_all_foldings(check)

    def test_when_this_machine_was_cut_off(self):
        def check(whole, steps):
            began = whole.samples[len(whole.samples) // 2].start
            cut = [Gap(began, began + 0.5)]
            pair = [
                cut_off.without(each, cut)
                for each in (whole, folded(whole, steps))
            ]
            if isinstance(pair[0], exceptions.NoMeasurement):
                pair = [each.timeline for each in pair]
            if pair[0]:
                self.assert_bounded(*pair)

        self.for_all_foldings(check)
