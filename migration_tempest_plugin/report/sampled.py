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
"""What a file of samples has, as the Run that a watch would have recorded."""

import collections.abc
import dataclasses
import os
import time

from migration_tempest_plugin import exceptions
from migration_tempest_plugin import measurement
from migration_tempest_plugin.measurement import cut_off
from migration_tempest_plugin.measurement.timeline import Gap
from migration_tempest_plugin.meters import metadata_follow
from migration_tempest_plugin.meters import storage
from migration_tempest_plugin.recording import reader
from migration_tempest_plugin.recording.window import Window
from migration_tempest_plugin.report import recorded
from migration_tempest_plugin.report import watched

#: What reads the log of a script in a guest, by what is measured.
_LOGS = {
    'metadata': metadata_follow.of_log,
    'storage': storage.of_log,
}

#: Seconds by which the log of a guest may be behind what else is known: it is
#: looked at once a second.
_BEHIND = 3.0

#: What it says of a file that has no end: its writer was killed.
CUT = 'ends in the middle: what wrote it was ended, or had no room left'


@dataclasses.dataclass(frozen=True)
class View:
    """How a file of samples is looked at.

    :ivar window: what of it is
    :ivar limits: the Limits that it is to keep
    """

    window: Window = Window()
    limits: tuple[measurement.Limit, ...] = ()


def run(
    path: str | os.PathLike[str],
    view: View,
    tell: reader.Tell = lambda part: None,
) -> recorded.Run:
    """The Run of a file of samples.

    :param tell: called now and then with the part that was read
    :raises RecordError: if it can't be read, or has nothing in the window, or
        nothing that a limit is for
    """
    file = reader.read(path, view.window, tell)
    streams = [
        each for each in file.streams if each.stream.what != cut_off.CONTROL
    ]
    _refuse_unmeasured(path, streams, view.limits)
    begin = max(file.header.origin, file.begin)
    ended = min(file.ended, file.end)
    gaps = _cut_off(file)
    progress = measurement.Progress.of_marks(
        begin, _within(file.marks, begin, ended), ended
    )
    measured = [
        _watched(file, target, its_streams, gaps, progress, view.limits)
        for target, its_streams in _by_target(streams).items()
    ]
    wrong = watched.complaints(measured, view.limits)
    return recorded.Run(
        (watched.test(watched.NAME, measured, wrong, ended - begin),),
        _facts(file, ended, gaps, view.limits),
        () if file.why else (f'{path} {CUT}',),
    )


def _refuse_unmeasured(
    path: str | os.PathLike[str],
    streams: collections.abc.Iterable[reader.Recorded],
    limits: collections.abc.Iterable[measurement.Limit],
) -> None:
    """A limit of what was not measured would seem to be kept."""
    measured = set()
    for each in streams:
        measured.add(each.stream.what)
        if not each.clock.is_empty:
            measured.add('guest')
    for limit in limits:
        if limit.what not in measured:
            raise exceptions.RecordError(
                f"{path}: {limit.option} can't be checked: it has only "
                f'{", ".join(sorted(measured)) or "its beginning"}'
            )


def _cut_off(file: reader.File) -> list[Gap]:
    """When what watched was cut off itself."""
    return [
        gap
        for each in file.streams
        # One that never answered says nothing.
        if each.stream.what == cut_off.CONTROL and each.baseline is not None
        for gap in cut_off.gaps(_measured(file, each))
    ]


def _facts(
    file: reader.File,
    ended: float,
    gaps: collections.abc.Collection[Gap],
    limits: collections.abc.Iterable[measurement.Limit],
) -> dict[str, object]:
    stamp = time.strftime(
        '%Y-%m-%d %H:%M:%S %z', time.localtime(file.time_of_day(ended))
    )
    facts = {'watched': watched.NAME, 'ended': stamp}
    if gaps:
        facts['cut_off'] = cut_off.text(
            gaps, lambda moment: _clock(file, moment)
        )
    return {
        'run': facts,
        'limits': {limit.option: limit.seconds for limit in limits},
    }


def _clock(file: reader.File, moment: float) -> str:
    """The time of day of a moment, for people."""
    return time.strftime('%H:%M:%S', time.localtime(file.time_of_day(moment)))


def _within(
    marks: tuple[measurement.Mark, ...], begin: float, end: float
) -> collections.abc.Iterator[measurement.Mark]:
    """The Marks in a part of a file, and the last one before it."""
    before = [each for each in marks if each.moment <= begin]
    yield from before[-1:]
    yield from (each for each in marks if begin < each.moment <= end)


def _by_target(
    streams: collections.abc.Iterable[reader.Recorded],
) -> dict[str, list[reader.Recorded]]:
    found: dict[str, list[reader.Recorded]] = {}
    for each in streams:
        found.setdefault(each.stream.target, []).append(each)
    return found


def _watched(
    file: reader.File,
    target: str,
    streams: collections.abc.Collection[reader.Recorded],
    gaps: collections.abc.Collection[Gap],
    progress: measurement.Progress,
    limits: tuple[measurement.Limit, ...],
) -> measurement.MeasuredMigration:
    """What was seen of a target."""
    measured = {each.stream.what for each in streams}
    measurements: list[measurement.Timeline | exceptions.NoMeasurement] = []
    clock = None
    # A log has the times of a clock that the others may know.
    for each in sorted(streams, key=lambda each: bool(each.log)):
        found = (
            _logged(file, each, clock) if each.log else _measured(file, each)
        )
        if isinstance(found, measurement.Timeline):
            try:
                clock = file.clock(each, found) or clock
            except exceptions.NoMeasurement as error:
                found = error
        measurements.append(cut_off.without(found, gaps))
    return measurement.MeasuredMigration(
        server=target,
        source=None,
        destination=None,
        measurements=tuple(measurements),
        clock=clock,
        progress=progress,
        kind='watch',
        limits=tuple(
            limit
            for limit in limits
            if limit.what in measured or limit.what == 'guest' and clock
        ),
    ).following(file.followed.get(target, ()))


def _logged(
    file: reader.File,
    each: reader.Recorded,
    clock: measurement.GuestClock | None,
) -> measurement.Timeline | exceptions.NoMeasurement:
    """What the log of a script in a guest says, in the window."""
    read = _LOGS.get(each.stream.what)
    if read is None:
        return exceptions.NoMeasurement(
            f'{each.stream.what} of {each.stream.target}: this release does '
            'not know its log'
        )
    if clock is None:
        return exceptions.NoMeasurement(
            f"{each.stream.what} of {each.stream.target}: the guest's clock, "
            'in which it was measured, is not known'
        )
    try:
        whole = read(
            each.log,
            each.stream.target,
            each.stream.interval,
            each.deadline or each.stream.deadline or 0.0,
        )
        if each.baseline is not None:
            whole = whole.since(each.baseline)
        whole = whole.joined(clock)
        seen = dataclasses.replace(
            whole,
            samples=tuple(
                sample
                for sample in whole.samples
                if file.begin <= sample.start <= file.end
            ),
            ended=min(whole.ended, file.end),
            wall_start=file.time_of_day(max(whole.began, file.begin)),
        )
        missing = min(file.ended, file.end) - whole.ended
        if missing > _BEHIND:
            return exceptions.NoMeasurement(
                f'{each.stream.what} of {each.stream.target}: the last '
                f'{missing:.1f} s are not known: the log in the guest was '
                'not read any more',
                seen.summary(),
                timeline=seen,
            )
        return seen.recovered()
    except exceptions.NoMeasurement as error:
        return error


def _measured(
    file: reader.File, each: reader.Recorded
) -> measurement.Timeline | exceptions.NoMeasurement:
    try:
        seen = file.timeline(each)
        if each.lost and each.lost.moment <= file.end:
            return exceptions.NoMeasurement(
                each.lost.why, seen.summary(), timeline=seen
            )
        return seen.recovered()
    except exceptions.NoMeasurement as error:
        return error
