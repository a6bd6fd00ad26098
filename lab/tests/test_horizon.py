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
"""Horizon on the controller: what it is made of, and what it is told."""

import ast
import contextlib
import pathlib
import tempfile
import unittest
from unittest import mock

from embedded_cloud import cloud
from embedded_cloud import horizon
from embedded_cloud import progress
from embedded_cloud import settings


class HorizonTest(unittest.TestCase):
    def setUp(self):
        self.stack = contextlib.ExitStack()
        self.addCleanup(self.stack.close)
        self.folder = pathlib.Path(
            self.stack.enter_context(tempfile.TemporaryDirectory())
        )

    def choose(self, **variables):
        return settings.Settings.from_environment(
            {'LAB_DIR': str(self.folder), **variables}
        )


class BuildTest(HorizonTest):
    def setUp(self):
        super().setUp()
        self.chosen = self.choose(LAB_HORIZON='yes')
        (self.chosen.rootfs / 'opt').mkdir(parents=True)
        self.root_is_made_of('these')

    def root_is_made_of(self, parts):
        (self.chosen.rootfs / 'opt/lab-parts').write_text(parts)

    def builds(self, **options):
        """Whether something is built."""
        with mock.patch.object(horizon.rootfs, 'run_inside', **options) as run:
            horizon.build(self.chosen)
        if run.called:
            binds = run.call_args.kwargs['binds']
            self.assertEqual(
                [(self.chosen.horizon_folder, '/opt/horizon')], binds
            )
        return run.called

    def test_once(self):
        self.assertEqual([True, False], [self.builds(), self.builds()])

    def test_again_with_another_root_file_system(self):
        self.builds()
        self.root_is_made_of('others')
        self.assertEqual([True, False], [self.builds(), self.builds()])

    def test_again_after_it_failed(self):
        with self.assertRaises(settings.LabError):
            self.builds(side_effect=settings.LabError('no network'))
        self.assertTrue(self.builds())


class ControllerTest(HorizonTest):
    def cloud(self, **variables):
        return cloud.Cloud(self.choose(**variables), progress.Progress())

    def test_the_others_know_nothing_of_it(self):
        without, found = self.cloud(), self.cloud(LAB_HORIZON='yes')
        self.assertEqual([], without._dashboard_files())
        for before, after in zip(without.hosts, found.hosts):
            more = {
                each.name
                for each in {*after.role.programs} - {*before.role.programs}
            }
            self.assertEqual(
                {'horizon'} if after is found.controller else set(), more
            )

    def test_its_secret(self):
        """Kept from start to start, for root alone, and no password."""
        [[path, text, mode]] = self.cloud(LAB_HORIZON='yes')._dashboard_files()
        [[_, again, _]] = self.cloud(LAB_HORIZON='yes')._dashboard_files()
        self.assertEqual(text, again)
        self.assertEqual(0o600, mode)
        self.assertEqual('/etc/openstack-dashboard/local_settings.py', path)
        secret = (self.folder / 'keys/horizon').read_text()
        self.assertEqual(64, len(secret))
        self.assertIn(f"SECRET_KEY = '{secret}'\n", text)
        self.assertFalse((self.folder / 'keys/password').exists())

    def test_settings_are_python(self):
        _, text, _ = horizon.settings_file('10.30.0.11', 'x' * 64)
        told = {
            each.targets[0].id: ast.literal_eval(each.value)
            for each in ast.parse(text).body
        }
        self.assertEqual(['10.30.0.11'], told['ALLOWED_HOSTS'])
        self.assertEqual(
            'http://10.30.0.11:5000/v3', told['OPENSTACK_KEYSTONE_URL']
        )
        self.assertIs(False, told['DEBUG'])
