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
"""A flavor that a test may change."""

import fixtures
from tempest.lib.common.utils import data_utils
from tempest.lib.common.utils import test_utils

from migration_tempest_plugin import config

CONF = config.CONF


class Flavor(fixtures.Fixture):
    """One like that of the tests ([compute] flavor_ref), for a while.

    :param client: Tempest's client of flavors, an administrator's
    :ivar id: of the flavor
    """

    def __init__(self, client):
        self._client = client

    def _setUp(self):
        like = self._client.show_flavor(CONF.compute.flavor_ref)['flavor']
        self.id = self._client.create_flavor(
            name=data_utils.rand_name('migration-tests'),
            ram=like['ram'],
            vcpus=like['vcpus'],
            disk=like['disk'],
        )['flavor']['id']
        self.addCleanup(
            test_utils.call_and_ignore_notfound_exc,
            self._client.delete_flavor,
            self.id,
        )
