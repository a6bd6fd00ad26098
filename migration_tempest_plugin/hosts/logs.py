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
"""What a service says in its log on a host, from a given moment on.

Where a moment is a place in the log, not a time: no clock is compared. Lines
are those of oslo.log, in a file or in systemd's journal.
"""

import dataclasses
import re

from migration_tempest_plugin import exceptions

# oslo.log's defaults, and DevStack's, differ in what is in front.
_LINE = re.compile(
    r'^(?P<before>.*?)\b(?P<level>TRACE|DEBUG|INFO|WARNING|ERROR|CRITICAL) '
    r'(?P<logger>[\w.]+) \[(?P<context>[^\]]*)\] '
    r'(?P<instance>\[instance: (?P<id>[0-9a-f-]{36})\] +)?(?P<message>.*)$')
_STAMP = re.compile(r'\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d+)?'
                    r'(?:[+-]\d\d:?\d\d)?')
# DevStack colours its journal.
_COLOUR = re.compile(r'\x1b\[[0-9;]*m')


@dataclasses.dataclass(frozen=True)
class Line:
    """One line of a service's log.

    :ivar stamp: when, by the host's clock, as the log writes it
    :ivar instance: the id of the server that it is about, or None
    """

    stamp: str
    level: str
    logger: str
    instance: str
    message: str


def parse(text):
    """The Lines of a text; a traceback's further lines are none."""
    found = (_LINE.match(_COLOUR.sub('', line))
             for line in text.splitlines())
    return [Line(_stamp(each['before']), each['level'], each['logger'],
                 each['id'], each['message']) for each in found if each]


def _stamp(before):
    found = _STAMP.search(before)
    return found.group() if found else ''


class LogFile:
    """A log that is a file, also when it is rotated meanwhile.

    :param host: the Host
    :param path: of the file there
    """

    def __init__(self, host, path):
        self.host = host
        self.path = path

    def mark(self):
        """The place where the log ends now.

        :raises HostError: if it can't be read
        """
        return tuple(self._script('mark').split())

    def since(self, mark, instance=None):
        """The Lines since then; of one server, if its id is given.

        :raises HostError: if it can't be read, or it is gone what was written
            since then
        """
        return parse(self._script('since', *mark, instance or ''))

    def _script(self, verb, *arguments):
        return self.host.script('log', verb, self.path, *arguments)


class Journal:
    """A log in systemd's journal.

    :param host: the Host
    :param unit: of systemd, ``devstack@n-cpu`` say
    """

    def __init__(self, host, unit):
        self.host = host
        self.unit = unit

    def mark(self):
        """The place where the journal ends now.

        :raises HostError: if it can't be read
        """
        printed = self.host.run('journalctl', '--unit', self.unit,
                                '--lines', 0, '--show-cursor', '--quiet')
        found = re.search(r'^-- cursor: (.*)$', printed, re.MULTILINE)
        if not found:
            raise exceptions.HostError(
                self.host.name, ('journalctl', '--unit', self.unit),
                'gave no cursor: %s' % (printed.strip() or 'nothing'))
        return found.group(1)

    def since(self, mark, instance=None):
        """The Lines since then; of one server, if its id is given.

        :raises HostError: if it can't be read
        """
        lines = parse(self.host.run(
            'journalctl', '--unit', self.unit, '--after-cursor', mark,
            '--output', 'short-iso-precise', '--no-pager', '--quiet'))
        return [line for line in lines if instance in (None, line.instance)]
