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
"""Figures of how numbers are spread, variant by variant, for plotly.js.

The axis is logarithmic: a cold migration's 8 s and a live one's 0.05 s can be
read alike. A variant's name stands above its points, where it takes no width
from them. The vertical axis counts pixels.
"""

import collections.abc
import dataclasses
import math
import statistics
import typing

from migration_tempest_plugin import measurement
from migration_tempest_plugin.measurement import comparison
from migration_tempest_plugin.report import judged
from migration_tempest_plugin.report import plot

#: Pixels of a line of a name, of a row of points, and above a name.
_LINE, _ROW, _ABOVE = 16, 30, 8

#: Pixels of a legend.
_LEGEND = 30

#: The most characters of a line of a name, on a screen of 390 pixels.
_NAME = 50

#: The last number on the axis is as many times the first, at least.
_FACTOR = 4

#: Fewer points than these speak for themselves.
_FEW = 3


@dataclasses.dataclass(frozen=True)
class Point:
    """One number, as it is drawn.

    :ivar seconds: where it is drawn; 0 and math.inf are where the axis begins
        and ends
    :ivar text: what is to be read at it
    :ivar seen: False if there was no outage: then it is not longer than so
    """

    seconds: float
    text: str
    seen: bool = True

    @classmethod
    def of(cls, duration: measurement.Duration, text: str) -> 'Point':
        """Where a Duration is drawn."""
        if duration.is_bound_alone:
            return cls(duration.upper, text, seen=False)
        return cls(float(duration), text)


@dataclasses.dataclass(frozen=True)
class _Look:
    """How the points of one kind look."""

    name: str
    colour: str
    symbol: str


_Row: typing.TypeAlias = collections.abc.Mapping[
    _Look, collections.abc.Sequence[Point]
]
#: Points, with the pixel that is in the middle of their row.
_Placed: typing.TypeAlias = tuple[float, collections.abc.Sequence[Point]]


def by_variant(
    quantity: str,
    points_of: collections.abc.Mapping[str, collections.abc.Sequence[Point]],
) -> plot.Figure:
    """How a quantity is spread.

    :param points_of: by variant
    """
    look = _Look(quantity, plot.COLOURS.get(quantity, plot.OTHER), 'circle')
    return _figure(
        {variant: {look: points} for variant, points in points_of.items()}
    )


def before_after(
    samples: collections.abc.Mapping[str, comparison.Samples],
) -> plot.Figure:
    """Each variant's samples of one quantity, before and after.

    :param samples: by variant
    """
    before = _Look('before (circles)', '#0072B2', 'circle-open')
    after = _Look('after (crosses)', '#D55E00', 'x')
    figure = _figure(
        {
            variant: {
                before: [_sample(number) for number in each.before],
                after: [_sample(number) for number in each.after],
            }
            for variant, each in samples.items()
        },
        _LEGEND,
    )
    figure['layout'].update(
        showlegend=True,
        legend={'orientation': 'h', 'y': 1, 'yanchor': 'bottom'},
    )
    return figure


def _sample(number: float) -> Point:
    if math.isinf(number):
        return Point(math.inf, 'still down')
    duration = (
        number
        if isinstance(number, measurement.Duration)
        else measurement.Duration(number, number)
    )
    return Point.of(duration, judged.text(duration))


def _figure(
    rows: collections.abc.Mapping[str, _Row], above: int = 0
) -> plot.Figure:
    """:param rows: by variant"""
    names: list[dict[str, object]] = []
    placed: dict[_Look, list[_Placed]] = {}
    top = 0
    for variant, looks in rows.items():
        name = plot.lines(variant, _NAME)
        top += _ABOVE
        names.append(_label(name, top))
        top += _LINE * len(name)
        for look, points in looks.items():
            placed.setdefault(look, []).append((top + _ROW / 2, points))
            top += _ROW
    range_ = _range(
        [
            point.seconds
            for looks in rows.values()
            for points in looks.values()
            for point in points
        ]
    )
    traces = [
        trace
        for look, rows_of in placed.items()
        for trace in _traces(look, rows_of, range_)
    ]
    return plot.figure(
        traces,
        top,
        {
            'xaxis': plot.axis(
                type='log',
                range=[math.log10(each) for each in range_],
                tickformat='~g',
                nticks=_labels(math.log10(range_[1] / range_[0])),
                title={'text': 'seconds, logarithmic'},
            ),
            'yaxis': {'visible': False, 'fixedrange': True, 'range': [top, 0]},
            'annotations': names,
        },
        above,
    )


def _label(lines: list[str], top: int) -> dict[str, object]:
    return {
        'text': '<br>'.join(lines),
        'align': 'left',
        'showarrow': False,
        'xref': 'paper',
        'x': 0,
        'xanchor': 'left',
        'yref': 'y',
        'y': top,
        'yanchor': 'top',
        'font': {'size': 12},
    }


def _range(seconds: collections.abc.Iterable[float]) -> tuple[float, float]:
    """From what to what the axis goes: all that it can show, and some room."""
    finite = [each for each in seconds if 0 < each < math.inf]
    least, most = min(finite, default=1), max(finite, default=1)
    room = max(1.3, _FACTOR / (most / least)) ** 0.5
    return least / room, most * room


def _labels(decades: float) -> int:
    """Of how many labels of the axis plotly.js makes 1, 2, 5, 10, ...

    Of more, it makes 1, 2, 3, 4, ..., which write over each other; of fewer,
    1, 10, 100, for which there is room on any screen.
    """
    if decades < 1:
        return 5  # as on an axis that is not logarithmic
    return int(decades / (0.31 if decades < 2.7 else 0.71))


def _traces(
    look: _Look, rows: list[_Placed], range_: tuple[float, float]
) -> collections.abc.Iterator[plot.Trace]:
    """All rows of one kind: where half of a row is, its points, its median."""
    shared: plot.Trace = {
        'type': 'scatter',
        'name': look.name,
        'legendgroup': look.name,
        'hoverinfo': 'text',
    }
    summaries = [
        (
            middle,
            points,
            statistics.quantiles(
                [_place(point, range_) for point in points],
                n=4,
                method='inclusive',
            ),
        )
        for middle, points in rows
        if len(points) >= _FEW
    ]
    if summaries:
        yield {
            **shared,
            'mode': 'lines',
            'showlegend': False,
            # a line for each, with nothing between them
            'x': [
                x
                for _, _, (begin, _, end) in summaries
                for x in (begin, end, None)
            ],
            'y': [
                y for middle, _, _ in summaries for y in (middle, middle, None)
            ],
            'hoverinfo': 'skip',
            'opacity': 0.6,
            'line': {'color': plot.GREY, 'width': 8},
        }
    shown = [
        (point, middle + aside)
        for middle, points in rows
        for point, aside in zip(points, _asides(len(points)))
    ]
    yield {
        **shared,
        'mode': 'markers',
        'cliponaxis': False,
        'x': [_place(point, range_) for point, _ in shown],
        'y': [y for _, y in shown],
        'hovertext': [plot.escaped(point.text) for point, _ in shown],
        'marker': {
            'symbol': [_symbol(look, point) for point, _ in shown],
            'color': look.colour,
            'size': 8,
            # of an open symbol, it is all there is
            'line': {
                'color': plot.FOREGROUND,
                'width': 1.5 if look.symbol.endswith('open') else 0.5,
            },
        },
    }
    if summaries:
        yield {
            **shared,
            'mode': 'markers',
            'showlegend': False,
            'x': [median for _, _, (_, median, _) in summaries],
            'y': [middle for middle, _, _ in summaries],
            'hovertext': [_summary(points) for _, points, _ in summaries],
            'marker': {
                'symbol': 'line-ns-open',
                'size': 22,
                'color': plot.FOREGROUND,
                'line': {'width': 2},
            },
        }


def _place(point: Point, range_: tuple[float, float]) -> float:
    """Where it is on the axis."""
    return min(max(point.seconds, range_[0]), range_[1])


def _asides(count: int) -> list[float]:
    """Pixels by which each is drawn aside, so that none hides another."""
    # Multiples of the golden ratio never come near to each other.
    return (
        [((0.618 * number) % 1 - 0.5) * _ROW / 2 for number in range(count)]
        if count > 1
        else [0]
    )


def _symbol(look: _Look, point: Point) -> str:
    if math.isinf(point.seconds):
        return 'triangle-right'
    return look.symbol if point.seen else 'triangle-left'


def _summary(points: collections.abc.Sequence[Point]) -> str:
    """What is to be read at a median."""
    median = statistics.median(point.seconds for point in points)
    middle = 'still down' if math.isinf(median) else f'{median:.3f} s'
    text = f'median {middle}, of {len(points)}'
    unseen = sum(not point.seen for point in points)
    if unseen:
        text += f'<br>{unseen} of them without an outage'
    return text
