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

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.measurement.folding import Folding
from migration_tempest_plugin.unit_tests.properties import base
from migration_tempest_plugin.unit_tests.properties.base import strategies
from migration_tempest_plugin.unit_tests.properties import test_timeline

#: Longer than any answer takes: a trip there and back, and the slack.
DEADLINE = 0.25


def folded(timeline, steps, needed=()):
    """The same, of samples that were folded now and then as they came."""
    folding = Folding(timeline.interval, DEADLINE)
    for start in needed:
        folding.keep(start)
    for number, sample in enumerate(timeline.samples):
        folding.add(sample)
        if steps[number % len(steps)]:
            folding.fold(sample.start)
    return dataclasses.replace(
        timeline, samples=folding.since(), quiet=folding.quiet_since()
    )


def without(timeline, pauses):
    """The same, where nobody probed in some times (begin, seconds).

    Of what was answered, it is known when it was sent.
    """
    return dataclasses.replace(
        timeline,
        samples=[
            dataclasses.replace(sample, slack=0.0)
            if sample.answered
            else sample
            for sample in timeline.samples
            if not any(
                begin <= sample.start < begin + seconds
                for begin, seconds in pauses
            )
        ]
        or timeline.samples,
    )


class TestFolding(base.Case):
    def for_all_foldings(self, check):
        self.for_all(
            check,
            test_timeline.truths(),
            strategies.lists(
                strategies.tuples(
                    strategies.floats(0.0, 12.0), strategies.floats(0.0, 1.0)
                ),
                max_size=3,
            ),
            strategies.lists(strategies.booleans(), min_size=1, max_size=7),
        )

    def assert_same(self, whole, short):
        for name in (
            'began',
            'outages',
            'longest',
            'total',
            'resolution',
            'hidden',
            'unobserved',
            'successes',
            'failures',
            'down_since',
        ):
            self.assertEqual(getattr(whole, name), getattr(short, name), name)
        self.assertEqual(whole.summary(), short.summary())

    def test_all_follows_from_what_is_kept(self):
        def check(truth, pauses, steps):
            try:
                whole = without(truth.timeline(), pauses)
            except exceptions.NoMeasurement:
                return
            self.assert_same(whole, folded(whole, steps))

        self.for_all_foldings(check)

    def test_since_what_was_needed(self):
        def check(truth, pauses, steps):
            try:
                whole = without(truth.timeline(), pauses)
            except exceptions.NoMeasurement:
                return
            answered = [each for each in whole.samples if each.answered]
            needed = answered[len(answered) // 2].start
            self.assert_same(
                whole.since(needed),
                folded(whole, steps, [needed]).since(needed),
            )

        self.for_all_foldings(check)
