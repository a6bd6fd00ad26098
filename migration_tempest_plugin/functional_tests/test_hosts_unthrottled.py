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
"""Auto-converge held off over a real sshd, by a virsh with a QEMU of files."""

import contextlib
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import fixtures
import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.functional_tests import sshd
from migration_tempest_plugin.functional_tests import test_hosts_events
from migration_tempest_plugin.functional_tests import test_hosts_ssh
from migration_tempest_plugin.hosts import libvirt
from migration_tempest_plugin.hosts import ssh
from migration_tempest_plugin.starlingx import policy
from migration_tempest_plugin.starlingx import settings

SERVER = '5f0c2f0e-9f8b-4a57-8f0c-0f1f3f6c7a91'

BEFORE = {
    'cpu-throttle-initial': 22,
    'cpu-throttle-increment': 12,
    'max-cpu-throttle': 92,
}
HELD = dict.fromkeys(BEFORE, 1)

#: It has a server while there is a file of that name, which is migrated while
#: the file "job" says so. What it is asked goes to "asked". Where there is
#: "away", it can't reach libvirt; with "refuses", QEMU takes no parameters.
VIRSH = r"""#!/bin/sh
cd %s
[ "$1" = --quiet ] || exit 9
shift
printf '%%s\n' "$*" >> asked
fail() {
    echo "error: $1" >&2
    exit 1
}
[ ! -e away ] || fail 'failed to connect to the hypervisor'
if [ "$1" = list ]; then
    [ ! -e server ] || cat server
    exit
fi
[ -e server ] && [ "$2" = "$(cat server)" ] || fail 'failed to get domain'
case $1 in
domjobinfo) printf 'Job type: %%s\n\nmemory_total: 4096\n' "$(cat job)" ;;
migrate-getmaxdowntime) echo 300 ;;
qemu-monitor-command)
    case $3 in
    *query-migrate-capabilities*)
        echo '{"return":[{"capability":"auto-converge","state":true}]}'
        ;;
    *query-migrate-parameters*)
        printf '{"return":%%s,"id":"libvirt-7"}\n' "$(cat values)"
        ;;
    *migrate-set-parameters*)
        if [ -e refuses ]; then
            echo '{"id":"libvirt-8","error":{"class":"E","desc":"not now"}}'
            exit
        fi
        echo "$3" | sed 's/.*"arguments": \({.*}\)}$/\1/' > new
        mv new values
        echo '{"return":{},"id":"libvirt-8"}'
        ;;
    esac
    ;;
esac
"""

#: Holds a server until it is killed.
CLIENT = """
import json, sys
from migration_tempest_plugin.hosts import libvirt, ssh
access, virsh, server = map(json.loads, sys.argv[1:])
client = libvirt.Libvirt(ssh.Host(ssh.Access(**access)), virsh)
held = client.unthrottled(server)
print('held', flush=True)
sys.stdin.read()
"""

#: What the script takes from PATH.
PROGRAMS = ('sh', 'cat', 'sleep')


class Cloud:
    """Has a migration of a server that is not to be slowed down."""

    def __init__(self):
        self.running = [policy.Migration(3, SERVER, 'compute1')]

    def migrations(self):
        return self.running

    def look_ahead(self):
        pass

    def sources(self, server):
        return settings.Sources(flavor={settings.AUTO_CONVERGE: 'no'})


class Unthrottled:
    """The cases; each shell has them."""

    def setUp(self):
        super().setUp()
        self.state = self.useFixture(fixtures.TempDir())
        self.write('server', SERVER + '\n')
        self.write('job', '2')
        self.write('values', json.dumps(BEFORE))
        self.virsh = (self.program('virsh', VIRSH % self.state.path),)
        path = self.useFixture(fixtures.TempDir())
        for name, program in self.programs.items():
            os.symlink(shutil.which(program), path.join(name))
        self.access = self.describe(
            become=('env', f'PATH={path.path}:/usr/bin:/bin')
        )

    def write(self, name, text=''):
        # As a whole: it is read at any time.
        path = self.state.join(name)
        with open(path + '.new', 'w') as file:
            file.write(text)
        os.rename(path + '.new', path)

    def remove(self, name):
        os.unlink(self.state.join(name))

    def values(self):
        """What QEMU has."""
        with open(self.state.join('values')) as file:
            return json.load(file)

    def asked(self, command):
        """How often virsh was asked for something."""
        with open(self.state.join('asked')) as file:
            return sum(line.startswith(command) for line in file)

    def wait_until(self, condition):
        give_up = time.monotonic() + 15
        while not condition():
            self.assertLess(
                time.monotonic(),
                give_up,
                f'not so within 15 s: {self.values()} {self.sshd.processes()}',
            )
            time.sleep(0.02)

    def wait_until_nothing_runs(self):
        self.wait_until(lambda: not self.sshd.processes())

    def hold(self):
        client = libvirt.Libvirt(ssh.Host(self.access), self.virsh)
        self.addCleanup(client.host.close)
        held = self.sshd.inside(lambda: client.unthrottled(SERVER))
        self.assertEqual(HELD, self.values())
        return held

    def test_the_shell(self):
        host = ssh.Host(self.access)
        self.addCleanup(host.close)
        self.assertEqual(
            os.path.realpath(shutil.which(self.programs['sh'])),
            self.sshd.inside(
                lambda: host.exec_command('readlink -f /proc/$$/exe')
            ).strip(),
        )

    def test_closed(self):
        held = self.hold()
        self.assertFalse(held.over)
        held.close()
        self.assertEqual(BEFORE, self.values())
        self.wait_until_nothing_runs()

    def test_connection_lost(self):
        held = self.hold()
        self.sshd.end_sessions()
        self.wait_until(lambda: self.values() == BEFORE)
        self.wait_until_nothing_runs()
        self.wait_until(lambda: held.over)
        held.close()

    def test_client_killed(self):
        client = subprocess.Popen(
            [
                'nsenter',
                f'--net=/proc/{self.sshd.pid}/ns/net',
                sys.executable,
                '-c',
                CLIENT,
                json.dumps(dataclasses.asdict(self.access)),
                json.dumps(self.virsh),
                json.dumps(SERVER),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        with client:
            self.assertEqual(b'held\n', client.stdout.readline())
            self.assertEqual(HELD, self.values())
            client.kill()
        self.assertEqual(-signal.SIGKILL, client.returncode)
        self.wait_until(lambda: self.values() == BEFORE)
        self.wait_until_nothing_runs()

    def test_job_over(self):
        """Aborted, or failed: the server is still there."""
        held = self.hold()
        self.write('job', '0')
        self.wait_until(lambda: held.over)
        self.assertEqual(BEFORE, self.values())
        self.wait_until_nothing_runs()
        held.close()

    def test_server_gone(self):
        """Completed: QEMU has gone, and there is nothing to be put back."""
        held = self.hold()
        self.remove('server')
        self.wait_until(lambda: held.over)
        self.assertEqual(HELD, self.values())
        self.wait_until_nothing_runs()
        held.close()

    def test_server_gone_before(self):
        self.write('server', 'another\n')
        self.assertRaises(exceptions.HostError, self.hold)
        self.assertEqual(BEFORE, self.values())
        self.wait_until_nothing_runs()

    def test_server_gone_meanwhile(self):
        """It has when its values are to be put back."""
        held = self.hold()
        self.remove('server')
        held.close()
        self.wait_until_nothing_runs()

    def test_libvirt_that_is_away(self):
        """It starts again, say: that ends no migration."""
        held = self.hold()
        self.write('away')
        self.wait_until(lambda: self.asked('list'))
        self.remove('away')
        before = self.asked('domjobinfo')
        self.wait_until(lambda: self.asked('domjobinfo') > before + 1)
        self.assertEqual(HELD, self.values())
        self.assertFalse(held.over)
        held.close()

    def test_libvirt_that_is_away_in_the_end(self):
        """It is asked until it takes the values back."""
        held = self.hold()
        self.write('away')
        self.sshd.end_sessions()
        before = self.asked('qemu-monitor-command')
        self.wait_until(
            lambda: self.asked('qemu-monitor-command') > before + 1
        )
        self.assertEqual(HELD, self.values())
        self.remove('away')
        self.wait_until(lambda: self.values() == BEFORE)
        self.wait_until_nothing_runs()
        held.close()

    def test_qemu_says_no(self):
        self.write('refuses')
        error = self.assertRaises(exceptions.HostError, self.hold)
        self.assertIn('not now', str(error))
        # What it had, and once what it should have.
        self.assertEqual(2, self.asked('qemu-monitor-command'))
        self.wait_until_nothing_runs()

    def test_qemu_says_no_in_the_end(self):
        self.useFixture(fixtures.MockPatchObject(libvirt, '_TRIES', 2))
        held = self.hold()
        self.write('refuses')
        error = self.assertRaises(exceptions.HostError, held.close)
        self.assertIn('still held at 1 %', str(error))
        self.assertIn('not now', str(error))
        self.wait_until_nothing_runs()

    def test_host_that_is_shut_down(self):
        held = self.hold()
        for pid in self.sshd.processes():
            # One may have ended by itself.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        self.wait_until(lambda: self.values() == BEFORE)
        self.wait_until_nothing_runs()
        held.close()

    def test_in_a_container(self):
        """Its words are quoted; what they run gets no input."""
        self.virsh = (
            self.program("my container's", test_hosts_events.CONTAINER),
            *self.virsh,
        )
        held = self.hold()
        held.close()
        self.assertEqual(BEFORE, self.values())
        self.wait_until_nothing_runs()

    def test_policy(self):
        """From the first look to its end, as the command has it."""
        client = libvirt.Libvirt(ssh.Host(self.access), self.virsh)
        self.addCleanup(client.host.close)
        said = []
        controller = policy.Controller(
            Cloud(),
            {'compute1': client},
            settings.Defaults(max_downtime=300),
            said.append,
        )
        self.sshd.inside(controller.step)
        self.assertEqual(HELD, self.values())
        controller.close()
        self.assertEqual(BEFORE, self.values())
        self.assertEqual(
            [
                (
                    f'server {SERVER}, migration 3: auto-converge off: '
                    'throttle held at 1 % (was 22 % at first, 12 % more each '
                    'time, 92 % at most)'
                )
            ],
            said,
        )


@testtools.skipIf(sshd.skip_reason('dash'), sshd.skip_reason('dash'))
class TestDash(Unthrottled, test_hosts_ssh.HostTest):
    programs = {'sh': 'dash'}


@testtools.skipIf(sshd.skip_reason('busybox'), sshd.skip_reason('busybox'))
class TestBusybox(Unthrottled, test_hosts_ssh.HostTest):
    programs = dict.fromkeys(PROGRAMS, 'busybox')
