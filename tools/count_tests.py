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

count_tests.py FOLDER, which holds the repository; fails if a test failed, or
if there was none.
"""

import collections
import sys

from stestr.repository import file as repository
import subunit
import testtools

_PASSED = ('success', 'xfail')
_FAILED = ('fail', 'uxsuccess', 'unknown', 'inprogress', None)


def count(folder):
    """How often each status of subunit came up."""
    statuses = collections.Counter()
    result = testtools.StreamToDict(
        lambda test: statuses.update([test['status']]))
    runs = repository.RepositoryFactory().open(folder)
    for number in range(runs.count()):
        stream = runs.get_test_run(number).get_subunit_stream()
        result.startTestRun()
        subunit.ByteStreamToStreamResult(stream, 'other').run(result)
        result.stopTestRun()
    return statuses


def main(folder):
    statuses = count(folder)
    passed = sum(statuses[status] for status in _PASSED)
    failed = sum(statuses[status] for status in _FAILED)
    print(f'{passed} passed, {failed} failed, {statuses["skip"]} skipped')
    return 0 if passed and not failed else 1


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]))
