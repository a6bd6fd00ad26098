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
"""Reads measured migrations back from a run's subunit stream."""

import dataclasses
import json

import subunit
import testtools

#: Name of the detail that a test keeps a measured migration in; a test with
#: several numbers them: migration.json-1, and so on.
DETAIL = 'migration.json'


@dataclasses.dataclass(frozen=True)
class RecordedTest:
    """A test with what it measured.

    :ivar id: name of the test, without what Tempest puts in brackets
    :ivar status: subunit's word for how it ended ('success', 'fail', ...)
    :ivar migrations: MeasuredMigration.to_dict() of each, in order
    """

    id: str
    status: str
    migrations: tuple


def read(stream):
    """The tests of a subunit stream that measured something.

    :param stream: binary, subunit version 2
    :raises ValueError: if a measurement in it can't be read
    """
    tests = []

    def take(test):
        migrations = tuple(
            json.loads(b''.join(test['details'][name].iter_bytes()))
            for name in sorted(test['details'], key=_number)
            if name.startswith(DETAIL))
        if migrations:
            tests.append(RecordedTest(test['id'].partition('[')[0],
                                      test['status'], migrations))

    result = testtools.StreamToDict(take)
    result.startTestRun()
    subunit.ByteStreamToStreamResult(stream, 'other').run(result)
    result.stopTestRun()
    return tests


def _number(name):
    return int(name.partition('-')[2] or 0) if name.startswith(DETAIL) else 0
