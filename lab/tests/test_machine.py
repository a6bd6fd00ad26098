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
"""What is looked at before a cloud is built."""

import contextlib
import os
import resource
import tempfile
import unittest
from unittest import mock

from embedded_cloud import machine
from embedded_cloud import settings


class InstallTest(unittest.TestCase):
    def commands(self, *arguments, there=()):
        """What apt is told, where some packages are there."""
        with (
            tempfile.TemporaryDirectory() as folder,
            mock.patch.object(machine, '_installed', there.__contains__),
            mock.patch.object(machine.process, 'run_logged') as run,
        ):
            machine.install(f'{folder}/log', *arguments)
            return [call.args[1] for call in run.call_args_list]

    def test_nothing_is_missing(self):
        self.assertEqual([], self.commands(there=machine.PACKAGES))

    def test_a_browser_only_where_it_is_wanted(self):
        there = machine.PACKAGES
        _, install = self.commands(machine.BROWSER, there=there)
        self.assertEqual(['chromium', 'chromium-driver'], install[-2:])
        there += ('chromium',)
        _, install = self.commands(machine.BROWSER, there=there)
        self.assertEqual(
            ['--no-install-recommends', 'chromium-driver'], install[-2:]
        )


class CheckRoomTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = folder.name
        self.stack = contextlib.ExitStack()
        self.addCleanup(self.stack.close)
        # As if all else were right here.
        for name in ('packages', 'files', 'tun', 'mounts', 'space', 'memory'):
            self.replace('_wrong_' + name, mock.Mock(return_value=None))

    def replace(self, name, value):
        self.stack.enter_context(mock.patch.object(machine, name, value))

    def real(self, name, **replaced):
        """Let one of the checks be real; what it complains of, or None."""
        function = ORIGINAL['_wrong_' + name]
        self.replace('_wrong_' + name, function)
        for other, value in replaced.items():
            self.stack.enter_context(
                mock.patch(other.replace('__', '.'), value)
            )
        try:
            machine.check_room(self.home, False)
        except settings.LabError as error:
            return str(error)
        return None

    def test_all_is_right(self):
        machine.check_room(self.home, False)

    def test_each_thing_is_told(self):
        self.replace('_wrong_tun', lambda: 'no TUN')
        self.replace('_wrong_memory', lambda: 'no memory')
        with self.assertRaises(settings.LabError) as caught:
            machine.check_room(self.home, False)
        self.assertEqual(
            "this machine can't hold the cloud:\n  no TUN\n  no memory",
            str(caught.exception),
        )

    def test_no_packages(self):
        self.assertIn(
            'no dpkg and apt-get',
            self.real('packages', shutil__which=lambda name: None),
        )

    def test_space(self):
        usage = mock.Mock(return_value=mock.Mock(free=600 * 10**6))
        self.assertIn(
            '0.6 GB are free', self.real('space', shutil__disk_usage=usage)
        )

    def test_memory(self):
        self.replace('_memory', lambda: 2 * 2**30)
        self.assertIn('2.0 GiB of memory are available', self.real('memory'))

    def test_memory_of_this_machine(self):
        self.assertGreater(machine._memory(), 0)

    def test_few_open_files(self):
        self.stack.enter_context(
            mock.patch.object(resource, 'getrlimit', lambda what: (1024, 1024))
        )
        self.stack.enter_context(
            mock.patch.object(
                resource, 'setrlimit', mock.Mock(side_effect=ValueError)
            )
        )
        self.assertIn('a process may open 1024 files', self.real('files'))

    def test_open_files_are_raised_where_that_can_be(self):
        said = mock.Mock()
        self.stack.enter_context(
            mock.patch.object(resource, 'getrlimit', lambda what: (1024, 4096))
        )
        self.stack.enter_context(
            mock.patch.object(resource, 'setrlimit', said)
        )
        self.assertIsNone(self.real('files'))
        said.assert_called_once_with(resource.RLIMIT_NOFILE, (65536, 65536))

    def test_no_tun(self):
        self.replace('_TUN', os.path.join(self.home, 'missing'))
        self.assertIn("can't be opened (No such file", self.real('tun'))

    def test_no_overlay(self):
        failed = mock.Mock(
            returncode=32, stderr='fsconfig() failed\n', stdout='overlayfs\n'
        )
        error = self.real('mounts', subprocess__run=lambda *_, **__: failed)
        self.assertIn('is on overlayfs (fsconfig() failed)', error)
        self.assertEqual([], os.listdir(self.home))


#: Before anything of it is replaced.
ORIGINAL = dict(vars(machine))
