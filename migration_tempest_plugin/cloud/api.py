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
"""How Nova's API is asked: which microversion, and what errors become."""

import collections.abc
import contextlib
import typing

import fixtures
from tempest import clients
from tempest.common import credentials_factory
from tempest.lib import exceptions as lib_exc
import urllib3

from migration_tempest_plugin.cloud import records
from migration_tempest_plugin import exceptions

#: Tempest's clients of an administrator; they have no types.
Admin: typing.TypeAlias = typing.Any
#: Tempest's client of one kind of things.
Client: typing.TypeAlias = typing.Any
Record: typing.TypeAlias = records.Record

#: Those that brought the progress of a live migration, the end of one that may
#: still wait for its turn, and its completion by force (api-ref, "Server
#: migrations").
PROGRESS = '2.23'
ABORT = '2.65'
FORCE_COMPLETE = '2.22'

#: How Tempest's clients say that they can't ask, or that the answer is no.
ERRORS = (lib_exc.TempestException, urllib3.exceptions.HTTPError, OSError)

_WHERE = (
    'tempest.lib.services.compute.base_compute_client.COMPUTE_MICROVERSION'
)


def microversion(version: str | None) -> fixtures.MonkeyPatch:
    """Makes Tempest's clients ask for a microversion, in a ``with``.

    What they asked for before is theirs again afterwards; Tempest's own
    fixture leaves them with none.
    """
    return fixtures.MonkeyPatch(_WHERE, version)


def admin() -> Admin:
    """Tempest's clients of the administrator whom tempest.conf names.

    :raises TempestException: if it names none
    """
    return clients.Manager(
        credentials_factory.get_configured_admin_credentials()
    )


@contextlib.contextmanager
def asking(
    what: str, version: str | None = None
) -> collections.abc.Iterator[None]:
    """What goes wrong meanwhile becomes a CloudError.

    :param what: what is asked for, to be named in the error
    :param version: the microversion to ask for
    """
    try:
        with microversion(version):
            yield
    except ERRORS as error:
        raise exceptions.CloudError(
            f'{what}: {type(error).__name__}: {error}'
        ) from error


def newest_microversion(admin: Admin) -> str:
    """The newest one of Nova, which names its release, as text.

    :param admin: Tempest's clients of an administrator
    """
    newest: str = next(
        each['version']
        for each in admin.compute_versions_client.list_versions()['versions']
        if each['id'] == 'v2.1'
    )
    return newest
