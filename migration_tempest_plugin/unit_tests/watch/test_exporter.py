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
"""What Prometheus is offered while a watch goes on."""

import urllib.error
import urllib.request

from prometheus_client import parser
import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.measurement import round_trips
from migration_tempest_plugin.unit_tests.watch.seen import OUTAGE
from migration_tempest_plugin.watch import exporter
from migration_tempest_plugin.watch import live

WAS_DOWN = live.State(
    '10.0.0.5', 'network', outages=(OUTAGE,), resolution=0.06
)
IS_DOWN = live.State('fd00::5', 'tcp', down_since=99.0, resolution=0.07)
LOST = live.State('10.0.0.6', 'tcp', lost='the guest was rebooted')


class TestExporter(testtools.TestCase):
    def offered(self, *states, address='127.0.0.1'):
        """{(series, target, what, bound): value}."""
        with exporter.Exporter(address, 0, 'upgrade') as found:
            found.update(states, [])
            with urllib.request.urlopen(found.url, timeout=10) as answer:
                text = answer.read().decode()
        return {
            (
                sample.name,
                sample.labels['server'],
                sample.labels['what'],
                sample.labels.get('bound'),
            ): sample.value
            for family in parser.text_string_to_metric_families(text)
            for sample in family.samples
            if sample.labels['kind'] == 'watch'
            and sample.labels['test'] == 'upgrade'
        }

    def test_what_was_seen(self):
        found = self.offered(WAS_DOWN, IS_DOWN, LOST)
        for name, what, bound, value in (
            ('cost_seconds', 'network', 'estimate', 0.4),
            ('cost_seconds', 'network', 'lower', 0.3),
            ('cost_seconds', 'network', 'upper', 0.5),
            ('longest_outage_seconds', 'network', 'upper', 0.5),
            ('outages', 'network', None, 1),
            ('resolution_seconds', 'network', None, 0.06),
            ('down', 'network', None, 0),
        ):
            self.assertEqual(
                value, found['migration_' + name, '10.0.0.5', what, bound]
            )
        self.assertEqual(1, found['migration_down', 'fd00::5', 'tcp', None])
        # nothing is 0 for sure: it is bounded by the resolution
        self.assertEqual(
            0.07, found['migration_cost_seconds', 'fd00::5', 'tcp', 'upper']
        )
        self.assertEqual(
            {'10.0.0.5', 'fd00::5'}, {server for _, server, _, _ in found}
        )

    def test_how_long_answers_took(self):
        """What is known when somebody asks; phases are not."""
        counted = round_trips.Accumulator(0.05)
        for each in range(200):
            counted.add(each / 20, 0.001 if each < 150 else 0.2)
        with exporter.Exporter('127.0.0.1', 0, 'upgrade') as found:
            found.update([WAS_DOWN, IS_DOWN], [])
            found.offer(lambda: [counted.round_trips().percentiles(), None])
            with urllib.request.urlopen(found.url, timeout=10) as answer:
                text = answer.read().decode()
        seen = {
            (sample.labels['server'], float(sample.labels['quantile'])): (
                sample.labels['phase'],
                sample.value,
            )
            for family in parser.text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == 'migration_round_trip_seconds'
        }
        self.assertEqual(
            {('10.0.0.5', part) for part in (0.5, 0.95, 0.99, 1.0)}, {*seen}
        )
        phase, median = seen['10.0.0.5', 0.5]
        self.assertEqual('whole', phase)
        self.assertAlmostEqual(0.001, median, delta=0.001 * round_trips.ERROR)
        self.assertEqual(0.2, seen['10.0.0.5', 1.0][1])

    def test_by_ipv6(self):
        self.assertIn(
            ('migration_down', '10.0.0.5', 'network', None),
            self.offered(WAS_DOWN, address='::1'),
        )

    def test_before_the_first_look(self):
        self.assertEqual({}, self.offered())

    def test_it_ends(self):
        with exporter.Exporter('127.0.0.1', 0, 'x') as found:
            url = found.url
        self.assertRaises(
            urllib.error.URLError, urllib.request.urlopen, url, timeout=10
        )

    def test_somebody_else_listens_there(self):
        with exporter.Exporter('127.0.0.1', 0, 'x') as found:
            error = self.assertRaises(
                exceptions.RecordError, exporter.Exporter, *found.place, 'x'
            )
        self.assertIn(f'at 127.0.0.1, port {found.place[1]}: ', str(error))

    def test_no_such_address(self):
        for address in ('192.0.2.1', 'no such name'):
            error = self.assertRaises(
                exceptions.RecordError, exporter.Exporter, address, 0, 'x'
            )
            self.assertIn(f'nobody can listen at {address}', str(error))
