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
"""What would have told more of what was watched."""

import dataclasses

import testtools

from migration_tempest_plugin.report import hints
from migration_tempest_plugin.report import text
from migration_tempest_plugin.unit_tests.report import samples


class TestHints(testtools.TestCase):
    def of(self, *timelines):
        self.document = samples.migration(
            kind='watch', measurements=timelines, clock=None
        )
        return list(hints.of_watch(self.document))

    def test_all_is_known(self):
        self.assertEqual([], self.of(samples.timeline(3.0, interval=0.05)))
        self.assertEqual([], self.of(samples.timeline(0.0, interval=0.05)))

    def test_wide_bounds(self):
        """The interval that it names does what it says."""
        coarse = samples.timeline(0.2, interval=0.1)
        [hint] = self.of(coarse)
        self.assertEqual(
            'the bounds are wide: --interval 0.02 would bring them to about '
            '0.04 s from each other',
            hint,
        )
        fine = samples.timeline(0.2, interval=0.02)
        self.assertAlmostEqual(0.04, fine.total.upper - fine.total.lower)
        self.assertEqual([], self.of(fine))

    def test_a_service(self):
        [hint] = self.of(samples.timeline(1.0, 'http', interval=0.5))
        self.assertIn('--service-interval 0.1 would bring', hint)
        # It is not to be asked more often than a hundred times a second.
        self.assertEqual(
            [], self.of(samples.timeline(0.02, 'http', interval=0.02))
        )

    def test_no_ping_is_that_fast(self):
        self.assertEqual([], self.of(samples.timeline(0.004, interval=0.004)))

    def test_of_others_there_is_no_interval(self):
        self.assertEqual(
            [], self.of(samples.timeline(0.2, 'metadata', interval=0.1))
        )

    def test_nobody_observed_it(self):
        for what, why in (
            ('network', 'this machine was cut off, or had no time for it'),
            ('metadata', 'the guest had no time for it'),
        ):
            whole = samples.timeline(0.0, what, interval=0.05)
            gap = dataclasses.replace(
                whole,
                samples=(*whole.samples[:10], *whole.samples[40:]),
            )
            [hint] = self.of(gap)
            self.assertTrue(
                hint.startswith(f'{what}: nobody observed 1.500 s of 5.0 s'),
                hint,
            )
            self.assertIn(why, hint)

    def test_they_are_said(self):
        self.of(samples.timeline(0.2, interval=0.1))
        self.assertIn(
            'hint             the bounds are wide',
            '\n'.join(text.migration(self.document)),
        )
        self.document['kind'] = 'live'
        self.assertNotIn('hint', '\n'.join(text.migration(self.document)))
