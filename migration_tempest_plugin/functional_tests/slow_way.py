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
"""Holds what comes over a connection for a known time."""

import queue
import socket
import threading
import time

import fixtures


class SlowWay(fixtures.Fixture):
    """A way to the other end of a socket.

    :ivar delay: for how many seconds what comes back is held from now on
    """

    delay = 0.0

    def lead(self, far):
        """A socket that leads to where another one does."""
        near, ours = socket.socketpair()
        held = queue.Queue()
        threads = [
            threading.Thread(target=function, daemon=True)
            for function in (
                lambda: _hand_on(ours, far),
                lambda: self._hold(far, held),
                lambda: _let_go(held, ours),
            )
        ]
        for thread in threads:
            thread.start()
            self.addCleanup(thread.join)
        for each in far, ours, near:
            self.addCleanup(_end, each)
        return near

    def _hold(self, source, held):
        for data in _received(source):
            held.put((time.monotonic() + self.delay, data))
        held.put((0.0, b''))


def _hand_on(source, target):
    for data in _received(source):
        target.sendall(data)
    _end(target)


def _let_go(held, target):
    while True:
        due, data = held.get()
        if not data:
            return
        time.sleep(max(0.0, due - time.monotonic()))
        try:
            target.sendall(data)
        except OSError:
            pass  # nobody reads it any more


def _received(source):
    try:
        while data := source.recv(1 << 16):
            yield data
    except OSError:
        return


def _end(connection):
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it has ended
