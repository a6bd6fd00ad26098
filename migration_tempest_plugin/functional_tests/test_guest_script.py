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

import os
import shlex
import shutil
import statistics
import subprocess
import time

import fixtures
import testtools

from migration_tempest_plugin.functional_tests import metadata_server
from migration_tempest_plugin.guest import shell
from migration_tempest_plugin.meters import metadata_log

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
            name, target = (program if isinstance(program, tuple)
                            else (program, shutil.which(program)))
            os.symlink(target, os.path.join(self.path, name))


def busybox(*applets):
    """Programs for a Toolbox that are all busybox."""
    return [(applet, shutil.which('busybox')) for applet in applets]


def wait_until(condition, timeout=10):
    """Wait for something that nobody tells of: a file, an ended process."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError('not so within %g s' % timeout)
        time.sleep(0.02)


class Script(fixtures.Fixture):
    """The script, running."""

    def __init__(self, command, path, url, interval, deadline, lifetime):
        self._command = shlex.split(command)
        self._path = path
        self._arguments = [url] + ['%.2f' % number for number in (
            interval, 0.5, deadline, lifetime)]

    def _setUp(self):
        self.directory = self.useFixture(fixtures.TempDir()).join('meter')
        os.mkdir(self.directory)
        script = os.path.join(self.directory, 'script')
        with open(script, 'w') as target:
            target.write(shell.read_script('metadata_probe'))
        self.process = subprocess.Popen(
            self._command + [script, self.directory] + self._arguments,
            env={'PATH': self._path}, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True)
        self.addCleanup(self._stop)

    @property
    def log(self):
        return self._text('log')

    @property
    def reading(self):
        with open('/proc/uptime') as uptime:
            moment = float(uptime.read().split()[0])
        return metadata_log.parse(self.log, self._text('now'), moment)

    def _text(self, name):
        try:
            with open(os.path.join(self.directory, name)) as source:
                return source.read()
        except FileNotFoundError:
            return ''

    def attempts(self, number):
        """Wait for a number of attempts and return them."""
        wait_until(lambda: len(self.reading.attempts) >= number)
        return self.reading.attempts

    def _stop(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, 9)
        self.process.wait()


class ScriptTestCase(testtools.TestCase):
    """Starts the script; what with is said by subclasses."""

    command = 'dash'
    programs = ('sleep', 'curl')
    needs = ('dash', 'curl')

    def setUp(self):
        super().setUp()
        missing = [name for name in self.needs if not shutil.which(name)]
        if missing:
            self.skipTest('not installed: %s' % ', '.join(missing))
        self.server = self.useFixture(metadata_server.MetadataServer())

    def start(self, url=None, interval=0.1, deadline=1.0, lifetime=60,
              programs=None):
        programs = self.programs if programs is None else programs
        toolbox = self.useFixture(Toolbox(*programs))
        command = shlex.split(self.command)
        command[0] = shutil.which(command[0])
        return self.useFixture(Script(
            shlex.join(command), toolbox.path, url or self.server.url,
            interval, deadline, lifetime))


class TestDashCurl(ScriptTestCase):
    """dash and curl; the rest of what a script does is tried with these."""

    refused = 'rc7'
    not_found = 'http404'
    timed_out = ('rc28',)

    def test_answers_on_an_absolute_schedule(self):
        script = self.start()
        attempts = script.attempts(11)[:11]
        self.assertEqual({'ok'}, {attempt.result for attempt in attempts})
        self.assertEqual(list(range(1, 12)),
                         [attempt.sequence for attempt in attempts])
        # The time that an attempt takes is not added to the interval.
        self.assertAlmostEqual(1.0, attempts[10].start - attempts[0].start,
                               delta=0.15)
        steps = [after.start - before.start
                 for before, after in zip(attempts, attempts[1:])]
        self.assertAlmostEqual(0.1, statistics.median(steps), delta=0.03)
        self.assertEqual('/latest/meta-data/instance-id',
                         self.server.paths[0])

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
        self.server.refuse()
        script = self.start()
        failed = len(script.attempts(3))
        self.server.answer()
        attempts = script.attempts(failed + 3)
        self.assertEqual('ok', attempts[-1].result)
        wait_until(lambda: script.reading.now.state == 'ok')
        now = script.reading.now
        self.assertGreaterEqual(now.answered, 1)
        self.assertGreaterEqual(now.last_answered, attempts[failed].start)


class TestBusyboxCurl(TestDashCurl):
    """What CirrOS has."""

    command = 'busybox sh'
    programs = (*busybox('sleep'), 'curl')
    needs = ('busybox', 'curl')


class TestBashCurl(TestDashCurl):
    command = 'bash --posix'
    needs = ('bash', 'curl')


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
            'metadata_probe 1 pid=%d boot=%s tool=curl pause=fraction '
            'connect=0.50 deadline=1.00 interface=- ;'
            % (script.process.pid, boot), script.log.splitlines()[0])

    def test_says_that_there_is_no_tool(self):
        script = self.start(programs=('sleep',))
        self.assertEqual(1, script.process.wait(10))
        self.assertEqual(
            'error neither curl nor wget is installed in the guest: '
            'use an image that has one of them ;\n', script.log)

    def test_says_that_wget_can_not_do_link_local(self):
        script = self.start(url='http://[fe80::1%25@interface@]/',
                            programs=('sleep', 'wget'))
        self.assertEqual(1, script.process.wait(10))
        self.assertIn('a link-local address needs curl', script.log)

    def test_hang_is_seen_while_it_lasts(self):
        script = self.start(deadline=5)
        script.attempts(2)
        self.server.hang()
        wait_until(lambda: script.reading.under_way)
        time.sleep(0.5)
        reading = script.reading
        self.assertTrue(reading.hangs(0.4))
        self.assertFalse(reading.hangs(5))
        self.assertEqual(reading.attempts[-1].sequence + 1,
                         reading.under_way.sequence)

    def test_ends_after_its_lifetime(self):
        script = self.start(lifetime=0.5, programs=(*self.programs, 'rm'))
        self.assertEqual(0, script.process.wait(10))
        self.assertFalse(os.path.exists(script.directory))

    def test_ends_when_its_directory_is_gone(self):
        script = self.start()
        script.attempts(1)
        shutil.rmtree(script.directory)
        self.assertEqual(0, script.process.wait(10))
        self.assertFalse(os.path.exists(script.directory))

    def test_survives_a_hangup(self):
        script = self.start()
        done = len(script.attempts(1))
        script.process.send_signal(1)
        self.assertGreater(len(script.attempts(done + 2)), done)

    def test_whole_seconds_where_sleep_knows_no_others(self):
        toolbox = self.useFixture(fixtures.TempDir()).path
        sleep = os.path.join(toolbox, 'sleep')
        with open(sleep, 'w') as target:
            target.write('#!/bin/sh\ncase $1 in *.*) exit 1 ;; esac\n'
                         'exec %s "$1"\n' % shutil.which('sleep'))
        os.chmod(sleep, 0o755)
        script = self.start(programs=(('sleep', sleep), 'curl'))
        first, second = script.attempts(2)[:2]
        self.assertIn(' pause=whole ', script.log)
        self.assertAlmostEqual(1.0, second.start - first.start, delta=0.2)

    def test_proxy_is_not_asked(self):
        toolbox = self.useFixture(Toolbox(*self.programs))
        script = self.useFixture(Script(
            'env http_proxy=http://127.0.0.1:9 %s' % shutil.which('dash'),
            toolbox.path + ':/usr/bin:/bin', self.server.url, 0.1, 1, 60))
        self.assertEqual('ok', script.attempts(1)[0].result)
