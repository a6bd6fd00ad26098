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

import testtools

from migration_tempest_plugin.measurement.distribution import Distribution


class TestDistribution(testtools.TestCase):

    def test_of_many(self):
        spread = Distribution.of(range(101))
        self.assertEqual((101, 0, 50, 95, 100), (
            spread.count, spread.minimum, spread.median, spread.percentile,
            spread.maximum))

    def test_the_percentile_is_interpolated(self):
        self.assertAlmostEqual(
            0.19, Distribution.of([0.1, 0.2]).percentile, delta=0.006)

    def test_of_one(self):
        self.assertEqual(Distribution(1, 3, 3, 3, 3), Distribution.of([3]))

    def test_order_does_not_matter(self):
        self.assertEqual(Distribution.of([1, 2, 3]),
                         Distribution.of([3, 1, 2]))

    def test_of_none(self):
        self.assertRaises(ValueError, Distribution.of, [])
