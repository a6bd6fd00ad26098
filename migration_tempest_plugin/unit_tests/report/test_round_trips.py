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

from migration_tempest_plugin.report import round_trips


def row(phase, median=0.0004, p99=0.0009, unanswered=0, maximum=0.05):
    return {
        'phase': phase,
        'count': 1000,
        'unanswered': unanswered,
        'median': median,
        'p95': p99,
        'p99': p99,
        'maximum': maximum,
    }


class TestLine(testtools.TestCase):
    def line(self, *rows, of_marks=False):
        return round_trips.line({'round_trips': list(rows)}, of_marks)

    def test_of_a_migration(self):
        """The sum says less than its parts."""
        self.assertEqual(
            'in ms: before 0.40 (99 %: 0.90), pre-copy 1.9 (99 %: 8.0), '
            'switch-over 12 (longest: 480, 7 unanswered)',
            self.line(
                row('before'),
                row('during'),
                row('pre-copy', 0.0019, 0.008),
                row('switch-over', 0.012, None, 7, 0.48),
            ),
        )

    def test_nothing_but_the_whole(self):
        self.assertEqual(
            'in ms: whole 0.040 (99 %: 0.90)',
            self.line(row('whole', 0.00004)),
        )

    def test_nothing_was_answered(self):
        self.assertEqual(
            'in ms: before 0.40 (99 %: 0.90), switch-over 3 unanswered',
            self.line(row('before'), row('switch-over', None, None, 3, None)),
        )

    def test_of_a_watch(self):
        self.assertEqual(
            'in ms: before 0.40 (99 %: 0.90), '
            'after "upgrade" 0.40 (99 %: 0.90)',
            self.line(
                row('whole'), row('before'), row('upgrade'), of_marks=True
            ),
        )

    def test_of_many_marks_the_slowest(self):
        rows = [row(f'step {each}', p99=each / 1000) for each in range(1, 11)]
        line = self.line(row('whole'), row('before'), *rows, of_marks=True)
        self.assertEqual(
            'in ms: before 0.40 (99 %: 0.90), '
            'after "step 9" 0.40 (99 %: 9.0), '
            'after "step 10" 0.40 (99 %: 10), '
            'and 8 phases that were quicker',
            line,
        )

    def test_older_records(self):
        self.assertEqual('', round_trips.line({}, False))


class TestOfOperation(testtools.TestCase):
    def test_of_each_kind(self):
        for kind, rows, expected in (
            ('live', [row('before'), row('during'), row('after')], 'during'),
            ('watch', [row('whole'), row('during')], 'whole'),
        ):
            found = round_trips.of_operation(
                {'kind': kind}, {'round_trips': rows}
            )
            self.assertEqual(expected, found['phase'])

    def test_where_it_is_not_known(self):
        """All of it says less of a migration than it seems to."""
        for timeline in {}, {'round_trips': [row('whole')]}:
            self.assertIsNone(round_trips.of_operation({}, timeline))
