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

import random

from migration_tempest_plugin.measurement import GuestClock
from migration_tempest_plugin.unit_tests.measurement import test_breakdown
from migration_tempest_plugin.unit_tests.measurement import test_guest_clock
from migration_tempest_plugin.unit_tests.properties import base
from migration_tempest_plugin.unit_tests.properties.base import strategies


class TestGuestClock(base.Case):
    def test_bounds_hold_the_truth(self):
        guests = strategies.tuples(
            strategies.lists(
                strategies.tuples(
                    strategies.floats(0.5, 2),
                    strategies.floats(0.011, 1.5),
                    strategies.floats(0, 0.1),
                    strategies.floats(0, 0.5),
                ),
                max_size=3,
            ),
            strategies.floats(-1e-4, 1e-4),
            strategies.floats(3e-4, 4e-3),
            strategies.integers(0, 2**32),
        )

        def check(made):
            parts, drift, trip, seed = made
            stops, outages, now = [], [], 2.0
            for up, stopped, before, after in parts:
                begin, end = now + up, now + up + stopped
                stops.append((begin, end))
                outages.append((begin - before, end + after))
                now = end + 1
            clock = GuestClock(
                test_guest_clock.Guest(
                    random.Random(seed), stops, outages, drift, trip
                ).beats(now + 3)
            )
            truth = sum(end - begin for begin, end in stops)
            self.assertLessEqual(clock.stopped.lower, truth + 1e-6)
            if clock.stops and len(clock.stops) == len(stops):
                self.assertGreaterEqual(clock.stopped.upper, truth - 1e-6)

        self.for_all(check, guests, examples=60)


class TestBreakDown(base.Case, test_breakdown.CourseCase):
    def test_parts_hold_the_truth(self):
        def check(seed):
            course = test_breakdown.Course(seed)
            if course.stops and course.down:
                self.assert_parts_hold(course)

        self.for_all(check, strategies.integers(1000, 2**32), examples=60)
