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
"""A base of tests keeps its own methods, whoever is built on it."""

import importlib
import inspect
import pkgutil

import testtools

from migration_tempest_plugin import tests


def classes():
    """Each class of the tests that Tempest runs."""
    for found in pkgutil.walk_packages(tests.__path__, tests.__name__ + '.'):
        module = importlib.import_module(found.name)
        for _, each in inspect.getmembers(module, inspect.isclass):
            if each.__module__ == found.name:
                yield each


def private(owner):
    """The names of its methods that are for itself alone."""
    return {
        name
        for name, each in vars(owner).items()
        if name.startswith('_')
        and not name.startswith('__')
        and inspect.isroutine(each)
    }


def ours(owner):
    return [
        each
        for each in owner.__mro__
        if each.__module__.startswith('migration_tempest_plugin.')
    ]


class TestPrivate(testtools.TestCase):
    def test_none_is_there_twice(self):
        """A base would call another's method by the name of its own."""
        twice = {
            f'{each.__module__}.{each.__name__}.{name}': [
                owner.__name__ for owner in ours(each) if name in vars(owner)
            ]
            for each in classes()
            for name in set().union(*map(private, ours(each)))
            if sum(name in private(owner) for owner in ours(each)) > 1
        }
        self.assertEqual({}, twice)

    def test_there_are_classes_to_look_at(self):
        names = {each.__name__ for each in classes()}
        self.assertIn('SideBySideScenario', names)
        self.assertIn('TestForceComplete', names)
