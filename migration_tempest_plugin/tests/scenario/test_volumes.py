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
"""What is wrong with the volumes of a server is found, and named."""

import json

from tempest.common import utils
from tempest.lib import decorators

from migration_tempest_plugin.cloud import volumes as cloud_volumes
from migration_tempest_plugin import config
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.tests.scenario import volumes

CONF = config.CONF


class TestVolumeChecksFail(volumes.VolumeScenario):
    """Nothing is migrated."""

    @decorators.idempotent_id('8a3d5c17-f04e-4b92-a6d8-2e7b1c9f5034')
    @decorators.attr(type=['slow', 'multinode'])
    @volumes.skip_without()
    @utils.services('compute', 'network', 'volume')
    def test_attachment_left_behind(self):
        """Cinder holds one more attachment, for a host without the server

        1. Boot a server from a volume; all is well.
        2. Have Cinder attach the volume to the server from another host, as
           Nova does while it migrates it: that check fails.
        3. Take that attachment away: all is well again.
        """
        guest = self.boot_from_volume()
        check = self.useFixture(self.volume_check(guest, patience=1))
        attachment = self.attach_elsewhere(guest, self.another_host(guest))
        error = self.assertRaises(exceptions.CheckFailed, check.verify)
        self.assertRegex(str(error), 'Cinder holds 2 attachments of volume')
        self.assertIn(f'{attachment} (attaching)', str(error))
        self.detach_elsewhere(attachment)
        check.verify()

    def attach_elsewhere(self, guest, host):
        """One more attachment of a guest's volume; its id."""
        [volume] = cloud_volumes.attachments(self.os_admin, guest.id)
        client = self.os_admin.volumes_client_latest
        _, body = client.post(
            'attachments',
            json.dumps(
                {
                    'attachment': {
                        'volume_uuid': volume.volume,
                        'instance_uuid': guest.id,
                        'connector': {'host': host},
                    }
                }
            ),
            headers=cloud_volumes.CINDER,
            extra_headers=True,
        )
        attachment = json.loads(body)['attachment']['id']
        self.addOnException(lambda _: self.detach_elsewhere(attachment))
        return attachment

    def detach_elsewhere(self, attachment):
        self.os_admin.volumes_client_latest.delete(
            f'attachments/{attachment}',
            headers=cloud_volumes.CINDER,
            extra_headers=True,
        )
