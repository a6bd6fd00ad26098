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
"""The checks of one guest together, and what administrators do to it."""

from unittest import mock

import fixtures
import testtools

from migration_tempest_plugin.checks import check
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.tests.scenario import checked


class Check(check.Check):
    """One that finds what it is told."""

    def __init__(self, name, outcome):
        self.name = name
        self.outcome = outcome

    def verify(self):
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


class TestGuestChecks(testtools.TestCase):
    def checks(self, *each):
        return self.useFixture(checked.GuestChecks('the-id', each))

    def test_each_is_told(self):
        checks = self.checks(
            Check('memory', 'as it was'), Check('clock', 'it moved')
        )
        self.assertEqual(
            ['memory: as it was', 'clock: it moved'], checks.verify()
        )
        self.assertEqual(
            'checks of the-id:\nmemory: as it was\nclock: it moved',
            checks.getDetails()['checks'].as_text(),
        )

    def test_all_that_is_wrong_is_named(self):
        checks = self.checks(
            Check('memory', exceptions.CheckFailed('memory', 'is not')),
            Check('clock', 'it moved'),
            Check('disk', exceptions.GuestError('is out of reach')),
        )
        error = self.assertRaises(exceptions.CheckFailed, checks.verify)
        self.assertEqual(
            'the-id: memory: is not; disk: is out of reach', str(error)
        )
        self.assertIn(
            'clock: it moved', checks.getDetails()['checks'].as_text()
        )


class TestAdminister(testtools.TestCase):
    def setUp(self):
        super().setUp()
        conf = mock.Mock()
        conf.compute_feature_enabled = mock.Mock(
            spec=['pause', 'suspend'], pause=True, suspend=True
        )
        self.features = conf.compute_feature_enabled
        self.useFixture(
            fixtures.MonkeyPatch(
                'migration_tempest_plugin.tests.scenario.checked.CONF', conf
            )
        )
        self.useFixture(
            fixtures.MonkeyPatch(
                'migration_tempest_plugin.tests.scenario.checked.waiters',
                mock.Mock(),
            )
        )
        self.guest = mock.Mock(id='the-id')
        self.boots = 0
        self.guest.boot_id.side_effect = lambda: self.boots

        class Scenario(checked.CheckedScenario):
            def runTest(self):
                pass

        self.scenario = Scenario()
        self.scenario.servers_client = self.client = mock.Mock()
        self.client.reboot_server.side_effect = self.boot
        self.client.start_server.side_effect = self.boot
        self.scenario.network_check = lambda guest: fixtures.Fixture()

    def boot(self, *_, **__):
        self.boots += 1

    def test_all_of_it(self):
        self.assertEqual(
            ['pause', 'suspend', 'soft reboot', 'hard reboot', 'stop'],
            self.scenario.administer(self.guest),
        )
        self.assertEqual(
            [
                mock.call('the-id', type='SOFT'),
                mock.call('the-id', type='HARD'),
            ],
            self.client.reboot_server.call_args_list,
        )

    def test_what_is_not_enabled(self):
        self.features.suspend = False
        self.assertNotIn('suspend', self.scenario.administer(self.guest))
        self.client.suspend_server.assert_not_called()

    def test_a_reboot_that_is_none(self):
        self.client.reboot_server.side_effect = None
        self.assertRaises(AssertionError, self.scenario.administer, self.guest)
        self.assertEqual(
            'soft reboot of the-id',
            self.scenario.getDetails()['failed at'].as_text(),
        )
