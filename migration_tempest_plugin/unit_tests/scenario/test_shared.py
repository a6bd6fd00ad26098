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
"""Tests of a class that take turns with one server."""

from unittest import mock

import testtools

from migration_tempest_plugin.tests.scenario import base
from migration_tempest_plugin.tests.scenario import shared


class Booting(base.LiveMigrationScenario):
    """Boots what counts as a server; needs no cloud."""

    setUp = testtools.TestCase.setUp
    tearDown = testtools.TestCase.tearDown

    def boot_guests(self, count, **arguments):
        guests = [
            mock.Mock(
                id=f'server {len(self.booted) + number}',
                arguments=arguments,
            )
            for number in range(count)
        ]
        self.booted.extend(guests)
        for guest in guests:
            self.addCleanup(self.deleted.append, guest.id)
        return guests

    def keep_evidence_of(self, server):
        self.evidence.append(server)


class TestSharedGuest(testtools.TestCase):
    """Tests of one class, run one after another."""

    def setUp(self):
        super().setUp()
        servers = mock.Mock()
        self.server = {'status': 'ACTIVE', 'OS-EXT-STS:task_state': None}
        servers.show_server.side_effect = lambda _: {'server': self.server}

        class Scenario(shared.SharedGuestScenario, Booting):
            booted, deleted, evidence, with_class = [], [], [], []
            os_admin = mock.Mock(servers_client=servers)

            @classmethod
            def addClassResourceCleanup(cls, function, *args, **kwargs):
                cls.with_class.append((function, args))

            def runTest(self):
                self.act(self)

        self.scenario = Scenario

    def run_test(self, act=lambda test: test.boot_guest()):
        """Run a test of the class; the ids of the servers that it booted."""
        used = []

        def act_on(test):
            real = test.boot_guests

            def boot_guests(count, **arguments):
                guests = real(count, **arguments)
                used.extend(guest.id for guest in guests)
                return guests

            test.boot_guests = boot_guests
            act(test)

        self.scenario.act = staticmethod(act_on)
        self.scenario().run(testtools.TestResult())
        return used

    def test_the_next_test_has_the_same(self):
        self.assertEqual(['server 0'], self.run_test())
        self.assertEqual(['server 0'], self.run_test())
        self.assertEqual([], self.scenario.deleted)
        [(delete, what)] = self.scenario.with_class
        delete(*what)
        self.assertEqual(['server 0'], self.scenario.deleted)

    def test_who_takes_it_over_has_its_evidence_kept(self):
        self.run_test()
        self.assertEqual([], self.scenario.evidence)
        self.run_test()
        self.assertEqual(['server 0'], self.scenario.evidence)

    def test_several(self):
        def two(test):
            test.boot_guests(2)

        self.assertEqual(['server 0', 'server 1'], self.run_test(two))
        self.assertEqual(['server 0', 'server 1'], self.run_test(two))
        # One does not take them apart.
        self.assertEqual(['server 2'], self.run_test())

    def test_two_at_a_time(self):
        def act(test):
            test.boot_guest()
            test.boot_guest()

        self.assertEqual(['server 0', 'server 1'], self.run_test(act))

    def test_after_a_failure(self):
        def fail(test):
            test.boot_guest()
            test.fail('it is not as it should be')

        self.assertEqual(['server 0'], self.run_test(fail))
        self.assertEqual(['server 1'], self.run_test())
        self.assertEqual(['server 1'], self.run_test())
        self.assertEqual([], self.scenario.deleted)

    def test_after_a_clean_up_that_fails(self):
        def act(test):
            test.boot_guest()
            test.addCleanup(test.fail, 'it can not be put back')

        self.run_test(act)
        self.assertEqual(['server 1'], self.run_test())

    def test_one_that_is_not_well(self):
        for change in (
            {'status': 'ERROR'},
            {'OS-EXT-STS:task_state': 'migrating'},
        ):
            before = self.run_test()
            self.server.update(change)
            self.assertNotEqual(before, self.run_test(), change)
            self.server.update(
                {'status': 'ACTIVE', 'OS-EXT-STS:task_state': None}
            )

    def test_one_that_is_built_otherwise(self):
        """It is for the tests that want it so, and for no others."""

        def pinned(test):
            test.boot_guest(flavor='pinned')

        self.run_test()
        self.assertEqual(['server 1'], self.run_test(pinned))
        self.assertEqual(['server 0'], self.run_test())
        self.assertEqual(['server 1'], self.run_test(pinned))
        self.assertEqual([], self.scenario.deleted)
