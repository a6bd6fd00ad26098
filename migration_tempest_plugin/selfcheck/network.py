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
"""A client, a router and a server, in network namespaces of their own.

Outages of known length are made by the router, which does not forward for a
while. The namespaces have no name and no file: they end with the processes
that hold them, and these with the one that made them.
"""

import contextlib
import ctypes
import dataclasses
import os
import shutil
import subprocess
import time

import fixtures

_CLONE_NEWNET = 0x40000000
_TOOLS = ('unshare', 'nsenter', 'ip')

#: Script of a process that holds namespaces: it says that it is there, and
#: ends with whoever holds the other end of its standard input.
HOLD = 'echo; read -r _'

SERVER = '10.77.2.2'
SERVER6 = 'fd00:77:2::2'
NOBODY = '10.77.2.9'

#: The well-known one, which is the server's after add_metadata_address().
METADATA = '169.254.169.254'


def missing(*tools):
    """Why these namespaces can't be made here, or None if they can.

    :param tools: programs that are needed, too
    """
    if os.geteuid() != 0:
        return 'network namespaces take root'
    lacking = [tool for tool in _TOOLS + tools if not shutil.which(tool)]
    if lacking:
        return 'not installed: ' + ', '.join(lacking)
    return None


@dataclasses.dataclass
class Injected:
    """An outage that was made.

    Turning it on and off takes a moment each. It began between began and
    has_begun, and ended between ends and has_ended: seconds of one clock.
    """

    began: float = 0.0
    has_begun: float = 0.0
    ends: float = 0.0
    has_ended: float = 0.0

    @property
    def lower(self):
        """How long it was at the least, in seconds."""
        return self.ends - self.has_begun

    @property
    def upper(self):
        """How long it was at the most, in seconds."""
        return self.has_ended - self.began


@contextlib.contextmanager
def inject(begin, end, clock=time.monotonic):
    """Have an outage as long as the body runs; yields an Injected.

    :param begin, end: functions that turn it on and off
    :param clock: its times are of this one
    """
    injected = Injected(began=clock())
    begin()
    injected.has_begun = clock()
    yield injected
    injected.ends = clock()
    end()
    injected.has_ended = clock()


def enter(descriptor):
    """Put this thread into a network namespace, an open file of /proc."""
    # os.setns() came with Python 3.12.
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), 'setns')


class _Switch(fixtures.Fixture):
    """A file of /proc/sys of the network in which it is set up.

    Writing it takes effect at once, which a program like nft does not.
    """

    def __init__(self, path):
        self._path = path

    def _setUp(self):
        self._file = os.open(self._path, os.O_WRONLY)
        self.addCleanup(os.close, self._file)

    def set(self, value):
        os.pwrite(self._file, value.encode(), 0)


class Network(fixtures.Fixture):
    """client - router - server, with IPv4 and IPv6."""

    def _setUp(self):
        self._router = self._namespace()
        self._client = self._namespace()
        self._server = self._namespace()
        self._link(self._client, 'eth0', 'client', 1)
        self._link(self._server, 'eth0', 'server', 2)
        with self._inside(self._router):
            self._forwarding = [
                self.useFixture(_Switch('/proc/sys/net/' + name))
                for name in ('ipv4/ip_forward', 'ipv6/conf/all/forwarding')
            ]
        self._forward('1')

    def _forward(self, value):
        for switch in self._forwarding:
            switch.set(value)

    def _namespace(self):
        holder = subprocess.Popen(
            ['unshare', '--net', 'sh', '-c', HOLD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.addCleanup(holder.stdout.close)
        self.addCleanup(holder.wait)
        self.addCleanup(holder.stdin.close)
        holder.stdout.readline()
        return holder.pid

    def _link(self, host, card, name, number):
        """Connect a host to the router, which is .1 of each network."""
        batch = '\n'.join(
            [
                'link set lo up',
                (
                    f'link add {card} type veth peer name {name} '
                    f'netns {self._router}'
                ),
                f'address add 10.77.{number}.2/24 dev {card}',
                f'address add fd00:77:{number}::2/64 dev {card} nodad',
                f'link set {card} up',
            ]
        )
        self._run(host, 'ip', '-batch', '-', input=batch)
        batch = '\n'.join(
            [
                f'address add 10.77.{number}.1/24 dev {name}',
                f'address add fd00:77:{number}::1/64 dev {name} nodad',
                f'link set {name} up',
            ]
        )
        self._run(self._router, 'ip', '-batch', '-', input=batch)
        batch = '\n'.join(
            [
                f'route add default via 10.77.{number}.1',
                f'route add default via fd00:77:{number}::1',
            ]
        )
        self._run(host, 'ip', '-batch', '-', input=batch)

    def client(self):
        """Let this thread, and what it starts, be in the client's network."""
        return self._inside(self._client)

    def server(self):
        """The same, for the server's network."""
        return self._inside(self._server)

    @contextlib.contextmanager
    def _inside(self, pid):
        with open('/proc/thread-self/ns/net') as own:
            with open(f'/proc/{pid}/ns/net') as namespace:
                enter(namespace.fileno())
            try:
                yield
            finally:
                enter(own.fileno())

    def add_servers(self, number):
        """Give the server more addresses; returns them."""
        addresses = [f'10.77.2.{each}' for each in range(10, 10 + number)]
        self._run(
            self._server,
            'ip',
            '-batch',
            '-',
            input='\n'.join(
                f'address add {address}/24 dev eth0' for address in addresses
            ),
        )
        return addresses

    def add_metadata_address(self):
        """Let the server have the address of the metadata service."""
        self._run(
            self._server,
            'ip',
            'address',
            'add',
            METADATA + '/32',
            'dev',
            'eth0',
        )
        self._run(self._router, 'ip', 'route', 'add', METADATA, 'via', SERVER)

    def cut(self, verdict=None):
        """The router forwards nothing from now on.

        :param verdict: what nft(8) should do with the packets, instead of
            dropping them without a word
        """
        if verdict is None:
            self._forward('0')
            return
        self._run(
            self._router,
            'nft',
            'table inet cut { chain forward { '
            f'type filter hook forward priority 0; {verdict}; }}; }}',
        )

    def mend(self, verdict=None):
        """The router forwards again; the verdict is that of cut()."""
        if verdict is None:
            self._forward('1')
            return
        self._run(self._router, 'nft', 'delete table inet cut')

    def hold(self):
        """The router keeps what it should forward to the server.

        It looks for the server's address again and again, once a second, and
        finds it after let_go().
        """
        self._run(
            self._router,
            'nft',
            'table arp hold { chain input { '
            'type filter hook input priority 0; drop; }; }',
        )
        self._run(self._router, 'ip', 'neighbour', 'flush', 'dev', 'server')

    def let_go(self):
        """The router delivers what it kept."""
        self._run(self._router, 'nft', 'delete table arp hold')

    @contextlib.contextmanager
    def client_cut_off(self):
        """Nothing reaches the client as long as the body runs."""
        self._run(
            self._client,
            'nft',
            'table inet cut { chain input { '
            'type filter hook input priority 0; drop; }; }',
        )
        try:
            yield
        finally:
            self._run(self._client, 'nft', 'delete table inet cut')

    def outage(self, verdict=None):
        """Cut the network as long as the body runs; yields an Injected."""
        return inject(lambda: self.cut(verdict), lambda: self.mend(verdict))

    @staticmethod
    def _run(pid, *command, input=None):
        subprocess.run(
            ['nsenter', '--net', f'--target={pid}', *command],
            check=True,
            input=input,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
