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
"""What a watch sees, offered to Prometheus while it goes on."""

import collections.abc
import http.server
import itertools
import socket
import threading
import typing

import prometheus_client

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.report import prometheus

#: Gives the Percentiles of each State, or None.
_Answers: typing.TypeAlias = collections.abc.Callable[
    [], collections.abc.Sequence
]


class Exporter:
    """Answers whoever asks by HTTP, as long as its ``with`` lasts.

    :param address: the address to listen at
    :param port: the port there; 0 takes a free one
    :param name: what is watched, for the label "test"
    :raises RecordError: if that can't be listened at
    :ivar place: where it listens, as (address, port)
    """

    def __init__(self, address: str, port: int, name: str) -> None:
        self._name = name
        self._states: collections.abc.Sequence = ()
        self._answers: _Answers = list
        registry = prometheus_client.CollectorRegistry()
        registry.register(self)
        try:
            self._server = _server(address, port)(
                (address, port),
                prometheus_client.MetricsHandler.factory(registry),
            )
        except OSError as error:
            raise exceptions.RecordError(
                f'nobody can listen at {address}, port {port}: '
                f'{error.strerror or error}'
            ) from error
        self.place = self._server.server_address[:2]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), daemon=True
        )

    def __enter__(self) -> 'Exporter':
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def offer(self, answers: _Answers) -> None:
        """Offer how long answers took, too.

        :param answers: gives the Percentiles of each State, or None, when
            somebody asks
        """
        self._answers = answers

    @property
    def url(self) -> str:
        """Where it can be asked."""
        address, port = self.place
        if ':' in address:
            address = f'[{address}]'
        return f'http://{address}:{port}/metrics'

    def update(self, states: collections.abc.Iterable, ended: object) -> None:
        """Take in the States of a look at the session."""
        # Numbers are made of them when somebody asks.
        self._states = tuple(states)

    def collect(self) -> collections.abc.Iterable:
        """For the registry: what was seen up to the last look."""
        series = prometheus.Series()
        both = itertools.zip_longest(self._states, self._answers())
        for number, (state, answers) in enumerate(both, 1):
            if state and not state.lost:
                series.add_watched(
                    self._name,
                    number,
                    state.target,
                    state.what,
                    state.outages,
                    state.resolution,
                    state.down_since is not None,
                    answers,
                )
        return series.registry.collect()


def _server(address: str, port: int) -> type:
    """The class of an HTTP server at an address of whichever family."""
    family = socket.getaddrinfo(
        address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0][0]

    class Server(http.server.ThreadingHTTPServer):
        address_family = family
        daemon_threads = True

    return Server
