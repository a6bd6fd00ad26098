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
"""``tempest downtime mark``: says what is done while a watch goes on."""

import pathlib

from migration_tempest_plugin.cmd import base
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.watch import marks


class Mark(base.Command):
    """Say what you do, while a watch goes on in another terminal.

    TEXT stands in the watch's record and picture at this moment, and its
    outages are grouped by the mark that they came after. Every watch that was
    started in this folder takes it.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'text',
            nargs='+',
            metavar='TEXT',
            help='what is done: "upgraded compute 3", say',
        )
        parser.add_argument(
            '--output',
            type=pathlib.Path,
            metavar='FILE',
            help='of one watch alone: the FILE that it was started with',
        )
        return parser

    def take_action(self, parsed_args):
        text = _one_line(' '.join(parsed_args.text))
        paths = (
            [marks.beside(parsed_args.output)]
            if parsed_args.output
            else marks.held(pathlib.Path())
        )
        if not paths:
            raise exceptions.RecordError(
                'no watch goes on that was started in this folder: run it '
                'there, or name the --output of the watch'
            )
        for path in paths:
            marks.put(path, text)
            self.say(f'marked in {path}')


def _one_line(text):
    """It becomes part of a line.

    :raises RecordError: if nothing is left of it, or too much
    """
    text = ' '.join(
        ''.join(each if each.isprintable() else ' ' for each in text).split()
    )
    if not 0 < len(text) <= marks.LONGEST:
        raise exceptions.RecordError(
            f'a mark has from 1 to {marks.LONGEST} characters, not {len(text)}'
        )
    return text
