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
"""Sends the probes of a service, each at its planned time."""

import collections
import collections.abc
from concurrent import futures
import math
import random
import threading
import time

from migration_tempest_plugin import measurement
from migration_tempest_plugin.measurement import folding
from migration_tempest_plugin.measurement.round_trips import RoundTrips
from migration_tempest_plugin.meters import service_attempt
from migration_tempest_plugin.meters import service_kinds
from migration_tempest_plugin import words

#: Seconds that a probe gets beyond its deadline until it has ended: a page may
#: come byte by byte.
PATIENCE = 10.0

#: Seconds for which all samples are kept: who looks now and then sees them.
_WHOLE = 10.0

#: Seconds after which it is looked again which of the others are left out.
_FOLD = 5.0

#: Probes of one service that are under way at a time, at the most: each has a
#: thread.
_MOST = 256

#: Takes each sample.
Sink = collections.abc.Callable[[measurement.Sample], None]


class Probes:
    """What becomes of the probes of one service.

    Each is sent in a thread of a pool, which has one for all that may be
    under way at a time: a probe that waits holds up no other. A place in the
    schedule that this machine was too busy for stays empty. Where each waits
    for the one before, there is one thread.

    :param service: what is asked
    :param address: where
    :param interval: seconds from probe to probe
    :param deadline: seconds within which it must be answered
    :param sink: called with each Sample as it becomes known; it must not wait
    """

    def __init__(
        self,
        service: service_kinds.Service,
        address: service_kinds.Address,
        interval: float,
        deadline: float,
        sink: Sink | None = None,
    ) -> None:
        self._service = service
        self._address = address
        self._interval = interval
        self._deadline = deadline
        self._sink = sink
        self._changed = threading.Condition()
        self._folding = folding.Folding(
            interval, in_turn=service.probing.waits
        )
        self._folded = 0.0
        self._last_answered = float('-inf')  # when it was sent, in seconds
        self._sent: set[float] = set()  # when those under way were
        self._busy = 0
        self._waits = service.probing.waits
        self._most = (
            1
            if self._waits
            else min(_MOST, math.ceil(deadline / interval) + 1)
        )
        self._unsent: collections.Counter[str] = collections.Counter()
        self._stopped: float | None = None  # until when all was known then
        self.error: Exception | None = None
        self._over = threading.Event()
        self._pool = futures.ThreadPoolExecutor(self._most)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the probing; what was seen up to now stays.

        Probes that are under way are waited for.
        """
        with self._changed:
            self._stopped = self.known
        self._over.set()
        self._thread.join()
        self._pool.shutdown()
        self._service.close()

    def _run(self) -> None:
        """Send one after the other, until it is over; runs in a thread."""
        # Else many targets of one server might be asked at the same moment.
        due = time.monotonic() + random.uniform(0, self._interval)
        while not self._over.wait(max(0.0, due - time.monotonic())):
            self._send()
            missed = (time.monotonic() - due) // self._interval
            due += (missed + 1) * self._interval

    def _send(self) -> None:
        with self._changed:
            if self._busy == self._most:
                if not self._waits:
                    self._unsent['those before them did not end'] += 1
                    self._changed.notify_all()
                return
            self._busy += 1
        self._pool.submit(self._probe)

    def _probe(self) -> None:
        """Send one, and take what becomes of it; runs in a thread."""
        attempt = service_attempt.Attempt(self._deadline, self._begin)
        try:
            sample = self._sample(attempt)
        except service_attempt.Unsent as error:
            self._end(attempt, unsent=str(error))
        except Exception as error:  # who reads the meter hears of it
            self.error = error
            self._end(attempt)
        else:
            self._end(attempt, sample)

    def _begin(self) -> float:
        with self._changed:  # so that nothing is known beyond it
            start = time.monotonic()
            self._sent.add(start)
            return start

    def _sample(self, attempt: service_attempt.Attempt) -> measurement.Sample:
        why = ''
        try:
            self._service.ask(self._address, attempt)
        except service_kinds.FAILURES as error:
            why = service_kinds.reason(error, attempt)
        return attempt.sample(why)

    def _end(
        self,
        attempt: service_attempt.Attempt,
        sample: measurement.Sample | None = None,
        unsent: str = '',
    ) -> None:
        with self._changed:
            self._busy -= 1
            if attempt.start is not None:
                self._sent.discard(attempt.start)
            if unsent:
                self._unsent[unsent] += 1
            if sample and self._stopped is None:
                self._take(sample)
            self._changed.notify_all()

    def _take(self, sample: measurement.Sample) -> None:
        self._folding.add(sample)
        if self._sink:
            self._sink(sample)
        if sample.answered:
            self._last_answered = max(self._last_answered, sample.start)
        if sample.end - self._folded > _FOLD:
            self._folded = sample.end
            self._folding.fold(self.known - _WHOLE)

    @property
    def known(self) -> float:
        """The moment up to which it is known what became of the probes."""
        with self._changed:
            if self._stopped is not None:
                return self._stopped
            return min(self._sent, default=time.monotonic())

    def wait_for_answer(self, since: float, timeout: float) -> float | None:
        """When an answered probe was sent, since a moment; None if none was.

        :param timeout: seconds until which there must be one
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._last_answered >= since or self.error, timeout
            )
            if self._last_answered < since:
                return None
            # It may become the baseline.
            self._folding.keep(self._last_answered)
            return self._last_answered

    def wait_until_decided(self, moment: float) -> bool:
        """Wait until it is known what became of the probes up to a moment.

        :returns: False if they do not end
        """
        with self._changed:
            return self._changed.wait_for(
                lambda: self._stopped is not None or self.known >= moment,
                self._deadline + PATIENCE,
            )

    def samples(
        self, now: float, since: float = float('-inf')
    ) -> folding.Probed:
        """What became of the probes up to now, as far as it is known.

        :param since: those that were sent before are left out
        """
        with self._changed:
            return self._folding.probed(
                min(now, self.known),
                since,
                # Each is there within its deadline, or at least soon after it.
                self._deadline + PATIENCE,
            )

    def cut(self, moment: float) -> None:
        """Count round trips since a moment apart from those before it."""
        with self._changed:
            self._folding.cut(moment)

    def round_trips(self) -> RoundTrips:
        """How long all answers took up to now."""
        with self._changed:
            return self._folding.round_trips()

    def said(self) -> str:
        """What else is to be said of it, for people."""
        with self._changed:
            return '; '.join(
                f'{words.counted(number, "probe")} could not be sent from '
                f'here: {why}'
                for why, number in self._unsent.items()
            )
