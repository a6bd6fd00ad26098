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
"""A guest is looked over before, during and after a live migration."""

import shlex

from tempest.common import utils
from tempest.lib.common.utils import test_utils
from tempest.lib import decorators
from tempest.lib import exceptions as lib_exc
import testtools

from migration_tempest_plugin import config
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.tests.scenario import checked

CONF = config.CONF

#: Sets the time of day to what it was, again and again, for some seconds.
_HOLD_CLOCK = """
now=$(date +%%s)
read -r up _ </proc/uptime
over=$((${up%%.*} + %d))
while [ "${up%%.*}" -lt "$over" ]; do
    date -s "@$now" >/dev/null
    read -r up _ </proc/uptime
done
"""


class TestGuestChecks(checked.CheckedScenario):
    """Nothing of a guest is other than it was."""

    @decorators.idempotent_id('a1b0a8a6-6c57-4d5e-8f3a-2f6c1f0d9e37')
    @decorators.attr(type=['slow', 'multinode'])
    @testtools.skipUnless(
        CONF.compute_feature_enabled.live_migrate_back_and_forth,
        'Migrating back is not enabled: [compute-feature-enabled] '
        'live_migrate_back_and_forth',
    )
    @utils.services('compute', 'network')
    def test_checks(self):
        """Network, storage, memory, clock and console through a migration

        1. Boot two servers. In one of them, begin to write to the disk, keep
           random bytes in memory, and try ports that its security group lets
           in, and does not.
        2. Live migrate it to another host, measured, and look it over; and
           back, and look it over again ([migration] there_and_back).
        3. Each time it reaches its neighbour and the outside, has its
           addresses, its closed port was never answered, its disk has all
           that was written, its memory what was in it, its clock is right and
           goes by the same source, and its console goes on.
        """
        guest, neighbour = self.boot_guests(2)
        checks = self.all_checks(guest, [neighbour])
        there = self.live_migrate_measured(
            guest, host=self.another_host(guest)
        )
        checks.verify()
        measured = [there]
        if CONF.migration.there_and_back:
            measured += [self.live_migrate_measured(guest, host=there.source)]
            checks.verify()
        self.assert_downtime_allowed(*measured)

    @decorators.idempotent_id('0cbb5d1e-9d0f-4d2b-9b1c-6a4b8e7f2d15')
    @decorators.attr(type=['slow', 'multinode'])
    @utils.services('compute', 'network')
    def test_administration(self):
        """A server obeys on its new host as it did on the old one

        1. Boot a server and live migrate it, measured.
        2. Pause and unpause it, suspend and resume it, reboot it softly and
           hard, stop and start it.
        3. After each, it is reached, reaches the outside, and has its
           addresses.
        """
        guest = self.boot_guest()
        measured = self.live_migrate_measured(guest)
        self.assertNotEqual([], self.administer(guest))
        self.assert_downtime_allowed(measured)


class TestChecksFail(checked.CheckedScenario):
    """What is made wrong is found, and named: nothing is migrated."""

    @decorators.idempotent_id('e0c8f7a2-93d4-4b7e-a6a1-5c0d8b3f4e29')
    @decorators.attr(type=['slow', 'multinode'])
    @utils.services('compute', 'network')
    def test_found(self):
        """A port is opened, bytes of a file changed, a clock stopped

        1. Boot a server, and begin to look it over. All is well.
        2. Open the closed port in the security group: that check fails.
        3. Change bytes of what is in memory: that check fails.
        4. Change bytes of what is on the disk: that check fails, and names
           the record.
        5. Hold the guest's time of day: that check fails.
        6. All of the others go on to find nothing.
        """
        guest = self.boot_guest()
        ports = self.useFixture(self.port_check(guest))
        memory = self.useFixture(self.memory_check(guest))
        storage = self.useFixture(self.storage_check(guest))
        clock = self.useFixture(self.clock_check(guest))
        for check in (ports, memory, storage, clock):
            check.verify()
        self.open_port(guest.group, CONF.migration.guest_closed_port)
        self.assert_found(
            ports,
            f'port {CONF.migration.guest_closed_port} .* is closed by its '
            'security groups, and answered',
        )
        for check in (memory, storage, clock):
            check.verify()
        self.overwrite(guest, memory.file, 1000)
        self.assert_found(memory, 'not what they were')
        self.overwrite(guest, storage.file, 2 * 4096 + 70)
        self.assert_found(storage, r'record 2 .* is torn 2 ')
        self.hold_clock(guest)
        self.assert_found(clock, r'it moved by -')

    def assert_found(self, check, pattern):
        """A check fails, in words that a pattern is in; in time."""

        def found():
            try:
                check.verify()
            except exceptions.CheckFailed as error:
                self.assertRegex(str(error), pattern)
                return True
            return False

        self.assertTrue(
            test_utils.call_until_true(found, CONF.validation.ping_timeout, 1),
            f'{check.name} finds nothing wrong',
        )

    def overwrite(self, guest, file, place):
        # Not one byte: of 256 random ones, one would be what it becomes.
        guest.ssh.exec_command(
            f'printf overwritten | dd of={shlex.quote(file)} bs=1 '
            f'seek={place} conv=notrunc 2>/dev/null'
        )

    def hold_clock(self, guest):
        """Let the guest's time of day stand for longer than is allowed."""
        script = _HOLD_CLOCK % (CONF.migration.allowed_clock_drift + 2)
        try:
            guest.ssh.exec_command(f'sudo -n sh -c {shlex.quote(script)}')
        except lib_exc.SSHExecCommandFailed as error:
            raise self.skipException(
                f"The guest's user may not set its clock: {error}"
            ) from error
