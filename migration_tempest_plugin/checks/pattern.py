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
"""Whether what was put into a guest's memory, or on its disk, is there."""

from oslo_log import log

from migration_tempest_plugin.checks import check
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.guest import shell

LOG = log.getLogger(__name__)


class _PatternCheck(check.Check):
    """Random bytes in a file of the guest are the same afterwards.

    :param client: anything with ``exec_command(cmd) -> str``
    :param mib: how many
    :ivar file: where they are in the guest
    """

    folder = ''

    def __init__(self, client, mib):
        self._client = client
        self._mib = mib
        self.file = self._digest = None

    def _setUp(self):
        facts = shell.ask(self._client, 'look', 'fill', self._mib, self.folder)
        self.file, self._digest = facts['file'], facts['digest']
        self.addCleanup(self._remove)

    def _remove(self):
        try:
            shell.ask(self._client, 'look', 'remove', self.file)
        except exceptions.GuestError as error:
            LOG.warning('%s is left in the guest: %s', self.file, error)

    def verify(self):
        """As any check."""
        digest = shell.ask(self._client, 'look', 'digest', self.file)['digest']
        if digest != self._digest:
            raise self.failed(
                '%d MiB of random bytes in %s are not what they were: their '
                'SHA-256 is %s, and was %s',
                self._mib,
                self.file,
                digest,
                self._digest,
            )
        return f'{self._mib} MiB of random bytes are what they were'


class MemoryCheck(_PatternCheck):
    """The guest's memory is the same afterwards.

    :param client: anything with ``exec_command(cmd) -> str``
    :param mib: how much of it
    :ivar file: where it is in the guest
    """

    name = 'memory'

    def __init__(self, client, mib=8):
        super().__init__(client, mib)


class DiskCheck(_PatternCheck):
    """The guest's disk is the same afterwards, also through a reboot.

    :param client: anything with ``exec_command(cmd) -> str``
    :param folder: on the disk
    :param mib: how much of it
    :ivar file: where it is in the guest
    """

    name = 'disk'

    def __init__(self, client, folder, mib=4):
        super().__init__(client, mib)
        self.folder = folder
