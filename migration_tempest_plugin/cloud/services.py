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

import collections.abc
import contextlib

from tempest.lib import exceptions as lib_exc

from migration_tempest_plugin.cloud import api
from migration_tempest_plugin import exceptions

#: Since then a service has an id of its own, and is changed by it (api-ref,
#: "Compute services").
_MICROVERSION = '2.53'


def computes(client: api.Client, **which: str) -> list[api.Record]:
    """The record of each nova-compute that the cloud knows.

    :param client: Tempest's client of services, of an administrator
    :param which: only these, by the API's filters: host, say
    """
    found: list[api.Record] = client.list_services(
        binary='nova-compute', **which
    )['services']
    return found


def is_usable(record: api.Record) -> bool:
    """Whether servers may come to the host of such a record."""
    return (record['state'], record['status']) == ('up', 'enabled')


class ComputeService:
    """The record of a compute service.

    :param client: Tempest's client of services, of an administrator
    :param host: the name of its host
    :ivar record: as the API showed it when this was made
    """

    def __init__(self, client: api.Client, host: str) -> None:
        self._client = client
        with api.microversion(_MICROVERSION):
            [self.record] = computes(client, host=host)

    def update(self, **changes: str) -> None:
        """Change it; the arguments are those of the API."""
        with api.microversion(_MICROVERSION):
            self._client.update_service(self.record['id'], **changes)

    @contextlib.contextmanager
    def disabled(self, reason: str) -> collections.abc.Iterator[None]:
        """Let no server be scheduled to its host meanwhile.

        :raises CloudError: if it is disabled already: that is somebody else's
        """
        if self.record['status'] != 'enabled':
            raise exceptions.CloudError(
                f'nova-compute on {self.record["host"]} is disabled already: '
                f'{self.record}'
            )
        try:
            self.update(status='disabled', disabled_reason=reason)
            yield
        finally:
            self.update(status='enabled')


def hypervisor(client: api.Client, host: str) -> api.Record:
    """The record of the one hypervisor of a host.

    :param client: Tempest's client of hypervisors, of an administrator
    :param host: its name
    :raises CloudError: if there is no such host, or if it has several
    """
    found: list[api.Record] = [
        each
        for each in client.list_hypervisors(detail=True)['hypervisors']
        if each['service']['host'] == host
    ]
    if len(found) != 1:
        names = [each['hypervisor_hostname'] for each in found]
        raise exceptions.CloudError(
            f'{host} has no single hypervisor: {names}'
        )
    return found[0]


def problem(admin: api.Admin, host: str) -> str | None:
    """Why nova-compute on a host does not work, or None if it does.

    Its report to Nova says too little and comes late: the API calls a service
    up for a minute after it ended (nova.conf, service_down_time), and one that
    has started reports after five seconds (nova/servicegroup/api.py). So it is
    asked, through the message queue, what only it can answer: for how long its
    host has been up. It answers when it has initialised all else
    (nova/service.py, start).

    :param admin: Tempest's clients of an administrator
    :param host: the name of its host
    """
    try:
        uptime = _uptime(admin.hypervisor_client, host)
        [service] = computes(admin.services_client, host=host)
    # A call that nobody answers ends as an error of Nova, or of HTTP.
    except Exception as error:
        return (
            "Nova's API was asked for it, and said: "
            f'{type(error).__name__}: {error}'
        )
    if not uptime:
        return 'it does not answer'
    if service['state'] != 'up':
        return (
            f'Nova calls it {service["state"]}, and last heard of it at '
            f'{service["updated_at"]}'
        )
    return None


def _uptime(client: api.Client, host: str) -> str | None:
    known = hypervisor(client, host)
    uptime: str | None
    try:
        uptime = client.show_hypervisor_uptime(known['id'])['hypervisor'][
            'uptime'
        ]
    except lib_exc.NotFound:
        # Since 2.88 it is a part of the record itself.
        uptime = client.show_hypervisor(known['id'])['hypervisor']['uptime']
    return uptime
