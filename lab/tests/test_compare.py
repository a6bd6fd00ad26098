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
"""A second ping and libvirt, held against the meters."""

import json
import unittest

from embedded_cloud import compare

LONGEST = {'estimate': 0.3, 'lower': 0.25, 'upper': 0.35}


STOPPED = {'estimate': 0.1, 'lower': 0.09, 'upper': 0.11}


BREAKDOWN = {
    'network': LONGEST,
    'guest_stopped': STOPPED,
    'network_while_running': {'estimate': 0.2, 'lower': 0.14, 'upper': 0.26},
    'network_after_stop': {'estimate': 0.2, 'lower': 0.0, 'upper': 0.26},
}


class FakeWatch:
    def __init__(self, replies, stopped=0.1, told=0.1):
        self._replies = replies
        self._stopped = stopped
        self._told = told

    def replies(self, address):
        return self._replies if address == '10.30.3.9' else []

    def told_by_libvirt(self, server, destination):
        return self._told if (server, destination) == ('s', 'b') else None

    def told_by_qemu(self, *hosts_and_window):
        return (
            self._stopped
            if hosts_and_window == ('a', 'b', 100.0, 110.0)
            else None
        )


def recorded(target='10.30.3.9', **more):
    return json.dumps(
        {
            'tests': [
                {
                    'migrations': [
                        {
                            'source': 'a',
                            'destination': 'b',
                            'server': 's',
                            'guest_clock': {'stopped': STOPPED},
                            'breakdown': BREAKDOWN,
                            'measurements': [
                                {'no_measurement': 'why'},
                                {
                                    'what': 'network',
                                    'target': target,
                                    'wall_start': 100.0,
                                    'observed': 10.0,
                                    'longest': LONGEST,
                                    'resolution': 0.05,
                                },
                            ],
                            **more,
                        }
                    ]
                }
            ]
        }
    )


REPLIES = [101.0, 101.3, 101.32, 101.34, 101.36]


class GapTest(unittest.TestCase):
    def test_longest(self):
        self.assertEqual(4.0, compare.longest_gap([1.0, 2.0, 6.0, 7.0], 0, 10))

    def test_only_from_start_to_end(self):
        self.assertEqual(
            1.0, compare.longest_gap([1.0, 20.0, 21.0, 50.0], 15, 30)
        )

    def test_nothing(self):
        self.assertIsNone(compare.longest_gap([], 0, 10))
        self.assertIsNone(compare.longest_gap([1.0, 50.0], 0, 10))


class AgreeTest(unittest.TestCase):
    def test_within_the_bounds(self):
        for gap in (0.25, 0.3, 0.35, 0.38):
            self.assertTrue(compare.agrees(gap, 0.02, LONGEST), gap)

    def test_outside(self):
        for gap in (0.0, 0.2, 0.43, 3.0):
            self.assertFalse(compare.agrees(gap, 0.02, LONGEST), gap)

    def test_the_interval_that_was_kept(self):
        self.assertAlmostEqual(0.02, compare.kept_interval(REPLIES))


class CompareTest(unittest.TestCase):
    def compare(self, watch, text=None):
        [comparison] = compare.compare(watch, text or recorded())
        return comparison.good, str(comparison)

    def test_agree(self):
        good, text = self.compare(FakeWatch(REPLIES))
        self.assertTrue(good)
        self.assertIn(
            'a -> b\n  longest outage: ping beside it 0.300 s, '
            'meter 0.300 s (0.250 to 0.350 s): agree\n  guest '
            'stopped: QEMU 0.100 s, meter 0.100 s',
            text,
        )
        self.assertIn('libvirt 0.100 s', text)

    def test_ping_disagrees(self):
        good, text = self.compare(FakeWatch([101.0, 103.0, 103.02, 103.04]))
        self.assertFalse(good)
        self.assertIn('DISAGREE', text)

    def test_qemu_disagrees(self):
        for stopped in (0.06, 0.12):
            good, text = self.compare(FakeWatch(REPLIES, stopped))
            self.assertFalse(good)
            self.assertIn('DISAGREE', text)

    def test_ping_saw_nothing(self):
        good, text = self.compare(FakeWatch([]), recorded('10.30.3.77'))
        self.assertFalse(good)
        self.assertIn('ping beside it nothing', text)

    def test_qemu_said_nothing(self):
        good, text = self.compare(FakeWatch(REPLIES, None))
        self.assertFalse(good)
        self.assertIn('QEMU nothing', text)

    def test_libvirt_is_no_judge(self):
        for told in (None, 0.2):
            self.assertTrue(self.compare(FakeWatch(REPLIES, told=told))[0])

    def test_not_measured(self):
        good, text = self.compare(
            FakeWatch(REPLIES), recorded(guest_clock=None)
        )
        self.assertFalse(good)
        self.assertIn('clock was not measured', text)
        good, text = self.compare(
            FakeWatch(REPLIES), recorded(measurements=[])
        )
        self.assertFalse(good)
        self.assertIn('network measured nothing', text)

    def test_does_not_add_up(self):
        for part, duration in (
            ('guest_stopped', {'estimate': 0.4, 'lower': 0.36, 'upper': 0.44}),
            (
                'network_while_running',
                {'estimate': 0.1, 'lower': 0.09, 'upper': 0.11},
            ),
            (
                'network_after_stop',
                {'estimate': 0.3, 'lower': 0.2, 'upper': 0.4},
            ),
        ):
            good, text = self.compare(
                FakeWatch(REPLIES),
                recorded(breakdown={**BREAKDOWN, part: duration}),
            )
            self.assertFalse(good, part)
            self.assertIn('DOES NOT ADD UP', text)
        good, text = self.compare(FakeWatch(REPLIES), recorded(breakdown=None))
        self.assertFalse(good)
        self.assertIn('there is no break-down', text)

    def test_nothing_to_compare(self):
        self.assertEqual([], compare.compare(FakeWatch([]), '{"tests": []}'))


class SummaryTest(unittest.TestCase):
    def test_summary(self):
        comparisons = [
            compare.compare(FakeWatch(REPLIES, stopped, 0.12), recorded())[0]
            for stopped in (0.101, 0.103, 0.2)
        ]
        self.assertEqual(
            '2 of 3 migrations: all agree\n'
            "guest stopped, QEMU less the meter's estimate: median "
            '+3.0 ms, from +1.0 to +100.0 ms\n'
            "guest stopped, libvirt less the meter's estimate: median "
            '+20.0 ms, from +20.0 to +20.0 ms',
            compare.summary(comparisons),
        )


class WatchTest(unittest.TestCase):
    def test_libvirt(self):
        watch = compare.Watch(None)
        watch._follow_jobs('b', ['s 54', 's 54'])
        self.assertEqual(0.054, watch.told_by_libvirt('s', 'b'))
        self.assertIsNone(watch.told_by_libvirt('s', 'a'))
        # there a second time: which one was it?
        watch._follow_jobs('b', ['s 60'])
        self.assertIsNone(watch.told_by_libvirt('s', 'b'))

    def test_qemu(self):
        watch = compare.Watch(None)
        watch._follow_events(
            'a',
            [
                (
                    'event RESUME at 1700000000.000001 for domain '
                    "'instance-1': "
                    '{}'
                ),
                "event STOP at 1700000050.100000 for domain 'instance-1': {}",
            ],
        )
        watch._follow_events(
            'b',
            [
                'something else',
                (
                    'event RESUME at 1700000050.250000 for domain '
                    "'instance-1': "
                    '{}'
                ),
            ],
        )
        window = 1700000040, 1700000060
        self.assertAlmostEqual(
            0.15, watch.told_by_qemu('a', 'b', *window), places=5
        )
        self.assertIsNone(watch.told_by_qemu('b', 'a', *window))
        self.assertIsNone(watch.told_by_qemu('a', 'b', 0, 1700000050.2))
