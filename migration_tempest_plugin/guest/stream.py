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
"""A script that runs in a guest as part of an SSH session, line by line."""

import collections.abc
import threading

import fixtures
from oslo_log import log
import paramiko

from migration_tempest_plugin.guest import shell

LOG = log.getLogger(__name__)

#: Seconds for the first line of the script.
START_PATIENCE = 30.0


def start(
    connection: paramiko.SSHClient, name: str, *words: object
) -> tuple[paramiko.Channel, str, bytes]:
    """Start a script of this package with a session of its own.

    :param connection: a connected ``paramiko.SSHClient``
    :param name: file name of the script, without ``.sh``
    :param words: what it gets
    :returns: the channel, its first line, and what came behind that
    """
    channel = connection.get_transport().open_session(timeout=START_PATIENCE)
    channel.exec_command(shell.command_of(name, *words))
    channel.settimeout(START_PATIENCE)
    said = b''
    while not _header(said)[1]:
        data = channel.recv(4096)
        if not data:
            break
        said += data
    header, end, rest = _header(said)
    # What a login prints does not say why the script did not begin.
    if not end and channel.recv_stderr_ready():
        header = channel.recv_stderr(4096)
    channel.settimeout(None)
    return channel, header.decode(errors='replace').strip(), rest


def _header(said: bytes) -> tuple[bytes, bytes, bytes]:
    """The first line of a script, its end, and what came behind that.

    Without an end, it is all that came, which need not be of the script.
    """
    _, mark, own = said.partition(shell.MARK.encode() + b'\n')
    return own.partition(b'\n') if mark else (said, b'', b'')


class ScriptStream(fixtures.Fixture):
    """Takes in what a script says, for as long as it is set up.

    :param connect: returns a connected ``paramiko.SSHClient``, which is
        closed here; that ends the script
    :param name: file name of the script, without ``.sh``
    :param words: what it gets
    :param take: called with each line but the first, in a thread; one for
        which it raises ValueError is left out
    :ivar header: the first line
    :ivar ended: why there will be no more lines, or None
    """

    def __init__(
        self,
        connect: collections.abc.Callable[[], paramiko.SSHClient],
        name: str,
        words: collections.abc.Iterable[object],
        take: collections.abc.Callable[[str], object],
    ) -> None:
        self.header = ''
        self.ended: str | None = None
        self._connect = connect
        self._name = name
        self._words = words
        self._take = take
        self._thread: threading.Thread | None = None

    def _setUp(self) -> None:
        self.addCleanup(self._join)
        with shell.asking(self._name):
            connection = self._connect()
            self.addCleanup(connection.close)
            channel, self.header, rest = start(
                connection, self._name, *self._words
            )
        self._thread = threading.Thread(
            target=self._receive, args=(channel, rest), daemon=True
        )
        self._thread.start()

    def _join(self) -> None:
        if self._thread:
            self._thread.join()

    def _receive(self, channel: paramiko.Channel, rest: bytes) -> None:
        while True:
            data = channel.recv(1 << 16)
            if not data:
                break
            *lines, rest = (rest + data).split(b'\n')
            for line in lines:
                try:
                    self._take(line.decode())
                except ValueError:
                    LOG.debug('Left out of what %s says: %r', self._name, line)
        self.ended = 'the guest has ended its session'
