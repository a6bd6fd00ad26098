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
"""Where the disks of a server are, as far as the API says it."""

from migration_tempest_plugin.cloud import api


def has_local(admin: api.Admin, server: str) -> bool:
    """Whether Nova keeps a disk of a server, and not Cinder alone.

    Nova refuses to copy the disks of a server that has none, and to migrate
    one that has some without copying them, but where they are shared
    (nova/virt/libvirt/driver.py, check_can_live_migrate_source).

    :param admin: Tempest's clients of an administrator
    :param server: its id
    """
    shown = admin.servers_client.show_server(server)['server']
    if shown['image']:  # it is empty where the first disk is a volume
        return True
    flavor = shown['flavor']
    if 'id' in flavor:  # before microversion 2.47
        flavor = admin.flavors_client.show_flavor(flavor['id'])['flavor']
    ephemeral = flavor.get('OS-FLV-EXT-DATA:ephemeral', 0) or flavor.get(
        'ephemeral', 0
    )
    return bool(ephemeral or flavor.get('swap'))
