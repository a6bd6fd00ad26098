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
"""A service's log from a moment on: real files behind a real sshd."""

import os

import fixtures

from migration_tempest_plugin.functional_tests import test_hosts_ssh
from migration_tempest_plugin.hosts import logs

ONE = '6016c42e-15c5-4d55-9567-1df1d90bdbaf'
OTHER = '7000e188-5e34-4d0a-b561-aab1205fe500'


def line(message, server=ONE):
    instance = f'[instance: {server}] ' if server else ''
    return (
        '2026-11-21 08:33:11.616 89 INFO nova.virt.libvirt.migration '
        f'[None req-1 u p - - default default] {instance}{message}\n'
    )


class TestLogFile(test_hosts_ssh.HostTest):
    def setUp(self):
        super().setUp()
        self.folder = self.useFixture(fixtures.TempDir())
        self.path = self.folder.join('nova-compute.log')
        self.write(line('before'))

    def write(self, text, mode='a'):
        with open(self.path, mode) as log:
            log.write(text)

    def since(self, happening, instance=None):
        """The messages written by what happens after the mark."""

        def follow(host):
            log = logs.LogFile(host, self.path)
            mark = log.mark()
            happening()
            return [each.message for each in log.since(mark, instance)]

        return self.on_host(follow)

    def test_what_was_written_since(self):
        self.assertEqual(
            ['a', 'b'],
            self.since(lambda: self.write(line('a') + line('b', None))),
        )

    def test_nothing(self):
        self.assertEqual([], self.since(lambda: None))
        self.assertEqual([], self.since(lambda: None, ONE))

    def test_of_one_server(self):
        self.assertEqual(
            ['b'],
            self.since(
                lambda: self.write(
                    line('a', OTHER) + line('b') + line('c', None)
                ),
                ONE,
            ),
        )

    def test_rotated(self):
        def rotate():
            self.write(line('last'))
            os.rename(self.path, self.path + '.1')
            self.write(line('first'))

        self.assertEqual(['last', 'first'], self.since(rotate))

    def test_rotated_more_than_once(self):
        def rotate():
            self.write(line('last'))
            for number in 1, 2:
                os.rename(self.path, f'{self.path}-2026112{number}')
                self.write(line(f'begun {number}'))

        self.assertEqual(['last', 'begun 1', 'begun 2'], self.since(rotate))
        self.assertEqual(
            ['last', 'begun 1', 'begun 2'], self.since(rotate, ONE)[-3:]
        )

    def test_rotated_and_compressed(self):
        def rotate():
            for name in '.2', '.1.gz':
                self.write(line('last'))
                os.rename(self.path, self.path + name)
            self.write(line('new'))

        self.assertIn('more than once', self.refused_since(rotate))

    def test_a_zero_byte(self):
        """grep calls that binary, and says nothing of its lines."""
        self.assertEqual(
            ['a', 'b\0', 'c'],
            self.since(
                lambda: self.write(line('a') + line('b\0') + line('c')), ONE
            ),
        )

    def test_another_format(self):
        for text, words in (
            ('{"message": "VM Paused", "levelname": "INFO"}\n', 'in JSON'),
            (
                'Nov 21 08:33:11 compute1 nova-compute: VM Paused\n',
                'as this one: Nov 21 08:33:11',
            ),
        ):
            self.write(text, 'w')
            self.assertIn(words, self.refused_since(lambda: None))

    def test_gone(self):
        def replace():
            # while the old one is there: else its inode may be used again
            os.rename(self.path, self.folder.join('away'))
            self.write(line('new'))

        self.assertIn('is gone', self.refused_since(replace))
        self.assertIn('is gone', self.refused_since(replace, ONE))

    def test_cut(self):
        self.assertIn(
            'was cut from', self.refused_since(lambda: self.write('', 'w'))
        )

    def refused_since(self, happening, instance=None):
        def follow(host):
            log = logs.LogFile(host, self.path)
            mark = log.mark()
            happening()
            log.since(mark, instance)

        return self.refused(follow)

    def test_no_log(self):
        self.path += '.missing'
        self.assertIn(
            'nova-compute.log.missing',
            self.refused(lambda host: logs.LogFile(host, self.path).mark()),
        )
