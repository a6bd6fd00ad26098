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

import collections.abc
import dataclasses
import re

from migration_tempest_plugin.hosts import ssh

_SOCKET = re.compile(
    r'^\d+ +\d+ +(?P<local>\S+) +(?P<address>\S+):(?P<port>\d+) '
    r'+users:\(\("(?P<process>[^"]+)",pid=(?P<pid>\d+)',
    re.MULTILINE,
)
_ACKED = re.compile(r'\bbytes_acked:(\d+)')
# ip -o address
_ADDRESS = re.compile(r'^\d+: +\S+ +inet6? ([0-9a-f.:]+)', re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Sent:
    """One established connection (ss(8)).

    :ivar process: the name of the one that has it
    :ivar pid: of that
    :ivar local: its end of the connection
    :ivar address, port: of its peer
    :ivar acked: bytes that have arrived there
    """

    process: str
    pid: int
    local: str
    address: str
    port: int
    acked: int


def sent(host: ssh.Host) -> list[Sent]:
    """The established TCP connections of a host, as Sent.

    :param host: the Host
    :raises HostError: if it can't be asked
    """
    return parse(host.run('ss', '-tniHp', 'state', 'established'))


def addresses(host: ssh.Host) -> frozenset[str]:
    """The addresses of a host, but those that mean itself.

    :param host: the Host
    :raises HostError: if it can't be asked
    """
    return frozenset(
        _ADDRESS.findall(
            host.run('ip', '-o', 'address', 'show', 'scope', 'global')
        )
    )


def qemu_pids(host: ssh.Host, server: str) -> frozenset[int]:
    """The processes of a host that have a server's id in their command line.

    :param host: the Host
    :raises HostError: if it can't be asked
    """
    # 1 is its word for "none".
    outcome = host.attempt('pgrep', '--full', '--', '-uuid ' + server)
    return frozenset(map(int, outcome.stdout.split()))


def parse(text: str) -> list[Sent]:
    """Read what ``ss -tniHp state established`` prints.

    A connection without a process, or of which no byte has arrived, is left
    out.
    """
    lines = text.splitlines()
    found = []
    for line, more in zip(lines, lines[1:]):
        socket, acked = _SOCKET.match(line), _ACKED.search(more)
        if socket and acked and more[:1].isspace():
            found.append(
                Sent(
                    socket['process'],
                    int(socket['pid']),
                    socket['local'],
                    _plain(socket['address']),
                    int(socket['port']),
                    int(acked[1]),
                )
            )
    return found


def _plain(address: str) -> str:
    """An address as others write it: [::ffff:192.0.2.1] is IPv4."""
    return address.strip('[]').removeprefix('::ffff:').partition('%')[0]


def grown(
    looks: collections.abc.Iterable[collections.abc.Iterable[Sent]],
    peers: collections.abc.Container[str],
) -> dict[tuple[str, int], int]:
    """What was sent over connections that were begun meanwhile.

    A migration has connections of its own. Those that were there before are
    of something else: volumes and disks in Ceph, say.

    :param looks: what sent() gave, again and again; the first look is from
        before
    :param peers: the addresses at their other ends
    :returns: bytes by (process, pid)
    """
    first, *later = [
        {
            (each.pid, each.local, each.address, each.port): each
            for each in look
        }
        for look in looks
    ]
    latest: dict[tuple[int, str, str, int], Sent] = {}
    for look in later:
        latest.update(look)
    found: dict[tuple[str, int], int] = {}
    for key, each in latest.items():
        if key not in first and each.address in peers:
            whose = each.process, each.pid
            found[whose] = found.get(whose, 0) + each.acked
    return found
