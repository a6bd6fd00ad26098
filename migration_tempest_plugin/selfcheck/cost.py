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
"""What the metadata meter costs a guest, and a look at it in a real one."""

import contextlib
import dataclasses
import time

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.guest import shell
from migration_tempest_plugin.meters import MetadataDowntimeMeter
from migration_tempest_plugin.meters import reading
from migration_tempest_plugin import words

#: What asks, as tables call it.
OURS = 'this meter'
LOOP = 'a curl for each request'

#: The ``tool`` of each.
TOOLS = {OURS: None, LOOP: 'curl-each'}

#: Seconds from request to request.
INTERVAL = 0.2

#: Of all processors of a guest, the meter takes at most so much.
SHARE = 0.08

#: Seconds that anything may take until it is up.
PATIENCE = 30.0


def requests(meter):
    """How many a meter has made: this one, or Tempest's."""
    try:
        results = meter.get_results()
    except exceptions.NoMeasurement as error:
        if error.timeline is None:
            raise
        # The latest one failed.
        return len(error.timeline.samples)
    return results['successes'] + results['failures']


def measured(meter, baseline):
    """The Timeline of a meter since its baseline, once it is up.

    :raises NoMeasurement: if there is none
    """
    timeline = reading.read(meter, baseline, time.monotonic() + PATIENCE)
    if isinstance(timeline, exceptions.NoMeasurement):
        raise timeline
    return timeline


@dataclasses.dataclass(frozen=True)
class Busy:
    """The processors of a guest, by its /proc/stat, in ticks since its boot.

    :ivar busy: of all its processors
    :ivar total: the same, with the time in which they had nothing to do
    :ivar processors: how many there are
    """

    busy: int
    total: int
    processors: int

    @classmethod
    def parse(cls, text):
        """Read a /proc/stat."""
        lines = [line.split() for line in text.splitlines()]
        user, nice, system, idle, wait, irq, softirq, *steal = (
            int(ticks) for ticks in lines[0][1:9]
        )
        busy = user + nice + system + irq + softirq
        return cls(
            busy,
            busy + idle + wait + sum(steal),
            sum(words[0][:3] == 'cpu' for words in lines[1:] if words),
        )

    def share(self, before):
        """What part of the time since an earlier one they were busy."""
        return (self.busy - before.busy) / (self.total - before.total)


@dataclasses.dataclass(frozen=True)
class Row:
    """A guest with one meter in it.

    :ivar name: of the meter
    :ivar method: what asks
    :ivar share: in which part of the time the guest's processors were busy
    :ivar request: seconds of processor that one took, by the meter's own
        count; None where the guest does not say it
    :ivar outages: how many it saw
    """

    name: str
    method: str
    share: float
    request: float | None
    outages: int


@dataclasses.dataclass(frozen=True)
class Result:
    """What was seen in a guest.

    :ivar seconds: for how long each was looked at
    :ivar processors: how many the guest has
    :ivar idle: in which part of the time they were busy without a meter
    :ivar rows: of each meter
    """

    seconds: float
    processors: int
    idle: float
    rows: tuple[Row, ...]

    def more(self, row):
        """What a meter added to what the guest did without it."""
        return row.share - self.idle

    @property
    def good(self):
        """Whether this meter is as cheap as promised, and saw no outage."""
        ours = self.rows[0]
        return self.more(ours) <= SHARE and ours.outages == 0


def run(client, seconds, progress):
    """Look at a guest without a meter, and with each.

    :param client: anything with ``exec_command(cmd) -> str``
    :param seconds: how long, each time
    :param progress: called with a line of text now and then
    :raises NoMeasurement, GuestError: if its metadata can't be asked for
    """
    progress(f'nothing, for {seconds:g} s')
    idle, processors = _busy(client, seconds)
    rows = []
    for name, tool in TOOLS.items():
        progress(f'{name}, for {seconds:g} s')
        rows.append(_row(client, seconds, name, tool))
    return Result(seconds, processors, idle, tuple(rows))


def _busy(client, seconds):
    """In which part of the time it was busy, and its number of processors."""
    before = _stat(client)
    time.sleep(seconds)
    after = _stat(client)
    return after.share(before), after.processors


def _stat(client):
    return Busy.parse(shell.run(client, '/proc/stat', 'cat /proc/stat'))


def _row(client, seconds, name, tool):
    with contextlib.ExitStack() as stack:
        meter = MetadataDowntimeMeter(client, interval=INTERVAL, tool=tool)
        reading.set_up(stack, meter)
        baseline = meter.wait_until_up(PATIENCE)
        before = _taken(meter)
        share, _ = _busy(client, seconds)
        request = _each(before, _taken(meter))
        timeline = measured(meter, baseline)
    return Row(name, timeline.method, share, request, len(timeline.outages))


def _taken(meter):
    """Seconds of processor and requests, as a look at the guest shows them."""
    made = requests(meter)
    return meter.guest_cpu, made


def _each(before, after):
    """Seconds of processor for each request, or None."""
    if None in (before[0], after[0]) or after[1] == before[1]:
        return None
    return (after[0] - before[0]) / (after[1] - before[1])


def text(result, guest):
    """A table of a result, for people.

    :param guest: as people call it
    """
    return '\n'.join(
        [
            (
                f'metadata in {guest}, '
                f'{words.counted(result.processors, "processor")}, '
                f'{result.seconds:g} s each, a request each {INTERVAL:g} s'
            ),
            (
                f'  {"":23}  {"busy":>7}  {"more":>7}  {"a request":>10}  '
                f'{"outages":>7}'
            ),
            f'  {"nothing":<23}  {result.idle * 100:5.1f} %',
            *(_line(result, row) for row in result.rows),
        ]
    )


def _line(result, row):
    request = '?' if row.request is None else f'{row.request * 1000:.1f} ms'
    return (
        f'  {row.name:<23}  {row.share * 100:5.1f} %  '
        f'{result.more(row) * 100:5.1f} %  {request:>10}  '
        f'{row.outages:7d}  by {row.method}'
    )
