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
"""Tests that set options of nova.conf on the hosts, and put them back."""

import functools
import re
import time

from migration_tempest_plugin.cloud import services
from migration_tempest_plugin import config
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.hosts import configuration
from migration_tempest_plugin.hosts import domain
from migration_tempest_plugin.measurement import nova_plan
from migration_tempest_plugin.tests.whitebox import base

CONF = config.CONF

# Migrations that a restart of nova-compute would end (nova/compute/manager.py,
# init_instance).
_UNDER_WAY = (
    'accepted',
    'queued',
    'preparing',
    'running',
    'running (post-copy)',
    'pre-migrating',
    'migrating',
)


class ReconfiguringScenario(base.WhiteboxScenario):
    """Base of the tests that set options of nova.conf on the hosts."""

    @classmethod
    def skip_checks(cls):
        super().skip_checks()
        if not CONF.migration_hosts.allow_restart:
            raise cls.skipException(
                'nova-compute may not be restarted with other options: '
                '[migration-hosts] allow_restart'
            )

    @classmethod
    def resource_setup(cls):
        super().resource_setup()
        files = [compute.nova_conf for compute in cls.computes.values()]
        cls._held = configuration.HeldConfiguration(files, cls.restart)
        cls.addClassResourceCleanup(cls._held.put_back)
        for file in files:
            configuration.put_right(file, cls.restart)

    def setUp(self):
        super().setUp()
        self._wanted = {}  # the options of each file, for this test

    # --- options of nova.conf ------------------------------------------------

    def configure(self, *computes, **options):
        """Set options of [libvirt] on some hosts for this test.

        nova-compute is restarted where they are not in force yet. They stay
        until another test of the class wants others, or until its end.

        :param options: their values; None for the default
        """
        self.plan_options(*computes, **options)
        self._held.want(self._wanted)

    def plan_options(self, *computes, **options):
        """As configure(), but in force only with the next of those."""
        self._want('libvirt', computes, options)

    def plan_concurrent(self, number, compute):
        """As plan_options(): how many migrations a host makes at a time."""
        self._want(
            'DEFAULT', [compute], {'max_concurrent_live_migrations': number}
        )

    def _want(self, section, computes, options):
        for compute in computes:
            self._wanted.setdefault(compute.nova_conf, {}).update(
                {(section, name): value for name, value in options.items()}
            )

    def migration_of(self, guest):
        # What the test before this one has set must not be in force.
        self._held.want(self._wanted)
        return super().migration_of(guest)

    def reconfigure(self, compute, **options):
        """Set mutable options of [libvirt] on a host until the test ends.

        nova-compute reads them while it runs, also amid a migration.

        :param options: their values, which must be new to it
        """
        self.useFixture(
            configuration.ChangedConfiguration(
                [compute.nova_conf],
                {('libvirt', name): value for name, value in options.items()},
                self._reload,
            )
        )

    @classmethod
    def _reload(cls, host):
        compute = cls.computes[host.name]
        mark = compute.log.mark()
        cls.service_of(host).reload()
        give_up = time.monotonic() + CONF.migration_hosts.service_timeout
        # oslo.config (cfg.py, mutate_config_files) says it.
        while not [
            line
            for line in compute.log.since(mark)
            if re.match(r'Option libvirt\.\w+ changed from', line.message)
        ]:
            if time.monotonic() > give_up:
                patience = CONF.migration_hosts.service_timeout
                raise exceptions.SettingNotInForce(
                    f'{host.name}: nova-compute was made to read its options '
                    f'again, and has not logged within {patience:g} s that '
                    'any has changed: is reload_command right?'
                )
            time.sleep(0.5)

    @classmethod
    def restart(cls, host):
        """Restart nova-compute on a host.

        :raises HostError: if it can't be, or must not be now
        """
        under_way = [
            record
            for record in cls.os_admin.migrations_client.list_migrations(
                host=host.name
            )['migrations']
            if record['status'] in _UNDER_WAY
        ]
        if under_way:
            servers = ', '.join(
                record['instance_uuid'] for record in under_way
            )
            raise exceptions.HostError(
                host.name,
                ('restart', 'nova-compute'),
                'that would end migrations that are under way there, of '
                f'{servers}: wait for them, or abort them',
            )

        cls.service_of(host).restart(CONF.migration_hosts.service_timeout)

    @classmethod
    def service_of(cls, host):
        """nova-compute on a host, as a Service."""
        return cls.computes[host.name].service(
            functools.partial(services.problem, cls.os_admin, host.name)
        )

    def data_gb(self, guest):
        """What Nova counts as to be copied in a live migration, in GB.

        Its time-outs are per GB (measurement/nova_plan.py).
        """
        features = CONF.compute_feature_enabled
        copied = (
            self._copied_bytes(guest)
            if features.block_migration_for_live_migration
            else ()
        )
        like = self.os_admin.flavors_client.show_flavor(
            CONF.compute.flavor_ref
        )['flavor']
        return nova_plan.data_gb(like['ram'], copied)

    def _copied_bytes(self, guest):
        libvirt = self.compute_of(guest).libvirt
        sizes = libvirt.disk_sizes(guest.id)
        # Nova looks at the file; that of a device has no size.
        return [
            0 if kind == 'block' else sizes[name]
            for name, kind in domain.copied_disks(libvirt.xml(guest.id))
        ]

    def plan_of_timeout(self, guest, seconds):
        """Nova's plan with such a time-out, as near as nova.conf allows.

        :param seconds: 0 for none
        """
        return nova_plan.Plan.of_timeout(
            seconds,
            self.data_gb(guest),
            CONF.migration_feature_enabled.starlingx_nova,
        )
