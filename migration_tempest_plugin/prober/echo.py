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
"""Sockets that send ICMP echo requests and take the replies (RFC 792, 4443).

The kernel says when a reply came (SO_TIMESTAMPNS): reading it late does not
change that.
"""

import collections.abc
import ctypes
import errno
import os
import socket
import struct
import time

# Python's socket module knows these numbers for some architectures' kernels
# only; they are those of asm-generic/socket.h.
SO_ATTACH_FILTER = 26
SO_TIMESTAMPNS = 35
SO_MEMINFO = 55
#: Which of the numbers of SO_MEMINFO counts dropped packets
#: (linux/sock_diag.h, SK_MEMINFO_DROPS).
MEMINFO_DROPS = 8

#: Bytes that the socket's queues should hold: what comes in while the process
#: is not scheduled, and what neighbours that don't answer keep waiting.
BUFFER = 4 << 20

#: By how much a clock may be slewed in a second, with a margin (adjtimex(2):
#: 500 ppm), and the nanoseconds that reading two clocks may be apart.
SLEW = 1e-3
APART = 200_000

#: What a socket sends to, as getaddrinfo(3) gives it.
Address = tuple[str, int] | tuple[str, int, int, int]

_HEADER = struct.Struct('!BBHHH')
_PAYLOAD = struct.Struct('!QIQ')
_WORDS = struct.Struct('!14H')
_STAMP = struct.Struct('@qq')


class Forbidden(Exception):
    """No socket for ICMP may be opened here."""


class EchoSocket:
    """Sends requests to, and takes replies of, one family of addresses.

    :param family: socket.AF_INET or socket.AF_INET6
    :param buffer: bytes of the receive queue
    :ivar method: which kind of socket it is
    :raises Forbidden: if neither kind is allowed
    """

    def __init__(self, family: int, buffer: int = BUFFER) -> None:
        self._family = family
        self._ipv4 = family == socket.AF_INET
        self._request, self._reply = (8, 0) if self._ipv4 else (128, 129)
        # A reply is ours if it brings this back.
        self._token = int.from_bytes(os.urandom(8), 'big')
        self._identifier = int.from_bytes(os.urandom(2), 'big')
        self._sequence = 0
        # the address of each target, as bytes
        self._asked: dict[int, bytes] = {}
        self._socket, self.method = self._open()
        self._has_ip_header = self._ipv4 and self.method == 'raw socket'
        wall, self._offset_time = _clocks()
        self._offset = wall - self._offset_time
        self._prepare(buffer)

    def _open(self) -> tuple[socket.socket, str]:
        """The unprivileged kind first: the kernel sorts out its replies."""
        protocol = socket.IPPROTO_ICMP if self._ipv4 else socket.IPPROTO_ICMPV6
        reasons = []
        for kind, method in (
            (socket.SOCK_DGRAM, 'ICMP datagram socket'),
            (socket.SOCK_RAW, 'raw socket'),
        ):
            try:
                return socket.socket(self._family, kind, protocol), method
            except OSError as error:
                reasons.append(f'{method}: {error.strerror}')
        raise Forbidden('; '.join(reasons))

    def _prepare(self, buffer: int) -> None:
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        for option, size in (
            (socket.SO_RCVBUF, buffer),
            (socket.SO_SNDBUF, BUFFER),
        ):
            self._socket.setsockopt(socket.SOL_SOCKET, option, size)
        if self.method == 'raw socket':
            self._attach_filter()

    def _attach_filter(self) -> None:
        """Let the kernel sort out the replies to others.

        A program for the kernel's packet filter (linux/filter.h): keep what
        has the identifier and the type of our replies.
        """
        load_half, load_byte = (
            (0x48, 0x50) if self._has_ip_header else (0x28, 0x30)
        )
        program = [(0xB1, 0, 0, 0)] if self._has_ip_header else []
        program += [
            (load_half, 0, 0, 4),
            (0x15, 0, 3, self._identifier),
            (load_byte, 0, 0, 0),
            (0x15, 0, 1, self._reply),
            (0x06, 0, 0, 0xFFFF),
            (0x06, 0, 0, 0),
        ]
        code = b''.join(struct.pack('@HBBI', *each) for each in program)
        kept = ctypes.create_string_buffer(code)
        self._socket.setsockopt(
            socket.SOL_SOCKET,
            SO_ATTACH_FILTER,
            struct.pack('@HP', len(program), ctypes.addressof(kept)),
        )

    def send(self, target: int, address: Address) -> tuple[int, int]:
        """Send one request.

        :param target: a number, which comes back with the reply
        :returns: when it was sent at the earliest and at the latest
        :raises OSError: if it can't be sent
        """
        self._sequence = (self._sequence + 1) & 0xFFFF
        start = time.monotonic_ns()
        payload = _PAYLOAD.pack(self._token, target, start)
        packet = (
            _HEADER.pack(self._request, 0, 0, self._identifier, self._sequence)
            + payload
        )
        if self._ipv4:
            packet = _with_checksum(packet)
        if target not in self._asked:
            self._asked[target] = self._packed(address)
        self._socket.sendto(packet, address)
        return start, time.monotonic_ns()

    def receive(self) -> list[tuple[int, int, int | None]]:
        """Take all replies that have come.

        :returns: a list of (target, when the request was sent, when the
            reply came); the last is None where the clock of the kernel's
            stamps was set in between
        """
        before = self._clock_was_set()
        replies = list(self._read())
        was_set = self._clock_was_set() or before
        now = time.monotonic_ns()
        return [
            (
                target,
                start,
                None
                if was_set or stamp is None
                else min(max(start, stamp - self._offset), now),
            )
            for target, start, stamp in replies
        ]

    def _read(self) -> collections.abc.Iterator[tuple[int, int, int | None]]:
        while True:
            try:
                packet, ancillary, _, sender = self._socket.recvmsg(256, 64)
            except BlockingIOError:
                return
            except OSError as error:
                # An ICMP error that came back is reported by the next call.
                if error.errno in (errno.EBADF, errno.ENOTSOCK):
                    raise
                continue
            if self._has_ip_header:
                packet = packet[(packet[0] & 0xF) * 4 :]
            if (
                len(packet) != _HEADER.size + _PAYLOAD.size
                or packet[0] != self._reply
            ):
                continue
            # Of such a socket, the kernel has not checked it.
            if self._has_ip_header and _sum(packet) != 0xFFFF:
                continue
            token, target, start = _PAYLOAD.unpack_from(packet, _HEADER.size)
            if token == self._token and self._asked.get(
                target
            ) == self._packed(sender):
                yield target, start, _stamp(ancillary)

    def _packed(self, address: Address) -> bytes:
        """An address as the bytes that it is, however it is written."""
        return socket.inet_pton(self._family, address[0].partition('%')[0])

    def _clock_was_set(self) -> bool:
        """Whether the wall clock was set since this was asked last.

        The kernel stamps with the wall clock; in all other cases its stamps
        can be translated.
        """
        wall, now = _clocks()
        offset = wall - now
        allowed = APART + (now - self._offset_time) * SLEW
        known, self._offset = self._offset, offset
        self._offset_time = now
        return abs(offset - known) > allowed

    def drops(self) -> int:
        """How many packets the kernel could not queue, up to now."""
        numbers = self._socket.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, 64)
        drops: int = struct.unpack_from('@I', numbers, 4 * MEMINFO_DROPS)[0]
        return drops


def _clocks() -> tuple[int, int]:
    """The wall clock and the monotonic one, read as one."""
    for _ in range(5):
        before = time.monotonic_ns()
        wall = time.clock_gettime_ns(time.CLOCK_REALTIME)
        now = time.monotonic_ns()
        if now - before < APART / 4:
            break
    return wall, now


def _with_checksum(packet: bytes) -> bytes:
    """Fill in the checksum (RFC 1071), where there are zeros."""
    return packet[:2] + struct.pack('!H', ~_sum(packet) & 0xFFFF) + packet[4:]


def _sum(packet: bytes) -> int:
    """The sum of its words, as ones' complement: 0xffff if all is right."""
    total: int = sum(_WORDS.unpack(packet))
    total = (total >> 16) + (total & 0xFFFF)
    return (total + (total >> 16)) & 0xFFFF


def _stamp(ancillary: list[tuple[int, int, bytes]]) -> int | None:
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            seconds: int
            nanoseconds: int
            seconds, nanoseconds = _STAMP.unpack(data)
            return seconds * 1_000_000_000 + nanoseconds
    return None
