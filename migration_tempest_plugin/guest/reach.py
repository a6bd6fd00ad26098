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
"""How a guest is reached by SSH: when it first can be, and for commands."""

import socket
import time

from oslo_log import log
import paramiko
from tempest.lib.common import ssh

LOG = log.getLogger(__name__)

#: Seconds between two attempts, and within which one must be answered.
PAUSE = 0.2
PATIENCE = 1.0

_BANNER = b'SSH-'  # RFC 4253, 4.2


def wait_for_ssh(address: str, timeout: float, port: int = 22) -> float | None:
    """Wait until the SSH server of a guest says who it is.

    Tempest's own client pauses for longer after each attempt that fails:
    seconds go by there in which a guest could be used.

    :param timeout: in seconds
    :returns: for how many seconds it was waited; None if there was no answer
    """
    began = time.monotonic()
    while not _answers(address, port):
        if time.monotonic() - began > timeout:
            return None
        time.sleep(PAUSE)
    waited = time.monotonic() - began
    LOG.info('%s: SSH answered after %.1f s', address, waited)
    return waited


def _answers(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), PATIENCE) as connection:
            return connection.recv(len(_BANNER), socket.MSG_WAITALL) == _BANNER
    except OSError:
        return False


class KeptClient(ssh.Client):
    """Tempest's client, with one connection for all of its commands.

    Tempest makes one for each: in a small guest that takes more of its
    processor than most commands. One that is broken, as after a reboot, is
    made anew before the next command.
    """

    _kept: paramiko.SSHClient | None = None

    @classmethod
    def like(cls, client: ssh.Client) -> 'KeptClient':
        """One that reaches the same guest as a client of Tempest."""
        kept = cls.__new__(cls)
        kept.__dict__.update(vars(client))
        return kept

    def connect(self) -> paramiko.SSHClient:
        """A connection of its own, as a paramiko.SSHClient.

        :raises SSHTimeout: if there is none in time
        """
        return super()._get_ssh_connection()

    def close(self) -> None:
        """End the one that is kept, if there is one."""
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.close()

    def test_connection_auth(self) -> None:
        """As in the base: that works with a new connection alone."""
        self.connect().close()

    def _get_ssh_connection(self, *_: object, **__: object) -> '_Lent':
        # What exec_command() calls, and closes.
        return _Lent(self)

    def open_session(self) -> paramiko.Channel:
        """A channel of the connection that is kept, or else of a new one."""
        if self._kept is not None:
            try:
                return self._kept.get_transport().open_session(
                    timeout=self.channel_timeout
                )
            # AttributeError: without a transport, it is closed.
            except (
                paramiko.SSHException,
                EOFError,
                OSError,
                AttributeError,
            ) as error:
                LOG.debug(
                    '%s: the SSH connection is lost (%s)', self.host, error
                )
            self.close()
        self._kept = self.connect()
        return self._kept.get_transport().open_session()


class _Lent:
    """A connection, and its transport, that stay when they are closed."""

    def __init__(self, client: KeptClient) -> None:
        self.open_session = client.open_session

    def get_transport(self) -> '_Lent':
        return self

    def close(self) -> None:
        pass
