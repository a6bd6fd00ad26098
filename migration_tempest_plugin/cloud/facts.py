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
"""What a cloud says of itself, for the record."""

import collections.abc
import typing

from oslo_log import log
from tempest.lib import exceptions as lib_exc

from migration_tempest_plugin.cloud import api
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.hosts import inventory

LOG = log.getLogger(__name__)

_Result = typing.TypeVar('_Result')


def facts(
    admin: api.Admin, computes: collections.abc.Mapping[str, inventory.Compute]
) -> dict[str, object]:
    """All that there is to say, ready for JSON.

    What can't be asked is None: a run is not worse for it.

    :param admin: Tempest's clients of an administrator
    :param computes: the Compute of each host that can be looked into, by name
    """
    return {
        'nova_api': _told(api.newest_microversion, admin),
        'hosts': _told(_hosts, admin),
        'inside': {
            name: _told(_inside, compute)
            for name, compute in sorted(computes.items())
        },
    }


def _told(
    ask: collections.abc.Callable[..., _Result], *arguments: object
) -> _Result | None:
    try:
        return ask(*arguments)
    except (
        lib_exc.TempestException,
        exceptions.HostError,
        KeyError,
        OSError,
    ) as error:
        LOG.warning(
            'For the record of this run, %s: %s: %s',
            ask.__name__,
            type(error).__name__,
            error,
        )
        return None


def _hosts(admin: api.Admin) -> list[dict[str, str]]:
    found = admin.hypervisor_client.list_hypervisors(detail=True)
    return [
        {
            'name': each['hypervisor_hostname'],
            'hypervisor': (
                f'{each["hypervisor_type"]} '
                f'{_dotted(each["hypervisor_version"])}'
            ),
        }
        for each in found['hypervisors']
    ]


def _dotted(number: int) -> str:
    """libvirt's way to write a version (virConnectGetVersion)."""
    return f'{number // 1000000}.{number // 1000 % 1000}.{number % 1000}'


def _inside(compute: inventory.Compute) -> dict[str, str]:
    """What a host says of itself."""
    return {
        'kernel': compute.host.run('uname', '-r').strip(),
        'libvirt': compute.libvirt.version(),
    }
