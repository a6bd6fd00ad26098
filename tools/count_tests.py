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
"""Counts the tests of all runs in a stestr repository, as one last line.

count_tests.py FOLDER, which holds the repository; names the tests that failed,
and fails if there are any, or if there was no test at all.
"""

import collections
import sys

from stestr.repository import file as repository
import subunit
import testtools

_PASSED = ('success', 'xfail')
_FAILED = ('fail', 'uxsuccess', 'unknown', 'inprogress', None)


def tests_of(folder):
    """The names of the tests by their status in subunit."""
    tests = collections.defaultdict(list)
    result = testtools.StreamToDict(
        lambda test: tests[test['status']].append(test['id']))
    runs = repository.RepositoryFactory().open(folder)
    for number in range(runs.count()):
        stream = runs.get_test_run(number).get_subunit_stream()
        result.startTestRun()
        subunit.ByteStreamToStreamResult(stream, 'other').run(result)
        result.stopTestRun()
    return tests


def main(folder):
    tests = tests_of(folder)
    passed = sum(len(tests[status]) for status in _PASSED)
    failed = [name for status in _FAILED for name in tests[status]]
    for name in failed:
        print(f'failed: {name}')
    print(f'{passed} passed, {len(failed)} failed, '
          f'{len(tests["skip"])} skipped')
    return 0 if passed and not failed else 1


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]))
