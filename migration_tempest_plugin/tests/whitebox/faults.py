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
import struct

import fixtures
from tempest.lib.common.utils import data_utils

from migration_tempest_plugin.cloud import services
from migration_tempest_plugin.hosts import ssh

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


#: Waits for half a minute, and then does what it is given: "watch WORD...".
#: Its process leads a group of its own; the answer is its number.
_LATER = (
    'setsid sh -c \'sleep 30; exec "$@"\' later "$@" '
    '</dev/null >/dev/null 2>&1 & echo $!'
)


class PausedStorage(fixtures.Fixture):
    """What volumes are on answers nobody.

    Should nobody put it right, it goes on after half a minute all the same.

    :param storage: the inventory.Storage
    """

    def __init__(self, storage):
        self._storage = storage

    def _setUp(self):
        host = ssh.Host(self._storage.access)
        self.addCleanup(host.close)
        later = host.run('sh', '-c', _LATER, 'watch', *self._storage.resume)
        self.addCleanup(
            host.attempt, 'pkill', '-KILL', '--session', later.strip()
        )
        self.addCleanup(host.run, *self._storage.resume)
        host.run(*self._storage.pause)


def change_in_ceph(compute, image, text):
    """Change the first byte of some text in an image of Ceph; where it was.

    As if the storage had lost it: nobody who has it open is told.

    :param compute: the Compute where Ceph is asked
    :param image: POOL/NAME
    :param text: what stands there, of letters, digits, blanks and dashes
    :returns: how many bytes come before it
    :raises HostError: if it is not there
    """
    found = compute.host.run(
        'sh',
        '-c',
        # The zeros of what was never written would be one line.
        'image=$1 text=$2; shift 2; "$@" export --no-progress "$image" - | '
        "tr '\\000' '\\n' | LC_ALL=C grep -a -b -o -m 1 -e \"$text\"",
        'find',
        image,
        text,
        *compute.description.rbd,
    )
    place = int(found.split(':')[0])
    # doc/dev/rbd-diff.rst of Ceph: a write of one byte, and the end
    change = b'rbd diff v1\nw' + struct.pack('<QQ', place, 1) + b'Xe'
    compute.host.run(
        'sh',
        '-c',
        'image=$1 change=$2; shift 2; '
        'printf "$change" | "$@" import-diff --no-progress - "$image"',
        'change',
        image,
        ''.join(f'\\{byte:03o}' for byte in change),
        *compute.description.rbd,
    )
    return place


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
