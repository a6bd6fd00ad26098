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

Outages of known length are made by the router, which drops what it should
forward. The namespaces have no name and no file: they end with the processes
that hold them.
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
_TOOLS = ('unshare', 'nsenter', 'ip', 'nft', 'ping')

SERVER = '10.77.2.2'
SERVER6 = 'fd00:77:2::2'
NOBODY = '10.77.2.99'


def missing():
    """Why these namespaces can't be made here, or None if they can."""
    if os.geteuid() != 0:
        return 'network namespaces take root'
    lacking = [tool for tool in _TOOLS if not shutil.which(tool)]
    if lacking:
        return 'not installed: ' + ', '.join(lacking)
    return None


@dataclasses.dataclass
class Injected:
    """An outage that was made.

    Turning it on and off takes some milliseconds each: what is known of its
    length are these bounds, in seconds.
    """

    lower: float = 0.0
    upper: float = 0.0


class Network(fixtures.Fixture):
    """client - router - server, with IPv4 and IPv6."""

    def _setUp(self):
        self._router = self._namespace()
        self._client = self._namespace()
        self._server = self._namespace()
        self._link(self._client, 'eth0', 'client', 1)
        self._link(self._server, 'eth0', 'server', 2)
        self._run(self._router, 'sh', '-c',
                  'echo 1 > /proc/sys/net/ipv4/ip_forward && '
                  'echo 1 > /proc/sys/net/ipv6/conf/all/forwarding')

    def _namespace(self):
        holder = subprocess.Popen(
            ['unshare', '--net', 'sh', '-c', 'echo; exec sleep infinity'],
            stdout=subprocess.PIPE)
        self.addCleanup(holder.stdout.close)
        self.addCleanup(holder.wait)
        self.addCleanup(holder.kill)
        holder.stdout.readline()
        return holder.pid

    def _link(self, host, card, name, number):
        """Connect a host to the router, which is .1 of each network."""
        batch = '\n'.join([
            'link set lo up',
            f'link add {card} type veth peer name {name} '
            f'netns {self._router}',
            f'address add 10.77.{number}.2/24 dev {card}',
            f'address add fd00:77:{number}::2/64 dev {card} nodad',
            f'link set {card} up'])
        self._run(host, 'ip', '-batch', '-', input=batch)
        batch = '\n'.join([
            f'address add 10.77.{number}.1/24 dev {name}',
            f'address add fd00:77:{number}::1/64 dev {name} nodad',
            f'link set {name} up'])
        self._run(self._router, 'ip', '-batch', '-', input=batch)
        batch = '\n'.join([
            f'route add default via 10.77.{number}.1',
            f'route add default via fd00:77:{number}::1'])
        self._run(host, 'ip', '-batch', '-', input=batch)

    @contextlib.contextmanager
    def client(self):
        """Let this thread, and what it starts, be in the client's network."""
        libc = ctypes.CDLL(None, use_errno=True)

        def enter(path):
            with open(path) as namespace:
                if libc.setns(namespace.fileno(), _CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), 'setns')

        with open('/proc/thread-self/ns/net') as own:
            enter('/proc/%d/ns/net' % self._client)
            try:
                yield
            finally:
                if libc.setns(own.fileno(), _CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), 'setns')

    def cut(self, verdict='drop'):
        """The router forwards nothing from now on, but does as nft says."""
        self._run(self._router, 'nft', 'table inet cut { chain forward { '
                  'type filter hook forward priority 0; %s; }; }' % verdict)

    def mend(self):
        """The router forwards again."""
        self._run(self._router, 'nft', 'delete table inet cut')

    @contextlib.contextmanager
    def outage(self, verdict='drop'):
        """Cut the network as long as the body runs; yields an Injected."""
        injected = Injected()
        before_cut = time.monotonic()
        self.cut(verdict)
        after_cut = time.monotonic()
        yield injected
        before_mend = time.monotonic()
        self.mend()
        injected.lower = before_mend - after_cut
        injected.upper = time.monotonic() - before_cut

    @staticmethod
    def _run(pid, *command, input=None):
        subprocess.run(
            ['nsenter', '--net', '--target=%d' % pid, *command], check=True,
            input=input, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
