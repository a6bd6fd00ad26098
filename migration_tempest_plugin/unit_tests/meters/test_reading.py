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
"""Meters are set up, read with patience, and joined."""

import contextlib
import time
from unittest import mock

import fixtures
import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.measurement import Beat
from migration_tempest_plugin.measurement import GuestClock
from migration_tempest_plugin.measurement import Sample
from migration_tempest_plugin.measurement import Timeline
from migration_tempest_plugin import meters
from migration_tempest_plugin.meters import reading


def timeline(pattern, **arguments):
    """Probes, a tenth of a second each: + answered, - failed."""
    samples = [
        Sample(number / 10, number / 10, letter == '+')
        for number, letter in enumerate(pattern)
    ]
    return Timeline(
        arguments.pop('what', 'network'),
        'x',
        samples,
        0.1,
        ended=samples[-1].end,
        **arguments,
    )


class FakeMeter:
    """Reads like the patterns, one after another."""

    def __init__(self, *patterns):
        self.patterns = list(patterns)
        self.waited = []

    def wait_until_up(self, timeout):
        self.waited.append(timeout)

    def measurement(self):
        return timeline(self.patterns.pop(0)).recovered()


class TestRead(testtools.TestCase):
    def test_since_the_baseline(self):
        read = reading.read(FakeMeter('--+++'), 0.15, 0)
        self.assertEqual((), read.outages)

    def test_one_that_stays_down_does_not_hide_the_other(self):
        meter = mock.Mock()
        meter.wait_until_up.side_effect = exceptions.NoMeasurement('away')
        reading.wait_until_recovered(meter, 0)
        meter.wait_until_up.assert_called_once_with(1)

    def test_the_last_probe_failed(self):
        """It has its time to recover, too."""
        meter = FakeMeter('++-', '++-++')
        read = reading.read(meter, 0, time.monotonic() + 60)
        self.assertEqual(1, len(read.outages))
        self.assertEqual(1, len(meter.waited))

    def test_it_stays_down(self):
        meter = FakeMeter('++-')
        read = reading.read(meter, 0, time.monotonic() - 1)
        self.assertIn('still down', read.reason)
        self.assertEqual([], meter.waited)

    def test_what_can_not_recover_is_not_waited_for(self):
        meter = mock.Mock()
        gone = exceptions.NoMeasurement('the guest was rebooted')
        meter.measurement.side_effect = gone
        self.assertIs(gone, reading.read(meter, 0, time.monotonic() + 60))


class TestJoin(testtools.TestCase):
    CLOCK = GuestClock(Beat(100 + each, 100 + each, each) for each in range(3))

    def test_the_guest_s_clock_is_joined(self):
        heartbeat = meters.Heartbeat(timeline('+++', what='tcp'), self.CLOCK)
        (network, tcp, metadata), clock = reading.join(
            [
                timeline('+-+'),
                heartbeat,
                timeline('+-+', what='metadata', clock='guest'),
            ]
        )
        self.assertIs(self.CLOCK, clock)
        self.assertEqual('tcp', tcp.what)
        self.assertEqual(0, network.began)
        self.assertEqual('tester', metadata.clock)
        self.assertAlmostEqual(100, metadata.began, delta=0.02)

    def test_without_it(self):
        gone = exceptions.NoMeasurement('no heartbeat')
        (first, second), clock = reading.join(
            [gone, timeline('+-+', what='metadata', clock='guest')]
        )
        self.assertIs(gone, first)
        self.assertEqual('guest', second.clock)
        self.assertIsNone(clock)


class TestSetUp(testtools.TestCase):
    def test_the_error_comes_alone(self):
        class Broken(fixtures.Fixture):
            def _setUp(self):
                raise exceptions.NoMeasurement('no ping')

        with contextlib.ExitStack() as stack:
            self.assertRaises(
                exceptions.NoMeasurement, reading.set_up, stack, Broken()
            )


class TestGuestLoad(testtools.TestCase):
    def meters(self, heartbeat, metadata):
        return (
            mock.Mock(spec=meters.NetDowntimeMeter),
            mock.Mock(
                spec=meters.GuestHeartbeatMeter,
                guest_cpu=heartbeat,
                idle_before=0.05,
            ),
            mock.Mock(spec=meters.MetadataDowntimeMeter, guest_cpu=metadata),
        )

    def test_what_measuring_took(self):
        before = reading.taken(self.meters(1.0, None))
        load = reading.guest_load(self.meters(1.5, 2.0), before)
        self.assertEqual({'heartbeat': 0.5, 'metadata': None}, load.processor)
        self.assertTrue(load.is_under_load)
        self.assertGreaterEqual(load.seconds, 0)

    def test_nothing_runs_in_the_guest(self):
        network = self.meters(1.0, 1.0)[:1]
        self.assertIsNone(reading.guest_load(network, reading.taken(network)))

    def test_no_baseline(self):
        self.assertIsNone(reading.guest_load(self.meters(1.0, 1.0), None))
