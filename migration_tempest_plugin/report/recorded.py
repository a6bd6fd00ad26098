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

import dataclasses
import functools
import importlib.resources
import json
import re

import jsonschema
import subunit
import testtools
from testtools import content

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.measurement import migration

#: The details of a test that are read back.
DETAIL = 'migration.json'
FACTS = 'run.json'

SCHEMA = 'migration-tempest-plugin/run'
SCHEMA_VERSION = 1

#: What stands in front of the name of a detail that belongs to a bundle.
_BUNDLE = 'bundle '

#: The name of a test that Python knows.
_PYTHON = re.compile(r'[\w.]+')

#: What python-subunit calls the test that stands for a broken packet.
_BROKEN = 'subunit.parser'


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
    migrations: tuple = ()
    seconds: float = 0.0
    reason: str = ''

    @property
    def name(self):
        """Its class and its method, which tell the variant."""
        if not _PYTHON.fullmatch(self.id):
            return self.id  # what was watched has a name of its own
        return '.'.join(self.id.split('.')[-2:])


@dataclasses.dataclass(frozen=True)
class Run:
    """The tests of one run, or of several that are looked at together.

    :ivar tests: RecordedTests
    :ivar facts: what was written down of the cloud and of the run
    """

    tests: tuple = ()
    facts: dict = dataclasses.field(default_factory=dict)

    @property
    def measured(self):
        """The tests that measured something."""
        return [test for test in self.tests if test.migrations]

    @property
    def migrations(self):
        """Each migration, with its test."""
        return [(test, each) for test in self.tests
                for each in test.migrations]

    @property
    def release(self):
        """What was installed in the cloud, as it calls that, or None."""
        cloud = self.facts.get('cloud')
        return cloud.get('release') if isinstance(cloud, dict) else None

    def to_dict(self):
        """Ready for JSON (its schema: see the documentation)."""
        return {'schema': SCHEMA, 'version': SCHEMA_VERSION,
                'facts': self.facts,
                'tests': [dataclasses.asdict(test) for test in self.tests]}

    def to_json(self):
        return json.dumps(self.to_dict(), indent=2) + '\n'

    @classmethod
    def of(cls, runs):
        """Several runs as one; the facts are those of the first with any."""
        runs = list(runs)
        return cls(tuple(test for run in runs for test in run.tests),
                   next((run.facts for run in runs if run.facts), {}))


def detail(document):
    """A document as a detail of a test, which is read back by its name.

    It is text, in one line: Tempest prints the details of a test that failed,
    and of those that are no text no more than "<memory at 0x7f...>".
    """
    return content.text_content(json.dumps(document))


def bundle_name(server, name):
    """The name of a detail that is a file of a server's bundle."""
    return '%s%s/%s' % (_BUNDLE, server, name)


def read_stream(stream):
    """The Run of a subunit stream.

    :param stream: binary, subunit version 2
    :raises RecordError: if it is broken, or holds no test, or if a
        measurement in it can't be read
    """
    tests = _tests(stream)
    facts = [_json(test['details'][FACTS]) for test in tests
             if FACTS in test['details']]
    return Run(tuple(_recorded(test) for test in tests),
               facts[0] if facts else {})


def read_json(text):
    """The Run of a JSON file.

    Before version 1 of its schema, it was a list of tests.

    :raises RecordError: if it is none, or of a version that is not known
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise exceptions.RecordError('it is no JSON: %s' % error) from error
    if isinstance(document, list):
        document = {'facts': {}, 'tests': document}
    elif not isinstance(document, dict) or document.get('schema') != SCHEMA:
        raise exceptions.RecordError('it is JSON, but no recorded run (%s)'
                                     % SCHEMA)
    else:
        _check_version(document, SCHEMA_VERSION)
    _check(document, 'run')
    tests = [RecordedTest(**{**test, 'migrations': tuple(map(
        _migration, test['migrations']))}) for test in document['tests']]
    return Run(tuple(tests), document['facts'])


def bundles(stream):
    """Each file of each bundle in a subunit stream.

    :param stream: binary, subunit version 2
    :returns: (name of the test, file in the form SERVER/NAME, bytes) of each
    :raises RecordError: if it is broken, or holds no test
    """
    for test in _tests(stream):
        for name, detail in test['details'].items():
            if name.startswith(_BUNDLE):
                yield (_name(test), name.removeprefix(_BUNDLE),
                       _bytes(detail))


def _tests(stream):
    tests = []
    result = testtools.StreamToDict(tests.append)
    result.startTestRun()
    subunit.ByteStreamToStreamResult(stream, 'other').run(result)
    result.stopTestRun()
    broken = next((test for test in tests if test['id'] == _BROKEN), None)
    if broken:
        raise exceptions.RecordError(
            'the stream is broken after %d tests: %s' % (
                len(tests) - 1, ' '.join(_text(broken['details']).split())))
    if not tests:
        raise exceptions.RecordError(
            'there is no test in it (a subunit stream of version 2, or JSON, '
            'is read)')
    return tests


def _recorded(test):
    details = test['details']
    migrations = tuple(
        _migration(_json(details[name]))
        for name in sorted(details, key=_number) if name.startswith(DETAIL))
    began, ended = test['timestamps']
    return RecordedTest(
        _name(test), test['status'], migrations,
        (ended - began).total_seconds() if began and ended else 0.0,
        '\n'.join(details[name].as_text() for name in sorted(details)
                  if name.startswith(('reason', 'traceback'))))


def _json(detail):
    try:
        return json.loads(_bytes(detail))
    except ValueError as error:
        raise exceptions.RecordError(
            'a measurement in it is no JSON: %s' % error) from error


def _migration(document):
    """A migration's document, if it is one."""
    if isinstance(document, dict):
        _check_version(document, migration.SCHEMA_VERSION)
    _check(document, 'migration')
    return document


def _check_version(document, newest):
    version = document.get('version')
    if version in range(1, newest + 1):
        return
    what = '%s of version %r: this plugin reads up to version %d' % (
        document.get('schema', 'a record'), version, newest)
    if isinstance(version, int) and version > newest:
        what += '; install a newer one to read it'
    raise exceptions.RecordError(what)


def _check(document, what):
    error = jsonschema.exceptions.best_match(
        _validator(what).iter_errors(document))
    if error:
        raise exceptions.RecordError('%s%s: %s' % (
            what, ''.join('[%r]' % step for step in error.absolute_path),
            error.message[:200]))


@functools.cache
def _validator(what):
    schema = json.loads((importlib.resources.files(__package__) /
                         'schema' / (what + '.json')).read_text())
    return jsonschema.Draft202012Validator(schema)


def _bytes(detail):
    return b''.join(detail.iter_bytes())


def _text(details):
    return '\n'.join(_bytes(details[name])[:200].decode(errors='replace')
                     for name in sorted(details)
                     if details[name].content_type.type == 'text')


def _name(test):
    return (test['id'] or '').partition('[')[0]


def _number(name):
    return int(name.partition('-')[2] or 0) if name.startswith(DETAIL) else 0
