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
"""What all figures have in common: plain data, which plotly.js draws.

A figure has 'data' and 'layout', as Plotly.react() takes them
(https://plotly.com/javascript/reference/). The bundle that a page brings knows
traces of the types scatter and bar alone. All that comes from a cloud is
escaped: Plotly takes text for a kind of HTML.
"""

import collections.abc
import html
import re
import textwrap
import typing

from migration_tempest_plugin.report import documents

# Okabe and Ito's colours, which those distinguish who don't see all of them.
COLOURS = {
    'network': '#D55E00',
    'tcp': '#E69F00',
    'metadata': '#CC79A7',
    'storage': '#F0E442',
    'guest stopped': '#0072B2',
    # They stand in no picture with those above that look the same.
    'connect': '#E69F00',
    'http': '#CC79A7',
    'kept': '#0072B2',
    'dns': '#F0E442',
    'phase': '#009E73',
    'event': '#56B4E9',
}
OTHER, GREY = '#999999', '#8a8a8a'

#: The page draws it in the colour of its own text.
FOREGROUND = '#000000'

#: Pixels above the plots, and below them, where the axis is.
_TOP, _BOTTOM = 10, 46

_GRID = 'rgba(128,128,128,0.3)'

#: What Plotly has of each, by Plotly's names.
Trace: typing.TypeAlias = dict[str, object]
Axis: typing.TypeAlias = dict[str, object]


class Figure(typing.TypedDict):
    """What Plotly.react() takes."""

    data: list[Trace]
    layout: dict[str, object]


def figure(
    traces: collections.abc.Iterable[Trace],
    height: int,
    layout: collections.abc.Mapping[str, object],
    above: int = 0,
) -> Figure:
    """A figure without a colour of its own for text and paper.

    :param height: of the plots, in pixels
    :param layout: its axes and all that is not as in other figures
    :param above: pixels above the plots, for buttons or a legend
    """
    return {
        'data': list(traces),
        'layout': {
            'height': above + _TOP + height + _BOTTOM,
            'paper_bgcolor': 'rgba(0,0,0,0)',
            'plot_bgcolor': 'rgba(0,0,0,0)',
            'dragmode': 'zoom',
            'hovermode': 'closest',
            'showlegend': False,
            'margin': {'l': 20, 'r': 20, 't': above + _TOP, 'b': _BOTTOM},
            'font': {
                'size': 13,
                'color': FOREGROUND,
                'family': 'system-ui, sans-serif',
            },
            **layout,
        },
    }


def axis(**more: object) -> Axis:
    return {'gridcolor': _GRID, 'zeroline': False, 'automargin': True, **more}


def escaped(text: object) -> str:
    return html.escape(str(text), quote=False)  # it knows no &quot;


def duration(found: documents.Duration) -> str:
    """A duration, for people."""
    return (
        f'{found["estimate"]:.3f} s '
        f'({found["lower"]:.3f} to {found["upper"]:.3f})'
    )


def lines(name: str, width: int) -> list[str]:
    """A name in lines, escaped, where people would break it.

    :param width: the most characters of a line
    """
    found = ['']
    for piece in re.split(r'(?<=[._,\s])', name):
        if len(found[-1] + piece.rstrip()) > width:
            found.append('')
        *full, last = textwrap.wrap(
            found[-1] + piece, width, drop_whitespace=False
        ) or ['']
        found[-1:] = [*full, last]
    return [escaped(line.strip()) for line in found if line.strip()] or ['?']
