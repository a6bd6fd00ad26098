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
"""Scenarios whose guests are looked over before, during and after."""

import contextlib
import functools

import fixtures
from oslo_log import log
from tempest.common import waiters
from testtools import content

from migration_tempest_plugin import checks
from migration_tempest_plugin import config
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.running import recorder
from migration_tempest_plugin.tests.scenario import base

CONF = config.CONF
LOG = log.getLogger(__name__)


class GuestChecks(fixtures.Fixture):
    """All checks of one guest; what they found is a detail of the test.

    :param guest: the id of its server
    :param each: the Checks
    """

    def __init__(self, guest, each):
        self._guest = guest
        self._each = each

    def _setUp(self):
        for check in self._each:
            self.useFixture(check)

    def verify(self):
        """Let each of them say what it finds.

        :raises CheckFailed: with all that is wrong
        """
        found, wrong = [], []
        for check in self._each:
            try:
                found.append(f'{check.name}: {check.verify()}')
            except (exceptions.CheckFailed, exceptions.GuestError) as error:
                found.append(f'{check.name}: FAILED: {error}')
                what = getattr(error, 'what', error)
                wrong.append(f'{check.name}: {what}')
        lines = '\n'.join(found)
        text = f'checks of {self._guest}:\n{lines}'
        LOG.info('%s', text)
        self.addDetail('checks', content.text_content(text))
        if wrong:
            raise exceptions.CheckFailed(self._guest, '; '.join(wrong))
        return found


class CheckedScenario(base.LiveMigrationScenario):
    """Base of the tests that look their guests over."""

    def setUp(self):
        super().setUp()
        self._writers = {}  # the StorageWriter of each guest, by its id

    def storage_meters_of(self, guest, recording=recorder.NONE):
        """As in the base; of what a check has the guest write already."""
        writer = self._writers.get(guest.id)
        if writer and writer.is_running:
            return (self.storage_meter(guest, writer, recording),)
        return super().storage_meters_of(guest, recording)

    def boot_guests(self, count, **arguments):
        """As in the base; one more port of them is open."""
        guests = super().boot_guests(count, **arguments)
        for group in {guest.group for guest in guests}:
            self.open_port(group, CONF.migration.guest_open_port)
        return guests

    def open_port(self, group, port):
        """Let a security group let a TCP port in."""
        rules = self.os_primary.security_group_rules_client
        rule = rules.create_security_group_rule(
            security_group_id=group,
            direction='ingress',
            protocol='tcp',
            port_range_min=port,
            port_range_max=port,
        )['security_group_rule']
        self.addCleanup(rules.delete_security_group_rule, rule['id'])

    # --- the checks ----------------------------------------------------------

    def network_check(self, guest, neighbours=()):
        """That of the network; neighbours are other guests."""
        addresses = {}
        for mac, address in self.interfaces_of(guest):
            addresses.setdefault(mac, []).append(address)
        return checks.NetworkCheck(
            guest.ssh,
            addresses,
            self.outside(guest),
            [
                address
                for other in neighbours
                for address in self.addresses_of(other)
            ],
        )

    def port_check(self, guest):
        return checks.PortCheck(
            guest.address,
            CONF.migration.guest_open_port,
            CONF.migration.guest_closed_port,
        )

    def storage_check(self, guest, folder=None):
        """That of the storage: of a folder, or of the one of the options.

        What it has the guest write is measured, too.
        """
        writer = self._writers[guest.id] = self.storage_writer(guest, folder)
        return checks.StorageCheck(writer, guest.ssh)

    def memory_check(self, guest):
        return checks.MemoryCheck(guest.ssh)

    def disk_check(self, guest):
        return checks.DiskCheck(guest.ssh, CONF.migration.guest_storage_folder)

    def clock_check(self, guest):
        return checks.ClockCheck(
            guest.connect, CONF.migration.allowed_clock_drift
        )

    def console_checks(self, guest):
        """That of the console, where the cloud shows it."""
        if not CONF.compute_feature_enabled.console_output:
            return []

        def read():
            return self.servers_client.get_console_output(guest.id)['output']

        return [checks.ConsoleCheck(guest.ssh, read)]

    def all_checks(self, guest, neighbours=(), further=()):
        """One of each, and further ones, as GuestChecks that are set up."""
        return self.checks(
            guest,
            self.network_check(guest, neighbours),
            self.port_check(guest),
            self.storage_check(guest),
            self.memory_check(guest),
            self.clock_check(guest),
            *self.console_checks(guest),
            *further,
        )

    def checks(self, guest, *each):
        """Some checks, as GuestChecks that are set up."""
        return self.useFixture(GuestChecks(guest.id, each))

    # --- administration ------------------------------------------------------

    def administer(self, guest):
        """Do to a guest what administrators do; after each it is reached.

        What the cloud's features lack is left out.

        :returns: the names of what was done
        """
        done = []
        for name, boots, steps in self._administration():
            if not getattr(CONF.compute_feature_enabled, name, True):
                LOG.info(
                    '%s is not enabled: [compute-feature-enabled] %s',
                    name,
                    name,
                )
                continue
            with self.reporting(f'{name} of {guest.id}'):
                boot_id = guest.boot_id()
                guest.sync()
                for act, status in steps:
                    act(guest.id)
                    waiters.wait_for_server_status(
                        self.servers_client, guest.id, status
                    )
                guest.reach()
                self.assertEqual(
                    boots,
                    guest.boot_id() != boot_id,
                    'Another boot of the guest?',
                )
                # It looks when it is set up.
                self.useFixture(self.network_check(guest))
            done.append(name)
        return done

    def _administration(self):
        """Each thing: its name, whether the guest boots, and the steps.

        Each step comes with the status of the server that follows.
        """
        client = self.servers_client
        soft, hard = (
            functools.partial(client.reboot_server, type=kind)
            for kind in ('SOFT', 'HARD')
        )
        return (
            (
                'pause',
                False,
                (
                    (client.pause_server, 'PAUSED'),
                    (client.unpause_server, 'ACTIVE'),
                ),
            ),
            (
                'suspend',
                False,
                (
                    (client.suspend_server, 'SUSPENDED'),
                    (client.resume_server, 'ACTIVE'),
                ),
            ),
            ('soft reboot', True, ((soft, 'ACTIVE'),)),
            ('hard reboot', True, ((hard, 'ACTIVE'),)),
            (
                'stop',
                True,
                (
                    (client.stop_server, 'SHUTOFF'),
                    (client.start_server, 'ACTIVE'),
                ),
            ),
        )

    @contextlib.contextmanager
    def reporting(self, what):
        """Keep what was at work when something failed."""
        try:
            yield
        except Exception:
            self.addDetailUniqueName('failed at', content.text_content(what))
            raise
