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

import typing

from migration_tempest_plugin.report import curves
from migration_tempest_plugin.report import documents
from migration_tempest_plugin.report import lanes
from migration_tempest_plugin.report import plot

#: Pixels of a lane, and of a curve with what is between it and the next.
_LANE, _CURVE, _BETWEEN = 34, 120, 34

#: The part of a lane that a band of round trips takes.
_BAND = 0.8

#: Pixels of the buttons.
_BUTTONS = 30

#: The most characters of a line of a lane's name: the plot needs the width.
_NAME = 18

#: The lane that it is in, from when to when, and what is to be read at it.
_InLane: typing.TypeAlias = tuple[int, float, float, str]

#: The lanes, each with its number from the top.
_Numbered: typing.TypeAlias = list[tuple[int, lanes.Lane]]


def migration(document: documents.Migration) -> plot.Figure:
    """What happened in one migration, on one axis of time."""
    views = _views(document)
    drawn = lanes.of(document, views['all'])
    below = curves.of(document)
    axes: dict[str, plot.Axis] = {
        'yaxis': {
            # a line of the grid would pass for time that was observed
            'showgrid': False,
            'zeroline': False,
            'automargin': True,
            'fixedrange': True,
            'range': [len(drawn) - 0.5, -0.5],
            'tickvals': list(range(len(drawn))),
            'ticktext': [
                '<br>'.join(plot.lines(lane.name, _NAME)) for lane in drawn
            ],
        }
    }
    traces: list[plot.Trace] = [
        {**trace, 'showlegend': False} for trace in _traces(drawn)
    ]
    for number, (title, found) in enumerate(below, 2):
        axes[f'yaxis{number}'] = plot.axis(
            title={'text': title}, rangemode='tozero'
        )
        traces += [
            {**trace, 'yaxis': f'y{number}', 'legend': f'legend{number}'}
            for trace in found
        ]
    height, tops = _stack(axes, [_LANE * len(drawn), *[_CURVE] * len(below)])
    legends = {
        axis.replace('yaxis', 'legend'): _legend(top)
        for axis, top in tops.items()
        if axis != 'yaxis'
    }
    start = 'it began' if document.get('kind') == 'watch' else 'the request'
    axes['xaxis'] = plot.axis(
        anchor=f'y{len(below) + 1}' if below else 'y',
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


def _traces(drawn: list[lanes.Lane]) -> list[plot.Trace]:
    """One trace of each kind for all lanes, by their numbers from the top.

    What comes later is drawn over what came before.
    """
    numbered = list(enumerate(drawn))
    kinds = (_band, _observed, _down, _phases, _marks, _limits)
    return [trace for kind in kinds if (trace := kind(numbered))]


def _band(numbered: _Numbered) -> plot.Trace | None:
    """How long answers took, below what was down."""
    found = [
        (number, piece, colour)
        for number, lane in numbered
        for pieces, colour in [lane.band]
        for piece in pieces
    ]
    if not found:
        return None
    return {
        'type': 'bar',
        'orientation': 'h',
        'meta': 'band',
        'base': [round(piece.begin, 4) for _, piece, _ in found],
        'x': [round(piece.end - piece.begin, 4) for _, piece, _ in found],
        # The axis goes downward.
        'y': [
            round(number + _BAND * (0.5 - (piece.low + piece.high) / 2), 3)
            for number, piece, _ in found
        ],
        'width': [
            round(_BAND * (piece.high - piece.low), 3) for _, piece, _ in found
        ],
        'hovertext': [piece.text for _, piece, _ in found],
        'hoverinfo': 'text',
        'opacity': 0.45,
        'marker': {'color': [colour for *_, colour in found]},
    }


def _observed(numbered: _Numbered) -> plot.Trace | None:
    """From when to when somebody looked."""
    return _lines(
        [
            (number, *lane.observed)
            for number, lane in numbered
            if lane.observed
        ],
        mode='lines',
        line={'color': plot.GREY, 'width': 2},
    )


def _down(numbered: _Numbered) -> plot.Trace | None:
    """What was down, or not observed."""
    bars = [(number, bar) for number, lane in numbered for bar in lane.bars]
    colours = [bar.colour for _, bar in bars]
    return _bars(
        [(number, bar.begin, bar.end, bar.text) for number, bar in bars],
        marker={
            'color': colours,
            'line': {'color': colours, 'width': 1.5},
            'pattern': {
                'shape': [bar.hatching for _, bar in bars],
                'fillmode': 'replace',
                'size': 6,
            },
        },
    )


def _phases(numbered: _Numbered) -> plot.Trace | None:
    phases = [
        (number, *phase) for number, lane in numbered for phase in lane.phases
    ]
    return _bars(
        [phase[:4] for phase in phases],
        text=[plot.escaped(name) for *_, name in phases],
        textposition='inside',
        insidetextanchor='middle',
        insidetextfont={'color': plot.FOREGROUND, 'size': 12},
        marker={
            'color': 'rgba(128,128,128,0.15)',
            'line': {'color': plot.COLOURS['phase'], 'width': 1.5},
        },
    )


def _marks(numbered: _Numbered) -> plot.Trace | None:
    """A triangle where something was down: it may be too short to be seen."""
    marks = [
        (number, *mark) for number, lane in numbered for mark in lane.marks
    ]
    if not marks:
        return None
    return {
        'type': 'scatter',
        'mode': 'markers',
        'hoverinfo': 'text',
        'x': [moment for _, moment, _, _ in marks],
        'y': [number for number, *_ in marks],
        'hovertext': [plot.escaped(text) for _, _, text, _ in marks],
        'marker': {
            'symbol': 'triangle-down',
            'size': 11,
            'color': [colour for *_, colour in marks],
            'line': {'color': plot.FOREGROUND, 'width': 1},
        },
    }


def _limits(numbered: _Numbered) -> plot.Trace | None:
    """What is allowed."""
    return _lines(
        [(number, *lane.limit) for number, lane in numbered if lane.limit],
        mode='lines+markers',
        meta='limit',
        line={'color': plot.FOREGROUND, 'dash': 'dash', 'width': 2},
        marker={
            'symbol': 'line-ns-open',
            'size': 20,
            'color': plot.FOREGROUND,
        },
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


def _menu(views: dict[str, lanes.Span]) -> dict[str, object]:
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


def _views(document: documents.Migration) -> dict[str, lanes.Span]:
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
        for _, spans in lanes.down(document)
        for span in spans
        for moment in span
    ]
    switchover = [
        moment
        for what, spans in lanes.down(document)
        for span in spans
        for moment in span
        if what in ('network', 'guest stopped')
    ]
    observed = [
        moment
        for each in lanes.timelines(document)
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


def _around(
    moments: list[float], share: float, least: float = 0.0
) -> lanes.Span:
    """From the first to the last of them, and a share of that around it."""
    begin, end = min(moments), max(moments)
    around = max(least, share * (end - begin)) or 1.0
    return begin - around, end + around
