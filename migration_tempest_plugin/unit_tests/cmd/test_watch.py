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
"""What the watch takes on its line; functional_tests has it watch."""

import argparse
import io
import os
import pathlib
from unittest import mock

import fixtures
import testtools

from migration_tempest_plugin.cmd import watch
from migration_tempest_plugin.cmd import watch_options
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.meters import service_kinds
from migration_tempest_plugin.unit_tests.cloud import fake_nova
from migration_tempest_plugin.watch import looking


class TestArguments(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.app = mock.Mock(stdout=io.StringIO(), stderr=io.StringIO())
        self.command = watch.Watch(self.app, None)

    def parse(self, *words):
        return self.command.get_parser('watch').parse_args(list(words))

    def test_the_command_is_left_alone(self):
        parsed = self.parse(
            'a',
            '--interval',
            '0.1',
            'b',
            '--',
            'do',
            '--interval',
            'x',
            '--',
            '-h',
        )
        self.assertEqual(['a', 'b'], parsed.targets)
        self.assertEqual(0.1, parsed.interval)
        self.assertEqual(['do', '--interval', 'x', '--', '-h'], parsed.command)
        self.assertEqual([], self.parse('a').command)

    def test_guests(self):
        parsed = self.parse(
            '--ssh',
            'me@10.0.0.5',
            '--ssh',
            'me@[fd00::5]:2222',
            '--ssh',
            'me@host:22',
        )
        self.assertEqual(
            [
                ('me', '10.0.0.5', 22),
                ('me', 'fd00::5', 2222),
                ('me', 'host', 22),
            ],
            parsed.ssh,
        )

    def test_limits(self):
        parsed = self.parse('a', '--allowed-network-downtime', '1.5')
        self.assertEqual(1.5, parsed.allowed_network_downtime)
        self.assertIsNone(parsed.allowed_tcp_stall)
        self.assertFalse(parsed.accept_unchecked_limits)

    def test_limits_of_what_is_not_measured(self):
        guest = ('--ssh', 'me@192.0.2.1')
        for words, said in (
            (
                ('a', '--allowed-http-downtime', '1'),
                'name a target like https://HOST/, too',
            ),
            (
                ('http://a', '--allowed-kept-downtime', '1'),
                (
                    'name a target like https://HOST/ or HOST:PORT with '
                    '--kept, too'
                ),
            ),
            (
                ('a:80', 'a@b', '--allowed-network-downtime', '1'),
                'name a target like ADDRESS, too',
            ),
            (('a', '--allowed-guest-stop', '1'), 'name --ssh, too'),
            (('a', '--allowed-tcp-stall', '1'), 'name --ssh, too'),
            (
                ('a', '--allowed-metadata-downtime', '1'),
                'name --ssh and --metadata, too',
            ),
            (
                (*guest, '--allowed-longest-metadata-outage', '1'),
                'name --metadata, too',
            ),
            (
                (*guest, '--allowed-storage-stall', '1'),
                'a watch does not measure it',
            ),
        ):
            error = self.assertRaises(
                exceptions.RecordError,
                self.command.take_action,
                self.parse(*words, '--output', '/no/such/folder/x.json'),
            )
            self.assertEqual(
                f"{words[-2]} can't be checked: {said}", str(error)
            )

    def test_what_makes_no_sense(self):
        self.useFixture(fixtures.MonkeyPatch('sys.stderr', io.StringIO()))
        for words in (
            ('--ssh', 'host'),
            ('a', '--interval', '0'),
            ('a', '--allowed-guest-stop', '-1'),
            ('a', '--no-such-option'),
            ('a:80', '--service-interval', '0.001'),
            ('a:80', '--service-deadline', '0'),
            ('a:80', '--service-deadline', '601'),
            ('http://a', '--http-status', '99'),
        ):
            self.assertRaises(SystemExit, self.parse, *words)

    def test_nothing_to_watch(self):
        self.assertEqual(2, self.command.run(self.parse('--', 'true')))
        self.assertIn('nothing to watch', self.app.stderr.getvalue())

    def test_servers(self):
        parsed = self.parse(
            '--server', 'a', '--os-cloud', 'b', '--server', 'c', 'd'
        )
        self.assertEqual(['a', 'c'], parsed.server)
        self.assertEqual('b', parsed.os_cloud)
        self.assertIsNone(parsed.server_network)
        self.assertEqual(['d'], parsed.targets)
        nobody = watch_options.named_servers(self.parse('d'))
        self.assertEqual([], nobody.addresses)

    def test_a_server_of_no_cloud(self):
        folder = self.useFixture(fixtures.TempDir()).path
        cloud = self.useFixture(fake_nova.FakeCloud())
        by_name = '/nova/servers/detail?name=a'
        cloud.answers[by_name] = 200, {'servers': []}
        cloud.answers[by_name + '&all_tenants=1'] = 403, {}
        self.assertEqual(
            2,
            self.command.run(
                self.parse('--server', 'a', '--output', folder + '/x.json')
            ),
        )
        self.assertEqual(
            'there is no server a that this user may see\n',
            self.app.stderr.getvalue(),
        )
        self.assertEqual([], os.listdir(folder))

    def test_services(self):
        parsed = self.parse(
            *('a', 'https://b', 'c:80', '--insecure', '--http-status', '401')
        )
        self.assertEqual(
            {
                'https://b': service_kinds.Http(
                    ('b', 443), '/', True, False, ((401, 401),)
                ),
                'c:80': service_kinds.Connect(('c', 80)),
            },
            watch_options.plan(parsed, []).services,
        )

    def test_a_bad_target(self):
        """One line says so, before anything begins."""
        self.assertEqual(2, self.command.run(self.parse('a:0', '--', 'x')))
        [said] = self.app.stderr.getvalue().splitlines()
        self.assertIn("'a:0' is no target: '0' is no port", said)

    def test_where_to_listen(self):
        for text, place in (
            ('127.0.0.1:9469', ('127.0.0.1', 9469)),
            ('[::1]:0', ('::1', 0)),
            ('localhost:80', ('localhost', 80)),
        ):
            self.assertEqual(place, self.parse('a', '--listen', text).listen)
        self.useFixture(fixtures.MonkeyPatch('sys.stderr', io.StringIO()))
        for text in ('9469', ':9469', '::1:9469', 'a:65536', 'a:', 'a:-1'):
            self.assertRaises(SystemExit, self.parse, 'a', '--listen', text)

    def listed(self, data):
        path = pathlib.Path(self.useFixture(fixtures.TempDir()).path, 'list')
        path.write_bytes(data)
        return watch_options.plan(
            self.parse('--targets', str(path)), ['192.0.2.9']
        ).targets

    def test_targets_in_a_file(self):
        parsed = self.parse('a', '--targets', 'x', '--targets', 'y')
        self.assertEqual(['a'], parsed.targets)
        self.assertEqual([pathlib.Path('x'), pathlib.Path('y')], parsed.files)
        self.assertEqual(
            ('192.0.2.1', 'fd00::5', 'host.example', '192.0.2.9'),
            self.listed(
                b'\xef\xbb\xbf192.0.2.1\r\n# all of rack 3\n\n'
                b'  fd00::5 # its gateway\nhost.example\n192.0.2.1'
            ),
        )

    def test_files_that_list_no_targets(self):
        for data, said in (
            (b'a\nb c\n', "line 2: 'b c' is no target"),
            (b'--ssh\n', "line 1: '--ssh' is no target"),
            (b'\xff\xfe\n', "can't be read: it is no text"),
        ):
            error = self.assertRaises(
                exceptions.RecordError, self.listed, data
            )
            self.assertIn(said, str(error))
        self.assertEqual(2, self.command.run(self.parse('--targets', '/no')))
        self.assertEqual(
            "/no can't be read: No such file or directory\n",
            self.app.stderr.getvalue(),
        )

    def test_no_record_is_replaced(self):
        path = pathlib.Path(self.useFixture(fixtures.TempDir()).path, 'x')
        path.write_text('precious')
        self.assertEqual(
            2, self.command.run(self.parse('127.0.0.1', '--output', str(path)))
        )
        self.assertIn('exists already', self.app.stderr.getvalue())
        self.assertEqual('precious', path.read_text())

    def test_facts_hold_no_argument(self):
        """There may be a password among them."""
        parsed = self.parse('a', '--', 'do', '--password', 'secret')
        self.assertNotIn(
            'secret', repr(watch._facts(parsed, (), looking.Measured([], '')))
        )
        self.assertIsInstance(parsed, argparse.Namespace)
