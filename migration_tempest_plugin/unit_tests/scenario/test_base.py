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
import time
from unittest import mock

import fixtures
from oslo_config import cfg
from tempest.lib import exceptions as lib_exc
from tempest.scenario import manager
import testtools

from migration_tempest_plugin import config
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.measurement import Beat
from migration_tempest_plugin.measurement import GuestClock
from migration_tempest_plugin.measurement import Sample
from migration_tempest_plugin.measurement import Timeline
from migration_tempest_plugin import meters
from migration_tempest_plugin.tests.scenario import base

READY = {
    'compute_feature_enabled': {
        'live_migration': True, 'block_migration_for_live_migration': True},
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

    def patch(self, name, value):
        self.useFixture(fixtures.MonkeyPatch(
            'migration_tempest_plugin.tests.scenario.base.' + name, value))

    def __getattr__(self, group):
        if group.startswith('migration'):
            return self.conf[group.replace('_', '-')]
        if group in READY:
            return mock.Mock(**self.settings[group])
        raise AttributeError(group)


class TestSkips(Case):

    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.MockPatchObject(
            manager.NetworkScenarioTest, 'skip_checks'))

    def skipped(self, group, **values):
        self.settings[group].update(values)
        return str(self.assertRaises(
            testtools.TestCase.skipException,
            base.LiveMigrationScenario.skip_checks))

    def test_runs(self):
        base.LiveMigrationScenario.skip_checks()

    def test_live_migration(self):
        self.assertIn('[compute-feature-enabled] live_migration',
                      self.skipped('compute_feature_enabled',
                                   live_migration=False))

    def test_one_compute(self):
        self.assertIn('[compute] min_compute_nodes',
                      self.skipped('compute', min_compute_nodes=1))

    def test_servers_out_of_reach(self):
        self.assertIn('[validation] run_validation',
                      self.skipped('validation', run_validation=False))

    def test_no_floating_ips(self):
        said = self.skipped('network', public_network_id='')
        self.assertIn('[network] public_network_id', said)
        self.assertIn('connect_method = fixed', said)

    def test_provider_network(self):
        self.settings['network']['public_network_id'] = ''
        self.settings['validation']['connect_method'] = 'fixed'
        base.LiveMigrationScenario.skip_checks()


class TestContradiction(Case):

    def test_deadlines(self):
        self.conf.set_override('metadata_connect_deadline', 3.0,
                               group='migration')
        error = self.assertRaises(lib_exc.InvalidConfiguration,
                                  base.LiveMigrationScenario.resource_setup)
        self.assertIn('metadata_connect_deadline (3)', str(error))


class TestActive(Case):
    """Nova 32.2.0 to 34.0.0 leave in ERROR what the API calls ACTIVE."""

    def assert_active(self, status, expected=True):
        self.conf.set_override('aborted_server_active', expected,
                               group='migration-feature-enabled')
        scenario = mock.Mock(assertEqual=self.assertEqual)
        self.client = scenario.os_admin.servers_client
        self.client.show_server.return_value = {'server': {'status': status}}
        base.LiveMigrationScenario.assert_active(
            scenario, mock.Mock(id='the-id'), 'evidence')

    def test_active(self):
        self.assert_active('ACTIVE')
        self.assert_active('ACTIVE', expected=False)
        self.client.reset_state.assert_not_called()

    def test_error(self):
        error = self.assertRaises(AssertionError, self.assert_active, 'ERROR')
        self.assertIn('aborted_server_active = false', str(error))
        self.client.reset_state.assert_called_once_with('the-id',
                                                        state='active')

    def test_error_where_nova_has_the_defect(self):
        self.assert_active('ERROR', expected=False)
        self.client.reset_state.assert_called_once_with('the-id',
                                                        state='active')


class TestArguments(Case):

    def arguments(self, microversion, host=None):
        scenario = mock.Mock(compute_request_microversion=microversion)
        return base.LiveMigrationScenario.live_migrate_arguments(
            scenario, host)

    def test_before_2_25(self):
        for block in (True, False):
            self.settings['compute_feature_enabled'][
                'block_migration_for_live_migration'] = block
            self.assertEqual(
                {'host': None, 'block_migration': block,
                 'disk_over_commit': False}, self.arguments('2.1'))

    def test_from_2_25_on(self):
        for microversion in ('2.25', '2.100'):
            self.assertEqual({'host': 'b', 'block_migration': 'auto'},
                             self.arguments(microversion, 'b'))


def timeline(pattern, **arguments):
    """Probes, a tenth of a second each: + answered, - failed."""
    samples = [Sample(number / 10, number / 10, letter == '+')
               for number, letter in enumerate(pattern)]
    return Timeline(arguments.pop('what', 'network'), 'x', samples, 0.1,
                    ended=samples[-1].end, **arguments)


class FakeMeter:
    """Reads like the patterns, one after another."""

    def __init__(self, *patterns):
        self.patterns = list(patterns)
        self.waited = []

    def wait_until_up(self, timeout):
        self.waited.append(timeout)

    def measurement(self):
        return timeline(self.patterns.pop(0)).recovered()


class TestRead(testtools.TestCase):

    def test_since_the_baseline(self):
        read = base._read(FakeMeter('--+++'), 0.15, 0)
        self.assertEqual((), read.outages)

    def test_one_that_stays_down_does_not_hide_the_other(self):
        meter = mock.Mock()
        meter.wait_until_up.side_effect = exceptions.NoMeasurement('away')
        base._wait_until_recovered(meter, 0)
        meter.wait_until_up.assert_called_once_with(1)

    def test_the_last_probe_failed(self):
        """It has its time to recover, too."""
        meter = FakeMeter('++-', '++-++')
        read = base._read(meter, 0, time.monotonic() + 60)
        self.assertEqual(1, len(read.outages))
        self.assertEqual(1, len(meter.waited))

    def test_it_stays_down(self):
        meter = FakeMeter('++-')
        read = base._read(meter, 0, time.monotonic() - 1)
        self.assertIn('still down', read.reason)
        self.assertEqual([], meter.waited)

    def test_what_can_not_recover_is_not_waited_for(self):
        meter = mock.Mock()
        gone = exceptions.NoMeasurement('the guest was rebooted')
        meter.measurement.side_effect = gone
        self.assertIs(gone, base._read(meter, 0, time.monotonic() + 60))


class TestJoin(testtools.TestCase):

    CLOCK = GuestClock(Beat(100 + each, 100 + each, each)
                       for each in range(3))

    def test_the_guest_s_clock_is_joined(self):
        heartbeat = meters.Heartbeat(timeline('+++', what='tcp'), self.CLOCK)
        (network, tcp, metadata), clock = base._join([
            timeline('+-+'), heartbeat,
            timeline('+-+', what='metadata', clock='guest')])
        self.assertIs(self.CLOCK, clock)
        self.assertEqual('tcp', tcp.what)
        self.assertEqual(0, network.began)
        self.assertEqual('tester', metadata.clock)
        self.assertAlmostEqual(100, metadata.began, delta=0.02)

    def test_without_it(self):
        gone = exceptions.NoMeasurement('no heartbeat')
        (first, second), clock = base._join([
            gone, timeline('+-+', what='metadata', clock='guest')])
        self.assertIs(gone, first)
        self.assertEqual('guest', second.clock)
        self.assertIsNone(clock)


class TestSetUp(testtools.TestCase):

    def test_the_error_comes_alone(self):
        class Broken(fixtures.Fixture):
            def _setUp(self):
                raise exceptions.NoMeasurement('no ping')

        with base.contextlib.ExitStack() as stack:
            self.assertRaises(exceptions.NoMeasurement, base._set_up, stack,
                              Broken())
