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
"""A host over SSH, with a real sshd."""

import os
import subprocess
import threading

import fixtures
import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.functional_tests import sshd
from migration_tempest_plugin.hosts import ssh


@testtools.skipIf(sshd.skip_reason(), sshd.skip_reason())
class HostTest(testtools.TestCase):
    login = sshd.LOGIN

    def setUp(self):
        super().setUp()
        self.sshd = self.useFixture(
            sshd.Guest(
                shell='sh',
                login=self.login,
                environment='LANG=de_DE.UTF-8 LC_ALL=de_DE.UTF-8',
            )
        )
        self.access = self.describe()

    def program(self, name, text):
        """A program on the host; its path."""
        path = os.path.join(self.sshd.home, name)
        with open(path, 'w') as file:
            file.write(text)
        os.chmod(path, 0o755)
        return path

    def describe(self, **changes):
        known = os.path.join(self.sshd.home, 'known_hosts')
        with (
            open(os.path.join(self.sshd.home, 'host_key.pub')) as key,
            open(known, 'w') as hosts,
        ):
            hosts.write(f'127.0.0.1 {key.read()}')
        return ssh.Access(
            **{
                'name': 'compute1',
                'address': '127.0.0.1',
                'known_hosts': known,
                'key_file': os.path.join(self.sshd.home, 'client_key'),
                'patience': 10,
                **changes,
            }
        )

    def on_host(self, function, **changes):
        """What a function makes of the host."""

        def call():
            host = ssh.Host(self.describe(**changes))
            try:
                return function(host)
            finally:
                host.close()

        return self.sshd.inside(call)

    def refused(self, function, **changes):
        """The text of the HostError."""
        return str(
            self.assertRaises(
                exceptions.HostError, self.on_host, function, **changes
            )
        )


class TestCommands(HostTest):
    def test_words_are_quoted(self):
        words = ('a b', '$HOME', "it's", '`id`', '*', ';', '')
        printed = self.on_host(lambda host: host.run('printf', '%s\n', *words))
        self.assertEqual(list(words), printed.split('\n')[:-1])

    def test_language_of_the_host(self):
        """Commands speak English, whatever sessions get there."""
        asked = ('sh', '-c', 'echo "$LC_ALL"')
        for changes in {}, {'become': ('env', 'LC_ALL=ru_RU.UTF-8')}:
            self.assertEqual(
                'C\n', self.on_host(lambda host: host.run(*asked), **changes)
            )

    def test_a_login_that_prints(self):
        """What it prints is no part of what a command does."""
        self.assertEqual(
            'a\n', self.on_host(lambda host: host.run('echo', 'a'))
        )
        self.assertEqual('', self.on_host(lambda host: host.run('true')))

        def lines(host):
            with host.stream('events', '60', '', 'echo') as output:
                return output.readline()

        line = self.on_host(lines)
        self.assertNotIn(b'notices', line)
        self.assertTrue(line.startswith(b'event --all'), line)

    def test_input(self):
        text = 'line\n' * 100000
        self.assertEqual(
            text, self.on_host(lambda host: host.run('cat', input=text))
        )

    def test_input_that_is_not_wanted(self):
        self.assertEqual(
            '', self.on_host(lambda host: host.run('true', input='x' * 10**7))
        )

    def test_much_on_both_ways_out(self):
        outcome = self.on_host(
            lambda host: host.attempt(
                'sh',
                '-c',
                'head -c 5000000 /dev/zero >&2; '
                'head -c 5000000 /dev/zero; exit 3',
            )
        )
        self.assertEqual(
            (5000000, 5000000, 3),
            (len(outcome.stdout), len(outcome.stderr), outcome.status),
        )

    def test_script(self):
        path = os.path.join(self.sshd.home, 'a b')
        with open(path, 'w') as file:
            file.write('12345')
        self.assertEqual(
            f'{os.stat(path).st_ino} 5\n',
            self.on_host(lambda host: host.script('log', 'mark', path, 0)),
        )

    def test_failed_script_is_named_not_shown(self):
        self.assertIn(
            "compute1: log.sh mark '/no such' 0: ",
            self.refused(
                lambda host: host.script('log', 'mark', '/no such', 0)
            ),
        )

    def test_one_connection_for_all(self):
        def ports(host):
            return {
                host.run('sh', '-c', 'echo $PPID')
                and host._transport().sock.getsockname()[1]
                for _ in range(3)
            }

        self.assertEqual(1, len(self.on_host(ports)))

    def test_connects_again(self):
        def cut(host):
            host.run('true')
            self.sshd.end_sessions()
            host._transport().join(5)
            return host.run('echo', 'again')

        self.assertEqual('again\n', self.on_host(cut))

    def test_becomes_root(self):
        self.assertEqual(
            'became\n',
            self.on_host(
                lambda host: host.run('echo', 'became'),
                become=('env', 'LANG=C'),
            ),
        )


class TestLoginWithoutNewLine(HostTest):
    login = "printf 'You have 2 notices.'"
    test_a_login_that_prints = TestCommands.test_a_login_that_prints


class TestTunnel(HostTest):
    def test_reaches_what_the_host_reaches(self):
        def greeting(host):
            with host.tunnel('127.0.0.1', 22) as connection:
                return connection.recv(4)

        self.assertEqual(b'SSH-', self.on_host(greeting))

    def test_nobody_there(self):
        self.assertIn(
            'compute1: ',
            self.refused(lambda host: host.tunnel('127.0.0.1', 9)),
        )


class TestErrors(HostTest):
    def run_true(self, host):
        return host.run('true')

    def test_a_command_that_fails(self):
        text = self.refused(
            lambda host: host.run('sh', '-c', 'echo no such thing >&2; exit 4')
        )
        self.assertIn('compute1: sh -c ', text)
        self.assertIn('ended with 4 and said: no such thing', text)

    def test_a_login_shell_that_is_not_like_sh(self):
        login = os.path.join(self.sshd.home, 'run')
        with open(login, 'w') as file:
            file.write('echo Unmatched quote >&2; exit 1\n')
        error = self.refused(self.run_true)
        self.assertIn('true: did not begin (may root run it', error)
        self.assertIn(
            'is the login shell like sh, not csh or fish?): it '
            'ended with 1 and said: Unmatched quote',
            error,
        )

    def test_no_such_command(self):
        self.assertIn(
            'ended with 127',
            self.refused(lambda host: host.run('no-such-thing')),
        )

    def test_a_command_that_does_not_end(self):
        text = self.refused(lambda host: host.run('sleep', '60', patience=0.5))
        self.assertIn('did not end', text)
        self.assertIn('within 0.5 s', text)

    def test_another_host_key(self):
        other = os.path.join(self.sshd.home, 'other')
        subprocess.run(
            ['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', other],
            check=True,
        )

        def describe_wrongly(**changes):
            access = ssh.Access(**{**vars(self.access), **changes})
            with (
                open(other + '.pub') as key,
                open(access.known_hosts, 'w') as hosts,
            ):
                hosts.write(f'127.0.0.1 {key.read()}')
            return access

        self.describe = describe_wrongly
        self.assertIn(
            'the host key of root@127.0.0.1 port 22 is not the one in',
            self.refused(self.run_true),
        )
        self.assertEqual('', self.on_host(self.run_true, check_host_key=False))

    def test_a_host_key_that_is_not_known(self):
        empty = self.useFixture(fixtures.TempDir()).join('known_hosts')
        open(empty, 'w').close()
        fingerprint = subprocess.run(
            [
                'ssh-keygen',
                '-l',
                '-f',
                os.path.join(self.sshd.home, 'host_key.pub'),
            ],
            check=True,
            text=True,
            stdout=subprocess.PIPE,
        ).stdout.split()[1]
        said = self.refused(self.run_true, known_hosts=empty)
        self.assertIn(f'ssh-ed25519 {fingerprint}, is not in {empty}', said)
        self.assertIn('check_host_keys', said)

    def test_no_file_of_host_keys(self):
        self.assertIn(
            "the file of host keys, /no/such/file, can't be read (No such "
            'file or directory): log in once with ssh',
            self.refused(self.run_true, known_hosts='/no/such/file'),
        )

    def test_a_key_that_is_refused(self):
        text = self.refused(
            self.run_true, key_file=os.path.join(self.sshd.home, 'host_key')
        )
        self.assertIn('was refused', text)
        self.assertIn('host_key its key?', text)

    def test_nobody_listens(self):
        self.assertIn(
            'no connection to root@127.0.0.1 port 23',
            self.refused(self.run_true, port=23),
        )

    def test_nothing_is_left(self):
        before = set(threading.enumerate())
        self.on_host(self.run_true)
        self.assertEqual(set(), set(threading.enumerate()) - before)
