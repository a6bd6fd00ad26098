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

import testtools

from migration_tempest_plugin import measurement
from migration_tempest_plugin.measurement import brownout
from migration_tempest_plugin.measurement import RoundTripLimit
from migration_tempest_plugin.unit_tests.measurement import test_brownout

SLOW = test_brownout.SLOW


def limit(seconds, **more):
    return RoundTripLimit(
        'network', 'allowed_network_round_trip', seconds, **more
    )


class TestRoundTripLimit(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.measured = test_brownout.migration(
            test_brownout.timeline(test_brownout.probes())
        )

    def test_kept(self):
        kept = limit(SLOW * 1.1)
        self.assertEqual([], self.measured.complaints([kept]))
        self.assertEqual([], self.measured.unchecked([kept]))

    def test_by_the_upper_bound(self):
        """What 99 % really took may be a little more than is known."""
        [complaint] = self.measured.complaints([limit(SLOW * 1.001)])
        self.assertRegex(
            complaint,
            r'^network round trip: 99 % took up to (19|2\d) ms '
            r'\(\d\d to \d\d\), longer than the 0\.02\d* s that '
            r'allowed_network_round_trip allows$',
        )

    def test_what_was_before_does_not_count(self):
        before = test_brownout.migration(
            test_brownout.timeline(
                measurement.Sample(
                    each.start,
                    each.start,
                    True,
                    took=SLOW
                    if each.start < test_brownout.REQUESTED
                    else 1e-3,
                )
                for each in test_brownout.probes()
            )
        )
        self.assertEqual([], before.complaints([limit(0.0015)]))

    def few(self, **more):
        return test_brownout.migration(
            test_brownout.timeline(list(test_brownout.probes())[::20]), **more
        )

    def test_too_few_answers(self):
        """It is never passed silently."""
        [complaint] = self.few().complaints([limit(10)])
        self.assertIn(
            'NOT CHECKED: network round trip: 67 answers came; the limit of '
            '10 s (allowed_network_round_trip) is for 99 % of them, which '
            'takes 100 at least',
            complaint,
        )
        accepted = limit(10, fail_unchecked=False)
        self.assertEqual([], self.few().complaints([accepted]))
        self.assertEqual(1, len(self.few().unchecked([accepted])))

    def test_it_is_not_known_when_it_was(self):
        """All of it says less of the migration than it seems to."""
        whole = test_brownout.migration(
            test_brownout.timeline(test_brownout.probes()), progress=None
        )
        [complaint] = whole.complaints([limit(10)])
        self.assertIn('it is not known which answers came then', complaint)

    def test_of_a_watch(self):
        watched = test_brownout.migration(
            test_brownout.timeline(test_brownout.probes()),
            kind='watch',
            progress=None,
        )
        self.assertEqual(brownout.WHOLE, brownout.of_operation('watch'))
        self.assertEqual(1, len(watched.complaints([limit(0.01)])))
        self.assertEqual([], watched.complaints([limit(0.03)]))

    def test_recorded(self):
        recorded = limit(0.5).to_dict()
        self.assertEqual(
            ('network', 0.5, True),
            tuple(
                recorded[each] for each in ('what', 'seconds', 'round_trip')
            ),
        )
