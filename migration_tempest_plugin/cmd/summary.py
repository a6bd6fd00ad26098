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
"""``tempest downtime summary``: what the last run measured."""

import dataclasses

from migration_tempest_plugin.cmd import base
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.report import markdown
from migration_tempest_plugin.report import spreadsheet
from migration_tempest_plugin.report import text
from migration_tempest_plugin import words


class Summary(base.Command):
    """Print what was measured, from the last run of the tests here.

    Run it where ``tempest run`` was run (in the workspace), or give it a
    subunit stream. It exits with 1 if a limit that is an option was not kept.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        base.add_subunit(parser)
        base.add_view(parser)
        forms = parser.add_mutually_exclusive_group()
        forms.add_argument(
            '--json',
            action='store_true',
            help='all that was recorded, as JSON',
        )
        forms.add_argument(
            '--markdown',
            action='store_true',
            help='a table and the limits as Markdown, for a build page',
        )
        forms.add_argument(
            '--csv',
            action='store_true',
            help='a row for each measurement, for a spreadsheet',
        )
        return parser

    def take_action(self, parsed_args):
        run = base.run_of(self, parsed_args)
        if not run.measured:
            raise exceptions.RecordError(
                'There is no measurement in this run, of '
                f'{words.counted(len(run.tests), "test")}; it is looked for '
                'where tempest run was run'
            )
        if parsed_args.json:
            said = dataclasses.replace(
                run, tests=tuple(run.measured)
            ).to_json()
        elif parsed_args.markdown:
            said = markdown.document(run.measured) + '\n'
        elif parsed_args.csv:
            said = spreadsheet.document(run.measured)
        else:
            said = text.summary(run.measured) + '\n'
        self.app.stdout.write(said)
        return base.status(parsed_args, run)
