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
"""The curves of a migration's picture: what its hosts reported, over time."""

import collections.abc
import typing

from migration_tempest_plugin.report import documents
from migration_tempest_plugin.report import plot

_MIB = 2**20

#: A moment, and what was reported then.
_Point: typing.TypeAlias = tuple[float, float]


def of(
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

    def reported(
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
                    reported('memory_remaining'),
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
                    reported('dirty_rate'),
                    '#CC79A7',
                    'dash',
                    _MIB,
                ),
                _curve(
                    'copied', reported('bandwidth'), '#009E73', 'solid', _MIB
                ),
            ],
        ),
        (
            'throttle, %',
            [
                _curve(
                    'auto-converge',
                    reported('throttle'),
                    '#E69F00',
                    'solid',
                    1,
                )
            ],
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
        return None  # nothing was reported, or Nova's 0 for "not known yet"
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
