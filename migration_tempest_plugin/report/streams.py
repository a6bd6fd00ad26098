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
"""A run as a subunit stream: what a test leaves in it, and how it is read."""

import collections.abc
import io
import json
import re
import typing

import subunit
import testtools
from testtools import content

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.report import recorded
from migration_tempest_plugin.report import validation

if typing.TYPE_CHECKING:  # older testtools have no TestDict
    from testtools.testresult import real

#: The details of a test that are read back.
DETAIL = 'migration.json'
FACTS = 'run.json'

#: What stands in front of the name of a detail that belongs to a bundle.
_BUNDLE = 'bundle '

_MIGRATION = re.compile(re.escape(DETAIL) + r'(?:-(\d+))?')

#: How a packet of subunit begins, version 2.
SIGNATURE = b'\xb3'
# A line of version 1.
_VERSION_1 = re.compile(
    rb'^(test|testing|success|successful|failure|error|skip|xfail|uxsuccess|'
    rb'time|progress|tags)(:| )',
    re.MULTILINE,
)

#: What python-subunit calls the test that stands for a broken packet.
_BROKEN = 'subunit.parser'

_Part = typing.TypeVar('_Part')
_Found = typing.TypeVar('_Found')


def detail(document: object) -> content.Content:
    """A document as a detail of a test, which is read back by its name.

    It is text, in one line: Tempest prints the details of a test that failed,
    and of those that are no text no more than "<memory at 0x7f...>".
    """
    return content.text_content(json.dumps(document))


def bundle_name(server: str, name: str) -> str:
    """The name of a detail that is a file of a server's bundle."""
    return f'{_BUNDLE}{server}/{name}'


def read(stream: typing.BinaryIO) -> recorded.Run:
    """The Run of a subunit stream.

    What is not whole in it is left out, and is among the Run's problems.

    :param stream: binary, subunit version 2 or 1
    :raises RecordError: if it holds no test
    """
    tests, problems = _tests(stream)
    facts = _read(
        _facts,
        [test['details'][FACTS] for test in tests if FACTS in test['details']][
            :1
        ],
        problems,
        FACTS,
    )
    return recorded.Run(
        tuple(_recorded(test, problems) for test in tests),
        facts[0] if facts else {},
        tuple(problems),
    )


def bundles(
    stream: typing.BinaryIO,
) -> collections.abc.Iterator[tuple[str, str, bytes]]:
    """Each file of each bundle in a subunit stream.

    :param stream: binary, subunit version 2
    :returns: (name of the test, file in the form SERVER/NAME, bytes) of each
    :raises RecordError: if it holds no test
    """
    tests, _ = _tests(stream)
    for test in tests:
        for name, detail in test['details'].items():
            if name.startswith(_BUNDLE):
                yield (_name(test), name.removeprefix(_BUNDLE), _bytes(detail))


def _tests(stream: typing.BinaryIO) -> tuple[list['real.TestDict'], list[str]]:
    """The tests of a stream, as StreamToDict has them, and its problems."""
    found: list[real.TestDict] = []
    result = testtools.StreamToDict(found.append)
    result.startTestRun()
    data = stream.read()
    if _is_version_1(data):
        subunit.ProtocolTestCase(io.BytesIO(data), io.BytesIO()).run(
            testtools.ExtendedToStreamDecorator(result)
        )
    else:
        subunit.ByteStreamToStreamResult(io.BytesIO(data), 'other').run(result)
    result.stopTestRun()
    tests = [test for test in found if test['id'] != _BROKEN]
    problems = [
        f'the stream is broken among its tests, of which {len(tests)} could '
        'be read: ' + ' '.join(_text(test['details']).split())
        for test in found
        if test['id'] == _BROKEN
    ]
    problems += [
        f'{_name(test)}: its end is missing: the run was cut off there'
        for test in tests
        if test['status'] in ('inprogress', 'unknown')
    ]
    if not tests:
        raise exceptions.RecordError(
            problems[0]
            if problems
            else (
                'there is no test in it (a subunit stream of version 2 or 1, '
                'or '
                'JSON, is read)'
            )
        )
    return tests, problems


def _is_version_1(data: bytes) -> bool:
    """Whether it is the text that subunit was at first."""
    return SIGNATURE not in data and bool(_VERSION_1.search(data))


def _read(
    read: collections.abc.Callable[[_Part], _Found],
    parts: collections.abc.Iterable[_Part],
    problems: list[str],
    where: str,
) -> list[_Found]:
    """What can be read of some parts; the others are problems."""
    found = []
    for part in parts:
        try:
            found.append(read(part))
        except exceptions.RecordError as error:
            problems.append(f'{where}: {error}')
    return found


def _recorded(
    test: 'real.TestDict', problems: list[str]
) -> recorded.RecordedTest:
    details = test['details']
    migrations = _read(
        lambda detail: validation.migration(_json(detail)),
        [
            details[name]
            for name in sorted(filter(_number, details), key=_number)
        ],
        problems,
        _name(test),
    )
    began, ended = test['timestamps']
    return recorded.RecordedTest(
        _name(test),
        test['status'],
        tuple(migrations),
        (ended - began).total_seconds() if began and ended else 0.0,
        '\n'.join(
            _bytes(details[name]).decode(errors='replace')
            for name in sorted(details)
            if name.startswith(('reason', 'traceback'))
        ),
    )


def _facts(detail: content.Content) -> dict[str, object]:
    facts = _json(detail)
    if not isinstance(facts, dict):
        raise exceptions.RecordError('what is recorded there is no object')
    return facts


def _json(detail: content.Content) -> typing.Any:
    try:
        return validation.loads(_bytes(detail))
    except ValueError as error:
        raise exceptions.RecordError(
            f'what is recorded there is no JSON: {error}'
        ) from error


def _bytes(detail: content.Content) -> bytes:
    return b''.join(detail.iter_bytes())


def _text(details: dict[str, content.Content]) -> str:
    return '\n'.join(
        _bytes(details[name])[:200].decode(errors='replace')
        for name in sorted(details)
        if details[name].content_type.type == 'text'
    )


def _name(test: 'real.TestDict') -> str:
    return (test['id'] or '').partition('[')[0]


def _number(name: str) -> int:
    """The place of a migration among those of a test, from 1 on, or 0."""
    found = _MIGRATION.fullmatch(name)
    return int(found[1] or 0) + 1 if found else 0
