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
"""Whether a guest's security groups let in what they should, and no more."""

import collections
import errno
import selectors
import socket
import threading
import time

from migration_tempest_plugin.checks import check

#: What a connection comes to where the guest's own kernel has answered:
#: something listens there, or nothing does.
_REACHED = (0, errno.ECONNREFUSED)


class PortCheck(check.Check):
    """A TCP port that is open stays so, and a closed one as well, throughout.

    Nothing needs to listen on them: the guest refuses a connection that its
    security groups let in, and one that they don't is never answered. So the
    open port shows that the guest would be seen to answer on the closed one.

    :param address: of the guest
    :param open_port: which they let in
    :param closed_port: which they don't
    :param interval: seconds from one attempt to the next on each port
    :param deadline: seconds after which an attempt is given up
    """

    name = 'security groups'

    def __init__(
        self, address, open_port, closed_port, interval=0.05, deadline=1.0
    ):
        self._address = address
        self._open, self._closed = open_port, closed_port
        self._interval = interval
        self._deadline = deadline
        self._lock = threading.Lock()
        self._results = {open_port: [], closed_port: []}
        self._over = threading.Event()

    def _setUp(self):
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        self.addCleanup(self._stop)
        self.verify()

    def _stop(self):
        self._over.set()
        self._thread.join()

    def verify(self):
        """As any check; attempts of before this call count as well."""
        begin = time.monotonic()
        # A rule of a security group takes a moment to be in force.
        give_up = begin + 10 * self._deadline
        while not self._seen_since(begin) and time.monotonic() < give_up:
            time.sleep(self._interval)
        with self._lock:
            let_in = list(self._results[self._open])
            kept_out = list(self._results[self._closed])
        reached = [each for each in kept_out if each[1] in _REACHED]
        if reached:
            raise self.failed(
                'TCP port %d of %s is closed by its security groups, and '
                'answered %d of %d attempts: the first %.1f s ago',
                self._closed,
                self._address,
                len(reached),
                len(kept_out),
                time.monotonic() - reached[0][0],
            )
        if not _any_reached(let_in, begin):
            raise self.failed(
                'TCP port %d of %s is open by its security groups, and does '
                'not answer: %s',
                self._open,
                self._address,
                _counted(let_in[-20:]),
            )
        if not kept_out or kept_out[-1][0] < begin:
            raise self.failed(
                'nobody tries TCP port %d of %s any more',
                self._closed,
                self._address,
            )
        answered = sum(code in _REACHED for _, code in let_in)
        return (
            f'port {self._open} answered {answered} of {len(let_in)} '
            f'attempts, port {self._closed} none of {len(kept_out)}'
        )

    def _seen_since(self, begin):
        """Whether the open one answered, and an attempt at the other ended."""
        with self._lock:
            kept_out = self._results[self._closed]
            return (
                _any_reached(self._results[self._open], begin)
                and kept_out
                and kept_out[-1][0] >= begin
            )

    def _watch(self):
        """Try both ports on the schedule; runs in a thread."""
        with selectors.DefaultSelector() as selector:
            due = time.monotonic()
            while not self._over.is_set():
                now = time.monotonic()
                if now >= due:
                    for port in self._results:
                        self._begin(selector, port, now)
                    due = max(due + self._interval, now)
                for key, _ in selector.select(max(0.0, due - now)):
                    self._end(
                        selector,
                        key.fileobj,
                        key.fileobj.getsockopt(
                            socket.SOL_SOCKET, socket.SO_ERROR
                        ),
                    )
                self._give_up(selector, time.monotonic() - self._deadline)
            self._give_up(selector, float('inf'))

    def _begin(self, selector, port, now):
        family = socket.AF_INET6 if ':' in self._address else socket.AF_INET
        attempt = socket.socket(family, socket.SOCK_STREAM)
        attempt.setblocking(False)
        code = attempt.connect_ex((self._address, port))
        selector.register(attempt, selectors.EVENT_WRITE, (port, now))
        if code != errno.EINPROGRESS:
            self._end(selector, attempt, code)

    def _give_up(self, selector, before):
        for key in list(selector.get_map().values()):
            if key.data[1] <= before:
                self._end(selector, key.fileobj, errno.ETIMEDOUT)

    def _end(self, selector, attempt, code):
        port, began = selector.unregister(attempt).data
        attempt.close()
        with self._lock:
            self._results[port].append((began, code))


def _any_reached(results, begin):
    """Whether an attempt since then was answered."""
    return any(code in _REACHED for moment, code in results if moment >= begin)


def _counted(results):
    counted = collections.Counter(
        errno.errorcode.get(code, code) for _, code in results
    )
    return ', '.join(f'{name}: {count}' for name, count in counted.items())
