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
"""The picture of a recorded migration, for plotly.js to draw.

Each lane says in words what it is, and what is certain, possible or unseen
differs by its hatching, so that nothing depends on seeing colours.
"""

import collections.abc
import dataclasses
import typing

from migration_tempest_plugin.report import digest
from migration_tempest_plugin.report import documents
from migration_tempest_plugin.report import plot

_LABELS = {
    'network': 'ping',
    'tcp': 'TCP',
    'metadata': 'metadata',
    'guest stopped': 'guest clock',
}
_LIMIT_OF = {'guest': 'guest stopped'}

_MIB = 2**20

#: Pixels of a lane, and of a curve with what is between it and the next.
_LANE, _CURVE, _BETWEEN = 34, 120, 34

#: Pixels of the buttons.
_BUTTONS = 30

#: The most characters of a line of a lane's name: the plot needs the width.
_NAME = 18

#: The moments that an outage has.
_MOMENTS: tuple[
    typing.Literal['start', 'end', 'first_failure', 'last_failure'], ...
] = ('start', 'end', 'first_failure', 'last_failure')

#: From when to when.
_Span: typing.TypeAlias = tuple[float, float]
#: A moment, and what was told then.
_Point: typing.TypeAlias = tuple[float, float]
#: The lane that it is in, from when to when, and what is to be read at it.
_InLane: typing.TypeAlias = tuple[int, float, float, str]


@dataclasses.dataclass
class _Lane:
    """What is drawn beside one name.

    :ivar observed: (begin, end, text) of a time in which somebody looked
    :ivar bars: the later ones above the earlier
    :ivar marks: (moment, text, colour) of each outage
    :ivar phases: (begin, end, text, name) of each phase
    :ivar limit: (begin, end, text), or None
    """

    name: str
    observed: tuple[float, float, str] | None = None
    bars: list['_Bar'] = dataclasses.field(default_factory=list)
    marks: list[tuple[float, str, str]] = dataclasses.field(
        default_factory=list
    )
    phases: list[tuple[float, float, str, str]] = dataclasses.field(
        default_factory=list
    )
    limit: tuple[float, float, str] | None = None


@dataclasses.dataclass(frozen=True)
class _Bar:
    """From when to when something was, and how that is drawn."""

    begin: float
    end: float
    text: str
    colour: str
    hatching: str = ''


def migration(document: documents.Migration) -> plot.Figure:
    """What happened in one migration, on one axis of time."""
    views = _views(document)
    lanes = _lanes(document, views['all'])
    curves = _curves(document)
    axes: dict[str, plot.Axis] = {
        'yaxis': {
            # a line of the grid would pass for time that was observed
            'showgrid': False,
            'zeroline': False,
            'automargin': True,
            'fixedrange': True,
            'range': [len(lanes) - 0.5, -0.5],
            'tickvals': list(range(len(lanes))),
            'ticktext': [
                '<br>'.join(plot.lines(lane.name, _NAME)) for lane in lanes
            ],
        }
    }
    traces: list[plot.Trace] = [
        {**trace, 'showlegend': False} for trace in _traces(lanes)
    ]
    for number, (title, found) in enumerate(curves, 2):
        axes[f'yaxis{number}'] = plot.axis(
            title={'text': title}, rangemode='tozero'
        )
        traces += [
            {**trace, 'yaxis': f'y{number}', 'legend': f'legend{number}'}
            for trace in found
        ]
    height, tops = _stack(axes, [_LANE * len(lanes), *[_CURVE] * len(curves)])
    legends = {
        axis.replace('yaxis', 'legend'): _legend(top)
        for axis, top in tops.items()
        if axis != 'yaxis'
    }
    start = 'it began' if document.get('kind') == 'watch' else 'the request'
    axes['xaxis'] = plot.axis(
        anchor=f'y{len(curves) + 1}' if curves else 'y',
        range=list(next(iter(views.values()))),
        title={'text': f'seconds since {start}'},
    )
    return plot.figure(
        traces,
        height,
        {
            **axes,
            **legends,
            'showlegend': True,
            'barmode': 'overlay',
            # hovering shows a label that does not fit
            'uniformtext': {'mode': 'hide', 'minsize': 10},
            'updatemenus': [_menu(views)],
        },
        _BUTTONS,
    )


def _stack(
    axes: dict[str, plot.Axis], heights: list[int]
) -> tuple[int, dict[str, float]]:
    """Put each axis below the one before.

    :returns: how many pixels high all of it is, and which part of that is
        below the upper end of each axis
    """
    height = sum(heights) + _BETWEEN * (len(heights) - 1)
    top = height
    tops = {}
    for (name, axis), own in zip(axes.items(), heights):
        tops[name] = top / height
        axis['domain'] = [max(0, top - own) / height, tops[name]]
        top -= own + _BETWEEN
    return height, tops


def _legend(top: float) -> dict[str, object]:
    """That of a curve, above it."""
    return {
        'orientation': 'h',
        'x': 0,
        'xanchor': 'left',
        'y': top,
        'yanchor': 'bottom',
        'bgcolor': 'rgba(0,0,0,0)',
        'font': {'size': 12},
    }


def _lanes(document: documents.Migration, whole: _Span) -> list[_Lane]:
    """:param whole: from when to when the axis goes at most"""
    lanes = [
        _timeline_lane(document, whole, number, each)
        for number, each in enumerate(document['measurements'], 1)
    ]
    clock = document.get('guest_clock')
    if clock:
        lanes.append(_clock_lane(document, clock))
    progress = document.get('progress') or {}
    for kind, name in (('status', 'phase'), ('event', 'events')):
        phases = [
            (
                sum(phase['begin']) / 2,
                sum(phase['end']) / 2,
                digest.phase(phase),
                phase['name'],
            )
            for phase in progress.get('phases', ())
            if phase['kind'] == kind and phase['end']
        ]
        if phases:
            lanes.append(_Lane(name, phases=phases))
    return lanes


def _timeline_lane(
    document: documents.Migration,
    whole: _Span,
    number: int,
    measured: documents.Timeline | documents.Missing,
) -> _Lane:
    missing = (
        measured['no_measurement'] if 'no_measurement' in measured else ''
    )
    timeline = _timeline(measured)
    if not timeline:
        return _Lane(
            f'NO MEASUREMENT ({number})',
            bars=[_Bar(*whole, missing, plot.GREY, '.')],
        )
    what, begin = timeline['what'], timeline.get('begin', 0.0)
    name = _LABELS.get(what, what)
    if not _on_the_axis(timeline):
        before = missing + '; ' if missing else ''
        longest = plot.duration(timeline['longest'])
        return _Lane(
            f"{name}, {timeline['clock']}'s clock",
            bars=[
                _Bar(
                    *whole,
                    f'{before}{len(timeline["outages"])} outages, the longest '
                    f"{longest}, by another clock than the tester's: when "
                    'they were is not known',
                    plot.GREY,
                    '.',
                )
            ],
        )
    until = begin + timeline.get('observed', 0.0)
    lane = _Lane(
        name,
        (
            begin,
            until,
            missing
            or f'{timeline["target"]}: observed, '
            f'resolution {timeline["resolution"]:.3f} s',
        ),
    )
    lane.bars += [
        _Bar(
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
    return lane


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
) -> _Lane:
    what = 'guest stopped'
    begin, length = next(
        (
            (each.get('begin', 0.0), each.get('observed', 0.0))
            for each in document['measurements']
            if 'no_measurement' not in each and each['what'] == 'tcp'
        ),
        (0.0, 0.0),
    )
    lane = _Lane(
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
    lane: _Lane, what: str, outages: list[documents.Outage]
) -> None:
    """Possibly down: hatched; certainly: filled; and a mark to find it."""
    colour = plot.COLOURS.get(what, plot.OTHER)
    said = [
        f'{what}: {plot.duration(each)}, from {each["start"]:.3f} s'
        + (f', {each["failures"]} probes failed' if 'failures' in each else '')
        + (', STILL DOWN' if each.get('ongoing') else '')
        for each in outages
    ]
    lane.bars += [
        _Bar(each['start'], each['end'], text, colour, '/')
        for each, text in zip(outages, said)
    ]
    lane.bars += [
        _Bar(begin, end, text, colour)
        for (begin, end), text in zip(map(_certain, outages), said)
        if begin < end
    ]
    lane.marks += [
        ((each['start'] + each['end']) / 2, text, colour)
        for each, text in zip(outages, said)
    ]


def _certain(outage: documents.Outage) -> _Span:
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


def _traces(lanes: list[_Lane]) -> list[plot.Trace]:
    """One trace of each kind for all lanes, by their numbers from the top."""
    numbered = list(enumerate(lanes))
    bars = [(number, bar) for number, lane in numbered for bar in lane.bars]
    phases = [
        (number, *phase) for number, lane in numbered for phase in lane.phases
    ]
    marks = [
        (number, *mark) for number, lane in numbered for mark in lane.marks
    ]
    return list(
        filter(
            None,
            (
                _lines(
                    [
                        (number, *lane.observed)
                        for number, lane in numbered
                        if lane.observed
                    ],
                    mode='lines',
                    line={'color': plot.GREY, 'width': 2},
                ),
                _bars(
                    [
                        (number, bar.begin, bar.end, bar.text)
                        for number, bar in bars
                    ],
                    marker={
                        'color': [bar.colour for _, bar in bars],
                        'line': {
                            'color': [bar.colour for _, bar in bars],
                            'width': 1.5,
                        },
                        'pattern': {
                            'shape': [bar.hatching for _, bar in bars],
                            'fillmode': 'replace',
                            'size': 6,
                        },
                    },
                ),
                _bars(
                    [phase[:4] for phase in phases],
                    text=[plot.escaped(name) for *_, name in phases],
                    textposition='inside',
                    insidetextanchor='middle',
                    insidetextfont={'color': plot.FOREGROUND, 'size': 12},
                    marker={
                        'color': 'rgba(128,128,128,0.15)',
                        'line': {'color': plot.COLOURS['phase'], 'width': 1.5},
                    },
                ),
                {
                    'type': 'scatter',
                    'mode': 'markers',
                    'hoverinfo': 'text',
                    'x': [moment for _, moment, _, _ in marks],
                    'y': [number for number, *_ in marks],
                    'hovertext': [
                        plot.escaped(text) for _, _, text, _ in marks
                    ],
                    'marker': {
                        'symbol': 'triangle-down',
                        'size': 11,
                        'color': [colour for *_, colour in marks],
                        'line': {'color': plot.FOREGROUND, 'width': 1},
                    },
                }
                if marks
                else None,
                _lines(
                    [
                        (number, *lane.limit)
                        for number, lane in numbered
                        if lane.limit
                    ],
                    mode='lines+markers',
                    meta='limit',
                    line={
                        'color': plot.FOREGROUND,
                        'dash': 'dash',
                        'width': 2,
                    },
                    marker={
                        'symbol': 'line-ns-open',
                        'size': 20,
                        'color': plot.FOREGROUND,
                    },
                ),
            ),
        )
    )


def _bars(spans: list[_InLane], **look: object) -> plot.Trace | None:
    return (
        {
            'type': 'bar',
            'orientation': 'h',
            'width': 0.62,
            'base': [begin for _, begin, _, _ in spans],
            'x': [end - begin for _, begin, end, _ in spans],
            'y': [lane for lane, *_ in spans],
            'hovertext': [plot.escaped(text) for *_, text in spans],
            'hoverinfo': 'text',
            **look,
        }
        if spans
        else None
    )


def _lines(spans: list[_InLane], **look: object) -> plot.Trace | None:
    """A line for each, with nothing between one and the next."""
    return (
        {
            'type': 'scatter',
            'hoverinfo': 'text',
            'x': [x for _, begin, end, _ in spans for x in (begin, end, None)],
            'y': [y for lane, *_ in spans for y in (lane, lane, None)],
            'hovertext': [
                each
                for *_, text in spans
                for each in (*[plot.escaped(text)] * 2, '')
            ],
            **look,
        }
        if spans
        else None
    )


def _curves(
    document: documents.Migration,
) -> list[tuple[str, list[plot.Trace]]]:
    """Memory and rates, and how much the guest is slowed, where known."""
    looks = (document.get('progress') or {}).get('looks', ())
    api = [
        (look['answered'], left)
        for look in looks
        if (left := look.get('memory_remaining')) is not None
    ]
    figures = document.get('figures', ())

    def told(
        name: typing.Literal[
            'memory_remaining', 'dirty_rate', 'bandwidth', 'throttle'
        ],
    ) -> list[_Point]:
        return [
            (each['at'], number)
            for each in figures
            if (number := each.get(name)) is not None
        ]

    curves = [
        (
            'memory, MiB',
            [
                _curve('left, by Nova', api, '#0072B2', 'solid', _MIB),
                _curve(
                    'left, by libvirt',
                    told('memory_remaining'),
                    '#D55E00',
                    'dot',
                    _MIB,
                ),
            ],
        ),
        (
            'MiB/s',
            [
                _curve(
                    'written by the guest',
                    told('dirty_rate'),
                    '#CC79A7',
                    'dash',
                    _MIB,
                ),
                _curve('copied', told('bandwidth'), '#009E73', 'solid', _MIB),
            ],
        ),
        (
            'throttle, %',
            [_curve('auto-converge', told('throttle'), '#E69F00', 'solid', 1)],
        ),
    ]
    found = [(title, list(filter(None, traces))) for title, traces in curves]
    return [curve for curve in found if curve[1]]


def _curve(
    name: str,
    points: collections.abc.Sequence[_Point],
    colour: str,
    dash: str,
    unit: int,
) -> plot.Trace | None:
    if not any(y for _, y in points):
        return None  # nothing was told, or Nova's 0 for "not known yet"
    return {
        'type': 'scatter',
        'mode': 'lines+markers',
        'name': name,
        'x': [x for x, _ in points],
        'y': [y / unit for _, y in points],
        'line': {'color': colour, 'dash': dash, 'width': 2},
        'marker': {'size': 5, 'color': colour},
        'hovertemplate': name + ': %{y:.1f} at %{x:.1f} s<extra></extra>',
    }


def _menu(views: dict[str, _Span]) -> dict[str, object]:
    """A button for each view."""
    return {
        'type': 'buttons',
        'direction': 'right',
        'showactive': False,
        'x': 0,
        'xanchor': 'left',
        'y': 1,
        'yanchor': 'bottom',
        'pad': {'b': 4},
        'bgcolor': 'rgba(128,128,128,0.15)',
        'buttons': [
            {
                'label': label,
                'method': 'relayout',
                'args': [{'xaxis.range': list(moments)}],
            }
            for label, moments in views.items()
        ],
    }


def _views(document: documents.Migration) -> dict[str, _Span]:
    """From when to when each view shows, by its name; the first one first."""
    progress = document.get('progress') or {}
    moments = [
        moment
        for look in progress.get('looks', ())
        for moment in (look['asked'], look['answered'])
    ]
    moments += [
        sum(moment) / 2
        for phase in progress.get('phases', ())
        for moment in (phase['begin'], phase['end'])
        if moment
    ]
    outages = [
        moment
        for _, spans in _down(document)
        for span in spans
        for moment in span
    ]
    switchover = [
        moment
        for what, spans in _down(document)
        for span in spans
        for moment in span
        if what in ('network', 'guest stopped')
    ]
    observed = [
        moment
        for each in _timelines(document)
        for moment in (
            each.get('begin', 0.0),
            each.get('begin', 0.0) + each.get('observed', 0.0),
        )
    ]
    observed += [each['at'] for each in document.get('figures', ())]
    views = {}
    if moments:
        views['migration'] = _around([0.0, *moments, *outages], 0.03)
    views['all'] = _around([0.0, *moments, *outages, *observed], 0.03)
    if switchover:
        views['outages'] = _around(switchover, 0.25, 0.1)
    return views


def _around(moments: list[float], share: float, least: float = 0.0) -> _Span:
    """From the first to the last of them, and a share of that around it."""
    begin, end = min(moments), max(moments)
    around = max(least, share * (end - begin)) or 1.0
    return begin - around, end + around


def _timelines(document: documents.Migration) -> list[documents.Timeline]:
    """All that can be drawn on the axis."""
    return [
        timeline
        for each in document['measurements']
        if (timeline := _timeline(each)) and _on_the_axis(timeline)
    ]


def _down(
    document: documents.Migration,
) -> collections.abc.Iterator[tuple[str, list[_Span]]]:
    """What was down, and from when to when, of each."""
    for timeline in _timelines(document):
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
