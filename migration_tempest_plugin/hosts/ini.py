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
"""The text of an oslo.config file: options are read, set and deleted in it.

All else stays as it is: comments, order, blank lines, other values. Pure: no
file is touched. The rules are those of oslo.config's own parser
(oslo_config/iniparser.py): an option is ``name = value`` or ``name: value``,
goes on in the lines after it that begin with a space, is in the last section
named before it, and the last one of a name wins.
"""

import dataclasses
import io

from oslo_config import iniparser

from migration_tempest_plugin import exceptions


@dataclasses.dataclass(frozen=True)
class _Assignment:
    """One assignment in the text.

    :ivar first: number of its line, from 0
    :ivar end: number of the line after its last
    """

    section: str
    option: str
    value: str
    first: int
    end: int


class _Parser(iniparser.BaseParser):
    """oslo.config's parser, that keeps where things are."""

    def __init__(self) -> None:
        # the line after the last one of each
        self.sections: dict[str, int] = {}
        self.assignments: list[_Assignment] = []
        self._section: str | None = None
        self._first = 0

    def _split_key_value(self, line: str) -> tuple[str, list[str]]:
        self._first = self.lineno - 1
        return super()._split_key_value(line)

    def new_section(self, section: str) -> None:
        self._section = _section(section)
        self.sections[self._section] = self.lineno

    def assignment(self, key: str, value: list[str]) -> None:
        if self._section is None:
            raise iniparser.ParseError(
                'A section must be started before', self._first + 1, key
            )
        end = self._first + len(value)
        self.assignments.append(
            _Assignment(self._section, key, '\n'.join(value), self._first, end)
        )
        self.sections[self._section] = end


def get_option(text: str, section: str, option: str) -> str | None:
    """The value of an option, as the text gives it, or None.

    :raises ConfigurationError: if the text is not that of such a file
    """
    found = _assignments(_parse(text), section, option)
    return found[-1].value if found else None


def set_option(text: str, section: str, option: str, value: object) -> str:
    """The text with an option set: where it was, or last in its section.

    >>> print(set_option('[a]\\none = 1\\n', 'a', 'two', 2), end='')
    [a]
    one = 1
    two = 2

    :raises ConfigurationError: if the text is not that of such a file, or
        the names or the value can't be in one
    """
    _check(section, option, value)
    parser, lines = _parse(text), _lines(text)
    new = f'{option} = {value}\n'
    found = _assignments(parser, section, option)
    if found:
        lines[found[-1].first : found[-1].end] = [new]
    else:
        _add(lines, parser, section, [new])
    return ''.join(lines)


def delete_option(text: str, section: str, option: str) -> str:
    """The text without any assignment of an option.

    :raises ConfigurationError: if the text is not that of such a file
    """
    lines = _lines(text)
    for each in reversed(_assignments(_parse(text), section, option)):
        del lines[each.first : each.end]
    return ''.join(lines)


def restore_option(text: str, original: str, section: str, option: str) -> str:
    """The text with an option as it is in another one, to the letter.

    Also a value of several lines, several assignments, or none.

    :raises ConfigurationError: if one of them is not that of such a file
    """
    before = _lines(original)
    wanted = [
        line
        for each in _assignments(_parse(original), section, option)
        for line in before[each.first : each.end]
    ]
    parser, lines = _parse(text), _lines(text)
    found = _assignments(parser, section, option)
    if not found:
        if wanted:
            _add(lines, parser, section, wanted)
        return ''.join(lines)
    for each in reversed(found):
        # Where the last one was, which is the one in force.
        lines[each.first : each.end] = wanted if each is found[-1] else []
    return ''.join(lines)


def _add(
    lines: list[str], parser: _Parser, section: str, new: list[str]
) -> None:
    """Add lines at the end of a section, which is made if there is none."""
    end = parser.sections.get(_section(section))
    if end is None:
        new = ['\n'] * bool(lines) + [f'[{section}]\n', *new]
        end = len(lines)
    if end and not lines[end - 1].endswith('\n'):
        lines[end - 1] += '\n'
    lines[end:end] = new


def _lines(text: str) -> list[str]:
    """The lines as a file has them: a form feed, say, ends none."""
    return list(io.StringIO(text, newline=''))


def _parse(text: str) -> _Parser:
    parser = _Parser()
    try:
        parser.parse(line.rstrip('\r\n') for line in _lines(text))
    except iniparser.ParseError as error:
        raise exceptions.ConfigurationError(
            f'Not a configuration file of OpenStack: {error}'
        ) from error
    return parser


def _assignments(
    parser: _Parser, section: str, option: str
) -> list[_Assignment]:
    return [
        each
        for each in parser.assignments
        if (each.section, each.option) == (_section(section), option)
    ]


def _section(name: str) -> str:
    """As oslo.config compares names of sections."""
    return name if name == 'DEFAULT' else name.lower()


def _check(section: str, option: str, value: object) -> None:
    bad = [
        name
        for name in (section, option)
        if not name or name != name.strip() or set(name) & set('[]=:#;\n\r')
    ]
    if bad or len(str(value).splitlines()) > 1:
        raise exceptions.ConfigurationError(
            'Not to be written into a configuration file: '
            f'[{section}] {option} = {value!r}'
        )
