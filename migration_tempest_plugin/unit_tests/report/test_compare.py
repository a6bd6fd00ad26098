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
"""Two runs beside each other: the verdict, and for gates its status."""

import dataclasses
import json

import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.report import compare
from migration_tempest_plugin.unit_tests.report import samples


def run(*downs, name='m.TestIt.test_it', **more):
    return samples.run(
        samples.test(
            *(samples.migration(down, **more) for down in downs), name=name
        )
    )


BEFORE = run(0.06, 0.07, 0.08, 0.09, 0.1)
#: 0.3 s more
AFTER = run(0.36, 0.37, 0.38, 0.39, 0.4)


def compared(before, after, tolerance=0.05, alpha=0.05):
    return compare.compare(before, after, tolerance, alpha)


class TestStatus(testtools.TestCase):
    def test_with_itself(self):
        found = compared(BEFORE, BEFORE)
        self.assertEqual(compare.KEPT, found.status)
        self.assertIn('NOT WORSE', found.sentence())

    def test_worse(self):
        found = compared(BEFORE, AFTER)
        self.assertEqual(compare.WORSE, found.status)
        self.assertIn('WORSE: network in TestIt.test_it', found.sentence())

    def test_better(self):
        found = compared(AFTER, BEFORE)
        self.assertEqual(compare.KEPT, found.status)
        self.assertIn('better is network in TestIt.test_it', found.sentence())

    def test_too_few(self):
        found = compared(run(0.1), run(0.9))
        self.assertEqual(compare.CANT_TELL, found.status)
        self.assertIn('too few samples', found.sentence())

    def test_no_variant_in_common(self):
        found = compared(BEFORE, run(0.1, name='m.TestIt.test_other'))
        self.assertEqual(compare.CANT_TELL, found.status)
        self.assertIn('NOTHING TO COMPARE', found.sentence())
        self.assertEqual(
            (['TestIt.test_it'], ['TestIt.test_other']),
            (found.only_before, found.only_after),
        )

    def test_few_of_each_of_many_variants(self):
        """One of each tells nothing; eight of them tell something."""

        def each(more):
            return samples.run(
                *(
                    samples.test(
                        samples.migration(0.1 * number + more),
                        name=f'm.TestIt.test_{number}',
                    )
                    for number in range(1, 9)
                )
            )

        found = compared(each(0.0), each(0.3))
        self.assertEqual(compare.WORSE, found.status)
        self.assertIn('network over all variants', found.sentence())
        self.assertEqual(compare.KEPT, compared(each(0), each(0)).status)


def unseen(interval, count=5):
    """Migrations without any outage, probed so often."""
    return samples.run(
        samples.test(
            *[
                samples.migration(
                    0.0,
                    measurements=(
                        samples.timeline(0.0, 'metadata', interval=interval),
                    ),
                )
            ]
            * count,
            name='m.TestIt.test_it',
        )
    )


class TestResolution(testtools.TestCase):
    """What went by unseen is not called not worse."""

    def test_finer_than_was_resolved(self):
        found = compared(unseen(0.3), unseen(0.3))
        self.assertEqual(compare.CANT_TELL, found.status)
        self.assertEqual(
            "CAN'T TELL: the tolerance is finer than what was resolved: "
            'metadata to 0.300 s (tolerance 0.05 s). Tolerate more '
            '(--tolerance), probe more often, or take it as it is '
            '(--accept-unresolved)',
            found.sentence(),
        )
        text = compare.text(found)
        self.assertIn('not resolved finely enough (0.300 s)', text)
        self.assertIn(
            'before  5: median at most 0.300 s, 95% at most 0.300 s', text
        )

    def test_the_worse_side_counts(self):
        for one, other in ((0.3, 0.01), (0.01, 0.3)):
            self.assertEqual(
                compare.CANT_TELL, compared(unseen(one), unseen(other)).status
            )

    def test_it_can_be_accepted(self):
        found = compare.compare(
            unseen(0.3), unseen(0.3), 0.05, 0.05, accept_unresolved=True
        )
        self.assertEqual(compare.KEPT, found.status)
        self.assertEqual(
            'NOT WORSE, as far as was resolved; not resolved finely enough: '
            'metadata to 0.300 s (tolerance 0.05 s)',
            found.sentence(),
        )

    def test_resolved(self):
        for found in (
            compared(unseen(0.01), unseen(0.01)),
            compared(unseen(0.3), unseen(0.3), tolerance=0.31),
        ):
            self.assertEqual(compare.KEPT, found.status)
            self.assertEqual(
                'NOT WORSE, as far as was resolved', found.sentence()
            )

    def test_round_trips(self):
        """A brownout alone, which is looked at where that is asked for."""
        quick, slow = (
            samples.run(
                samples.test(
                    *[
                        samples.migration(
                            measurements=(
                                dataclasses.replace(
                                    timeline,
                                    samples=[
                                        dataclasses.replace(each, took=took)
                                        for each in timeline.samples
                                    ],
                                ),
                            )
                        )
                        for timeline in [samples.timeline(0.3)]
                    ]
                    * 6
                )
            )
            for took in (0.0004, 0.02)
        )
        self.assertEqual(compare.KEPT, compared(quick, slow).status)
        found = compare.compare(quick, slow, 0.05, 0.05, with_round_trips=True)
        self.assertEqual(compare.WORSE, found.status)
        self.assertEqual(
            'WORSE: network round trip in TestIt.test_it, '
            'network round trip 99 % in TestIt.test_it',
            found.sentence(),
        )
        self.assertIn('0.005 s (network round trip', compare.how(found))
        tolerant = compare.compare(
            quick,
            slow,
            0.05,
            0.05,
            tolerances={
                'network round trip': 0.05,
                'network round trip 99 %': 0.05,
            },
            with_round_trips=True,
        )
        self.assertEqual(compare.KEPT, tolerant.status)

    def test_each_quantity_may_have_a_tolerance(self):
        both = samples.run(
            samples.test(
                *[
                    samples.migration(
                        0.0,
                        measurements=(
                            samples.timeline(0.0),
                            samples.timeline(0.0, 'metadata', interval=0.3),
                        ),
                    )
                ]
                * 5
            )
        )
        found = compare.compare(
            both, both, 0.05, 0.05, tolerances={'metadata': 0.31}
        )
        self.assertEqual(compare.KEPT, found.status)
        self.assertIn(
            'up to 0.05 s (network, tcp, storage, guest stopped, connect, '
            'http, kept, dns), 0.31 s (metadata) count as none',
            compare.how(found),
        )
        self.assertEqual(
            0.31, compare.to_dict(found)['tolerances']['metadata']
        )
        worse = compare.compare(
            BEFORE, AFTER, 0.05, 0.05, tolerances={'tcp': 0.4}
        )
        self.assertIn('WORSE: network', worse.sentence())
        self.assertNotIn('tcp', worse.sentence())

    def test_worse_is_worse(self):
        """However coarse: what was seen was seen."""
        seen = samples.run(
            samples.test(
                *[
                    samples.migration(
                        1.0,
                        measurements=(
                            samples.timeline(30.0, 'metadata', interval=0.3),
                        ),
                    )
                ]
                * 5,
                name='m.TestIt.test_it',
            )
        )
        self.assertEqual(compare.WORSE, compared(unseen(0.3), seen).status)
        found = compared(seen, unseen(0.3))
        self.assertEqual(compare.KEPT, found.status)
        self.assertIn('better is metadata', found.sentence())

    def test_few_are_few(self):
        self.assertIn(
            'too few samples',
            compared(unseen(0.3, 1), unseen(0.3, 1)).sentence(),
        )

    def test_json(self):
        found = json.loads(
            json.dumps(
                compare.to_dict(compared(unseen(0.3), unseen(0.3))),
                allow_nan=False,
            )
        )
        self.assertFalse(found['accept_unresolved'])
        [metadata] = found['compared']
        self.assertEqual('not resolved finely enough', metadata['verdict'])
        self.assertAlmostEqual(0.3, metadata['resolved'])
        self.assertEqual(0.0, metadata['before']['median'])
        self.assertAlmostEqual(0.3, metadata['before']['median_upper'])

    def test_older_records(self):
        old = samples.run(
            samples.test(
                *(
                    samples.aged(migration)
                    for _, migration in unseen(0.3).migrations
                ),
                name='m.TestIt.test_it',
            )
        )
        self.assertEqual(compare.CANT_TELL, compared(old, old).status)


class TestSamples(testtools.TestCase):
    def test_what_did_not_move_is_left_out(self):
        found = compared(BEFORE, run(9, 9, 9, 9, destination='compute1'))
        self.assertEqual(compare.CANT_TELL, found.status)
        self.assertIn(
            'did not take place: 0 before, 4 after', compare.text(found)
        )

    def test_still_down_is_no_good(self):
        down = samples.timeline(3.0, ongoing=True)
        try:
            down.recovered()
        except exceptions.NoMeasurement as error:
            lost = samples.migration(measurements=(error,))
        found = compared(
            BEFORE,
            samples.run(samples.test(*[lost] * 5, name='m.TestIt.test_it')),
        )
        self.assertEqual(compare.WORSE, found.status)
        self.assertEqual((0, 5), (found.lost_before, found.lost_after))
        self.assertIn('still down', compare.text(found))

    def test_what_is_missing_is_told(self):
        found = compared(
            BEFORE,
            samples.run(
                samples.test(
                    samples.migration(0.1),
                    samples.gone(),
                    name='m.TestIt.test_it',
                )
            ),
        )
        self.assertIn('0 before, 1 after', compare.text(found))

    def test_json(self):
        found = json.loads(
            json.dumps(
                compare.to_dict(compared(BEFORE, AFTER)), allow_nan=False
            )
        )
        self.assertEqual(1, found['status'])
        [network] = [
            each for each in found['compared'] if each['quantity'] == 'network'
        ]
        self.assertAlmostEqual(0.3, network['shift'], places=6)
        self.assertEqual(5, network['before']['count'])
        self.assertAlmostEqual(0.38, network['after']['median'], delta=0.01)
