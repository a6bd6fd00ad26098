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
"""The tests: which would run, and which option would enable the others.

By the configuration alone, as the tests themselves decide. Some decide only
when they run, by what they find then.
"""

import collections
import unittest

import testtools

#: What a skip of either kind raises.
_SKIPPED = (unittest.SkipTest, testtools.TestCase.skipException)


def reasons():
    """The names of the tests by the reason that skips them.

    :returns: {reason: [names]}; None is for those that would run
    """
    found = collections.defaultdict(list)
    of_class = {}
    for test in _tests(
        unittest.defaultTestLoader.discover('migration_tempest_plugin.tests')
    ):
        cls = type(test)
        if cls not in of_class:
            of_class[cls] = _class_reason(cls)
        name = f'{cls.__name__}.{test._testMethodName}'
        found[of_class[cls] or _method_reason(test)].append(name)
    return dict(found)


def _tests(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from _tests(test)
        else:
            yield test


def _class_reason(cls):
    try:
        cls.skip_checks()
    except _SKIPPED as reason:
        return str(reason)
    return None


def _method_reason(test):
    method = getattr(test, test._testMethodName)
    if getattr(method, '__unittest_skip__', False):
        return method.__unittest_skip_why__
    return getattr(method, 'reason_to_skip', lambda: None)()
