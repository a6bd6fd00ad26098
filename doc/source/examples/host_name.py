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
"""Whether a guest has the host name that it had."""

from migration_tempest_plugin.checks import check
from migration_tempest_plugin.guest import shell


class HostNameCheck(check.Check):
    """The host name of a guest is the same afterwards.

    :param client: anything with ``exec_command(cmd) -> str``
    """

    name = 'host name'

    def __init__(self, client):
        self._client = client
        self._before = None

    def _setUp(self):
        self._before = self._ask()

    def _ask(self):
        return shell.run(self._client, 'the guest', 'hostname').strip()

    def verify(self):
        """As any check."""
        now = self._ask()
        if now != self._before:
            raise self.failed('it is %s, and was %s', now, self._before)
        return f'it is still {now}'
