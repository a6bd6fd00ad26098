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
import testtools

from migration_tempest_plugin.functional_tests import command
from migration_tempest_plugin.selfcheck import check
from migration_tempest_plugin.selfcheck import network

#: Runs the command as tempest does.
COMMAND = '''
from unittest import mock
import sys
from migration_tempest_plugin.cmd import selfcheck
from migration_tempest_plugin.selfcheck import check
check.QUICK = check.Plan(0.05, 1, (0.3, 0.4), 0.1),
app = mock.Mock(stdout=sys.stdout, stderr=sys.stderr)
command = selfcheck.Selfcheck(app, None)
sys.exit(command.run(command.get_parser('selfcheck').parse_args(sys.argv[1:])))
'''


class TestSelfcheck(testtools.TestCase):

    def setUp(self):
        super().setUp()
        reason = network.missing('setpriv', 'ping')
        if reason:
            self.skipTest(reason)

    def test_many_targets(self):
        result = check.run(check.Plan(0.05, 20, (0.2, 0.3), 0.1), print)
        self.assertEqual(40, len(result.readings))
        self.assertTrue(result.good, check.text(result))
        self.assertGreater(result.cpu, 0)

    def command(self, *prefix, options=()):
        with open(self.script(), 'w') as script:
            script.write(COMMAND)
        return subprocess.run(
            [*prefix, sys.executable, script.name, *options],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def script(self):
        folder = self.useFixture(fixtures.TempDir()).path
        os.chmod(folder, 0o755)  # for nobody to read
        return folder + '/selfcheck.py'

    def test_as_root(self):
        done = self.command(options=['--beside-tempest'])
        self.assertEqual(0, done.returncode, done.stdout)
        self.assertIn('Tempest\'s meter says', done.stdout)
        self.assertIn('within one interval and 1 ms: 2 of 2', done.stdout)

    def test_as_nobody(self):
        # No capability to read helps where a user namespace has none.
        if subprocess.run(
                [*command.AS_NOBODY, sys.executable, '-c',
                 'import migration_tempest_plugin'], cwd='/',
                stderr=subprocess.DEVNULL).returncode:
            self.skipTest('other users can\'t read %s, or this plugin: let '
                          'them read .tox (chmod o+rx) and all above it'
                          % sys.executable)
        done = self.command(*command.AS_NOBODY)
        if 'unshare' in done.stdout:
            self.skipTest('no user namespaces here: ' + done.stdout)
        self.assertEqual(0, done.returncode, done.stdout)
        self.assertIn('within one interval and 1 ms: 2 of 2', done.stdout)

    def test_nothing_to_work_with(self):
        done = self.command('env', 'PATH=/nowhere')
        self.assertEqual(1, done.returncode)
        self.assertIn('can\'t run here: not installed: unshare, nsenter, ip',
                      done.stdout)
