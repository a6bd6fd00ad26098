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
"""Every kind of migration that nova.conf of the hosts sets, out and back."""

from migration_tempest_plugin import config
from migration_tempest_plugin.tests.scenario import shared
from migration_tempest_plugin.tests.scenario import test_matrix
from migration_tempest_plugin.tests.scenario import variants
from migration_tempest_plugin.tests.whitebox import base
from migration_tempest_plugin.tests.whitebox import slow

CONF = config.CONF


@base.serial
@variants.tests_of(variants.BY_NOVA_CONF)
class TestMatrix(
    shared.SharedGuestScenario, test_matrix.MatrixScenario, slow.SlowScenario
):
    """The variants of variants.BY_NOVA_CONF, and that they are in force."""

    def prepare(self, variant, guest, hosts):
        """Set its options on both hosts, and load the guest if need be."""
        # Slow enough to be seen by who looks once a second. Those that are
        # not to be completed by other means must find their end soon.
        bandwidth = CONF.migration.limited_bandwidth * (
            1 if variant.busy else 4
        )
        self.configure(
            *(self.computes[host] for host in hosts),
            **slow.QUICK_STEPS,
            live_migration_bandwidth=bandwidth,
            **variant.nova_conf,
        )
        if variant.busy:
            self.load_memory(guest)

    def migrate_live(self, variant, guest, host):
        """As in the base; QEMU must have what the variant says."""
        observation = self.observe(guest)
        super().migrate_live(variant, guest, host)
        self.assert_in_force(variant, observation)

    def migrate_tunnelled(self, variant, guest, host):
        """libvirt must have sent the memory."""
        with self.assert_tunnelled((guest, True)):
            super().migrate_live(variant, guest, host)

    def migrate_post_copy(self, variant, guest, host):
        """Nova switches to post-copy when the time-out is over."""
        self._migrate_post_copy(variant, guest, host, lambda migration: None)

    def migrate_post_copy_by_hand(self, variant, guest, host):
        """The API is asked to complete it (force-complete)."""

        def force(migration):
            self.await_second_pass(migration, self.observation)
            migration.force_complete()

        self._migrate_post_copy(variant, guest, host, force)

    def _migrate_post_copy(self, variant, guest, host, complete):
        self.observation = self.observe(guest)

        def follow(migration):
            self.await_slow_copy(migration, self.observation)
            complete(migration)
            migration.wait_until_completed(CONF.migration.migration_timeout)

        measured = self.live_migrate_measured(guest, host, follow)
        self.assert_in_force(variant, self.observation)
        self.assert_post_copy(measured, self.observation)

    def assert_in_force(self, variant, observation):
        """QEMU has had what makes the variant."""
        for name, value in variant.qemu.items():
            self.assert_qemu(observation, name, value)
