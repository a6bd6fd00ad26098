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
"""What DevStack makes of devstack/, phase by phase."""

import configparser
import os
import pathlib
import subprocess
import sys

import fixtures
import testtools

import migration_tempest_plugin
from migration_tempest_plugin import config

CHECKOUT = pathlib.Path(migration_tempest_plugin.__file__).parents[1]

#: As DevStack calls a plugin (stack.sh, functions-common, lib/tempest), with
#: no more of its functions than the plugin needs.
STACK = r"""
set -o errexit
declare -A GITDIR
GITDIR[migration-tempest-plugin]=$CHECKOUT

function is_service_enabled { [[ ",$ENABLED_SERVICES," == *",$1,"* ]]; }
function echo_summary { echo "$@"; }
function setup_dev_lib { echo "installed $1 from ${GITDIR[$1]}"; }
function die { echo "line $1: $2" >&2; exit 1; }
function iniset {
    [[ -n "$1" ]] || die 0 "iniset: no file"
    "$PYTHON" -c '
import configparser, sys
path, section, option, value = sys.argv[1:]
parser = configparser.ConfigParser(interpolation=None)
parser.read(path)
parser.has_section(section) or parser.add_section(section)
parser[section][option] = value
with open(path, "w") as file:
    parser.write(file)' "$@"
}

# lib/tempest is read first, where Tempest is.
if is_service_enabled tempest; then
    TEMPEST_CONFIG=$FOLDER/tempest.conf
    TEMPEST_PLUGINS=${TEMPEST_PLUGINS:-0}
fi
source "$CHECKOUT/devstack/settings"
for phase in pre-install install post-config extra post-extra test-config; do
    if [[ $phase == test-config ]] && is_service_enabled tempest; then
        group=compute-feature-enabled
        iniset "$TEMPEST_CONFIG" $group live_migration \
            "${LIVE_MIGRATION_AVAILABLE:-False}"
        iniset "$TEMPEST_CONFIG" $group live_migrate_back_and_forth \
            "${LIVE_MIGRATE_BACK_AND_FORTH:-False}"
        iniset "$TEMPEST_CONFIG" network public_network_id some
        echo "plugins: $TEMPEST_PLUGINS"
    fi
    source "$CHECKOUT/devstack/plugin.sh" stack $phase
done
for phase in unstack clean; do
    source "$CHECKOUT/devstack/plugin.sh" $phase
done
echo stacked
"""

#: Prints each class of tests, and why all of it would be skipped.
CLASSES = """
import inspect, pkgutil, importlib
from tempest import config
from migration_tempest_plugin import plugin, tests
for found in pkgutil.walk_packages(tests.__path__, tests.__name__ + '.'):
    module = importlib.import_module(found.name)
    for name, cls in inspect.getmembers(module, inspect.isclass):
        if cls.__module__ == found.name and name.startswith('Test'):
            try:
                cls.skip_checks()
                print(name, 'runs')
            except cls.skipException as reason:
                print(name, 'is skipped:', reason)
"""


class TestDevStack(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = self.useFixture(fixtures.TempDir()).path

    def run_stack(self, **variables):
        return subprocess.run(
            ['bash', '-c', STACK],
            capture_output=True,
            text=True,
            env={
                'PATH': os.environ['PATH'],
                'PYTHON': sys.executable,
                'CHECKOUT': str(CHECKOUT),
                'FOLDER': self.folder,
                'ENABLED_SERVICES': 'n-api,n-cpu,tempest',
                **variables,
            },
        )

    def stack(self, **variables):
        """What it printed; it must have come to its end."""
        done = self.run_stack(**variables)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertTrue(done.stdout.endswith('stacked\n'), done.stdout)
        return done.stdout

    @property
    def options(self):
        parser = configparser.ConfigParser(interpolation=None)
        parser.read(os.path.join(self.folder, 'tempest.conf'))
        return {group: dict(parser[group]) for group in parser.sections()}

    def classes(self):
        """Why all tests of each class would be skipped, or 'runs'."""
        done = subprocess.run(
            [sys.executable, '-c', CLASSES],
            capture_output=True,
            text=True,
            env={
                **os.environ,
                'TEMPEST_CONFIG_DIR': self.folder,
                'TEMPEST_CONFIG': 'tempest.conf',
                'PYTHONPATH': str(CHECKOUT),
            },
        )
        self.assertEqual(0, done.returncode, done.stderr)
        return dict(line.split(' ', 1) for line in done.stdout.splitlines())

    def test_the_recipe_alone(self):
        printed = self.stack()
        self.assertIn(
            f'installed migration-tempest-plugin from {CHECKOUT}\n', printed
        )
        self.assertIn(f'plugins: {CHECKOUT}\n', printed)
        self.assertEqual(
            {
                'compute': {'min_compute_nodes': '2'},
                'compute-feature-enabled': {
                    'live_migration': 'True',
                    'live_migrate_back_and_forth': 'True',
                },
                'network': {'public_network_id': 'some'},
            },
            self.options,
        )
        classes = self.classes()
        for name in 'TestLiveMigration', 'TestParallel', 'TestWatch':
            self.assertEqual('runs', classes[name])
        # Nobody has said how the hosts are reached.
        self.assertIn('[migration-hosts] computes', classes['TestAbort'])

    def test_hosts(self):
        self.stack(
            MIGRATION_HOSTS_COMPUTES='a:192.0.2.1,b:192.0.2.2',
            MIGRATION_HOSTS_ALLOW_RESTART='True',
        )
        classes = self.classes()
        self.assertEqual(
            {'runs'},
            {
                classes[name]
                for name in ('TestAbort', 'TestDomain', 'TestTimeout')
            },
        )

    def test_options_of_all_groups(self):
        self.stack(
            MIGRATION_ALLOWED_NETWORK_DOWNTIME='2.5',
            MIGRATION_HOSTS_BECOME_COMMAND='sudo -n',
            MIGRATION_HOSTS_NOVA_COMPUTE_LOG='',
            MIGRATION_FEATURE_POST_COPY='True',
        )
        options = self.options
        self.assertEqual(
            {'allowed_network_downtime': '2.5'}, options['migration']
        )
        self.assertEqual(
            {'become_command': 'sudo -n', 'nova_compute_log': ''},
            options['migration-hosts'],
        )
        self.assertEqual(
            {'post_copy': 'True'}, options['migration-feature-enabled']
        )

    def test_each_option_can_be_set(self):
        groups = {
            'migration': config.MigrationGroup,
            'migration-hosts': config.HostsGroup,
            'migration-feature-enabled': config.FeatureGroup,
        }
        prefixes = ('MIGRATION_', 'MIGRATION_HOSTS_', 'MIGRATION_FEATURE_')
        self.stack(
            **{
                prefix + option.name.upper(): 'x'
                for prefix, options in zip(prefixes, groups.values())
                for option in options
            }
        )
        for group, options in groups.items():
            self.assertEqual(
                {option.name for option in options}, set(self.options[group])
            )

    def test_no_such_option(self):
        done = self.run_stack(MIGRATION_ALOWED_NETWORK_DOWNTIME='2.5')
        self.assertEqual(1, done.returncode)
        self.assertIn(
            'MIGRATION_ALOWED_NETWORK_DOWNTIME: '
            'migration-tempest-plugin has no option '
            'alowed_network_downtime',
            done.stderr,
        )

    def test_without_tempest(self):
        """On a subnode, whatever is set there."""
        printed = self.stack(
            ENABLED_SERVICES='n-cpu,q-agt',
            MIGRATION_ALLOWED_NETWORK_DOWNTIME='2.5',
        )
        self.assertEqual('stacked\n', printed)
        self.assertEqual({}, self.options)

    def test_tempest_in_its_own_venv_alone(self):
        printed = self.stack(INSTALL_TEMPEST='False')
        self.assertNotIn('installed', printed)
        self.assertIn(f'plugins: {CHECKOUT}\n', printed)
        self.assertEqual('2', self.options['compute']['min_compute_nodes'])

    def test_other_plugins_of_tempest(self):
        for named in ('/opt/stack/other', f'/opt/stack/other {CHECKOUT}'):
            self.assertIn(
                f'plugins: /opt/stack/other {CHECKOUT}\n',
                self.stack(TEMPEST_PLUGINS=named),
            )

    def test_what_is_said_is_left(self):
        self.stack(
            LIVE_MIGRATE_BACK_AND_FORTH='False', MIGRATION_TEMPEST_COMPUTES='1'
        )
        self.assertEqual(
            'False',
            self.options['compute-feature-enabled'][
                'live_migrate_back_and_forth'
            ],
        )
        self.assertIn('min_compute_nodes', self.classes()['TestLiveMigration'])
