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
"""What is drawn of a migration, and where."""

import dataclasses
import itertools

import testtools
from testtools import matchers

from migration_tempest_plugin import exceptions
from migration_tempest_plugin import measurement
from migration_tempest_plugin.report import lanes
from migration_tempest_plugin.report import picture
from migration_tempest_plugin.unit_tests.report import samples


class TestMigration(testtools.TestCase):
    def lanes(self, figure):
        return figure['layout']['yaxis']['ticktext']

    def traces(self, figure, **like):
        return [
            trace
            for trace in figure['data']
            if all(
                trace.get(name) == value
                for name, value in {'meta': None, **like}.items()
            )
        ]

    def bars(self, figure, lane):
        """(begin, end, hatching) of each bar of a lane."""
        bars = self.traces(figure, type='bar')[0]
        return [
            (begin, begin + length, hatching)
            for begin, length, number, hatching in zip(
                bars['base'],
                bars['x'],
                bars['y'],
                bars['marker']['pattern']['shape'],
            )
            if self.lanes(figure)[number] == lane
        ]

    def test_lanes(self):
        figure = picture.migration(samples.migration())
        self.assertEqual(
            ['ping', 'TCP', 'guest clock', 'phase'], self.lanes(figure)
        )

    def test_lane_of_a_migration_that_was_followed(self):
        document = samples.migration(kind='watch')
        document['progress']['phases'].append(
            {
                'kind': 'migration',
                'name': 'running',
                'begin': [1.0, 1.5],
                'end': [4.0, 4.5],
            }
        )
        figure = picture.migration(document)
        self.assertEqual(['phase', 'migration'], self.lanes(figure)[-2:])

    def test_lane_of_storage(self):
        document = samples.migration(
            measurements=(
                samples.timeline(0.3),
                samples.timeline(0.41, 'storage'),
            )
        )
        figure = picture.migration(document)
        self.assertEqual(['ping', 'storage'], self.lanes(figure)[:2])
        _, (begin, end, hatching) = self.bars(figure, 'storage')
        self.assertAlmostEqual(0.41, end - begin, delta=0.06)
        self.assertEqual('', hatching)

    def test_lane_of_short_gaps(self):
        """They have no place in it, but a word."""
        document = samples.migration(measurements=(samples.timeline(0.3),))
        [timeline] = document['measurements']
        self.assertNotIn(
            'short times', str(picture.migration(document)['data'])
        )
        timeline['short_gaps'] = {'count': 3, 'total': 1.5, 'longest': 0.7}
        self.assertIn(
            'in 3 short times for 1.500 s by nobody, 0.700 s on end at most',
            str(picture.migration(document)['data']),
        )

    def test_lane_of_a_service(self):
        document = samples.migration(
            measurements=(samples.timeline(0.3, 'http'),), clock=None
        )
        document['measurements'][0]['outages'][0]['why'] = 'HTTP 503 <b>'
        figure = picture.migration(document)
        self.assertEqual('HTTP', self.lanes(figure)[0])
        [marks] = self.traces(figure, type='scatter', mode='markers')
        self.assertIn(
            '30 probes failed: HTTP 503 &lt;b&gt;', marks['hovertext'][0]
        )

    def test_a_phase_that_nobody_saw_end(self):
        """It goes on to the end; one that is an end is none."""
        for name, drawn in (
            ('running', True),
            ('2: queued', True),
            ('completed', False),
            ('1: error', False),
        ):
            document = samples.migration()
            document['progress']['phases'] = [
                {'kind': kind, 'name': each, 'begin': [1.0, 1.5], 'end': None}
                for kind, each in (('migration', name), ('event', 'e'))
            ]
            found = {
                lane.name: lane for lane in lanes.of(document, (0.0, 40.0))
            }
            self.assertEqual(drawn, 'migration' in found, name)
            self.assertEqual(drawn, 'events' in found, name)
            if drawn:
                [(begin, end, text, _)] = found['migration'].phases
                self.assertEqual((1.25, 40.0), (begin, end))
                self.assertIn(name + ': from 1.0..1.5 s on', text)

    def test_lanes_of_one_name(self):
        """Two guests may be asked for the same."""
        figure = picture.migration(
            samples.migration(
                measurements=(samples.timeline(0.3), samples.timeline(0.1)),
                clock=None,
            )
        )
        self.assertEqual(['ping', 'ping', 'phase'], self.lanes(figure))
        bars = self.traces(figure, type='bar')[0]
        self.assertEqual([0, 0, 1, 1], bars['y'])

    def test_an_outage(self):
        """It began half a second after the request."""
        figure = picture.migration(samples.migration(0.3))
        possible, certain = self.bars(figure, 'ping')
        for found, wanted in (
            (possible, (0.49, 0.80, '/')),
            (certain, (0.50, 0.79, '')),
        ):
            self.assertAlmostEqual(wanted[0], found[0])
            self.assertAlmostEqual(wanted[1], found[1])
            self.assertEqual(wanted[2], found[2])
        [marks] = self.traces(figure, type='scatter', mode='markers')
        self.assertEqual([0, 1, 2], marks['y'])
        self.assertIn('30 probes failed', marks['hovertext'][0])

    def test_round_trips(self):
        """A brownout is higher in its lane than what is as ever."""
        timeline = samples.timeline(0.3)
        slow = dataclasses.replace(
            timeline,
            samples=[
                dataclasses.replace(
                    each, took=0.02 if number >= 100 else 0.0004
                )
                for number, each in enumerate(timeline.samples)
            ],
        )
        figure = picture.migration(
            samples.migration(measurements=(slow, timeline), clock=None)
        )
        [band] = self.traces(figure, type='bar', meta='band')
        tops = [y - height / 2 for y, height in zip(band['y'], band['width'])]
        for begin, top in zip(band['base'], tops):
            if round(top) == 1:
                self.assertAlmostEqual(1.4, top, delta=0.05)
            elif begin < 0.85:  # the next one has the first that is slow
                self.assertAlmostEqual(0.4, top, delta=0.05)
            else:
                self.assertLess(top, -0.3)
            self.assertGreater(top, -0.5)
        self.assertEqual(
            'round trips: median 20 ms, 99 % 20 ms, longest 20 ms',
            band['hovertext'][band['base'].index(max(band['base']))],
        )
        # No answer came in the outage.
        self.assertEqual(
            [],
            [
                begin
                for begin, length in zip(band['base'], band['x'])
                if begin + length > 0.52 and begin < 0.78
            ],
        )

    def test_the_limit(self):
        figure = picture.migration(samples.migration(0.3))
        [limit] = self.traces(figure, meta='limit')
        begin, end, _ = limit['x']
        self.assertAlmostEqual(0.49, begin)
        self.assertAlmostEqual(0.5, end - begin)
        self.assertEqual([0, 0, None], limit['y'])
        figure = picture.migration(samples.migration(0.3, limits=()))
        self.assertEqual([], self.traces(figure, meta='limit'))

    def test_a_long_limit_stretches_nothing(self):
        """The axis is as if there were none."""
        ranges = []
        for limits in ((), (measurement.Limit('network', 'an_option', 20),)):
            figure = picture.migration(samples.migration(0.3, limits=limits))
            self.assertEqual([], self.traces(figure, meta='limit'))
            ranges.append(figure['layout']['xaxis']['range'])
        self.assertEqual(ranges[0], ranges[1])

    def test_nobody_looked(self):
        timeline = samples.timeline(0.0)
        timeline = type(timeline)(
            **{
                **{
                    name: getattr(timeline, name)
                    for name in (
                        'what',
                        'target',
                        'interval',
                        'ended',
                        'wall_start',
                        'probing',
                        'method',
                    )
                },
                'samples': timeline.samples[:20] + timeline.samples[80:],
            }
        )
        figure = picture.migration(
            samples.migration(measurements=(timeline,), clock=None)
        )
        [(begin, end, hatching)] = self.bars(figure, 'ping')
        self.assertAlmostEqual(0.19, begin)
        self.assertAlmostEqual(0.80, end)
        self.assertEqual('x', hatching)

    def test_nothing_passes_for_time_that_was_observed(self):
        figure = picture.migration(samples.migration())
        self.assertIs(False, figure['layout']['yaxis']['showgrid'])
        observed = self.traces(figure, type='scatter', mode='lines')[0]
        self.assertEqual(0, observed['y'][0])
        self.assertAlmostEqual(0.0, observed['x'][0])
        self.assertAlmostEqual(1.3, observed['x'][1])
        self.assertIsNone(observed['x'][2])

    def test_curves(self):
        figure = picture.migration(samples.migration())
        curves = {
            trace['name']: trace['y']
            for trace in figure['data']
            if trace.get('name')
        }
        self.assertEqual(
            {
                'left, by Nova': [128, 64],
                'left, by libvirt': [128, 64],
                'written by the guest': [4, 8],
                'copied': [32, 32],
                'auto-converge': [20, 30],
            },
            curves,
        )

    def test_curves_are_below_one_another(self):
        layout = picture.migration(samples.migration())['layout']
        domains = [
            layout[name]['domain']
            for name in ('yaxis', 'yaxis2', 'yaxis3', 'yaxis4')
        ]
        self.assertEqual(1, domains[0][1])
        self.assertAlmostEqual(0, domains[-1][0])
        for upper, lower in itertools.pairwise(domains):
            self.assertLess(lower[1], upper[0])
        self.assertEqual('y4', layout['xaxis']['anchor'])

    def views(self, document):
        [menu] = picture.migration(document)['layout']['updatemenus']
        return {
            button['label']: button['args'][0]['xaxis.range']
            for button in menu['buttons']
        }

    def test_views(self):
        """The migration, not what was observed after it, comes first."""
        document = samples.migration(
            measurements=(
                samples.timeline(0.3),
                samples.timeline(0.1, 'metadata', at=100.0, interval=0.2),
            )
        )
        views = self.views(document)
        self.assertEqual(['migration', 'all', 'outages'], list(views))
        for name, begin, end in (
            # the last look ended 2.2 s after the request, metadata was
            # asked for during 50 probes before its outage, and 50 after it
            ('migration', 0.0, 2.2),
            ('all', 0.0, 20.0),
            ('outages', 0.49, 1.12),
        ):
            self.assertThat(views[name][0], matchers.LessThan(begin))
            self.assertAlmostEqual(begin, views[name][0], delta=0.7)
            self.assertThat(views[name][1], matchers.GreaterThan(end))
            self.assertAlmostEqual(end, views[name][1], delta=0.7)
        figure = picture.migration(document)
        self.assertEqual(
            views['migration'], figure['layout']['xaxis']['range']
        )

    def test_views_of_less(self):
        self.assertEqual(
            ['migration', 'all'], list(self.views(samples.migration(0.0)))
        )
        self.assertEqual(
            ['all', 'outages'],
            list(self.views(samples.migration(0.3, progress=None))),
        )
        begin, end = self.views(samples.gone())['all']
        self.assertLess(begin, 0)
        self.assertGreater(end, 1)

    def test_no_measurement(self):
        figure = picture.migration(samples.gone('<dead>'))
        self.assertEqual('NO MEASUREMENT (1)', self.lanes(figure)[0])
        self.assertIn('&lt;dead&gt;', str(figure))

    def test_another_clock(self):
        """Nobody knows when it was: it has no place on the axis."""
        document = samples.migration(
            measurements=(
                samples.timeline(0.3),
                dataclasses.replace(
                    samples.timeline(0.2, 'metadata', at=3.0), clock='guest'
                ),
            )
        )
        figure = picture.migration(document)
        self.assertEqual("metadata, guest's<br>clock", self.lanes(figure)[1])
        [(begin, end, hatching)] = self.bars(
            figure, "metadata, guest's<br>clock"
        )
        self.assertEqual('.', hatching)
        self.assertEqual(self.views(document)['all'], [begin, end])
        self.assertGreater(begin, -1)
        self.assertIn('1 outage, the longest 0.200 s', str(figure))

    def test_still_down(self):
        try:
            samples.timeline(3.0, at=102.0, ongoing=True).recovered()
        except exceptions.NoMeasurement as error:
            figure = picture.migration(
                samples.migration(measurements=(error,))
            )
        (begin, end, _), _ = self.bars(figure, 'ping')
        self.assertAlmostEqual(2.49, begin)
        self.assertAlmostEqual(5.50, end)
        self.assertIn('STILL DOWN', str(figure))
        self.assertGreater(figure['layout']['xaxis']['range'][1], 5.5)

    def test_names_are_escaped(self):
        evil = '<a href="x">&'
        migration = samples.migration(source=evil, destination=evil)
        migration['progress']['phases'][0]['name'] = evil
        migration['measurements'][0]['target'] = evil
        migration['measurements'][0]['what'] = evil
        migration['limits'][0]['option'] = evil
        found = str(picture.migration(migration))
        self.assertNotIn('<a ', found)
        self.assertIn('&lt;a ', found)
