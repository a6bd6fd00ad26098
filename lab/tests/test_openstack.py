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
"""lab/openstack, with a client that says how it was called."""

import os
import pathlib
import subprocess

from embedded_cloud import tester

from tests import tester_case

LAB = pathlib.Path(tester.__file__).parents[1]

CLIENT = """\
#!/bin/sh
pwd
printf '<%s>' "$@"
echo
cat "$1"
ip -brief link | cut -d ' ' -f 1
env | grep ^OS_ | sort
cat
echo wrong >&2
exit 7
"""


class OpenStackTest(tester_case.TesterCase):
    def start_cloud(self):
        self.start_tester('ip link add inside type bridge')
        self.write(self.tester.venv / 'bin/openstack', CLIENT)

    def call(self, *arguments, **variables):
        return subprocess.run(
            [LAB / 'openstack', *arguments],
            cwd=self.folder,
            text=True,
            capture_output=True,
            input='typed\n',
            env={**os.environ, 'LAB_DIR': str(self.folder), **variables},
        )

    def test_called_from_any_folder(self):
        self.start_cloud()
        (self.folder / 'my file').write_text('of the caller\n')
        done = self.call(
            'my file',
            '--help',
            '',
            '--',
            '$x',
            OS_PASSWORD='x',
            OS_AUTH_URL='http://elsewhere',
        )
        self.assertEqual(
            [
                str(self.folder),
                '<my file><--help><><--><$x>',
                'of the caller',
                'lo',
                'inside',
                f'OS_CLIENT_CONFIG_FILE={self.folder}/tempest/clouds.yaml',
                'OS_CLOUD=lab',
                'typed',
            ],
            done.stdout.splitlines(),
        )
        self.assertEqual((7, 'wrong\n'), (done.returncode, done.stderr))

    def test_no_cloud(self):
        done = self.call('server', 'list')
        self.assertEqual(
            (
                1,
                '',
                (
                    'lab/openstack: tester is not running. Try lab/status, '
                    'or lab/up.\n'
                ),
            ),
            (done.returncode, done.stdout, done.stderr),
        )

    def test_no_client(self):
        self.start_cloud()
        (self.tester.venv / 'bin/openstack').unlink()
        done = self.call('--help')
        self.assertNotEqual(0, done.returncode)
        self.assertIn('bin/openstack', done.stderr)
