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
"""``tempest downtime report``: a page of what a run measured."""

import pathlib

from migration_tempest_plugin.cmd import base
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.report import page
from migration_tempest_plugin.report import prometheus
from migration_tempest_plugin.report import source
from migration_tempest_plugin.report import text
from migration_tempest_plugin import words

FOLDER = 'downtime-report'


class Report(base.Command):
    """Make a page of what was measured: one HTML file that needs no other.

    Beside report.html, the folder gets report.txt, report.json (all that was
    recorded; this command reads it again) and report.prom (Prometheus' text
    format). Those of an earlier report there are replaced.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'run',
            nargs='*',
            help='what to read: the folder where tempest run was run, a '
            "subunit stream, JSON, or a report's folder; - for "
            'standard input. Several become one report. Without any: '
            'the last run here',
        )
        parser.add_argument(
            '--output',
            default=FOLDER,
            type=pathlib.Path,
            metavar='FOLDER',
            help='where to write to; made if need be (%(default)s)',
        )
        parser.add_argument(
            '--title',
            default='What the live migrations cost',
            help="the page's headline (%(default)s)",
        )
        base.add_view(parser)
        return parser

    def take_action(self, parsed_args):
        paths = parsed_args.run or [None]
        run = base.read(self, paths, base.view(parsed_args))
        if not run.migrations:
            names = ', '.join(map(source.name, paths))
            raise exceptions.RecordError(
                f'{names}: {words.counted(len(run.tests), "test")}, but none '
                'of them measured a migration'
            )
        folder = parsed_args.output
        for name, written in (
            ('report.html', page.report(run, parsed_args.title)),
            ('report.txt', text.summary(run.measured) + '\n'),
            (source.JSON_NAME, run.to_json()),
            ('report.prom', prometheus.text(run)),
        ):
            base.write(folder / name, written)
        report = (folder / 'report.html').absolute()
        self.app.stdout.write(f'{report}\n')
        return base.status(parsed_args, run)
