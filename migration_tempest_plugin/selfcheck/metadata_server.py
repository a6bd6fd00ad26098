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
"""A real HTTP server in the role of the metadata service."""

import http.server
import socket
import socketserver
import threading

import fixtures

BODY = b'i-00000001'


class MetadataServer(fixtures.Fixture):
    """A server that answers, until it is set to do something else.

    :param host: address to listen on
    :param port: 0 takes any that is free
    :param bind: function that calls the function it is given and returns what
        that returns; for a server in another network namespace
    :param body: what it answers with, unless said otherwise
    :ivar paths: the path of each request that came in
    :ivar hanging: how many requests are waiting for their answer
    :ivar keeps_open: whether it keeps connections open, whatever it is asked
    """

    def __init__(
        self, host='127.0.0.1', port=0, bind=lambda make: make(), body=BODY
    ):
        self.paths = []
        self.hanging = 0
        self.keeps_open = False
        self.status = 200
        self.body = self._body = body
        self.delay = 0
        self._address = (host, port)
        self._bind = bind
        self._server = None
        self._go_on = threading.Event()

    @property
    def url(self):
        host, port = self._address
        return f'http://{host}:{port}/latest/meta-data/instance-id'

    def _setUp(self):
        self.addCleanup(self.refuse)
        self._listen()

    def answer(self, status=200, body=None, delay=0):
        """Answer every request, after a delay in seconds."""
        self.status, self.delay = status, delay
        self.body = self._body if body is None else body
        if self._server is None:
            self._listen()
        self._release()

    def refuse(self):
        """Refuse connections: the port is closed."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            self._server = None
        self._release()

    def hang(self):
        """Take requests and never answer one."""
        self.answer(delay=3600)

    def _listen(self):
        kind = _Server6 if ':' in self._address[0] else _Server
        self._server = self._bind(lambda: kind(self._address, self._handler()))
        self._address = self._server.server_address[:2]
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={'poll_interval': 0.01}
        )
        self._thread.start()

    def _release(self):
        """Let go of the requests that are waiting: they end unanswered."""
        self._go_on.set()
        self._go_on = threading.Event()

    def _wait(self):
        """Whether a request is to be answered after its delay."""
        self.hanging += 1
        try:
            return not self._go_on.wait(self.delay)
        finally:
            self.hanging -= 1

    def _handler(self):
        state = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                state.paths.append(self.path)
                if state.delay and not state._wait():
                    return
                status, body = state.status, state.body
                self.send_response(status)
                self.send_header('Content-Length', str(len(body)))
                if state.keeps_open:
                    self.send_header('Connection', 'keep-alive')
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        return Handler


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def server_bind(self):
        # That of HTTPServer asks DNS for its own name.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def handle_error(self, request, client_address):
        """A client that has given up is no event here."""


class _Server6(_Server):
    address_family = socket.AF_INET6
