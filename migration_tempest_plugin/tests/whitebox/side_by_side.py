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
"""Migrations of several tests, made at the same time."""

import contextlib

from migration_tempest_plugin.tests.whitebox import base


class SideBySideScenario(base.ReconfiguringScenario):
    """Base of classes whose migrations take long, and do little but wait.

    Those of several tests are made by whichever of these comes first. Each
    test judges what became of its own.
    """

    _unkept = None    # what was measured while they are made

    @classmethod
    def resource_setup(cls):
        super().resource_setup()
        cls._made = {}      # what make() gave, by the group
        cls._failed = {}    # why it gave nothing

    def side_by_side(self, group, make):
        """What became of the migrations of a group of tests.

        :param group: what the tests of it have in common
        :param make: makes all of them; called without arguments, once for the
            class
        :returns: what that returns
        """
        if group in self._failed:
            self.fail('The migrations of all of these tests were made in '
                      'another one, which failed: %s' % self._failed[group])
        if group not in self._made:
            with self._kept_on_failure(group):
                self._made[group] = make()
        return self._made[group]

    @contextlib.contextmanager
    def _kept_on_failure(self, group):
        """What is measured is kept by the tests that judge it, each its own.

        Here, only if there is nothing to judge.
        """
        self._unkept = unkept = []
        try:
            yield
        except Exception as error:
            self._failed[group] = error
            for measured in unkept:
                super().keep(measured)
            raise
        finally:
            self._unkept = None

    def keep(self, measured):
        if self._unkept is None:
            super().keep(measured)
        else:
            self._unkept.append(measured)
