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
"""Says on the terminal what the lab is doing and how long it took."""

import contextlib
import sys
import threading
import time


class Progress:
    """Lines with the seconds since the start, from any thread."""

    def __init__(self, stream=None):
        self._stream = stream or sys.stdout
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._phases = []

    @property
    def elapsed(self):
        """Seconds since the start."""
        return time.monotonic() - self._began

    def say(self, text):
        with self._lock:
            self._stream.write(f'[{self.elapsed:6.1f} s] {text}\n')
            self._stream.flush()

    @contextlib.contextmanager
    def phase(self, name):
        """Announce a phase, and say how long it took or that it failed."""
        began = self.elapsed
        self.say(f'{name} ...')
        try:
            yield
        except BaseException:
            self.say(f'{name}: failed after {self.elapsed - began:.1f} s')
            raise
        took = self.elapsed - began
        self._phases.append((name, took))
        self.say(f'{name}: {took:.1f} s')

    def table(self):
        """The phases so far, a line each; those side by side overlap."""
        return '\n'.join(
            f'{took:7.1f} s  {name}' for name, took in self._phases
        )
