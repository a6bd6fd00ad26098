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
"""nova-compute of one host, as Nova's API can change it."""

from migration_tempest_plugin import microversion

#: Since then a service has an id of its own, and is changed by it (api-ref,
#: "Compute services").
_MICROVERSION = '2.53'


class ComputeService:
    """The record of a compute service.

    :param client: Tempest's client of services, of an administrator
    :param host: the name of its host
    :ivar record: as the API showed it when this was made
    """

    def __init__(self, client, host):
        self._client = client
        with microversion.compute(_MICROVERSION):
            [self.record] = client.list_services(
                binary='nova-compute', host=host)['services']

    def update(self, **changes):
        """Change it; the arguments are those of the API."""
        with microversion.compute(_MICROVERSION):
            self._client.update_service(self.record['id'], **changes)
