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

from migration_tempest_plugin.measurement.folding import Folding
from migration_tempest_plugin.measurement.folding import Quiet
from migration_tempest_plugin.measurement import Sample
from migration_tempest_plugin.measurement import Timeline

INTERVAL, DEADLINE = 1.0, 2.0


def probes(*failed, number=1000):
    return [
        Sample(float(each), each + 0.5, each not in failed)
        for each in range(number)
    ]


class TestFolding(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.folding = Folding(INTERVAL, DEADLINE)

    def take(self, samples, known=None):
        for each in samples:
            self.folding.add(each)
        self.folding.fold(len(samples) if known is None else known)

    def starts(self, **more):
        return sorted(each.start for each in self.folding.since(**more))

    def test_what_is_quiet_is_left_out(self):
        self.take(probes())
        self.assertEqual([0.0, 999.0], self.starts())
        self.assertEqual(
            (Quiet(0.0, 999.0, 998, 1.0),), self.folding.quiet_since()
        )

    def test_what_an_outage_is_bounded_by_is_kept(self):
        self.take(probes(500))
        self.assertEqual(
            [0.0, 499.0, 500.0, 501.0, 502.0, 503.0, 999.0], self.starts()
        )
        self.assertEqual(
            (Quiet(503.0, 999.0, 495, 1.0), Quiet(0.0, 499.0, 498, 1.0)),
            self.folding.quiet_since(),
        )

    def test_both_sides_of_a_gap(self):
        samples = probes()
        self.take(samples[:300] + samples[310:], known=1000.0)
        self.assertEqual([0.0, 299.0, 310.0, 999.0], self.starts())

    def test_what_is_not_known_yet(self):
        self.take(probes(number=20), known=10.0)
        self.assertEqual([0.0, *range(9, 20)], self.starts())
        self.assertEqual(
            [15.0, 16.0, 17.0, 18.0, 19.0], self.starts(oldest=15.0)
        )
        self.assertEqual([17.0, 18.0, 19.0], self.starts(moment=17.0))

    def test_what_is_needed(self):
        self.folding.keep(100.0)
        self.take(probes())
        self.assertEqual([0.0, 99.0, 100.0, 999.0], self.starts())
        self.assertEqual(
            (Quiet(100.0, 999.0, 898, 1.0),),
            self.folding.quiet_since(100.0),
        )

    def test_when_one_was_sent_is_not_known(self):
        """It may have been sent later: nothing follows from those around."""
        samples = probes()
        samples[500] = Sample(500.0, 500.5, True, slack=0.3)
        self.take(samples)
        self.assertEqual([0.0, 499.0, 500.0, 999.0], self.starts())

    def test_what_became_known_later(self):
        """A probe that failed was answered after all, but late."""
        self.take(probes(500))
        self.folding.add(Sample(500.0, 530.0, False, late=True))
        [late] = [each for each in self.folding.since() if each.late]
        self.assertEqual(530.0, late.end)

    def test_nothing(self):
        self.folding.fold(10.0)
        self.assertEqual([], self.folding.since())
        self.assertEqual((), self.folding.quiet_since())

    def test_told(self):
        self.take(probes(500))
        seen = Timeline(
            'network',
            'x',
            self.folding.since(),
            INTERVAL,
            999.5,
            quiet=self.folding.quiet_since(),
        )
        self.assertIn('999 of 1000 probes answered', seen.summary())
        self.assertEqual(0.0, seen.unobserved)
        self.assertEqual(1.0, seen.resolution)
        self.assertEqual(1, len(seen.outages))
