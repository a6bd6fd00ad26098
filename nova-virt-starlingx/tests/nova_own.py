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
"""Nova's own tests of live migrations, with the driver in place of Nova's.

Their servers say nothing: what Nova promises must hold as before.
"""

import unittest
from unittest import mock

from nova.tests.unit.virt.libvirt import test_driver
from nova.tests.unit.virt.libvirt import test_guest
from nova.tests.unit.virt.libvirt import test_migration
from nova.virt.libvirt import driver
from nova.virt import starlingx

#: Which of them, by a part of the name of each.
OWN = (
    (test_driver, ('migrat',)),
    (test_guest, ('migrat', 'downtime', 'timeout_action')),
    (test_migration, ('',)),
)


class _Driver:
    """Nova's module of its driver, but for the one class.

    The class stays where it is in the module itself, whose methods name it.
    """

    LibvirtDriver = starlingx.LibvirtDriver

    def __getattr__(self, name):
        return getattr(driver, name)

    def __setattr__(self, name, value):
        setattr(driver, name, value)

    def __delattr__(self, name):
        delattr(driver, name)


class _InPlace(unittest.TestSuite):
    """Tests of Nova's driver that get the other one."""

    def run(self, result, debug=False):
        with mock.patch.object(test_driver, 'libvirt_driver', _Driver()):
            return super().run(result, debug)


def load_tests(loader, standard_tests, pattern):
    """What unittest runs of this module (its load_tests protocol)."""
    return _InPlace(
        test
        for module, parts in OWN
        for test in _each(loader.loadTestsFromModule(module))
        if any(part in test.id().rpartition('.')[2] for part in parts)
    )


def _each(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from _each(test)
        else:
            yield test
