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
"""The volumes of a server, as Nova and Cinder see them."""

import collections.abc
import dataclasses
import json

from tempest.lib.common import api_version_request

from migration_tempest_plugin.cloud import api

# Nova names the attachment in Cinder since then (api-ref, "Servers with volume
# attachments").
_NOVA = '2.89'
#: Attachments have an API of their own since then (api-ref, "Attachments").
CINDER = {'OpenStack-API-Version': 'volume 3.27'}


@dataclasses.dataclass(frozen=True)
class Held:
    """An attachment that Cinder holds.

    :ivar server: the id of the server that it is for
    :ivar status: "attached", or on its way: "reserved", "attaching", ...
    :ivar host: the host that the volume is connected to; Cinder names it of
        those alone that are attached
    """

    id: str
    server: str
    status: str
    host: str | None = None

    def __str__(self) -> str:
        on = f' on {self.host}' if self.host else ''
        return f'{self.id} ({self.status}{on})'


@dataclasses.dataclass(frozen=True)
class Attachment:
    """That a volume is attached to a server.

    :ivar volume: its id
    :ivar nova: the id of the attachment that Nova holds; None where Nova is
        too old to name it
    :ivar cinder: all that Cinder holds, for this server
    :ivar others: and for other servers
    """

    volume: str
    nova: str | None
    cinder: tuple[Held, ...]
    others: tuple[Held, ...] = ()


def attachments(admin: api.Admin, server: str) -> tuple[Attachment, ...]:
    """Each volume that Nova has attached to a server.

    :param admin: Tempest's clients of an administrator
    :param server: its id
    :raises CloudError: if it can't be asked
    """
    request = api_version_request.APIVersionRequest
    with api.asking('the versions of Nova'):
        names_it = request(api.newest_microversion(admin)) >= request(_NOVA)
    return tuple(
        _attachment(admin, server, each)
        for each in _of_nova(admin, server, _NOVA if names_it else None)
    )


def _attachment(
    admin: api.Admin, server: str, found: api.Record
) -> Attachment:
    volume = found['volumeId']
    held = _held(admin, volume)
    return Attachment(
        volume,
        found.get('attachment_id'),
        tuple(each for each in held if each.server == server),
        tuple(each for each in held if each.server != server),
    )


def _held(admin: api.Admin, volume: str) -> list[Held]:
    """All attachments of a volume.

    The volume itself shows those alone that are attached: not what a migration
    that failed has left.
    """
    hosts = {
        each['attachment_id']: each['host_name']
        for each in _show(admin, volume)['attachments']
    }
    with api.asking(f'attachments of volume {volume}'):
        _, body = admin.volumes_client_latest.get(
            f'attachments?all_tenants=1&volume_id={volume}',
            headers=CINDER,
            extra_headers=True,
        )
    return [
        Held(
            each['id'],
            each['instance'],
            each['status'],
            hosts.get(each['id']),
        )
        for each in json.loads(body)['attachments']
    ]


def image_metadata(
    admin: api.Admin, server: str, device: str
) -> collections.abc.Mapping[str, str]:
    """What a volume of a server says of the image that it was made of.

    It is Cinder's volume_image_metadata, which Nova's API does not show. Nova
    itself holds on to what it was when the server was built; it can be changed
    in Cinder since then.

    :param admin: Tempest's clients of an administrator
    :param server: its id
    :param device: by which name the server has the volume
    :returns: nothing for a volume that was made of no image
    :raises CloudError: if it can't be asked
    """
    said: dict[str, str] = {}
    for each in _of_nova(admin, server):
        if each['device'] == device:
            said = _show(admin, each['volumeId']).get(
                'volume_image_metadata', {}
            )
    return said


def _of_nova(
    admin: api.Admin, server: str, version: str | None = None
) -> list[api.Record]:
    """What Nova has attached to a server, as its API shows it."""
    with api.asking(f'volumes of server {server}', version):
        found: list[api.Record] = admin.servers_client.list_volume_attachments(
            server
        )['volumeAttachments']
    return found


def _show(admin: api.Admin, volume: str) -> api.Record:
    with api.asking(f'volume {volume}'):
        found: api.Record = admin.volumes_client_latest.show_volume(volume)[
            'volume'
        ]
    return found
