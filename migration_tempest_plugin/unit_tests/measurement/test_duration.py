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
"""A duration: a float that knows its bounds."""

import copy
import json
import pickle

import testtools

from migration_tempest_plugin.measurement import Duration


class TestDuration(testtools.TestCase):
    def test_is_the_middle_of_its_bounds(self):
        duration = Duration(1.0, 2.0)
        self.assertEqual(1.5, duration)
        self.assertEqual((1.0, 2.0), (duration.lower, duration.upper))

    def test_behaves_as_a_float(self):
        self.assertIsInstance(Duration(0, 1), float)
        self.assertLessEqual(Duration(1, 2), 1.5)
        self.assertEqual('1.50', f'{Duration(1, 2):.2f}')
        self.assertEqual('1.5', json.dumps(Duration(1, 2)))

    def test_bounds_survive_a_copy(self):
        for double in (
            copy.copy,
            copy.deepcopy,
            lambda it: pickle.loads(pickle.dumps(it)),
        ):
            duplicate = double(Duration(1, 2))
            self.assertEqual((1, 2), (duplicate.lower, duplicate.upper))

    def test_sum(self):
        total = Duration.sum([Duration(1, 2), Duration(10, 20)])
        self.assertEqual((11, 22), (total.lower, total.upper))
        self.assertEqual(0, Duration.sum([]).upper)

    def test_longest(self):
        """Which it is need not be known to know how long it is."""
        longest = Duration.longest(
            [
                Duration(0.029, 0.125, 0.040),
                Duration(0.0, 0.111, 0.070),
                Duration(0.049, 0.1, 0.060),
            ]
        )
        self.assertEqual(
            (0.049, 0.070, 0.125), (longest.lower, longest, longest.upper)
        )
        self.assertEqual(0, Duration.longest([]).upper)

    def test_of_none_the_resolution_is_left(self):
        for found in (Duration.sum([], 0.3), Duration.longest([], 0.3)):
            self.assertEqual((0, 0, 0.3), (found, found.lower, found.upper))
        self.assertEqual(2, Duration.sum([Duration(1, 2)], 9).upper)

    def test_text(self):
        self.assertEqual('1.500 s (1.000 to 2.000)', str(Duration(1, 2)))
        self.assertEqual('at most 0.300 s', str(Duration(0, 0.3, 0)))
        self.assertEqual('0.000 s (0.000 to 0.000)', str(Duration(0, 0)))
        self.assertEqual(
            ('1.500', 'at most 0.300', '0.000'),
            tuple(
                each.brief()
                for each in (
                    Duration(1, 2),
                    Duration(0, 0.3, 0),
                    Duration(0, 0),
                )
            ),
        )

    def test_around(self):
        for estimate, expected in ((0.5, 1), (1.5, 1.5), (2.5, 2)):
            self.assertEqual(expected, Duration.around(estimate, 1, 2))

    def test_no_bounds(self):
        for lower, upper in ((2, 1), (-1, 1), (float('nan'), 1)):
            self.assertRaises(ValueError, Duration, lower, upper)

    def test_to_dict(self):
        self.assertEqual(
            {'estimate': 1.5, 'lower': 1.0, 'upper': 2.0},
            Duration(1, 2).to_dict(),
        )
