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
"""What stands in a file of samples, line by line; doc/source/records.rst.

Each line is JSON. Times are whole microseconds since the origin that the first
line has: a start is rounded down and an end up, so that bounds stay bounds.
"""

import collections.abc
import dataclasses
import json
import math
import typing

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.measurement import Followed
from migration_tempest_plugin.measurement import Look
from migration_tempest_plugin.measurement import Mark
from migration_tempest_plugin.measurement import Probing
from migration_tempest_plugin.measurement import Progress
from migration_tempest_plugin.measurement import Sample

SCHEMA = 'migration-tempest-plugin/samples'
SCHEMA_VERSION = 1

#: For zlib, of the file: with the header of gzip, so that zcat reads it, too.
GZIP = 31

_MICRO = 1_000_000

#: /proc/uptime counts them.
_HUNDREDTHS = 100

#: Of a Look, in bytes; only there where it is known.
_MEMORY = 'memory_total', 'memory_processed', 'memory_remaining'

# What became of a probe, beside when it was sent and when that was known.
_ANSWERED, _FAILED, _LATE = 0, 1, 2


@dataclasses.dataclass(frozen=True)
class Header:
    """The first line.

    :ivar wall: time of day at the origin, in seconds since the epoch
    :ivar origin: the same moment in seconds of the observer's own clock
    """

    wall: float
    origin: float


@dataclasses.dataclass(frozen=True)
class Stream:
    """What one meter probes, and how: as a Timeline has it.

    :ivar number: by which its samples are known
    """

    number: int
    what: str
    target: str
    interval: float
    deadline: float | None
    probing: Probing
    method: str = ''
    clock: str = 'tester'


@dataclasses.dataclass(frozen=True)
class Batch:
    """Samples of one stream, as they came.

    :ivar uptimes: what the guest's clock showed with each, in seconds, or
        None; empty if it was asked with none of them
    """

    stream: int
    samples: tuple[Sample, ...]
    uptimes: tuple[float | None, ...] = ()


@dataclasses.dataclass(frozen=True)
class Log:
    """Lines of the log that a script in a guest writes, as they came.

    What they say is for whoever knows that script (stream: its ``what``).
    """

    stream: int
    lines: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Baseline:
    """A stream counts from a moment on: an answered probe was sent then."""

    stream: int
    moment: float


@dataclasses.dataclass(frozen=True)
class Deadline:
    """From which delay on an answer of a stream is late, in seconds.

    It stands there where that was chosen after the stream had begun.
    """

    stream: int
    seconds: float


@dataclasses.dataclass(frozen=True)
class Lost:
    """From a moment on, a stream has no samples any more, and why."""

    stream: int
    moment: float
    why: str


@dataclasses.dataclass(frozen=True)
class Migration:
    """What is known of a migration but for the looks at it: see migrations.

    :ivar number: by which it is known
    :ivar target: what is measured of its server
    :ivar followed: the Followed, whose Progress has no looks
    """

    number: int
    target: str
    followed: Followed


@dataclasses.dataclass(frozen=True)
class Looked:
    """A Look at a migration."""

    migration: int
    look: Look


@dataclasses.dataclass(frozen=True)
class Known:
    """All that was sent before a moment stands above."""

    moment: float


@dataclasses.dataclass(frozen=True)
class End:
    """Nothing comes after it.

    :ivar why: in a word: 'over', or what kept it from going on
    """

    moment: float
    why: str


Line: typing.TypeAlias = (
    Header
    | Stream
    | Batch
    | Log
    | Baseline
    | Deadline
    | Lost
    | Mark
    | Migration
    | Looked
    | Known
    | End
)


class Coder:
    """Lines to text and back, with times since one origin.

    :param header: the Header of the file
    """

    def __init__(self, header: Header) -> None:
        self._origin = header.origin

    def encode(self, line: Line) -> str:
        """A line as text, without its end."""
        return json.dumps(self._document(line), separators=(',', ':'))

    def _document(self, line: Line) -> dict[str, object]:
        match line:
            case Header():
                return {
                    'schema': SCHEMA,
                    'version': SCHEMA_VERSION,
                    **dataclasses.asdict(line),
                }
            case Stream():
                return {
                    'stream': line.number,
                    **{
                        each.name: getattr(line, each.name)
                        for each in dataclasses.fields(line)
                        if each.name not in ('number', 'probing')
                    },
                    'probing': line.probing.value,
                }
            case Batch():
                return {
                    'of': line.stream,
                    'samples': list(self._numbers(line.samples)),
                    **_uptimes(line),
                    **_reasons(line.samples),
                }
            case Log():
                return {'log': line.stream, 'lines': list(line.lines)}
            case Baseline():
                return {
                    'baseline': line.stream,
                    'at': self._down(line.moment),
                }
            case Deadline():
                return {'deadline': line.stream, 'seconds': line.seconds}
            case Lost():
                return {
                    'lost': line.stream,
                    'at': self._down(line.moment),
                    'why': line.why,
                }
            case Mark():
                return {'mark': line.text, 'at': self._down(line.moment)}
            case Migration():
                return self._migration(line)
            case Looked():
                return self._looked(line)
            case Known():
                return {'known': self._down(line.moment)}
            case End():
                return {'end': self._down(line.moment), 'why': line.why}

    def _migration(self, line: Migration) -> dict[str, object]:
        followed = line.followed
        return {
            'migration': line.number,
            'target': line.target,
            'kind': followed.kind,
            'source': followed.source,
            'destination': followed.destination,
            'status': followed.status,
            'requested': self._down(followed.progress.requested),
            'over': followed.ended and self._bounds(*followed.ended),
            'record': followed.record,
            'events': list(followed.events),
        }

    def _looked(self, line: Looked) -> dict[str, object]:
        look = line.look
        memory = {
            name: getattr(look, name)
            for name in _MEMORY
            if getattr(look, name) is not None
        }
        return {
            'looked': line.migration,
            'at': self._bounds(look.asked, look.answered),
            'status': look.status,
            **memory,
            'begun': sorted(look.begun),
            'over': sorted(look.ended),
        }

    def _bounds(self, earliest: float, latest: float) -> list[int]:
        return [self._down(earliest), self._up(latest)]

    def _numbers(
        self, samples: tuple[Sample, ...]
    ) -> collections.abc.Iterator[int]:
        """Four of each: since the one before, how long, what, and slack."""
        before = 0
        for sample in samples:
            start = self._down(sample.start)
            yield start - before
            yield self._up(sample.end) - start
            yield (
                _ANSWERED
                if sample.answered
                else _LATE
                if sample.late
                else _FAILED
            )
            yield math.ceil(sample.slack * _MICRO)
            before = start

    def _down(self, moment: float) -> int:
        return math.floor((moment - self._origin) * _MICRO)

    def _up(self, moment: float) -> int:
        return math.ceil((moment - self._origin) * _MICRO)

    def decode(self, text: str) -> Line | None:
        """The line of a text; None for one that a later version has.

        :raises RecordError: if it is none
        """
        try:
            return self._line(json.loads(text))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise exceptions.RecordError(
                f'this is no line of a file of samples: {text[:80]!r}'
            ) from error

    def _line(self, found: dict[str, typing.Any]) -> Line | None:
        if 'stream' in found:
            return Stream(
                found['stream'],
                found['what'],
                found['target'],
                found['interval'],
                found['deadline'],
                Probing(found['probing']),
                found['method'],
                found['clock'],
            )
        if 'of' in found:
            return Batch(
                found['of'],
                tuple(self._samples(found['samples'], found.get('why', {}))),
                tuple(
                    each if each is None else each / _HUNDREDTHS
                    for each in found.get('uptimes', ())
                ),
            )
        if 'log' in found:
            return Log(found['log'], tuple(map(str, found['lines'])))
        if 'baseline' in found:
            return Baseline(found['baseline'], self._moment(found['at']))
        if 'seconds' in found:
            return Deadline(found['deadline'], float(found['seconds']))
        if 'lost' in found:
            return Lost(found['lost'], self._moment(found['at']), found['why'])
        if 'mark' in found:
            return Mark(self._moment(found['at']), str(found['mark']))
        if 'migration' in found:
            return Migration(
                found['migration'],
                str(found['target']),
                self._followed(found),
            )
        if 'looked' in found:
            return Looked(found['looked'], self._look(found))
        if 'known' in found:
            return Known(self._moment(found['known']))
        if 'end' in found:
            return End(self._moment(found['end']), found['why'])
        return None

    def _followed(self, found: dict[str, typing.Any]) -> Followed:
        over = found['over'] and self._span(found['over'])
        requested = self._moment(found['requested'])
        if over and over[0] < requested:
            raise ValueError('it was over before it began')
        return Followed(
            str(found['kind']),
            found['source'],
            found['destination'],
            str(found['status']),
            Progress(requested),
            found['record'],
            tuple(found['events']),
            over,
        )

    def _look(self, found: dict[str, typing.Any]) -> Look:
        asked, answered = self._span(found['at'])
        return Look(
            asked,
            answered,
            found['status'],
            **{name: found.get(name) for name in _MEMORY},
            begun=frozenset(found['begun']),
            ended=frozenset(found['over']),
        )

    def _samples(
        self, numbers: list[int], reasons: dict[str, str]
    ) -> collections.abc.Iterator[Sample]:
        start = 0
        for each in range(0, len(numbers), 4):
            since, took, what, slack = numbers[each : each + 4]
            if took < 0 or slack < 0:
                raise ValueError('it ends before it begins')
            start += since
            yield Sample(
                self._moment(start),
                self._moment(start + took),
                what == _ANSWERED,
                late=what == _LATE,
                slack=slack / _MICRO,
                why=reasons.get(str(each // 4), ''),
            )

    def _span(self, bounds: list[int]) -> tuple[float, float]:
        earliest, latest = map(self._moment, bounds)
        if latest < earliest:
            raise ValueError('it ends before it begins')
        return earliest, latest

    def _moment(self, micro: int) -> float:
        return self._origin + micro / _MICRO


def _uptimes(line: Batch) -> dict[str, list[int | None]]:
    if not line.uptimes:
        return {}
    return {
        'uptimes': [
            each if each is None else round(each * _HUNDREDTHS)
            for each in line.uptimes
        ]
    }


def _reasons(
    samples: tuple[Sample, ...],
) -> dict[str, dict[str, str]]:
    reasons = {
        str(place): sample.why
        for place, sample in enumerate(samples)
        if sample.why
    }
    return {'why': reasons} if reasons else {}


def header(text: str) -> Header:
    """The Header in the first line of a file.

    :raises RecordError: if it is none, or of a version that is not known
    """
    try:
        found = json.loads(text)
        if found['schema'] != SCHEMA:
            raise ValueError
        version = found['version']
        if version == SCHEMA_VERSION:
            return Header(float(found['wall']), float(found['origin']))
    except (ValueError, TypeError, KeyError) as error:
        raise exceptions.RecordError('it is no file of samples') from error
    raise exceptions.RecordError(
        f'it is of version {version} of {SCHEMA}; this release knows '
        f'{SCHEMA_VERSION}'
    )
