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
"""The parts of a downtime add up, within their bounds."""

import dataclasses
import json

import testtools

from migration_tempest_plugin.measurement import Beat
from migration_tempest_plugin.measurement import break_down
from migration_tempest_plugin.measurement import Breakdown
from migration_tempest_plugin.measurement import Duration
from migration_tempest_plugin.measurement import GuestClock
from migration_tempest_plugin.measurement import Look
from migration_tempest_plugin.measurement import Probing
from migration_tempest_plugin.measurement import Progress
from migration_tempest_plugin.measurement import Sample
from migration_tempest_plugin.measurement import Timeline

#: In the tester's clock: the guest stops, runs again, the network is back,
#: the metadata service is back.
STOP, RUNS, NETWORK, METADATA = 5.0, 5.2, 5.6, 6.5


def timeline(what, begin, end, interval=0.01):
    """Down from begin to end, in a run of ten seconds."""
    moments = [number * interval for number in range(round(10 / interval))]
    return Timeline(what, 'x', [
        Sample(moment, moment, not begin <= moment < end)
        for moment in moments], interval, 10.0, probing=Probing.INDEPENDENT)


def clock(stop=STOP, runs=RUNS, network=NETWORK):
    """Beats as the guest answers them; those in the outage come late."""
    beats = []
    for number in range(400):
        sent = number * 0.025 + number * 0.618 % 1 * 0.01
        if stop <= sent < network:
            continue
        guest = sent + 0.0005 - (runs - stop if sent >= runs else 0)
        beats.append(Beat(sent, sent + 0.001, int(guest * 100) / 100))
    return GuestClock(beats)


class TestBreakDown(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.parts = break_down(
            network=timeline('network', STOP, NETWORK),
            tcp=timeline('tcp', STOP, NETWORK + 0.1),
            metadata=timeline('metadata', STOP, METADATA, 0.1),
            clock=clock(),
            progress=Progress(1.0, (
                Look(2.0, 2.1, 'running', memory_processed=64 << 20),
                Look(7.0, 7.1, 'completed'))))

    def assertHolds(self, truth, duration, width=0.05):
        self.assertLessEqual(duration.lower, truth)
        self.assertGreaterEqual(duration.upper, truth)
        self.assertLess(duration.upper - duration.lower, width)

    def test_parts(self):
        self.assertHolds(RUNS - STOP, self.parts.guest_stopped)
        self.assertHolds(NETWORK - STOP, self.parts.network)
        self.assertHolds(NETWORK - RUNS, self.parts.network_while_running)
        self.assertHolds(NETWORK + 0.1 - STOP, self.parts.tcp_stalled)
        self.assertHolds(METADATA - STOP, self.parts.metadata, 0.3)
        self.assertHolds(METADATA - NETWORK,
                         self.parts.metadata_after_network, 0.3)

    def test_they_add_up(self):
        parts = self.parts
        self.assertLessEqual(parts.guest_stopped.lower, parts.network.upper)
        self.assertLessEqual(parts.network_after_stop.upper,
                             parts.network_while_running.upper)
        whole = Duration.sum([parts.guest_stopped,
                              parts.network_while_running])
        self.assertLessEqual(whole.lower, parts.network.upper)
        self.assertGreaterEqual(whole.upper, parts.network.lower)

    def test_after_the_stop(self):
        """No beat came in between: only its upper bound is known well."""
        after = self.parts.network_after_stop
        self.assertLessEqual(after.lower, NETWORK - RUNS)
        self.assertGreaterEqual(after.upper, NETWORK - RUNS)
        self.assertAlmostEqual(NETWORK - RUNS, after, delta=0.02)

    def test_an_outage_that_begins_long_after_the_stop(self):
        parts = break_down(network=timeline('network', 7.0, 7.5),
                           clock=clock(5.0, 5.02, 5.02))
        self.assertHolds(0.5, parts.network_after_stop, 0.06)
        self.assertHolds(0.5, parts.network_while_running, 0.06)

    def test_a_stop_that_the_network_did_not_show(self):
        """Its probes were answered late, but in time."""
        parts = break_down(network=timeline('network', 2.0, 2.1),
                           clock=clock(5.0, 5.05, 5.05))
        self.assertHolds(0.1, parts.network_while_running)
        self.assertEqual(0.0, parts.network_after_stop)
        self.assertAlmostEqual(0.01, parts.network_after_stop.upper)

    def test_what_was_not_seen(self):
        """It is told by its bound, which is the resolution."""
        parts = break_down(
            network=timeline('network', 0, 0), tcp=timeline('tcp', 0, 0),
            metadata=timeline('metadata', 0, 0, 0.3),
            clock=clock(5.0, 5.05, 5.05))
        self.assertRegex(
            parts.text(), r'^network away for at most 0\.010 s, of which the '
            r'guest was stopped for 0\.0.* and unreachable for at most '
            r'0\.010 s after that; TCP stalled for at most 0\.010 s; no '
            r'metadata for at most 0\.300 s$')
        self.assertAlmostEqual(0.01, parts.network_while_running.upper)
        self.assertIsNone(parts.metadata_after_network)

    def test_no_metadata_missed_after_the_network(self):
        for metadata in (timeline('metadata', 0, 0, 0.3),
                         timeline('metadata', 2.1, 2.5, 0.3)):
            parts = break_down(network=timeline('network', 5.0, 5.5),
                               metadata=metadata)
            after = parts.metadata_after_network
            self.assertEqual(0.0, after)
            self.assertAlmostEqual(0.3, after.upper)

    def test_text(self):
        text = self.parts.text()
        self.assertRegex(
            text, r'^network away for 0\.6\d\d s \(.*\), of which the guest '
            r'was stopped for 0\.\d{3} s \(.*\) and unreachable for '
            r'0\.\d{3} s \(.*\) after that; TCP stalled for 0\.7.*; '
            r'no metadata for 1\.[45].*, 0\.\d+ s .* of it after the network '
            r'was back; 64 MiB of memory copied; running .* s$')

    def test_what_libvirt_says(self):
        parts = break_down(clock=clock(), libvirt_downtime=0.198)
        self.assertRegex(
            parts.text(), r'^guest stopped for 0\.\d{3} s \(.*\); by libvirt '
            r'the guest was stopped for 0\.198 s$')
        self.assertEqual(0.198, parts.to_dict()['libvirt_downtime'])
        self.assertIsNone(self.parts.to_dict()['libvirt_downtime'])

    def test_two_clocks_are_not_compared(self):
        metadata = dataclasses.replace(
            timeline('metadata', STOP, METADATA, 0.1), clock='guest')
        parts = break_down(network=timeline('network', STOP, NETWORK),
                           metadata=metadata)
        self.assertIsNone(parts.metadata_after_network)
        self.assertAlmostEqual(METADATA - STOP, parts.metadata, delta=0.1)

    def test_little_is_known(self):
        self.assertEqual('nothing was measured', break_down().text())
        self.assertRegex(break_down(clock=clock()).text(),
                         '^guest stopped for 0')
        self.assertRegex(
            break_down(network=timeline('network', 3, 4)).text(),
            '^network away for 1.000 s')

    def test_to_dict_is_ready_for_json(self):
        recorded = json.loads(json.dumps(self.parts.to_dict(1.0)))
        self.assertEqual('migration-tempest-plugin/breakdown',
                         recorded['schema'])
        self.assertLess(recorded['guest_stopped']['lower'], 0.2)
        self.assertEqual(64 << 20, recorded['memory_copied'])
        self.assertIsNone(Breakdown().to_dict()['network'])


class TestLess(testtools.TestCase):

    def test_bounds(self):
        rest = Duration(0.5, 0.7).less(Duration(0.1, 0.3))
        self.assertAlmostEqual(0.2, rest.lower)
        self.assertAlmostEqual(0.6, rest.upper)
        self.assertAlmostEqual(0.4, rest)

    def test_never_below_nothing(self):
        rest = Duration(0.1, 0.2).less(Duration(0.1, 0.3))
        self.assertEqual(0.0, rest.lower)
        self.assertAlmostEqual(0.1, rest.upper)
        self.assertEqual(Duration(0, 0),
                         Duration(0.1, 0.2).less(Duration(0.3, 0.4)))
