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
"""Prometheus\' text format, read by its own parser."""

import json
import re

from prometheus_client import parser
import testtools

from migration_tempest_plugin.report import prometheus
from migration_tempest_plugin.unit_tests import checkout
from migration_tempest_plugin.unit_tests.report import samples


class TestPrometheus(testtools.TestCase):
    def read(self, *tests):
        return {
            (sample.name, *sorted(sample.labels.items())): sample
            for family in parser.text_string_to_metric_families(
                prometheus.text(samples.run(*tests))
            )
            for sample in family.samples
        }

    def value(self, found, name, **labels):
        [sample] = [
            each
            for each in found.values()
            if each.name == name and labels.items() <= each.labels.items()
        ]
        return sample.value

    def test_numbers(self):
        found = self.read(
            samples.test(samples.migration(0.3)),
            samples.test(samples.migration(0.8)),
        )
        for bound, least, most in (
            ('lower', 0.2, 0.3),
            ('upper', 0.3, 0.4),
            ('estimate', 0.29, 0.31),
        ):
            seconds = self.value(
                found,
                'migration_cost_seconds',
                number='1',
                what='network',
                bound=bound,
            )
            self.assertTrue(least <= seconds <= most, (bound, seconds))
        self.assertEqual(
            0, self.value(found, 'migration_complaints', number='1')
        )
        self.assertEqual(
            1, self.value(found, 'migration_complaints', number='2')
        )
        self.assertEqual(
            1,
            self.value(found, 'migration_outages', number='1', what='network'),
        )
        self.assertEqual(
            0.5, self.value(found, 'migration_limit_seconds', number='1')
        )

    def test_what_was_not_seen(self):
        """In older records, too: they say that it was at most 0 s."""
        new = samples.migration(0.0, limits=(samples.TOO_FINE,))
        old = samples.aged(new)
        self.assertEqual(0.0, old['measurements'][0]['longest']['upper'])
        for document in (new, old):
            found = self.read(samples.test(document))
            for name in ('cost', 'longest_outage'):
                for bound, expected in (
                    ('estimate', 0.0),
                    ('lower', 0.0),
                    ('upper', 0.01),
                ):
                    self.assertAlmostEqual(
                        expected,
                        self.value(
                            found,
                            f'migration_{name}_seconds',
                            what='network',
                            bound=bound,
                        ),
                    )
            self.assertEqual(
                1, self.value(found, 'migration_unchecked_limits')
            )

    def test_round_trips(self):
        found = self.read(samples.test(samples.migration()))
        for quantile in '0.5', '0.99', '1.0':
            self.assertAlmostEqual(
                0.0004,
                self.value(
                    found,
                    'migration_round_trip_seconds',
                    what='network',
                    phase='during',
                    quantile=quantile,
                ),
                delta=1e-5,
            )
        self.assertEqual(
            30,
            self.value(
                found,
                'migration_unanswered_probes',
                what='network',
                phase='pre-copy',
            ),
        )

    def test_names(self):
        found = self.read(
            samples.test(
                samples.migration(source='a"b\\c\nd', destination=None)
            )
        )
        [labels] = [
            each.labels
            for each in found.values()
            if each.name == 'migration_complaints'
        ]
        self.assertEqual('a"b\\c\nd', labels['source'])
        self.assertEqual('', labels['destination'])

    def test_without_a_measurement(self):
        found = self.read(samples.test(samples.gone()))
        self.assertEqual(1, self.value(found, 'migration_complaints'))
        self.assertEqual(
            [],
            [
                each
                for each in found.values()
                if each.labels.get('what') == 'network'
                and each.name == 'migration_cost_seconds'
            ],
        )


class TestDashboard(testtools.TestCase):
    """What Grafana is given asks for series and labels that there are."""

    def test_names(self):
        board = json.loads(
            (checkout.ROOT / 'doc/source/examples/grafana.json').read_text()
        )
        asked = [
            target['expr']
            for panel in board['panels']
            for target in panel['targets']
        ]
        self.assertGreater(len(asked), 5)
        there = {
            family.name: set().union(
                *(sample.labels for sample in family.samples)
            )
            for family in parser.text_string_to_metric_families(
                prometheus.text(samples.run(samples.test(samples.migration())))
            )
        }
        for text in (
            *asked,
            *(each['query'] for each in board['templating']['list']),
        ):
            for name in re.findall(r'migration_\w+', text):
                self.assertIn(name, there, text)
                for label in re.findall(r'(\w+)=~?"', text):
                    self.assertIn(label, there[name], text)
        # all that is there is shown
        self.assertEqual(
            set(there), set(re.findall(r'migration_\w+', ' '.join(asked)))
        )
