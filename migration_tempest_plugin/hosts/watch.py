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
"""Looks at something again and again, beside what a test does."""

import collections.abc
import dataclasses
import threading
import time
import typing

import fixtures
from oslo_log import log

from migration_tempest_plugin import exceptions

LOG = log.getLogger(__name__)

_What = typing.TypeVar('_What')


@dataclasses.dataclass(frozen=True)
class Seen(typing.Generic[_What]):
    """What a look gave.

    :ivar at: when it was over, by this machine's monotonic clock
    """

    at: float
    what: _What


class Watch(fixtures.Fixture, typing.Generic[_What]):
    """Calls a function in a thread of its own for as long as it is set up.

    What can't be seen at times (a server that has just left the host) is
    nothing to fail for: the last such error is kept.

    :param look: called without arguments; what it returns is kept, unless it
        is None
    :param close: called at the end, when nobody looks any more
    :param interval: seconds between two looks
    :ivar error: the last error of a look, a HostError mostly, or None
    """

    def __init__(
        self,
        look: collections.abc.Callable[[], _What | None],
        close: collections.abc.Callable[[], object] = lambda: None,
        interval: float = 0.5,
    ) -> None:
        self._look = look
        self._close = close
        self._interval = interval
        self._over = threading.Event()
        self._seen: list[Seen[_What]] = []
        self.error: Exception | None = None

    def _setUp(self) -> None:
        thread = threading.Thread(target=self._run, daemon=True)
        self.addCleanup(self._close)
        self.addCleanup(thread.join)
        self.addCleanup(self._over.set)
        thread.start()

    @property
    def seen(self) -> list[Seen[_What]]:
        """All that was Seen up to now."""
        return list(self._seen)

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                what = self._look()
            except exceptions.HostError as error:
                LOG.debug('Not to be seen: %s', error)
                self.error = error
            # Whatever a host answered: the next look may show more.
            except Exception as error:
                LOG.exception('Not to be understood')
                self.error = error
            else:
                if what is not None:
                    self._seen.append(Seen(time.monotonic(), what))
            self._over.wait(self._interval)
