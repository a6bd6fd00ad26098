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
"""Whether a guest's console goes on."""

import secrets
import time

from migration_tempest_plugin.checks import check
from migration_tempest_plugin.guest import shell

#: Seconds between two looks at the console.
LOOK_INTERVAL = 0.5


class ConsoleCheck(check.Check):
    """What the guest writes to its console can be read outside.

    That needs a user who may write to it, himself or by sudo; as any other,
    only that there is a console can be checked.

    :param client: anything with ``exec_command(cmd) -> str``
    :param read: called without arguments, gives the console's text
    :param patience: seconds within which it must be there
    """

    name = 'console'

    def __init__(self, client, read, patience=20.0):
        self._client = client
        self._read = read
        self._patience = patience

    def _setUp(self):
        self.verify()

    def verify(self):
        token = f'console check {secrets.token_hex(16)}'
        facts = shell.ask(self._client, 'look', 'say', token)
        if facts['said'] != 'yes':
            if not self._read():
                raise self.failed(
                    "it is empty, and the guest's user may "
                    'not write to it: %s',
                    facts['said'],
                )
            return (
                "not checked: the guest's user may not write to it: "
                f'{facts["said"]}'
            )
        give_up = time.monotonic() + self._patience
        while token not in self._read():
            if time.monotonic() > give_up:
                raise self.failed(
                    'what the guest wrote to its console was not there '
                    'within %g s; its end: %r',
                    self._patience,
                    self._read()[-300:],
                )
            time.sleep(LOOK_INTERVAL)
        return 'what the guest wrote to it was there'
