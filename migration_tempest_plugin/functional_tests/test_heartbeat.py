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
"""The heartbeat: a real sshd, real TCP, real stalls of known length.

That the guest itself stops can't be had at this level: the clock of the sshd
is the machine's. The unit tests play it, and the embedded cloud does it.
"""

import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import threading
import time

import fixtures
import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.functional_tests import slow_way
from migration_tempest_plugin.functional_tests import sshd
from migration_tempest_plugin.functional_tests import test_guest_script
from migration_tempest_plugin.measurement import round_trips
from migration_tempest_plugin.meters import GuestHeartbeatMeter
from migration_tempest_plugin.meters import heartbeat

wait_until = test_guest_script.wait_until

#: Both ways, for SSH: the guest's answers are lost, too.
CUT = """\
nft -f - <<END
table inet test {
    chain input {
        type filter hook input priority 0
        tcp dport 22 drop
        tcp sport 22 drop
    }
}
END
"""
MEND = 'nft delete table inet test'

#: A process that measures by itself, until it is killed.
MEASURE = """
import sys, time
from migration_tempest_plugin.functional_tests import sshd
from migration_tempest_plugin.meters import GuestHeartbeatMeter
from migration_tempest_plugin.meters import heartbeat
heartbeat.BASELINE = 0.3
guest = sshd.Guest.running(%(pid)d, %(home)r)
meter = GuestHeartbeatMeter(guest.connect, lifetime=%(lifetime)d)
meter.setUp()
meter.wait_until_up(10)
print('up', flush=True)
time.sleep(60)
"""

#: A process that measures, and does not run for a while. The guest's answers
#: come meanwhile: its loop, of the processes that are read, stands still until
#: then.
HELD = """
import json, os, signal, subprocess, time
from migration_tempest_plugin.functional_tests import sshd
from migration_tempest_plugin.meters import GuestHeartbeatMeter
from migration_tempest_plugin.meters import heartbeat
heartbeat.BASELINE = 0.3
guest = sshd.Guest.running(%(pid)d, %(home)r)
# The guest stands still for a while before its tester does: no stall yet.
with GuestHeartbeatMeter(guest.connect, deadline=1.0) as meter:
    baseline = meter.wait_until_up(30)
    print('up', flush=True)
    loop = input().split()
    for each in loop:
        os.kill(int(each), signal.SIGSTOP)
    sent = meter._beats.sent
    while meter._beats.sent < sent + 3:
        time.sleep(0.001)
    waiting = meter._beats.waits(sent + 1)
    subprocess.run(['sh', '-c', '(kill -STOP "$0"; until [ "$(cat '
                    '/proc/$0/task/*/stat | cut -d " " -f 3 | sort -u)" = T '
                    ']; do :; done; kill -CONT "$@"; sleep 2; '
                    'kill -CONT "$0") &', str(os.getpid()), *loop])
    # It is held in here.
    while meter._beats.sent < sent + 50:
        time.sleep(0.001)
    meter.wait_until_up(30)
    seen = meter.measurement()
    print(json.dumps([waiting, seen.since(baseline).stalls.to_dict(), [
        beat.received - beat.sent
        for beat in seen.clock.beats[sent + 1:sent + 4]]]))
"""


class Case(testtools.TestCase):
    shell = 'busybox sh'

    def setUp(self):
        super().setUp()
        reason = sshd.skip_reason('busybox', 'dash', 'nft')
        if reason:
            self.skipTest(reason)
        self.guest = self.useFixture(sshd.Guest(self.shell))
        self.useFixture(fixtures.MockPatchObject(heartbeat, 'BASELINE', 0.3))

    def loop(self):
        """Ids of the processes that answer the beats."""
        return [
            pid
            for pid, command in self.guest.processes().items()
            if 'heartbeat' in command
        ]

    def attach(self, **arguments):
        # After its clean-up.
        self.addCleanup(wait_until, lambda: not self.guest.processes())
        meter = self.useFixture(
            GuestHeartbeatMeter(self.guest.connect, **arguments)
        )
        self.baseline = meter.wait_until_up(10)
        return meter

    def cut(self, seconds):
        """Cut the connection for so long; returns how long it was at most."""
        began = time.monotonic()
        self.guest.run(CUT)
        time.sleep(seconds)
        self.guest.run(MEND)
        return time.monotonic() - began

    def no_measurement(self, function, *arguments):
        return self.assertRaises(
            exceptions.NoMeasurement, function, *arguments
        )


class TestHeartbeat(Case):
    def test_no_stall(self):
        meter = self.attach(deadline=2)
        time.sleep(1)
        seen = meter.measurement().since(self.baseline)
        self.assertEqual((), seen.stalls.outages)
        self.assertEqual((), seen.clock.stops)
        self.assertGreater(seen.stalls.successes, 20)
        self.assertLess(seen.clock.resolution, 0.5)

    def test_a_stall_that_the_connection_survives(self):
        meter = self.attach(deadline=0.5)
        longest = self.cut(1.0)
        meter.wait_until_up(30)
        seen = meter.measurement().since(self.baseline)
        [stall] = seen.stalls.outages
        # TCP repeats what was lost after ever longer times.
        self.assertGreaterEqual(stall.upper, 1.0)
        self.assertLess(stall.lower, 3 * longest)
        self.assertLess(stall.upper - stall.lower, 0.2)
        self.assertFalse(seen.stalls.still_down)
        # The guest itself went on.
        self.assertEqual((), seen.clock.stops)

    def test_round_trips(self):
        """A way that takes 40 ms longer is in each of them."""
        way = self.useFixture(slow_way.SlowWay())
        meter = self.useFixture(
            GuestHeartbeatMeter(
                lambda: self.guest.connect(through=way.lead), deadline=0.5
            )
        )
        baseline = meter.wait_until_up(10)
        wait_until(lambda: meter.recent(baseline).successes > 50)
        slow = time.monotonic()
        way.delay = 0.04
        wait_until(lambda: meter.recent(baseline).successes > 180)
        seen = meter.measurement().since(baseline).stalls
        before, _, during = (
            round_trips.Slot.of(
                each
                for each in seen.round_trips_cut_at([slow, slow + 0.1]).slots
                if begin <= each.begin < end
            )
            for begin, end in (
                (0, slow),
                (slow, slow + 0.1),
                (slow + 0.1, math.inf),
            )
        )
        quick = before.percentile(0.5)
        self.assertGreaterEqual(
            during.percentile(0.5), 0.04 * (1 - round_trips.ERROR)
        )
        self.assertLess(during.percentile(0.5), 0.05 + 2 * quick)
        self.assertGreaterEqual(during.percentiles().p99, 0.039)

    def test_what_it_costs(self):
        meter = self.attach()
        wait_until(lambda: meter.guest_cpu)
        taken = meter.guest_cpu
        self.assertTrue(0 <= meter.idle_before <= 1, meter.idle_before)
        # By its script and its sshd.
        wait_until(lambda: meter.guest_cpu >= taken + 0.02)

    def test_read_after_the_end(self):
        with GuestHeartbeatMeter(self.guest.connect) as meter:
            meter.wait_until_up(10)
            meter.wait_until_up(10)
        first, second = meter.measurement(), meter.measurement()
        self.assertEqual(first.stalls.ended, second.stalls.ended)

    def test_two_of_them(self):
        meter = self.attach(deadline=0.5)
        with GuestHeartbeatMeter(self.guest.connect, deadline=0.5) as other:
            other.wait_until_up(10)
            self.cut(1.1)
            for each in (meter, other):
                each.wait_until_up(30)
                self.assertEqual(1, len(each.measurement().stalls.outages))
        meter.wait_until_up(10)
        self.assertEqual(1, len(meter.measurement().stalls.outages))


class TestBusy(Case):
    """Answers that are late though the connection is not down."""

    @contextlib.contextmanager
    def busy(self):
        """The loop in the guest runs now and then only."""
        over = threading.Event()
        loop = self.loop()

        def hold():
            while not over.wait(0.05):
                for pid in loop:
                    os.kill(pid, signal.SIGSTOP)
                over.wait(0.15)
                for pid in loop:
                    os.kill(pid, signal.SIGCONT)

        thread = threading.Thread(target=hold)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def seen(self, do):
        """The Heartbeat of a busy guest, and what counts as a stall."""
        self.addCleanup(wait_until, lambda: not self.guest.processes())
        meter = self.useFixture(GuestHeartbeatMeter(self.guest.connect))
        with self.busy():
            baseline = meter.wait_until_up(30)
            do()
            for _ in range(5):
                meter.wait_until_up(30)
            return meter.measurement().since(baseline), meter.threshold

    def test_a_late_beat_is_no_outage(self):
        seen, threshold = self.seen(lambda: None)
        self.assertGreater(
            max(beat.received - beat.sent for beat in seen.clock.beats), 0.1
        )
        self.assertGreater(threshold, 0.2)
        self.assertEqual((), seen.stalls.outages)
        self.assertIn(
            f'stalls longer than {threshold:.3f} s: no outage',
            seen.stalls.summary(),
        )
        # However late they are: the guest's clock went on.
        self.assertEqual((), seen.clock.stops)

    def test_an_outage_is_one(self):
        longest = []
        seen, threshold = self.seen(lambda: longest.append(self.cut(2.0)))
        [stall] = seen.stalls.outages
        self.assertGreaterEqual(stall.upper, 2.0)
        self.assertLess(stall.lower, 3 * longest[0])
        self.assertEqual((), seen.clock.stops)

    def test_the_tester_does_not_run(self):
        process = subprocess.Popen(
            [
                sys.executable,
                '-c',
                HELD % {'pid': self.guest.pid, 'home': self.guest.home},
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertEqual('up\n', process.stdout.readline())
        pids = ' '.join(map(str, self.loop()))
        output, _ = process.communicate(f'{pids}\n', timeout=60)
        waiting, stalls, took = json.loads(output)
        self.assertTrue(waiting)
        # They did come late.
        self.assertGreater(max(took), 1.5)
        self.assertEqual([], stalls['outages'])
        self.assertGreater(stalls['unobserved'], 1.5)


class TestDash(TestHeartbeat):
    shell = 'dash'


class TestBash(TestHeartbeat):
    shell = 'bash'


class TestNoMeasurement(Case):
    def test_still_down(self):
        meter = self.attach()
        self.guest.run(CUT)
        self.assertIn(
            'did not answer with its clock within',
            self.no_measurement(meter.wait_until_up, 0.5).reason,
        )
        error = self.no_measurement(meter.measurement)
        self.assertRegex(error.reason, 'tcp of .* is still down, for .* now')
        self.assertTrue(error.timeline.still_down)
        self.guest.run(MEND)

    def test_cleaned_up_while_it_is_down(self):
        with GuestHeartbeatMeter(self.guest.connect, lifetime=2) as meter:
            meter.wait_until_up(10)
            self.guest.run(CUT)
        self.assertFalse(any(thread.is_alive() for thread in meter._threads))
        wait_until(lambda: not self.guest.processes())
        self.guest.run(MEND)

    def test_killed_session(self):
        meter = self.attach()
        self.guest.end_sessions()
        for error in (
            self.no_measurement(meter.wait_until_up, 30),
            self.no_measurement(meter.measurement),
        ):
            self.assertIn('the SSH connection did not survive', error.reason)
            self.assertIn(
                'a new connection works, and the guest was not rebooted',
                error.reason,
            )
            self.assertRegex(error.seen, r'\d+ of \d+ beats answered')

    def test_killed_sshd(self):
        meter = self.attach()
        self.guest.end_sessions()
        self.guest.stop()
        error = self.no_measurement(meter.wait_until_up, 30)
        self.assertIn('did not survive', error.reason)
        self.assertIn('the guest is unreachable', error.reason)

    def test_rebooted(self):
        meter = self.attach()
        self.guest.look_rebooted()
        self.guest.end_sessions()
        for error in (
            self.no_measurement(meter.wait_until_up, 30),
            self.no_measurement(meter.measurement),
        ):
            self.assertIn('the guest was rebooted', error.reason)

    def test_lifetime_is_over(self):
        meter = self.attach(lifetime=1)
        wait_until(lambda: not self.guest.processes())
        self.assertIn(
            'ended after its lifetime of 1 s',
            self.no_measurement(meter.wait_until_up, 30).reason,
        )

    def test_unreachable(self):
        self.guest.stop()
        meter = GuestHeartbeatMeter(self.guest.connect)
        errors = self.assertRaises(testtools.MultipleExceptions, meter.setUp)
        self.assertIsInstance(errors.args[0][1], exceptions.NoMeasurement)
        self.assertIn("can't be asked for", str(errors.args[0][1]))


class TestNoShell(Case):
    shell = 'false'

    def test_says_so(self):
        meter = GuestHeartbeatMeter(self.guest.connect)
        errors = self.assertRaises(testtools.MultipleExceptions, meter.setUp)
        self.assertIn("it said 'You have 2 notices.'", str(errors.args[0][1]))


class TestLeftovers(Case):
    """The process that measures is killed."""

    def measure(self, lifetime):
        process = subprocess.Popen(
            [
                sys.executable,
                '-c',
                MEASURE
                % {
                    'pid': self.guest.pid,
                    'home': self.guest.home,
                    'lifetime': lifetime,
                },
            ],
            stdout=subprocess.PIPE,
        )
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertEqual(b'up\n', process.stdout.readline())
        self.assertNotEqual({}, self.guest.processes())
        return process

    def test_nothing_is_left(self):
        self.measure(3600).kill()
        wait_until(lambda: not self.guest.processes())

    def test_nothing_is_left_after_the_lifetime(self):
        """The guest is never told that the connection is gone."""
        process = self.measure(3)
        self.guest.run(CUT)
        process.kill()
        process.wait()
        self.assertNotEqual({}, self.guest.processes())
        wait_until(lambda: not self.guest.processes())

    def test_a_loop_that_was_killed(self):
        meter = GuestHeartbeatMeter(self.guest.connect, lifetime=2)
        with meter:
            for pid in self.loop():
                os.kill(pid, signal.SIGKILL)
            self.no_measurement(meter.wait_until_up, 10)
        wait_until(lambda: not self.guest.processes())
