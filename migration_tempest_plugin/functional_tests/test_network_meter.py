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
"""The network meter: real ICMP, real outages of known length."""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time

import fixtures
import testtools

import migration_tempest_plugin
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.functional_tests import command
from migration_tempest_plugin.measurement import Duration
from migration_tempest_plugin.meters import NetDowntimeMeter
from migration_tempest_plugin.selfcheck import network as netns


ROOT = os.path.dirname(os.path.dirname(migration_tempest_plugin.__file__))

#: Says when it is up, and what it saw so many seconds later.
MEASURE = """
import time
from migration_tempest_plugin.meters import NetDowntimeMeter
with NetDowntimeMeter(%r) as meter:
    meter.wait_until_up(10)
    baseline = meter.wait_until_up(10)
    print('up', flush=True)
    time.sleep(%r)
    seen = meter.measurement().since(baseline)
    print(len(seen.outages), seen.total.lower, seen.total.upper, seen.method)
"""

#: Sets the wall clock on by so much, and back at the end of the input: so it
#: is put back even if the test is killed.
SET_CLOCK = """
import sys, time
def set_on(seconds):
    time.clock_settime_ns(time.CLOCK_REALTIME, round(seconds * 1e9)
                          + time.clock_gettime_ns(time.CLOCK_REALTIME))
set_on(float(sys.argv[1]))
try:
    print('set', flush=True)
    sys.stdin.read()
finally:
    set_on(-float(sys.argv[1]))
"""


@contextlib.contextmanager
def wall_clock_set(seconds):
    """The machine's wall clock is set on, for as long as the body runs."""
    setter = subprocess.Popen(
        [sys.executable, '-c', SET_CLOCK, str(seconds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with setter:
        if setter.stdout.readline() != b'set\n':
            raise AssertionError("the wall clock can't be set")
        yield
        setter.stdin.close()


class Case(testtools.TestCase):
    def setUp(self):
        super().setUp()
        reason = netns.missing('nft', 'ping', 'setpriv')
        if reason:
            self.skipTest(reason)
        self.baselines = {}
        self.network = self.useFixture(netns.Network())

    def start(self, address=netns.SERVER, **arguments):
        """A meter whose probes are sent by the client."""
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

    def inject(self, seconds, verdict=None):
        """An outage; waits for its length, which nothing else could tell."""
        with self.network.outage(verdict) as injected:
            time.sleep(seconds)
        return injected

    def assertSaw(self, injected, duration):
        """The bounds hold the true length, itself known within bounds."""
        self.assertLessEqual(duration.lower, injected.upper)
        self.assertGreaterEqual(duration.upper, injected.lower)
        # and they are narrow: two probes at each end, with some patience for
        # a busy machine
        self.assertLess(duration.upper - duration.lower, 0.4)

    def assertMeasured(self, injected, process):
        """A process that runs MEASURE saw the outage; returns by what."""
        [outages, lower, upper, method] = process.stdout.readline().split(
            maxsplit=3
        )
        self.assertEqual(0, process.wait())
        self.assertEqual('1', outages)
        self.assertSaw(injected, Duration(float(lower), float(upper)))
        return method.strip()


class TestOutages(Case):
    def test_none(self):
        meter = self.start_up()
        meter.wait_until_up(10)
        seen = self.seen(meter)
        self.assertEqual((), seen.outages)
        self.assertEqual(0.0, meter.get_downtime())
        self.assertEqual(
            (0.0, seen.resolution), (seen.total, seen.total.upper)
        )
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
        for seconds in (0.03, 0.1, 0.3):
            meter = self.start_up()
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
        """A prober that stood still saw nothing: neither up nor down."""
        meter = self.start_up()
        os.kill(meter.pid, signal.SIGSTOP)
        time.sleep(1.0)
        os.kill(meter.pid, signal.SIGCONT)
        meter.wait_until_up(10)
        seen = self.seen(meter)
        self.assertEqual((), seen.outages)
        self.assertGreater(seen.unobserved, 0.8)

    def test_an_outage_while_nobody_looked(self):
        """Nobody can say that there was one, nor that there was none."""
        meter = self.start_up()
        os.kill(meter.pid, signal.SIGSTOP)
        injected = self.inject(0.5)
        os.kill(meter.pid, signal.SIGCONT)
        meter.wait_until_up(10)
        seen = self.seen(meter)
        hidden = sum(gap.length for gap in seen.hidden)
        self.assertGreaterEqual(seen.total.upper + hidden, injected.lower)

    def test_the_clock_of_the_tester_is_set(self):
        meter = self.start_up()
        with wall_clock_set(2.0):
            injected = self.inject(0.3)
            meter.wait_until_up(10)
            first = self.seen(meter)
        meter.wait_until_up(10)
        for seen in (first, self.seen(meter)):
            [outage] = seen.outages
            self.assertSaw(injected, outage.duration)
            self.assertEqual((), seen.late)
            self.assertLess(seen.unobserved, 0.2)

    def test_one_millisecond(self):
        meter = self.start_up(interval=0.001)
        injected = self.inject(0.05)
        meter.wait_until_up(10)
        [outage] = self.seen(meter).outages
        self.assertSaw(injected, outage.duration)

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

    def test_late_answers(self):
        """What was kept somewhere and answered later was not up."""
        meter = self.start_up(deadline=0.1)
        self.network.hold()
        time.sleep(0.5)
        self.network.let_go()
        meter.wait_until_up(10)
        seen = self.seen(meter)
        [outage] = seen.outages
        self.assertGreater(outage.upper, 0.5)
        self.assertGreater(len(seen.late), 10)

    def test_ipv6(self):
        meter = self.start_up(netns.SERVER6)
        injected = self.inject(0.6)
        meter.wait_until_up(10)
        [outage] = self.seen(meter).outages
        self.assertSaw(injected, outage.duration)

    def test_a_name(self):
        meter = self.start_up('localhost')
        self.assertEqual((), self.seen(meter).outages)

    def test_two_meters_have_one_prober(self):
        meters = [self.start_up(), self.start_up(netns.SERVER6)]
        self.assertEqual(meters[0].pid, meters[1].pid)
        injected = self.inject(0.6)
        for meter in meters:
            meter.wait_until_up(10)
            [outage] = self.seen(meter).outages
            self.assertSaw(injected, outage.duration)

    def test_one_meter_ends_before_the_other(self):
        meter = self.start_up()
        with self.network.client(), NetDowntimeMeter(netns.SERVER6) as other:
            other.wait_until_up(10)
        self.assertGreater(other.measurement().successes, 0)
        meter.wait_until_up(10)
        self.assertEqual((), self.seen(meter).outages)

    def test_two_processes(self):
        """Neither takes the answers of the other for its own."""
        meter = self.start_up()
        with self.network.client():
            other = subprocess.Popen(
                [sys.executable, '-c', MEASURE % (netns.SERVER, 1.0)],
                stdout=subprocess.PIPE,
                text=True,
            )
        self.addCleanup(other.stdout.close)
        self.assertEqual('up\n', other.stdout.readline())
        injected = self.inject(0.3)
        self.assertIn('raw socket', self.assertMeasured(injected, other))
        [outage] = self.seen(meter).outages
        self.assertSaw(injected, outage.duration)


class TestWithoutRights(Case):
    """Somebody who is not root measures, too."""

    def measure(self):
        with self.network.client():
            process = subprocess.Popen(
                [
                    *command.AS_READER,
                    sys.executable,
                    '-c',
                    MEASURE % (netns.SERVER, 2.0),
                ],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                cwd='/',
                env={**os.environ, 'PYTHONPATH': ROOT},
            )
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        if process.stdout.readline() != 'up\n':
            self.fail(process.stderr.read())
        injected = self.inject(0.5)
        return self.assertMeasured(injected, process)

    def test_the_datagram_socket_if_it_is_allowed(self):
        with (
            self.network.client(),
            open('/proc/sys/net/ipv4/ping_group_range', 'w') as allowed,
        ):
            allowed.write('0 65534')
        self.assertEqual('prober (ICMP datagram socket)', self.measure())

    def test_ping_if_it_is_not(self):
        self.assertEqual('ping', self.measure())


class TestNoMeasurement(Case):
    def no_measurement(self, function, *arguments):
        return str(
            self.assertRaises(exceptions.NoMeasurement, function, *arguments)
        )

    def no_start(self, address):
        meter = NetDowntimeMeter(address)
        with self.network.client():
            errors = self.assertRaises(
                testtools.MultipleExceptions, meter.setUp
            )
        self.assertIsInstance(errors.args[0][1], exceptions.NoMeasurement)
        return str(errors.args[0][1])

    def test_never_answered(self):
        meter = self.start(netns.NOBODY, deadline=0.1)
        self.assertIn(
            'did not answer a ping within 1 s',
            self.no_measurement(meter.wait_until_up, 1),
        )
        self.assertIn(
            'no probe was answered in time',
            self.no_measurement(meter.measurement),
        )

    def test_killed_in_the_middle(self):
        meter = self.start_up()
        os.kill(meter.pid, signal.SIGKILL)
        said = self.no_measurement(meter.measurement)
        self.assertIn('ended in the middle, with signal 9', said)
        self.assertIn('probes answered', said)
        self.assertIn(
            'ended in the middle', self.no_measurement(meter.wait_until_up, 60)
        )
        # and that is the end of no other meter
        self.assertEqual((), self.seen(self.start_up()).outages)

    def test_stopped_in_the_middle(self):
        """A prober that says nothing is waited for, but not for ever."""
        meter = self.start_up()
        # To start may take longer than that on a busy machine.
        self.useFixture(
            fixtures.MonkeyPatch(
                'migration_tempest_plugin.meters.icmp.PATIENCE', 0.5
            )
        )
        os.kill(meter.pid, signal.SIGSTOP)
        self.assertIn(
            'does not say any more what became of them',
            self.no_measurement(meter.measurement),
        )
        os.kill(meter.pid, signal.SIGCONT)
        meter.wait_until_up(10)
        self.assertEqual((), self.seen(meter).outages)

    def test_still_down(self):
        meter = self.start_up(deadline=0.2)
        with self.network.outage():
            time.sleep(0.5)
            error = self.assertRaises(
                exceptions.NoMeasurement, meter.measurement
            )
            self.assertIn(
                'did not answer a ping within 0.1 s',
                self.no_measurement(meter.wait_until_up, 0.1),
            )
        self.assertRegex(
            error.reason,
            r'still down, for \d\.\d\d\d s now '
            r'\(since \d+-\d+-\d+ .* UTC\)',
        )
        self.assertGreaterEqual(error.timeline.outages[-1].upper, 0.5)
        # it goes on, and the next reading sees the end
        meter.wait_until_up(10)
        self.assertEqual(1, len(self.seen(meter).outages))

    def test_the_way_out_is_gone(self):
        """What can't be sent from here says nothing of the server."""
        meter = self.start_up()
        with self.network.client():
            subprocess.run(['ip', 'route', 'delete', 'default'], check=True)
        said = self.no_measurement(meter.wait_until_up, 0.5)
        self.assertIn(
            'could not be sent from here: Network is unreachable', said
        )
        seen = self.seen(meter)
        self.assertEqual((), seen.outages)
        self.assertGreater(seen.unobserved, 0.3)

    def test_unknown_name(self):
        self.assertIn(
            "no address was found for 'nowhere.invalid'",
            self.no_start('nowhere.invalid'),
        )

    def test_no_route(self):
        with self.network.client():
            subprocess.run(['ip', 'route', 'delete', 'default'], check=True)
        self.assertIn(
            'no packet can be sent from here to 10.77.2.2: '
            'Network is unreachable',
            self.no_start(netns.SERVER),
        )


class TestLeftovers(Case):
    def test_no_prober_without_its_test(self):
        """The measuring process is killed: the prober ends by itself."""
        script = (
            'import time\n'
            'from migration_tempest_plugin.meters import '
            'NetDowntimeMeter\n'
            f'with NetDowntimeMeter({netns.SERVER!r}) as meter:\n'
            '    meter.wait_until_up(10)\n'
            '    print(meter.pid, flush=True)\n'
            '    time.sleep(60)\n'
        )
        with self.network.client():
            process = subprocess.Popen(
                [sys.executable, '-c', script], stdout=subprocess.PIPE
            )
        self.addCleanup(process.stdout.close)
        prober = os.pidfd_open(int(process.stdout.readline()))
        self.addCleanup(os.close, prober)
        process.kill()
        process.wait()
        self.assertEnds(prober)

    def test_no_prober_without_meters(self):
        with self.network.client(), NetDowntimeMeter(netns.SERVER) as meter:
            prober = os.pidfd_open(meter.pid)
            self.addCleanup(os.close, prober)
        self.assertEnds(prober)

    def assertEnds(self, handle):
        """A process's handle becomes readable as soon as it ends."""
        ended, _, _ = select.select([handle], [], [], 5)
        self.assertEqual([handle], ended)
