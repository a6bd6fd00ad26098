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
"""A guest that writes to its memory without end, for as long as wanted."""

import fixtures

from migration_tempest_plugin.guest import shell


class MemoryLoad(fixtures.Fixture):
    """Runs memory_load.sh in a guest.

    :param client: anything with ``exec_command(cmd) -> str`` that raises if
        the command does not exit with 0
    :param mib: how much memory is written again and again
    :param lifetime: seconds after which it ends by itself
    :param rate: MiB a second, about, that are written, at little cost of
        processors; None: as fast as the guest can, at the cost of all of them
    """

    def __init__(
        self,
        client: shell.Client,
        mib: int,
        lifetime: float = 3600,
        rate: int | None = None,
    ) -> None:
        self._script = shell.GuestScript(
            client, 'memory_load', [mib, round(lifetime), rate or 0], lifetime
        )

    def _setUp(self) -> None:
        self.addCleanup(self.stop)
        self._script.start()

    @property
    def tool(self) -> str:
        """What writes, as the script says it."""
        return self._script.header.partition('tool=')[2].rstrip(' ;')

    def stop(self) -> None:
        """End it; what is not there any more is no error."""
        self._script.stop()
