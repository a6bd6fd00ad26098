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
"""What a live migration does to a server's domain, seen in libvirt."""

from tempest.common import utils
from tempest.lib import decorators
import testtools

from migration_tempest_plugin import config
from migration_tempest_plugin.hosts import database
from migration_tempest_plugin.hosts import domain
from migration_tempest_plugin.hosts import inventory
from migration_tempest_plugin.hosts import ssh
from migration_tempest_plugin.tests.whitebox import base

CONF = config.CONF


class TestDomain(base.WhiteboxScenario):
    """The domain before a migration, and after."""

    def domain_of(self, guest):
        """The guest's domain where it runs."""
        return self.compute_of(guest).libvirt.xml(guest.id)

    def assert_same_domain(self, before, after):
        """Fail at every difference that is not expected."""
        wrong = [
            str(each)
            for each in domain.differences(before, after)
            if each.reason is None
        ]
        self.assertEqual(
            [], wrong, 'The domain is not what it was:\n' + '\n'.join(wrong)
        )
        # As the differences have it, too; named here for who reads a failure.
        for part in (domain.interfaces, domain.disk_caches, domain.numa_cells):
            self.assertEqual(part(before), part(after))

    @decorators.idempotent_id('c5c6191c-61ac-4c3b-ab90-53936f108906')
    @decorators.attr(type=['slow', 'multinode'])
    @utils.services('compute', 'network')
    def test_domain_is_kept(self):
        """A live migration changes nothing of the domain

        1. Boot a server, and read its domain from libvirt.
        2. Live migrate it, measured.
        3. Its domain on the destination is what it was: interfaces, cache
           mode of the disks, CPUs and all else, but for what a host decides
           for itself (hosts/domain.py lists it).
        4. libvirt says for how long it had the guest stopped.
        """
        guest = self.boot_guest()
        before = self.domain_of(guest)
        observation = self.observe(guest)
        measured = self.live_migrate_measured(guest)
        self.assert_same_domain(before, self.domain_of(guest))
        self.assertNotEqual([], domain.interfaces(before))
        self.assertNotEqual({}, domain.disk_caches(before))
        self.assert_told_by_libvirt(measured, observation)
        self.assert_downtime_allowed(measured)

    @decorators.idempotent_id('5ed94969-1a8b-434f-89c6-7e261622b50e')
    @decorators.attr(type=['slow', 'multinode'])
    @testtools.skipUnless(
        CONF.migration_feature_enabled.cpu_pinning,
        'No dedicated CPUs: [migration-feature-enabled] cpu_pinning',
    )
    @utils.services('compute', 'network')
    def test_dedicated_cpus_are_kept(self):
        """A server with dedicated CPUs has them after a live migration

        1. Boot a server whose flavor asks for dedicated CPUs, a NUMA node,
           and another CPU for QEMU's other threads.
        2. In its domain each CPU has one of the host's for itself, and so the
           kernel has it for the threads.
        3. Live migrate it, measured.
        4. So it is on the destination, with as many CPUs of the host, and the
           rest of the domain is what it was.
        """
        guest = self.boot_guest(
            flavor=self.create_flavor(
                {
                    'hw:cpu_policy': 'dedicated',
                    'hw:numa_nodes': '1',
                    'hw:emulator_threads_policy': 'isolate',
                }
            )
        )
        before = self.assert_dedicated(guest)
        measured = self.live_migrate_measured(guest)
        after = self.assert_dedicated(guest)
        self.assert_same_domain(before, after)
        old, new = domain.Cpus.of(before), domain.Cpus.of(after)
        self.assertEqual(set(old.vcpus), set(new.vcpus))
        self.assertEqual(len(old.emulator), len(new.emulator))
        self.assert_downtime_allowed(measured)

    def assert_dedicated(self, guest):
        """Its domain, in which its CPUs are dedicated; so are the threads."""
        compute = self.compute_of(guest)
        found = self.domain_of(guest)
        cpus = domain.Cpus.of(found)
        self.assertTrue(
            cpus.dedicated,
            f'No dedicated CPUs on {compute.name}: {cpus}',
        )
        self.assertIsNotNone(cpus.emulator)
        self.assertFalse(
            cpus.emulator & frozenset().union(*cpus.vcpus.values()),
            f"QEMU's other threads are on CPUs of the server: {cpus}",
        )
        self.assertEqual(
            cpus.vcpus,
            compute.libvirt.affinity(guest.id),
            f'The threads on {compute.name} run on other CPUs than the '
            'domain says',
        )
        return found


class TestPlace(base.WhiteboxScenario):
    """Where a server is: one answer, whoever is asked."""

    def database(self):
        """The database of the cell."""
        hosts = CONF.migration_hosts
        tunnel = inventory.database_tunnel(hosts)
        host = tunnel and ssh.Host(tunnel)
        if host:
            self.addCleanup(host.close)
        return database.Database(
            database.Connection.parse(hosts.database_connection),
            host,
            hosts.ssh_timeout,
        )

    def assert_place(self, guest, database):
        """It is in one place only, and all agree which; that is returned."""
        name = self.compute_of(guest).name
        running = [
            each.name
            for each in self.computes.values()
            if guest.id in each.libvirt.running()
        ]
        self.assertEqual(
            [name],
            running,
            f"By Nova's API it is on {name}; by libvirt it runs on {running}",
        )
        known = [
            each.name
            for each in self.computes.values()
            if guest.id in each.libvirt.defined()
        ]
        self.assertEqual(
            [name],
            known,
            f'It runs on {name} alone, but is left in libvirt on {known}',
        )
        [row] = database.rows(
            'SELECT host, node, vm_state, task_state FROM instances '
            'WHERE uuid = %s AND deleted = 0',
            guest.id,
        )
        self.assertEqual(
            (name, 'active', None),
            (row['host'], row['vm_state'], row['task_state']),
            row,
        )
        return name

    @decorators.idempotent_id('0a5f9bc2-b9d7-4d2f-840b-e2b73c078d1b')
    @decorators.attr(type=['slow', 'multinode'])
    @testtools.skipUnless(
        CONF.migration_hosts.database_connection,
        'No database to ask: [migration-hosts] database_connection',
    )
    @utils.services('compute', 'network')
    def test_one_place(self):
        """Nova's API, its database and libvirt agree on where a server is

        1. Boot a server. API, database and libvirt agree, and libvirt has it
           on one host only.
        2. Live migrate it, measured.
        3. They agree on another host. On the first one, libvirt has not even
           a definition of it left, and the database's record of the migration
           says completed.
        """
        guest = self.boot_guest()
        database = self.database()
        source = self.assert_place(guest, database)
        measured = self.live_migrate_measured(guest)
        destination = self.assert_place(guest, database)
        self.assertEqual(
            (measured.source, measured.destination), (source, destination)
        )
        [record] = database.rows(
            'SELECT status, source_compute, dest_compute FROM migrations '
            'WHERE instance_uuid = %s',
            guest.id,
        )
        self.assertEqual(
            {
                'status': 'completed',
                'source_compute': source,
                'dest_compute': destination,
            },
            record,
        )
        self.assert_downtime_allowed(measured)
