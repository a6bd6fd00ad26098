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
"""Measures for how long a TCP port of a server can't be connected to."""

import socket
import threading
import time

import fixtures

from migration_tempest_plugin import exceptions
from migration_tempest_plugin import measurement


class TcpPortMeter(fixtures.Fixture):
    """Connects to a port, again and again, until it is cleaned up.

    :param address: of the server
    :param interval: seconds from one attempt to the next
    :param deadline: seconds within which it must be connected
    """

    def __init__(self, address, port, interval=0.1, deadline=0.5):
        self._to = address, port
        self._target = f'{address}:{port}'
        self._interval = interval
        self._deadline = deadline
        self._samples = []
        self._answered = threading.Condition()
        self._over = threading.Event()

    def _setUp(self):
        thread = threading.Thread(target=self._probe, daemon=True)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self._over.set)

    def _probe(self):
        due = time.monotonic()
        while not self._over.wait(max(0.0, due - time.monotonic())):
            sample = self._attempt()
            with self._answered:
                self._samples.append(sample)
                self._answered.notify_all()
            # By the clock, not after the last one: it may have taken long.
            due = max(due + self._interval, time.monotonic())

    def _attempt(self):
        sent = time.monotonic()
        try:
            socket.create_connection(self._to, self._deadline).close()
            answered = True
        except OSError:
            answered = False
        return measurement.Sample(sent, time.monotonic(), answered)

    def wait_until_up(self, timeout):
        """Wait for one more answer.

        :param timeout: in seconds
        :returns: when it came, for Timeline.since()
        :raises NoMeasurement: if none comes
        """
        with self._answered:
            before = len(self._samples)
            if not self._answered.wait_for(
                lambda: self._answers_since(before), timeout
            ):
                raise exceptions.NoMeasurement(
                    f'{self._target} was not connected within {timeout:g} s'
                )
            return self._answers_since(before)[0].end

    def _answers_since(self, number):
        return [each for each in self._samples[number:] if each.answered]

    def measurement(self):
        """The Timeline up to now.

        :raises NoMeasurement: if nothing was answered, or if it is still down
        """
        with self._answered:
            samples = tuple(self._samples)
        return measurement.Timeline(
            'tcp port',
            self._target,
            samples,
            self._interval,
            time.monotonic(),
            method='connect',
            clock='tester',
        ).recovered()
