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
"""The options: one table for all, limits that fall back, bad values."""

import fixtures
from oslo_config import cfg
from oslo_config import fixture
import testtools

from migration_tempest_plugin import config
from migration_tempest_plugin import plugin


class TestTable(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.conf = cfg.ConfigOpts()
        plugin.MigrationTempestPlugin().register_opts(self.conf)
        self.conf([])
        self.names = {
            group.name: {option.name for option in options}
            for group, options in config.OPTIONS
        }

    def test_groups(self):
        self.assertEqual(
            {'migration', 'migration-feature-enabled', 'migration-hosts'},
            set(self.names),
        )

    def test_registered(self):
        for group, names in self.names.items():
            self.assertEqual(names, set(self.conf[group].keys()))

    def test_listed_for_tempest(self):
        listed = plugin.MigrationTempestPlugin().get_opt_lists()
        self.assertEqual(
            self.names,
            {
                group: {option.name for option in options}
                for group, options in listed
            },
        )

    def test_listed_for_the_generator(self):
        self.assertEqual(
            self.names,
            {
                group.name: {option.name for option in options}
                for group, options in config.list_opts()
            },
        )

    def test_each_has_a_help_and_a_range(self):
        for _group, options in config.OPTIONS:
            for option in options:
                self.assertGreater(len(option.help), 40, option.name)
                if isinstance(option, cfg.FloatOpt):
                    self.assertIsNotNone(option.type.min, option.name)

    def test_passwords_are_secret(self):
        for _group, options in config.OPTIONS:
            for option in options:
                self.assertEqual(
                    option.name == 'database_connection',
                    option.secret,
                    option.name,
                )

    def test_limits_are_unset(self):
        for name in config.DEFAULT_LIMITS:
            self.assertIsNone(self.conf.migration[name])


class TestBadValues(testtools.TestCase):
    def refuse(self, name, value):
        conf = cfg.ConfigOpts()
        config.register_opts(conf)
        conf([])
        error = self.assertRaises(
            ValueError, conf.set_override, name, value, group='migration'
        )
        self.assertNotEqual('', str(error))

    def test_negative_limits(self):
        self.refuse('allowed_network_downtime', -0.1)
        self.refuse('allowed_metadata_downtime', -1)

    def test_words(self):
        self.refuse('allowed_network_downtime', 'five')

    def test_no_interval(self):
        self.refuse('network_probe_interval', 0)
        self.refuse('metadata_probe_interval', 0)

    def test_unknown_ip_version(self):
        self.refuse('metadata_ip_version', 5)

    def test_paths(self):
        self.refuse('metadata_path', 'latest/meta-data')
        self.refuse('metadata_path', '/latest /meta-data')


class TestLimit(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.conf = cfg.ConfigOpts()
        config.register_opts(self.conf)
        self.conf([])
        self.fixture = self.useFixture(fixture.Config(self.conf))
        self.useFixture(
            fixtures.MonkeyPatch(
                'migration_tempest_plugin.config.CONF', self.conf
            )
        )

    def with_tempest(self, **values):
        self.conf.register_opts(
            [
                cfg.FloatOpt(name, default=value)
                for name, value in values.items()
            ],
            group='validation',
        )

    def test_own(self):
        self.with_tempest(allowed_network_downtime=5.0)
        self.fixture.config(group='migration', allowed_network_downtime=0.3)
        self.assertEqual(0.3, config.limit('allowed_network_downtime'))

    def test_own_of_zero_is_a_limit(self):
        self.with_tempest(allowed_network_downtime=5.0)
        self.fixture.config(group='migration', allowed_network_downtime=0)
        self.assertEqual(0, config.limit('allowed_network_downtime'))

    def test_of_tempest(self):
        self.with_tempest(
            allowed_network_downtime=15.0, allowed_metadata_downtime=7.0
        )
        self.assertEqual(15.0, config.limit('allowed_network_downtime'))
        self.assertEqual(7.0, config.limit('allowed_metadata_downtime'))

    def test_of_a_tempest_that_has_none(self):
        self.with_tempest(allowed_network_downtime=15.0)
        self.assertEqual(6.0, config.limit('allowed_metadata_downtime'))
