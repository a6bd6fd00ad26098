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
"""Which process of a host has sent how much over which TCP connection."""

import dataclasses
import re

_SOCKET = re.compile(
    r'^\d+ +\d+ +\S+ +(?P<address>\S+):(?P<port>\d+) '
    r'+users:\(\("(?P<process>[^"]+)"', re.MULTILINE)
_ACKED = re.compile(r'\bbytes_acked:(\d+)')


@dataclasses.dataclass(frozen=True)
class Sent:
    """One established connection (ss(8)).

    :ivar process: the name of the one that has it
    :ivar address, port: of its peer
    :ivar acked: bytes that have arrived there
    """

    process: str
    address: str
    port: int
    acked: int


def sent(host):
    """The established TCP connections of a host, as Sent.

    :param host: the Host
    :raises HostError: if it can't be asked
    """
    return parse(host.run('ss', '-tniHp', 'state', 'established'))


def parse(text):
    """Read what ``ss -tniHp state established`` prints.

    A connection without a process, or of which no byte has arrived, is left
    out.
    """
    lines = text.splitlines()
    found = []
    for line, more in zip(lines, lines[1:]):
        socket, acked = _SOCKET.match(line), _ACKED.search(more)
        if socket and acked and more[:1].isspace():
            found.append(Sent(socket['process'], socket['address'],
                              int(socket['port']), int(acked[1])))
    return found
