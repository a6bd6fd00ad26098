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
"""Services that answer in a network namespace, and how a test may have them.

Each answers in threads of its own, in the network in which it was set up.
"""

import contextlib
import datetime
import http.server
import ipaddress
import pathlib
import socket
import ssl
import threading

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization
from cryptography import x509
import dns.message
import dns.rcode
import dns.rrset
import fixtures


class Tcp(fixtures.Fixture):
    """Accepts connections.

    :param address: its address
    :param keeps: whether it keeps them; else each is closed at once
    :ivar port: a free one, which it keeps
    :ivar connections: those that it keeps
    """

    def __init__(self, address, keeps=False):
        self._address = address
        self._keeps = keeps
        self.port = 0
        self.connections = []
        self._changed = threading.Condition()
        self._server = None

    def _setUp(self):
        self.start()
        self.addCleanup(self._close)
        self.addCleanup(self.stop)

    def _close(self):
        for each in self.connections:
            each.close()

    def await_connections(self, number, timeout):
        """Wait until it has accepted so many."""
        with self._changed:
            if not self._changed.wait_for(
                lambda: len(self.connections) >= number, timeout
            ):
                raise AssertionError(f'only {len(self.connections)} came')

    def start(self):
        self._server = _listening(self._address, self.port)
        self.port = self._server.getsockname()[1]
        self._thread = threading.Thread(
            target=self._accept, args=(self._server,)
        )
        self._thread.start()

    def stop(self):
        """Refuse connections from now on."""
        if self._server:
            self._server.shutdown(socket.SHUT_RDWR)
            self._thread.join()
            self._server.close()
            self._server = None

    def _accept(self, server):
        with contextlib.suppress(OSError):  # it is over
            while True:
                client, _ = server.accept()
                if self._keeps:
                    with self._changed:
                        self.connections.append(client)
                        self._changed.notify_all()
                else:
                    client.close()


class Silent(fixtures.Fixture):
    """Accepts connections, and says nothing.

    :param address: its address
    """

    def __init__(self, address):
        self._address = address

    def _setUp(self):
        server = _listening(self._address, 0)
        self.addCleanup(server.close)
        self.port = server.getsockname()[1]


def _listening(address, port):
    family = socket.AF_INET6 if ':' in address else socket.AF_INET
    return socket.create_server((address, port), family=family)


class Http(fixtures.Fixture):
    """Answers requests, by HTTPS if it has a certificate.

    :param address: its address
    :param certificate: a Certificate, or None
    :ivar status: which it answers; ``certificate``, ``body`` likewise
    :ivar keeps: whether it keeps connections; one is as it was when it came
    :ivar connections: each that came
    """

    def __init__(self, address, certificate=None):
        self._address = address
        self.certificate = certificate
        self.status = 200
        self.body = b'here\n'
        self.keeps = True
        self.connections = []

    def _setUp(self):
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def setup(self):
                if service.certificate:
                    self.request = service.certificate.serve(self.request)
                service.connections.append(self.request)
                super().setup()

            def do_GET(self):
                self.send_response(service.status)
                self.send_header('Content-Length', str(len(service.body)))
                if not service.keeps:
                    self.send_header('Connection', 'close')
                self.end_headers()
                self.wfile.write(service.body)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):
                pass  # a client that does not trust it

        self._server = Server((self._address, 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,)
        )
        self._thread.start()
        self.addCleanup(self._server.server_close)
        self.addCleanup(self._thread.join)
        self.addCleanup(self._server.shutdown)


class Certificate:
    """One that signed itself.

    :param folder: where its files are made
    :param address: whose it is
    :param days: for how many it is valid from now on
    :ivar path: of the certificate
    """

    def __init__(self, folder, address, days=1):
        now = datetime.datetime.now(datetime.timezone.utc)
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name(
            [x509.NameAttribute(x509.NameOID.COMMON_NAME, address)]
        )
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=9))
            .not_valid_after(now + datetime.timedelta(days=days))
            .add_extension(
                x509.SubjectAlternativeName(
                    [x509.IPAddress(ipaddress.ip_address(address))]
                ),
                critical=False,
            )
            .sign(key, hashes.SHA256())
        )
        self.path = pathlib.Path(folder, f'{made.serial_number}.pem')
        self.path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + made.public_bytes(serialization.Encoding.PEM)
        )

    def serve(self, sock):
        """A connection of a client that came, by TLS."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path)
        return context.wrap_socket(sock, server_side=True)


class Dns(fixtures.Fixture):
    """Knows one name.

    :param address: its address
    :param name: the name that it knows
    :ivar code: with which it answers, instead of what it knows; or None
    :ivar silent: it does not answer
    """

    def __init__(self, address, name):
        self._address = address
        self._name = name
        self.code = None
        self.silent = False

    def _setUp(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(self._socket.close)
        self._socket.bind((self._address, 0))
        self.port = self._socket.getsockname()[1]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        self.addCleanup(self._thread.join)
        self.addCleanup(self._over.set)

    def _serve(self):
        self._socket.settimeout(0.05)
        while not self._over.is_set():
            with contextlib.suppress(TimeoutError):
                data, client = self._socket.recvfrom(1 << 16)
                if not self.silent:
                    query = dns.message.from_wire(data)
                    self._socket.sendto(self._answer(query).to_wire(), client)

    def _answer(self, query):
        answer = dns.message.make_response(query)
        [asked] = query.question
        if self.code is not None:
            answer.set_rcode(self.code)
        elif asked.name.to_text() == self._name + '.':
            answer.answer.append(
                dns.rrset.from_text(asked.name, 60, 'IN', 'A', '192.0.2.7')
            )
        else:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer
