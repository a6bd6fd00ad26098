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
"""Keeps the looks at a guest's clock of days in little memory.

While the clock goes on, most looks say nothing that the sharpest ones beside
them do not say: these alone are kept. Where it stood still, all are.
"""

import collections.abc
import itertools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.measurement.guest_clock import Beat
from migration_tempest_plugin.measurement.guest_clock import GuestClock
from migration_tempest_plugin.measurement.guest_clock import TICK

#: Seconds of beats that are thinned out at a time; as much that comes after
#: them is looked at, too.
BLOCK = 10.0

#: Seconds of beats of which the sharpest ones are kept.
PART = 1.0

#: So many of those that were kept are recent: two for each PART.
_RECENT = 240

#: Seconds before and after a stop in which all beats are kept.
NEAR = 2.0


class ClockFolding:
    """Beats as they come; those that say nothing are left out in time.

    None is left out before a baseline is known, nor of what came before it.
    """

    def __init__(self) -> None:
        self._kept: list[Beat] = []
        self._new: list[Beat] = []
        self._left_out = 0
        self._baseline = float('inf')

    def add(self, beat: Beat) -> None:
        """Take in a beat that was sent after all the others."""
        self._new.append(beat)
        if beat.sent - self._new[0].sent > 2 * BLOCK:
            self._fold()

    def begin(self, baseline: float) -> None:
        """The beat that was sent at a moment is the first that counts."""
        self._baseline = baseline

    @property
    def is_empty(self) -> bool:
        """Whether there were none."""
        return not (self._new or self._kept)

    def clock(self) -> GuestClock:
        """The GuestClock of all beats.

        :raises NoMeasurement: if there are fewer than two, or if the clock
            went back
        """
        return GuestClock((*self._kept, *self._new), self._left_out)

    def recent(self) -> GuestClock:
        """The GuestClock of the latest beats, of some minutes at least.

        :raises NoMeasurement: as clock() does
        """
        return GuestClock((*self._kept[-_RECENT:], *self._new))

    def _fold(self) -> None:
        end = self._new[0].sent + BLOCK
        old = [beat for beat in self._new if beat.sent < end]
        kept = list(self._worth(old))
        self._left_out += len(old) - len(kept)
        self._kept += kept
        self._new = self._new[len(old) :]

    def _worth(
        self, old: collections.abc.Collection[Beat]
    ) -> collections.abc.Iterator[Beat]:
        """What is kept of some beats, the first of the new ones."""
        try:
            # The last one that was kept is before each that is looked at.
            stops = GuestClock((*self._kept[-1:], *self._new)).stops
        except exceptions.NoMeasurement:
            yield from old  # whoever asks for the clock gets the reason
            return
        for _, part in itertools.groupby(old, lambda beat: beat.sent // PART):
            beats = list(part)
            sharpest = (
                max(beats, key=lambda beat: beat.sent - beat.uptime - TICK),
                min(beats, key=lambda beat: beat.received - beat.uptime),
            )
            for beat in beats:
                if (
                    beat in sharpest
                    or beat.sent <= self._baseline
                    or any(
                        stop.start - NEAR < beat.sent < stop.end + NEAR
                        for stop in stops
                    )
                ):
                    yield beat
