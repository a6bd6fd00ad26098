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
"""Options changed on hosts and put back: real files behind a real sshd."""

import dataclasses
import os
import signal
import socket
import stat
import subprocess
import sys

import fixtures
import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.functional_tests import test_hosts_ssh
from migration_tempest_plugin.hosts import configuration

TEXT = """\
[DEFAULT]
# a comment
debug = true
[libvirt]
live_migration_bandwidth = 8
"""

SETTINGS = {
    ('libvirt', 'live_migration_bandwidth'): 40,
    ('libvirt', 'live_migration_downtime'): 100,
    ('DEFAULT', 'debug'): None,
}

CHANGED = """\
[DEFAULT]
# a comment
[libvirt]
live_migration_bandwidth = 40
live_migration_downtime = 100
"""

#: Changes the file and is killed, or ends, before it puts it back.
CHANGE = """
import os, sys
from migration_tempest_plugin.hosts import configuration, ssh
access, path = eval(sys.argv[1], {'Access': ssh.Access}), sys.argv[2]
file = configuration.ConfigurationFile(ssh.Host(access), path)
file.change({('libvirt', 'live_migration_bandwidth'): 40,
             ('libvirt', 'live_migration_downtime'): 100,
             ('DEFAULT', 'debug'): None})
print(flush=True)
sys.stdin.read()
"""


class ConfigurationTest(test_hosts_ssh.HostTest):
    def setUp(self):
        super().setUp()
        self.folder = self.useFixture(fixtures.TempDir())
        self.path = self.folder.join('nova.conf')
        self.write(TEXT)
        os.chmod(self.path, 0o640)
        os.chown(self.path, 0, 1)
        self.applied = []

    def write(self, text):
        with open(self.path, 'w') as file:
            file.write(text)

    def text(self):
        with open(self.path) as file:
            return file.read()

    def file(self, host):
        return configuration.ConfigurationFile(host, self.path)

    def changed(self, host, settings=None):
        """A fixture, not set up."""
        return configuration.ChangedConfiguration(
            [self.file(host)], settings or SETTINGS, self.apply
        )

    def apply(self, host):
        self.applied.append(self.text())

    def assert_as_before(self, text=TEXT):
        self.assertEqual(text, self.text())
        self.assertEqual(['nova.conf'], os.listdir(self.folder.path))
        status = os.stat(self.path)
        self.assertEqual(
            (0o640, 0, 1),
            (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid),
        )


class TestFile(ConfigurationTest):
    def test_get(self):
        def values(host):
            return [
                self.file(host).get('libvirt', option)
                for option in (
                    'live_migration_bandwidth',
                    'live_migration_downtime',
                )
            ]

        self.assertEqual(['8', None], self.on_host(values))

    def test_no_file(self):
        self.path += '.missing'
        self.assertIn(
            'nova.conf.missing',
            self.refused(lambda host: self.file(host).read()),
        )

    def test_no_folder(self):
        self.path = self.folder.join('missing', 'nova.conf')
        self.assertIn(
            f'there is no folder {self.folder.join("missing")}',
            self.refused(lambda host: self.file(host).read()),
        )

    def test_a_link_stays_one(self):
        real, self.path = self.path, self.folder.join('link')
        os.symlink(real, self.path)

        def there_and_back(host):
            self.file(host).change(SETTINGS)
            self.assertEqual(CHANGED, self.text())
            self.file(host).put_back()

        self.on_host(there_and_back)
        self.assertTrue(os.path.islink(self.path))
        self.assertEqual(TEXT, self.text())

    def test_what_does_not_come_through_is_not_written(self):
        error = self.refused(
            lambda host: host.script(
                'configuration', 'write', self.path, '{}', '100', input='short'
            )
        )
        self.assertIn('5 of 100 bytes came through', error)
        self.assertEqual(TEXT, self.text())
        self.assertNotIn(
            'nova.conf.new-migration-tests', os.listdir(self.folder.path)
        )


class TestChanged(ConfigurationTest):
    def test_and_put_back(self):
        def change(host):
            with self.changed(host):
                self.assertEqual(CHANGED, self.text())
                self.assertEqual(
                    0o640, stat.S_IMODE(os.stat(self.path).st_mode)
                )
                for name in os.listdir(self.folder.path):
                    self.assertEqual(
                        0,
                        0o007 & os.stat(self.folder.join(name)).st_mode,
                        name,
                    )

        self.on_host(change)
        self.assert_as_before()
        self.assertEqual([CHANGED, TEXT], self.applied)

    def test_what_is_not_utf_8(self):
        text = TEXT.encode() + b'# caf\xe9 \f\nx = a\n    b\xff\n'
        with open(self.path, 'wb') as file:
            file.write(text)

        def change(host):
            with self.changed(host, {**SETTINGS, ('libvirt', 'x'): 'c'}):
                with open(self.path, 'ab') as file:
                    file.write(b'# theirs \xe9\n')

        self.apply = lambda host: None
        self.on_host(change)
        with open(self.path, 'rb') as file:
            self.assertEqual(
                # That option was gone: it is where one is added.
                text.replace(
                    b'# a comment\ndebug = true\n',
                    b'debug = true\n# a comment\n',
                )
                + b'# theirs \xe9\n',
                file.read(),
            )

    def test_twice_at_once(self):
        def change(host):
            with self.changed(host):
                # As an inner step of a test: back to where it was before all
                self.file(host).change({('DEFAULT', 'debug'): 'false'})
                self.assertEqual(
                    'false', self.file(host).get('DEFAULT', 'debug')
                )

        self.on_host(change)
        self.assert_as_before()

    def test_one_inside_another(self):
        def change(host):
            with self.changed(host):
                with self.changed(
                    host,
                    {
                        ('libvirt', 'live_migration_bandwidth'): 9,
                        ('libvirt', 'x'): 'y',
                    },
                ):
                    self.assertIn(
                        'live_migration_bandwidth = 9\n', self.text()
                    )
                self.assertEqual(CHANGED, self.text())

        self.on_host(change)
        self.assert_as_before()
        self.assertEqual(4, len(self.applied))
        self.assertEqual([CHANGED, TEXT], self.applied[2:])

    def test_put_back_if_it_can_not_be_applied(self):
        def fail(host):
            self.applied.append(self.text())
            if len(self.applied) == 1:
                raise exceptions.HostError('compute1', ('restart',), 'failed')

        def change(host):
            configuration.ChangedConfiguration(
                [self.file(host)], SETTINGS, fail
            ).setUp()

        self.on_host(
            lambda host: self.assertRaises(
                testtools.MultipleExceptions, change, host
            )
        )
        self.assert_as_before()
        self.assertEqual([CHANGED, TEXT], self.applied)

    def test_a_value_that_can_not_be_written(self):
        self.on_host(
            lambda host: self.assertRaises(
                testtools.MultipleExceptions,
                self.changed(host, {('libvirt', 'x'): 'a\nb'}).setUp,
            )
        )
        self.assert_as_before()

    def test_what_somebody_else_changes_stays(self):
        def change(host):
            with self.changed(host):
                self.write(
                    CHANGED.replace(
                        '# a comment', '# another\nmy_ip = 10.0.0.1'
                    )
                )

        self.on_host(change)
        self.assertEqual(
            {
                '[DEFAULT]',
                '# another',
                'my_ip = 10.0.0.1',
                'debug = true',
                '[libvirt]',
                'live_migration_bandwidth = 8',
            },
            set(self.text().splitlines()),
        )
        self.assertEqual(['nova.conf'], os.listdir(self.folder.path))


class TestHeld(ConfigurationTest):
    """One test after the other, on one host."""

    BANDWIDTH = ('libvirt', 'live_migration_bandwidth')
    OTHER = ('libvirt', 'x')

    def held(self, host):
        self.nova_conf = self.file(host)
        return configuration.HeldConfiguration([self.nova_conf], self.apply)

    def values(self):
        return (
            self.nova_conf.get(*self.BANDWIDTH),
            self.nova_conf.get(*self.OTHER),
        )

    def test_the_same_again_restarts_nothing(self):
        def change(host):
            held = self.held(host)
            for _ in range(3):
                held.want({self.nova_conf: SETTINGS})
            self.assertEqual(CHANGED, self.text())
            held.put_back()
            held.put_back()

        self.on_host(change)
        self.assert_as_before()
        self.assertEqual([CHANGED, TEXT], self.applied)

    def test_what_only_the_one_before_wanted_is_put_back(self):
        def change(host):
            held = self.held(host)
            before = self.values()
            held.want({self.nova_conf: {self.BANDWIDTH: '9'}})
            self.assertEqual(('9', None), self.values())
            held.want({self.nova_conf: {self.OTHER: 'y'}})
            self.assertEqual((before[0], 'y'), self.values())
            held.want({})
            self.assertEqual(before, self.values())

        self.on_host(change)
        self.assert_as_before()
        self.assertEqual(3, len(self.applied))

    def test_one_inside_another(self):
        def change(host):
            held = self.held(host)
            held.want({self.nova_conf: SETTINGS})
            with self.changed(host, {self.OTHER: 'y'}):
                self.assertEqual('y', self.values()[1])
            self.assertEqual(CHANGED, self.text())
            held.put_back()

        self.on_host(change)
        self.assert_as_before()

    def test_tried_again_where_it_could_not_be_applied(self):
        def fail(host):
            self.apply(host)
            if len(self.applied) == 1:
                raise exceptions.HostError('compute1', ('restart',), 'failed')

        def change(host):
            held = configuration.HeldConfiguration([self.file(host)], fail)
            [file] = held._files
            self.assertRaises(
                exceptions.HostError, held.want, {file: SETTINGS}
            )
            held.want({file: SETTINGS})
            held.put_back()

        self.on_host(change)
        self.assert_as_before()
        self.assertEqual([CHANGED, CHANGED, TEXT], self.applied)

    def test_all_hosts_are_tried(self):
        def change(host):
            held = configuration.HeldConfiguration(
                [
                    configuration.ConfigurationFile(
                        host, '/nowhere/nova.conf'
                    ),
                    self.file(host),
                ],
                self.apply,
            )
            missing, file = held._files
            self.assertRaises(
                exceptions.HostError,
                held.want,
                {missing: SETTINGS, file: SETTINGS},
            )
            self.assertEqual([CHANGED], self.applied)
            file.put_back(self.apply)

        self.on_host(change)
        self.assert_as_before()

    def test_left_by_a_run_that_was_killed(self):
        def change(host):
            file = self.file(host)
            file.change(SETTINGS)
            note = file.note()
            gone = dataclasses.replace(note, pid=2**22 + 1)
            file._write(self.text(), gone)
            held = configuration.HeldConfiguration([file], self.apply)
            held.want({file: {self.OTHER: 'y'}})
            self.assertEqual(
                ('8', 'y'), (file.get(*self.BANDWIDTH), file.get(*self.OTHER))
            )
            held.put_back()

        self.on_host(change)
        self.assert_as_before()


class TestLeftBehind(ConfigurationTest):
    def another_process(self):
        """Another test process, that has just changed the file."""
        process = subprocess.Popen(
            [
                'nsenter',
                f'--net=/proc/{self.sshd.pid}/ns/net',
                sys.executable,
                '-c',
                CHANGE,
                repr(self.describe()),
                self.path,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stdin.close)
        self.assertEqual(b'\n', process.stdout.readline())
        return process

    def put_right(self):
        return self.on_host(
            lambda host: configuration.put_right(self.file(host), self.apply)
        )

    def test_by_a_process_that_was_killed(self):
        process = self.another_process()
        self.assertEqual(CHANGED, self.text())
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.assertIs(True, self.put_right())
        self.assert_as_before()

    def test_and_applied_by_the_next(self):
        process = self.another_process()
        process.kill()
        process.wait()

        def change(host):
            with self.changed(host, {('libvirt', 'x'): 'y'}):
                self.applied.append('set up')

        self.on_host(change)
        self.assert_as_before()
        self.assertEqual(
            [TEXT, TEXT + 'x = y\n', 'set up', TEXT], self.applied
        )

    def test_kept_until_it_could_be_applied(self):
        process = self.another_process()
        process.kill()
        process.wait()

        def fail(host):
            self.assertEqual(TEXT, self.text())
            raise exceptions.HostError('compute1', ('restart',), 'not now')

        self.assertIn(
            'not now',
            self.refused(
                lambda host: configuration.put_right(self.file(host), fail)
            ),
        )
        self.assertIs(True, self.put_right())
        self.assertEqual([TEXT], self.applied)
        self.assert_as_before()

    def test_by_another_machine(self):
        """Only that can tell whether its process lives."""

        def change(host, **changes):
            file = self.file(host)
            file.change(SETTINGS)
            file._write(
                self.text(),
                dataclasses.replace(file.note(), boot_id='another', **changes),
            )

        self.on_host(lambda host: change(host, machine='gate-7'))
        error = str(self.assertRaises(exceptions.HostError, self.put_right))
        self.assertIn('of gate-7, which may still be at work', error)
        self.assertIn(f'mv {self.path}.before-migration-tests', error)
        self.assertEqual(CHANGED, self.text())
        # This machine, before it was booted again.
        self.on_host(lambda host: change(host, machine=socket.gethostname()))
        self.assertIs(True, self.put_right())
        self.assert_as_before()

    def test_by_nobody(self):
        self.assertIs(False, self.put_right())
        self.assert_as_before()

    def test_one_that_is_alive_is_left_alone(self):
        process = self.another_process()
        error = self.refused(
            lambda host: configuration.put_right(self.file(host), self.apply)
        )
        self.assertIn(
            f'it is being changed by process {process.pid} of ', error
        )
        self.assertEqual(CHANGED, self.text())

    def test_killed_before_it_wrote(self):
        process = self.another_process()
        process.kill()
        process.wait()
        self.write(TEXT)
        self.assertIs(True, self.put_right())
        self.assert_as_before()

    def test_a_note_that_makes_no_sense(self):
        process = self.another_process()
        process.kill()
        process.wait()
        with open(self.path + '.before-migration-tests.note', 'w') as note:
            note.write('[]\n')
        error = self.refused(
            lambda host: configuration.put_right(self.file(host), self.apply)
        )
        self.assertIn('by hand', error)
        self.assertEqual(CHANGED, self.text())
