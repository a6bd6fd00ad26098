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
"""A second ping held against the meter."""

import json
import unittest

from embedded_cloud import compare_ping

LONGEST = {'estimate': 0.3, 'lower': 0.25, 'upper': 0.35}


class FakeWatch:
    def __init__(self, replies):
        self._replies = replies

    def replies(self, address):
        return self._replies if address == '10.30.3.9' else []


def recorded(target='10.30.3.9'):
    return json.dumps([{'migrations': [{
        'source': 'a', 'destination': 'b', 'measurements': [
            {'no_measurement': 'why'},
            {'what': 'network', 'target': target, 'wall_start': 100.0,
             'observed': 10.0, 'longest': LONGEST, 'resolution': 0.05}]}]}])


class GapTest(unittest.TestCase):

    def test_longest(self):
        self.assertEqual(4.0, compare_ping.longest_gap(
            [1.0, 2.0, 6.0, 7.0], 0, 10))

    def test_only_from_start_to_end(self):
        self.assertEqual(1.0, compare_ping.longest_gap(
            [1.0, 20.0, 21.0, 50.0], 15, 30))

    def test_nothing(self):
        self.assertIsNone(compare_ping.longest_gap([], 0, 10))
        self.assertIsNone(compare_ping.longest_gap([1.0, 50.0], 0, 10))


class AgreeTest(unittest.TestCase):

    def test_within_the_bounds(self):
        for gap in (0.25, 0.3, 0.35, 0.38):
            self.assertTrue(compare_ping.agrees(gap, LONGEST), gap)

    def test_outside(self):
        for gap in (0.0, 0.2, 0.4, 3.0):
            self.assertFalse(compare_ping.agrees(gap, LONGEST), gap)


class CompareTest(unittest.TestCase):

    def test_agree(self):
        lines, agree = compare_ping.compare(
            FakeWatch([101.0, 101.3, 101.32]), recorded())
        self.assertTrue(agree)
        self.assertIn('a -> b: ping beside it 0.300 s, meter 0.300 s',
                      lines[0])

    def test_disagree(self):
        lines, agree = compare_ping.compare(
            FakeWatch([101.0, 103.0]), recorded())
        self.assertFalse(agree)
        self.assertIn('DISAGREE', lines[0])

    def test_saw_nothing(self):
        lines, agree = compare_ping.compare(FakeWatch([]),
                                            recorded('10.30.3.77'))
        self.assertFalse(agree)
        self.assertIn('ping beside it nothing', lines[0])

    def test_nothing_to_compare(self):
        self.assertEqual(([], False),
                         compare_ping.compare(FakeWatch([]), '[]'))
