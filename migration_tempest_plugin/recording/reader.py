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
"""Reads a file of samples, whole or cut."""

import collections.abc
import dataclasses
import math
import os
import time
import typing
import zlib

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.measurement import Beat
from migration_tempest_plugin.measurement.clock_folding import ClockFolding
from migration_tempest_plugin.measurement.folding import Folding
from migration_tempest_plugin.measurement import Followed
from migration_tempest_plugin.measurement import GuestClock
from migration_tempest_plugin.measurement import Mark
from migration_tempest_plugin.measurement import Sample
from migration_tempest_plugin.measurement import Timeline
from migration_tempest_plugin.recording import lines
from migration_tempest_plugin.recording import migrations
from migration_tempest_plugin.recording.window import WHOLE
from migration_tempest_plugin.recording.window import Window

_CHUNK = 1 << 16

#: Called with the part of a file that was read, from 0 to 1.
Tell: typing.TypeAlias = collections.abc.Callable[[float], object]

#: Seconds within which a sample may turn out to be the baseline.
_WHOLE = 10.0


@dataclasses.dataclass
class Recorded:
    """What a file of samples has of one stream.

    :ivar deadline: seconds from which on an answer is late, if it was chosen
        after the stream had begun
    :ivar clock: the beats of the guest's clock
    :ivar log: the lines of a log in the guest, of a stream that has one
    :ivar baseline: the moment from which it counts, or None
    :ivar lost: why and since when it has no more samples, or None
    """

    stream: lines.Stream
    folding: Folding
    deadline: float | None = None
    clock: ClockFolding = dataclasses.field(default_factory=ClockFolding)
    log: list[str] = dataclasses.field(default_factory=list)
    baseline: float | None = None
    lost: lines.Lost | None = None

    def begin(self, moment: float) -> None:
        """It counts from a moment on."""
        self.baseline = moment
        self.folding.keep(moment)
        self.clock.begin(moment)

    def take(self, batch: lines.Batch) -> None:
        """Take in some samples."""
        for sample in batch.samples:
            self.folding.add(sample)
        for sample, uptime in zip(batch.samples, batch.uptimes):
            if uptime is not None:
                self.clock.add(Beat(sample.start, sample.end, uptime))


@dataclasses.dataclass(frozen=True)
class File:
    """What a file of samples has.

    :ivar header: its first line
    :ivar streams: what was Recorded of each, in the order of the file
    :ivar marks: each Mark, in that order
    :ivar ended: up to when samples are known, in seconds of the observer
    :ivar why: why it ended there, in a word; None if it was cut
    :ivar begin: from when on it is looked at, likewise
    :ivar end: until when
    :ivar followed: the migrations of each target that went on in that time
    """

    header: lines.Header
    streams: tuple[Recorded, ...]
    marks: tuple[Mark, ...]
    ended: float
    why: str | None
    begin: float = float('-inf')
    end: float = float('inf')
    followed: dict[str, list[Followed]] = dataclasses.field(
        default_factory=dict
    )

    def time_of_day(self, moment: float) -> float:
        """In seconds since the epoch, of one in seconds of the observer."""
        return self.header.wall + moment - self.header.origin

    def timeline(self, recorded: Recorded) -> Timeline:
        """The Timeline of a stream, of what is looked at.

        Where a probe at one of its ends failed, it goes on to the answered one
        before or after that: an outage is there as a whole.

        :raises NoMeasurement: if no probe of it was answered
        """
        stream = recorded.stream
        probed = recorded.folding.probed(self.ended)
        samples = sorted(probed.samples, key=lambda sample: sample.start)
        first = _bound(
            [each for each in samples if each.start >= self.begin],
            reversed([each for each in samples if each.start < self.begin]),
            float('-inf'),
        )
        last = math.inf
        if self.end < self.ended:
            last = _bound(
                reversed([each for each in samples if each.start < self.end]),
                [each for each in samples if each.start >= self.end],
                math.inf,
            )
        whole = Timeline(
            stream.what,
            stream.target,
            tuple(
                sample for sample in samples if first <= sample.start <= last
            ),
            stream.interval,
            min(
                self.ended,
                last,
                recorded.lost.moment if recorded.lost else math.inf,
            ),
            probing=stream.probing,
            method=stream.method,
            clock=stream.clock,
            deadline=recorded.deadline,
            quiet=tuple(
                quiet for quiet in probed.quiet if first < quiet.end <= last
            ),
            round_trips=probed.round_trips,
        )
        whole = dataclasses.replace(
            whole,
            wall_start=self.time_of_day(whole.began),
        )
        baseline = recorded.baseline
        if baseline is None or baseline < whole.began:
            return whole
        return whole.since(baseline)

    def clock(self, recorded: Recorded, seen: Timeline) -> GuestClock | None:
        """The guest's clock in the time of a Timeline of a stream.

        :returns: None if the guest was not asked for it
        :raises NoMeasurement: if it was asked too seldom, or was rebooted
        """
        if recorded.clock.is_empty:
            return None
        whole = recorded.clock.clock()
        return dataclasses.replace(
            whole,
            beats=tuple(
                beat
                for beat in whole.beats
                if seen.began <= beat.sent <= seen.ended
            ),
        )


def _bound(
    inside: collections.abc.Iterable[Sample],
    outside: collections.abc.Iterable[Sample],
    default: float,
) -> float:
    """Where a part of the samples begins or ends: see File.timeline().

    :param inside: those in the part, from that end on
    :param outside: the others, away from it
    """
    outermost = next(iter(inside), None)
    if outermost and outermost.answered:
        return outermost.start
    return next((each.start for each in outside if each.answered), default)


def is_samples(path: str | os.PathLike[str]) -> bool:
    """Whether there is a file of samples, of any version, at a path."""
    try:
        with open(path, 'rb') as file:
            return lines.SCHEMA in next(_lines(file), '')
    except OSError:
        return False


def read(
    path: str | os.PathLike[str],
    window: Window = WHOLE,
    tell: Tell = lambda part: None,
) -> File:
    """What a file of samples has, up to where it was cut.

    :param window: what of it is looked at
    :param tell: called now and then with the part that was read
    :raises RecordError: if it can't be read, or has nothing in the window
    """
    try:
        with open(path, 'rb') as file:
            return _recorded(_lines(file, tell), window)
    except OSError as error:
        raise exceptions.RecordError(
            f"{path} can't be read: {error.strerror}"
        ) from error
    except exceptions.RecordError as error:
        raise exceptions.RecordError(f'{path}: {error}') from error


def _lines(
    file: typing.BinaryIO, tell: Tell = lambda part: None
) -> collections.abc.Iterator[str]:
    """The whole lines of what can be unpacked."""
    size = os.fstat(file.fileno()).st_size
    unpacker = zlib.decompressobj(wbits=lines.GZIP)
    rest = b''
    for chunk in iter(lambda: file.read(_CHUNK), b''):
        try:
            data = unpacker.decompress(chunk)
        except zlib.error:
            return
        *whole, rest = (rest + data).split(b'\n')
        for line in whole:
            # It may be any file that is packed.
            yield line.decode(errors='replace')
        if size:  # it is no pipe
            tell(min(1.0, file.tell() / size))


def _recorded(texts: collections.abc.Iterator[str], window: Window) -> File:
    first = next(texts, None)
    if first is None:
        raise exceptions.RecordError('nothing of it can be read')
    header = lines.header(first)
    coder = lines.Coder(header)
    begin, end = _bounds(header, window)
    whole = _Whole(header, begin, end)
    for text in texts:
        line = coder.decode(text)
        try:
            whole.take(line)
        except KeyError as error:
            raise exceptions.RecordError(
                f'a line is of number {error}, which did not begin: '
                f'{text[:80]!r}'
            ) from error
    file = whole.file()
    if begin > file.ended or end < header.origin:
        raise exceptions.RecordError(
            f'it has nothing {window}: it goes from '
            f'{_text(header.wall)} to {_text(file.time_of_day(file.ended))}'
        )
    return file


class _Whole:
    """What a file of samples has, taken in line by line.

    :param begin: from when on it is looked at; end: until when
    """

    def __init__(self, header: lines.Header, begin: float, end: float) -> None:
        self._header = header
        self._begin, self._end = begin, end
        self._streams: dict[int, Recorded] = {}
        self._marks: list[Mark] = []
        self._migrations = migrations.Read()
        self._ended = header.origin
        self._why: str | None = None

    def take(self, line: lines.Line | None) -> None:
        """Take in a line; None is one that a later version has."""
        match line:
            case lines.Stream():
                self._streams[line.number] = self._new(line)
            case lines.Baseline(number, moment):
                self._streams[number].begin(moment)
            case lines.Deadline(number, seconds):
                self._streams[number].deadline = seconds
            case lines.Batch():
                self._streams[line.stream].take(line)
            case lines.Log(number, log):
                self._streams[number].log.extend(log)
            case lines.Lost():
                self._streams[line.stream].lost = line
            case Mark():
                self._mark(line)
            case lines.Migration() | lines.Looked():
                self._migrations.take(line)
            case lines.Known(moment):
                self._know(moment)
            case lines.End(_, why):
                self._why = why

    def _new(self, stream: lines.Stream) -> Recorded:
        window = self._begin, self._end
        return Recorded(
            stream, Folding(stream.interval, window, stream.probing.waits)
        )

    def _mark(self, mark: Mark) -> None:
        self._marks.append(mark)
        for each in self._streams.values():
            each.folding.cut(mark.moment)

    def _know(self, moment: float) -> None:
        self._ended = moment
        for each in self._streams.values():
            # Of others, it is not the time of sending that counts.
            if not each.stream.probing.waits:
                each.folding.fold(moment - _WHOLE)

    def file(self) -> File:
        """All of it."""
        return File(
            self._header,
            tuple(self._streams.values()),
            tuple(self._marks),
            self._ended,
            self._why,
            self._begin,
            self._end,
            self._migrations.of_targets(self._begin, self._end),
        )


def _bounds(header: lines.Header, window: Window) -> tuple[float, float]:
    """From when to when a window is, in seconds of the observer."""
    begin, end = (
        default
        if moment is None
        else header.origin + moment.at(header.wall) - header.wall
        for moment, default in zip(window, (float('-inf'), float('inf')))
    )
    if begin >= end:
        raise exceptions.RecordError(
            f'nothing is {window}: that begins at its end, or later'
        )
    return begin, end


def _text(moment: float) -> str:
    return time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(moment))
