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
"""Reads tests back from a run's subunit stream, with what they measured."""

import dataclasses
import json

import subunit
import testtools

DETAIL = 'migration.json'

#: What stands in front of the name of a detail that belongs to a bundle.
_BUNDLE = 'bundle '


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
    migrations: tuple
    seconds: float = 0.0
    reason: str = ''


def bundle_name(server, name):
    """The name of a detail that is a file of a server's bundle."""
    return '%s%s/%s' % (_BUNDLE, server, name)


def read(stream):
    """The tests of a subunit stream that measured something.

    :param stream: binary, subunit version 2
    :raises ValueError: if a measurement in it can't be read
    """
    return [test for test in read_all(stream) if test.migrations]


def read_all(stream):
    """The tests of a subunit stream, whether they measured or not.

    :param stream: binary, subunit version 2
    :raises ValueError: if a measurement in it can't be read
    """
    return [_recorded(test) for test in _tests(stream)]


def bundles(stream):
    """Each file of each bundle in a subunit stream.

    :param stream: binary, subunit version 2
    :returns: (name of the test, file in the form SERVER/NAME, bytes) of each
    """
    for test in _tests(stream):
        for name, detail in test['details'].items():
            if name.startswith(_BUNDLE):
                yield (_name(test), name.removeprefix(_BUNDLE),
                       b''.join(detail.iter_bytes()))


def _tests(stream):
    tests = []
    result = testtools.StreamToDict(tests.append)
    result.startTestRun()
    subunit.ByteStreamToStreamResult(stream, 'other').run(result)
    result.stopTestRun()
    return tests


def _recorded(test):
    details = test['details']
    migrations = tuple(
        json.loads(b''.join(details[name].iter_bytes()))
        for name in sorted(details, key=_number) if name.startswith(DETAIL))
    began, ended = test['timestamps']
    return RecordedTest(
        _name(test), test['status'], migrations,
        (ended - began).total_seconds() if began and ended else 0.0,
        '\n'.join(details[name].as_text() for name in sorted(details)
                  if name.startswith(('reason', 'traceback'))))


def _name(test):
    return test['id'].partition('[')[0]


def _number(name):
    return int(name.partition('-')[2] or 0) if name.startswith(DETAIL) else 0
