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

import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.measurement import comparison
from migration_tempest_plugin.report import picture
from migration_tempest_plugin.unit_tests.report import samples


class TestMigration(testtools.TestCase):

    def lanes(self, figure):
        return list(figure.layout.yaxis.categoryarray)

    def bars(self, figure, lane):
        """(begin, end, hatching) of each bar of a lane."""
        return [(begin, begin + length, trace.marker.pattern.shape)
                for trace in figure.data if trace.type == 'bar'
                for begin, length, name in zip(trace.base, trace.x, trace.y)
                if name == lane]

    def test_lanes(self):
        figure = picture.migration(samples.migration())
        self.assertEqual(['ping', 'TCP', 'guest clock', 'phase'],
                         self.lanes(figure))

    def test_an_outage(self):
        """It began half a second after the request."""
        figure = picture.migration(samples.migration(0.3))
        possible, certain = self.bars(figure, 'ping')
        for found, wanted in ((possible, (0.49, 0.80, '/')),
                              (certain, (0.50, 0.79, ''))):
            self.assertAlmostEqual(wanted[0], found[0])
            self.assertAlmostEqual(wanted[1], found[1])
            self.assertEqual(wanted[2], found[2])
        [mark] = [trace for trace in figure.data if trace.type == 'scatter'
                  and trace.mode == 'markers' and trace.y[0] == 'ping']
        self.assertIn('30 probes failed', mark.hovertext[0])

    def test_the_limit(self):
        figure = picture.migration(samples.migration(0.3))
        [limit] = [trace for trace in figure.data if trace.meta == 'limit']
        self.assertAlmostEqual(0.49, limit.x[0])
        self.assertAlmostEqual(0.5, limit.x[1] - limit.x[0])
        figure = picture.migration(samples.migration(0.3, limits=()))
        self.assertEqual([], [trace for trace in figure.data
                              if trace.meta == 'limit'])

    def test_nobody_looked(self):
        timeline = samples.timeline(0.0)
        timeline = type(timeline)(**{
            **{name: getattr(timeline, name) for name in (
                'what', 'target', 'interval', 'ended', 'wall_start',
                'probing', 'method')},
            'samples': timeline.samples[:20] + timeline.samples[80:]})
        figure = picture.migration(samples.migration(
            measurements=(timeline,), clock=None))
        [(begin, end, hatching)] = self.bars(figure, 'ping')
        self.assertAlmostEqual(0.19, begin)
        self.assertAlmostEqual(0.80, end)
        self.assertEqual('x', hatching)

    def test_nothing_passes_for_time_that_was_observed(self):
        figure = picture.migration(samples.migration())
        self.assertIs(False, figure.layout.yaxis.showgrid)
        [line] = [trace for trace in figure.data if trace.type == 'scatter'
                  and trace.mode == 'lines' and trace.y[0] == 'ping']
        self.assertAlmostEqual(0.0, line.x[0])
        self.assertAlmostEqual(1.3, line.x[1])

    def test_curves(self):
        figure = picture.migration(samples.migration())
        curves = {trace.name: list(trace.y) for trace in figure.data
                  if trace.name}
        self.assertEqual({
            'remaining, by Nova': [128, 64],
            'remaining, by libvirt': [128, 64],
            'written by the guest': [4, 8], 'copied': [32, 32],
            'auto-converge': [20, 30]}, curves)

    def test_zoom(self):
        menu, = picture.migration(samples.migration(0.3)).layout.updatemenus
        self.assertEqual(['whole', 'outages'],
                         [button.label for button in menu.buttons])
        menu, = picture.migration(samples.migration(0.0)).layout.updatemenus
        self.assertEqual(['whole'], [button.label for button in menu.buttons])

    def test_no_measurement(self):
        figure = picture.migration(samples.gone('<dead>'))
        self.assertIn('NO MEASUREMENT (1)', self.lanes(figure))
        self.assertIn('&lt;dead&gt;', figure.to_json())

    def test_still_down(self):
        try:
            samples.timeline(3.0, at=102.0, ongoing=True).recovered()
        except exceptions.NoMeasurement as error:
            figure = picture.migration(samples.migration(
                measurements=(error,)))
        (begin, end, _), _ = self.bars(figure, 'ping')
        self.assertAlmostEqual(2.49, begin)
        self.assertAlmostEqual(5.50, end)
        self.assertIn('STILL DOWN', figure.to_json())

    def test_names_are_escaped(self):
        evil = '<a href="x">&'
        migration = samples.migration(source=evil, destination=evil)
        migration['progress']['phases'][0]['name'] = evil
        migration['measurements'][0]['target'] = evil
        migration['measurements'][0]['what'] = evil
        migration['limits'][0]['option'] = evil
        self.assertNotIn('<a ', str(picture.migration(migration)))
        for figure in (
                picture.distribution('network', {evil: [(0.1, evil)]}),
                picture.before_after({evil: comparison.Samples(
                    (0.1,), (0.2,))})):
            self.assertNotIn('<a ', str(figure))
            self.assertIn('&lt;a ', str(figure))
