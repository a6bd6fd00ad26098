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
import os
import typing
import zlib

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.measurement.folding import Folding
from migration_tempest_plugin.measurement import Probing
from migration_tempest_plugin.measurement import Timeline
from migration_tempest_plugin.recording import lines

_GZIP = 31
_CHUNK = 1 << 16

#: Seconds within which a sample may turn out to be the baseline.
_WHOLE = 10.0


@dataclasses.dataclass
class Recorded:
    """What a file of samples has of one stream.

    :ivar baseline: the moment from which it counts, or None
    """

    stream: lines.Stream
    folding: Folding
    baseline: float | None = None


@dataclasses.dataclass(frozen=True)
class File:
    """What a file of samples has.

    :ivar header: its first line
    :ivar streams: what was Recorded of each, in the order of the file
    :ivar ended: up to when samples are known, in seconds of the observer
    :ivar why: why it ended there, in a word; None if it was cut
    """

    header: lines.Header
    streams: tuple[Recorded, ...]
    ended: float
    why: str | None

    def timeline(self, recorded: Recorded) -> Timeline:
        """The Timeline of a stream.

        :raises NoMeasurement: if no probe of it was answered
        """
        stream = recorded.stream
        whole = Timeline(
            stream.what,
            stream.target,
            tuple(
                sample
                for sample in recorded.folding.since()
                if sample.start <= self.ended
            ),
            stream.interval,
            self.ended,
            probing=stream.probing,
            method=stream.method,
            clock=stream.clock,
            quiet=recorded.folding.quiet_since(),
        )
        whole = dataclasses.replace(
            whole,
            wall_start=self.header.wall + whole.began - self.header.origin,
        )
        return (
            whole
            if recorded.baseline is None
            else whole.since(recorded.baseline)
        )


def is_samples(path: str | os.PathLike[str]) -> bool:
    """Whether there is a file of samples, of any version, at a path."""
    try:
        with open(path, 'rb') as file:
            return lines.SCHEMA in next(_lines(file), '')
    except OSError:
        return False


def read(path: str | os.PathLike[str]) -> File:
    """What a file of samples has, up to where it was cut.

    :raises RecordError: if it can't be read
    """
    try:
        with open(path, 'rb') as file:
            return _recorded(_lines(file))
    except OSError as error:
        raise exceptions.RecordError(
            f"{path} can't be read: {error.strerror}"
        ) from error
    except exceptions.RecordError as error:
        raise exceptions.RecordError(f'{path}: {error}') from error


def _lines(file: typing.BinaryIO) -> collections.abc.Iterator[str]:
    """The whole lines of what can be unpacked."""
    unpacker = zlib.decompressobj(wbits=_GZIP)
    rest = b''
    for chunk in iter(lambda: file.read(_CHUNK), b''):
        try:
            data = unpacker.decompress(chunk)
        except zlib.error:
            return
        *whole, rest = (rest + data).split(b'\n')
        for line in whole:
            yield line.decode()


def _recorded(texts: collections.abc.Iterator[str]) -> File:
    first = next(texts, None)
    if first is None:
        raise exceptions.RecordError('nothing of it can be read')
    header = lines.header(first)
    coder = lines.Coder(header)
    streams: dict[int, Recorded] = {}
    ended = header.origin
    why: str | None = None
    for text in texts:
        match coder.decode(text):
            case lines.Stream() as stream:
                streams[stream.number] = Recorded(
                    stream, Folding(stream.interval, stream.deadline or 0.0)
                )
            case lines.Baseline(number, moment):
                streams[number].baseline = moment
                streams[number].folding.keep(moment)
            case lines.Batch(number, samples):
                for sample in samples:
                    streams[number].folding.add(sample)
            case lines.Known(moment):
                ended = moment
                for each in streams.values():
                    # Of others, it is not the time of sending that counts.
                    if each.stream.probing is Probing.INDEPENDENT:
                        each.folding.fold(moment - _WHOLE)
            case lines.End() as end:
                why = end.why
    return File(header, tuple(streams.values()), ended, why)
