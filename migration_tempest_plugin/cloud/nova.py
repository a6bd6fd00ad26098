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
"""Nova's API, asked as the user whom an operator's clouds.yaml names."""

import collections.abc
import contextlib
import logging
import typing

from migration_tempest_plugin.cloud.records import Record
from migration_tempest_plugin import exceptions

#: Seconds within which an API must answer.
TIMEOUT = 10.0

#: What installs openstacksdk, which reads clouds.yaml.
INSTALL = "pip install 'migration-tempest-plugin[server]'"


class Nova:
    """Nova's API.

    :param connection: openstacksdk's
    :raises CloudError: if there is none
    """

    def __init__(self, connection: typing.Any) -> None:
        with _asking("Nova's API can't be reached"):
            self._compute = connection.compute

    def get(
        self,
        path: str,
        version: str | None = None,
        refused: collections.abc.Container[int] = (),
        query: collections.abc.Mapping[str, object] | None = None,
    ) -> Record | None:
        """What it answers.

        :param version: the microversion to ask for
        :param refused: statuses of HTTP for which it is None
        :raises CloudError: if it does not answer, or with another status
        """
        with _asking("Nova's API can't be reached"):
            response = self._compute.get(
                path,
                microversion=version,
                params=query or {},
                skip_cache=True,
                # Asked again by who asks: each answer has its moment.
                connect_retries=0,
                status_code_retries=0,
            )
            if response.status_code in refused:
                return None
            if response.status_code != 200:
                raise exceptions.CloudError(
                    f"Nova's API answered {response.status_code}"
                )
            answer: Record = response.json()
        return answer


def connect(cloud: str | None) -> Nova:
    """Nova's API, as openstacksdk finds it.

    :param cloud: name of the cloud in clouds.yaml; None for what openstacksdk
        takes: OS_CLOUD, or what the environment says otherwise
    :raises CloudError: if openstacksdk is not installed, or nothing is found
    """
    try:
        import openstack
        import yaml
    except ImportError as error:
        raise exceptions.CloudError(
            'to follow a server takes openstacksdk: ' + INSTALL
        ) from error
    # It logs what it can't parse of clouds.yaml: that may be a password.
    logging.getLogger('openstack.config').setLevel(logging.ERROR)
    with _asking('clouds.yaml, or the environment, names no cloud to ask'):
        try:
            connection = openstack.connect(cloud, api_timeout=TIMEOUT)
        except yaml.YAMLError:
            # What it says may be a part of a password.
            raise exceptions.CloudError('clouds.yaml is no YAML') from None
    return Nova(connection)


@contextlib.contextmanager
def _asking(what: str) -> collections.abc.Iterator[None]:
    """What goes wrong meanwhile becomes a CloudError of one line.

    :param what: what is wrong then
    """
    # An extra, so that it may be missing where nothing is asked.
    from keystoneauth1 import exceptions as keystone
    from openstack import exceptions as sdk

    try:
        yield
    # Their messages are longer than a line, and say no more.
    except keystone.ConnectTimeout as error:
        raise exceptions.CloudError(f'{what} within {TIMEOUT:g} s') from error
    except keystone.ConnectFailure as error:
        raise exceptions.CloudError(what) from error
    except (
        keystone.ClientException,
        sdk.SDKException,
        OSError,
        ValueError,
    ) as error:
        said = ' '.join(str(error).split())
        raise exceptions.CloudError(
            f'{what}: {said or type(error).__name__}'
        ) from error
