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
"""What is kept of a server of which something failed: logs, records, XML."""

import collections.abc
import functools
import json
import typing
from xml.etree import ElementTree

from oslo_log import log
from tempest.lib import exceptions as lib_exc

from migration_tempest_plugin.cloud import api
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.hosts import inventory

LOG = log.getLogger(__name__)

_Result = typing.TypeVar('_Result')


class Bundle:
    """Console, migrations, actions; logs and domains if hosts are reached.

    What could not be read is named in its place: a failure must not hide
    another one.

    :param admin: Tempest's clients of an administrator
    :param server: the id of the server, which has just been booted
    :param computes: the Compute of each host, by its name; may be none
    :param console: whether the cloud shows consoles
    """

    def __init__(
        self,
        admin: api.Admin,
        server: str,
        computes: collections.abc.Mapping[str, inventory.Compute],
        console: bool = True,
    ) -> None:
        self._servers = admin.servers_client
        self._migrations = admin.migrations_client
        self._server = server
        self._computes = computes
        self._console = console
        self._marks = {
            name: _told(compute.log.mark) for name, compute in computes.items()
        }
        self._before = dict(self._domains())
        self._kept = False

    def keep(self, add: collections.abc.Callable[[str, str], object]) -> None:
        """Collect all of it, once.

        :param add: called with the name of each file, and with its text
        """
        if self._kept:
            return
        self._kept = True
        for name, text in self._files():
            add(name, text)

    def _files(self) -> collections.abc.Iterator[tuple[str, str]]:
        if self._console:
            yield 'console.log', _text(self._read_console)
        yield 'migrations.json', _text(self._read_migrations)
        yield 'actions.json', _text(self._read_actions)
        for name, compute in self._computes.items():
            yield (
                name + '/nova-compute.log',
                _text(functools.partial(self._read_log, name, compute)),
            )
        for name, text in self._before.items():
            yield name + '/domain-before.xml', text
        for name, text in self._domains():
            yield name + '/domain.xml', text

    def _read_console(self) -> str:
        output: str = self._servers.get_console_output(self._server)['output']
        return output

    def _read_migrations(self) -> str:
        return _json(
            self._migrations.list_migrations(instance_uuid=self._server)[
                'migrations'
            ]
        )

    def _read_actions(self) -> str:
        actions = self._servers.list_instance_actions(self._server)
        return _json(
            [
                self._servers.show_instance_action(
                    self._server, action['request_id']
                )['instanceAction']
                for action in actions['instanceActions']
            ]
        )

    def _read_log(self, name: str, compute: inventory.Compute) -> str:
        mark = self._marks[name]
        if isinstance(mark, Exception):
            raise mark
        return '\n'.join(
            ' '.join((line.stamp, line.level, line.message))
            for line in compute.log.since(mark, self._server)
        )

    def _domains(self) -> collections.abc.Iterator[tuple[str, str]]:
        """Where there is a domain of it: the host, and the domain's XML."""
        for name, compute in self._computes.items():
            defined = _told(compute.libvirt.defined)
            if isinstance(defined, Exception) or self._server in defined:
                yield name, _text(functools.partial(self._read_xml, compute))

    def _read_xml(self, compute: inventory.Compute) -> str:
        return ElementTree.tostring(
            compute.libvirt.xml(self._server), encoding='unicode'
        )


def _told(
    function: collections.abc.Callable[[], _Result],
) -> _Result | Exception:
    """What it returns, or the error that it raises."""
    try:
        return function()
    except (exceptions.MigrationTestError, lib_exc.TempestException) as error:
        LOG.warning('Not kept: %s', error)
        return error


def _text(function: collections.abc.Callable[[], str]) -> str:
    """What it returns, or what was in the way."""
    said = _told(function)
    return (
        f'Could not be read: {said}' if isinstance(said, Exception) else said
    )


def _json(what: object) -> str:
    return json.dumps(what, indent=2)
