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

import dataclasses
from unittest import mock

from tempest.lib import exceptions as lib_exc
from tempest.lib.services.compute import base_compute_client
import testtools
import urllib3

from migration_tempest_plugin.cloud import starlingx
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.starlingx import policy
from migration_tempest_plugin.starlingx import settings

SERVER = {
    'id': 'the-server',
    'OS-EXT-SRV-ATTR:root_device_name': '/dev/vda',
    'metadata': {settings.TIMEOUT: '120'},
    'flavor': {'extra_specs': {settings.MAX_DOWNTIME: '100'}},
    'image': {'id': 'the-image'},
}


class TestCloud(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.clients = mock.Mock()
        self.cloud = starlingx.Cloud(self.clients, cinder=True)
        self.versions = []

    def answer(self, method, what):
        def called(*_, **__):
            self.versions.append(base_compute_client.COMPUTE_MICROVERSION)
            if isinstance(what, Exception):
                raise what
            return what

        method.side_effect = called

    def test_migrations(self):
        method = self.clients.migrations_client.list_migrations
        self.answer(
            method,
            {
                'migrations': [
                    {
                        'id': number,
                        'instance_uuid': f's{number}',
                        'source_compute': 'one',
                        'migration_type': kind,
                    }
                    for number, kind in ((1, 'live-migration'), (2, 'resize'))
                ]
            },
        )
        self.assertEqual(
            [policy.Migration(1, 's1', 'one')], self.cloud.migrations()
        )
        method.assert_called_once_with(status='running')
        self.assertEqual(['2.23'], self.versions)

    def test_sources(self):
        self.answer(
            self.clients.servers_client.show_server, {'server': SERVER}
        )
        image = {'id': 'the-image', settings.IMAGE_TIMEOUT: '240'}
        self.clients.image_client_v2.show_image.return_value = image
        self.assertEqual(
            settings.Sources(
                flavor={settings.MAX_DOWNTIME: '100'},
                metadata={settings.TIMEOUT: '120'},
                image=image,
            ),
            self.cloud.sources('the-server'),
        )
        self.assertEqual(['2.47'], self.versions)

    def test_host(self):
        for said, host in (
            ({'OS-EXT-SRV-ATTR:host': 'two'}, 'two'),
            ({'OS-EXT-SRV-ATTR:host': None}, ''),
            ({}, ''),
        ):
            self.answer(
                self.clients.servers_client.show_server,
                {'server': {**SERVER, **said}},
            )
            self.assertEqual(host, self.cloud.host('the-server'))

    def test_no_such_server(self):
        self.answer(
            self.clients.servers_client.show_server, lib_exc.NotFound('no')
        )
        for ask in self.cloud.host, self.cloud.sources:
            error = self.assertRaises(exceptions.CloudError, ask, 'my-server')
            self.assertEqual('there is no server my-server', str(error))

    def test_metadata_alone_is_asked_for_again(self):
        servers = self.clients.servers_client
        self.answer(servers.show_server, {'server': SERVER})
        self.clients.image_client_v2.show_image.return_value = {}
        first = self.cloud.sources('the-server')
        self.answer(
            servers.list_server_metadata,
            {'metadata': {settings.TIMEOUT: '150'}},
        )
        self.assertEqual(
            dataclasses.replace(first, metadata={settings.TIMEOUT: '150'}),
            self.cloud.sources('the-server'),
        )
        servers.show_server.assert_called_once_with('the-server')
        servers.list_server_metadata.assert_called_once_with('the-server')

    def test_another_migration_asks_anew(self):
        """The server may have been resized before it."""
        servers = self.clients.servers_client
        self.answer(servers.show_server, {'server': SERVER})
        self.clients.image_client_v2.show_image.return_value = {}
        self.cloud.sources('the-server')
        self.answer(
            self.clients.migrations_client.list_migrations, {'migrations': []}
        )
        self.cloud.migrations()
        resized = {**SERVER, 'flavor': {'extra_specs': {}}}
        self.answer(servers.show_server, {'server': resized})
        self.assertEqual({}, self.cloud.sources('the-server').flavor)

    def test_settings_of_what_comes_are_read_before_it_runs(self):
        """One server at a time, and once each."""
        servers = self.clients.servers_client
        there = {'running': [], 'preparing': ['s1', 's2']}

        def listed(status):
            return {
                'migrations': [
                    {
                        'id': number,
                        'instance_uuid': server,
                        'source_compute': 'one',
                        'migration_type': 'live-migration',
                    }
                    for number, server in enumerate(there[status])
                ]
            }

        self.clients.migrations_client.list_migrations.side_effect = listed
        self.answer(servers.show_server, {'server': SERVER})
        self.clients.image_client_v2.show_image.return_value = {}
        for expected in (['s1'], ['s1', 's2'], ['s1', 's2']):
            self.assertEqual([], self.cloud.migrations())
            self.cloud.look_ahead()
            self.assertEqual(
                expected,
                [call.args[0] for call in servers.show_server.mock_calls],
            )
        # What may have been changed since then is asked for when it runs.
        there.update(running=['s1'], preparing=[])
        self.cloud.migrations()
        self.answer(
            servers.list_server_metadata,
            {'metadata': {settings.TIMEOUT: '150'}},
        )
        self.assertEqual(
            {settings.TIMEOUT: '150'}, self.cloud.sources('s1').metadata
        )
        self.assertEqual(2, servers.show_server.call_count)
        # s2 did not run in the end.
        self.cloud.look_ahead()
        self.cloud.migrations()
        self.cloud.sources('s2')
        self.assertEqual(3, servers.show_server.call_count)

    def test_server_of_a_volume(self):
        self.answer(
            self.clients.servers_client.show_server,
            {'server': {**SERVER, 'image': ''}},
        )
        self.clients.servers_client.list_volume_attachments.return_value = {
            'volumeAttachments': [
                {'device': '/dev/vdb', 'volumeId': 'second'},
                {'device': '/dev/vda', 'volumeId': 'first'},
            ]
        }
        said = {settings.IMAGE_MAX_DOWNTIME: '100'}
        show = self.clients.volumes_client_latest.show_volume
        show.return_value = {'volume': {'volume_image_metadata': said}}
        found = self.cloud.sources('the-server')
        self.assertEqual((said, ()), (found.image, found.unknown))
        show.assert_called_once_with('first')

    def test_server_of_a_volume_that_was_made_of_no_image(self):
        self.answer(
            self.clients.servers_client.show_server,
            {'server': {**SERVER, 'image': ''}},
        )
        self.clients.servers_client.list_volume_attachments.return_value = {
            'volumeAttachments': [{'device': '/dev/vda', 'volumeId': 'first'}]
        }
        self.clients.volumes_client_latest.show_volume.return_value = {
            'volume': {'id': 'first'}
        }
        self.assertEqual({}, self.cloud.sources('the-server').image)

    def test_server_of_a_volume_and_no_cinder(self):
        self.answer(
            self.clients.servers_client.show_server,
            {'server': {**SERVER, 'image': ''}},
        )
        found = starlingx.Cloud(self.clients, cinder=False).sources(
            'the-server'
        )
        self.assertEqual({}, found.image)
        [sentence] = found.unknown
        self.assertIn('[service_available] cinder', sentence)
        self.clients.volumes_client_latest.show_volume.assert_not_called()

    def test_abort(self):
        method = self.clients.servers_client.delete
        self.answer(method, None)
        self.cloud.abort(policy.Migration(7, 'the-server', 'one'))
        method.assert_called_once_with('servers/the-server/migrations/7')
        self.assertEqual(['2.24'], self.versions)

    def test_trouble(self):
        for error in (
            lib_exc.NotFound('no such'),
            OSError('no route'),
            urllib3.exceptions.HTTPError('refused'),
        ):
            self.answer(self.clients.migrations_client.list_migrations, error)
            raised = self.assertRaises(
                exceptions.CloudError, self.cloud.migrations
            )
            self.assertIn(
                f'which live migrations are running: {type(error).__name__}: ',
                str(raised),
            )
