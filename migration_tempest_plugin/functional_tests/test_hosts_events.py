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
"""libvirt's events over a real sshd, from a virsh that prints them at will."""

import contextlib
import time

import testtools

from migration_tempest_plugin.functional_tests import sshd
from migration_tempest_plugin.functional_tests import test_hosts_ssh
from migration_tempest_plugin.hosts import events
from migration_tempest_plugin.hosts import ssh

VIRSH = """\
#!/bin/sh
[ "$*" = "event --all --loop --timestamp --timeout 3600" ] || exit 1
echo "2026-11-21 10:39:25.694+0000: event 'lifecycle' for domain\
 'instance-00000001': Suspended Migrated"
exec sleep 1000
"""

#: Like "podman exec": what it runs gets no input, and outlives it.
CONTAINER = """\
#!/bin/sh
setsid "$@" < /dev/null &
wait $!
"""


@testtools.skipIf(sshd.skip_reason(), sshd.skip_reason())
class TestEventWatch(test_hosts_ssh.HostTest):
    def setUp(self):
        super().setUp()
        self.virsh = self.program('virsh', VIRSH)
        self.watch = events.EventWatch(ssh.Host(self.access), (self.virsh,))

    def wait_until(self, condition):
        give_up = time.monotonic() + 10
        while not condition():
            self.assertLess(
                time.monotonic(),
                give_up,
                f'not so within 10 s: {self.sshd.processes()}',
            )
            time.sleep(0.02)

    def set_up(self):
        self.sshd.inside(self.watch.setUp)
        self.ending = contextlib.ExitStack()
        self.ending.callback(self.watch.cleanUp)
        self.addCleanup(self.ending.close)
        self.wait_until(lambda: self.watch.events('instance-00000001'))

    def test_events(self):
        self.set_up()
        [event] = self.watch.events('instance-00000001', 'lifecycle')
        self.assertEqual('Suspended Migrated', event.text)
        self.assertLess(time.monotonic() - event.arrived, 60)
        self.assertEqual([], self.watch.events('instance-00000002'))
        self.assertEqual([], self.watch.events('instance-00000001', 'reboot'))

    def test_nothing_runs_afterwards(self):
        self.set_up()
        self.assertNotEqual({}, self.sshd.processes())
        self.ending.close()
        self.wait_until(lambda: not self.sshd.processes())

    def test_nothing_runs_in_a_container_afterwards(self):
        self.watch = events.EventWatch(
            ssh.Host(self.access),
            (self.program('container', CONTAINER), self.virsh),
        )
        self.test_nothing_runs_afterwards()

    def test_nothing_runs_when_the_connection_is_gone(self):
        self.set_up()
        self.sshd.end_sessions()
        self.wait_until(lambda: not self.sshd.processes())
