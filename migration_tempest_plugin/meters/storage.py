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
"""Measures for how long what a guest writes to its disk stalls."""

import collections.abc
import time

import fixtures

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.guest import shell
from migration_tempest_plugin.guest import writer as guest_writer
from migration_tempest_plugin import measurement
from migration_tempest_plugin.measurement.guest_clock import TICK
from migration_tempest_plugin.measurement import sample
from migration_tempest_plugin.measurement import stall
from migration_tempest_plugin.measurement import timeline

#: Records at least from which a threshold is chosen.
BASELINE = 10


class StorageStallMeter(fixtures.Fixture):
    """Judges how long each record took that a guest wrote to its disk.

    The guest writes one record after the other, and each is on the disk before
    the next one begins (fsync). One that takes longer than the threshold has
    stalled. A slow disk is not stalled: so the threshold is chosen from what
    the records of the baseline took, which are all that came before the first
    wait_until_up() is over (see ``measurement.stall``).

    All times are those of the guest's clock (/proc/uptime), which stands still
    while the guest itself is stopped.

    :param writer: the StorageWriter. It is set up here, unless it is already:
        then it is not ended here either.
    :param deadline: seconds; the threshold is not less than that
    :param target: name of the guest, for people
    :param sink: called with each line of the writer, from its header on
    """

    def __init__(
        self,
        writer: guest_writer.StorageWriter,
        deadline: float = 0.1,
        target: str = 'the guest',
        sink: collections.abc.Callable[[str], object] | None = None,
    ) -> None:
        if not deadline >= TICK:
            raise ValueError(
                f"{deadline!r} s is less than the guest's clock can "
                f'distinguish ({TICK:g} s)'
            )
        self.deadline = deadline
        self.target = target
        self._writer = writer
        self._sink = sink
        self._threshold: float | None = None

    def _setUp(self) -> None:
        if not self._writer.is_running:
            self.useFixture(self._writer)
        if self._sink:
            self._writer.tell(self._sink)
            self.addCleanup(self._writer.tell_no_more, self._sink)

    @property
    def guest_cpu(self) -> float | None:
        """Seconds of the guest's processors that the writing has taken."""
        records = self._writer.records
        return records[-1].cpu if records else None

    @property
    def threshold(self) -> float:
        """Seconds from which on a record has stalled.

        It is chosen when the baseline is over, and the deadline until then.
        """
        return self._threshold or self.deadline

    def wait_until_up(self, timeout: float) -> float:
        """Wait for a record that was begun after this call.

        The first call waits for the end of the baseline, too.

        :param timeout: in seconds
        :returns: when that was begun, for Timeline.since()
        :raises NoMeasurement: if there was none within the timeout
        """
        # The next one may have begun already.
        more = max(2, BASELINE - len(self._writer.records))
        try:
            self._writer.wait_for_records(more, timeout)
        except exceptions.GuestError as error:
            raise self._nothing(str(error)) from error
        records = self._writer.records
        if self._threshold is None:
            self._threshold = stall.threshold(
                [each.delay for each in records], self.deadline
            )
        return records[-1].begin

    def measurement(self) -> timeline.Timeline:
        """The Timeline up to now.

        :raises NoMeasurement: if the guest has ended its writing, or is still
            stalled: then with the timeline up to now
        """
        if not self._writer.is_running:
            raise self._nothing('the guest has ended its writing')
        patience = self.threshold + 2 * self._writer.pause
        try:
            self._writer.wait_for_records(1, patience)
        except exceptions.GuestError:
            pass  # it stalls, or is stopped
        records = self._writer.records
        samples = [_sample(each, self.threshold) for each in records]
        silent = self._writer.silent
        if silent > patience:
            last = records[-1].end
            samples.append(measurement.Sample(last, last + silent, False))
        return _timeline(
            samples,
            self.target,
            self._writer.pause,
            self.threshold,
            f'{self._writer.source} ({self._writer.type})',
            time.time() - (samples[-1].end - samples[0].start) - silent,
        ).recovered()

    def _nothing(self, reason: str) -> exceptions.NoMeasurement:
        records = self._writer.records
        seen = None
        if records:
            seen = (
                f'{len(records)} records, the last one on the disk at an '
                f'uptime of {records[-1].end:.2f} s'
            )
        return exceptions.NoMeasurement(
            f'storage of {self.target}: {reason}', seen
        )


def of_log(
    lines: collections.abc.Sequence[str],
    target: str,
    pause: float,
    threshold: float,
) -> timeline.Timeline:
    """The Timeline of what storage_writer.sh says, in the guest's clock.

    :param lines: from its first one on
    :param pause: seconds between two records
    :param threshold: seconds from which on a record has stalled
    :raises NoMeasurement: if nothing was written
    """
    header, *others = lines or ['']
    where = shell.named(header)
    records = [*_records(others)]
    if not records:
        raise exceptions.NoMeasurement(
            f'storage of {target}: the guest has written nothing'
        )
    return _timeline(
        [_sample(each, threshold) for each in records],
        target,
        pause,
        threshold,
        f'{where.get("source", "?")} ({where.get("type", "?")})',
    )


def _records(
    lines: collections.abc.Iterable[str],
) -> collections.abc.Iterator[guest_writer.Record]:
    """Of the lines that are whole."""
    for line in lines:
        try:
            yield guest_writer.Record.parse(line)
        except ValueError:
            continue


def _sample(record: guest_writer.Record, threshold: float) -> sample.Sample:
    in_time = record.delay <= threshold
    # The guest's clock cuts both off.
    return measurement.Sample(
        record.begin,
        record.end + TICK,
        in_time,
        late=not in_time,
        slack=TICK,
    )


def _timeline(
    samples: list[sample.Sample],
    target: str,
    pause: float,
    threshold: float,
    disk: str,
    wall_start: float | None = None,
) -> timeline.Timeline:
    """The Timeline of what was written to a disk."""
    return measurement.Timeline(
        'storage',
        target,
        tuple(samples),
        pause,
        samples[-1].end,
        wall_start,
        probing=measurement.Probing.BLOCKING,
        method=f'records on {disk}',
        clock='guest',
        deadline=threshold,
    )
