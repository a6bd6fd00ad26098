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
"""The self-check, for real: as root, and as somebody who is not."""

import os
import subprocess
import sys

import fixtures
from tempest.common.utils import net_downtime
import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.functional_tests import command
from migration_tempest_plugin.functional_tests import sshd
from migration_tempest_plugin.functional_tests import test_guest_script
from migration_tempest_plugin.selfcheck import check
from migration_tempest_plugin.selfcheck import cost
from migration_tempest_plugin.selfcheck import guest
from migration_tempest_plugin.selfcheck import many
from migration_tempest_plugin.selfcheck import metadata
from migration_tempest_plugin.selfcheck import metadata_server
from migration_tempest_plugin.selfcheck import network

#: Runs the command as tempest does.
COMMAND = """
from unittest import mock
import sys
from migration_tempest_plugin.cmd import selfcheck
from migration_tempest_plugin.selfcheck import check
from migration_tempest_plugin.selfcheck import metadata
check.QUICK = check.Plan(0.05, 1, (0.3, 0.4), 0.1),
# This machine may be busy: how closely it looks then is tested by nothing.
metadata.QUICK = metadata.Plan(
    0.2, dict.fromkeys(metadata.KINDS, 10),
    (('refusal', 0.5), ('HTTP 503', 0.5)), 1.0),
app = mock.Mock(stdout=sys.stdout, stderr=sys.stderr)
command = selfcheck.Selfcheck(app, None)
sys.exit(command.run(command.get_parser('selfcheck').parse_args(sys.argv[1:])))
"""


class TestSelfcheck(testtools.TestCase):
    def setUp(self):
        super().setUp()
        reason = network.missing('setpriv', 'ping', 'curl')
        if reason:
            self.skipTest(reason)

    def test_many_targets(self):
        result = check.run(check.Plan(0.05, 20, (0.2, 0.3), 0.1), print)
        self.assertEqual(40, len(result.readings))
        self.assertTrue(result.good, check.text(result))
        self.assertGreater(result.cpu, 0)

    def test_what_many_targets_cost(self):
        result = many.run(many.Plan(300, 0.05, 1.0), print)
        self.assertTrue(result.good, many.text(result))
        self.assertEqual(300, len(result.timelines))
        # One after the other, each would take an interval and a look.
        self.assertLess(result.set_up, 300 * 0.05 / 3)
        self.assertLess(result.read, 300 * 0.05 / 3)
        self.assertGreater(result.sent, 0.9 * result.due)
        self.assertGreater(result.prober.share, 0)
        self.assertGreater(result.own.memory, result.prober.memory)

    def command(self, *prefix, options=()):
        with open(self.script(), 'w') as script:
            script.write(COMMAND)
        return subprocess.run(
            [*prefix, sys.executable, script.name, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def script(self):
        folder = self.useFixture(fixtures.TempDir()).path
        os.chmod(folder, 0o755)  # for nobody to read
        return folder + '/selfcheck.py'

    def test_as_root(self):
        done = self.command(options=['--beside-tempest'])
        self.assertEqual(0, done.returncode, done.stdout)
        self.assertIn("Tempest's meter says", done.stdout)
        self.assertIn('within one interval and 1 ms: 2 of 2', done.stdout)
        self.assertIn('bounds hold 2 of 2', done.stdout)

    def test_as_nobody(self):
        # No capability to read helps where a user namespace has none.
        if subprocess.run(
            [
                *command.AS_NOBODY,
                sys.executable,
                '-c',
                'import migration_tempest_plugin',
            ],
            cwd='/',
            stderr=subprocess.DEVNULL,
        ).returncode:
            self.skipTest(
                f"other users can't read {sys.executable}, or this plugin: "
                'let them read .tox (chmod o+rx) and all above it'
            )
        done = self.command(*command.AS_NOBODY)
        if 'unshare' in done.stdout:
            self.skipTest('no user namespaces here: ' + done.stdout)
        self.assertEqual(0, done.returncode, done.stdout)
        self.assertIn('within one interval and 1 ms: 2 of 2', done.stdout)
        self.assertIn('bounds hold 2 of 2', done.stdout)

    def test_nothing_to_work_with(self):
        done = self.command('env', 'PATH=/nowhere')
        self.assertEqual(1, done.returncode)
        self.assertIn(
            "can't run here: not installed: unshare, nsenter, ip", done.stdout
        )


class TestMetadata(testtools.TestCase):
    def setUp(self):
        super().setUp()
        reason = network.missing('curl')
        if reason:
            self.skipTest(reason)

    def test_each_kind_side_by_side(self):
        plan = metadata.Plan(
            0.2,
            dict.fromkeys(metadata.KINDS, 10),
            tuple((kind, 0.7) for kind in metadata.KINDS),
            2.0,
        )
        result = metadata.run(plan, print, net_downtime.MetadataDowntimeMeter)
        # The loop is there to be compared with: it is seen to be at work.
        self.assertEqual(3, result.ours.held, metadata.text(result))
        self.assertEqual(0, result.ours.false, metadata.text(result))
        for seen in (result.ours, result.loop):
            self.assertNotIn(None, [each.measured for each in seen.readings])
            self.assertGreater(seen.cost.cpu, 0)
            self.assertGreater(seen.cost.requests, 0)
        self.assertNotEqual(result.ours.method, result.loop.method)
        # Its curl waits for as long as TCP does: what hangs is answered.
        drop, refusal, error = result.tempest.seconds
        self.assertGreater(refusal, 0)
        self.assertGreater(error, 0)
        self.assertEqual(0, result.tempest.quiet)
        self.assertGreater(result.tempest.cost.cpu, 0)


#: Has a guest with a process in it, until it is killed.
GUEST = """
import time
from migration_tempest_plugin.selfcheck import guest, network
net = network.Network()
net.setUp()
local = guest.Guest(net.client)
local.setUp()
local.exec_command('sleep 600 >/dev/null &')
print('there', flush=True)
time.sleep(600)
"""


class TestGuest(testtools.TestCase):
    def setUp(self):
        super().setUp()
        reason = network.missing()
        if reason:
            self.skipTest(reason)

    def guest(self):
        net = self.useFixture(network.Network())
        return self.useFixture(guest.Guest(net.client))

    def test_a_command(self):
        local = self.guest()
        self.assertEqual('a b\n', local.exec_command('echo "a b"; echo c >&2'))
        error = self.assertRaises(
            exceptions.GuestError, local.exec_command, 'echo c >&2; exit 3'
        )
        self.assertIn('ended with 3 and said: c', str(error))

    def test_a_process_table_of_its_own(self):
        local = self.guest()
        local.exec_command('sleep 600 >/dev/null 2>&1 &')
        listed = local.exec_command('cat /proc/[0-9]*/comm').split()
        self.assertIn('sleep', listed)
        self.assertEqual(set(), {*listed} - {'sh', 'cat', 'sleep'})

    def test_no_proxy_of_this_machine(self):
        self.useFixture(
            fixtures.EnvironmentVariable('http_proxy', 'http://127.0.0.1:9')
        )
        self.assertNotIn('http_proxy', self.guest().exec_command('env'))

    def test_nothing_is_left_of_it_after_a_crash(self):
        process = subprocess.Popen(
            [sys.executable, '-c', GUEST], stdout=subprocess.PIPE, text=True
        )
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertEqual('there\n', process.stdout.readline())
        # Three hold a network; the guest has a first process, and that sleep.
        started = command.descendants(process)
        self.assertEqual(6, len(started))
        process.kill()
        test_guest_script.wait_until(
            lambda: not any(os.path.exists(f'/proc/{pid}') for pid in started)
        )


class TestRealGuest(testtools.TestCase):
    def setUp(self):
        super().setUp()
        reason = sshd.skip_reason('curl', 'busybox')
        if reason:
            self.skipTest(reason)
        self.guest = self.useFixture(sshd.Guest())

    def command(self, *words):
        return subprocess.run(
            [
                'nsenter',
                f'--net=/proc/{self.guest.pid}/ns/net',
                *command.line(
                    'selfcheck',
                    '--guest',
                    'root@127.0.0.1',
                    '--key',
                    self.guest.home + '/client_key',
                    *words,
                ),
            ],
            capture_output=True,
            text=True,
        )

    def test_what_it_costs(self):
        self.guest.run(f'ip address add {network.METADATA}/32 dev lo')
        self.useFixture(
            metadata_server.MetadataServer(
                network.METADATA, 80, self.guest.inside
            )
        )
        done = self.command('--no-host-key-check', '--seconds', '1')
        # The verdict is of a machine on which all else rests.
        self.assertIn(done.returncode, (0, 1), done.stderr)
        nothing, ours, loop = done.stdout.splitlines()[2:5]
        self.assertRegex(nothing, r'^  nothing +\d+\.\d %$')
        for row, name in ((ours, cost.OURS), (loop, cost.LOOP)):
            self.assertRegex(
                row, '^  ' + name + r' +\d+\.\d %.*%.* \d+\.\d ms +\d+  by '
            )
        self.assertEqual({}, self.guest.processes())

    def test_a_guest_that_can_not_be_reached(self):
        done = self.command('--known-hosts', '/dev/null')
        self.assertEqual((2, ''), (done.returncode, done.stdout))
        self.assertIn('the host key of root@127.0.0.1', done.stderr)
