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
"""What the policy of StarlingX's settings asks of the cloud."""

import dataclasses

from tempest.lib import exceptions as lib_exc

from migration_tempest_plugin.cloud import api
from migration_tempest_plugin.cloud import volumes
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.starlingx import policy
from migration_tempest_plugin.starlingx import settings

# The migration's kind, a server's extra specs, the end of a migration
# (api-ref, "Migrations", "Servers", "Server migrations").
_MIGRATIONS, _SERVERS, _ABORT = '2.23', '2.47', '2.24'


class Cloud:
    """The cloud, as policy.Controller needs it.

    Each of its methods raises CloudError.

    :param admin: Tempest's clients of an administrator
    :param cinder: whether there is Cinder to ask
    """

    def __init__(self, admin: api.Admin, cinder: bool) -> None:
        self._clients = admin
        self._cinder = cinder
        # of each server when first seen
        self._at_first: dict[str, settings.Sources] = {}
        # servers whose migration was seen to come
        self._coming: set[str] = set()

    def migrations(self) -> list[policy.Migration]:
        running = self._migrations('running')
        servers = {migration.server for migration in running} | self._coming
        self._at_first = {
            server: sources
            for server, sources in self._at_first.items()
            if server in servers
        }
        return running

    def look_ahead(self) -> None:
        # While it prepares a migration, Nova has more time to answer than in
        # its first seconds.
        coming = self._migrations('preparing')
        self._coming = {migration.server for migration in coming}
        for migration in coming:
            if migration.server not in self._at_first:
                self.sources(migration.server)
                return

    def _migrations(self, status: str) -> list[policy.Migration]:
        with api.asking(f'which live migrations are {status}', _MIGRATIONS):
            records = self._clients.migrations_client.list_migrations(
                status=status
            )['migrations']
        return [
            policy.Migration(
                record['id'], record['instance_uuid'], record['source_compute']
            )
            for record in records
            if record['migration_type'] == 'live-migration'
        ]

    def sources(self, server: str) -> settings.Sources:
        if server not in self._at_first:
            self._at_first[server] = self._sources(server)
            return self._at_first[server]
        # Of the three, it alone can change while a server is migrated. To
        # show all of the server costs Nova a question to Neutron, too.
        with api.asking(f'metadata of server {server}'):
            metadata = self._clients.servers_client.list_server_metadata(
                server
            )['metadata']
        return dataclasses.replace(self._at_first[server], metadata=metadata)

    def host(self, server: str) -> str:
        """Nova's name of the host that a server is on; empty if on none."""
        return self._shown(server).get('OS-EXT-SRV-ATTR:host') or ''

    def _shown(self, server: str) -> api.Record:
        with api.asking(f'server {server}', _SERVERS):
            try:
                shown = self._clients.servers_client.show_server(server)
            except lib_exc.NotFound as error:
                raise exceptions.CloudError(
                    f'there is no server {server}'
                ) from error
        found: api.Record = shown['server']
        return found

    def _sources(self, server: str) -> settings.Sources:
        found = self._shown(server)
        return settings.Sources(
            flavor=found['flavor'].get('extra_specs') or {},
            metadata=found['metadata'],
            image=self._image(found),
            unknown=()
            if found['image'] or self._cinder
            else (
                (
                    'what the image of its volume says is not known: '
                    '[service_available] cinder is false'
                ),
            ),
        )

    def _image(self, found: api.Record) -> settings.Values:
        """The properties of a server's image, or of its first volume's."""
        if found['image']:
            image = found['image']['id']
            with api.asking(f'image {image}'):
                said: settings.Values = (
                    self._clients.image_client_v2.show_image(image)
                )
            return said
        if not self._cinder:
            return {}
        return volumes.image_metadata(
            self._clients,
            found['id'],
            found['OS-EXT-SRV-ATTR:root_device_name'],
        )

    def abort(self, migration: policy.Migration) -> None:
        with api.asking(f'abort migration {migration.id}', _ABORT):
            self._clients.servers_client.delete(
                f'servers/{migration.server}/migrations/{migration.id}'
            )
