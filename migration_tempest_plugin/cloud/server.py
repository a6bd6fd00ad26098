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
"""A server that somebody names, and the address that it answers at."""

import collections.abc
import dataclasses
import urllib.parse

from migration_tempest_plugin.cloud import nova
from migration_tempest_plugin.cloud.records import Record
from migration_tempest_plugin import exceptions


@dataclasses.dataclass(frozen=True)
class Server:
    """A server of a cloud.

    :ivar named: as it was asked for, by name or id
    """

    id: str
    named: str
    address: str


def find(api: nova.Nova, named: str, network: str | None = None) -> Server:
    """The Server of an id or a name.

    A name is looked for in the user's own project, and, where he may see
    them, in the others.

    :param network: name of the network that its address is to be of
    :raises CloudError: if there is no one such server, if it is not ACTIVE,
        or has no such address
    """
    path = '/servers/' + urllib.parse.quote(named, safe='')
    answer = api.get(path, refused=(400, 404))
    document = answer['server'] if answer else _named(api, named)
    if document['status'] != 'ACTIVE':
        raise exceptions.CloudError(
            f'server {named} is {document["status"]}: it can be followed '
            'once it is ACTIVE'
        )
    return Server(
        document['id'], named, _address(named, document['addresses'], network)
    )


def _named(api: nova.Nova, name: str) -> Record:
    own: dict[str, object] = {'name': name}
    for query in (own, {**own, 'all_tenants': 1}):
        # Who is no administrator gets 403 for those of all projects.
        answer = api.get('/servers/detail', refused=(403,), query=query)
        # Nova takes it for a pattern.
        found: list[Record] = [
            each
            for each in (answer['servers'] if answer else ())
            if each['name'] == name
        ]
        if len(found) > 1:
            raise exceptions.CloudError(
                f'{len(found)} servers are named {name}; name one by its id: '
                + ', '.join(sorted(each['id'] for each in found))
            )
        if found:
            return found[0]
    raise exceptions.CloudError(
        f'there is no server {name} that this user may see'
    )


def _address(
    named: str,
    addresses: collections.abc.Mapping[str, list[Record]],
    network: str | None,
) -> str:
    """A floating address if there is one, and one of IPv4 if there is."""
    if network is not None and network not in addresses:
        raise exceptions.CloudError(
            f'server {named} has no address in network {network}; it has in: '
            + (', '.join(sorted(addresses)) or 'none')
        )
    found = [
        each
        for name, its in addresses.items()
        for each in its
        if network in (None, name)
    ]
    if not found:
        raise exceptions.CloudError(f'server {named} has no address')
    best = min(
        found,
        key=lambda each: (
            each.get('OS-EXT-IPS:type') != 'floating',
            each['version'],
        ),
    )
    address: str = best['addr']
    return address
