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
for Prometheus) has them as these. They come from a subunit stream (streams),
or from the JSON that ``tempest downtime report``, ``watch`` and
``summary --json`` write.
"""

import collections.abc
import dataclasses
import json
import re

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.report import documents
from migration_tempest_plugin.report import validation

SCHEMA = 'migration-tempest-plugin/run'
SCHEMA_VERSION = 1

#: The name of a test that Python knows; and of a class that could not be set
#: up, or cleaned up.
_PYTHON = re.compile(r'[\w.]+')
_OF_CLASS = re.compile(r'(setUpClass|tearDownClass) \(([\w.]+)\)')


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
        """Its class and its method, which name the variant."""
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


def read_json(text: str | bytes) -> Run:
    """The Run of a JSON file.

    Before version 1 of its schema, it was a list of tests.

    :raises RecordError: if it is none, or of a version that is not known
    """
    try:
        document = validation.loads(text)
    except ValueError as error:
        raise exceptions.RecordError(f'it is no JSON: {error}') from error
    if isinstance(document, list):
        document = {'facts': {}, 'tests': document}
    elif not isinstance(document, dict) or document.get('schema') != SCHEMA:
        raise exceptions.RecordError(
            f'it is JSON, but no recorded run ({SCHEMA})'
        )
    else:
        validation.check_version(document, SCHEMA_VERSION)
    validation.check(document, 'run')
    tests = [
        RecordedTest(
            **{
                **test,
                'migrations': tuple(
                    map(validation.migration, test['migrations'])
                ),
            }
        )
        for test in document['tests']
    ]
    return Run(
        tuple(tests), document['facts'], tuple(document.get('problems', ()))
    )
