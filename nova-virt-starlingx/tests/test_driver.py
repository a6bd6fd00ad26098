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
"""What the driver makes of servers that say something."""

from unittest import mock

from nova import context
from nova import exception
from nova import objects
from nova.objects import migrate_data
from nova import test
from nova.tests.fixtures import libvirt as fakelibvirt
from nova.tests.unit import fake_flavor
from nova.tests.unit import fake_instance
from nova.virt import fake
from nova.virt.libvirt import driver
from nova.virt.libvirt import migration
from nova.virt import starlingx
from nova.virt.starlingx import settings

TUNNELLED = fakelibvirt.VIR_MIGRATE_TUNNELLED
CONVERGE = fakelibvirt.VIR_MIGRATE_AUTO_CONVERGE


class DriverTest(test.NoDBTestCase):
    """A driver with libvirt's fake, as Nova's own tests have it."""

    def setUp(self):
        super().setUp()
        self.useFixture(fakelibvirt.LibvirtFixture())
        self.context = context.get_admin_context()

    def driver(self, **options):
        """A driver that has begun, with options of [libvirt]."""
        self.flags(group='libvirt', **options)
        made = starlingx.LibvirtDriver(fake.FakeVirtAPI(), False)
        made._parse_migration_flags()
        return made

    def server(self, flavor=None, metadata=None, image=None):
        """A server whose flavor, metadata and image say something."""
        extra_specs = flavor or {}
        instance = fake_instance.fake_instance_obj(
            self.context,
            flavor=fake_flavor.fake_flavor_obj(
                self.context, extra_specs=extra_specs
            ),
            metadata=metadata or {},
            system_metadata={
                f'image_{name}': value for name, value in (image or {}).items()
            },
            expected_attrs=['metadata', 'system_metadata'],
        )
        instance.flavor.extra_specs = extra_specs
        return instance


class TestFlags(DriverTest):
    def migrated_by(self, made, server):
        """What migrates a server in the end: a driver."""
        asked = []
        # Nova's tests have mock's autospec leave out "self".
        with mock.patch.object(
            driver.LibvirtDriver,
            '_live_migration',
            lambda self, *arguments: asked.append((self, arguments)),
        ):
            made.live_migration(
                self.context, server, 'there', 'post', 'recover', True, 'data'
            )
        [(found, arguments)] = asked
        self.assertEqual(
            (self.context, server, 'there', 'post', 'recover', True, 'data'),
            arguments,
        )
        return found

    def migrated(self, made, server):
        """The flags with which a server is migrated."""
        view = self.migrated_by(made, server)
        self.assertEqual(
            view._live_migration_flags ^ made._live_migration_flags,
            view._block_migration_flags ^ made._block_migration_flags,
        )
        return view._live_migration_flags

    def test_nothing_is_said(self):
        made = self.driver(live_migration_permit_auto_converge=True)
        self.assertIs(made, self.migrated_by(made, self.server()))

    def test_on_by_metadata(self):
        made = self.driver(live_migration_permit_auto_converge=False)
        before = made._live_migration_flags
        found = self.migrated(
            made, self.server(metadata={settings.AUTO_CONVERGE: 'True'})
        )
        self.assertEqual(before | CONVERGE, found)
        self.assertEqual(before, made._live_migration_flags)

    def test_off_by_flavor(self):
        made = self.driver(live_migration_permit_auto_converge=True)
        found = self.migrated(
            made, self.server({settings.AUTO_CONVERGE: 'off'})
        )
        self.assertEqual(made._live_migration_flags & ~CONVERGE, found)

    def test_metadata_goes_before_the_flavor(self):
        made = self.driver(live_migration_permit_auto_converge=False)
        server = self.server(
            {settings.AUTO_CONVERGE: 'no', settings.TUNNEL: 'yes'},
            {settings.AUTO_CONVERGE: 'yes', settings.TUNNEL: 'no'},
        )
        found = self.migrated(made, server)
        self.assertEqual(CONVERGE, found & (CONVERGE | TUNNELLED))

    def test_an_image_has_no_say(self):
        made = self.driver(live_migration_permit_auto_converge=False)
        server = self.server(
            image={'hw_wrs_live_migration_auto_converge': 'True'}
        )
        self.assertEqual(
            made._live_migration_flags, self.migrated(made, server)
        )

    def test_tunnel_on_and_off(self):
        for host, said, expected in (
            (False, 'True', TUNNELLED),
            (True, 'False', 0),
            (True, 'maybe', TUNNELLED),
            (False, 'maybe', 0),
        ):
            made = self.driver(live_migration_tunnelled=host)
            found = self.migrated(
                made, self.server(metadata={settings.TUNNEL: said})
            )
            self.assertEqual(expected, found & TUNNELLED, (host, said))

    def test_post_copy_excludes_auto_converge(self):
        made = self.driver(live_migration_permit_post_copy=True)
        found = self.migrated(
            made, self.server(metadata={settings.AUTO_CONVERGE: 'True'})
        )
        self.assertEqual(0, found & CONVERGE)


class TestTunnel(DriverTest):
    """What a tunnel that a server asks for can't go with is refused."""

    def check(self, made, server, copied=False):
        """The check of the source, of a server whose disks are copied or not.

        :returns: the flags that Nova's own check had
        """
        answer = migrate_data.LibvirtLiveMigrateData(block_migration=copied)
        asked = []

        def check(view, *arguments):
            asked.append((view, arguments))
            return answer

        given = (self.context, server, 'data', 'devices')
        with mock.patch.object(
            driver.LibvirtDriver, 'check_can_live_migrate_source', check
        ):
            found = made.check_can_live_migrate_source(*given)
        [(view, arguments)] = asked
        self.assertEqual(given, arguments)
        self.assertIs(answer, found)
        return view._block_migration_flags

    def refused(self, *arguments, **words):
        error = self.assertRaises(
            exception.MigrationPreCheckError, self.check, *arguments, **words
        )
        return str(error)

    def test_taken(self):
        server = self.server({settings.TUNNEL: 'True'})
        self.assertEqual(0, self.check(self.driver(), server) & TUNNELLED)

    def test_copied_disks(self):
        server = self.server({settings.TUNNEL: 'True'})
        message = self.refused(self.driver(), server, copied=True)
        self.assertIn(f'The flavor of server {server.uuid}', message)
        self.assertIn('libvirt tunnels no disks', message)

    def test_options(self):
        server = self.server(metadata={settings.TUNNEL: 'True'})
        for option, value in (
            ('live_migration_with_native_tls', True),
            ('live_migration_permit_post_copy', True),
            ('live_migration_parallel_connections', 4),
        ):
            if option not in driver.CONF.libvirt:
                continue  # Nova 32 has no parallel connections
            made = self.driver(**{option: value})
            with mock.patch.object(
                driver.LibvirtDriver, 'check_can_live_migrate_source'
            ) as check:
                message = self.refused_at_once(made, server)
            check.assert_not_called()
            self.assertIn(f'The metadata of server {server.uuid}', message)
            self.assertIn(option, message)
            driver.CONF.clear_override(option, 'libvirt')

    def refused_at_once(self, made, server):
        error = self.assertRaises(
            exception.MigrationPreCheckError,
            made.check_can_live_migrate_source,
            self.context,
            server,
            None,
        )
        return str(error)

    def test_off_where_the_host_tunnels(self):
        made = self.driver(live_migration_tunnelled=True)
        server = self.server(metadata={settings.TUNNEL: 'False'})
        self.assertEqual(0, self.check(made, server, copied=True) & TUNNELLED)

    def test_the_host_tunnels(self):
        """Then Nova's own check has its say, as ever."""
        made = self.driver(live_migration_tunnelled=True)
        self.assertEqual(
            TUNNELLED, self.check(made, self.server(), copied=True) & TUNNELLED
        )


class TestTimeout(DriverTest):
    def due(self, server, elapsed, host, status='running'):
        self.driver()
        return driver.libvirt_migrate.should_trigger_timeout_action(
            server, elapsed, host, status
        )

    def test_the_lowest_of_a_server(self):
        server = self.server(
            {settings.TIMEOUT: '300'},
            {settings.TIMEOUT: '200'},
            {settings.IMAGE_TIMEOUT: '150'},
        )
        self.assertFalse(self.due(server, 150, 10))
        self.assertTrue(self.due(server, 151, 1000))

    def test_none(self):
        server = self.server(metadata={settings.TIMEOUT: '0'})
        self.assertFalse(self.due(server, 10**6, 120))

    def test_that_of_the_host(self):
        server = self.server(metadata={settings.TIMEOUT: 'soon'})
        self.assertFalse(self.due(server, 120, 120))
        self.assertTrue(self.due(server, 121, 120))

    def test_not_in_post_copy(self):
        server = self.server(metadata={settings.TIMEOUT: '120'})
        self.assertFalse(self.due(server, 121, 0, 'running (post-copy)'))


class TestDowntime(DriverTest):
    def steps(self, server, host=500):
        """The maximum downtimes that a guest gets, in ms.

        :param host: what nova.conf says
        """
        self.driver(
            live_migration_downtime=host,
            live_migration_downtime_steps=3,
            live_migration_downtime_delay=3,
        )
        guest, downtime = mock.Mock(), None
        steps = list(migration.downtime_steps(2))
        for elapsed in range(60):
            downtime = driver.libvirt_migrate.update_downtime(
                guest, server, downtime, steps, elapsed
            )
        return [
            milliseconds
            for call in guest.migrate_configure_max_downtime.call_args_list
            for milliseconds in call.args
        ]

    def test_up_to_that_of_a_server(self):
        server = self.server(metadata={settings.MAX_DOWNTIME: '300'})
        self.assertEqual([100, 166, 233, 300], self.steps(server))

    def test_by_an_image(self):
        server = self.server(image={settings.IMAGE_MAX_DOWNTIME: '150'})
        self.assertEqual(150, self.steps(server)[-1])

    def test_that_of_the_host(self):
        server = self.server(metadata={settings.MAX_DOWNTIME: '99'})
        self.assertEqual([133, 222, 311, 400], self.steps(server, host=400))


class TestNova(DriverTest):
    """A Nova that has changed is refused, with the reason."""

    def test_this_one_is_known(self):
        starlingx.check_nova()

    def refused(self):
        error = self.assertRaises(
            ImportError, starlingx.LibvirtDriver, fake.FakeVirtAPI(), False
        )
        return str(error)

    def test_another_parameter(self):
        def changed(self, context, instance, dest, post_method, *rest):
            raise AssertionError

        with mock.patch.object(
            driver.LibvirtDriver, 'live_migration', changed
        ):
            self.assertIn('live_migration of this Nova: self', self.refused())

    def test_a_function_is_gone(self):
        with mock.patch.object(migration, 'update_downtime', None):
            self.assertIn('update_downtime of this Nova: is', self.refused())

    def test_flags_are_gone(self):
        real = driver.LibvirtDriver.__init__

        def init(self, *args, **kwargs):
            real(self, *args, **kwargs)
            del self._block_migration_flags

        with mock.patch.object(driver.LibvirtDriver, '__init__', init):
            self.assertIn('no _block_migration_flags', self.refused())

    def test_driver_is_loaded_by_name(self):
        self.flags(compute_driver='starlingx.LibvirtDriver')
        found = driver.driver.load_compute_driver(fake.FakeVirtAPI())
        self.assertIs(starlingx.LibvirtDriver, type(found))

    def test_servers_of_other_tests_are_no_instances(self):
        self.assertEqual({}, starlingx._told({'uuid': 'x'}).origins)
        self.assertEqual({}, starlingx._told(objects.Instance()).origins)
