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
"""The lanes of a migration's picture: what was measured, one below another."""

import collections.abc
import dataclasses
import typing

from migration_tempest_plugin.measurement.progress import AT_REST
from migration_tempest_plugin.measurement.progress import OVER
from migration_tempest_plugin.report import bands
from migration_tempest_plugin.report import digest
from migration_tempest_plugin.report import documents
from migration_tempest_plugin.report import plot
from migration_tempest_plugin import words

_LABELS = {
    'network': 'ping',
    'tcp': 'TCP',
    'metadata': 'metadata',
    'guest stopped': 'guest clock',
    'connect': 'connect',
    'http': 'HTTP',
    'kept': 'kept',
    'dns': 'DNS',
}
_LIMIT_OF = {'guest': 'guest stopped'}

#: The moments that an outage has.
_MOMENTS: tuple[
    typing.Literal['start', 'end', 'first_failure', 'last_failure'], ...
] = ('start', 'end', 'first_failure', 'last_failure')

#: From when to when.
Span: typing.TypeAlias = tuple[float, float]


@dataclasses.dataclass
class Lane:
    """What is drawn beside one name.

    :ivar observed: (begin, end, text) of a time in which somebody looked
    :ivar bars: the later ones above the earlier
    :ivar marks: (moment, text, colour) of each outage
    :ivar phases: (begin, end, text, name) of each phase
    :ivar limit: (begin, end, text), or None
    :ivar band: the Pieces of its round trips, and their colour
    """

    name: str
    observed: tuple[float, float, str] | None = None
    bars: list['Bar'] = dataclasses.field(default_factory=list)
    marks: list[tuple[float, str, str]] = dataclasses.field(
        default_factory=list
    )
    phases: list[tuple[float, float, str, str]] = dataclasses.field(
        default_factory=list
    )
    limit: tuple[float, float, str] | None = None
    band: tuple[list[bands.Piece], str] = ([], '')


@dataclasses.dataclass(frozen=True)
class Bar:
    """From when to when something was, and how that is drawn."""

    begin: float
    end: float
    text: str
    colour: str
    hatching: str = ''


def of(document: documents.Migration, whole: Span) -> list[Lane]:
    """:param whole: from when to when the axis goes at most"""
    lanes = [
        _timeline_lane(document, whole, number, each)
        for number, each in enumerate(document['measurements'], 1)
    ]
    clock = document.get('guest_clock')
    if clock:
        lanes.append(_clock_lane(document, clock))
    progress = document.get('progress') or {}
    found = progress.get('phases', ())
    goes_on = any(_goes_on(phase) for phase in found)
    for kind, name in (
        ('status', 'phase'),
        ('migration', 'migration'),
        ('event', 'events'),
    ):
        phases = [
            (
                sum(phase['begin']) / 2,
                sum(phase['end']) / 2 if phase['end'] else whole[1],
                digest.phase(phase),
                phase['name'],
            )
            for phase in found
            if phase['kind'] == kind
            and (
                phase['end'] or _goes_on(phase) or goes_on and kind == 'event'
            )
        ]
        if phases:
            lanes.append(Lane(name, phases=phases))
    return lanes


def _goes_on(phase: documents.Phase) -> bool:
    """Whether a migration was in a phase when nobody looked any more."""
    # "2: running", of the second migration
    name = phase['name'].rpartition(': ')[2]
    return (
        phase['kind'] != 'event'
        and phase['end'] is None
        and name not in (*AT_REST, OVER)
    )


def _timeline_lane(
    document: documents.Migration,
    whole: Span,
    number: int,
    measured: documents.Timeline | documents.Missing,
) -> Lane:
    missing = (
        measured['no_measurement'] if 'no_measurement' in measured else ''
    )
    timeline = _timeline(measured)
    if not timeline:
        return Lane(
            f'NO MEASUREMENT ({number})',
            bars=[Bar(*whole, missing, plot.GREY, '.')],
        )
    what, begin = timeline['what'], timeline.get('begin', 0.0)
    name = _LABELS.get(what, what)
    if not _on_the_axis(timeline):
        before = missing + '; ' if missing else ''
        count = words.counted(len(timeline['outages']), 'outage')
        longest = plot.duration(timeline['longest'])
        return Lane(
            f"{name}, {timeline['clock']}'s clock",
            bars=[
                Bar(
                    *whole,
                    f'{before}{count}, the longest '
                    f"{longest}, by another clock than the tester's: when "
                    'they were is not known',
                    plot.GREY,
                    '.',
                )
            ],
        )
    until = begin + timeline.get('observed', 0.0)
    lane = Lane(
        name,
        (
            begin,
            until,
            missing
            or f'{timeline["target"]}: observed, resolution '
            f'{timeline["resolution"]:.3f} s{_short_gaps(timeline)}',
        ),
    )
    lane.bars += [
        Bar(
            begin + gap['begin'],
            begin + gap['end'],
            'nobody looked for %.3f s' % (gap['end'] - gap['begin']),
            plot.GREY,
            'x',
        )
        for gap in timeline.get('gaps', ())
    ]
    outages = [_shifted(outage, begin) for outage in timeline['outages']]
    _add_outages(lane, what, outages)
    lane.limit = _limit(document, what, outages, until)
    lane.band = bands.pieces(timeline), plot.COLOURS.get(what, plot.OTHER)
    return lane


def _short_gaps(timeline: documents.Timeline) -> str:
    """For how long nobody looked, of the times that have no bar."""
    gaps = timeline.get('short_gaps')
    if not gaps or not gaps['count']:
        return ''
    return (
        f', in {gaps["count"]} short times for {gaps["total"]:.3f} s by '
        f'nobody, {gaps["longest"]:.3f} s on end at most'
    )


def _timeline(
    measured: documents.Timeline | documents.Missing,
) -> documents.Timeline | None:
    """The timeline of a measurement, or of what there was instead, or None."""
    return (
        measured.get('timeline') if 'no_measurement' in measured else measured
    )


def _on_the_axis(timeline: documents.Timeline) -> bool:
    """Whether its times are the tester's, as all others in a picture are."""
    return timeline.get('clock', 'tester') == 'tester'


def _clock_lane(
    document: documents.Migration, clock: documents.GuestClock
) -> Lane:
    what = 'guest stopped'
    begin, length = next(
        (
            (each.get('begin', 0.0), each.get('observed', 0.0))
            for each in document['measurements']
            if 'no_measurement' not in each and each['what'] == 'tcp'
        ),
        (0.0, 0.0),
    )
    lane = Lane(
        _LABELS[what],
        (
            begin,
            begin + length,
            (
                f'{clock.get("beats", 0)} beats, '
                f'resolution {clock.get("resolution", 0.0):.3f} s'
            ),
        ),
    )
    _add_outages(lane, what, clock['stops'])
    lane.limit = _limit(document, what, clock['stops'], begin + length)
    return lane


def _shifted(outage: documents.Outage, begin: float) -> documents.Outage:
    shifted = outage.copy()
    for key in _MOMENTS:
        if key in outage:
            shifted[key] = outage[key] + begin
    return shifted


def _add_outages(
    lane: Lane, what: str, outages: list[documents.Outage]
) -> None:
    """Possibly down: hatched; certainly: filled; and a mark to find it."""
    colour = plot.COLOURS.get(what, plot.OTHER)
    said = [
        f'{what}: {plot.duration(each)}, from {each["start"]:.3f} s'
        + (f', {each["failures"]} probes failed' if 'failures' in each else '')
        + (', STILL DOWN' if each.get('ongoing') else '')
        + (f': {each["why"]}' if each.get('why') else '')
        for each in outages
    ]
    lane.bars += [
        Bar(each['start'], each['end'], text, colour, '/')
        for each, text in zip(outages, said)
    ]
    lane.bars += [
        Bar(begin, end, text, colour)
        for (begin, end), text in zip(map(_certain, outages), said)
        if begin < end
    ]
    lane.marks += [
        ((each['start'] + each['end']) / 2, text, colour)
        for each, text in zip(outages, said)
    ]


def _certain(outage: documents.Outage) -> Span:
    """From when to when it was certainly down, as well as is known."""
    if 'first_failure' in outage:
        return outage['first_failure'], outage['last_failure']
    middle = (outage['start'] + outage['end']) / 2
    return middle - outage['lower'] / 2, middle + outage['lower'] / 2


def _limit(
    document: documents.Migration,
    what: str,
    outages: list[documents.Outage],
    until: float,
) -> tuple[float, float, str] | None:
    """A line as long as is allowed, from where the first outage began.

    Only where it fits into what was observed: it would stretch the axis. The
    page says the limit in words.
    """
    limits = [
        each
        for each in document.get('limits', ())
        if _LIMIT_OF.get(each['what'], each['what']) == what
        and not each.get('round_trip')
    ]
    if not outages or not limits:
        return None
    limit = min(limits, key=lambda each: each['seconds'])
    begin, end = outages[0]['start'], outages[0]['start'] + limit['seconds']
    return (
        (
            begin,
            end,
            f'limit: {limit["seconds"]:g} s ({limit["option"]})',
        )
        if end <= until
        else None
    )


def timelines(document: documents.Migration) -> list[documents.Timeline]:
    """All that can be drawn on the axis."""
    return [
        timeline
        for each in document['measurements']
        if (timeline := _timeline(each)) and _on_the_axis(timeline)
    ]


def down(
    document: documents.Migration,
) -> collections.abc.Iterator[tuple[str, list[Span]]]:
    """What was down, and from when to when, of each."""
    for timeline in timelines(document):
        begin = timeline.get('begin', 0.0)
        yield (
            timeline['what'],
            [
                (begin + outage['start'], begin + outage['end'])
                for outage in timeline['outages']
            ],
        )
    clock = document.get('guest_clock')
    if clock:
        yield (
            'guest stopped',
            [(stop['start'], stop['end']) for stop in clock['stops']],
        )
