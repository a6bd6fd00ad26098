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
"""What is kept of a server whose test fails."""

from unittest import mock
from xml.etree import ElementTree

from tempest.lib import exceptions as lib_exc
import testtools

from migration_tempest_plugin.cloud import evidence
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.hosts import logs


class TestBundle(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.admin = mock.Mock()
        self.admin.servers_client.get_console_output.return_value = {
            'output': 'booted'
        }
        self.admin.servers_client.list_instance_actions.return_value = {
            'instanceActions': [{'request_id': 'req-1'}]
        }
        self.admin.servers_client.show_instance_action.return_value = {
            'instanceAction': {'action': 'live-migration'}
        }
        self.admin.migrations_client.list_migrations.return_value = {
            'migrations': [{'status': 'error'}]
        }
        self.compute = mock.Mock()
        self.compute.log.since.return_value = [
            logs.Line('12:00', 'INFO', 'nova', 'id', 'VM Paused')
        ]
        self.compute.libvirt.defined.return_value = ['id']
        self.compute.libvirt.xml.return_value = ElementTree.fromstring(
            '<domain/>'
        )

    def files(self, console=True):
        bundle = evidence.Bundle(
            self.admin, 'id', {'a': self.compute}, console
        )
        add = mock.Mock()
        bundle.keep(add)
        bundle.keep(add)
        calls = [call[0] for call in add.call_args_list]
        self.assertEqual(len(calls), len(dict(calls)), 'kept twice')
        return dict(calls)

    def test_all_of_it(self):
        found = self.files()
        self.assertEqual('booted', found['console.log'])
        self.assertIn('"status": "error"', found['migrations.json'])
        self.assertIn('"live-migration"', found['actions.json'])
        self.assertEqual('12:00 INFO VM Paused', found['a/nova-compute.log'])
        self.assertEqual('<domain />', found['a/domain-before.xml'])
        self.assertEqual('<domain />', found['a/domain.xml'])
        self.compute.log.since.assert_called_once_with(
            self.compute.log.mark.return_value, 'id'
        )

    def test_no_console(self):
        self.assertNotIn('console.log', self.files(console=False))

    def test_it_is_not_there_any_more(self):
        self.compute.libvirt.defined.side_effect = [['id'], []]
        found = self.files()
        self.assertIn('a/domain-before.xml', found)
        self.assertNotIn('a/domain.xml', found)

    def test_what_can_not_be_read_is_named(self):
        self.admin.servers_client.get_console_output.side_effect = (
            lib_exc.NotFound('gone')
        )
        self.compute.log.mark.side_effect = exceptions.HostError(
            'a', ['cat'], 'no such file'
        )
        found = self.files()
        self.assertIn('Could not be read: ', found['console.log'])
        self.assertIn('no such file', found['a/nova-compute.log'])
        self.assertEqual('<domain />', found['a/domain.xml'])
