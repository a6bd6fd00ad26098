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
"""Servers whose disks are volumes, and volumes that are attached to them."""

import io

from tempest.common import waiters
from tempest.lib.common.utils import data_utils
import testtools

from migration_tempest_plugin import checks
from migration_tempest_plugin.checks import volumes as volume_check
from migration_tempest_plugin.cloud import api
from migration_tempest_plugin.cloud import volumes
from migration_tempest_plugin import config
from migration_tempest_plugin.guest import shell
from migration_tempest_plugin.hosts import domain
from migration_tempest_plugin.hosts import sockets
from migration_tempest_plugin.tests.scenario import checked
from migration_tempest_plugin.tests.scenario import variants

CONF = config.CONF

# Since then a volume can be attached to several servers (api-ref, "Servers
# with volume attachments").
_MULTIATTACH = '2.60'

#: Where a guest has a volume that is attached to it.
MOUNTED = '/mnt/volume'


def has_volumes():
    """Whether a server can live migrate with volumes in this cloud."""
    return not any(need.missing() for need in variants.VOLUMES)


def skip_without():
    """A decorator for tests whose servers must have volumes."""
    return testtools.skipUnless(
        has_volumes(),
        'No server is live migrated with a volume here: [service_available] '
        'cinder and [compute-feature-enabled] volume_backed_live_migration',
    )


def on_volume(flavors):
    """Arguments with which a server's disk is a volume of its image.

    :param flavors: Tempest's client of flavors
    """
    flavor = flavors.show_flavor(CONF.compute.flavor_ref)['flavor']
    return _from_volume(
        uuid=CONF.compute.image_ref,
        source_type='image',
        # A volume has one GB at least.
        volume_size=max(1, flavor['disk']),
        delete_on_termination=True,
    )


def _from_volume(**mapping):
    return {
        'image_id': '',
        'block_device_mapping_v2': [
            {'destination_type': 'volume', 'boot_index': 0, **mapping}
        ],
    }


class VolumeScenario(checked.CheckedScenario):
    """Base of the tests whose servers have volumes."""

    neighbour = None  # who shares a volume with a guest
    _names = None  # of the host that has each address

    def boot_from_volume(self):
        """A guest whose disk is a volume of its image."""
        return self.boot_guest(**on_volume(self.flavors_client))

    def boot_uncopied(self):
        """A guest whose disk is not copied, where there can be one.

        libvirt does not tunnel disks, for one.
        """
        [guest] = self.boot_uncopied_guests(1)
        return guest

    def boot_uncopied_guests(self, count):
        """As boot_uncopied(), but several, side by side."""
        return self.boot_guests(
            count, **(on_volume(self.flavors_client) if has_volumes() else {})
        )

    def boot_from(self, volume, **arguments):
        """A guest whose disk is a volume that is there.

        :param arguments: further ones of Tempest's create_server()
        """
        # Not self: it is for no other test, as the volume is not.
        [guest] = super().boot_guests(
            1,
            **_from_volume(uuid=volume, source_type='volume'),
            **arguments,
        )
        return guest

    def boot_with_second_volume(self):
        """A guest with a disk as others have, and an empty volume."""
        volume = self.create_volume()
        # Not self: it is for no other test, as the volume is not.
        [guest] = super().boot_guests(
            1,
            block_device_mapping_v2=[
                {
                    'uuid': CONF.compute.image_ref,
                    'source_type': 'image',
                    'destination_type': 'local',
                    'boot_index': 0,
                    'delete_on_termination': True,
                },
                {
                    'uuid': volume['id'],
                    'source_type': 'volume',
                    'destination_type': 'volume',
                    'boot_index': -1,
                },
            ],
        )
        self.mount(guest, volume['id'])
        return guest

    def boot_with_shared_volume(self):
        """A guest with a volume that another one has, too."""
        kind = self.create_volume_type(
            extra_specs={'multiattach': '<is> True'}
        )
        volume = self.create_volume(volume_type=kind['name'])
        # Not self: they are for no other test, as the volume is not.
        guest, self.neighbour = super().boot_guests(2)
        with api.microversion(_MULTIATTACH):
            for each in (guest, self.neighbour):
                self.attach(each, volume['id'])
        return guest

    def create_image_like(self, properties):
        """A copy of the image of the tests, with properties; its id.

        The image itself may be others', too.
        """
        client = self.image_client
        shown = client.show_image(CONF.compute.image_ref)
        image = client.create_image(
            name=data_utils.rand_name('image'),
            container_format=shown['container_format'],
            disk_format=shown['disk_format'],
            visibility='private',
            **properties,
        )['id']
        self.addCleanup(client.delete_image, image)
        data = client.show_image_file(CONF.compute.image_ref).data
        client.store_image_file(image, io.BytesIO(data))
        return image

    def mount(self, guest, volume):
        """Have a file system on an attached volume, at MOUNTED."""
        shell.ask(guest.ssh, 'volume', volume, MOUNTED)

    def attach(self, guest, volume):
        """Have a volume attached, until the server is deleted.

        Create the volume first: it can't be deleted before the server.
        """
        self.servers_client.attach_volume(guest.id, volumeId=volume)
        waiters.wait_for_volume_attachment_create(
            self.volumes_client, volume, guest.id
        )

    # --- the checks ----------------------------------------------------------

    def volume_check(self, guest, **arguments):
        """That of the volumes, as far as anybody can look.

        :param arguments: further ones of VolumeCheck
        """
        return checks.VolumeCheck(
            lambda: self.seen_volumes(guest), **arguments
        )

    def seen_volumes(self, guest):
        """What is Seen of a guest's volumes now.

        libvirt and Ceph are asked where the hosts are reached.
        """
        host = self.get_host_for_server(guest.id)
        attachments = volumes.attachments(self.os_admin, guest.id)
        if host not in self.computes:
            return volume_check.Seen(host, attachments)
        images = {
            name: domain.volumes(compute.libvirt.xml(guest.id))
            for name, compute in self.computes.items()
            if guest.id in compute.libvirt.defined()
        }
        return volume_check.Seen(
            host,
            attachments,
            {name: frozenset(has) for name, has in images.items()},
            self._watchers(self.computes[host], images.get(host, {})),
        )

    def _watchers(self, compute, images):
        """Who has each volume open; nothing where Ceph can't be asked."""
        if not compute.description.rbd:
            return {}
        names = self._names_of_addresses()
        return {
            volume: tuple(
                names.get(address, address)
                for address in compute.watchers(image)
            )
            for volume, image in images.items()
            if image
        }

    def _names_of_addresses(self):
        if self._names is None:
            type(self)._names = {
                address: name
                for name, compute in self.computes.items()
                for address in sockets.addresses(compute.host)
            }
        return self._names
