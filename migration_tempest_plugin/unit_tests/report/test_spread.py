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
"""Where numbers are drawn, variant by variant."""

import math

import testtools

from migration_tempest_plugin import measurement
from migration_tempest_plugin.measurement import comparison
from migration_tempest_plugin.report import spread

LONG = 'TestLiveMigrationAutoBlock.test_' + 'live_migration_' * 4


def points(*seconds):
    return [spread.Point(each, f'{each:g} s') for each in seconds]


def known(seconds):
    return measurement.Duration(seconds, seconds)


class TestSpread(testtools.TestCase):
    def marks(self, figure):
        """Each trace of points: its (x, y, symbol, hovertext)."""
        return [
            list(
                zip(
                    trace['x'],
                    trace['y'],
                    trace['marker']['symbol'],
                    trace['hovertext'],
                )
            )
            for trace in figure['data']
            if isinstance(trace.get('marker', {}).get('symbol'), list)
        ]

    def test_cold_ones_squeeze_nothing(self):
        """0.05 to 0.3 s take a third of the axis beside 8 s."""
        figure = spread.by_variant(
            'network',
            {'live': points(0.05, 0.1, 0.3), 'cold': points(8.0, 8.1)},
        )
        axis = figure['layout']['xaxis']
        self.assertEqual('log', axis['type'])
        begin, end = axis['range']
        self.assertLess(begin, math.log10(0.05))
        self.assertGreater(end, math.log10(8.1))
        self.assertGreater(math.log10(0.3 / 0.05) / (end - begin), 1 / 3)

    def test_a_row_is_below_its_name(self):
        figure = spread.by_variant(
            'network', {LONG: points(0.1, 0.2), 'short': points(0.3)}
        )
        names = figure['layout']['annotations']
        [marks] = self.marks(figure)
        rows = [
            [y for x, y, *_ in marks if x < 0.25],
            [y for x, y, *_ in marks if x > 0.25],
        ]
        self.assertEqual(2, len(set(rows[0])))
        self.assertGreater(min(rows[0]), names[0]['y'] + 2 * 16)
        self.assertLess(max(rows[0]), names[1]['y'])
        self.assertGreater(rows[1][0], names[1]['y'] + 16)
        self.assertLess(rows[1][0], figure['layout']['yaxis']['range'][0])

    def test_no_outage_is_no_zero(self):
        """It is where the resolution is, and says so."""
        figure = spread.by_variant(
            'metadata',
            {
                'it': [
                    spread.Point(1.2, 'none longer than 1.200 s', seen=False),
                    spread.Point(3.0, '3 s'),
                ]
            },
        )
        [marks] = self.marks(figure)
        self.assertEqual(
            [
                (1.2, 'triangle-left', 'none longer than 1.200 s'),
                (3.0, 'circle', '3 s'),
            ],
            [(x, symbol, text) for x, _, symbol, text in marks],
        )

    def test_median(self):
        figure = spread.by_variant(
            'network',
            {'many': points(0.1, 0.2, 0.3, 0.4, 0.9), 'two': points(5, 6)},
        )
        [median] = [
            trace
            for trace in figure['data']
            if trace.get('marker', {}).get('symbol') == 'line-ns-open'
        ]
        self.assertEqual([0.3], median['x'])
        self.assertEqual(['median 0.300 s, of 5'], median['hovertext'])
        [half] = [
            trace for trace in figure['data'] if trace['mode'] == 'lines'
        ]
        self.assertEqual([0.2, 0.4, None], half['x'])

    def test_labels(self):
        """plotly.js makes 1, 2, 5, 10 of 0.3 to 0.7 decades a label."""
        for most in (0.4, 3, 30):
            axis = spread.by_variant('network', {'it': points(0.1, most)})[
                'layout'
            ]['xaxis']
            decades = axis['range'][1] - axis['range'][0]
            if decades >= 1:
                self.assertGreater(decades / axis['nticks'], 0.3)
                self.assertLess(decades / axis['nticks'], 0.7)
            else:
                self.assertEqual(5, axis['nticks'])

    def test_nothing_to_show(self):
        figure = spread.by_variant('network', {'it': points(0.0)})
        begin, end = figure['layout']['xaxis']['range']
        self.assertLess(begin, end)

    def test_before_after(self):
        figure = spread.before_after(
            {
                'it': comparison.Samples(
                    (known(0.1), measurement.Duration(0.0, 0.02, 0.0)),
                    (known(0.2), known(0.3), known(math.inf)),
                )
            }
        )
        before, after = self.marks(figure)
        self.assertEqual(
            [
                ('circle-open', '0.100 s (0.100 to 0.100)'),
                ('triangle-left', 'none longer than 0.020 s'),
            ],
            [mark[2:] for mark in before],
        )
        self.assertEqual(
            [
                ('x', '0.200 s (0.200 to 0.200)'),
                ('x', '0.300 s (0.300 to 0.300)'),
                ('triangle-right', 'still down'),
            ],
            [mark[2:] for mark in after],
        )
        most = 10 ** figure['layout']['xaxis']['range'][1]
        for wanted, mark in (
            (0.1, before[0]),
            (0.02, before[1]),
            (0.3, after[1]),
            (most, after[2]),
        ):
            self.assertAlmostEqual(wanted, mark[0])
        self.assertIs(True, figure['layout']['showlegend'])
        self.assertGreater(
            min(y for _, y, *_ in after), max(y for _, y, *_ in before)
        )

    def test_a_median_that_is_still_down(self):
        figure = spread.before_after(
            {
                'it': comparison.Samples(
                    (), (known(0.2), known(math.inf), known(math.inf))
                )
            }
        )
        self.assertIn('median still down, of 3', str(figure['data']))

    def test_names_are_escaped(self):
        evil = '<a href="x">&'
        for figure in (
            spread.by_variant(
                'network', {evil: [spread.Point(0.1, evil)] * 3}
            ),
            spread.before_after(
                {evil: comparison.Samples((known(0.1),), (known(0.2),))}
            ),
        ):
            self.assertNotIn('<a ', str(figure))
            self.assertIn('&lt;a ', str(figure))
