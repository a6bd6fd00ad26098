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
"""How the self-check judges what was measured."""

import testtools

from migration_tempest_plugin.measurement import Duration
from migration_tempest_plugin.measurement import Probing
from migration_tempest_plugin.measurement import Sample
from migration_tempest_plugin.measurement import Timeline
from migration_tempest_plugin.selfcheck import check
from migration_tempest_plugin.selfcheck import network
from migration_tempest_plugin.selfcheck import reading

PLAN = check.Plan(0.01, 1, (0.1, 0.1, 0.3))


def injected(begin, seconds):
    """An outage that was turned on and off in a tenth of a millisecond."""
    has_begun = begin + 0.0001
    ends = has_begun + seconds
    return network.Injected(begin, has_begun, ends, ends + 0.0001)


def timeline(*outages):
    """Five seconds, down in each (begin, end)."""
    samples = [
        Sample(
            each / 100,
            each / 100,
            not any(begin <= each / 100 < end for begin, end in outages),
        )
        for each in range(500)
    ]
    return Timeline(
        'network',
        'x',
        samples,
        0.01,
        4.99,
        probing=Probing.INDEPENDENT,
        method='a test',
    )


def result(*outages, tempest=None):
    return check._result(
        PLAN,
        [timeline(*outages)],
        [injected(1, 0.1), injected(2, 0.1), injected(3, 0.3)],
        tempest,
        5.0,
        0.012,
    )


class TestResult(testtools.TestCase):
    def test_good(self):
        seen = result((1, 1.1), (2, 2.1), (3, 3.3))
        self.assertTrue(seen.good)
        self.assertEqual(3, seen.exact)

    def test_one_that_was_none(self):
        seen = result((1, 1.1), (2, 2.1), (3, 3.3), (4, 4.02))
        self.assertEqual(1, seen.false)
        self.assertFalse(seen.good)

    def test_one_that_was_not_seen(self):
        seen = result((1, 1.1), (3, 3.3))
        self.assertIsNone(seen.readings[1].measured)
        self.assertFalse(seen.readings[1].holds)
        self.assertFalse(seen.good)

    def test_one_that_is_too_short_to_be_seen(self):
        seen = reading.Reading(0.005, Duration(0.005, 0.005), None, 0.01)
        self.assertTrue(seen.holds)

    def test_bounds_that_do_not_hold(self):
        for begin, end in ((2.0, 2.05), (2.0, 2.2)):
            seen = result((1, 1.1), (begin, end), (3, 3.3))
            self.assertEqual(
                [True, False, True], [each.holds for each in seen.readings]
            )
            self.assertEqual(2, seen.exact)
            self.assertFalse(seen.good)

    def test_one_that_was_seen_as_two(self):
        seen = result((1, 1.1), (2, 2.1), (3, 3.12), (3.16, 3.3))
        self.assertEqual(0, seen.false)
        self.assertFalse(seen.readings[2].holds)


class TestText(testtools.TestCase):
    def test_all_of_it(self):
        lines = check.text(
            result((1, 1.1), (2, 2.1), (3, 3.3), tempest=(0.0, 0.2, 0.2, 0.0))
        ).splitlines()
        self.assertEqual(
            '10 ms, 1 target: 3 outages in 5 s, by a test', lines[0]
        )
        self.assertRegex(
            lines[2],
            r'^ +0\.10 s +2 +2 +0\.\d+ s, +0\.\d+ s +'
            r'0\.0 to 0\.2 s$',
        )
        self.assertRegex(lines[4], r'none +0\.0 s$')
        self.assertEqual(
            '  within one interval and 1 ms: 3 of 3; outages '
            'that were none: 0',
            lines[5],
        )
        self.assertIn('1.2 % of a core', lines[6])

    def test_without_tempest(self):
        text = check.text(result((1, 1.1), (2, 2.1), (3, 3.3)))
        self.assertNotIn('Tempest', text)
        self.assertNotIn('none  ', text)
