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
"""What is printed of what many targets cost."""

import dataclasses

import testtools

from migration_tempest_plugin.measurement import Sample
from migration_tempest_plugin.measurement import Timeline
from migration_tempest_plugin.selfcheck import many


def timeline(pattern):
    """Probes, a tenth of a second each: + answered, - failed."""
    return Timeline(
        'network',
        'x',
        [
            Sample(number / 10, number / 10, letter == '+')
            for number, letter in enumerate(pattern)
            if letter != ' '
        ],
        0.1,
        ended=len(pattern) / 10 - 0.05,
        method='somebody',
    )


RESULT = many.Result(
    plan=many.Plan(2, 0.1, 60.0),
    set_up=0.444,
    read=0.25,
    prober=many.Cost(0.223, 14_200_000),
    own=many.Cost(0.107, 98_000_000),
    peak=101_000_000,
    timelines=(timeline('++++++'), timeline('++   +++')),
    missing=0,
)


class TestResult(testtools.TestCase):
    def test_good(self):
        self.assertTrue(RESULT.good)
        self.assertFalse(dataclasses.replace(RESULT, missing=1).good)
        seen = dataclasses.replace(
            RESULT, timelines=(*RESULT.timelines, timeline('+-+-+'))
        )
        self.assertEqual(2, seen.outages)
        self.assertFalse(seen.good)

    def test_text(self):
        self.assertEqual(
            '2 targets, a ping each 100 ms, for 60 s, by somebody\n'
            '  set up in      0.44 s\n'
            '  read in        0.25 s\n'
            '  of a core      33.0 %: prober 22.3 %, this process 10.7 %\n'
            '  memory         112 MB: prober 14 MB, this process 98 MB, '
            'at most 101 MB while it was read\n'
            '  probes         11 of 14 that were due\n'
            '  resolution     median 0.1000 s, worst 0.1000 s\n'
            '  unobserved     median 0.1500 s, worst 0.3000 s\n'
            '  false outages  0\n'
            '  not measured   0',
            many.text(RESULT),
        )

    def test_nothing_was_measured(self):
        text = many.text(dataclasses.replace(RESULT, timelines=(), missing=2))
        self.assertIn('by nobody', text)
        self.assertIn('not measured   2', text)


class TestAddresses(testtools.TestCase):
    def test_each_has_its_own(self):
        self.assertEqual('127.1.0.1', many._address(0))
        self.assertEqual('127.1.3.232', many._address(999))
        self.assertEqual('127.2.0.0', many._address(65535))
        self.assertEqual('127.255.255.254', many._address(many.MOST - 1))
