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
"""The network meter: real ping, real outages of known length."""

import os
import select
import signal
import subprocess
import sys
import time

import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.functional_tests import netns
from migration_tempest_plugin.meters import NetDowntimeMeter


class Case(testtools.TestCase):

    def setUp(self):
        super().setUp()
        reason = netns.missing()
        if reason:
            self.skipTest(reason)
        self.baselines = {}
        self.network = self.useFixture(netns.Network())

    def start(self, address=netns.SERVER, **arguments):
        """A meter whose ping runs in the client; up unless told otherwise."""
        with self.network.client():
            return self.useFixture(NetDowntimeMeter(address, **arguments))

    def start_up(self, address=netns.SERVER, **arguments):
        meter = self.start(address, **arguments)
        # The first probe takes as long as the neighbours take to be found,
        # which would make the bounds of an outage right after it wide.
        meter.wait_until_up(10)
        self.baselines[meter] = meter.wait_until_up(10)
        return meter

    def seen(self, meter):
        """What it measured since it was up; IPv6 takes its time to be so."""
        return meter.measurement().since(self.baselines[meter])

    def inject(self, seconds, verdict='drop'):
        """An outage; waits for its length, which nothing else could tell."""
        with self.network.outage(verdict) as injected:
            time.sleep(seconds)
        return injected

    def assertSaw(self, injected, duration):
        """The bounds hold the true length, itself known within bounds."""
        self.assertLessEqual(duration.lower, injected.upper)
        self.assertGreaterEqual(duration.upper, injected.lower)
        # and they are narrow: two probes at each end
        self.assertLess(duration.upper - duration.lower, 0.4)


class TestOutages(Case):

    def test_none(self):
        meter = self.start_up()
        meter.wait_until_up(10)
        seen = self.seen(meter)
        self.assertEqual((), seen.outages)
        self.assertEqual(0.0, meter.get_downtime())
        self.assertGreater(seen.successes, 0)

    def test_one(self):
        meter = self.start_up()
        injected = self.inject(1.0)
        meter.wait_until_up(10)
        seen = self.seen(meter)
        [outage] = seen.outages
        self.assertSaw(injected, outage.duration)
        self.assertFalse(seen.still_down)
        self.assertLess(seen.resolution, 0.3)

    def test_short_ones(self):
        for seconds in (0.1, 0.3):
            meter = self.start_up(interval=0.02)
            injected = self.inject(seconds)
            meter.wait_until_up(10)
            [outage] = self.seen(meter).outages
            self.assertSaw(injected, outage.duration)

    def test_the_router_says_that_it_is_unreachable(self):
        meter = self.start_up()
        injected = self.inject(0.6, 'reject with icmpx type host-unreachable')
        meter.wait_until_up(10)
        [outage] = self.seen(meter).outages
        self.assertSaw(injected, outage.duration)

    def test_nobody_looked(self):
        """A ping that stood still saw nothing: neither up nor down."""
        meter = self.start_up()
        os.kill(meter._ping.pid, signal.SIGSTOP)
        time.sleep(1.0)
        os.kill(meter._ping.pid, signal.SIGCONT)
        meter.wait_until_up(10)
        seen = self.seen(meter)
        self.assertEqual((), seen.outages)
        self.assertGreater(seen.unobserved, 0.8)

    def test_two_are_not_one(self):
        meter = self.start_up()
        first = self.inject(0.6)
        meter.wait_until_up(10)
        second = self.inject(1.2)
        meter.wait_until_up(10)
        seen = self.seen(meter)
        self.assertEqual(2, len(seen.outages))
        self.assertSaw(first, seen.outages[0].duration)
        self.assertSaw(second, seen.longest)

    def test_down_when_it_is_read(self):
        meter = self.start_up(deadline=0.2)
        with self.network.outage():
            time.sleep(1.0)
            seen = meter.measurement()
        self.assertTrue(seen.still_down)
        self.assertTrue(seen.outages[-1].ongoing)
        self.assertGreaterEqual(seen.outages[-1].upper, 1.0)
        # it goes on, and the next reading sees the end
        meter.wait_until_up(10)
        self.assertFalse(meter.measurement().still_down)

    def test_ipv6(self):
        meter = self.start_up(netns.SERVER6)
        injected = self.inject(0.6)
        meter.wait_until_up(10)
        [outage] = self.seen(meter).outages
        self.assertSaw(injected, outage.duration)

    def test_two_meters(self):
        meters = [self.start_up(), self.start_up(netns.SERVER6)]
        injected = self.inject(0.6)
        for meter in meters:
            meter.wait_until_up(10)
            [outage] = self.seen(meter).outages
            self.assertSaw(injected, outage.duration)


class TestNoMeasurement(Case):

    def no_measurement(self, function, *arguments):
        return str(self.assertRaises(exceptions.NoMeasurement, function,
                                     *arguments))

    def no_start(self, address):
        meter = NetDowntimeMeter(address)
        with self.network.client():
            errors = self.assertRaises(testtools.MultipleExceptions,
                                       meter.setUp)
        self.assertIsInstance(errors.args[0][1], exceptions.NoMeasurement)
        return str(errors.args[0][1])

    def test_never_answered(self):
        meter = self.start(netns.NOBODY, deadline=0.1)
        self.assertIn('did not answer a ping within 1 s',
                      self.no_measurement(meter.wait_until_up, 1))
        self.assertIn('no probe was answered in time',
                      self.no_measurement(meter.measurement))

    def test_killed_in_the_middle(self):
        meter = self.start_up()
        os.kill(meter._ping.pid, signal.SIGKILL)
        meter._ping.wait()
        said = self.no_measurement(meter.measurement)
        self.assertIn('ended in the middle, with signal 9', said)
        self.assertIn('probes answered', said)

    def test_unknown_name(self):
        self.assertIn('nowhere.invalid', self.no_start('nowhere.invalid'))

    def test_no_route(self):
        with self.network.client():
            subprocess.run(['ip', 'route', 'delete', 'default'], check=True)
        self.assertIn('unreachable', self.no_start(netns.SERVER))


class TestLeftovers(Case):

    def test_no_ping_without_its_test(self):
        """The measuring process is killed: ping ends by itself."""
        script = ('import sys, time\n'
                  'from migration_tempest_plugin.meters import '
                  'NetDowntimeMeter\n'
                  'with NetDowntimeMeter(%r) as meter:\n'
                  '    meter.wait_until_up(10)\n'
                  '    print(meter._ping.pid, flush=True)\n'
                  '    time.sleep(60)\n' % netns.SERVER)
        with self.network.client():
            process = subprocess.Popen([sys.executable, '-c', script],
                                       stdout=subprocess.PIPE)
        self.addCleanup(process.stdout.close)
        ping = os.pidfd_open(int(process.stdout.readline()))
        self.addCleanup(os.close, ping)
        process.kill()
        process.wait()
        self.assertIsNone(self.still_running(ping, 5))

    @staticmethod
    def still_running(handle, patience):
        """None as soon as the process ended, which makes it readable."""
        ended, _, _ = select.select([handle], [], [], patience)
        return None if ended else handle
