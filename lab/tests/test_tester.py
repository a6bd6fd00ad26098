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
"""Where Tempest runs."""

import configparser
import os
import tempfile
import unittest
import unittest.mock

from embedded_cloud import settings
from embedded_cloud import tester


class WorkspaceTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def of(self, release):
        return tester.Tester(
            settings.Settings.from_environment(
                {'LAB_DIR': self.folder, 'LAB_RELEASE': release}
            )
        )

    def test_no_two_releases_share_one(self):
        self.assertNotEqual(
            self.of('2025.2').workspace, self.of('2026.2').workspace
        )

    def test_no_runs_without_one(self):
        self.assertEqual(0, self.of('2026.2').runs())

    def test_runs(self):
        here = self.of('2026.2')
        repository = here.workspace / '.stestr'
        repository.mkdir(parents=True)
        self.assertEqual(0, here.runs())
        for name in (
            '0',
            '1',
            '10',
            'format',
            'next-stream',
            'times.dbm',
            'tmp1',
        ):
            (repository / name).touch()
        self.assertEqual(3, here.runs())

    def test_a_run_that_was_cut_off(self):
        here = self.of('2026.2')
        repository = here.workspace / '.stestr'
        repository.mkdir(parents=True)
        self.assertIsNone(here.keep_unfinished(0))
        (repository / 'tmp-empty').touch()
        (repository / 'tmp-earlier').write_text('earlier')
        os.utime(repository / 'tmp-earlier', (1000, 1000))
        self.assertIsNone(here.keep_unfinished(2000))
        (repository / 'tmp-now').write_text('now')
        part = here.keep_unfinished(2000)
        self.assertEqual('part-01.subunit', part.name)
        self.assertEqual('now', part.read_text())
        self.assertFalse((repository / 'tmp-now').exists())


class SeleniumTest(unittest.TestCase):
    """It is installed once in a venv, and only for Horizon."""

    def installed(self, *starts):
        with tempfile.TemporaryDirectory() as folder:
            packages = []
            for value in starts:
                here = tester.Tester(
                    settings.Settings.from_environment(
                        {'LAB_DIR': folder, 'LAB_HORIZON': value}
                    )
                )
                here.venv.mkdir(parents=True, exist_ok=True)
                here._pip = lambda output, *names: packages.extend(names)
                here._install_selenium()
            return packages

    def test_without_horizon(self):
        self.assertEqual([], self.installed('no', ''))

    def test_with_horizon(self):
        self.assertEqual(['selenium'], self.installed('no', 'yes', 'yes'))


class ConfigureTest(unittest.TestCase):
    def test_credentials_are_for_root_alone(self):
        with tempfile.TemporaryDirectory() as folder:
            here = tester.Tester(
                settings.Settings.from_environment({'LAB_DIR': folder})
            )
            (here.workspace / '.stestr').mkdir(parents=True)
            (here.workspace / 'etc').mkdir()
            here.configure(
                'secret',
                {'images': 'ab', 'flavors': 'cd', 'network': 'e'},
                '10.30.0.11',
                {},
            )
            for path, line in (
                (
                    here.settings.tempest / 'clouds.yaml',
                    '      password: secret\n',
                ),
                (
                    here.workspace / 'etc/tempest.conf',
                    'admin_password = secret\n',
                ),
            ):
                self.assertEqual(0o600, path.stat().st_mode & 0o777)
                self.assertIn(line, path.read_text())
                self.assertIn('http://10.30.0.11:5000/v3\n', path.read_text())

    def test_where_horizon_is(self):
        without = self.configured()
        self.assertEqual('', without['migration']['dashboard_url'])
        self.assertEqual('false', without['service_available']['horizon'])
        found = self.configured(LAB_HORIZON='yes')
        self.assertEqual(
            'http://10.30.0.11/', found['migration']['dashboard_url']
        )
        self.assertEqual('true', found['service_available']['horizon'])

    def test_how_much_is_migrated(self):
        short = self.configured()['migration']
        self.assertEqual('2', short['parallel_guests'])
        self.assertEqual('false', short['there_and_back'])
        self.assertEqual('3', short['repeats'])
        long = self.configured(LAB_LONG='yes')['migration']
        self.assertEqual('3', long['parallel_guests'])
        self.assertEqual('true', long['there_and_back'])
        self.assertEqual('4', long['repeats'])

    def configured(self, **variables):
        with tempfile.TemporaryDirectory() as folder:
            here = tester.Tester(
                settings.Settings.from_environment(
                    {'LAB_DIR': folder, **variables}
                )
            )
            (here.workspace / '.stestr').mkdir(parents=True)
            (here.workspace / 'etc').mkdir()
            here.configure(
                'secret',
                {'images': 'ab', 'flavors': 'cd', 'network': 'e'},
                '10.30.0.11',
                {},
            )
            conf = configparser.ConfigParser(interpolation=None)
            conf.read(here.workspace / 'etc/tempest.conf')
            return conf

    def test_how_programs_are_handled(self):
        hosts = self.configured()['migration-hosts']
        self.assertEqual(
            'supervisorctl stop nova-compute', hosts['stop_command']
        )
        hosts = self.configured(LAB_INIT='systemd')['migration-hosts']
        self.assertEqual('', hosts['nova_compute_log'])
        self.assertNotIn('stop_command', hosts)

    def test_who_logs_in(self):
        self.assertEqual(
            'cirros', self.configured()['validation']['image_ssh_user']
        )
        debian = self.configured(LAB_GUEST='debian')['validation']
        self.assertEqual('debian', debian['image_ssh_user'])
        self.assertEqual('600', debian['ssh_timeout'])

    def test_who_heeds_what_a_server_says(self):
        for variables, expected in (
            ({}, 'false'),
            ({'LAB_COMPUTE_DRIVER': 'starlingx'}, 'true'),
        ):
            features = self.configured(**variables)[
                'migration-feature-enabled'
            ]
            self.assertEqual(expected, features['starlingx_settings'])
            self.assertNotIn('starlingx_nova', features)


class WheelsTest(unittest.TestCase):
    """What is built for the hosts: by pip's arguments."""

    def built(self, **variables):
        with tempfile.TemporaryDirectory() as folder:
            here = tester.Tester(
                settings.Settings.from_environment(
                    {'LAB_DIR': folder, **variables}
                )
            )
            here.settings.tempest.mkdir(parents=True)
            with unittest.mock.patch.object(
                tester.process, 'run_logged'
            ) as run:
                here.build_wheels()
            return [call.args[1][-1] for call in run.call_args_list]

    def test_the_plugin_alone(self):
        self.assertEqual([settings.CHECKOUT], self.built())

    def test_the_driver_too(self):
        self.assertEqual(
            [settings.CHECKOUT, settings.CHECKOUT / 'nova-virt-starlingx'],
            self.built(LAB_COMPUTE_DRIVER='starlingx'),
        )


class NovaFeaturesTest(unittest.TestCase):
    """Which releases of Nova lack what (lab/releases)."""

    def of(self, version):
        return tuple(
            tester.nova_features(
                f'neutron==99.0.0\nnova=={version}\n'
                'python-novaclient==18.0.0\n'
            ).values()
        )

    def test_before_the_defects(self):
        self.assertEqual(('true', 'true', 'false'), self.of('31.3.1'))
        self.assertEqual(('true', 'true', 'false'), self.of('32.1.0'))

    def test_aborted_server(self):
        self.assertEqual(('false', 'true', 'false'), self.of('32.2.0'))

    def test_reload_and_parallel_connections(self):
        self.assertEqual(('false', 'false', 'true'), self.of('34.0.0'))
