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
"""When a scenario is skipped, what it asks for, and how it is judged."""

import copy
from unittest import mock

import fixtures
from oslo_config import cfg
from tempest.scenario import manager
import testtools

from migration_tempest_plugin import config
from migration_tempest_plugin import measurement
from migration_tempest_plugin.measurement import Sample
from migration_tempest_plugin.tests.scenario import base
from migration_tempest_plugin.tests.scenario import test_parallel

READY = {
    'compute_feature_enabled': {
        'live_migration': True,
        'block_migration_for_live_migration': True,
    },
    'compute': {'min_compute_nodes': 2},
    'validation': {'run_validation': True, 'connect_method': 'floating'},
    'network': {'public_network_id': 'net'},
    'network_feature_enabled': {'floating_ips': True},
}


class Case(testtools.TestCase):
    """Gives the scenarios a configuration that a test can change."""

    def setUp(self):
        super().setUp()
        self.conf = cfg.ConfigOpts()
        config.register_opts(self.conf)
        self.conf([])
        self.settings = copy.deepcopy(READY)
        self.patch('CONF', self)
        self.useFixture(
            fixtures.MonkeyPatch(
                'migration_tempest_plugin.tests.scenario.guests.CONF', self
            )
        )

    def patch(self, name, value):
        self.useFixture(
            fixtures.MonkeyPatch(
                'migration_tempest_plugin.tests.scenario.base.' + name, value
            )
        )

    def override(self, name, value, group='migration'):
        self.conf.set_override(name, value, group=group)
        # Groups of options are objects that other tests use as well.
        self.addCleanup(self.conf.clear_override, name, group=group)

    def __getattr__(self, group):
        if group.startswith('migration'):
            return self.conf[group.replace('_', '-')]
        if group in READY:
            return mock.Mock(**self.settings[group])
        raise AttributeError(group)


class TestSkips(Case):
    def setUp(self):
        super().setUp()
        self.useFixture(
            fixtures.MockPatchObject(
                manager.NetworkScenarioTest, 'skip_checks'
            )
        )

    def skipped(self, group, **values):
        self.settings[group].update(values)
        return str(
            self.assertRaises(
                testtools.TestCase.skipException,
                base.LiveMigrationScenario.skip_checks,
            )
        )

    def test_runs(self):
        base.LiveMigrationScenario.skip_checks()

    def test_live_migration(self):
        self.assertIn(
            '[compute-feature-enabled] live_migration',
            self.skipped('compute_feature_enabled', live_migration=False),
        )

    def test_one_compute(self):
        self.assertIn(
            '[compute] min_compute_nodes',
            self.skipped('compute', min_compute_nodes=1),
        )

    def test_servers_out_of_reach(self):
        self.assertIn(
            '[validation] run_validation',
            self.skipped('validation', run_validation=False),
        )

    def test_no_floating_ips(self):
        said = self.skipped('network', public_network_id='')
        self.assertIn('[network] public_network_id', said)
        self.assertIn('connect_method = fixed', said)

    def test_provider_network(self):
        self.settings['network']['public_network_id'] = ''
        self.settings['validation']['connect_method'] = 'fixed'
        base.LiveMigrationScenario.skip_checks()


class TestLimits(Case):
    """What is held against them, and what is said where they are too fine."""

    def measured(self, down=0):
        samples = [
            Sample(number / 10, number / 10, number not in range(3, 3 + down))
            for number in range(20)
        ]
        return measurement.MeasuredMigration(
            'uuid',
            'a',
            'b',
            (measurement.Timeline('network', 'x', samples, 0.1, 1.9),),
        )

    def assert_allowed(self, seconds, measured, fail=True):
        self.override('allowed_network_downtime', seconds)
        self.override('fail_unchecked_limits', fail)
        self.patch('config.CONF', self)
        scenario = mock.Mock(
            fail=self.fail,
            limits=(base.limit('network', 'allowed_network_downtime'),),
        )
        base.LiveMigrationScenario.assert_downtime_allowed(scenario, measured)

    def test_kept(self):
        self.assert_allowed(0.5, self.measured())

    def test_not_kept(self):
        error = self.assertRaises(
            AssertionError, self.assert_allowed, 0.2, self.measured(4)
        )
        self.assertIn('longer than the 0.2 s', str(error))
        self.assertNotIn('fail_unchecked_limits', str(error))

    def test_not_checked(self):
        error = self.assertRaises(
            AssertionError, self.assert_allowed, 0.05, self.measured()
        )
        self.assertIn(
            'the limit of 0.05 s (allowed_network_downtime) is '
            'finer than the resolution',
            str(error),
        )
        self.assertIn('fail_unchecked_limits = false', str(error))

    def test_not_checked_and_let_pass(self):
        self.assert_allowed(0.05, self.measured(), fail=False)

    def test_in_median(self):
        """As one of them, of the sums of several."""
        self.patch('config.CONF', self)
        for seconds, said in (
            (0.45, None),
            (0.35, 'upper bound longer'),
            (0.05, 'longer than the 0.05 s'),
        ):
            self.override('allowed_median_network_downtime', seconds)
            scenario = mock.Mock(assertIsNone=self.assertIsNone)
            several = [self.measured(down) for down in (0, 3, 9)]
            if said is None:
                test_parallel.TestRepeats.assert_median_allowed(
                    scenario, several
                )
                continue
            error = self.assertRaises(
                AssertionError,
                test_parallel.TestRepeats.assert_median_allowed,
                scenario,
                several,
            )
            self.assertIn(said, str(error))

    def test_in_median_not_checked(self):
        self.patch('config.CONF', self)
        self.override('allowed_median_network_downtime', 0.05)
        scenario = mock.Mock(assertIsNone=self.assertIsNone)
        error = self.assertRaises(
            AssertionError,
            test_parallel.TestRepeats.assert_median_allowed,
            scenario,
            [self.measured()] * 3,
        )
        self.assertIn('NOT CHECKED', str(error))


class TestPlaces(Case):
    def scenario(self, *hosts):
        """One with guests on these hosts."""
        scenario = mock.Mock(spec=base.LiveMigrationScenario)
        self.guests = [
            mock.Mock(id=str(number)) for number in range(len(hosts))
        ]
        scenario.get_host_for_server.side_effect = lambda server: hosts[
            int(server)
        ]
        scenario.by_host.side_effect = lambda guests: (
            base.LiveMigrationScenario.by_host(scenario, guests)
        )
        return scenario

    def test_most_of_them_are_first(self):
        one, _, three = by_host = base.LiveMigrationScenario.by_host(
            self.scenario('a', 'b', 'c', 'b', 'b', 'c'), self.guests
        )
        self.assertEqual([3, 2, 1], [len(guests) for _, guests in by_host])
        self.assertEqual(
            ('b', [self.guests[number] for number in (1, 3, 4)]), one
        )
        self.assertEqual(('a', [self.guests[0]]), three)

    def test_they_are_brought_to_where_most_are(self):
        scenario = self.scenario('a', 'b', 'b')
        self.assertEqual(
            'b',
            base.LiveMigrationScenario.bring_together(scenario, self.guests),
        )
        scenario.bring_to.assert_called_once_with('b', self.guests)


class TestActive(Case):
    """Nova 32.2.0 to 34.0.0 leave in ERROR what the API calls ACTIVE."""

    def assert_active(self, status, expected=True):
        self.override(
            'aborted_server_active', expected, 'migration-feature-enabled'
        )
        scenario = mock.Mock(assertEqual=self.assertEqual)
        self.client = scenario.os_admin.servers_client
        self.client.show_server.return_value = {'server': {'status': status}}
        base.LiveMigrationScenario.assert_active(
            scenario, mock.Mock(id='the-id'), 'evidence'
        )

    def test_active(self):
        self.assert_active('ACTIVE')
        self.assert_active('ACTIVE', expected=False)
        self.client.reset_state.assert_not_called()

    def test_error(self):
        error = self.assertRaises(AssertionError, self.assert_active, 'ERROR')
        self.assertIn('aborted_server_active = false', str(error))
        self.client.reset_state.assert_called_once_with(
            'the-id', state='active'
        )

    def test_error_where_nova_has_the_defect(self):
        self.assert_active('ERROR', expected=False)
        self.client.reset_state.assert_called_once_with(
            'the-id', state='active'
        )


class TestMove(Case):
    def test_its_settings_are_read_before_it_is_asked_for(self):
        asked = []

        def of_server(admin, server):
            asked.append((admin, server))
            return ('a setting',)

        self.patch('settings.of_server', of_server)
        scenario = mock.Mock(os_admin='the admin')
        move = base.LiveMigrationScenario._move(
            scenario, mock.Mock(id='the-id'), 'b', 'the recorder'
        )
        self.assertEqual([('the admin', 'the-id')], asked)
        self.assertEqual(('a setting',), move.settings)
        self.assertIs(scenario.migration_of.return_value, move.migration)
        move.migration.request.assert_not_called()


class TestArguments(Case):
    def arguments(self, microversion, host=None, image='the-image', **flavor):
        scenario = mock.Mock(compute_request_microversion=microversion)
        clients = scenario.os_admin
        clients.servers_client.show_server.return_value = {
            'server': {'image': image, 'flavor': {'id': 'small'}}
        }
        clients.flavors_client.show_flavor.return_value = {
            'flavor': {'OS-FLV-EXT-DATA:ephemeral': 0, 'swap': '', **flavor}
        }
        return base.LiveMigrationScenario.live_migrate_arguments(
            scenario, mock.Mock(id='the-id'), host
        )

    def test_before_2_25(self):
        for block in (True, False):
            self.settings['compute_feature_enabled'][
                'block_migration_for_live_migration'
            ] = block
            self.assertEqual(
                {
                    'host': None,
                    'block_migration': block,
                    'disk_over_commit': False,
                },
                self.arguments('2.1'),
            )

    def test_from_a_volume_before_2_25(self):
        """Nova refuses to copy what is not there, and to leave what is."""
        self.settings['compute_feature_enabled'][
            'block_migration_for_live_migration'
        ] = True
        for block, flavor in (
            (False, {}),
            (True, {'swap': 64}),
            (True, {'OS-FLV-EXT-DATA:ephemeral': 1}),
        ):
            asked = self.arguments('2.1', image='', **flavor)
            self.assertIs(block, asked['block_migration'], flavor)

    def test_from_2_25_on(self):
        for microversion in ('2.25', '2.100'):
            self.assertEqual(
                {'host': 'b', 'block_migration': 'auto'},
                self.arguments(microversion, 'b'),
            )
