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
"""A service of Nova on a host: stopped, started, told to read its options."""

import dataclasses
import shlex
import time

from oslo_log import log

from migration_tempest_plugin import exceptions

LOG = log.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Commands:
    """How a service is handled on its host, as command lines.

    :ivar reload: makes it read its mutable options again (SIGHUP)
    """

    stop: str
    start: str
    reload: str


@dataclasses.dataclass(frozen=True)
class Report:
    """What Nova's API says of a service (api-ref, "Compute services").

    :ivar updated_at: when it was last heard of, by the API's clock
    """

    state: str
    updated_at: str


class Service:
    """One service on one host.

    :param host: the Host
    :param commands: how it is handled there
    :param report: called without arguments, gives its Report
    :param interval: seconds between two looks at the API
    """

    def __init__(self, host, commands, report, interval=0.5):
        self.host = host
        self._commands = commands
        self._report = report
        self._interval = interval

    def restart(self, timeout):
        """Stop it, start it, and wait until it has reported for itself.

        :param timeout: seconds within which it must have
        :raises HostError: if it can't be, or does not report in time
        """
        self.stop()
        self.start(timeout)

    def stop(self):
        """Stop it.

        :raises HostError: if it can't be
        """
        self._run(self._commands.stop)

    def start(self, timeout):
        """Start it, and wait until it has reported for itself.

        That the API calls it up is not enough: it does so for a minute after
        a service ended (nova.conf, service_down_time).

        :param timeout: seconds within which it must have
        :raises HostError: if it can't be, or does not report in time
        """
        before = self._report()
        began = time.monotonic()
        self._run(self._commands.start)
        while True:
            now = self._report()
            if now.state == 'up' and now.updated_at != before.updated_at:
                break
            if time.monotonic() > began + timeout:
                raise exceptions.HostError(
                    self.host.name, shlex.split(self._commands.start),
                    'the service did not report to Nova within %g s; last '
                    'heard of at %s, now %s: see its log' % (
                        timeout, now.updated_at, now.state))
            time.sleep(self._interval)
        LOG.info('%s: the service was up again after %.1f s', self.host.name,
                 time.monotonic() - began)

    def reload(self):
        """Let it read its mutable options again; it does so in its own time.

        :raises HostError: if it can't be told
        """
        self._run(self._commands.reload)

    def _run(self, line):
        self.host.run(*shlex.split(line))
