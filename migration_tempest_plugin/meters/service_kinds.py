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
"""What is asked of a service: a connection, a page, the address of a name.

Each has ``what`` (the word in records), ``place`` (its host and port),
``method`` (for people), and ``ask()``, which returns where the answer is a
good one.
"""

import collections.abc
import contextlib
import dataclasses
import errno
import functools
import http.client
import os
import select
import socket
import ssl
import struct
import time
import typing

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype

from migration_tempest_plugin import measurement
from migration_tempest_plugin.meters import service_attempt

#: A socket's address: of IPv4 or IPv6.
Address: typing.TypeAlias = tuple[str, int] | tuple[str, int, int, int]

#: HTTP's status, from its least to its greatest.
Statuses: typing.TypeAlias = collections.abc.Sequence[tuple[int, int]]

#: Where struct tcp_info (linux/tcp.h) has tcpi_total_retrans.
_RETRANSMITTED = struct.Struct('100x I')

#: Where it has tcpi_last_ack_recv: how many milliseconds ago that was.
_ACKNOWLEDGED = struct.Struct('56x I')

#: Milliseconds of a tick of the slowest clock that Linux has.
_TICK = 10

#: So many keepalives without an answer end a connection: the most there are.
_KEEPALIVES = 127

#: Seconds from one look for an acknowledgement to the next.
_LOOK = 0.02

#: How it is said that a connection was lost that had been kept.
LOST = 'the connection was lost'

#: Bytes of a page that are read at a time.
_CHUNK = 1 << 16

_USER_AGENT = 'migration-tempest-plugin'
_NO_HEADERS: collections.abc.Mapping[str, str] = {}


class Failed(Exception):
    """The answer is not a good one; its text says why, for people."""


class _Asked:
    """What all have that can be asked.

    :cvar what: the word for it in records
    :cvar method: how it is asked, for people
    :cvar probing: how its probes depend on each other
    :cvar pause: seconds within which it is asked, after a probe began
    """

    what: typing.ClassVar[str]
    method: typing.ClassVar[str]
    probing: typing.ClassVar = measurement.Probing.INDEPENDENT
    pause: typing.ClassVar[float] = 0.0

    def close(self) -> None:
        """Nobody will ask any more."""


@dataclasses.dataclass(frozen=True)
class Connect(_Asked):
    """Accepts a TCP connection, which is closed at once.

    :ivar place: its host, an address or a name, and its port
    """

    place: tuple[str, int]
    what = 'connect'
    method = 'new connections'

    def ask(self, address: Address, attempt: service_attempt.Attempt) -> None:
        """See the module."""
        _connected(address, attempt).close()


@dataclasses.dataclass(frozen=True)
class Http(_Asked):
    """Answers a request for a page, with one of some statuses.

    Each request is on a new connection. A redirection is an answer by itself,
    and is not followed.

    :ivar place: its host, an address or a name, and its port
    :ivar path: the page, with its query
    :ivar secure: it is asked by HTTPS
    :ivar check: its certificate must be valid: for the host, and signed by
        an authority that this machine trusts
    :ivar statuses: those that are good
    """

    place: tuple[str, int]
    path: str = '/'
    secure: bool = False
    check: bool = True
    statuses: Statuses = ((200, 399),)
    what = 'http'
    method = 'new connections'

    def ask(self, address: Address, attempt: service_attempt.Attempt) -> None:
        """See the module."""
        with contextlib.closing(
            self.connected(address, attempt)
        ) as connection:
            self.request(connection, attempt, {'Connection': 'close'})

    def connected(
        self, address: Address, attempt: service_attempt.Attempt
    ) -> http.client.HTTPConnection:
        """A connection that can be asked; whoever calls this closes it."""
        connection = (
            http.client.HTTPSConnection(*self.place, context=self._context)
            if self.secure
            else http.client.HTTPConnection(*self.place)
        )
        sock = _connected(address, attempt)
        # It would open one itself, and not say when.
        connection.sock = self._by_tls(sock, attempt) if self.secure else sock
        return connection

    def _by_tls(
        self, sock: socket.socket, attempt: service_attempt.Attempt
    ) -> ssl.SSLSocket:
        attempt.stage = 'no TLS session'
        with sock:  # there is nothing to close once it is wrapped
            sock.settimeout(attempt.remaining())
            return self._context.wrap_socket(
                sock, server_hostname=self.place[0]
            )

    def request(
        self,
        connection: http.client.HTTPConnection,
        attempt: service_attempt.Attempt,
        headers: collections.abc.Mapping[str, str] = _NO_HEADERS,
    ) -> None:
        """Ask over a connection; its whole answer is read."""
        attempt.stage = 'no answer'
        connection.sock.settimeout(attempt.remaining())
        connection.request(
            'GET', self.path, headers={'User-Agent': _USER_AGENT, **headers}
        )
        with contextlib.closing(connection.getresponse()) as response:
            # It ends this loop even if bytes come one by one.
            while attempt.remaining() and response.read(_CHUNK):
                pass
            if response.length:
                raise http.client.IncompleteRead(b'', response.length)
        self._check(response)

    def _check(self, response: http.client.HTTPResponse) -> None:
        if not any(
            least <= response.status <= most for least, most in self.statuses
        ):
            # Not what the server calls it, which may be anything.
            name = http.client.responses.get(response.status, '')
            raise Failed(f'HTTP {response.status} {name}'.strip())

    @functools.cached_property
    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if not self.check:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


class Kept(_Asked):
    """Answers requests that come over one connection, which is kept.

    One that is lost is opened anew for the next probe. One that the service
    itself announces to close is not lost.

    :param page: the Http that is asked
    """

    what = 'kept'
    method = 'one connection'
    # A connection has one request at a time.
    probing = measurement.Probing.SEQUENTIAL

    def __init__(self, page: Http) -> None:
        self.page = page
        self.place = page.place
        self._connection: http.client.HTTPConnection | None = None

    def ask(self, address: Address, attempt: service_attempt.Attempt) -> None:
        """See the module."""
        kept = self._connection
        try:
            if kept is None:
                self._connection = self.page.connected(address, attempt)
            else:
                with attempt.sending():
                    pass
            self._request(attempt)
        except Failed:
            raise  # an answer, for all that
        except FAILURES as error:
            self.close()
            if kept is None:
                raise
            raise Failed(f'{LOST}: {reason(error, attempt)}') from error

    def _request(self, attempt: service_attempt.Attempt) -> None:
        assert self._connection is not None
        try:
            self.page.request(self._connection, attempt)
        finally:
            if self._connection.sock is None:  # as the answer announced
                self._connection = None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class KeptTcp(_Asked):
    """Answers the kernel's keepalives over one connection, which is kept.

    Nothing is said over it: where a service sends something, that is left out.
    The kernel asks when a second has gone by without an answer, so a probe
    waits for up to that, and how long its answer took is not known. One that
    is lost is opened anew for the next probe.

    :param place: its host, an address or a name, and its port
    """

    what = 'kept'
    method = 'one connection, by keepalives'
    probing = measurement.Probing.SEQUENTIAL
    pause = 1.0

    def __init__(self, place: tuple[str, int]) -> None:
        self.place = place
        self._connection: socket.socket | None = None

    def ask(self, address: Address, attempt: service_attempt.Attempt) -> None:
        """See the module."""
        if self._connection is None:
            self._connection = _connected(address, attempt)
            _keep_alive(self._connection)
            return
        with attempt.sending():
            pass
        attempt.later = self.pause
        attempt.stage = 'no answer to a keepalive'
        try:
            while not _acknowledged(self._connection, attempt.start or 0.0):
                self._discard(min(_LOOK, attempt.remaining()))
        except FAILURES as error:
            if isinstance(error, TimeoutError) and error.errno is None:
                raise  # it may come back
            self.close()
            raise Failed(f'{LOST}: {reason(error, attempt)}') from error

    def _discard(self, seconds: float) -> None:
        """What comes within so many seconds; an error if it is lost."""
        assert self._connection is not None
        poll = select.poll()
        poll.register(self._connection, select.POLLIN)
        if poll.poll(1000 * seconds) and not self._connection.recv(_CHUNK):
            raise Failed('the service closed it')

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@dataclasses.dataclass(frozen=True)
class Dns(_Asked):
    """Knows the IPv4 address of a name, by UDP.

    :ivar place: the server's host, an address or a name, and its port
    :ivar name: the name
    """

    place: tuple[str, int]
    name: str
    what = 'dns'
    method = 'queries by UDP'

    def ask(self, address: Address, attempt: service_attempt.Attempt) -> None:
        """See the module."""
        query = dns.message.make_query(self.name, dns.rdatatype.A)
        data = query.to_wire()
        with socket.socket(_family(address), socket.SOCK_DGRAM) as sock:
            # Then it hears of a port that nobody listens at.
            sock.connect(address)
            with attempt.sending():
                sock.send(data)
            attempt.stage = 'no answer'
            while True:
                sock.settimeout(attempt.remaining())
                answer = dns.message.from_wire(sock.recv(1 << 16))
                if query.is_response(answer):
                    break
        self._check(answer)

    def _check(self, answer: dns.message.Message) -> None:
        code = answer.rcode()
        if code != dns.rcode.NOERROR:
            raise Failed(dns.rcode.to_text(code))
        if answer.flags & dns.flags.TC:
            return  # it is too long for UDP, so there is one
        if not any(found.rdtype == dns.rdatatype.A for found in answer.answer):
            raise Failed('the answer has no IPv4 address')


#: What can be asked of a service.
Service: typing.TypeAlias = Connect | Http | Kept | KeptTcp | Dns

#: The word of each of them.
KINDS = tuple(each.what for each in (Connect, Http, Kept, Dns))

#: What ask() raises where the answer is not a good one, or none came.
FAILURES = (
    Failed,
    OSError,
    http.client.HTTPException,
    dns.exception.DNSException,
)


def reason(error: Exception, attempt: service_attempt.Attempt) -> str:
    """Why a probe failed, by one of FAILURES, for people."""
    match error:
        case TimeoutError():
            return f'{attempt.stage} within {attempt.deadline:g} s'
        case ConnectionRefusedError():
            return 'connection refused'
        case http.client.RemoteDisconnected():
            return 'the connection was closed without an answer'
        case ConnectionResetError() | BrokenPipeError():
            return 'the connection was reset'
        case ssl.SSLCertVerificationError():
            return f'certificate: {error.verify_message}'
        case ssl.SSLError():
            return f'TLS: {error.reason or error}'
        case OSError():
            return error.strerror or str(error)
        case http.client.IncompleteRead():
            return 'the answer ended in the middle'
        case http.client.HTTPException():
            return f'no HTTP came: {type(error).__name__}'
        case dns.exception.DNSException():
            return f'no DNS came: {type(error).__name__}'
    return str(error)


def _connected(
    address: Address, attempt: service_attempt.Attempt
) -> socket.socket:
    """A new TCP connection, if its very first packet was answered.

    The kernel sends a packet that was lost once more, after a second at
    first. So a service would seem to be up that was down for less than that:
    what became of the first packet counts.
    """
    with contextlib.ExitStack() as stack:
        sock = stack.enter_context(
            socket.socket(_family(address), socket.SOCK_STREAM)
        )
        sock.setblocking(False)
        attempt.stage = 'no connection'
        with attempt.sending():
            _raise(sock.connect_ex(address), errno.EINPROGRESS)
        poll = select.poll()
        poll.register(sock, select.POLLOUT)
        if not poll.poll(1000 * attempt.remaining()):
            raise TimeoutError
        _raise(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
        if _retransmitted(sock):
            raise Failed('the first packet was lost')
        stack.pop_all()
        return sock


def _keep_alive(sock: socket.socket) -> None:
    """Have the kernel ask each second, and never give up by itself soon."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, number in (
        (socket.TCP_KEEPIDLE, 1),
        (socket.TCP_KEEPINTVL, 1),
        (socket.TCP_KEEPCNT, _KEEPALIVES),
    ):
        sock.setsockopt(socket.IPPROTO_TCP, option, number)


def _acknowledged(sock: socket.socket, since: float) -> bool:
    """Whether the other end has acknowledged something since a moment."""
    [ago] = _ACKNOWLEDGED.unpack(
        sock.getsockopt(
            socket.IPPROTO_TCP, socket.TCP_INFO, _ACKNOWLEDGED.size
        )
    )
    assert isinstance(ago, int)
    # It is known to a tick of the kernel, by which it may seem later.
    return time.monotonic() - (ago + _TICK) / 1000 >= since


def _retransmitted(sock: socket.socket) -> int:
    """How many packets of a connection the kernel has sent once more."""
    [number] = _RETRANSMITTED.unpack(
        sock.getsockopt(
            socket.IPPROTO_TCP, socket.TCP_INFO, _RETRANSMITTED.size
        )
    )
    assert isinstance(number, int)
    return number


def _raise(number: int, *others: int) -> None:
    """Raise the OSError of an error number; others are none."""
    if number and number not in others:
        raise OSError(number, os.strerror(number))


def _family(address: Address) -> socket.AddressFamily:
    return socket.AF_INET if len(address) == 2 else socket.AF_INET6
