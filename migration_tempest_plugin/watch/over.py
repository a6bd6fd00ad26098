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
"""Whether a watch is to end, by a signal."""

import contextlib
import signal
import threading


class Over:
    """Whether it is to end: by a signal.

    Before anything is measured, a signal ends the command. From then on, it
    ends the watching, and others after it change nothing: what was measured
    is written down.
    """

    def __init__(self):
        self._event = threading.Event()
        self._measuring = False
        self.wait = self._event.wait
        self.is_set = self._event.is_set

    def begin(self):
        """From here on, there is something to be written down."""
        self._measuring = True

    @contextlib.contextmanager
    def on_signals(self):
        """Heed SIGINT, SIGTERM and SIGHUP meanwhile."""
        # Under nohup it is to go on when the terminal is closed.
        numbers = [
            signal.SIGINT,
            signal.SIGTERM,
            *(
                [signal.SIGHUP]
                if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN
                else []
            ),
        ]
        before = {
            number: signal.signal(number, self._tell) for number in numbers
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _tell(self, *_):
        if not self._measuring:
            raise KeyboardInterrupt
        self._event.set()
