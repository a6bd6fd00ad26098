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
"""How outages of the metadata service are judged, and told."""

import dataclasses

import testtools

from migration_tempest_plugin.measurement import Duration
from migration_tempest_plugin.selfcheck import metadata
from migration_tempest_plugin.selfcheck import reading

PLAN = metadata.Plan(
    0.2,
    {'silent drop': 0.5, 'refusal': 0.2, 'HTTP 503': 0.2},
    (('silent drop', 0.2), ('silent drop', 0.2), ('refusal', 1.0)),
    5.0,
)


def seen(*bounds, false=0, cpu=0.075):
    """What a meter made of PLAN: lower and upper bounds, or None."""
    return metadata.Seen(
        tuple(
            reading.Reading(
                planned,
                Duration(planned[1], planned[1] + 0.01),
                each and Duration(*each),
                0.3,
            )
            for planned, each in zip(PLAN.outages, bounds)
        ),
        false,
        'a test',
        metadata.Cost(cpu, 25, 5.0),
        0.3,
        0.0,
    )


GOOD = seen((0.1, 0.5), None, (0.9, 1.09))
WIDE = seen((0.0, 0.8), (0.1, 0.7), (0.7, 1.2), cpu=0.5)


def result(ours=GOOD, tempest=None):
    return metadata.Result(PLAN, ours, WIDE, tempest, 42.0)


class TestResult(testtools.TestCase):
    def test_good(self):
        self.assertEqual(3, GOOD.held)
        self.assertEqual(0, result().wide)
        self.assertTrue(result().good)

    def test_bounds_too_far_apart(self):
        self.assertEqual(3, WIDE.held)
        self.assertEqual(3, result(WIDE).wide)
        self.assertFalse(result(WIDE).good)

    def test_each_kind_has_its_limit(self):
        self.assertEqual(
            1, result(seen((0.0, 0.3), (0.0, 0.3), (0.8, 1.1))).wide
        )

    def test_one_that_was_not_seen_is_as_wide_as_the_resolution(self):
        self.assertEqual(
            [0.3],
            [each.width for each in GOOD.readings if each.measured is None],
        )
        unseen = seen((0.1, 0.5), (0.1, 0.5), None)
        self.assertEqual(2, unseen.held)
        self.assertEqual(1, result(unseen).wide)

    def test_bounds_that_do_not_hold(self):
        self.assertFalse(result(seen((0.3, 0.5), None, (0.9, 1.0))).good)

    def test_one_that_was_none(self):
        self.assertFalse(result(dataclasses.replace(GOOD, false=1)).good)


class TestText(testtools.TestCase):
    def test_all_of_it(self):
        lines = metadata.text(
            result(
                tempest=metadata.Said(
                    (0.0, 0.4, 0.8), 0.2, metadata.Cost(0.3, 25, 5.0)
                )
            )
        ).splitlines()
        self.assertEqual(
            'metadata, a request each 0.2 s: 3 outages in 42 s, by a test',
            lines[0],
        )
        self.assertRegex(
            lines[1], "this meter +a curl for each request +Tempest's meter$"
        )
        self.assertRegex(
            lines[4],
            r'^  silent drop  0\.20 s +2 +2  0\.35   0\.40 .* 2 +'
            r'0\.70   0\.80 .* 0\.0 to 0\.4 s$',
        )
        self.assertRegex(
            lines[5],
            r'^  refusal      1\.00 s +1 +1  0\.19   0\.19 .* '
            r'0\.8 to 0\.8 s$',
        )
        self.assertRegex(
            lines[6],
            r'none +outages seen: 0 +outages seen: 0 +'
            r'0\.2 s$',
        )
        self.assertEqual(
            '  bounds hold 3 of 3; further apart than 0.5 s (silent drop), '
            '0.2 s (refusal), 0.2 s (HTTP 503): 0; outages that were none: 0',
            lines[7],
        )
        self.assertEqual(
            [
                (
                    '  this meter: 3.0 ms of processor a request, 1.5 % of a '
                    'core '
                    'at 5.0 a second'
                ),
                (
                    '  a curl for each request: 20.0 ms of processor a '
                    'request, '
                    '10.0 % of a core at 5.0 a second'
                ),
                (
                    "  Tempest's meter: 12.0 ms of processor a request, 6.0 % "
                    'of '
                    'a '
                    'core at 5.0 a second'
                ),
            ],
            lines[9:],
        )

    def test_without_tempest(self):
        self.assertNotIn('Tempest', metadata.text(result()))

    def test_the_columns_stand_below_each_other(self):
        lines = metadata.text(result()).splitlines()
        self.assertEqual({len(lines[3])}, set(map(len, lines[3:6])))


class TestPlans(testtools.TestCase):
    def test_all_kinds_and_lengths(self):
        for plan in metadata.QUICK + metadata.THOROUGH:
            self.assertEqual(
                {*metadata.KINDS}, {kind for kind, _ in plan.outages}
            )
            self.assertEqual({*metadata.KINDS}, {*plan.widths})
        for plan in metadata.THOROUGH:
            self.assertEqual(
                {0.2, 0.5, 1.0, 2.0, 5.0, 10.0},
                {length for _, length in plan.outages},
            )
