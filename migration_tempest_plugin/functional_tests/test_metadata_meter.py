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
"""The metadata meter against a real guest and a real metadata service."""

import contextlib
import glob
import itertools
import logging
import os
import signal
import statistics
import subprocess
import sys
import time

import fixtures
import testtools
from testtools import content

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.functional_tests import sshd
from migration_tempest_plugin.functional_tests import test_guest_script
from migration_tempest_plugin.measurement import round_trips
from migration_tempest_plugin.meters import metadata
from migration_tempest_plugin.meters import metadata_follow
from migration_tempest_plugin.meters import metadata_log
from migration_tempest_plugin.selfcheck import metadata_server
from migration_tempest_plugin.selfcheck import network

wait_until = test_guest_script.wait_until

ADDRESS = '169.254.169.254'
DROP = """\
nft -f - <<END
table inet test {
    chain input {
        type filter hook input priority 0
        tcp dport 80 drop
    }
}
END
"""
PASS = 'nft delete table inet test'


#: Measures by itself, until it is killed.
MEASURE = """
import time
from migration_tempest_plugin.functional_tests import sshd
from migration_tempest_plugin.meters import MetadataDowntimeMeter
guest = sshd.Guest.running(%d, %r)
meter = MetadataDowntimeMeter(guest.client(), lifetime=8)
meter.setUp()
meter.wait_until_up(10)
print('up', flush=True)
time.sleep(60)
"""


def uptime():
    """The clock of guest and machine alike, which a meter's times are of."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def parent(process):
    """The number of a process's parent, or None if the process is over."""
    try:
        with open(f'/proc/{process}/stat') as stat:
            # The name, in brackets, may hold anything.
            return int(stat.read().rpartition(')')[2].split()[1])
    except OSError:
        return None


def processor_time(process):
    """Seconds that a process has taken, with the ended ones it waited for."""
    with open(f'/proc/{process}/stat') as stat:
        ticks = stat.read().rpartition(')')[2].split()[11:15]
    return sum(map(int, ticks)) / os.sysconf('SC_CLK_TCK')


class GuestTestCase(testtools.TestCase):
    """A guest with a metadata service at the well-known address."""

    shell = 'busybox sh'
    prologue = sshd.TEMPEST_PROLOGUE
    guest_path = '/usr/bin:/bin'

    def setUp(self):
        super().setUp()
        reason = sshd.skip_reason('busybox', 'curl', 'dash', 'nft')
        if reason:
            self.skipTest(reason)
        self.output = self.useFixture(fixtures.FakeLogger(level=logging.INFO))
        self.guest = self.useFixture(sshd.Guest(self.shell, self.guest_path))
        self.guest.run(f'ip address add {ADDRESS}/32 dev lo')
        self.server = self.useFixture(
            metadata_server.MetadataServer(ADDRESS, 80, self.guest.inside)
        )
        self.client = self.guest.client(self.prologue)
        self.addOnException(self.keep_logs)

    def keep_logs(self, _):
        """Have a test that fails say what the probes wrote down."""
        for log in glob.glob(os.path.join(self.guest.tmp, '*', 'log')):
            with open(log) as lines:
                self.addDetail(log, content.text_content(lines.read()))

    def attach(self, **settings):
        """A meter that has got its first answers."""
        # After its clean-up.
        self.addCleanup(self.assertNothingLeft)
        meter = self.useFixture(
            metadata.MetadataDowntimeMeter(self.client, **settings)
        )
        self.baseline = meter.wait_until_up(20)
        return meter

    def error_of_set_up(self):
        """The GuestError of a meter that can't be set up."""
        meter = metadata.MetadataDowntimeMeter(self.client)
        error = self.assertRaises(fixtures.MultipleExceptions, meter.setUp)
        self.assertIs(exceptions.GuestError, error.args[0][0])
        return error.args[0][1]

    def inject(self, start, end, seconds):
        """Cause an outage; returns what is known of it, in uptime."""
        with network.inject(start, end, clock=uptime) as injected:
            time.sleep(seconds)
        return injected

    def assertSees(self, injected, outage, timeline):
        """The bounds hold what was injected, and are as close as stated."""
        self.assertLessEqual(outage.start, injected.has_begun)
        self.assertGreaterEqual(outage.end, injected.ends)
        self.assertLessEqual(outage.lower, injected.upper)
        self.assertGreaterEqual(outage.upper, injected.lower)
        self.assertAlmostEqual(
            injected.lower,
            float(outage.duration),
            delta=timeline.resolution + injected.upper - injected.lower,
        )

    def scripts(self):
        """The processes in the guest that run the script."""
        found = {
            number
            for number, command in self.guest.processes().items()
            if '/script ' in command
        }
        # A child that has not yet become another program looks the same.
        return [number for number in found if parent(number) not in found]

    def script_process(self):
        """The one of them, where there is one."""
        (process,) = self.scripts()
        return process

    def assertNothingLeft(self):
        self.assertEqual({}, self.guest.processes())
        self.assertEqual([], os.listdir(self.guest.tmp))
        self.assertNotIn('Could not', self.output.output)


class BareGuestTestCase(GuestTestCase):
    """A guest that has nothing but what is named."""

    # busybox would run what it has built in, whatever PATH says.
    shell = 'dash'
    prologue = ''
    programs = ()

    def setUp(self):
        toolbox = self.useFixture(
            test_guest_script.Toolbox(
                ('sh', '/usr/bin/dash'),
                'dash',
                'mktemp',
                'wc',
                'cat',
                'rm',
                'sleep',
                *self.programs,
            )
        )
        self.guest_path = toolbox.path
        super().setUp()


class TestMetadataMeter(GuestTestCase):
    def test_no_outage(self):
        meter = self.attach()
        meter.wait_until_up(20)
        timeline = meter.measurement().since(self.baseline)
        self.assertEqual((), timeline.outages)
        self.assertEqual(0.0, timeline.total)
        self.assertFalse(timeline.still_down)
        self.assertEqual(0.0, timeline.unobserved)
        # It is the longest of them, which a busy machine makes longer.
        apart = [
            after.start - before.start
            for before, after in itertools.pairwise(timeline.samples)
        ]
        self.assertLess(statistics.median(apart), 2 * meter.interval)
        self.assertEqual(max(apart), timeline.resolution)
        results = meter.get_results()
        self.assertEqual(0, results['failures'])
        self.assertGreaterEqual(results['successes'], timeline.successes)
        self.assertEqual(0.0, results['downtime']['FAILED'])
        self.assertGreater(results['downtime']['PASSED'], 0.5)

    def test_round_trips(self):
        """What the server waits is what an answer takes longer."""
        meter = self.attach()
        for _ in range(3):
            meter.wait_until_up(20)
        quick = uptime()
        self.server.answer(delay=0.3)
        asked = len(self.server.paths)
        wait_until(lambda: len(self.server.paths) >= asked + 10)
        self.server.answer()
        meter.wait_until_up(20)
        # One that was under way before is among neither.
        slots = (
            meter.measurement()
            .since(self.baseline)
            .round_trips_cut_at([quick, quick + 0.5, quick + 1.5])
            .slots
        )
        before, during = (
            [each for each in slots if begin <= each.begin < end]
            for begin, end in ((0, quick - 0.1), (quick + 0.5, quick + 1.5))
        )
        self.assertLess(max(each.percentile(0.5) for each in before), 0.2)
        for each in during:
            self.assertGreaterEqual(
                each.percentile(0.5), 0.3 * (1 - round_trips.ERROR)
            )
            self.assertLess(each.percentile(0.5), 0.5)
        self.assertGreaterEqual(sum(each.count for each in during), 4)

    def test_processor_of_the_guest(self):
        meter = self.attach()
        before = meter.guest_cpu
        wait_until(
            lambda: meter.measurement() and meter.guest_cpu > before, 60
        )
        # All of it, and no more, is what the same processes have a moment
        # later, but for what they take in between.
        later = sum(map(processor_time, self.guest.processes()))
        self.assertTrue(
            later - 0.1 <= meter.guest_cpu <= later, (meter.guest_cpu, later)
        )

    def test_silent_drop(self):
        meter = self.attach()
        injected = self.inject(
            lambda: self.guest.run(DROP),
            lambda: self.guest.run(PASS),
            seconds=3,
        )
        meter.wait_until_up(20)
        timeline = meter.measurement().since(self.baseline)
        (outage,) = timeline.outages
        self.assertSees(injected, outage, timeline)
        self.assertFalse(timeline.still_down)
        self.assertEqual(0.0, timeline.unobserved)
        results = meter.get_results()
        self.assertAlmostEqual(
            3, results['downtime']['FAILED'], delta=timeline.resolution + 0.2
        )

    def test_drop_that_does_not_end(self):
        meter = self.attach()
        began = uptime()
        self.guest.run(DROP)
        time.sleep(2)
        error = self.assertRaises(
            exceptions.NoMeasurement, meter.wait_until_up, 2
        )
        self.assertIn('the guest got no answer within 2 s', str(error))
        error = self.assertRaises(exceptions.NoMeasurement, meter.measurement)
        self.assertIn('is still down, for', error.reason)
        (outage,) = error.timeline.outages
        self.assertTrue(outage.ongoing)
        self.assertGreater(outage.lower, 2.5)
        self.assertLessEqual(outage.lower, uptime() - began)
        self.assertLess(uptime() - outage.end, 1)

    def test_read_in_the_middle_of_a_hang(self):
        # Longer than the test takes: what is seen is the open attempt only.
        meter = self.attach(deadline=2)
        self.server.hang()
        began = uptime()
        with testtools.ExpectedException(exceptions.NoMeasurement):
            while True:
                meter.measurement()
        timeline = self.assertRaises(
            exceptions.NoMeasurement, meter.measurement
        ).timeline
        (outage,) = timeline.outages
        self.assertLess(outage.start, began)
        # It is known after the deadline and not before.
        self.assertGreaterEqual(uptime() - began, 1.7)
        self.assertGreaterEqual(outage.upper, 2)

    def test_each_kind_of_failure(self):
        meter = self.attach()
        for cause in (
            self.server.refuse,
            lambda: self.server.answer(status=404),
            lambda: self.server.answer(status=500),
            lambda: self.server.answer(body=b''),
            lambda: self.server.answer(delay=1.5),
        ):
            injected = self.inject(cause, self.server.answer, seconds=1.5)
            meter.wait_until_up(20)
            timeline = meter.measurement()
            self.assertSees(injected, timeline.outages[-1], timeline)
        self.assertEqual(5, len(timeline.outages))

    def test_two_outages(self):
        meter = self.attach()
        both = []
        for _ in range(2):
            both.append(
                self.inject(self.server.refuse, self.server.answer, seconds=1)
            )
            meter.wait_until_up(20)
        timeline = meter.measurement()
        self.assertEqual(2, len(timeline.outages))
        for injected, outage in zip(both, timeline.outages):
            self.assertSees(injected, outage, timeline)
        self.assertAlmostEqual(
            2, timeline.total, delta=2 * timeline.resolution + 0.2
        )
        self.assertAlmostEqual(
            1, timeline.longest, delta=timeline.resolution + 0.2
        )

    def test_two_meters(self):
        first = self.attach()
        with metadata.MetadataDowntimeMeter(
            self.client, path='/openstack/latest/meta_data.json'
        ) as other:
            other.wait_until_up(20)
            self.assertEqual(2, len(os.listdir(self.guest.tmp)))
        # What ends one leaves the other alone.
        self.assertEqual(1, len(os.listdir(self.guest.tmp)))
        first.wait_until_up(20)
        self.assertEqual((), first.measurement().outages)
        self.assertEqual((), other.measurement().outages)
        self.assertIn('/openstack/latest/meta_data.json', self.server.paths)

    def test_another_process_that_is_killed(self):
        """It disturbs nobody, and what it leaves ends after its lifetime."""
        meter = self.attach()
        process = subprocess.Popen(
            [
                sys.executable,
                '-c',
                MEASURE % (self.guest.pid, self.guest.home),
            ],
            stdout=subprocess.PIPE,
        )
        with process:
            self.assertEqual(b'up\n', process.stdout.readline())
            self.assertEqual(2, len(self.scripts()))
            process.kill()
        self.assertEqual(2, len(self.scripts()))
        meter.wait_until_up(20)
        wait_until(lambda: len(self.scripts()) == 1, 20)
        meter.wait_until_up(20)
        self.assertEqual((), meter.measurement().outages)
        self.assertEqual(
            [os.path.basename(meter._script.directory)],
            os.listdir(self.guest.tmp),
        )

    def test_answer_never_came(self):
        self.server.refuse()
        with metadata.MetadataDowntimeMeter(self.client) as meter:
            error = self.assertRaises(
                exceptions.NoMeasurement, meter.wait_until_up, 2
            )
            self.assertIn('the latest attempt: rc7', str(error))
            self.assertRaises(exceptions.NoMeasurement, meter.measurement)
            self.assertRaises(exceptions.NoMeasurement, meter.get_results)

    def test_ipv6(self):
        self.guest.run(
            'ip link add eth0 type veth peer name far &&'
            'ip link set eth0 up && ip link set far up &&'
            'ip address add fe80::a9fe:a9fe/64 dev eth0 nodad &&'
            'ip -6 route add default dev eth0'
        )
        self.server.refuse()
        self.useFixture(
            metadata_server.MetadataServer('::', 80, self.guest.inside)
        )
        meter = self.attach(ip_version=6)
        timeline = meter.measurement()
        self.assertEqual((), timeline.outages)
        self.assertRegex(
            timeline.target,
            r'^http://\[fe80::a9fe:a9fe%25[a-z0-9]+\]'
            '/latest/meta-data/instance-id$',
        )


class TestFollowed(GuestTestCase):
    """What is seen is known while it goes on."""

    def await_nothing(self):
        """The end of a session is noticed a moment later."""
        wait_until(lambda: self.guest.processes() == {}, 20)
        self.assertEqual([], os.listdir(self.guest.tmp))

    def test_an_outage(self):
        self.addCleanup(self.await_nothing)
        lines = []
        with metadata_follow.FollowedMetadataMeter(
            self.client, self.guest.connect, lifetime=60, sink=lines.append
        ) as meter:
            self.assert_it_knows_an_outage(meter)
            followed = lines.copy()
            self.assertTrue(followed[0].startswith('metadata_probe 2 '))
            written = meter._script.read().log.splitlines()
            self.assertEqual(written[: len(followed)], followed)
        # What tail(1) has not shown yet is read before the end.
        self.assertEqual(written, lines[: len(written)])

    def assert_it_knows_an_outage(self, meter):
        baseline = meter.wait_until_up(20)
        injected = self.inject(self.server.refuse, self.server.answer, 1.0)
        meter.wait_until_up(20)
        wait_until(lambda: not meter.recent(baseline).still_down, 20)
        seen = meter.recent(baseline)
        [outage] = seen.outages
        self.assertSees(injected, outage, seen)
        [same] = meter.measurement().since(baseline).outages
        self.assertSees(injected, same, seen)
        self.assertEqual(same.failures, outage.failures)
        # A later attempt may show that an end was noticed late.
        for bound in ('start', 'end', 'lower', 'upper'):
            self.assertAlmostEqual(
                getattr(same, bound),
                getattr(outage, bound),
                delta=metadata_log.PUNCTUAL,
                msg=bound,
            )

    def test_without_a_second_connection(self):
        """It measures all the same."""

        def refused():
            raise OSError('no more sessions')

        meter = self.useFixture(
            metadata_follow.FollowedMetadataMeter(self.client, refused)
        )
        baseline = meter.wait_until_up(20)
        self.assertGreater(meter.measurement().since(baseline).successes, 0)
        self.assertIn('no more sessions', self.output.output)
        self.assertIsNone(meter.recent(baseline))

    def follow(self, grace, again):
        for name, seconds in (('GRACE', grace), ('AGAIN', again)):
            self.useFixture(
                fixtures.MockPatchObject(metadata_follow, name, seconds)
            )
        lines = []
        meter = self.useFixture(
            metadata_follow.FollowedMetadataMeter(
                self.client, self.guest.connect, lifetime=60, sink=lines.append
            )
        )
        return meter, meter.wait_until_up(20), lines

    def followers(self):
        return [
            pid
            for pid, words in self.guest.processes().items()
            if ' metadata_follow ' in words
        ]

    def test_a_session_that_is_lost(self):
        """It is followed again, and no line comes twice."""
        self.addCleanup(self.await_nothing)
        meter, _, lines = self.follow(grace=60, again=0.2)
        followers = self.followers()
        for pid in {*map(parent, followers)} - {*followers}:
            os.kill(pid, signal.SIGKILL)  # sshd, of this session
        seen = len(lines)
        wait_until(lambda: len(lines) > seen + 5, 20)
        meter.measurement()
        self.assertEqual(len(lines), len(set(lines)), lines)

    def test_nobody_follows_any_more(self):
        """The guest ends the measuring itself, and leaves nothing."""
        meter, _, _ = self.follow(grace=1, again=3600)
        meter._stack.close()
        self.await_nothing()
        error = self.assertRaises(exceptions.NoMeasurement, meter.measurement)
        self.assertIn('is gone', str(error))


class TestFollowedByDash(TestFollowed):
    shell = 'dash'
    prologue = ''


class TestDash(GuestTestCase):
    """dash has no pipefail: its client puts nothing in front."""

    shell = 'dash'
    prologue = ''
    test_silent_drop = TestMetadataMeter.test_silent_drop


class TestBash(GuestTestCase):
    shell = 'bash'
    test_silent_drop = TestMetadataMeter.test_silent_drop


class TestCleanUp(GuestTestCase):
    def meter(self, **settings):
        """A meter that has got its first answers; clean_up() ends it."""
        meter = metadata.MetadataDowntimeMeter(self.client, **settings)
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        stack.enter_context(meter)
        self.clean_up = stack.close
        meter.wait_until_up(20)
        return meter

    def test_nothing_is_left(self):
        meter = self.meter()
        self.assertEqual(1, len(os.listdir(self.guest.tmp)))
        self.assertIn('/script ', str(self.guest.processes()))
        self.clean_up()
        self.assertNothingLeft()
        # It can still be read.
        self.assertEqual((), meter.measurement().outages)

    def test_hanging_children_end(self):
        self.meter(deadline=30)
        self.server.hang()
        wait_until(lambda: self.server.hanging)
        self.assertIn('curl', str(self.guest.processes()))
        self.clean_up()
        self.assertNothingLeft()

    def test_script_that_does_not_listen(self):
        self.meter()
        os.kill(self.script_process(), signal.SIGSTOP)
        self.clean_up()
        self.assertNothingLeft()

    def test_script_is_in_a_session_of_its_own(self):
        self.meter()
        process = self.script_process()
        self.assertEqual(process, os.getsid(process))
        self.assertEqual(process, os.getpgid(process))

    def test_killed_script(self):
        meter = self.meter(deadline=30)
        self.server.hang()
        wait_until(lambda: self.server.hanging)
        os.kill(self.script_process(), signal.SIGKILL)
        error = self.assertRaises(exceptions.NoMeasurement, meter.measurement)
        self.assertIn('is dead', str(error))
        self.assertRegex(str(error), r'Seen: \d+ attempts')
        self.assertRaises(exceptions.NoMeasurement, meter.wait_until_up, 20)
        # Its child is an orphan now, and is found all the same.
        self.assertIn('curl', str(self.guest.processes()))
        self.clean_up()
        self.assertNothingLeft()

    def test_directory_is_gone(self):
        meter = self.meter()
        self.guest.run(f'rm -r {self.guest.tmp}/*')
        error = self.assertRaises(exceptions.NoMeasurement, meter.measurement)
        self.assertIn('is gone', str(error))
        self.clean_up()
        self.assertNothingLeft()

    def test_lifetime_is_over(self):
        meter = self.meter(lifetime=10)
        wait_until(lambda: not self.guest.processes())
        error = self.assertRaises(exceptions.NoMeasurement, meter.measurement)
        self.assertIn('ended after its lifetime of 10 s', str(error))
        self.clean_up()
        self.assertNothingLeft()

    def test_emptied_log(self):
        meter = self.meter()
        os.kill(self.script_process(), signal.SIGSTOP)
        (directory,) = os.listdir(self.guest.tmp)
        os.truncate(os.path.join(self.guest.tmp, directory, 'log'), 0)
        error = self.assertRaises(exceptions.NoMeasurement, meter.measurement)
        self.assertIn('holds no attempt', str(error))

    def test_rebooted(self):
        meter = self.meter()
        self.guest.look_rebooted()
        process = self.script_process()
        for read in (
            meter.measurement,
            meter.get_results,
            lambda: meter.wait_until_up(20),
        ):
            error = self.assertRaises(exceptions.NoMeasurement, read)
            self.assertIn('the guest was rebooted', str(error))
        self.clean_up()
        # What has the number of the script's process now is another's.
        self.assertIn(process, self.guest.processes())
        self.assertEqual([], os.listdir(self.guest.tmp))
        wait_until(lambda: not self.guest.processes())

    def test_process_number_that_is_used_again(self):
        meter = self.meter()
        meter._script._born = '1'
        process = self.script_process()
        error = self.assertRaises(exceptions.NoMeasurement, meter.measurement)
        self.assertIn('is dead', str(error))
        os.kill(process, signal.SIGSTOP)
        self.clean_up()
        self.assertIn(process, self.guest.processes())
        os.kill(process, signal.SIGKILL)

    def test_unreachable_guest(self):
        meter = self.meter(lifetime=8)
        seen = meter.measurement()
        process = self.script_process()
        self.guest.stop()
        error = self.assertRaises(exceptions.NoMeasurement, meter.measurement)
        self.assertIn('could not be asked over SSH', str(error))
        self.assertRegex(str(error), r'Seen: last, \d+ attempts')
        self.clean_up()
        self.assertIn(
            'Could not clean up metadata_probe in the guest '
            f'(process {process}, ',
            self.output.output,
        )
        self.assertIn('ends by itself 8 s after its start', self.output.output)
        self.assertEqual(seen.successes, meter.measurement().successes)
        # And so it does.
        wait_until(lambda: not self.guest.processes())


class TestGuestWithoutSetsid(BareGuestTestCase):
    """Then the script has no session of its own, and is found all the same."""

    programs = ('curl',)

    def test_nothing_is_left(self):
        with metadata.MetadataDowntimeMeter(self.client, deadline=30) as meter:
            meter.wait_until_up(20)
            process = self.script_process()
            self.assertNotEqual(process, os.getsid(process))
            self.server.hang()
            wait_until(lambda: self.server.hanging)
        self.assertNothingLeft()


class TestSetUpFails(GuestTestCase):
    def test_full_file_system(self):
        # Room for the script alone, and for one file more.
        for size in ('4k', '8k'):
            self.guest.run(
                f'mount -t tmpfs -o size={size} full {self.guest.tmp}'
            )
            error = self.error_of_set_up()
            self.assertRegex(str(error), 'the file system of .* full')
            self.assertEqual({}, self.guest.processes())

    def test_no_directory(self):
        self.guest.run(f'mount -t tmpfs -o ro none {self.guest.tmp}')
        error = self.error_of_set_up()
        self.assertRegex(str(error), 'cannot make a directory: .*Read-only')

    def test_unreachable(self):
        self.guest.stop()
        error = self.error_of_set_up()
        self.assertIn('could not be asked over SSH', str(error))


class TestGuestWithoutTools(BareGuestTestCase):
    def test_no_tool(self):
        self.assertIn(
            'neither curl nor wget is installed in the guest',
            str(self.error_of_set_up()),
        )
        self.assertNothingLeft()


class TestFullFileSystem(GuestTestCase):
    def test_goes_on(self):
        self.guest.run(f'mount -t tmpfs -o size=1m full {self.guest.tmp}')
        meter = self.attach(interval=0.05)

        def lost():
            return sum(
                now.lost
                for now in metadata_log.parse_now(meter._script.state().now)
            )

        self.guest.run(f'cat /dev/zero >{self.guest.tmp}/filler 2>&1 || :')
        # The page that the log has begun is used up first.
        wait_until(lambda: lost() > 20, 30)
        self.guest.run(f'rm {self.guest.tmp}/filler')
        meter.wait_until_up(20)
        timeline = meter.measurement()
        self.assertEqual((), timeline.outages)
        self.assertGreater(timeline.unobserved, 0.8)
