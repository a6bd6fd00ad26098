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
"""Nova's plan of a live migration, against examples of its own."""

import testtools

from migration_tempest_plugin.measurement import nova_plan


class TestDowntimes(testtools.TestCase):
    def test_the_example_of_nova(self):
        """In the docstring of nova.virt.libvirt.migration.downtime_steps."""
        plan = nova_plan.Plan(data_gb=3, downtime=400, steps=10, delay=30)
        self.assertEqual(
            tuple((90 * step, 40 + 36 * step) for step in range(11)),
            plan.downtimes,
        )

    def test_three_steps(self):
        self.assertEqual(
            ((0, 166), (6, 277), (12, 388), (18, 500)),
            nova_plan.Plan(data_gb=2, steps=3, delay=3).downtimes,
        )

    def test_defaults(self):
        downtimes = nova_plan.Plan(data_gb=4).downtimes
        self.assertEqual(((0, 50), (3000, 500)), (downtimes[0], downtimes[-1]))


class TestTimeout(testtools.TestCase):
    def test_by_what_is_copied(self):
        self.assertEqual(
            180, nova_plan.Plan(data_gb=4, completion_timeout=45).timeout
        )

    def test_none(self):
        self.assertIsNone(
            nova_plan.Plan(data_gb=4, completion_timeout=0).timeout
        )

    def test_as_near_as_the_option_allows(self):
        """It counts per GB, in whole seconds."""
        for seconds, data_gb, option, timeout in (
            (180, 4, 45, 180),
            (180, 8, 22, 176),
            (20, 64, 1, 64),
            (120, 2.5, 48, 120),
            (0, 8, 0, None),
        ):
            plan = nova_plan.Plan.of_timeout(seconds, data_gb)
            self.assertEqual(
                (option, timeout), (plan.completion_timeout, plan.timeout)
            )


class TestStarlingX(testtools.TestCase):
    """Its own Nova counts the whole migration, and divides integers."""

    def test_timeout(self):
        plan = nova_plan.Plan.of_timeout(180, 8, starlingx=True)
        self.assertEqual((180, 180), (plan.completion_timeout, plan.timeout))
        self.assertIsNone(
            nova_plan.Plan.of_timeout(0, 8, starlingx=True).timeout
        )

    def test_steps(self):
        plan = nova_plan.Plan(
            data_gb=8, steps=3, completion_timeout=180, starlingx=True
        )
        self.assertEqual(
            ((0, 166), (40, 277), (80, 388), (120, 499)), plan.downtimes
        )


class TestDataGb(testtools.TestCase):
    def test_little_counts_as_two(self):
        self.assertEqual(2, nova_plan.data_gb(128))
        self.assertEqual(4, nova_plan.data_gb(128, [10**6]))

    def test_much_counts_as_it_is(self):
        self.assertEqual(4 + 2 + 5, nova_plan.data_gb(4096, [1, 5 * 2**30]))


class TestComplaints(testtools.TestCase):
    plan = nova_plan.Plan(data_gb=2, steps=3, delay=3)

    def complaints(self, *logged):
        return self.plan.complaints(logged)

    def test_as_planned(self):
        self.assertEqual(
            [], self.complaints((166, 0), (277, 6), (388, 12), (500, 18))
        )
        self.assertEqual([], self.complaints((166, 0)))
        self.assertEqual([], self.complaints((166, 0), (388, 12)))

    def test_more_than_the_limit(self):
        self.assertEqual(
            ['501 ms is more than the limit of 500 ms'],
            self.complaints((166, 0), (501, 18)),
        )

    def test_no_step_of_it(self):
        for step in ((200, 0), (277, 12)):
            (found,) = self.complaints(step)
            self.assertIn('is no step of the plan', found)

    def test_more_steps_than_milliseconds(self):
        """Of those that are equal, Nova logs the first that it sees."""
        plan = nova_plan.Plan(data_gb=2, downtime=100, steps=150, delay=3)
        (first, downtime), (second, same) = plan.downtimes[1:3]
        self.assertEqual((6, 12, downtime), (first, second, same))
        for after in first, second:
            self.assertEqual([], plan.complaints([(downtime, after)]))
        self.assertEqual(1, len(plan.complaints([(downtime, 900)])))

    def test_back(self):
        (found,) = self.complaints((277, 6), (166, 0))
        self.assertIn('go back', found)
