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
"""The watch, beside outages that are made; and two sets of watches."""

import contextlib
import datetime
import importlib.resources
import json
import os
import pathlib
import re
import signal
import subprocess
import threading
import time

import fixtures
import testtools

from migration_tempest_plugin.functional_tests import command
from migration_tempest_plugin.functional_tests import services
from migration_tempest_plugin.functional_tests import sshd
from migration_tempest_plugin import measurement
from migration_tempest_plugin.recording import reader
from migration_tempest_plugin.recording import writer
from migration_tempest_plugin.report import recorded
from migration_tempest_plugin.report import source
from migration_tempest_plugin.selfcheck import metadata_server
from migration_tempest_plugin.selfcheck import network
from migration_tempest_plugin.watch import session

#: Seconds that anything here may take.
PATIENCE = 60


class Terminal(fixtures.Fixture):
    """Keeps all that is shown on it."""

    def _setUp(self):
        self._shown = ''
        self._changed = threading.Condition()
        self._ours, self.theirs = os.openpty()
        self.addCleanup(os.close, self._ours)
        self._reader = threading.Thread(target=self._read, daemon=True)

    def begin(self):
        """Read on until what was started has closed it."""
        os.close(self.theirs)
        self._reader.start()
        self.addCleanup(self._reader.join)

    def _read(self):
        with contextlib.suppress(OSError):  # nobody writes any more
            while data := os.read(self._ours, 1 << 16):
                with self._changed:
                    self._shown += data.decode(errors='replace')
                    self._changed.notify_all()

    def await_shown(self, pattern):
        """What came up to that, and no more than that."""
        with self._changed:
            found = self._changed.wait_for(
                lambda: re.search(pattern, self._shown), PATIENCE
            )
            if not found:
                raise AssertionError(
                    f'{pattern!r} is not in {self._shown[-2000:]!r}'
                )
            shown, self._shown = (
                self._shown[: found.end()],
                self._shown[found.end() :],
            )
            return shown


class WatchTest(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.record = self.folder / 'watch.json'
        self.samples = self.folder / 'watch.samples.gz'
        self.errors = ''

    def start(self, *words, prefix=(), **arguments):
        """Start a watch; ``errors`` is what it says until it ends."""
        watch = subprocess.Popen(
            # What runs these tests may have them ignored.
            [
                'env',
                '--default-signal=HUP,INT',
                *prefix,
                *command.line(
                    'watch', '--output', self.record, '--settle', '0.2', *words
                ),
            ],
            **{
                'stdout': subprocess.PIPE,
                'stderr': subprocess.PIPE,
                'text': True,
                **arguments,
            },
        )
        self.addCleanup(watch.wait)
        self.addCleanup(watch.kill)
        return watch

    def end(self, watch):
        """Its exit status, and its summary."""
        output, self.errors = watch.communicate(timeout=PATIENCE)
        return watch.returncode, output

    def forget(self):
        """The next one writes to the same files."""
        self.record.unlink()
        self.samples.unlink()

    def recorded(self):
        """The network's part of the record."""
        run = recorded.read_json(self.record.read_text())
        [(_, migration)] = run.migrations
        return migration['measurements'][0]

    def assert_same_outages(self, said, found):
        """The file of samples has those of a record, and maybe later ones."""
        self.assertGreaterEqual(len(found), len(said))
        for one, other in zip(said, found):
            # It has whole microseconds.
            for name in ('estimate', 'lower', 'upper', 'start'):
                self.assertAlmostEqual(one[name], other[name], 4)


class NetworkTest(WatchTest):
    """Targets behind a router that stops to forward."""

    def setUp(self):
        super().setUp()
        reason = network.missing('setpriv')
        if reason:
            self.skipTest(reason)
        self.network = self.useFixture(network.Network())
        self.go_on = self.folder / 'go-on'

    def watch(self, *words, **arguments):
        """Start it with a COMMAND that lasts until end_command()."""
        watch = self.start_in_client(*words, **arguments)
        self.assertEqual('COMMAND runs\n', watch.stderr.readline())
        return watch

    def start_in_client(self, *words, **arguments):
        """Up to where all have their baseline."""
        script = (
            'echo COMMAND runs; until [ -e "$0" ]; do sleep 0.05; '
            'done; exit "$1"'
        )
        with self.network.client():
            watch = self.start(
                network.SERVER,
                *words,
                '--',
                'sh',
                '-c',
                script,
                self.go_on,
                '0',
                **arguments,
            )
        self.await_start(watch)
        return watch

    def await_start(self, watch):
        """Wait until all have their baseline."""
        self.assertEqual(
            f'watching {network.SERVER}\n', watch.stderr.readline()
        )

    def end_command(self, watch):
        self.go_on.touch()
        ended = self.end(watch)
        self.go_on.unlink()
        return ended

    def outage(self, seconds):
        with self.network.outage() as injected:
            time.sleep(seconds)
        return injected


class TestNetwork(NetworkTest):
    def test_an_outage_is_measured_and_told(self):
        watch = self.watch('--interval', '0.01')
        injected = self.outage(0.4)
        told = watch.stderr.readline()
        status, output = self.end_command(watch)
        self.assertEqual(0, status, self.errors)
        self.assertRegex(
            told,
            rf'^\d\d:\d\d:\d\d\.\d{{3}}  {network.SERVER} ping: was down '
            r'for 0\.[34]',
        )
        self.assertRegex(output, r'network +0\.[34]')
        [outage] = self.recorded()['outages']
        self.assertLessEqual(outage['lower'], injected.upper)
        self.assertGreaterEqual(outage['upper'], injected.lower)

    def test_on_a_terminal(self):
        """What is now, and that nothing can be told once it can't."""
        terminal = self.useFixture(Terminal())
        with self.network.client():
            watch = self.start(
                network.SERVER,
                '--interval',
                '0.01',
                stderr=terminal.theirs,
                env={**os.environ, 'TERM': 'xterm', 'COLUMNS': '120'},
            )
        terminal.begin()
        shown = [terminal.await_shown(' ping .* up ') for _ in range(4)]
        with self.network.outage():
            # From half a second on: a busy machine may show it later.
            shown.append(
                terminal.await_shown(r'DOWN for (0\.[5-9]|[1-9]\d*\.\d) s')
            )
        shown += [
            terminal.await_shown(r'ping: was down for \d+\.\d+ s'),
            terminal.await_shown(' ping .* up .* 1 '),
        ]
        self.assertNotIn('LOST', ''.join(shown))
        [prober] = command.children(watch)
        os.kill(prober, signal.SIGKILL)
        terminal.await_shown('ping: LOST: .* ended in the middle')
        watch.send_signal(signal.SIGINT)
        status, output = self.end(watch)
        self.assertEqual(1, status)
        self.assertIn('NO MEASUREMENT', output)

    def test_a_limit_that_is_not_kept(self):
        for allowed, wanted in (('0.1', 1), ('5', 0)):
            watch = self.watch('--allowed-network-downtime', allowed)
            self.outage(0.3)
            status, output = self.end_command(watch)
            self.assertEqual(wanted, status, output + self.errors)
            self.assertEqual(
                bool(wanted),
                'longer than the 0.1 s that '
                '--allowed-network-downtime allows' in output,
                output,
            )
            self.forget()

    def test_a_limit_that_can_not_be_checked(self):
        for words, wanted in (((), 1), (('--accept-unchecked-limits',), 0)):
            watch = self.watch(
                '--allowed-network-downtime', '0.001', '--settle', '0', *words
            )
            status, output = self.end_command(watch)
            self.assertEqual(wanted, status, output + self.errors)
            self.assertIn(
                'NOT CHECKED: network downtime: nothing seen; the '
                'limit of 0.001 s (--allowed-network-downtime)',
                output,
            )
            self.assertEqual(
                bool(wanted),
                '--accept-unchecked-limits lets pass' in self.errors,
                self.errors,
            )
            measured = self.recorded()
            self.assertEqual(
                (0.0, measured['resolution']),
                (measured['total']['lower'], measured['total']['upper']),
            )
            self.forget()

    def test_still_down_at_the_end(self):
        watch = self.watch('--recovery', '0.5')
        with self.network.outage():
            status, output = self.end_command(watch)
        self.assertEqual(1, status)
        self.assertIn('is still down', output)
        self.assertIn('no_measurement', self.recorded())

    def test_it_waits_for_what_is_down(self):
        """COMMAND may be over before what it has done is."""
        watch = self.watch('--recovery', str(PATIENCE))
        with self.network.outage():
            self.go_on.touch()
            time.sleep(1.5)  # so long is the outage at least
        status, output = self.end(watch)
        self.assertEqual(0, status, output + self.errors)
        self.assertGreater(self.recorded()['total']['lower'], 1.0)

    def test_a_terminal_that_is_closed(self):
        """What was measured is recorded all the same."""
        watch = self.watch()
        self.outage(0.2)
        watch.stdout.close()
        watch.stderr.close()
        watch.send_signal(signal.SIGHUP)
        watch.wait(PATIENCE)
        self.assertEqual(1, len(self.recorded()['outages']))

    def test_a_command_that_fails(self):
        with self.network.client():
            status, _ = self.end(
                self.start(network.SERVER, '--', 'sh', '-c', 'exit 7')
            )
        self.assertEqual(3, status)
        self.assertIn('sh ended with 7', self.errors)

    def test_ctrl_c(self):
        """Without COMMAND, it goes on until then."""
        with self.network.client():
            watch = self.start(network.SERVER)
        self.await_start(watch)
        injected = self.outage(0.2)
        self.assertIn('was down', watch.stderr.readline())
        watch.send_signal(signal.SIGINT)
        status, output = self.end(watch)
        self.assertEqual(0, status, self.errors)
        self.assertGreaterEqual(
            self.recorded()['longest']['upper'], injected.lower
        )

    def test_a_signal_to_its_whole_group(self):
        """As timeout(1) and a terminal that is closed send them."""
        for number in signal.SIGTERM, signal.SIGHUP, signal.SIGINT:
            self.record = self.folder / f'{number:d}.json'
            with self.network.client():
                watch = self.start(network.SERVER, start_new_session=True)
            self.await_start(watch)
            injected = self.outage(0.2)
            self.assertIn('was down', watch.stderr.readline())
            os.killpg(watch.pid, number)
            status, output = self.end(watch)
            self.assertEqual(0, status, self.errors + output)
            self.assertGreaterEqual(
                self.recorded()['longest']['upper'], injected.lower
            )

    def test_under_nohup(self):
        with self.network.client():
            watch = self.start(network.SERVER, prefix=('nohup',))
        self.await_start(watch)
        watch.send_signal(signal.SIGHUP)
        self.outage(0.2)
        self.assertIn('was down', watch.stderr.readline())
        watch.send_signal(signal.SIGTERM)
        status, _ = self.end(watch)
        self.assertEqual(0, status, self.errors)
        self.assertEqual(1, len(self.recorded()['outages']))

    def test_one_more_ctrl_c(self):
        """While it writes down what it has seen."""
        with self.network.client():
            watch = self.start(network.SERVER)
        self.await_start(watch)
        self.outage(0.2)
        self.assertIn('was down', watch.stderr.readline())
        while watch.poll() is None:
            watch.send_signal(signal.SIGINT)
            time.sleep(0.02)
        # Once it is written down, Python itself may be interrupted: how it
        # ends then says nothing.
        self.end(watch)
        self.assertEqual(1, len(self.recorded()['outages']))

    def test_killed(self):
        """What was seen a second before is there."""
        watch = self.watch('--interval', '0.01')
        injected = self.outage(0.4)
        told = watch.stderr.readline()
        time.sleep(2 * writer.EVERY)  # what it may lose, and as much again
        watch.kill()
        self.end(watch)
        self.assertFalse(self.record.exists())
        run = source.run(self.samples)
        [problem] = run.problems
        self.assertIn('ends in the middle', problem)
        [(_, migration)] = run.migrations
        [outage] = migration['measurements'][0]['outages']
        self.assertIn(f'{outage["estimate"]:.3f} s', told)
        self.assertLessEqual(outage['lower'], injected.upper)
        self.assertGreaterEqual(outage['upper'], injected.lower)

    def test_all_of_it_is_in_the_samples(self):
        """What follows from them is what the watch said itself."""
        watch = self.watch('--interval', '0.01')
        self.outage(0.2)
        self.outage(0.3)
        self.end_command(watch)
        run = source.run(self.samples)
        self.assertEqual((), run.problems)
        [(_, migration)] = run.migrations
        [again], said = migration['measurements'], self.recorded()
        self.assertEqual(len(said['outages']), len(again['outages']))
        self.assert_same_outages(said['outages'], again['outages'])
        self.assertEqual(said['failures'], again['failures'])

    def test_a_part_of_it(self):
        """What was before a time of day, and what came after it."""
        watch = self.watch('--interval', '0.01')
        self.outage(0.1)
        while 'was down for' not in watch.stderr.readline():
            self.assertIsNone(watch.poll())
        between = datetime.datetime.now().isoformat(' ')
        self.outage(1.0)
        self.end_command(watch)
        limit = ('--allowed-longest-network-outage', '0.6')
        for words, status, outages in (
            (limit, 1, 2),
            (('--to', between, *limit), 0, 1),
            (('--from', between, *limit), 1, 1),
            (('--from', between), 0, 1),
        ):
            done = subprocess.run(
                command.line(
                    'summary', '--json', '--subunit', self.samples, *words
                ),
                capture_output=True,
                text=True,
            )
            self.assertEqual(
                status, done.returncode, (words, done.stdout, done.stderr)
            )
            [(_, migration)] = recorded.read_json(done.stdout).migrations
            [seen] = migration['measurements']
            self.assertEqual(outages, len(seen['outages']), words)

    def test_this_machine_is_cut_off(self):
        """What fails then is unobserved; an outage of the target is none."""
        watch = self.watch('--interval', '0.01')
        with self.network.client_cut_off():
            time.sleep(0.5)
        said = watch.stderr.readline() + watch.stderr.readline()
        self.assertIn('this machine itself was cut off for 0.', said)
        self.assertIn('10.77.1.1 did not answer', said)
        self.outage(0.2)
        self.assertIn('was down for', watch.stderr.readline())
        status, output = self.end_command(watch)
        self.assertEqual(0, status, self.errors)
        self.assertIn('what failed then is unobserved: ', self.errors)
        again = subprocess.run(
            command.line('summary', '--json', '--subunit', self.samples),
            capture_output=True,
            text=True,
            check=True,
        )
        for text in (self.record.read_text(), again.stdout):
            run = recorded.read_json(text)
            [(_, migration)] = run.migrations
            [network] = migration['measurements']
            [outage] = network['outages']
            self.assertLess(outage['upper'], 0.4)
            self.assertGreater(network['unobserved'], 0.4)
            self.assertIn(' to ', run.facts['run']['cut_off'])

    def test_no_control(self):
        for named in ('none', network.NOBODY):
            watch = self.start_in_client('--control', named)
            if named != 'none':
                self.assertRegex(
                    watch.stderr.readline(),
                    'not known when this machine itself is cut off: '
                    rf'{network.NOBODY} did not answer a ping within 3 s',
                )
            self.assertEqual('COMMAND runs\n', watch.stderr.readline())
            status, _ = self.end_command(watch)
            self.assertEqual(0, status, self.errors)
            self.forget()

    def test_what_is_done_meanwhile(self):
        """It is said in another terminal, and outages are grouped by it."""
        watch = self.watch('--interval', '0.01')
        self.outage(0.2)
        self.assertIn('was down for', watch.stderr.readline())
        subprocess.run(
            command.line('mark', 'upgraded', 'it', '--output', self.record),
            check=True,
        )
        self.assertRegex(
            watch.stderr.readline(), r'^\d\d:\d\d:\d\d\.\d{3}  upgraded it\n'
        )
        self.outage(0.2)
        self.assertIn('was down for', watch.stderr.readline())
        status, output = self.end_command(watch)
        self.assertEqual(0, status, self.errors)
        self.assertFalse((self.folder / 'watch.marks').exists())
        again = subprocess.run(
            command.line('summary', '--subunit', self.samples),
            capture_output=True,
            text=True,
            check=True,
        )
        for said in (output, again.stdout):
            self.assertRegex(
                said,
                r'of which +0\.\d+ s .* in 1 outage, after "sh runs"\n'
                r' +of which +0\.\d+ s .* in 1 outage, after "upgraded it"\n',
            )

    def test_a_full_disk(self):
        """It ends the file of samples, with a word on it."""
        small = self.folder / 'small'
        small.mkdir()
        subprocess.run(
            ['mount', '-t', 'tmpfs', '-o', 'size=4k', 'small', small],
            check=True,
        )
        self.addCleanup(subprocess.run, ['umount', small], check=True)
        self.record = small / 'watch.json'
        watch = self.watch('--interval', '0.001')
        self.outage(0.3)
        while 'No space left on device' not in watch.stderr.readline():
            self.assertIsNone(watch.poll())
        (small / 'watch.samples.gz').unlink()
        status, output = self.end_command(watch)
        self.assertRegex(output, r'network +0\.[234]')

    def test_no_process_is_left(self):
        watch = self.watch()
        processes = command.children(watch)
        self.assertEqual(2, len(processes))  # COMMAND and the prober
        watch.send_signal(signal.SIGTERM)
        self.end(watch)
        for child in processes:
            self.assertFalse(os.path.exists(f'/proc/{child}'))

    def test_no_right_and_no_ping(self):
        (self.folder / 'bin').mkdir()
        # Others are to be able to record there.
        self.folder.chmod(0o777)
        with self.network.client():
            watch = self.start(
                network.SERVER,
                prefix=(
                    *command.AS_READER,
                    'env',
                    f'PATH={self.folder}/bin',
                ),
            )
        status, output = self.end(watch)
        self.assertEqual((2, ''), (status, output))
        [said] = self.errors.splitlines()
        self.assertIn('no ICMP socket may be opened here', said)
        self.assertIn('net.ipv4.ping_group_range', said)
        self.assertIn("ping can't be started", said)

    def test_nobody_answers(self):
        with self.network.client():
            status, output = self.end(self.start(network.NOBODY))
        self.assertEqual((2, ''), (status, output))
        self.assertFalse(self.samples.exists())
        self.assertIn(
            f'{network.NOBODY} did not answer a ping within', self.errors
        )

    def test_compared(self):
        """What is 300 ms longer is found; the same is found the same."""
        files, samples = {}, {}
        for kind, seconds in (('before', 0.1), ('after', 0.4)):
            for number in range(5):
                watch = self.watch('--interval', '0.01')
                self.outage(seconds)
                self.assertEqual(0, self.end_command(watch)[0])
                for made, kept in (
                    (self.record, files),
                    (self.samples, samples),
                ):
                    name = f'{kind}-{number}-{made.name}'
                    kept.setdefault(kind, []).append(
                        made.rename(self.folder / name)
                    )
        page = self.folder / 'page.html'
        status, said = self.compare(
            files['before'], files['after'], '--html', page
        )
        self.assertEqual(1, status, said)
        self.assertTrue(said.startswith('WORSE: network in watch'), said)
        self.assertIn('WORSE', page.read_text())
        status, said = self.compare(files['before'], files['after'], '--json')
        [network_shift] = [
            each['shift'] for each in json.loads(said)['compared']
        ]
        self.assertTrue(0.25 < network_shift < 0.35, network_shift)
        for kind in files:
            status, said = self.compare(files[kind], files[kind])
            self.assertEqual(0, status, said)
            self.assertTrue(said.startswith('NOT WORSE'), said)
        # The samples say the same.
        status, said = self.compare(samples['before'], samples['after'])
        self.assertEqual(1, status, said)
        self.assertTrue(said.startswith('WORSE: network in watch'), said)

    def compare(self, before, after, *words):
        done = subprocess.run(
            command.line(
                'compare',
                before[0],
                after[0],
                *words,
                *(
                    f'--more-{side}={path}'
                    for side, paths in (('before', before), ('after', after))
                    for path in paths[1:]
                ),
            ),
            capture_output=True,
            text=True,
        )
        self.assertEqual('', done.stderr)
        return done.returncode, done.stdout


class TestServices(WatchTest):
    """An HTTP server, its port, and a DNS server, behind a router."""

    def setUp(self):
        super().setUp()
        reason = network.missing('nft')
        if reason:
            self.skipTest(reason)
        self.network = self.useFixture(network.Network())
        with self.network.server():
            self.http = self.useFixture(services.Http(network.SERVER))
            self.dns = self.useFixture(
                services.Dns(network.SERVER, 'vip.example')
            )
        self.url = f'http://{network.SERVER}:{self.http.port}/'
        self.port = f'{network.SERVER}:{self.http.port}'
        self.name = f'vip.example@{network.SERVER}:{self.dns.port}'

    def watch(self, *words, **arguments):
        with self.network.client():
            watch = self.start(
                *('--service-interval', '0.05', '--service-deadline', '0.5'),
                *words,
                **arguments,
            )
        while 'watching' not in (said := watch.stderr.readline()):
            self.assertIsNone(watch.poll(), said)
        return watch

    def await_said(self, watch, pattern):
        while not re.search(pattern, said := watch.stderr.readline()):
            self.assertIsNone(watch.poll(), said)
        return said

    def test_each_has_its_own_outages(self):
        listed = self.folder / 'targets'
        listed.write_text(f'{self.url} # the VIP\n{self.name}\n')
        watch = self.watch(
            self.port,
            *('--targets', listed, '--allowed-http-downtime', '0.2'),
            *('--allowed-connect-downtime', '1'),
        )
        with network.inject(
            lambda: setattr(self.http, 'status', 503),
            lambda: setattr(self.http, 'status', 200),
        ) as injected:
            self.await_said(watch, 'HTTP: is down: HTTP 503 Service Unav')
            time.sleep(0.4)
        self.await_said(watch, 'HTTP: was down for .*: HTTP 503')
        watch.send_signal(signal.SIGINT)
        status, output = self.end(watch)
        self.assertEqual(1, status, self.errors)
        for line in (
            r'limit +--allowed-http-downtime 0\.2 s: not kept',
            r'limit +--allowed-connect-downtime 1 s: kept',
            r'http +0\.\d+ s .* in 1 outage; \d+ x HTTP 503',
        ):
            self.assertEqual(1, len(re.findall(line, output)), output)
        run = recorded.read_json(self.record.read_text())
        seen = {
            migration['server']: migration['measurements'][0]
            for _, migration in run.migrations
        }
        self.assertEqual(
            [(self.port, 'connect'), (self.url, 'http'), (self.name, 'dns')],
            [(name, each['what']) for name, each in seen.items()],
        )
        self.assertEqual([], seen[self.port]['outages'])
        self.assertEqual([], seen[self.name]['outages'])
        [outage] = seen[self.url]['outages']
        self.assertLessEqual(outage['lower'], injected.upper)
        self.assertGreaterEqual(outage['upper'], injected.lower)
        self.assertEqual('HTTP 503 Service Unavailable', outage['why'])
        self.assert_samples_say_the_same(seen)

    def assert_samples_say_the_same(self, seen):
        again = subprocess.run(
            command.line(
                *('summary', '--json', '--subunit', self.samples),
                *('--allowed-http-downtime', '0.2'),
            ),
            capture_output=True,
            text=True,
        )
        self.assertEqual(1, again.returncode, again.stderr)
        for _, migration in recorded.read_json(again.stdout).migrations:
            [found] = migration['measurements']
            told = seen[migration['server']]
            self.assertEqual(told['what'], found['what'])
            self.assert_same_outages(told['outages'], found['outages'])
            self.assertEqual(
                ['http'] * (found['what'] == 'http'),
                [each['what'] for each in migration['limits']],
            )

    def test_this_machine_is_cut_off(self):
        watch = self.watch(self.url, self.port, self.name, '--kept')
        with self.network.client_cut_off():
            time.sleep(1)
        self.await_said(watch, 'this machine itself was cut off for ')
        with network.inject(
            lambda: setattr(self.http, 'status', 500),
            lambda: setattr(self.http, 'status', 200),
        ):
            self.await_said(watch, 'HTTP: is down: HTTP 500')
        self.await_said(watch, 'HTTP: was down for .*: HTTP 500')
        watch.send_signal(signal.SIGINT)
        status, _ = self.end(watch)
        self.assertEqual(0, status, self.errors)
        run = recorded.read_json(self.record.read_text())
        measured = [
            each
            for _, migration in run.migrations
            for each in migration['measurements']
        ]
        self.assertEqual(
            ['http', 'kept', 'connect', 'kept', 'dns'],
            [each['what'] for each in measured],
        )
        for each in measured:
            of_url = each['target'] == self.url
            self.assertEqual(int(of_url), len(each['outages']))
            # One that is kept was answered after it, since it waited so long.
            if of_url or each['what'] != 'kept':
                self.assertGreater(each['unobserved'], 0.7)

    def test_events(self):
        watch = self.watch(self.name, '--json-lines')
        self.dns.code = 2  # SERVFAIL
        events = map(json.loads, watch.stdout)
        down = next(each for each in events if each['event'] == 'down')
        self.assertEqual(
            (self.name, 'dns', 'SERVFAIL'),
            (down['target'], down['what'], down['why']),
        )
        self.dns.code = None
        over = next(each for each in events if each['event'] == 'outage')
        self.assertEqual('SERVFAIL', over['why'])
        self.assertGreater(over['upper'], over['lower'])

    def test_it_never_answers_well(self):
        self.http.status = 404
        with self.network.client():
            watch = self.start(self.url)
        status, output = self.end(watch)
        self.assertEqual((2, ''), (status, output))
        [said] = self.errors.splitlines()
        self.assertIn(f'{self.url} gave no good answer within 10 s', said)
        self.assertIn('failed: HTTP 404 Not Found', said)
        self.assertFalse(self.samples.exists())

    def test_nothing_takes_a_right(self):
        """Who may not ping may ask services."""
        self.folder.chmod(0o777)
        watch = self.watch(self.url, '--', 'true', prefix=command.AS_READER)
        status, output = self.end(watch)
        self.assertEqual(0, status, self.errors)
        self.assertIn('http             no outage longer than', output)


class TestGuest(WatchTest):
    """A guest whose clock is asked for by SSH."""

    def setUp(self):
        super().setUp()
        reason = sshd.skip_reason()
        if reason:
            self.skipTest(reason)
        self.guest = self.useFixture(sshd.Guest())

    def watch(self, *words):
        return self.start(
            '--ssh',
            'root@127.0.0.1',
            '--key',
            self.guest.home + '/client_key',
            *words,
            prefix=('nsenter', f'--net=/proc/{self.guest.pid}/ns/net'),
        )

    def test_clock_and_connection(self):
        status, output = self.end(
            self.watch('--no-host-key-check', '--', 'sleep', '1')
        )
        self.assertEqual(0, status, self.errors)
        [(_, migration)] = recorded.read_json(
            self.record.read_text()
        ).migrations
        self.assertEqual(
            ['network', 'tcp'],
            [each['what'] for each in migration['measurements']],
        )
        self.assertGreater(migration['guest_clock']['beats'], 20)
        self.assertEqual({}, self.guest.processes())
        # The samples say the same.
        [(_, again)] = source.run(self.samples).migrations
        beats = migration['guest_clock']['beats']
        self.assertGreaterEqual(again['guest_clock']['beats'], beats)
        self.assertAlmostEqual(
            migration['guest_clock']['resolution'],
            self.clock(beats).resolution,
            places=4,
        )
        stalls, read = migration['measurements'][1], again['measurements'][1]
        self.assertAlmostEqual(stalls['deadline'], read['deadline'])
        self.assert_same_outages(stalls['outages'], read['outages'])

    def clock(self, beats):
        """The guest's clock by the first beats of the file of samples.

        The record was made before the last ones came: each last one says more
        or less sharply than the one before it that the clock went on.
        """
        file = reader.read(self.samples)
        [stream] = [each for each in file.streams if each.stream.what == 'tcp']
        known = file.clock(stream, file.timeline(stream)).beats
        self.assertGreaterEqual(len(known), beats)
        return measurement.GuestClock(known[:beats])

    def begin(self):
        """Start it, up to where it watches."""
        watch = self.watch('--no-host-key-check')
        self.assertEqual('watching 127.0.0.1\n', watch.stderr.readline())
        return watch

    def await_said(self, watch, text):
        """Read on up to a line. Of a busy machine, others come before it."""
        give_up = time.monotonic() + PATIENCE
        said = []
        while not said or text not in said[-1]:
            said.append(watch.stderr.readline())
            self.assertNotEqual('', said[-1], said)
            self.assertLess(time.monotonic(), give_up, said)

    def test_killed(self):
        """A stall that was seen a second before is there."""
        watch = self.begin()
        # The watch runs there, too.
        pids = [
            pid
            for pid, words in self.guest.processes().items()
            if words.endswith(f' heartbeat {session.LIFETIME}')
        ]
        self.assertNotEqual([], pids)
        began = time.monotonic()
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(1.5)  # how long it is to be
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        self.await_said(watch, '127.0.0.1 TCP: was down')
        most = time.monotonic() - began
        time.sleep(2 * writer.EVERY)  # what it may lose, and as much again
        watch.kill()
        self.end(watch)
        [(_, migration)] = source.run(self.samples).migrations
        # A busy machine answers late at other times, too.
        outage = max(
            migration['measurements'][1]['outages'],
            key=lambda each: each['upper'],
        )
        self.assertLessEqual(outage['lower'], most)
        self.assertGreaterEqual(outage['upper'], 1.5)
        self.assertEqual([], migration['guest_clock']['stops'])

    def test_the_connection_is_lost(self):
        """Of what goes on, the rest is there."""
        watch = self.begin()
        self.guest.end_sessions()
        self.await_said(watch, '127.0.0.1 TCP: LOST')
        time.sleep(2 * writer.EVERY)
        lost = time.time()
        watch.send_signal(signal.SIGINT)
        status, _ = self.end(watch)
        self.assertEqual(1, status, self.errors)
        [(_, migration)] = source.run(self.samples).migrations
        pings, connection = migration['measurements']
        self.assertIn('did not survive', connection['no_measurement'])
        self.assertGreater(connection['timeline']['successes'], 0)
        self.assertGreater(pings['wall_start'] + pings['observed'], lost - 0.5)

    def test_metadata(self):
        """It is shown while it goes on, and is there after a kill -9."""
        self.guest.run('ip address add 169.254.169.254/32 dev lo')
        server = self.useFixture(
            metadata_server.MetadataServer(
                '169.254.169.254', 80, self.guest.inside
            )
        )
        watch = self.watch('--no-host-key-check', '--metadata')
        self.assertEqual('watching 127.0.0.1\n', watch.stderr.readline())
        began = time.monotonic()
        server.refuse()
        time.sleep(1.5)  # how long it is to be
        server.answer()
        self.await_said(watch, '127.0.0.1 metadata: was down')
        most = time.monotonic() - began
        time.sleep(2 * writer.EVERY)
        watch.kill()
        self.end(watch)
        [(_, migration)] = source.run(self.samples).migrations
        metadata = migration['measurements'][2]
        self.assertEqual(
            ('metadata', 'tester'), (metadata['what'], metadata['clock'])
        )
        [outage] = metadata['outages']
        self.assertLessEqual(outage['lower'], most)
        self.assertGreaterEqual(outage['upper'], 1.5)

    def test_its_host_key_is_checked(self):
        known = self.folder / 'known_hosts'
        known.touch()
        status, _ = self.end(self.watch('--known-hosts', known))
        self.assertEqual(2, status)
        self.assertRegex(
            self.errors,
            r'the host key of root@127\.0\.0\.1 '
            r'.*SHA256:.* is not in',
        )
        self.assertFalse(self.record.exists())


class TestScriptsAreThere(testtools.TestCase):
    """What is read from the package at run time is in the package."""

    def test_schema_and_templates(self):
        for package, name in (
            ('migration_tempest_plugin.report', 'schema/migration.json'),
            ('migration_tempest_plugin.report.page', 'templates/report.html'),
        ):
            self.assertTrue(
                (importlib.resources.files(package) / name).is_file(), name
            )
