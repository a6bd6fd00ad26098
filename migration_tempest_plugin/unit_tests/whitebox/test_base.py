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
"""When a test behind the API is skipped, and what it asks of QEMU."""

from unittest import mock

import fixtures
from oslo_config import cfg
from oslo_config import fixture
import testtools

from migration_tempest_plugin import config
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.hosts import watch
from migration_tempest_plugin.tests.scenario import base as scenario
from migration_tempest_plugin.tests.whitebox import base
from migration_tempest_plugin.tests.whitebox import reconfiguring
from migration_tempest_plugin.tests.whitebox import slow


class Case(testtools.TestCase):
    def setUp(self):
        super().setUp()
        conf = cfg.ConfigOpts()
        config.register_opts(conf)
        conf([])
        self.fixture = self.useFixture(fixture.Config(conf))
        for module in (base, reconfiguring):
            self.useFixture(
                fixtures.MonkeyPatch(
                    module.__name__ + '.CONF',
                    mock.Mock(
                        migration=conf.migration,
                        migration_hosts=conf['migration-hosts'],
                    ),
                )
            )

    def configure(self, **values):
        self.fixture.config(group='migration-hosts', **values)


class TestSkips(Case):
    def setUp(self):
        super().setUp()
        self.useFixture(
            fixtures.MockPatchObject(
                scenario.LiveMigrationScenario, 'skip_checks'
            )
        )

    def skipped(self, scenario):
        return str(
            self.assertRaises(
                testtools.TestCase.skipException, scenario.skip_checks
            )
        )

    def test_no_hosts(self):
        self.assertIn(
            '[migration-hosts] computes', self.skipped(base.WhiteboxScenario)
        )

    def test_hosts(self):
        self.configure(computes={'one': '192.0.2.1'})
        base.WhiteboxScenario.skip_checks()

    def test_hosts_in_a_file(self):
        self.configure(hosts_file='/etc/hosts.ini')
        base.WhiteboxScenario.skip_checks()

    def test_hosts_that_must_not_be_changed(self):
        self.configure(computes={'one': '192.0.2.1'})
        self.assertIn(
            '[migration-hosts] allow_restart',
            self.skipped(reconfiguring.ReconfiguringScenario),
        )
        self.configure(allow_restart=True)
        reconfiguring.ReconfiguringScenario.skip_checks()


class TestInForce(Case):
    def assert_qemu(self, *values):
        observation = mock.Mock(
            source='one',
            error='gone',
            looks=[
                watch.Seen(1.0, mock.Mock(qemu={'auto-converge': value}))
                for value in values
            ],
        )
        base.WhiteboxScenario.assert_qemu(
            None, observation, 'auto-converge', True
        )

    def test_it_is(self):
        self.assert_qemu(True, True)

    def test_it_is_not(self):
        for values in ((False,), (True, False), (None,)):
            error = self.assertRaises(
                exceptions.SettingNotInForce, self.assert_qemu, *values
            )
            self.assertIn(
                'QEMU on one migrates with auto-converge = ', str(error)
            )

    def test_nobody_has_looked(self):
        error = self.assertRaises(exceptions.NoMeasurement, self.assert_qemu)
        self.assertIn('Seen: gone', str(error))


class TestOverload(Case):
    """Of a small guest, libvirt says roughly how much it writes."""

    def looks(self, *rates):
        """How often it was looked at, each look giving one of the rates."""
        scenario = mock.Mock(bandwidth=8)
        look = scenario.compute_of.return_value.libvirt.dirty_rate
        look.side_effect = rates
        slow.SlowScenario._assert_overload(
            scenario, mock.Mock(), mock.Mock(tool='dd rate=32')
        )
        return look.call_count

    def test_it_writes_enough(self):
        self.assertEqual(1, self.looks(12))

    def test_one_look_says_too_little(self):
        self.assertEqual(2, self.looks(8, 16))
        self.assertEqual(3, self.looks(8, 14, 16))

    def test_it_writes_too_little(self):
        error = self.assertRaises(
            exceptions.NoMeasurement, self.looks, *[8, 14] * slow.LOOKS_AT_RATE
        )
        self.assertIn(
            'the guest writes 10 MiB/s to its memory, which is not '
            'much more than the 8 MiB/s that are copied',
            str(error),
        )
        self.assertIn('dd rate=32', str(error))
