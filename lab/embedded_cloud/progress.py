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
        return '\n'.join(f'{took:7.1f} s  {name}'
                         for name, took in self._phases)
