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
"""What all figures have in common."""

import testtools

from migration_tempest_plugin.report import plot


class TestLines(testtools.TestCase):
    def test_where_people_break_a_name(self):
        for name, width, wanted in (
            ('ping', 18, ['ping']),
            (
                "metadata, neighbour's clock",
                18,
                ['metadata,', "neighbour's clock"],
            ),
            ('NO MEASUREMENT (12)', 18, ['NO MEASUREMENT', '(12)']),
            ('TestIt.test_one_two', 12, ['TestIt.test_', 'one_two']),
            ('TestIt.test_one_two', 50, ['TestIt.test_one_two']),
            ('x' * 25, 10, ['x' * 10, 'x' * 10, 'x' * 5]),
            ('', 16, ['?']),
        ):
            self.assertEqual(wanted, plot.lines(name, width))

    def test_no_line_is_too_wide(self):
        for name in (
            'a' * 100,
            'a_' * 60,
            'a b,c.d_' * 9 + 'e' * 70,
            ' ' * 40,
        ):
            for width in (1, 16, 50):
                self.assertLessEqual(
                    max(map(len, plot.lines(name, width))), width
                )

    def test_escaped(self):
        self.assertEqual(['&lt;b&gt;&amp;"'], plot.lines('<b>&"', 16))
