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
"""The guest's script for real: under several shells, with each of its tools.

Needs no root: the script runs here, with a PATH that holds nothing but what
such a guest has.
"""

import contextlib
import os
import shlex
import shutil
import signal
import statistics
import subprocess
import time

import fixtures
import testtools

from migration_tempest_plugin.guest import shell
from migration_tempest_plugin.meters import metadata_log
from migration_tempest_plugin.selfcheck import metadata_server

#: What may come on top of a deadline on a busy machine: starts of processes.
SLACK = 0.5


class Toolbox(fixtures.Fixture):
    """A directory for PATH with some programs and no others.

    :param programs: names, or (name, path of the program it stands for)
    """

    def __init__(self, *programs):
        self._programs = programs

    def _setUp(self):
        self.path = self.useFixture(fixtures.TempDir()).path
        for program in self._programs:
            name, target = (
                program
                if isinstance(program, tuple)
                else (program, shutil.which(program))
            )
            os.symlink(target, os.path.join(self.path, name))


def busybox(*applets):
    """Programs for a Toolbox that are all busybox."""
    return [(applet, shutil.which('busybox')) for applet in applets]


def wait_until(condition, timeout=10):
    """Wait for something that nobody tells of: a file, an ended process."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f'not so within {timeout:g} s')
        time.sleep(0.02)


class Script(fixtures.Fixture):
    """The script, running."""

    def __init__(
        self,
        command,
        path,
        url,
        tool='auto',
        interval=0.1,
        lifetime=60,
        connect=(0.5, 0.5),
        deadline=(1.0, 1.0),
    ):
        self._command = shlex.split(command)
        self._path = path
        self._arguments = [
            url,
            tool,
            *(
                f'{number:.2f}'
                for number in (interval, lifetime, *connect, *deadline)
            ),
        ]

    def _setUp(self):
        self.directory = self.useFixture(fixtures.TempDir()).join('meter')
        os.mkdir(self.directory)
        script = os.path.join(self.directory, 'script')
        with open(script, 'w') as target:
            target.write(shell.read_script('metadata_probe'))
        self.process = subprocess.Popen(
            self._command + [script, self.directory] + self._arguments,
            env={'PATH': self._path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.addCleanup(self._stop)

    @property
    def log(self):
        return self._text('log')

    @property
    def reading(self):
        with open('/proc/uptime') as uptime:
            moment = float(uptime.read().split()[0])
        return metadata_log.parse(
            self.log,
            ''.join(self._text(f'now.{lane}') for lane in range(8)),
            moment,
        )

    def _text(self, name):
        try:
            with open(os.path.join(self.directory, name)) as source:
                return source.read()
        except FileNotFoundError:
            return ''

    def attempts(self, number):
        """Wait for a number of attempts and return them."""
        wait_until(lambda: len(self.reading.attempts) >= number, 30)
        return self.reading.attempts

    def chosen(self):
        """Wait until the baseline is complete; what was chosen then."""
        wait_until(lambda: self.reading.chosen, 30)
        return self.reading.chosen

    def after_baseline(self, number):
        """Wait for a number of attempts after the baseline."""
        self.attempts(self.chosen().baseline + number)
        return [attempt for attempt in self.reading.attempts if attempt.lane]

    def children(self):
        """The processes that it has started, and these in turn."""
        found = {self.process.pid}
        grown = True
        while grown:
            listed = subprocess.run(
                ['ps', '-e', '-o', 'pid=,ppid='],
                check=True,
                capture_output=True,
                text=True,
            ).stdout.splitlines()
            more = {
                int(pid)
                for pid, parent in map(str.split, listed)
                if int(parent) in found
            } - found
            grown = bool(more)
            found |= more
        return found - {self.process.pid}

    def _processes(self, name):
        """(number, state) of those of its children that have a name."""
        listed = subprocess.run(
            [
                'ps',
                '-o',
                'pid=,stat=,comm=',
                '-p',
                ','.join(map(str, self.children())),
            ],
            capture_output=True,
            text=True,
        ).stdout.splitlines()
        return [
            (int(number), state[0])
            for number, state, command in map(str.split, listed)
            if command == name
        ]

    def processes(self, name, state):
        """Those of its children that have a name, and are in a state."""
        return [
            number for number, its in self._processes(name) if its == state
        ]

    def states(self, name):
        """The states of those of its children that have a name."""
        return [state for _, state in self._processes(name)]

    def _stop(self):
        # What it has started may live on without it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, 9)
        self.process.wait()


class ScriptTestCase(testtools.TestCase):
    """Starts the script; what with is said by subclasses."""

    command = 'dash'
    programs = ('sleep', 'curl')
    needs = ('dash', 'curl')
    tool = 'auto'

    def setUp(self):
        super().setUp()
        missing = [name for name in self.needs if not shutil.which(name)]
        if missing:
            self.skipTest(f'not installed: {", ".join(missing)}')
        self.server = self.useFixture(metadata_server.MetadataServer())

    def start(self, url=None, programs=None, **settings):
        programs = self.programs if programs is None else programs
        toolbox = self.useFixture(Toolbox(*programs))
        command = shlex.split(self.command)
        command[0] = shutil.which(command[0])
        return self.useFixture(
            Script(
                shlex.join(command),
                toolbox.path,
                url or self.server.url,
                **{'tool': self.tool, **settings},
            )
        )


class TestDashCurl(ScriptTestCase):
    """dash and curl; the rest of what a script does is tried with these."""

    refused = 'rc7'
    not_found = 'http404'
    timed_out = ('rc28',)

    def test_answers_on_a_schedule(self):
        # The time that an attempt takes is not added to the interval.
        self.server.answer(delay=0.05)
        script = self.start()
        attempts = sorted(
            script.after_baseline(20), key=lambda attempt: attempt.start
        )
        self.assertEqual({'ok'}, {attempt.result for attempt in attempts})
        steps = [
            after.start - before.start
            for before, after in zip(attempts, attempts[1:])
        ]
        self.assertAlmostEqual(0.1, statistics.median(steps), delta=0.03)
        self.assertEqual('/latest/meta-data/instance-id', self.server.paths[0])
        for lane in range(script.chosen().lanes + 1):
            numbers = [
                attempt.sequence
                for attempt in script.reading.attempts
                if attempt.lane == lane
            ]
            self.assertEqual(list(range(1, len(numbers) + 1)), numbers)

    def test_refused(self):
        self.server.refuse()
        self.assertEqual(self.refused, self.start().attempts(2)[1].result)

    def test_not_found(self):
        self.server.answer(status=404)
        self.assertEqual(self.not_found, self.start().attempts(2)[1].result)

    def test_no_body(self):
        self.server.answer(body=b'')
        self.assertEqual('empty', self.start().attempts(2)[1].result)

    def test_hang(self):
        self.server.hang()
        script = self.start(interval=0.2)
        first, second = script.attempts(2)[:2]
        for attempt in (first, second):
            self.assertIn(attempt.result, self.timed_out)
            took = attempt.end - attempt.start
            self.assertTrue(0.98 <= took <= 1.0 + SLACK, took)
        # On the schedule's next place after the end.
        self.assertLess(second.start - first.end, 0.2 + SLACK)

    def test_late_answer(self):
        self.server.answer(delay=1.5)
        self.assertIn(self.start().attempts(1)[0].result, self.timed_out)

    def test_answers_again(self):
        script = self.start()
        script.after_baseline(3)
        self.server.refuse()
        wait_until(lambda: script.reading.attempts[-1].result != 'ok')
        failed = script.reading.attempts[-1]
        self.assertEqual(self.refused, failed.result)
        self.server.answer()
        wait_until(lambda: script.reading.attempts[-1].result == 'ok')
        answered = script.reading.attempts[-1]
        wait_until(
            lambda: any(
                now.last_answered is not None
                and now.last_answered >= answered.start - 0.02
                for now in script.reading.nows
            )
        )


class TestBusyboxCurl(TestDashCurl):
    """What CirrOS has."""

    command = 'busybox sh'
    programs = (*busybox('sleep'), 'curl')
    needs = ('busybox', 'curl')


class TestBashCurl(TestDashCurl):
    command = 'bash --posix'
    needs = ('bash', 'curl')


class TestDashCurlEach(TestDashCurl):
    """What a guest with an older curl gets."""

    tool = 'curl-each'


class TestBusyboxCurlEach(TestBusyboxCurl):
    tool = 'curl-each'


class TestDashGnuWget(TestDashCurl):
    programs = ('sleep', 'wget', 'timeout')
    needs = ('dash', 'wget', 'timeout')
    refused = 'rc4'
    not_found = 'rc8'
    # Its own limit on each wait, or that of timeout: they are the same.
    timed_out = ('rc4', 'rc124')


class TestBusyboxWget(TestDashCurl):
    """Nothing but busybox; its timeout tells of no exit code of its own."""

    command = 'busybox sh'
    programs = busybox('sleep', 'wget', 'timeout')
    needs = ('busybox',)
    refused = 'rc1'
    not_found = 'rc1'
    timed_out = ('rc143',)


class TestScript(ScriptTestCase):
    """What does not depend on shell and tool."""

    def test_header(self):
        script = self.start()
        script.attempts(1)
        with open('/proc/sys/kernel/random/boot_id') as boot_id:
            boot = boot_id.read().strip()
        self.assertEqual(
            f'metadata_probe 2 pid={script.process.pid} boot={boot} '
            'tool=curl pause=fraction interface=- ;',
            script.log.splitlines()[0],
        )

    def test_says_that_there_is_no_tool(self):
        script = self.start(programs=('sleep',))
        self.assertEqual(1, script.process.wait(10))
        self.assertEqual(
            'error neither curl nor wget is installed in the guest: '
            'use an image that has one of them ;\n',
            script.log,
        )

    def test_says_that_the_tool_is_not_there(self):
        old = os.path.join(self.useFixture(fixtures.TempDir()).path, 'curl')
        with open(old, 'w') as target:
            target.write('#!/bin/sh\ncase $2 in --rate) exit 2 ;; esac\n')
        os.chmod(old, 0o755)
        for tool, programs, words in (
            (
                'curl',
                (('curl', old),),
                (
                    'the guest has no curl that can make many requests in one '
                    'process: that came with curl 7.84'
                ),
            ),
            ('curl-each', (), 'curl is not installed in the guest'),
            ('wget', ('curl',), 'wget is not installed in the guest'),
        ):
            script = self.start(tool=tool, programs=('sleep', *programs))
            self.assertEqual(1, script.process.wait(10))
            self.assertEqual(f'error {words} ;\n', script.log)

    def test_wget_that_does_not_know_what_is_asked(self):
        """As that of toybox 0.8.9."""
        toybox = os.path.join(self.useFixture(fixtures.TempDir()).path, 'wget')
        with open(toybox, 'w') as target:
            target.write(
                '#!/bin/sh\ncase $1 in --version) echo toybox 0.8.9; '
                "exit ;; esac\necho \"wget: Unknown option 'q' (see "
                '\\"wget --help\\")" >&2\nexit 1\n'
            )
        os.chmod(toybox, 0o755)
        script = self.start(programs=('sleep', ('wget', toybox)))
        self.assertEqual(1, script.process.wait(10))
        self.assertIn(
            'error the wget of the guest has no option to be quiet', script.log
        )

    def test_older_curl_is_started_for_each(self):
        old = os.path.join(self.useFixture(fixtures.TempDir()).path, 'curl')
        curl = shutil.which('curl')
        with open(old, 'w') as target:
            target.write(
                '#!/bin/sh\ncase $2 in --rate) exit 2 ;; esac\n'
                f'exec {curl} "$@"\n'
            )
        os.chmod(old, 0o755)
        script = self.start(programs=('sleep', ('curl', old)))
        self.assertEqual('curl-each', script.chosen().tool)
        self.assertIn(' tool=curl-each ', script.log.splitlines()[0])

    def test_says_that_wget_can_not_do_link_local(self):
        script = self.start(
            url='http://[fe80::1%25@interface@]/', programs=('sleep', 'wget')
        )
        self.assertEqual(1, script.process.wait(10))
        self.assertIn('a link-local address needs curl', script.log)

    def test_each_page_is_asked_for_by_its_name(self):
        """What curl takes for a list of URLs is none here."""
        url = self.server.url.rpartition('/')[0]
        names = set()
        for name in ('{a,b}', '[1-3]', '%5B1%5D?x=[a]&y={b}'):
            names.add('/latest/meta-data/' + name)
            self.start(url=f'{url}/{name}').attempts(1)
            self.assertEqual(names, set(self.server.paths))

    def test_hang_is_seen_while_it_lasts(self):
        script = self.start(tool='curl-each', deadline=(5.0, 5.0))
        script.after_baseline(2)
        self.server.hang()
        wait_until(lambda: script.reading.under_way(0.1))
        time.sleep(0.5)
        reading = script.reading
        (attempt,) = reading.under_way(0.1)
        self.assertTrue(reading.hangs(attempt, 0.4))
        self.assertFalse(reading.hangs(attempt, 5))
        self.assertEqual(reading.attempts[-1].sequence + 1, attempt.sequence)

    def test_others_look_while_one_hangs(self):
        script = self.start(interval=0.2)
        script.after_baseline(3)
        self.assertEqual(3, script.chosen().lanes)
        self.server.hang()
        wait_until(
            lambda: (
                {1, 2, 3}
                == {
                    attempt.lane
                    for attempt in script.reading.attempts
                    if attempt.result == 'rc28'
                }
            )
        )
        hung = [
            attempt
            for attempt in script.reading.attempts
            if attempt.result == 'rc28'
        ]
        # Each began before the first of them had ended.
        first = min(attempt.end for attempt in hung)
        self.assertEqual(
            {1, 2, 3},
            {attempt.lane for attempt in hung if attempt.start < first},
        )

    def test_lanes_get_in_step_again(self):
        """All of them ask at once when a guest runs again that was held."""
        script = self.start(interval=0.2)
        script.after_baseline(6)
        os.killpg(script.process.pid, signal.SIGSTOP)
        time.sleep(1)
        before = script.reading.attempts[-1].end
        os.killpg(script.process.pid, signal.SIGCONT)
        wait_until(lambda: script.reading.put_off, 30)
        lane, sequence = max(script.reading.put_off, key=lambda each: each[1])
        wait_until(
            lambda: any(
                attempt.lane == lane and attempt.sequence == sequence + 3
                for attempt in script.reading.attempts
            ),
            30,
        )
        starts = sorted(
            attempt.start
            for attempt in script.reading.attempts
            if attempt.end > before
        )[-6:]
        self.assertAlmostEqual(
            0.2,
            statistics.median(
                later - earlier for earlier, later in zip(starts, starts[1:])
            ),
            delta=0.1,
        )

    def test_quick_lane_while_attempts_fail(self):
        self.assert_quick_lane(interval=0.2, apart=0.05)

    def test_quick_lane_of_a_long_interval(self):
        self.assert_quick_lane(interval=1.2, apart=0.2)

    def assert_quick_lane(self, interval, apart):
        """There is one, and its attempts are so many seconds apart."""

        def quick():
            return [
                attempt
                for attempt in script.reading.attempts
                if attempt.lane > script.chosen().lanes
            ]

        script = self.start(interval=interval)
        script.after_baseline(6)
        wait_until(lambda: 'T' in script.states('curl'))
        # To see that it is there, it has asked once.
        self.assertEqual(['ok'], [attempt.result for attempt in quick()])
        self.server.refuse()
        wait_until(lambda: len(quick()) > 20)
        self.assertNotIn('T', script.states('curl'))
        self.server.answer()
        wait_until(lambda: 'T' in script.states('curl'))
        *failed, last = [attempt.result for attempt in quick()][1:]
        self.assertEqual(({'rc7'}, 'ok'), (set(failed), last))
        starts = [attempt.start for attempt in quick()][1:]
        steps = [later - before for before, later in zip(starts, starts[1:])]
        # A busy machine makes some longer, and none shorter but by what is
        # rounded.
        self.assertGreaterEqual(statistics.median(steps), apart - 0.015)
        self.assertLess(statistics.quantiles(steps, n=10)[0], apart + 0.06)

    def test_curl_that_ends_is_started_again(self):
        script = self.start()
        script.after_baseline(6)
        wait_until(lambda: 'T' in script.states('curl'))
        # One of those that ask in turn, and the quick one.
        for state in 'S', 'T':
            lanes = {
                attempt.lane: attempt.sequence
                for attempt in script.reading.attempts
            }
            before = script.reading.restarts
            os.kill(script.processes('curl', state)[0], signal.SIGKILL)
            wait_until(lambda: script.reading.restarts > before)
            lane = int(script.log.rpartition('again ')[2][0])
            self.assertEqual(state == 'T', lane > script.chosen().lanes)
            wait_until(
                lambda: (
                    lanes.get(lane, 0) + 1
                    in [
                        attempt.sequence
                        for attempt in script.reading.attempts
                        if attempt.lane == lane
                    ]
                )
            )
            wait_until(lambda: 'T' in script.states('curl'))
        self.assertEqual(0, script.reading.unreadable)

    def test_nothing_goes_on_without_the_script(self):
        script = self.start()
        script.after_baseline(6)
        children = script.children()
        self.assertNotEqual(set(), children)
        script.process.kill()
        script.process.wait()
        wait_until(
            lambda: not any(os.path.exists(f'/proc/{pid}') for pid in children)
        )

    def test_each_attempt_has_a_connection_of_its_own(self):
        """Where the service keeps them open, curl would use them again."""
        self.server.keeps_open = True
        script = self.start(tool='curl')
        self.assertEqual(
            ['ok', 'reused', 'reused'],
            [attempt.result for attempt in script.attempts(3)[:3]],
        )
        script = self.start()
        self.assertEqual('curl-each', script.chosen().tool)
        self.assertEqual('ok', script.after_baseline(2)[1].result)

    def chosen(self, delay, **limits):
        self.server.answer(delay=delay)
        return self.start(**limits).chosen()

    def test_deadlines_of_a_quick_service(self):
        chosen = self.chosen(0, connect=(0.5, 3.0), deadline=(1.0, 5.0))
        self.assertEqual((0.5, 1.0), (chosen.connect, chosen.deadline))
        self.assertLess(chosen.slowest, 0.2)

    def test_deadlines_of_a_slow_service(self):
        for tool in ('curl', 'curl-each'):
            chosen = self.chosen(
                0.4, connect=(0.5, 3.0), deadline=(1.0, 5.0), tool=tool
            )
            # It connects quickly all the same.
            self.assertEqual(0.5, chosen.connect)
            self.assertGreaterEqual(chosen.slowest, 0.4)
            self.assertEqual(
                min(5.0, round(5 * chosen.slowest, 2)), chosen.deadline
            )

    def test_deadlines_of_a_service_slower_than_allowed(self):
        chosen = self.chosen(0.4, connect=(0.5, 3.0), deadline=(1.0, 1.2))
        self.assertEqual((0.5, 1.2), (chosen.connect, chosen.deadline))

    def test_the_upper_limit_of_the_deadlines_wins(self):
        chosen = self.chosen(0, connect=(0.5, 3.0), deadline=(1.0, 0.3))
        self.assertEqual((0.3, 0.3), (chosen.connect, chosen.deadline))
        self.assertEqual(4, chosen.lanes)

    def test_ends_after_its_lifetime(self):
        for tool, lifetime in (('curl', 0.5), ('curl', 3), ('curl-each', 3)):
            script = self.start(
                tool=tool, lifetime=lifetime, programs=(*self.programs, 'rm')
            )
            self.assertEqual(0, script.process.wait(20))
            self.assertFalse(os.path.exists(script.directory))

    def test_ends_when_its_directory_is_gone(self):
        for tool in ('curl', 'curl-each'):
            script = self.start(tool=tool)
            script.after_baseline(6)
            shutil.rmtree(script.directory)
            self.assertEqual(0, script.process.wait(10))
            self.assertFalse(os.path.exists(script.directory))
            self.assertEqual(set(), script.children())

    def test_survives_a_hangup(self):
        script = self.start()
        done = len(script.attempts(1))
        script.process.send_signal(1)
        self.assertGreater(len(script.attempts(done + 2)), done)

    def test_whole_seconds_where_sleep_knows_no_others(self):
        toolbox = self.useFixture(fixtures.TempDir()).path
        sleep = os.path.join(toolbox, 'sleep')
        real = shutil.which('sleep')
        with open(sleep, 'w') as target:
            target.write(
                '#!/bin/sh\ncase $1 in *.*) exit 1 ;; esac\n'
                f'exec {real} "$1"\n'
            )
        os.chmod(sleep, 0o755)
        script = self.start(
            tool='curl-each', programs=(('sleep', sleep), 'curl')
        )
        first, second = script.attempts(2)[:2]
        self.assertIn(' pause=whole ', script.log)
        self.assertAlmostEqual(1.0, second.start - first.start, delta=0.2)

    def test_proxy_is_not_asked(self):
        toolbox = self.useFixture(Toolbox(*self.programs))
        script = self.useFixture(
            Script(
                f'env http_proxy=http://127.0.0.1:9 {shutil.which("dash")}',
                toolbox.path + ':/usr/bin:/bin',
                self.server.url,
            )
        )
        self.assertEqual('ok', script.attempts(1)[0].result)
