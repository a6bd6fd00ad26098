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
"""What this machine's own outages make of what it measured."""

import dataclasses

import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin import measurement
from migration_tempest_plugin.measurement import cut_off
from migration_tempest_plugin.measurement.folding import Folding
from migration_tempest_plugin.measurement import Sample

INTERVAL = 0.1


def timeline(*down, what='network', took=0.01, count=200):
    """Twenty seconds; down from, and up to, such seconds."""
    return measurement.Timeline(
        what,
        '192.0.2.7',
        [
            Sample(
                number * INTERVAL,
                number * INTERVAL + took,
                not any(
                    begin <= number * INTERVAL < end for begin, end in down
                ),
            )
            for number in range(count)
        ],
        INTERVAL,
        count * INTERVAL,
        probing=measurement.Probing.INDEPENDENT,
    )


class TestCutOff(testtools.TestCase):
    def without(self, target, control):
        return cut_off.without(target, cut_off.gaps(control))

    def test_it_was_this_machine(self):
        target = timeline((4.95, 8.05), (12.0, 13.0))
        found = self.without(target, timeline((4.95, 8.05)))
        [outage] = found.outages
        self.assertAlmostEqual(11.9, outage.start)
        [gap] = found.hidden
        self.assertAlmostEqual(3.2, gap.length)
        self.assertEqual(0.0, target.unobserved)
        self.assertAlmostEqual(3.1, found.unobserved)

    def test_the_target_was_down_for_longer(self):
        """All that is known is that it was so before or after that."""
        found = self.without(timeline((5.0, 11.0)), timeline((5.0, 8.0)))
        [outage] = found.outages
        self.assertAlmostEqual(2.9, outage.lower, 0)
        self.assertAlmostEqual(6.1, outage.upper, 1)

    def test_the_target_was_down_all_the_time(self):
        """Of probes that were left out, none of a stretch is counted."""
        target, control = timeline((5.0, 11.0)), timeline((7.0, 8.0))
        folding = Folding(INTERVAL)
        for sample in target.samples:
            folding.add(sample)
        folding.fold(target.ended)
        folded = dataclasses.replace(
            target, samples=folding.since(), quiet=folding.quiet_since()
        )
        self.assertEqual(target.outages, folded.outages)
        [whole], [outage] = [
            self.without(each, control).outages for each in (target, folded)
        ]
        self.assertEqual((whole.start, whole.end), (outage.start, outage.end))
        self.assertAlmostEqual(4.58, whole.lower)
        self.assertEqual(0.0, outage.lower)

    def test_a_probe_was_under_way(self):
        """It was sent before that, and its answer was lost."""
        far = timeline((4.75, 8.0), took=0.25)
        found = self.without(far, timeline((5.0, 8.0)))
        self.assertEqual((), found.outages)

    def test_it_was_another_time(self):
        target = timeline((15.0, 16.0))
        found = self.without(target, timeline((5.0, 8.0)))
        self.assertEqual(target.outages, found.outages)
        self.assertEqual(0.0, found.unobserved)

    def test_it_answered_nevertheless(self):
        target = timeline()
        found = self.without(target, timeline((5.0, 8.0)))
        self.assertEqual(target.samples, found.samples)

    def test_both_are_still_down(self):
        """The target is not known to be down."""
        target = self.assertRaises(
            exceptions.NoMeasurement, timeline((15.0, 99.0)).recovered
        )
        found = self.without(target, timeline((15.0, 99.0)))
        self.assertEqual((), found.outages)
        self.assertGreater(found.unobserved, 4.5)

    def test_still_down_without_this_machine(self):
        target = self.assertRaises(
            exceptions.NoMeasurement, timeline((15.0, 99.0)).recovered
        )
        found = self.without(target, timeline((15.0, 17.0)))
        self.assertIsInstance(found, exceptions.NoMeasurement)
        self.assertIn('is still down', found.reason)

    def test_nothing_is_known_of_the_control(self):
        target = timeline((5.0, 8.0))
        for control in (
            timeline(),
            exceptions.NoMeasurement('nobody answers'),
        ):
            self.assertIs(target, self.without(target, control))

    def test_what_the_guest_measures_itself(self):
        target = timeline((5.0, 8.0), what='metadata')
        self.assertIs(target, self.without(target, timeline((5.0, 8.0))))

    def test_a_limit_is_not_kept_by_it(self):
        """What nobody observed may have been down."""
        found = self.without(timeline((5.0, 8.0)), timeline((5.0, 8.0)))
        for seconds, kept in ((2.0, False), (4.0, True)):
            limit = measurement.Limit('network', 'allowed', seconds)
            complaint = limit.complaint(measurement.Seen.of(found))
            self.assertEqual(kept, complaint is None, complaint)

    def test_in_words(self):
        gaps = cut_off.gaps(timeline((5.0, 8.0), (10.0, 11.0)))
        self.assertEqual(
            '4.9 to 8.0, 9.9 to 11.0',
            cut_off.text(gaps, lambda moment: f'{moment:.1f}'),
        )
