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
"""``tempest downtime compare``: before and after an upgrade, say."""

import argparse
import json
import pathlib

from migration_tempest_plugin.cmd import base
from migration_tempest_plugin.report import compare
from migration_tempest_plugin.report import digest
from migration_tempest_plugin.report import page
from migration_tempest_plugin.report import round_trips
from migration_tempest_plugin.report import source

#: Seconds.
TOLERANCE = 0.05

_QUANTITIES = (*digest.COSTS, *round_trips.QUANTITIES)


class Compare(base.Command):
    """Say whether live migrations cost more in AFTER than in BEFORE.

    Compared are the migrations of the same variant (test). It exits with 1 if
    something got worse, with 0 if that was not shown though there were enough
    samples to show it, and with 2 if there are too few samples, if more than
    is tolerated may have gone by unseen, if a part of a run could not be
    read, or if there is nothing to compare.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        what = (
            '%s: a folder where tempest run was run, a subunit stream, '
            "JSON, or a report's folder"
        )
        parser.add_argument('before', help=what % 'one run')
        parser.add_argument('after', help=what % 'the other')
        for side in ('before', 'after'):
            parser.add_argument(
                '--more-' + side,
                action='append',
                default=[],
                metavar='RUN',
                help=f'another run to count to {side.upper()}; '
                'may be given several times',
            )
            base.add_window(parser, side)
        quantities = ', '.join(
            f'"{each}"' if ' ' in each else each for each in _QUANTITIES
        ).replace('%', '%%')
        parser.add_argument(
            '--tolerance',
            type=_tolerance,
            action='append',
            default=[],
            metavar='[WHAT=]SECONDS',
            help='what is not longer by more than this is not worse '
            f'({TOLERANCE:g}, of a round trip {compare.TRIP_TOLERANCE:g}); '
            f'WHAT, for which alone it is, is {quantities}; '
            'may be given several times',
        )
        parser.add_argument(
            '--round-trips',
            action='store_true',
            help='compare how long answers took, too: the median and the 99th '
            'percentile, during the migration. The more is compared, the more '
            'migrations it takes to tell',
        )
        parser.add_argument(
            '--accept-unresolved',
            action='store_true',
            help='call it not worse even where what is tolerated is finer '
            'than what was resolved',
        )
        parser.add_argument(
            '--alpha',
            type=_share,
            default=0.05,
            help='how probable it may be that a difference is found where '
            'there is none (%(default)s)',
        )
        parser.add_argument(
            '--json', action='store_true', help='print JSON instead of text'
        )
        parser.add_argument(
            '--html',
            type=pathlib.Path,
            metavar='FILE',
            help='write a page with pictures, too',
        )
        return parser

    def take_action(self, parsed_args):
        sides = (
            [parsed_args.before, *parsed_args.more_before],
            [parsed_args.after, *parsed_args.more_after],
        )
        views = [
            base.view_of(parsed_args, side) for side in ('before', 'after')
        ]
        runs = [
            base.read(self, side, view) for side, view in zip(sides, views)
        ]
        names = [_name(*each) for each in zip(sides, runs, views)]
        tolerances = dict(parsed_args.tolerance)
        compared = compare.compare(
            *runs,
            tolerances.pop(None, TOLERANCE),
            parsed_args.alpha,
            parsed_args.accept_unresolved,
            tolerances,
            parsed_args.round_trips,
        )
        said = (
            json.dumps(compare.to_dict(compared), indent=2)
            if parsed_args.json
            else compare.text(compared, names)
        )
        self.app.stdout.write(said + '\n')
        if parsed_args.html:
            base.write(
                parsed_args.html,
                page.comparison(compared, 'Before and after', names),
            )
        # What could not be read may be what is worse.
        if not compared.status and any(run.problems for run in runs):
            return base.CANT
        return compared.status


def _name(side, run, view):
    """Where a side comes from, and what was installed there."""
    name = ', '.join(map(source.name, side))
    if view:
        name += f', {view.window}'
    release = run.release
    return f'{name} ({release})' if release else name


def _tolerance(text):
    """The quantity that it is for, or None, and seconds."""
    what, equals, seconds = text.rpartition('=')
    if equals and what not in _QUANTITIES:
        raise argparse.ArgumentTypeError(
            f'{what!r} is none of {", ".join(_QUANTITIES)}'
        )
    return what or None, base.not_negative(seconds)


def _share(text):
    try:
        if 0 < float(text) < 1:
            return float(text)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f'{text!r} is no number between 0 and 1')
