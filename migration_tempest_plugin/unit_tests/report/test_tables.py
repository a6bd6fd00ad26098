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
"""A run as Markdown and as CSV, for what reads these."""

import csv
import io

import testtools

from migration_tempest_plugin.report import markdown
from migration_tempest_plugin.report import recorded
from migration_tempest_plugin.report import spreadsheet
from migration_tempest_plugin.report import text
from migration_tempest_plugin.unit_tests.report import samples


def test(*migrations, name='m.T.test_it', status='success'):
    return recorded.RecordedTest(name, status, migrations, 12.5)


class TestMarkdown(testtools.TestCase):
    def lines(self, *tests):
        return markdown.document(tests).splitlines()

    def test_a_table(self):
        head, rule, row, empty, *rest = self.lines(
            test(samples.migration(down=0.3)), test(name='m.T.test_nothing')
        )
        self.assertEqual(
            '| test | migration | network | tcp | guest stopped | verdict |',
            head,
        )
        self.assertEqual('| --- | --- | --- | --- | --- | --- |', rule)
        self.assertRegex(
            row,
            r'^\| `test_it` \| compute1 → compute2 '
            r'\| 0\.300 s \(0\.290 to 0\.310\) \| 0\.150 s \(.*\) '
            r'\| 0\.100 s \(.*\) \| within limits \|$',
        )
        self.assertEqual('', empty)
        limit, empty, *round_trips = rest
        self.assertEqual('', empty)
        self.assertEqual(2, len(round_trips))
        self.assertRegex(
            round_trips[0],
            r'^- `test_it`, compute1 → compute2: round trips of network: '
            r'in ms: pre-copy 0\.39 \(longest: 0\.40, 30 unanswered\), ',
        )
        self.assertEqual(
            '- `test_it`, compute1 → compute2: allowed_network_downtime '
            '0.5 s: kept, 0.300 s (0.290 to 0.310) was measured',
            limit,
        )

    def test_what_became_of_limits(self):
        _, _, row, _, said, *_ = self.lines(
            test(samples.migration(down=0.8), status='fail')
        )
        self.assertIn('| over the limit |', row)
        self.assertIn('0.5 s: not kept, 0.800 s', said)

    def test_no_measurement(self):
        *_, row, _, limit, reason = self.lines(
            test(samples.gone('<b>*gone*</b>\n|'))
        )
        self.assertEqual(
            '| `test_it` | compute1 → compute2 | no measurement |', row
        )
        self.assertIn('not measured, nothing was measured', limit)
        self.assertIn('\\<b\\>\\*gone\\*\\</b\\> \\|', reason)

    def test_names(self):
        _, _, row, *_ = self.lines(
            test(samples.migration(), name='watch: a|b `c`\n**d**')
        )
        self.assertTrue(
            row.startswith(
                "| `watch: a\\|b 'c' **d**` | compute1 → compute2 |"
            ),
            row,
        )


class TestSpreadsheet(testtools.TestCase):
    def rows(self, *tests):
        return list(csv.DictReader(io.StringIO(spreadsheet.document(tests))))

    def test_rows(self):
        network, _, clock = self.rows(test(samples.migration(down=0.3)))
        self.assertEqual(
            ('m.T.test_it', 'success', 'live', 'compute1', 'compute2'),
            tuple(
                network[key]
                for key in ('test', 'status', 'kind', 'source', 'destination')
            ),
        )
        self.assertEqual(
            ('network', '0.3', '0.29', '0.31', '1', '0.3'),
            tuple(
                network[key]
                for key in (
                    'what',
                    'estimate',
                    'lower',
                    'upper',
                    'outages',
                    'longest',
                )
            ),
        )
        self.assertEqual('guest stopped', clock['what'])

    def test_round_trips(self):
        """Those of the migration, and none where they are not known."""
        network, _, clock = self.rows(test(samples.migration(down=0.3)))
        figures = ('median', 'p95', 'p99', 'maximum')
        for figure in figures:
            self.assertAlmostEqual(0.0004, float(network[figure]), delta=1e-5)
        self.assertEqual([''] * 4, [clock[figure] for figure in figures])
        old, *_ = self.rows(test(samples.aged(samples.migration())))
        self.assertEqual('', old['median'])

    def test_what_was_not_seen(self):
        """It is bounded by the resolution: nothing is 0 for sure."""
        network, *_ = self.rows(test(samples.migration(down=0.0)))
        self.assertEqual('0', network['outages'])
        self.assertEqual(network['resolution'], network['upper'])
        self.assertGreater(float(network['upper']), 0)

    def test_no_measurement(self):
        [row] = self.rows(test(samples.gone('it, "was"\ngone')))
        self.assertIn('it, "was"\ngone', row['no_measurement'])
        self.assertEqual('', row['estimate'])

    def test_nothing(self):
        self.assertEqual([], self.rows(test()))


class TestText(testtools.TestCase):
    def followed(self, **more):
        """The line of a migration that was followed in a watch."""
        migration = samples.migration(kind='watch', down=0.3)
        migration['followed'] = [
            {
                'kind': 'live migration',
                'source': 'a',
                'destination': 'b',
                'status': 'completed',
                'took': {'estimate': 5.0, 'lower': 4.0, 'upper': 6.0},
                'phases': [],
            }
            | more
        ]
        [line] = [
            line.strip()
            for line in text.migration(migration)
            if line.startswith('live migration')
        ]
        return line

    def test_what_was_followed(self):
        self.assertEqual(
            'live migration    5.000 s  (4.000 to 6.000 s)  a -> b: completed',
            self.followed(),
        )
        self.assertEqual(
            'live migration    5.000 s  (4.000 to 6.000 s)  on a as before: '
            'reverted',
            self.followed(destination='a', status='reverted'),
        )
        # of whom no hosts are shown
        self.assertEqual(
            'live migration    5.000 s  (4.000 to 6.000 s): over',
            self.followed(source=None, destination=None, status='over'),
        )
        self.assertEqual(
            'live migration   not over: running',
            self.followed(took=None, destination=None, status='running'),
        )

    def said(self, **more):
        return [
            line.strip()
            for line in text.summary(
                [test(samples.migration(**more))]
            ).splitlines()
            if line.strip().startswith('limit ')
        ]

    def test_why_probes_failed(self):
        timeline = samples.timeline(0.02, 'http')
        document = samples.migration(kind='watch', measurements=(timeline,))
        document['measurements'][0]['reasons'] = {'HTTP 503': 2}
        self.assertRegex(
            '\n'.join(text.migration(document)),
            r'http  .* in 1 outage; 2 x HTTP 503\n',
        )

    def test_each_limit_of_a_watch(self):
        [kept] = self.said(kind='watch', down=0.3)
        self.assertEqual(
            'allowed_network_downtime 0.5 s: kept, '
            '0.300 s (0.290 to 0.310) was measured',
            kept.removeprefix('limit').strip(),
        )
        [over] = self.said(kind='watch', down=0.5)
        self.assertIn(
            '0.5 s: not kept (by its upper bound), 0.500 s (0.490', over
        )
        self.assertEqual([], self.said(down=0.3))
