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
"""Answers pings after a known delay, in place of the kernel.

Where the kernel has no netem, this is what makes a way slow.
"""

import heapq
import os
import select
import socket
import struct
import threading
import time

import fixtures

_IGNORE = '/proc/sys/net/ipv4/icmp_echo_ignore_all'
_REQUEST, _REPLY = 8, 0
_TIMESTAMPS = 35  # SO_TIMESTAMPNS of Linux


class SlowEcho(fixtures.Fixture):
    """Answers for the host of the network that it is set up in.

    :ivar delay: for how many seconds an answer is held from now on
    :ivar held: for how many seconds each was at least and at most, in the
        order of the answers
    """

    def __init__(self, delay):
        self.delay = delay
        self.held = []
        self._due = []  # heap of (when, when it came, address, request)

    def _setUp(self):
        # Of this network, wherever the thread is that writes it later.
        switch = os.open(_IGNORE, os.O_WRONLY)
        self.addCleanup(os.close, switch)
        self._socket = socket.socket(
            socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP
        )
        self.addCleanup(self._socket.close)
        # When a request came, the kernel says: this thread may be late.
        self._socket.setsockopt(socket.SOL_SOCKET, _TIMESTAMPS, 1)
        self._end, self._over = os.pipe()
        self.addCleanup(os.close, self._end)
        os.pwrite(switch, b'1', 0)
        self.addCleanup(os.pwrite, switch, b'0', 0)
        thread = threading.Thread(target=self._answer, daemon=True)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(os.close, self._over)

    def _answer(self):
        while True:
            pause = (
                max(0.0, self._due[0][0] - time.monotonic())
                if self._due
                else None
            )
            ready, _, _ = select.select(
                [self._socket, self._end], [], [], pause
            )
            if self._end in ready:
                return
            if self._socket in ready:
                self._take()
            while self._due and self._due[0][0] <= time.monotonic():
                self._reply(*heapq.heappop(self._due)[1:])

    def _take(self):
        packet, ancillary, _, address = self._socket.recvmsg(1 << 16, 64)
        [(_, _, stamp)] = ancillary
        seconds, nanoseconds = struct.unpack('qq', stamp)
        came = time.monotonic() - (time.time() - seconds - nanoseconds / 1e9)
        request = packet[(packet[0] & 15) * 4 :]
        if request[0] == _REQUEST:
            heapq.heappush(
                self._due, (came + self.delay, came, address, request)
            )

    def _reply(self, came, address, request):
        reply = struct.pack('!BBH', _REPLY, 0, 0) + request[4:]
        reply = reply[:2] + _checksum(reply) + reply[4:]
        sends = time.monotonic()
        self._socket.sendto(reply, address)
        self.held.append((sends - came, time.monotonic() - came))


def _checksum(data):
    """That of the Internet (RFC 1071)."""
    if len(data) % 2:
        data += b'\0'
    total = sum(struct.unpack(f'!{len(data) // 2}H', data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack('!H', ~total & 0xFFFF)
