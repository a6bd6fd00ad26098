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
"""How numbers are spread."""

import math

import testtools

from migration_tempest_plugin.measurement.distribution import Distribution
from migration_tempest_plugin.measurement.duration import Duration


class TestDistribution(testtools.TestCase):
    def test_of_many(self):
        spread = Distribution.of(range(101))
        self.assertEqual(
            (101, 0, 50, 95, 100),
            (
                spread.count,
                spread.minimum,
                spread.median,
                spread.percentile,
                spread.maximum,
            ),
        )

    def test_the_percentile_is_interpolated(self):
        self.assertAlmostEqual(
            0.19, Distribution.of([0.1, 0.2]).percentile, delta=0.006
        )

    def test_of_one(self):
        self.assertEqual(Distribution(1, 3, 3, 3, 3), Distribution.of([3]))

    def test_order_does_not_matter(self):
        self.assertEqual(
            Distribution.of([1, 2, 3]), Distribution.of([3, 1, 2])
        )

    def test_bounds(self):
        """A figure of what is known within bounds is known within bounds."""
        spread = Distribution.of(
            [Duration(0, 1.2, 0), Duration(0, 1.0, 0), Duration(2, 4, 3)]
        )
        self.assertEqual(
            (0, 0, 1.2),
            (spread.median, spread.median.lower, spread.median.upper),
        )
        self.assertEqual(1.0, spread.minimum.upper)
        self.assertEqual((2, 4), (spread.maximum.lower, spread.maximum.upper))
        self.assertAlmostEqual(2.7, spread.percentile)
        self.assertEqual(
            'min at most 1.000, median at most 1.200, 95% 2.700, max 3.000',
            str(spread),
        )

    def test_of_what_did_not_end(self):
        """The percentile of 21 is the 20th: the last one has no part in it."""
        spread = Distribution.of([*range(20), math.inf])
        self.assertEqual((19, math.inf), (spread.percentile, spread.maximum))
        self.assertEqual(
            math.inf, Distribution.of([*range(18), math.inf]).percentile
        )

    def test_of_none(self):
        self.assertRaises(ValueError, Distribution.of, [])
