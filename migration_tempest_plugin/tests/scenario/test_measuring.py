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
"""The measuring itself, in a real cloud: it must not pass on no data."""

from tempest.common import utils
from tempest.common import waiters
from tempest.lib import decorators

from migration_tempest_plugin import config
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.tests.scenario import base

CONF = config.CONF


class TestMeasuring(base.LiveMigrationScenario):
    @decorators.idempotent_id('6e0f5c3b-8d0c-4f0a-9d55-4a6a1f4c9a52')
    @decorators.attr(type=['slow', 'multinode'])
    @utils.services('compute', 'network')
    def test_reboot_is_no_measurement(self):
        """What runs in a guest is gone with a reboot, and its meters say so

        1. Boot a server and reach it by SSH.
        2. Measure network, guest and metadata service.
        3. Reboot the server.
        4. The network was down, for a time that is measured.
        5. The others have no measurement, because the guest was rebooted.
        """
        guest = self.boot_guest()
        network, *inside = self.meters_of(guest)
        for meter in (network, *inside):
            self.useFixture(meter)
            meter.wait_until_up(CONF.migration.baseline_timeout)
        guest.sync()
        self.servers_client.reboot_server(guest.id, type='HARD')
        waiters.wait_for_server_status(self.servers_client, guest.id, 'ACTIVE')
        network.wait_until_up(CONF.validation.ping_timeout)
        self.assertGreater(network.measurement().longest.lower, 0)
        # SSH takes a moment longer than the network to be back.
        guest.reach()
        for meter in inside:
            error = self.assertRaises(
                exceptions.NoMeasurement,
                meter.wait_until_up,
                CONF.migration.recovery_timeout,
            )
            self.assertIn('the guest was rebooted', str(error))
