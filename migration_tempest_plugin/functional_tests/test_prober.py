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
"""The prober by itself: what it does when the kernel has no room."""

import collections
import json
import os
import subprocess
import sys

import testtools

from migration_tempest_plugin.selfcheck import network as netns

TARGETS = 100
MS = 1_000_000


class TestReceiveBuffer(testtools.TestCase):
    def setUp(self):
        super().setUp()
        reason = netns.missing()
        if reason:
            self.skipTest(reason)
        self.network = self.useFixture(netns.Network())
        self.addresses = self.network.add_servers(TARGETS)

    def probe(self, *arguments, looks=50):
        """How many lines of each kind a prober writes in so many looks."""
        with self.network.client():
            prober = subprocess.Popen(
                [
                    sys.executable,
                    '-m',
                    'migration_tempest_plugin.prober',
                    *arguments,
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        with prober:
            for number, address in enumerate(self.addresses):
                prober.stdin.write(
                    json.dumps(
                        {
                            'add': number,
                            'address': [address, 0],
                            'interval': 20 * MS,
                            'deadline': 100 * MS,
                        }
                    ).encode()
                    + b'\n'
                )
            prober.stdin.flush()
            kinds = collections.Counter()
            while kinds['mark'] < looks:
                kinds[prober.stdout.readline().split()[0].decode()] += 1
            self.scheduling = os.sched_getscheduler(prober.pid)
            prober.stdin.close()
            prober.stdout.read()
        self.assertEqual(0, prober.returncode)
        self.assertEqual(TARGETS, kinds['added'])
        return kinds

    def test_overflow(self):
        """The kernel keeps two or three of a hundred answers."""
        kinds = self.probe('1')
        self.assertGreater(kinds['unknown'], kinds['ok'])
        self.assertEqual(0, kinds['failed'])

    def test_room_enough(self):
        kinds = self.probe()
        self.assertGreater(kinds['ok'], 10 * TARGETS)
        self.assertEqual((0, 0), (kinds['unknown'], kinds['failed']))

    def test_it_goes_before_others(self):
        if subprocess.call(
            ['chrt', '--rr', '1', 'true'], stderr=subprocess.DEVNULL
        ):
            self.skipTest('nothing may be of real time here')
        self.probe()
        self.assertEqual(os.SCHED_RR, self.scheduling)
