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

import collections.abc
import dataclasses
import datetime
import re

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.hosts import ssh

# oslo.log's defaults, and DevStack's, differ in what is in front.
_BEGIN = (
    r'^(?P<before>.*?)\b'
    r'(?P<level>TRACE|DEBUG|INFO|WARNING|ERROR|CRITICAL) '
    r'(?P<logger>[\w.]+) '
)
_INSTANCE = r'\[instance: (?P<id>[0-9a-f-]{36})\] +'
_LINE = re.compile(
    _BEGIN + r'\[(?P<context>(?!instance: )[^\]]*)\] '
    rf'(?:{_INSTANCE})?(?P<message>.*)$'
)
# A line of a traceback has no context (logging_exception_prefix).
_TRACEBACK = re.compile(_BEGIN + _INSTANCE + r'(?P<message>.*)$')
_ANY = re.compile(_BEGIN)
#: So many lines are looked at to see whether the log can be read.
_LOOK_AT = 20
_STAMP = re.compile(
    r'\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d+)?'
    r'(?:[+-]\d\d:?\d\d)?'
)
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
    instance: str | None
    message: str

    @property
    def time(self) -> datetime.datetime:
        """The stamp.

        :raises ValueError: if there is none
        """
        stamp = re.sub(
            r'([+-]\d\d)(\d\d)$', r'\1:\2', self.stamp.replace(',', '.')
        )
        # Python 3.10 takes three digits, or six.
        return datetime.datetime.fromisoformat(
            re.sub(
                r'\.(\d+)', lambda part: '.' + part[1][:6].ljust(6, '0'), stamp
            )
        )


def parse(text: str) -> list[Line]:
    """The Lines of a text.

    Of a traceback, those are that name a server.
    """
    # Not splitlines(): a message may have a form feed, or its like, in it.
    found = (_line(_COLOUR.sub('', line)) for line in text.split('\n'))
    return [
        Line(
            _stamp(each['before']),
            each['level'],
            each['logger'],
            each['id'],
            each['message'],
        )
        for each in found
        if each
    ]


def _line(text: str) -> re.Match[str] | None:
    return _LINE.match(text) or _TRACEBACK.match(text)


def _check_format(
    host: ssh.Host, words: collections.abc.Sequence[str], lines: list[str]
) -> None:
    """Fail over a log whose lines are none of oslo.log's, as it writes text.

    Else it would read as one without the line that is looked for.

    :param lines: the last ones
    :raises HostError: if so
    """
    lines = [_COLOUR.sub('', line) for line in lines if line.strip()]
    if any(map(_is_json, lines)):
        raise exceptions.HostError(
            host.name,
            words,
            'the log is in JSON, which is not understood: '
            "set use_json = false in nova-compute's configuration",
        )
    if lines and not any(map(_ANY.search, lines)):
        raise exceptions.HostError(
            host.name,
            words,
            f'none of the lines that were read ({len(lines)}) is as oslo.log '
            'writes them by default ("TIME PID LEVEL LOGGER [CONTEXT] '
            f'MESSAGE"), as this one: {lines[-1][:200]}',
        )


def _is_json(line: str) -> bool:
    """Whether JSON begins it, behind what the journal puts in front.

    Nova logs answers of other services, in JSON, at the end of lines of text.
    """
    before, begin, _ = line.partition('{"')
    return (
        bool(begin)
        and (not before or before.endswith(': '))
        and not _ANY.search(before)
    )


def _stamp(before: str) -> str:
    found = _STAMP.search(before)
    return found.group() if found else ''


class LogFile:
    """A log that is a file, also when it is rotated meanwhile.

    :param host: the Host
    :param path: of the file there
    """

    def __init__(self, host: ssh.Host, path: str) -> None:
        self.host = host
        self.path = path

    def mark(self) -> str:
        """The place where the log ends now.

        :raises HostError: if it can't be read
        """
        place, *lines = self._script('mark', str(_LOOK_AT)).split('\n')
        _check_format(self.host, ('read', self.path), lines)
        return place

    def since(self, mark: str, instance: str | None = None) -> list[Line]:
        """The Lines since then; of one server, if its id is given.

        :raises HostError: if it can't be read, or it is gone what was written
            since then
        """
        return parse(self._script('since', *mark.split(), instance or ''))

    def _script(self, verb: str, *arguments: str) -> str:
        return self.host.script('log', verb, self.path, *arguments)


class Journal:
    """A log in systemd's journal.

    :param host: the Host
    :param unit: of systemd, ``devstack@n-cpu`` say
    """

    def __init__(self, host: ssh.Host, unit: str) -> None:
        self.host = host
        self.unit = unit

    def mark(self) -> str:
        """The place where the journal ends now.

        :raises HostError: if it can't be read
        """
        printed = self.host.run(
            'journalctl',
            '--unit',
            self.unit,
            '--lines',
            _LOOK_AT,
            '--show-cursor',
            '--output',
            'short-iso-precise',
            '--no-pager',
            '--quiet',
        )
        found = re.search(r'^-- cursor: (.*)$', printed, re.MULTILINE)
        if not found:
            raise exceptions.HostError(
                self.host.name,
                ('journalctl', '--unit', self.unit),
                f'gave no cursor: {printed.strip() or "nothing"}',
            )
        _check_format(
            self.host,
            ('journalctl', '--unit', self.unit),
            printed[: found.start()].split('\n'),
        )
        return found.group(1)

    def since(self, mark: str, instance: str | None = None) -> list[Line]:
        """The Lines since then; of one server, if its id is given.

        :raises HostError: if it can't be read
        """
        lines = parse(
            self.host.run(
                'journalctl',
                '--unit',
                self.unit,
                '--after-cursor',
                mark,
                '--output',
                'short-iso-precise',
                '--no-pager',
                '--quiet',
            )
        )
        return [line for line in lines if instance in (None, line.instance)]
