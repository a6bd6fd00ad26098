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
"""Compute hosts from options, and from the file that options name."""

import dataclasses
import os
from unittest import mock

import fixtures
from oslo_config import cfg
from oslo_config import fixture
import testtools

from migration_tempest_plugin import config
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.hosts import configuration
from migration_tempest_plugin.hosts import inventory
from migration_tempest_plugin.hosts import logs


class InventoryTestCase(testtools.TestCase):
    def setUp(self):
        super().setUp()
        conf = cfg.ConfigOpts()
        config.register_opts(conf)
        conf([])
        self._conf = self.useFixture(fixture.Config(conf))
        self.options = conf['migration-hosts']

    def configure(self, **values):
        self._conf.config(group='migration-hosts', **values)

    def file(self, text):
        path = os.path.join(self.useFixture(fixtures.TempDir()).path, 'hosts')
        with open(path, 'w') as file:
            file.write(text)
        self.configure(hosts_file=path)
        return path

    def refused(self):
        return str(
            self.assertRaises(
                exceptions.ConfigurationError, inventory.describe, self.options
            )
        )


class TestOptions(InventoryTestCase):
    def test_each_option_of_a_host_is_used(self):
        self.assertEqual(
            {option.dest for option in config.HostOptions},
            {field.name for field in dataclasses.fields(inventory._OfHost)},
        )

    def test_none(self):
        self.assertEqual({}, inventory.describe(self.options))

    def test_all_alike(self):
        self.configure(
            computes={'one': '192.0.2.1', 'two': '2001:db8::2'},
            user='stack',
            become_command='sudo -n',
            port=2222,
            nova_compute_unit='devstack@n-cpu',
        )
        hosts = inventory.describe(self.options)
        self.assertEqual(['one', 'two'], sorted(hosts))
        access = hosts['two'].access
        self.assertEqual(
            ('two', '2001:db8::2', 2222, 'stack'),
            (access.name, access.address, access.port, access.user),
        )
        self.assertEqual(('sudo', '-n'), access.become)
        self.assertTrue(access.check_host_key)
        self.assertEqual(
            'systemctl stop devstack@n-cpu', hosts['two'].commands.stop
        )

    def test_name_of_the_unit_is_quoted(self):
        self.configure(
            computes={'one': '192.0.2.1'},
            nova_compute_unit='a b',
            start_command='run {unit} {}',
        )
        [host] = inventory.describe(self.options).values()
        self.assertEqual("run 'a b' {}", host.commands.start)

    def test_unbalanced_quotes(self):
        self.configure(
            computes={'one': '192.0.2.1'}, virsh_command='podman "exec'
        )
        self.assertIn('virsh_command = podman "exec', self.refused())

    def test_empty_command(self):
        self.configure(computes={'one': '192.0.2.1'}, stop_command=' ')
        self.assertEqual('one: stop_command is empty', self.refused())


class TestFile(InventoryTestCase):
    def test_goes_before_the_options(self):
        self.configure(
            computes={'one': '192.0.2.1', 'two': '192.0.2.2'}, user='stack'
        )
        self.file(
            '[two]\nuser = root\nport = 2022\ncheck_host_keys = no\n'
            '[three]\naddress = 192.0.2.3\n'
        )
        hosts = inventory.describe(self.options)
        self.assertEqual(['one', 'three', 'two'], sorted(hosts))
        self.assertEqual(
            ('192.0.2.2', 2022, 'root', False),
            (
                hosts['two'].access.address,
                hosts['two'].access.port,
                hosts['two'].access.user,
                hosts['two'].access.check_host_key,
            ),
        )
        self.assertEqual('stack', hosts['three'].access.user)

    def test_comment_behind_a_value(self):
        self.file(
            '[one]   # the first\naddress = 192.0.2.1  # in rack 3\n'
            'user = stack ; not root\nnova_conf = /etc/a#b;c\n'
        )
        [host] = inventory.describe(self.options).values()
        self.assertEqual(
            ('192.0.2.1', 'stack', '/etc/a#b;c'),
            (host.access.address, host.access.user, host.nova_conf),
        )

    def test_address_and_port(self):
        for written, address, port in (
            ('192.0.2.1:2222', '192.0.2.1', 2222),
            ('[2001:db8::1]', '2001:db8::1', 2022),
            ('[2001:db8::1]:2222', '2001:db8::1', 2222),
            ('2001:db8::1', '2001:db8::1', 2022),
            ('compute1.example:2222', 'compute1.example', 2222),
        ):
            self.file(f'[one]\naddress = {written}\nport = 2022\n')
            [host] = inventory.describe(self.options).values()
            self.assertEqual(
                (address, port), (host.access.address, host.access.port)
            )

    def test_what_is_no_address(self):
        for written in (
            '[2001:db8::1',
            '192.0.2.1:70000',
            '192.0.2.1 22',
            '[]:22',
            '192.0.2.1:0',
        ):
            self.file(f'[one]\naddress = {written}\n')
            self.assertIn('is no address of a host', self.refused())

    def test_percent_is_a_percent(self):
        self.file('[one]\naddress = 192.0.2.1\nnova_conf = /etc/%(x)s\n')
        [host] = inventory.describe(self.options).values()
        self.assertEqual('/etc/%(x)s', host.nova_conf)

    def test_missing(self):
        self.configure(hosts_file='/nowhere/hosts')
        self.assertIn('/nowhere/hosts', self.refused())

    def test_not_such_a_file(self):
        path = self.file('address = 192.0.2.1\n')
        self.assertIn(path, self.refused())

    def test_unknown_option(self):
        path = self.file('[one]\naddress = 192.0.2.1\nusr = me\n')
        said = self.refused()
        self.assertIn(f'{path}: [one]: there is no option usr', said)
        self.assertIn('user', said)

    def test_bad_value(self):
        path = self.file('[one]\naddress = 192.0.2.1\nport = many\n')
        self.assertIn(f'{path}: [one] port: ', self.refused())

    def test_no_address(self):
        path = self.file('[one]\nuser = me\n')
        self.assertEqual(
            f'{path}: [one] has no address, and [migration-hosts] '
            'computes none either',
            self.refused(),
        )


class TestCompute(InventoryTestCase):
    def setUp(self):
        super().setUp()
        self.configure(computes={'one': '192.0.2.1'}, nova_conf='/nova.conf')

    def compute(self):
        [description] = inventory.describe(self.options).values()
        return inventory.Compute(description)

    def test_log_is_a_file(self):
        self.configure(nova_compute_log='/a.log')
        log = self.compute().log
        self.assertIsInstance(log, logs.LogFile)
        self.assertEqual('/a.log', log.path)

    def test_log_is_the_journal(self):
        self.configure(nova_compute_log='', nova_compute_unit='n-cpu')
        log = self.compute().log
        self.assertIsInstance(log, logs.Journal)
        self.assertEqual('n-cpu', log.unit)

    def test_a_disk_of_a_server(self):
        self.configure(instances_path='/instances')
        compute = self.compute()
        compute.host = mock.Mock(**{'run.return_value': '_base\nid-1\n'})
        self.assertTrue(compute.has_disk('id-1'))
        self.assertFalse(compute.has_disk('id-'))
        compute.host.run.assert_called_with('ls', '/instances')

    def test_libvirt_is_killed(self):
        self.configure(libvirt_kill_command='podman kill "my libvirt"')
        compute = self.compute()
        compute.host = mock.Mock()
        compute.kill_libvirt()
        compute.host.run.assert_called_once_with(
            'podman', 'kill', 'my libvirt'
        )

    def test_configuration(self):
        nova_conf = self.compute().nova_conf
        self.assertIsInstance(nova_conf, configuration.ConfigurationFile)
        self.assertEqual('/nova.conf', nova_conf.path)

    def test_who_has_a_volume_open(self):
        self.configure(rbd_command='rbd --id "a b"')
        compute = self.compute()
        compute.host = mock.Mock(
            **{'run.return_value': 'Watchers:\n\twatcher=192.0.2.7:0/1 c\n'}
        )
        self.assertEqual(('192.0.2.7',), compute.watchers('pool/name'))
        compute.host.run.assert_called_once_with(
            'rbd', '--id', 'a b', 'status', 'pool/name'
        )


class TestStorage(InventoryTestCase):
    def test_none(self):
        self.assertIsNone(inventory.storage(self.options))

    def test_like_the_hosts(self):
        self.configure(
            storage_host='192.0.2.9',
            user='stack',
            storage_pause_command='kill -STOP 7',
        )
        found = inventory.storage(self.options)
        self.assertEqual(
            ('192.0.2.9', 'stack'), (found.access.address, found.access.user)
        )
        self.assertEqual(('kill', '-STOP', '7'), found.pause)
        self.assertIn('--signal=CONT', found.resume)


class TestDatabaseTunnel(InventoryTestCase):
    def test_none(self):
        self.assertIsNone(inventory.database_tunnel(self.options))

    def test_like_the_hosts(self):
        self.configure(database_tunnel='192.0.2.9', user='stack')
        access = inventory.database_tunnel(self.options)
        self.assertEqual(('192.0.2.9', 'stack'), (access.address, access.user))
