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
"""A test of properties: many inputs, the same ones in each run."""

import testtools

try:
    import hypothesis
    from hypothesis import strategies
except ImportError:
    hypothesis = strategies = None


class Case(testtools.TestCase):
    def setUp(self):
        super().setUp()
        if hypothesis is None:
            self.skipTest('hypothesis is not installed')

    def for_all(self, function, *some, examples=200, **named):
        """Call a function with many values of strategies.

        It fails with the simplest ones for which the function does.
        """
        hypothesis.settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(hypothesis.HealthCheck),
        )(hypothesis.given(*some, **named)(function))()
