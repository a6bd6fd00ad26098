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
"""``tempest downtime junit``: the last run as JUnit's XML."""

from migration_tempest_plugin.cmd import base
from migration_tempest_plugin.report import junit


class Junit(base.Command):
    """Print the last run of the tests here as JUnit's XML.

    What was measured are properties of each test case. Run it where ``tempest
    run`` was run (in the workspace), or give it a subunit stream.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        base.add_subunit(parser)
        base.add_view(parser)
        return parser

    def take_action(self, parsed_args):
        run = base.run_of(self, parsed_args)
        self.app.stdout.write(junit.document(run.tests) + '\n')
        return base.status(parsed_args, run)
