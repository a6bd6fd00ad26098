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
"""A service of Nova on a host: stopped, started, made to read its options."""

import collections.abc
import dataclasses
import shlex
import time

from oslo_log import log

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.hosts import ssh

LOG = log.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Commands:
    """How a service is handled on its host, as command lines.

    :ivar reload: makes it read its mutable options again (SIGHUP)
    """

    stop: str
    start: str
    reload: str


class Service:
    """One service on one host.

    :param host: the Host
    :param commands: how it is handled there
    :param problem: called without arguments, says why the service does not
        work yet; None if it does
    :param interval: seconds between two looks at that
    """

    def __init__(
        self,
        host: ssh.Host,
        commands: Commands,
        problem: collections.abc.Callable[[], str | None],
        interval: float = 0.2,
    ) -> None:
        self.host = host
        self._commands = commands
        self._problem = problem
        self._interval = interval

    def restart(self, timeout: float) -> None:
        """Stop it, start it, and wait until it works.

        :param timeout: seconds within which it must stop, and work again
        :raises HostError: if it can't be, or does not in time
        """
        self.stop(timeout)
        self.start(timeout)

    def stop(self, timeout: float) -> None:
        """Stop it.

        It may finish first what it is at: Nova 34 waits up to 140 s.

        :param timeout: seconds within which it must
        :raises HostError: if it can't be, or does not in time
        """
        self._run(self._commands.stop, timeout)

    def start(self, timeout: float) -> None:
        """Start it, and wait until it works.

        :param timeout: seconds within which it must
        :raises HostError: if it can't be, or does not work in time
        """
        began = time.monotonic()
        self._run(self._commands.start, timeout)
        while problem := self._problem():
            if time.monotonic() > began + timeout:
                raise exceptions.HostError(
                    self.host.name,
                    shlex.split(self._commands.start),
                    f'the service did not work within {timeout:g} s: '
                    f'{problem}. See its log',
                )
            time.sleep(self._interval)
        LOG.info(
            '%s: the service was up again after %.1f s',
            self.host.name,
            time.monotonic() - began,
        )

    def reload(self) -> None:
        """Let it read its mutable options again; it does so in its own time.

        :raises HostError: if that is not known
        """
        self._run(self._commands.reload)

    def _run(self, line: str, timeout: float | None = None) -> None:
        self.host.run(*shlex.split(line), patience=timeout)
