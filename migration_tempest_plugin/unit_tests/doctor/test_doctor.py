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
"""What the doctor finds, and what it says of it."""

import dataclasses
import io
from unittest import mock

import fixtures
from tempest.lib import exceptions as lib_exc
import testtools

from migration_tempest_plugin.cmd import doctor
from migration_tempest_plugin.doctor import cloud
from migration_tempest_plugin.doctor import finding
from migration_tempest_plugin.doctor import here
from migration_tempest_plugin.doctor import hosts
from migration_tempest_plugin.doctor import tests
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.prober import echo
from migration_tempest_plugin.unit_tests.doctor import samples

GOOD, BAD, DIFFERS, UNUSED = finding.Outcome


def service(host, state='up', status='enabled'):
    return {'host': host, 'state': state, 'status': status}


class TestCloud(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.admin = mock.Mock()
        self.answer(
            'services_client',
            'list_services',
            services=[service('a'), service('b')],
        )
        self.answer(
            'compute_versions_client',
            'list_versions',
            versions=[
                {'id': 'v2.0', 'version': ''},
                {'id': 'v2.1', 'version': '2.96'},
            ],
        )
        self.answer(
            'image_client_v2', 'show_image', name='cirros', status='active'
        )
        self.answer(
            'flavors_client',
            'show_flavor',
            flavor={'name': 'small', 'ram': 192},
        )
        self.answer(
            'networks_client',
            'show_network',
            network={'name': 'public', 'router:external': True},
        )

        self.answer(
            'volume_services_client_latest',
            'list_services',
            services=[
                {'binary': 'cinder-scheduler', 'host': 'c', 'state': 'up'},
                {'binary': 'cinder-volume', 'host': 'c@rbd', 'state': 'up'},
                {'binary': 'cinder-volume', 'host': 'd@rbd', 'state': 'down'},
            ],
        )
        self.set(cloud.CONF.service_available, cinder=True)
        self.set(
            cloud.CONF.compute_feature_enabled,
            volume_backed_live_migration=True,
        )

    def set(self, group, **options):
        for name, value in options.items():
            self.useFixture(fixtures.MockPatchObject(group, name, value))

    def test_volumes(self):
        self.assertEqual(
            'cinder-volume is up on c@rbd', self.found()['volumes'].said
        )

    def test_no_volumes(self):
        self.answer(
            'volume_services_client_latest', 'list_services', services=[]
        )
        self.assert_bad('volumes', 'no cinder-volume is up', 'cinder = false')

    def test_volumes_that_are_not_used(self):
        for option, found in (
            ('volume_backed_live_migration', 'volume_backed_live_migration'),
            ('cinder', '[service_available] cinder = true'),
        ):
            self.set(
                cloud.CONF.service_available
                if option == 'cinder'
                else cloud.CONF.compute_feature_enabled,
                **{option: False},
            )
            self.assertIn(found, self.found()['volumes'].advice)

    def answer(self, client, call, **answer):
        getattr(getattr(self.admin, client), call).return_value = answer

    def found(self):
        return {each.what: each for each in cloud.findings(self.admin)}

    def test_good(self):
        found = self.found()
        self.assertEqual({GOOD}, {each.outcome for each in found.values()})
        self.assertIn('2 up (a, b)', found['compute services'].said)
        self.assertIn('2.96', found["Nova's API"].said)

    def assert_bad(self, what, said, advice):
        found = self.found()
        self.assertEqual(
            [what],
            [name for name, each in found.items() if each.outcome is BAD],
        )
        self.assertIn(said, found[what].said)
        self.assertIn(advice, found[what].advice)

    def test_too_few_computes(self):
        self.answer(
            'services_client',
            'list_services',
            services=[service('a'), service('b', status='disabled')],
        )
        self.assert_bad(
            'compute services', 'b is up, disabled', 'needs two computes'
        )

    def test_an_old_nova(self):
        self.answer(
            'compute_versions_client',
            'list_versions',
            versions=[{'id': 'v2.1', 'version': '2.60'}],
        )
        self.assert_bad("Nova's API", 'without aborting', 'left out')

    def test_no_right(self):
        self.admin.migrations_client.list_migrations.side_effect = (
            lib_exc.Forbidden('Policy says\n no')
        )
        self.assert_bad('migration records', 'Forbidden', '[auth] admin_*')
        self.assertNotIn('\n', self.found()['migration records'].said)

    def test_no_such_image(self):
        self.admin.image_client_v2.show_image.side_effect = lib_exc.NotFound()
        self.assert_bad('image', 'NotFound', '[compute] image_ref')

    def test_nothing_is_changed(self):
        self.found()
        for call in self.admin.method_calls:
            self.assertRegex(call[0], r'\.(list|show)_')


class TestTold(testtools.TestCase):
    def test_in_a_line(self):
        self.assertEqual(
            'OSError: one two', finding.reason(OSError('one\n  two\n'))
        )

    def test_the_cause_comes_last(self):
        """It is not cut off: urllib3's words for a lost connection, say."""
        words = 'x' * 300 + ' Connection refused'
        self.assertEqual('OSError: ' + words, finding.reason(OSError(words)))
        told = finding.reason(OSError('word ' * 1000))
        self.assertThat(len(told), testtools.matchers.LessThan(650))
        self.assertTrue(told.endswith('word ...'))

    def test_one_endless_word(self):
        """A page without blanks, say; how it begins is told."""
        self.assertThat(
            finding.reason(OSError('<html>' * 1000)),
            testtools.matchers.StartsWith('OSError: <html><html>'),
        )


class TestHosts(testtools.TestCase):
    def compute(self, name, user='0'):
        compute = mock.Mock()
        compute.name = name
        compute.host.run.return_value = user + '\n'
        compute.libvirt.version.return_value = '11.3.0'
        compute.description.nova_conf = '/etc/nova/nova.conf'
        compute.description.log = '/var/log/x'
        compute.description.instances = '/var/lib/nova/instances'
        compute.description.commands.start = 'supervisorctl start x'
        return compute

    def found(self, known, *computes, **values):
        for name, function in (
            (
                'inventory.computes',
                lambda options: {each.name: each for each in computes},
            ),
            (
                'facts.look',
                lambda compute: dataclasses.replace(
                    samples.A, name=compute.name, **values
                ),
            ),
            ('facts.way', lambda *_: samples.FINE),
        ):
            self.useFixture(
                fixtures.MonkeyPatch(
                    'migration_tempest_plugin.hosts.' + name, function
                )
            )
        return {each.what: each for each in hosts.findings(known)}

    def test_good(self):
        compute = self.compute('a')
        found = self.found(['a'], compute)
        self.assertEqual(
            [
                'root by SSH',
                'libvirt',
                'nova.conf',
                "nova-compute's log",
                'instances_path',
                'files of nova-compute',
            ],
            [
                what[len('host a, ') :]
                for what, each in found.items()
                if each.outcome is GOOD
            ],
        )
        compute.close.assert_called_once_with()

    def test_two(self):
        found = self.found(['a', 'b'], self.compute('a'), self.compute('b'))
        # it copies no disks, by Tempest's default
        self.assertEqual(BAD, found['hosts a and b, disks'].outcome)

    def test_unit(self):
        compute = self.compute('a')
        compute.description.commands.start = 'systemctl start nova-compute'
        compute.host.run.side_effect = lambda *words: {
            'id': '0\n',
            'systemctl': 'LoadState=not-found\n',
        }[words[0]]
        found = self.found(['a'], compute)["host a, nova-compute's unit"]
        self.assertEqual(BAD, found.outcome)
        self.assertIn('not-found', found.said)
        self.assertIn('nova_compute_unit', found.advice)

    def test_no_instances(self):
        found = self.found(['a'], self.compute('a'), storage=None)
        self.assertEqual(BAD, found['host a, instances_path'].outcome)

    def test_what_it_is_is_not_told(self):
        compute = self.compute('a')
        self.found(['a'])
        self.useFixture(
            fixtures.MonkeyPatch(
                'migration_tempest_plugin.hosts.facts.look',
                mock.Mock(
                    side_effect=exceptions.HostError('a', ('facts.sh',), 'no')
                ),
            )
        )
        found = {each.what: each for each in hosts._hosts({'a': compute})}
        self.assertEqual(BAD, found['host a, what it is'].outcome)

    def files(self, *arguments, nova_conf='/etc/nova/nova.conf', default=()):
        return hosts._files(
            'x',
            dataclasses.replace(
                samples.A, arguments=arguments, default_files=default
            ),
            nova_conf,
        )

    def test_the_file_that_it_runs_with(self):
        devstack = (
            '/usr/bin/python3',
            '/opt/stack/data/venv/bin/nova-compute',
            '--config-file',
            '/etc/nova/nova-cpu.conf',
        )
        found = self.files(*devstack)
        self.assertEqual(BAD, found.outcome)
        self.assertIn('/etc/nova/nova-cpu.conf', found.said)
        self.assertEqual(
            GOOD,
            self.files(*devstack, nova_conf='/etc/nova/nova-cpu.conf').outcome,
        )

    def test_files_that_win(self):
        ubuntu = (
            '/usr/bin/nova-compute',
            '--config-file=/etc/nova/nova.conf',
            '--config-file=/etc/nova/nova-compute.conf',
            '--log-file=/var/log/nova/nova-compute.log',
        )
        found = self.files(*ubuntu)
        self.assertEqual(DIFFERS, found.outcome)
        self.assertIn('/etc/nova/nova-compute.conf after', found.said)
        self.assertEqual(
            GOOD,
            self.files(
                *ubuntu, nova_conf='/etc/nova/nova-compute.conf'
            ).outcome,
        )
        self.assertEqual(
            DIFFERS,
            self.files(
                'nova-compute',
                default=('/etc/nova/nova.conf', '/etc/nova/nova.conf.d'),
            ).outcome,
        )

    def test_a_file_that_is_copied(self):
        self.assertEqual(
            GOOD,
            self.files(
                'nova-compute',
                nova_conf='/etc/kolla/nova-compute/nova.conf',
                default=('/etc/nova/nova.conf',),
            ).outcome,
        )

    def test_nova_compute_does_not_run(self):
        self.assertIn('does not run', self.files().said)

    def test_not_used(self):
        found = self.found(['a'])
        self.assertEqual({UNUSED}, {each.outcome for each in found.values()})
        self.assertIn(
            '[migration-hosts] computes',
            found['looking behind the API'].advice,
        )

    def test_one_that_nobody_describes(self):
        found = self.found(['a', 'b'], self.compute('a'))
        self.assertEqual(BAD, found['host b'].outcome)

    def test_no_root(self):
        compute = self.compute('a', '1000')
        found = self.found(['a'], compute)
        self.assertIn('user 1000, not root', found['host a, root by SSH'].said)
        self.assertNotIn('host a, libvirt', found)
        compute.close.assert_called_once_with()

    def test_no_libvirt(self):
        compute = self.compute('a')
        compute.libvirt.version.side_effect = exceptions.HostError(
            'a', ('virsh', 'version'), 'no such command'
        )
        found = self.found(['a'], compute)
        self.assertIn('virsh_command', found['host a, libvirt'].advice)
        self.assertEqual(GOOD, found['host a, nova.conf'].outcome)


class TestHere(testtools.TestCase):
    def found(self, which, **socket):
        self.useFixture(
            fixtures.MonkeyPatch(
                'migration_tempest_plugin.prober.echo.EchoSocket',
                mock.Mock(**socket),
            )
        )
        self.useFixture(
            fixtures.MonkeyPatch('shutil.which', lambda name: which)
        )
        return [each for each in here.findings() if 'pings' in each.what]

    def test_configuration(self):
        self.assertEqual(
            finding.good('tempest.conf', '/a'), here._configuration(['/a'])
        )
        self.assertIn('TEMPEST_CONFIG_DIR', here._configuration([]).advice)

    def test_good(self):
        self.assertEqual(
            [GOOD, GOOD],
            [
                each.outcome
                for each in self.found(
                    None, return_value=mock.Mock(method='raw socket')
                )
            ],
        )

    def test_forbidden(self):
        no = echo.Forbidden('raw socket: Operation not permitted')
        found, _ = self.found('/bin/ping', side_effect=no)
        self.assertIn('ping takes over', found.said)
        self.assertIn('net.ipv4.ping_group_range', found.advice)
        found, _ = self.found(None, side_effect=no)
        self.assertIn('there is no ping', found.said)


class TestLimits(testtools.TestCase):
    """Before a run: what it can't check."""

    def found(self, **limits):
        options = mock.MagicMock(
            fail_unchecked_limits=limits.pop('fail', True)
        )
        options.__getitem__.side_effect = {
            'network_probe_interval': 0.01,
            'metadata_probe_interval': 0.2,
            'guest_heartbeat_deadline': 0.1,
        }.__getitem__
        with mock.patch.object(here.config, 'limit', limits.get):
            return list(here._limits(options))

    def test_all_can_be_checked(self):
        self.assertEqual([], self.found())
        self.assertEqual(
            [],
            self.found(
                allowed_network_downtime=0.01,
                allowed_metadata_downtime=6.0,
                allowed_guest_stop=0.001,
            ),
        )

    def test_too_fine(self):
        for option, seconds, interval in (
            ('allowed_network_downtime', 0, 'network_probe_interval'),
            (
                'allowed_longest_metadata_outage',
                0.1,
                'metadata_probe_interval',
            ),
            ('allowed_tcp_stall', 0.05, 'guest_heartbeat_deadline'),
        ):
            [found] = self.found(**{option: seconds})
            self.assertIs(BAD, found.outcome)
            self.assertIn(option, found.what)
            self.assertIn(f'{seconds:g} s is finer than the', found.said)
            self.assertIn('lower ' + interval, found.advice)
            self.assertEqual(
                [], self.found(**{option: seconds, 'fail': False})
            )


class TestTests(testtools.TestCase):
    def test_each_has_a_reason_or_would_run(self):
        found = tests.reasons()
        names = [name for each in found.values() for name in each]
        self.assertIn('TestLiveMigration.test_live_migration', names)
        self.assertGreater(len(names), 50)
        # by Tempest's defaults, nothing is enabled
        self.assertNotIn(None, found)
        for reason in found:
            # an option, but for what Tempest itself says
            self.assertRegex(reason, r'\[|not available$')

    def test_a_method_s_own(self):
        class Chosen(testtools.TestCase):
            @testtools.skipUnless(False, 'No such thing: [x] y')
            def test_one(self):
                pass

            def test_other(self):
                pass

            test_other.reason_to_skip = lambda: 'not chosen'

        self.assertEqual(
            ['No such thing: [x] y', 'not chosen'],
            [
                tests._method_reason(Chosen(name))
                for name in ('test_one', 'test_other')
            ],
        )


class TestCommand(testtools.TestCase):
    def run_command(self, reasons, *found):
        for name, answer in (
            ('_cloud', lambda: found),
            ('here.findings', list),
            ('_known', list),
            ('hosts.findings', lambda known: []),
            ('tests.reasons', lambda: reasons),
        ):
            self.useFixture(
                fixtures.MonkeyPatch(
                    'migration_tempest_plugin.cmd.doctor.' + name, answer
                )
            )
        app = mock.Mock(stdout=io.StringIO())
        command = doctor.Doctor(app, None)
        status = command.run(command.get_parser('x').parse_args([]))
        return status, app.stdout.getvalue()

    def test_good(self):
        status, said = self.run_command(
            {None: ['T.a'], 'No x: [x] y': ['T.b', 'T.c']},
            finding.good('x'),
            finding.unused('y', '[y] z'),
        )
        self.assertEqual(0, status)
        self.assertIn('The tests, by tempest.conf: 1 of 3 would run', said)
        self.assertIn('No x: [x] y', said)

    def test_bad(self):
        status, said = self.run_command(
            {None: ['T.a']},
            finding.bad('image', 'NotFound', '[compute] image_ref'),
        )
        self.assertEqual(1, status)
        self.assertIn(
            'BAD       image: NotFound\n            -> [compute] image_ref',
            said,
        )

    def test_no_credentials(self):
        error = lib_exc.InvalidCredentials('username secret-name')
        self.useFixture(
            fixtures.MonkeyPatch(
                'migration_tempest_plugin.cmd.doctor.api.admin',
                mock.Mock(side_effect=error),
            )
        )
        [found] = doctor._cloud()
        self.assertIn('no credentials', found.said)
        self.assertNotIn('secret', str(found))

    def test_nothing_would_run(self):
        self.assertEqual(1, self.run_command({'why': ['T.a']})[0])
