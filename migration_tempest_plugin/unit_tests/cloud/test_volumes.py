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
"""What Nova and Cinder say of a server's volumes."""

import json
from unittest import mock

from tempest.lib import exceptions as lib_exc
from tempest.lib.services.compute import base_compute_client
import testtools

from migration_tempest_plugin.cloud import volumes
from migration_tempest_plugin import exceptions


class TestAttachments(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.clients = mock.Mock()
        self.versions = []
        self.newest = '2.96'
        self.clients.compute_versions_client.list_versions = lambda: {
            'versions': [{'id': 'v2.1', 'version': self.newest}]
        }
        self.clients.servers_client.list_volume_attachments = self.nova
        cinder = self.clients.volumes_client_latest
        cinder.show_volume = self.cinder
        cinder.get.side_effect = lambda *_, **__: (None, self.answer())
        self.held = [('a1', 's', 'attached'), ('a2', 'other', 'attached')]

    def nova(self, server):
        self.versions.append(base_compute_client.COMPUTE_MICROVERSION)
        self.assertEqual('s', server)
        found = {'volumeId': 'v', 'device': '/dev/vdb'}
        if base_compute_client.COMPUTE_MICROVERSION:
            found['attachment_id'] = 'a1'
        return {'volumeAttachments': [found]}

    def cinder(self, volume):
        """As Cinder 29 does it: no more than those that are attached."""
        self.assertEqual('v', volume)
        return {
            'volume': {
                'attachments': [
                    {'attachment_id': number, 'host_name': f'host of {number}'}
                    for number, _, status in self.held
                    if status == 'attached'
                ]
            }
        }

    def answer(self):
        return json.dumps(
            {
                'attachments': [
                    {'id': number, 'instance': server, 'status': status}
                    for number, server, status in self.held
                ]
            }
        )

    def test_whose_they_are(self):
        self.assertEqual(
            (
                volumes.Attachment(
                    'v',
                    'a1',
                    (volumes.Held('a1', 's', 'attached', 'host of a1'),),
                    (volumes.Held('a2', 'other', 'attached', 'host of a2'),),
                ),
            ),
            volumes.attachments(self.clients, 's'),
        )
        self.assertEqual(['2.89'], self.versions)
        self.clients.volumes_client_latest.get.assert_called_once_with(
            'attachments?all_tenants=1&volume_id=v',
            headers={'OpenStack-API-Version': 'volume 3.27'},
            extra_headers=True,
        )

    def test_nova_older_than_its_attachments(self):
        self.newest = '2.88'
        [attachment] = volumes.attachments(self.clients, 's')
        self.assertEqual([None], self.versions)
        self.assertIsNone(attachment.nova)
        self.assertEqual(['a1'], [each.id for each in attachment.cinder])

    def test_one_that_is_on_its_way(self):
        """As while it is migrated, or when a migration was rolled back."""
        self.held.append(('a3', 's', 'attaching'))
        [found] = volumes.attachments(self.clients, 's')
        self.assertEqual(
            ['a1 (attached on host of a1)', 'a3 (attaching)'],
            list(map(str, found.cinder)),
        )

    def test_trouble(self):
        self.clients.volumes_client_latest.show_volume = mock.Mock(
            side_effect=lib_exc.NotFound('no such')
        )
        error = self.assertRaises(
            exceptions.CloudError, volumes.attachments, self.clients, 's'
        )
        self.assertIn('volume v: NotFound', str(error))
