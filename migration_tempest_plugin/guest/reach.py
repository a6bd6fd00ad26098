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
"""Waits until the SSH server of a guest answers."""

import socket
import time

from oslo_log import log

LOG = log.getLogger(__name__)

#: Seconds between two attempts, and within which one must be answered.
PAUSE = 0.2
PATIENCE = 1.0

_BANNER = b'SSH-'  # RFC 4253, 4.2


def wait_for_ssh(address, timeout, port=22):
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


def _answers(address, port):
    try:
        with socket.create_connection((address, port),
                                      PATIENCE) as connection:
            return connection.recv(len(_BANNER),
                                   socket.MSG_WAITALL) == _BANNER
    except OSError:
        return False
