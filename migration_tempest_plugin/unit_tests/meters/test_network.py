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
"""The network meter, with a ping or a prober that does what a test says."""

import os
import stat
import sys
import time

import fixtures
import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.meters import icmp
from migration_tempest_plugin.meters import NetDowntimeMeter

HEADER = "echo 'PING 192.0.2.1'\n"


def reply(sequence, delay=0.1):
    return (
        'echo "[$(date +%s.%6N)] 64 bytes from 192.0.2.1: '
        f'icmp_seq={sequence} ttl=64 time={delay:g} ms"\n'
    )


def replies(first=1):
    """Reply after reply, however late they are waited for."""
    return (
        f'number={first}\n'
        'while sleep 0.05; do\n'
        f'{reply("$number")}number=$((number + 1))\n'
        'done\n'
    )


def reply_of_another_day(sequence, sign):
    return (
        f'echo "[$(($(date +%s) {sign} 86400)).5] 64 bytes from 192.0.2.1: '
        f'icmp_seq={sequence} ttl=64 time=0.1 ms"\n'
    )


def no_answer(sequence):
    return f'echo "[$(date +%s.%6N)] no answer yet for icmp_seq={sequence}"\n'


class FakePing(fixtures.Fixture):
    """A shell script called ping, first on PATH."""

    def __init__(self, script):
        self.script = script

    def _setUp(self):
        folder = self.useFixture(fixtures.TempDir()).path
        path = os.path.join(folder, 'ping')
        self.arguments = os.path.join(folder, 'arguments')
        with open(path, 'w') as ping:
            ping.write(
                f'#!/bin/sh\necho "$LC_ALL $*" > {self.arguments}\n'
                f'{self.script}'
            )
        os.chmod(path, stat.S_IRWXU)
        self.useFixture(
            fixtures.EnvironmentVariable(
                'PATH', folder + ':' + os.environ['PATH']
            )
        )


class Case(testtools.TestCase):
    def no_measurement(self, function, *arguments):
        return self.assertRaises(
            exceptions.NoMeasurement, function, *arguments
        )

    def assert_ended(self, meter, patience, *parts):
        """Neither waited for nor measured, and these say why."""
        for error in (
            self.no_measurement(meter.wait_until_up, patience),
            self.no_measurement(meter.measurement),
        ):
            for part in parts:
                self.assertIn(part, str(error))


class TestPing(Case):
    """No socket of our own is allowed."""

    def setUp(self):
        super().setUp()
        self.useFixture(
            fixtures.MockPatch(
                'migration_tempest_plugin.meters.icmp.Probes',
                side_effect=icmp.Forbidden('not here'),
            )
        )

    def meter(self, script, **arguments):
        self.ping = self.useFixture(FakePing(script))
        return NetDowntimeMeter('192.0.2.1', **arguments)

    def heard(self, meter, number):
        """Wait until the meter has read so many replies."""
        probes = meter._probes
        with probes._changed:
            self.assertTrue(
                probes._changed.wait_for(
                    lambda: len(probes._probes.samples(0.5, 0)) >= number, 10
                )
            )

    def test_command(self):
        self.useFixture(self.meter(HEADER + 'exec sleep 60'))
        with open(self.ping.arguments) as arguments:
            self.assertEqual(
                'C -n -D -O -i 0.02 -- 192.0.2.1\n', arguments.read()
            )

    def test_a_warning_before_it_begins(self):
        meter = self.useFixture(
            self.meter(
                "echo 'ping: Warning: source address might be selected on "
                'device '
                "other than: eth1'\n" + HEADER + replies()
            )
        )
        meter.wait_until_up(10)
        self.assertEqual(0.0, meter.get_downtime())

    def test_up(self):
        meter = self.useFixture(self.meter(HEADER + replies()))
        meter.wait_until_up(10)
        self.assertEqual(0.0, meter.get_downtime())
        self.assertGreater(meter.measurement().successes, 0)

    def test_says_when_what_was_answered_was_sent(self):
        meter = self.useFixture(self.meter(HEADER + replies()))
        answered = [meter.wait_until_up(10), meter.wait_until_up(10)]
        self.assertLess(answered[0], answered[1])
        self.assertLessEqual(
            set(answered), {each.start for each in meter.measurement().samples}
        )

    def test_an_answer_from_before_does_not_count(self):
        meter = self.useFixture(
            self.meter(HEADER + reply(1) + 'exec sleep 60')
        )
        self.heard(meter, 1)
        error = self.no_measurement(meter.wait_until_up, 0.1)
        self.assertIn(
            '192.0.2.1 did not answer a ping within 0.1 s', error.reason
        )

    def test_can_be_read_after_the_end(self):
        meter = self.meter(HEADER + replies())
        with meter:
            meter.wait_until_up(10)
        ended = meter.measurement().ended
        self.assertLessEqual(ended, time.monotonic())
        self.assertEqual(ended, meter.measurement().ended)

    def test_waits_for_what_is_in_flight(self):
        meter = self.useFixture(
            self.meter(
                HEADER
                + reply(1)
                + 'sleep 0.1\n'
                + no_answer(2)
                + 'exec sleep 60',
                deadline=0.3,
            )
        )
        probes = meter._probes
        with probes._changed:
            self.assertTrue(
                probes._changed.wait_for(probes._probes.latest_unanswered, 10)
            )
        first, second = [
            self.no_measurement(function).timeline
            for function in (meter.measurement, meter.get_downtime)
        ]
        self.assertEqual((1, 1), (first.successes, first.failures))
        self.assertTrue(first.still_down)
        # and it goes on
        self.assertGreater(float(second.total), float(first.total))

    def test_an_answer_after_the_deadline_is_not_up(self):
        meter = self.useFixture(
            self.meter(
                HEADER + 'sleep 0.3\n' + reply(1, delay=200) + 'exec sleep 60',
                deadline=0.1,
            )
        )
        self.no_measurement(meter.wait_until_up, 0.6)
        self.heard(meter, 1)
        error = self.no_measurement(meter.measurement)
        self.assertIn('1 of them answered late', error.seen)

    def test_ended_before_the_clean_up(self):
        meter = self.meter(HEADER + reply(1) + 'exit 3')
        with meter:
            meter._probes._reader.join()
        error = self.no_measurement(meter.measurement)
        self.assertIn('ended in the middle, with exit status 3', error.reason)

    def test_ended_by_itself(self):
        meter = self.useFixture(
            self.meter(HEADER + reply(1) + "echo 'oh dear' >&2\nexit 3")
        )
        meter._probes._reader.join()
        self.assert_ended(
            meter,
            10,
            'ended in the middle, with exit status 3',
            '1 of 1 probes answered',
            'oh dear',
        )

    def test_does_not_start(self):
        meter = self.meter(
            "echo 'ping: nowhere: Name or service not known' >&2; exit 2"
        )
        errors = self.assertRaises(testtools.MultipleExceptions, meter.setUp)
        self.assertIsInstance(errors.args[0][1], exceptions.NoMeasurement)
        self.assertIn('Name or service not known', str(errors.args[0][1]))

    def test_says_nothing(self):
        self.useFixture(
            fixtures.MonkeyPatch(
                'migration_tempest_plugin.meters.ping.PATIENCE', 0.2
            )
        )
        meter = self.meter('exec sleep 60')
        errors = self.assertRaises(testtools.MultipleExceptions, meter.setUp)
        self.assertIn(
            'did not start. Seen: ping said: nothing', str(errors.args[0][1])
        )

    def test_missing(self):
        meter = NetDowntimeMeter('192.0.2.1')
        self.useFixture(fixtures.EnvironmentVariable('PATH', '/nowhere'))
        errors = self.assertRaises(testtools.MultipleExceptions, meter.setUp)
        self.assertIn('iputils', str(errors.args[0][1]))

    def test_nothing_is_left(self):
        meter = self.meter(HEADER + 'exec sleep 60')
        with meter:
            pid = meter.pid
        self.assertRaises(ProcessLookupError, os.kill, pid, 0)
        self.assertTrue(meter._probes._ping.stdout.closed)

    def test_one_that_does_not_listen_is_killed(self):
        self.useFixture(
            fixtures.MonkeyPatch(
                'migration_tempest_plugin.meters.ping.PATIENCE', 0.2
            )
        )
        meter = self.meter(
            "trap '' TERM\n" + HEADER + 'while :; do sleep 0.05; done'
        )
        with meter:
            pid = meter.pid
        self.assertRaises(ProcessLookupError, os.kill, pid, 0)

    def test_a_stepped_clock_does_not_reach_the_timeline(self):
        # The first answer's wall clock is a day behind, the second one's a
        # day ahead.
        meter = self.useFixture(
            self.meter(
                HEADER
                + 'sleep 0.1\n'
                + reply_of_another_day(1, '-')
                + reply_of_another_day(2, '+')
                + replies(3)
            )
        )
        meter.wait_until_up(10)
        self.heard(meter, 3)
        seen = meter.measurement()
        self.assertGreaterEqual(seen.successes, 3)
        self.assertEqual(0, seen.failures)
        self.assertLess(seen.ended - seen.began, 10)


#: A prober that says what the test wants, once it was asked to.
FAKE_PROBER = """
import select, sys, time
def say(line, *values):
    print(line % values, flush=True)
def now():
    return time.monotonic_ns()
def mark():
    say('mark %d 0', now())
def again_and_again(function):
    while not select.select([sys.stdin], [], [], 0.05)[0]:
        function()
def answer():
    start = now()
    say('ok 0 %d %d', start, start + 1000000)
    mark()
sys.stdin.readline()
SCRIPT
sys.stdin.read()
"""


class TestProber(Case):
    def meter(self, script, **arguments):
        self.useFixture(
            fixtures.MonkeyPatch(
                'migration_tempest_plugin.meters.icmp.COMMAND',
                [sys.executable, '-c', FAKE_PROBER.replace('SCRIPT', script)],
            )
        )
        return NetDowntimeMeter('192.0.2.1', **arguments)

    def does_not_start(self, script):
        errors = self.assertRaises(
            testtools.MultipleExceptions, self.meter(script).setUp
        )
        self.assertIsInstance(errors.args[0][1], exceptions.NoMeasurement)
        return str(errors.args[0][1])

    def test_up(self):
        meter = self.useFixture(
            self.meter("say('added 0 some socket')\nagain_and_again(answer)")
        )
        answered = meter.wait_until_up(10)
        seen = meter.measurement()
        self.assertIn(answered, [each.start for each in seen.samples])
        self.assertAlmostEqual(0.001, seen.samples[0].delay, places=6)
        self.assertEqual('prober (some socket)', seen.method)
        self.assertEqual(0.0, meter.get_downtime())

    def test_down_late_and_unknown(self):
        meter = self.useFixture(
            self.meter(
                "say('added 0 x')\n"
                'start = now() - 10**9\n'
                'for each, line in enumerate((\n'
                "        'ok 0 %d {}', 'failed 0 %d 5000', 'failed 0 %d 0',\n"
                "        'unknown 0 %d', 'ok 0 %d {}')):\n"
                '    say(line.format(start + 10**9), start + each * 10**7)\n'
                "say('late 0 %d %d', start + 2 * 10**7, start + 10**9)\n"
                "say('mark %d 0', now() + 60 * 10**9)"
            )
        )
        seen = meter.measurement()
        self.assertEqual(
            [True, False, False, True],
            [each.answered for each in seen.samples],
        )
        self.assertAlmostEqual(5e-6, seen.samples[1].slack, places=9)
        self.assertEqual([seen.samples[2]], list(seen.late))

    def test_recent(self):
        """What was told since a moment, and nothing is waited for."""
        meter = self.useFixture(
            self.meter(
                "say('added 0 x')\n"
                'start = now() - 10 * 10**9\n'
                'def at(seconds):\n'
                '    return start + int(seconds * 10**9)\n'
                'for each in range(5):\n'
                "    say('ok 0 %d %d', at(each), at(each))\n"
                "say('ok 0 %d %d', at(5.2), at(5.2))\n"
                "say('failed 0 %d 0', at(5.1))\n"  # told later, sent before
                "say('ok 0 %d %d', at(6), at(6))\n"
                "say('mark %d 0', now() + 60 * 10**9)"
            )
        )
        meter.measurement()
        first = meter.recent(float('-inf')).began
        recent = meter.recent(first + 4.5)
        self.assertEqual(
            [5.1, 5.2, 6.0],
            [round(each.start - first, 3) for each in recent.samples],
        )
        self.assertEqual([1], [each.failures for each in recent.outages])
        self.assertIsNone(meter.recent(first + 7))

    def test_recent_where_the_prober_has_ended(self):
        meter = self.useFixture(
            self.meter(
                'start = now()\n'
                "say('added 0 x')\n"
                "say('ok 0 %d %d', start, start)\n"
                "say('mark %d 0', start)\n"
                'sys.exit(3)'
            )
        )
        probes = meter._probes
        with probes._prober.changed:
            self.assertTrue(
                probes._prober.changed.wait_for(
                    lambda: probes.ended_by_itself() is not None, 10
                )
            )
        error = self.no_measurement(meter.recent, float('-inf'))
        self.assertIn('ended in the middle, with exit status 3', str(error))

    def test_recent_before_the_prober_has_looked(self):
        """An answer is told at once, a mark only now and then."""
        meter = self.useFixture(
            self.meter(
                'start = now()\n'
                "say('added 0 x')\n"
                "say('mark %d 0', start)\n"
                "again_and_again(lambda: say('ok 0 %d %d', now(), now()))"
            )
        )
        self.assertIsNone(meter.recent(meter.wait_until_up(10)))

    def test_waits_for_what_is_in_flight(self):
        meter = self.useFixture(
            self.meter(
                'start = now()\n'
                "say('added 0 x')\n"
                "say('ok 0 %d %d', start, start)\n"
                "say('mark %d 0', start)\n"
                'time.sleep(0.3)\n'
                "say('ok 0 %d %d', start + 1, start + 2)\n"
                'again_and_again(mark)'
            )
        )
        self.assertEqual(2, meter.measurement().successes)

    def test_no_way(self):
        said = self.does_not_start("say('refused 0 route No route to host')")
        self.assertIn(
            'no packet can be sent from here to 192.0.2.1: No route to host',
            said,
        )
        self.assertIn('ip route get 192.0.2.1', said)

    def test_forbidden(self):
        self.useFixture(FakePing(HEADER + 'exec sleep 60'))
        meter = self.useFixture(
            self.meter("say('refused 0 permission not here')")
        )
        self.assertEqual('ping', meter._probes.method)

    def test_says_nothing(self):
        self.useFixture(
            fixtures.MonkeyPatch(
                'migration_tempest_plugin.meters.icmp.PATIENCE', 0.2
            )
        )
        self.assertIn(
            'did not start to probe 192.0.2.1 within 0.2 s',
            self.does_not_start(''),
        )

    def test_fails_at_once(self):
        self.assertIn('oh dear', self.does_not_start("sys.exit('oh dear')"))

    def test_fails_later(self):
        meter = self.useFixture(
            self.meter(
                "say('added 0 x')\n"
                "say('unsent 0 1 Network is unreachable')\n"
                "say('unknown 0 1')\n"
                "sys.exit('oh dear')"
            )
        )
        self.assert_ended(
            meter,
            60,
            'ended in the middle, with exit status 1',
            '1 probe could not be sent from here: Network is unreachable',
            '1 answers may have been lost',
            'oh dear',
        )

    def test_can_be_read_after_the_end(self):
        for said in ('answer', "lambda: say('ok 0 %d %d', now(), now())"):
            meter = self.meter(f"say('added 0 x')\nagain_and_again({said})")
            with meter:
                meter.wait_until_up(10)
            first, second = meter.measurement(), meter.measurement()
            self.assertEqual(first.ended, second.ended)
            self.assertLess(first.ended, time.monotonic())

    def test_one_that_does_not_listen_is_killed(self):
        meter = self.meter("say('added 0 x')\ntime.sleep(60)")
        with meter:
            pid = meter.pid
            self.useFixture(
                fixtures.MonkeyPatch(
                    'migration_tempest_plugin.meters.icmp.PATIENCE', 0.2
                )
            )
        self.assertRaises(ProcessLookupError, os.kill, pid, 0)


class TestNetDowntimeMeter(Case):
    def test_unknown_name(self):
        errors = self.assertRaises(
            testtools.MultipleExceptions, NetDowntimeMeter('a..b').setUp
        )
        self.assertIn(
            "no address was found for 'a..b'", str(errors.args[0][1])
        )

    def test_not_set_up(self):
        error = self.no_measurement(NetDowntimeMeter('192.0.2.1').measurement)
        self.assertIn('was not set up', error.reason)

    def test_nonsense(self):
        for arguments in (
            {'interval': 0},
            {'interval': 'often'},
            {'deadline': -1},
        ):
            self.assertRaises(
                ValueError, NetDowntimeMeter, '192.0.2.1', **arguments
            )
