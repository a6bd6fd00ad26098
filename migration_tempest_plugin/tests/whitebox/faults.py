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
"""What goes wrong with a destination: really made so, and put back."""

import json

import fixtures
from tempest.lib.common.utils import data_utils

from migration_tempest_plugin.cloud import services

#: Since then an allocation is said as below, and may be of nobody known.
_PLACEMENT = {'OpenStack-API-Version': 'placement 1.12'}


class FullHost(fixtures.Fixture):
    """All memory of a host is taken, by Placement's word.

    :param admin: Tempest's clients of an administrator
    :param host: its name
    :raises CloudError: if there is no such host
    """

    def __init__(self, admin, host):
        self._admin = admin
        self._providers = admin.resource_providers_client
        self._host = host

    def _setUp(self):
        provider = self._provider()
        inventory = self._providers.list_resource_provider_inventories(
            provider
        )['inventories']['MEMORY_MB']
        used = self._providers.list_resource_provider_usages(provider)[
            'usages'
        ]['MEMORY_MB']
        free = (
            int(inventory['total'] * inventory['allocation_ratio'])
            - inventory['reserved']
            - used
        )
        # One may take no more than there is without overcommitment.
        while free > 0:
            taken = min(free, inventory['max_unit'])
            self._take(provider, taken)
            free -= taken

    def _provider(self):
        name = services.hypervisor(self._admin.hypervisor_client, self._host)[
            'hypervisor_hostname'
        ]
        [provider] = self._providers.list_resource_providers(name=name)[
            'resource_providers'
        ]
        return provider['uuid']

    def _take(self, provider, mib):
        path = f'/allocations/{data_utils.rand_uuid()}'
        project = self._admin.credentials.project_id
        user = self._admin.credentials.user_id
        self._providers.put(
            path,
            json.dumps(
                {
                    'allocations': {
                        provider: {'resources': {'MEMORY_MB': mib}}
                    },
                    'project_id': project,
                    'user_id': user,
                }
            ),
            headers=_PLACEMENT,
            extra_headers=True,
        )
        self.addCleanup(self._providers.delete, path)


class DeadCompute(fixtures.Fixture):
    """nova-compute of a host does not run, and Nova knows that.

    :param client: Tempest's client of services, of an administrator
    :param service: the Service on that host
    :param timeout: seconds within which it must stop, and be up again
        afterwards
    """

    def __init__(self, client, service, timeout):
        self._client = client
        self._service = service
        self._timeout = timeout

    def _setUp(self):
        known = services.ComputeService(self._client, self._service.host.name)
        self.addCleanup(self._service.start, self._timeout)
        self._service.stop(self._timeout)
        self.addCleanup(known.update, forced_down=False)
        # It would call it up for a minute yet (service_down_time).
        known.update(forced_down=True)
