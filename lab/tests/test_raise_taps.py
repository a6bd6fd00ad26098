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
"""What libvirt's hook does to the taps of a guest, with real ones."""

import os
import pathlib
import subprocess
import unittest

_SCRIPT = (
    pathlib.Path(__file__).parents[1]
    / 'embedded_cloud/hosts/compute/usr/local/sbin/raise-taps'
)
_DOMAIN = """\
<domain type='qemu'>
  <devices>
    <disk type='file' device='disk'>
      <target dev='vda' bus='virtio'/>
    </disk>
    <interface type='ethernet'>
      <target dev='os-vifs' managed='no'/>
    </interface>
    <interface type='ethernet'>
      <target dev='libvirts'/>
    </interface>
  </devices>
</domain>
"""


@unittest.skipUnless(
    os.geteuid() == 0 and os.path.exists('/dev/net/tun'),
    'needs root and /dev/net/tun',
)
class RaiseTapsTest(unittest.TestCase):
    def up_after(self, operation, meanwhile):
        """Which of three taps are up after the hook.

        :param meanwhile: commands of a shell that run beside it
        """
        done = subprocess.run(
            [
                'unshare',
                '--net',
                'sh',
                '-euc',
                f"""
                for tap in os-vifs libvirts anothers; do
                    ip tuntap add "$tap" mode tap
                done
                {{ {meanwhile}; }} >&2 &
                "$1" instance-00000001 "$2" begin - >&2
                wait
                ip -oneline link show up""",
                'sh',
                str(_SCRIPT),
                operation,
            ],
            input=_DOMAIN,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return [
            line.split(':')[1].strip() for line in done.stdout.splitlines()
        ]

    def test_they_are_set_up(self):
        self.assertEqual(
            ['os-vifs', 'libvirts'],
            self.up_after(
                'started',
                'ip link set os-vifs promisc on;'
                'ip link set libvirts promisc on',
            ),
        )

    def test_what_open_vswitch_sets_down_late_is_set_up(self):
        self.assertEqual(
            ['os-vifs', 'libvirts'],
            self.up_after(
                'started',
                'for tap in os-vifs libvirts; do sleep 0.3;'
                'ip link set "$tap" up; ip link set "$tap" down promisc on; '
                'done',
            ),
        )

    def test_without_open_vswitch(self):
        self.assertEqual(
            ['os-vifs', 'libvirts'], self.up_after('started', ':')
        )

    def test_before_qemu_runs_nothing_is(self):
        self.assertEqual([], self.up_after('prepare', ':'))
