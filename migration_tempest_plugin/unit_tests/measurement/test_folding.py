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
from migration_tempest_plugin.measurement.gaps import Gaps
from migration_tempest_plugin.measurement import Limit
from migration_tempest_plugin.measurement import Probing
from migration_tempest_plugin.measurement import Sample
from migration_tempest_plugin.measurement import Seen
from migration_tempest_plugin.measurement import Timeline

INTERVAL = 1.0


def probes(*failed, number=1000):
    return [
        Sample(float(each), each + 0.5, each not in failed)
        for each in range(number)
    ]


class TestFolding(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.folding = Folding(INTERVAL)

    def take(self, samples, known=None):
        for each in samples:
            self.folding.add(each)
        self.folding.fold(len(samples) if known is None else known)

    def seen(self):
        return Timeline(
            'network',
            'x',
            self.folding.since(),
            INTERVAL,
            self.starts()[-1] + 0.5,
            quiet=self.folding.quiet_since(),
            probing=Probing.INDEPENDENT,
        )

    def starts(self, **more):
        return sorted(each.start for each in self.folding.since(**more))

    def test_what_is_quiet_is_left_out(self):
        self.take(probes())
        self.assertEqual([0.0, 999.0], self.starts())
        self.assertEqual(
            (Quiet(0.0, 999.0, 998, 1.0, 0.5),), self.folding.quiet_since()
        )

    def test_what_an_outage_is_bounded_by_is_kept(self):
        self.take(probes(500))
        self.assertEqual([0.0, 499.0, 500.0, 501.0, 999.0], self.starts())
        self.assertEqual(
            (
                Quiet(501.0, 999.0, 497, 1.0, 0.5),
                Quiet(0.0, 499.0, 498, 1.0, 0.5),
            ),
            self.folding.quiet_since(),
        )

    def test_who_had_its_answer_sooner(self):
        """The first answer after an outage may be to a later probe."""
        samples = probes(500)
        samples[501] = Sample(501.0, 505.5, True)
        samples[502] = Sample(502.0, 505.6, True)
        samples[503] = Sample(503.0, 505.4, True)
        self.take(samples)
        self.assertEqual(
            [0.0, 499.0, 500.0, 501.0, 502.0, 503.0, 504.0, 999.0],
            self.starts(),
        )
        self.assertEqual(504.5, self.seen().outages[0].end)

    def test_who_may_have_been_sent_before(self):
        """Of a probe that failed, it may be known late when it was sent."""
        samples = probes(500)
        samples[500] = Sample(500.0, 500.0, False, slack=2.5)
        self.take(samples)
        self.assertEqual(
            [0.0, 499.0, 500.0, 501.0, 502.0, 503.0, 999.0], self.starts()
        )

    def test_a_short_gap(self):
        samples = probes()
        self.take(
            samples[:300] + samples[305:700] + samples[709:], known=1000.0
        )
        self.assertEqual([0.0, 999.0], self.starts())
        self.assertEqual(
            (Quiet(0.0, 999.0, 984, 1.0, 0.5, Gaps(2, 16.0, 10.0)),),
            self.folding.quiet_since(),
        )
        seen = self.seen()
        self.assertEqual((), seen.hidden)
        self.assertEqual(Gaps(2, 16.0, 10.0), seen.short_gaps)
        self.assertEqual(14.0, seen.unobserved)
        self.assertEqual(1.0, seen.resolution)
        self.assertEqual(986, seen.successes)

    def test_a_limit_sees_a_short_gap(self):
        """An outage of up to its length may have been in it."""
        samples = probes()
        self.take(
            samples[:300] + samples[305:700] + samples[709:], known=1000.0
        )
        seen = Seen.of(self.seen())
        self.assertEqual(Gaps(2, 16.0, 10.0), seen.missed)
        for longest, enough, hidden in ((True, 10.0, 10), (False, 16.0, 16)):
            limit = Limit('network', 'allowed', enough, longest)
            self.assertIsNone(limit.complaint(seen))
            limit = Limit('network', 'allowed', enough - 0.1, longest)
            self.assertIn(
                f'{hidden}.000 s that nobody observed', limit.complaint(seen)
            )

    def test_nothing_but_gaps(self):
        self.take(probes()[::5], known=1000.0)
        seen = self.seen()
        self.assertEqual(199, seen.short_gaps.count)
        self.assertEqual(INTERVAL, seen.resolution)

    def test_both_sides_of_a_long_gap(self):
        samples = probes()
        self.take(samples[:300] + samples[310:], known=1000.0)
        self.assertEqual([0.0, 299.0, 310.0, 999.0], self.starts())
        [gap] = self.seen().hidden
        self.assertEqual(11.0, gap.length)

    def test_what_takes_a_tenth_of_a_second_is_short(self):
        self.folding = Folding(0.001)
        for number in (*range(100), *range(190, 300), *range(500, 600)):
            self.folding.add(
                Sample(number / 1000, number / 1000 + 0.0002, True)
            )
        self.folding.fold(1.0)
        self.assertEqual([0.0, 0.299, 0.5, 0.599], self.starts())

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
            (Quiet(100.0, 999.0, 898, 1.0, 0.5),),
            self.folding.quiet_since(100.0),
        )

    def test_since_the_middle_of_a_stretch(self):
        """What is known of all of it bounds that, too."""
        self.take(probes(500))
        self.assertEqual(
            [501.0, 0.0],
            [each.begin for each in self.folding.quiet_since(250.0)],
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

    def test_a_long_outage(self):
        """Now and then one is kept: each is of so many seconds at most."""
        self.take(probes(*range(100, 300)))
        self.assertEqual(
            [0.0, 99.0, 100.0, 160.0, 161.0, 221.0, 222.0, 282.0, 283.0, 299.0]
            + [300.0, 999.0],
            self.starts(),
        )
        self.assertEqual(
            [59, 59, 59, 15],
            [
                each.count
                for each in reversed(self.folding.quiet_since())
                if not each.answered
            ],
        )
        [outage] = self.seen().outages
        self.assertEqual(
            (99.0, 300.5, 198.5, 200),
            (outage.start, outage.end, outage.lower, outage.failures),
        )
        self.assertEqual(200, self.seen().failures)
        self.assertEqual(800, self.seen().successes)
        self.assertEqual(0.0, self.seen().unobserved)

    def test_late_where_it_was_left_out(self):
        """Those around it still say nothing of their own."""
        self.take(probes(*range(100, 140)))
        before = self.seen()
        for start in (110.0, 105.0, 120.0, 105.0):
            self.folding.add(Sample(start, 150.0, False, late=True))
        seen = self.seen()
        self.assertEqual(
            [105.0, 110.0, 120.0], [each.start for each in seen.late]
        )
        self.assertEqual(before.outages, seen.outages)
        self.assertEqual(before.failures, seen.failures)
        self.assertEqual(0.0, seen.unobserved)

    def test_late_before_it_may_be_left_out(self):
        samples = probes(*range(100, 140))
        samples[110] = Sample(110.0, 113.0, False, late=True)
        self.take(samples)
        self.assertIn(110.0, self.starts())
        self.assertEqual([110.0], [each.start for each in self.seen().late])

    def test_late_in_the_outage_that_goes_on(self):
        self.take(probes(*range(900, 1000)))
        for start in (950.0, 999.0):
            self.folding.add(Sample(start, 1000.0, False, late=True))
        self.take(probes(*range(1000, 1010), number=1010)[1000:], known=1010.0)
        seen = self.seen()
        self.assertEqual([950.0, 999.0], [each.start for each in seen.late])
        self.assertEqual(110, seen.failures)
        self.assertEqual(0.0, seen.unobserved)
        self.assertEqual(1, len(seen.outages))

    def test_nothing(self):
        self.folding.fold(10.0)
        self.assertEqual([], self.folding.since())
        self.assertEqual((), self.folding.quiet_since())

    def test_told(self):
        self.take(probes(500))
        seen = self.seen()
        self.assertIn('999 of 1000 probes answered', seen.summary())
        self.assertEqual(0.0, seen.unobserved)
        self.assertEqual(1.0, seen.resolution)
        self.assertEqual(1, len(seen.outages))
