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
"""Counts the tests of all runs in stestr's repositories, as one last line.

count_tests.py FOLDER..., which hold the repositories; names the tests that
failed, with where and why, and fails if there are any, or if a repository has
no test at all.
"""

import collections
import sys

from stestr.repository import abstract
from stestr.repository import file as repository
import subunit
import testtools

_PASSED = ('success', 'xfail')
_FAILED = ('fail', 'uxsuccess', 'unknown', 'inprogress', None)
_LINES_OF_A_FAILURE = 15
_LINES_OF_A_CONSOLE = 8


def tests_of(folder):
    """The tests by their status in subunit, as testtools' dicts."""
    tests = collections.defaultdict(list)
    result = testtools.StreamToDict(
        lambda test: tests[test['status']].append(test)
    )
    try:
        runs = repository.RepositoryFactory().open(folder)
    except abstract.RepositoryNotFound:
        return tests
    for number in range(runs.count()):
        stream = runs.get_test_run(number).get_subunit_stream()
        result.startTestRun()
        subunit.ByteStreamToStreamResult(stream, 'other').run(result)
        result.stopTestRun()
    return tests


def failure(test):
    """What to know of a test that failed."""
    lines = [f'failed: {test["id"]}']
    for name, detail in sorted(test['details'].items()):
        if name.startswith(('traceback', 'reason')):
            lines += _end(detail.as_text().splitlines())
        elif name.startswith('failed at'):
            lines.append(f'failed at: {detail.as_text()}')
        elif name.endswith('/console.log'):
            lines.append(f'the end of {name}:')
            lines += detail.as_text().splitlines()[-_LINES_OF_A_CONSOLE:]
    return '\n    '.join(lines)


def _end(lines):
    """The last frame of a traceback, and how its error begins."""
    frame = max(
        (
            number
            for number, line in enumerate(lines)
            if line.startswith('  File "')
        ),
        default=0,
    )
    return lines[frame : frame + _LINES_OF_A_FAILURE]


def main(folders):
    counts = collections.Counter()
    complete = True
    for folder in folders:
        tests = tests_of(folder)
        failed = [test for status in _FAILED for test in tests[status]]
        for test in failed:
            print(failure(test))
        if not any(tests.values()):
            print(f'no test was run in {folder}')
            complete = False
        counts['passed'] += sum(len(tests[status]) for status in _PASSED)
        counts['failed'] += len(failed)
        counts['skipped'] += len(tests['skip'])
    print(
        ', '.join(
            f'{counts[each]} {each}'
            for each in ('passed', 'failed', 'skipped')
        )
    )
    return 0 if complete and counts['passed'] and not counts['failed'] else 1


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
