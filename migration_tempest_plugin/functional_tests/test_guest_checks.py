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
"""The checks of a guest, with a real sshd, under several shells."""

import os
import shutil
import time

import fixtures
import testtools

from migration_tempest_plugin import checks
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.functional_tests import sshd
from migration_tempest_plugin.functional_tests import test_guest_script
from migration_tempest_plugin.guest import writer
from migration_tempest_plugin import meters

CUT = """\
nft -f - <<END
table inet test {
    chain input {
        type filter hook input priority 0
        ip protocol icmp drop
    }
}
END
"""
MEND = 'nft delete table inet test'

wait_until = test_guest_script.wait_until

NEEDED = (
    'mktemp',
    'cat',
    'rm',
    'sleep',
    'sed',
    'awk',
    'df',
    'dd',
    'tr',
    'fold',
    'sync',
    'sha256sum',
    'date',
    'ip',
    'ping',
    'tail',
)


@testtools.skipIf(
    sshd.skip_reason('busybox', 'ping'), sshd.skip_reason('busybox', 'ping')
)
class ChecksTestCase(testtools.TestCase):
    shell = 'dash'
    programs = NEEDED

    def setUp(self):
        super().setUp()
        name = self.shell.split()[0]
        toolbox = self.useFixture(
            test_guest_script.Toolbox(
                ('sh', shutil.which(name)), name, *self.programs
            )
        )
        self.guest = self.useFixture(
            sshd.Guest(shell=self.shell, path=toolbox.path)
        )
        self.client = self.guest.client('')
        self.folder = self.useFixture(
            fixtures.TempDir(rootdir='/var/tmp')
        ).path

    def storage(self, lifetime=60):
        return checks.StorageCheck(
            writer.StorageWriter(
                self.guest.connect, self.folder, 0.01, lifetime
            ),
            self.client,
        )

    def change_byte(self, path, place):
        with open(path, 'r+b') as file:
            file.seek(place)
            # One random byte of 256 is what another would be made.
            other = b'Y' if file.read(1) == b'X' else b'X'
            file.seek(place)
            file.write(other)


class TestDash(ChecksTestCase):
    def test_storage(self):
        check = self.useFixture(self.storage())
        wait_until(lambda: len(check.writer.records) > 20)
        self.assertRegex(check.verify(), r'^2\d records on .* stall \d')
        self.assertRegex(check.verify(), r'^\d+ records on .* stall \d')

    def test_storage_with_another_byte(self):
        check = self.useFixture(self.storage())
        wait_until(lambda: len(check.writer.records) > 3)
        self.change_byte(check.file, 2 * 4096 + 70)
        error = self.assertRaises(exceptions.CheckFailed, check.verify)
        self.assertRegex(str(error), r'record 2 \(.*\) is torn 2 000000X002')

    def test_storage_that_lost_something(self):
        check = self.useFixture(self.storage())
        wait_until(lambda: len(check.writer.records) > 3)
        os.truncate(check.file, 2 * 4096)
        error = self.assertRaises(exceptions.CheckFailed, check.verify)
        self.assertRegex(str(error), r'record 2 \(.*\) is (empty|missing)')

    def test_storage_of_another_one(self):
        check = self.useFixture(self.storage())
        wait_until(lambda: len(check.writer.records) > 3)
        with open(check.file, 'r+b') as file:
            file.seek(4096)
            line = file.read(63).split()[1]
            other = b'0' * len(line)
            file.seek(4096)
            block = file.read(4096).replace(line, other)
            file.seek(4096)
            file.write(block)
        error = self.assertRaises(exceptions.CheckFailed, check.verify)
        self.assertIn('the guest ran twice', str(error))

    def test_nothing_of_the_storage_check_is_left(self):
        with self.storage():
            self.assertEqual(1, len(os.listdir(self.folder)))
        wait_until(lambda: not os.listdir(self.folder))
        wait_until(lambda: not self.guest.processes())

    def test_storage_ends_by_itself(self):
        check = self.useFixture(self.storage(lifetime=1))
        wait_until(lambda: not check.writer.is_running)
        self.assertEqual([], os.listdir(self.folder))
        error = self.assertRaises(exceptions.CheckFailed, check.verify)
        self.assertIn('does not write any more', str(error))

    def test_a_folder_in_memory(self):
        self.guest.run(f'mount -t tmpfs none {self.folder}')
        check = self.storage()
        error = self.assertRaises(testtools.MultipleExceptions, check.setUp)
        self.assertIn('is in memory (tmpfs)', str(error.args[0][1]))

    def test_a_folder_with_a_blank(self):
        self.folder += '/a b'
        os.mkdir(self.folder)
        check = self.storage()
        error = self.assertRaises(testtools.MultipleExceptions, check.setUp)
        self.assertIn('/a b has a blank in it', str(error.args[0][1]))

    def test_no_folder(self):
        self.folder += '/none'
        check = self.storage()
        error = self.assertRaises(testtools.MultipleExceptions, check.setUp)
        self.assertIn('/none is not there', str(error.args[0][1]))

    def test_memory(self):
        check = self.useFixture(checks.MemoryCheck(self.client, 1))
        check.verify()
        self.change_byte(check.file, 1000)
        self.assertRaises(exceptions.CheckFailed, check.verify)

    def test_nothing_of_the_memory_check_is_left(self):
        with checks.MemoryCheck(self.client, 1) as check:
            self.assertTrue(os.path.exists(check.file))
        self.assertFalse(os.path.exists(os.path.dirname(check.file)))

    def test_disk(self):
        check = self.useFixture(checks.DiskCheck(self.client, self.folder, 1))
        self.assertTrue(check.file.startswith(self.folder))
        check.verify()
        os.remove(check.file)
        self.assertRaises(exceptions.GuestError, check.verify)

    def test_clock(self):
        check = self.useFixture(checks.ClockCheck(self.guest.connect, 0.5))
        self.assertRegex(
            check.verify(), r'^it moved by [+-]0\.[0-4].*source is'
        )

    def test_network(self):
        self.guest.run(
            'ip link add card type veth peer name other && '
            'ip link set card address 02:00:00:00:00:05 up && '
            'ip address add 10.99.0.5/24 dev card && '
            'ip address add fd99::5/64 dev card nodad'
        )
        has = {'02:00:00:00:00:05': ['10.99.0.5', 'fd99::5']}
        check = checks.NetworkCheck(
            self.client, has, '127.0.0.1', ['10.99.0.5', '::1']
        )
        self.assertIn('has 2 addresses', check.verify())
        self.guest.run('ip address del fd99::5/64 dev card')
        error = self.assertRaises(exceptions.CheckFailed, check.verify)
        self.assertIn('does not have fd99::5', str(error))

    def test_out_of_reach(self):
        check = checks.NetworkCheck(self.client, {}, '192.0.2.1')
        error = self.assertRaises(exceptions.CheckFailed, check.verify)
        self.assertRegex(str(error), r'does not reach 192.0.2.1, .*: \S')

    def test_ping(self):
        meter = meters.GuestPingMeter(
            self.guest.connect, '127.0.0.1', 'neighbour'
        )
        with meter:
            begin = meter.wait_until_up(10)
            self.guest.run(CUT)
            time.sleep(0.5)  # the length of the outage
            self.guest.run(MEND)
            meter.wait_until_up(10)
            timeline = meter.measurement().since(begin)
        [outage] = timeline.outages
        self.assertGreater(outage.upper, 0.5)
        self.assertLess(outage.lower, 0.5 + test_guest_script.SLACK)
        wait_until(lambda: not self.guest.processes())

    def test_ping_of_nobody(self):
        meter = meters.GuestPingMeter(
            self.guest.connect, '192.0.2.1', 'neighbour'
        )
        error = self.assertRaises(testtools.MultipleExceptions, meter.setUp)
        self.assertIn(
            "the guest can't ping it: error ping 192.0.2.1",
            str(error.args[0][1]),
        )


class TestBusybox(TestDash):
    shell = 'busybox sh'

    @property
    def programs(self):
        return test_guest_script.busybox(*NEEDED, 'ping6', 'adjtimex')


class TestBash(TestDash):
    shell = 'bash'
