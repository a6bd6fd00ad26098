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
"""How a guest is reached, with a real SSH server."""

import signal

import paramiko
from tempest.lib import exceptions as lib_exc
import testtools

from migration_tempest_plugin.functional_tests import sshd
from migration_tempest_plugin.guest import reach


class KeptClient(reach.KeptClient):
    """Of a guest that is reached in its own network."""

    def __init__(self, guest):
        super().__init__('guest', 'root', channel_timeout=1)
        self.connections = []
        self._guest = guest

    def connect(self):
        self.connections.append(self._guest.connect())
        return self.connections[-1]


@testtools.skipIf(sshd.skip_reason(), sshd.skip_reason())
class TestKeptClient(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.guest = self.useFixture(sshd.Guest('dash', login=''))
        self.client = KeptClient(self.guest)
        self.addCleanup(self.client.close)

    def ask(self, words='ä'):
        self.assertEqual(
            words + '\n', self.client.exec_command('echo ' + words)
        )

    def test_one_for_all_commands(self):
        for _ in range(3):
            self.ask()
        error = self.assertRaises(
            lib_exc.SSHExecCommandFailed,
            self.client.exec_command,
            'echo why >&2; exit 7',
        )
        self.assertIn('why', str(error))
        self.ask()
        self.assertEqual(1, len(self.client.connections))

    def test_one_of_its_own(self):
        self.ask()
        self.client.test_connection_auth()
        with self.client.connect() as other:
            self.assertIsInstance(other, paramiko.SSHClient)
        self.ask()
        self.assertEqual(3, len(self.client.connections))

    def test_the_other_end_is_gone(self):
        self.ask()
        self.guest.end_sessions()
        self.ask()
        self.assertEqual(2, len(self.client.connections))

    def test_the_other_end_says_nothing(self):
        # As where a guest was lost: nothing ends its connections.
        self.ask()
        self.guest.end_sessions(signal.SIGSTOP)
        self.addCleanup(self.guest.end_sessions)
        self.ask()
        self.assertEqual(2, len(self.client.connections))

    def test_closed(self):
        self.client.close()
        self.ask()
        self.client.close()
        [connection] = self.client.connections
        self.assertIsNone(connection.get_transport())
        self.ask()
        self.assertEqual(2, len(self.client.connections))

    def test_like_that_of_tempest(self):
        self.client.timeout = 7
        self.assertEqual(7, reach.KeptClient.like(self.client).timeout)
