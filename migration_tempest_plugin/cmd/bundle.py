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
"""``tempest downtime bundle``: what was kept of the servers that failed."""

import os
import pathlib

from migration_tempest_plugin.cmd import base
from migration_tempest_plugin.report import source
from migration_tempest_plugin.report import streams


class Bundle(base.Command):
    """Put what was kept of each server of a failed test into a folder.

    It becomes FOLDER/TEST/SERVER/...: console, migration records and
    instance actions; and where the hosts are reached, nova-compute's log and
    libvirt's domain of each host, before and after. Run it where ``tempest
    run`` was run (in the workspace), or give it a subunit stream.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'folder',
            type=pathlib.Path,
            help='where to put it; made if need be',
        )
        base.add_subunit(parser)
        return parser

    def take_action(self, parsed_args):
        found = list(streams.bundles(source.stream(parsed_args.subunit)))
        if not found:
            raise SystemExit(
                'No server was kept in this run: they are where a test fails.'
            )
        try:
            for test, name, data in found:
                _write(parsed_args.folder, pathlib.PurePath(test, name), data)
        except OSError as error:
            raise SystemExit(
                f"{error.filename} can't be written: {error.strerror}"
            ) from error
        servers = sorted(
            {f'{test}/{name.partition("/")[0]}' for test, name, _ in found}
        )
        self.app.stdout.writelines(
            f'{parsed_args.folder}/{each}\n' for each in servers
        )


def _write(folder, name, data):
    """Write one file that nobody else may read; none is replaced."""
    if name.is_absolute() or '..' in name.parts:
        raise SystemExit(f'The stream names a file outside: {name}')
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(
        path, 'xb', opener=lambda name, flags: os.open(name, flags, 0o600)
    ) as file:
        file.write(data)
