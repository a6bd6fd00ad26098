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
"""From which round trip on a late answer is a stall."""

import testtools

from migration_tempest_plugin.measurement import stall


class TestThreshold(testtools.TestCase):
    def test_a_quick_guest_has_the_least(self):
        self.assertEqual(0.1, stall.threshold([0.001] * 100, 0.1))
        self.assertEqual(0.25, stall.threshold([0.001] * 100, 0.25))

    def test_ten_times_what_nine_of_ten_took(self):
        trips = [0.01] * 89 + [0.03] + [0.04] * 10
        self.assertAlmostEqual(0.3, stall.threshold(trips, 0.1))

    def test_or_twice_the_longest(self):
        self.assertAlmostEqual(0.4, stall.threshold([0.2] + [0.001] * 99, 0.1))

    def test_one_alone(self):
        self.assertAlmostEqual(0.5, stall.threshold([0.05], 0.1))

    def test_there_is_a_ceiling(self):
        self.assertEqual(1.0, stall.threshold([0.4] * 20, 0.1))
        # but for who wants more
        self.assertEqual(2.0, stall.threshold([0.4] * 20, 2.0))
