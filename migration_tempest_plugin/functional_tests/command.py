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
"""Runs commands, those of this plugin too, in processes of their own."""

import pathlib
import sys

_CODE = """
import importlib, sys
from unittest import mock
name, *words = sys.argv[1:]
module = importlib.import_module('migration_tempest_plugin.cmd.' + name)
app = mock.Mock(stdout=sys.stdout, stderr=sys.stderr)
command = getattr(module, name.capitalize())(app, None)
sys.exit(command.run(command.get_parser(name).parse_args(words)))
"""


#: What runs a command as somebody who is not root.
AS_NOBODY = ('setpriv', '--reuid=65534', '--regid=65534', '--clear-groups')

#: The same, who may read what root may: the checkout may be in a folder of
#: root's.
AS_READER = (
    *AS_NOBODY,
    '--inh-caps=+dac_read_search',
    '--ambient-caps=+dac_read_search',
)


def line(name, *words):
    """The words that run ``tempest downtime NAME WORDS``, without tempest.

    As tempest does, but for what that needs to be installed. Warnings of
    libraries are as Python leaves them, whatever tox asks for: tests look at
    all that is printed.
    """
    return [
        sys.executable,
        '-W',
        'ignore::DeprecationWarning',
        '-c',
        _CODE,
        name,
        *map(str, words),
    ]


def children(process):
    """The pids of those that a process (a Popen) has started."""
    return _children(process.pid)


def descendants(process):
    """The same, and those that these have started, and so on."""
    found = []
    waiting = [process.pid]
    while waiting:
        started = _children(waiting.pop())
        found += started
        waiting += started
    return found


def _children(pid):
    return [
        int(child)
        for child in pathlib.Path(f'/proc/{pid}/task/{pid}/children')
        .read_text()
        .split()
    ]
