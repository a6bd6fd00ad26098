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
"""Recorded runs: the tests of one, with what they measured.

All that reads measurements back (text, JUnit, the page, comparisons, figures
for Prometheus) reads them here: from a subunit stream, or from the JSON that
``tempest downtime report``, ``watch`` and ``summary --json`` write.
"""

import collections.abc
import dataclasses
import functools
import importlib.resources
import io
import json
import math
import re
import typing

import jsonschema
import subunit
import testtools
from testtools import content

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.measurement import migration
from migration_tempest_plugin.report import documents

if typing.TYPE_CHECKING:  # older testtools have no TestDict
    from testtools.testresult import real

#: The details of a test that are read back.
DETAIL = 'migration.json'
FACTS = 'run.json'

SCHEMA = 'migration-tempest-plugin/run'
SCHEMA_VERSION = 1

#: What stands in front of the name of a detail that belongs to a bundle.
_BUNDLE = 'bundle '

#: The name of a test that Python knows; and of a class that could not be set
#: up, or cleaned up.
_PYTHON = re.compile(r'[\w.]+')
_OF_CLASS = re.compile(r'(setUpClass|tearDownClass) \(([\w.]+)\)')

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


@dataclasses.dataclass(frozen=True)
class RecordedTest:
    """A test with what it measured.

    :ivar id: name of the test, without what Tempest puts in brackets
    :ivar status: subunit's word for how it ended ('success', 'fail', ...)
    :ivar migrations: MeasuredMigration.to_dict() of each, in order
    :ivar seconds: how long it took
    :ivar reason: why it was skipped, or failed: its tracebacks
    """

    id: str
    status: str
    migrations: tuple[documents.Migration, ...] = ()
    seconds: float = 0.0
    reason: str = ''

    @property
    def place(self) -> tuple[str, str]:
        """Its class with its module, and its method.

        What was watched has a name of its own, which may have dots, and no
        class.
        """
        of_class = _OF_CLASS.fullmatch(self.id)
        if of_class:
            return of_class[2], of_class[1]
        if not _PYTHON.fullmatch(self.id):
            return '', self.id
        where, _, method = self.id.rpartition('.')
        return where, method

    @property
    def name(self) -> str:
        """Its class and its method, which tell the variant."""
        where, method = self.place
        return '.'.join([*filter(None, [where.rpartition('.')[2]]), method])


@dataclasses.dataclass(frozen=True)
class Run:
    """The tests of one run, or of several that are looked at together.

    :ivar facts: what was written down of the cloud and of the run
    :ivar problems: a sentence on each part of the run that could not be read
    """

    tests: tuple[RecordedTest, ...] = ()
    facts: dict[str, object] = dataclasses.field(default_factory=dict)
    problems: tuple[str, ...] = ()

    @property
    def measured(self) -> list[RecordedTest]:
        """The tests that measured something."""
        return [test for test in self.tests if test.migrations]

    @property
    def migrations(self) -> list[tuple[RecordedTest, documents.Migration]]:
        """Each migration, with its test."""
        return [
            (test, each) for test in self.tests for each in test.migrations
        ]

    @property
    def release(self) -> object:
        """What was installed in the cloud, as it calls that, or None."""
        cloud = self.facts.get('cloud')
        return cloud.get('release') if isinstance(cloud, dict) else None

    def to_dict(self) -> dict[str, object]:
        """Ready for JSON (its schema: see the documentation)."""
        return {
            'schema': SCHEMA,
            'version': SCHEMA_VERSION,
            'facts': self.facts,
            **({'problems': list(self.problems)} if self.problems else {}),
            'tests': [dataclasses.asdict(test) for test in self.tests],
        }

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=2) + '\n'

    @classmethod
    def of(cls, runs: collections.abc.Iterable['Run']) -> 'Run':
        """Several runs as one; the facts are those of the first with any."""
        runs = list(runs)
        return cls(
            tuple(test for run in runs for test in run.tests),
            next((run.facts for run in runs if run.facts), {}),
            tuple(each for run in runs for each in run.problems),
        )


def detail(document: object) -> content.Content:
    """A document as a detail of a test, which is read back by its name.

    It is text, in one line: Tempest prints the details of a test that failed,
    and of those that are no text no more than "<memory at 0x7f...>".
    """
    return content.text_content(json.dumps(document))


def bundle_name(server: str, name: str) -> str:
    """The name of a detail that is a file of a server's bundle."""
    return f'{_BUNDLE}{server}/{name}'


def read_stream(stream: typing.BinaryIO) -> Run:
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
    return Run(
        tuple(_recorded(test, problems) for test in tests),
        facts[0] if facts else {},
        tuple(problems),
    )


def read_json(text: str | bytes) -> Run:
    """The Run of a JSON file.

    Before version 1 of its schema, it was a list of tests.

    :raises RecordError: if it is none, or of a version that is not known
    """
    try:
        document = _loads(text)
    except ValueError as error:
        raise exceptions.RecordError(f'it is no JSON: {error}') from error
    if isinstance(document, list):
        document = {'facts': {}, 'tests': document}
    elif not isinstance(document, dict) or document.get('schema') != SCHEMA:
        raise exceptions.RecordError(
            f'it is JSON, but no recorded run ({SCHEMA})'
        )
    else:
        _check_version(document, SCHEMA_VERSION)
    _check(document, 'run')
    tests = [
        RecordedTest(
            **{
                **test,
                'migrations': tuple(map(_migration, test['migrations'])),
            }
        )
        for test in document['tests']
    ]
    return Run(
        tuple(tests), document['facts'], tuple(document.get('problems', ()))
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


def _recorded(test: 'real.TestDict', problems: list[str]) -> RecordedTest:
    details = test['details']
    migrations = _read(
        lambda detail: _migration(_json(detail)),
        [
            details[name]
            for name in sorted(filter(_number, details), key=_number)
        ],
        problems,
        _name(test),
    )
    began, ended = test['timestamps']
    return RecordedTest(
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
        return _loads(_bytes(detail))
    except ValueError as error:
        raise exceptions.RecordError(
            f'what is recorded there is no JSON: {error}'
        ) from error


def _loads(text: str | bytes) -> typing.Any:
    """JSON, and nothing that Python alone takes for it.

    :raises ValueError: if it is none
    """
    try:
        return json.loads(text, parse_constant=_no_number, parse_float=_finite)
    except RecursionError:
        raise ValueError('it is nested too deeply') from None


def _no_number(text: str) -> typing.NoReturn:
    raise ValueError(f'{text} is no number')


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f'{text} is no number that can be used')
    return number


def _migration(document: typing.Any) -> documents.Migration:
    """A migration's document, if it is one."""
    if isinstance(document, dict):
        _check_version(document, migration.SCHEMA_VERSION)
    _check(document, 'migration')
    checked: documents.Migration = document
    return checked


def _check_version(
    document: collections.abc.Mapping[str, object], newest: int
) -> None:
    version = document.get('version')
    if version in range(1, newest + 1):
        return
    what = (
        f'{document.get("schema", "a record")} of version {version!r}: '
        f'this plugin reads up to version {newest}'
    )
    if isinstance(version, int) and version > newest:
        what += '; install a newer one to read it'
    raise exceptions.RecordError(what)


def _check(document: object, what: str) -> None:
    error = jsonschema.exceptions.best_match(
        _validator(what).iter_errors(document)
    )
    if error:
        path = ''.join(f'[{step!r}]' for step in error.absolute_path)
        raise exceptions.RecordError(f'{what}{path}: {error.message[:200]}')
    _check_durations(document, what)


def _check_durations(document: object, where: str) -> None:
    """Bounds must be bounds, however deep they are.

    :raises RecordError: if they are not
    """
    if isinstance(document, list):
        for number, each in enumerate(document):
            _check_durations(each, f'{where}[{number}]')
    elif isinstance(document, dict):
        if {'estimate', 'lower', 'upper'} <= document.keys():
            _check_duration(document, where)
        for key, each in document.items():
            _check_durations(each, f'{where}[{key!r}]')


def _check_duration(
    document: collections.abc.Mapping[str, typing.Any], where: str
) -> None:
    lower, estimate, upper = (
        document[name] for name in ('lower', 'estimate', 'upper')
    )
    try:
        right = 0 <= lower <= estimate <= upper
    except TypeError:
        right = False
    if not right:
        raise exceptions.RecordError(
            f'{where}: {lower!r} to {upper!r} are no bounds of a duration '
            f'of {estimate!r} s'
        )


@functools.cache
def _validator(what: str) -> typing.Any:
    schema = json.loads(
        (
            importlib.resources.files(__package__)
            / 'schema'
            / (what + '.json')
        ).read_text()
    )
    return jsonschema.Draft202012Validator(schema)


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
