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
"""What Zuul and reno will read: files that nothing here runs."""

import pathlib
import re

import testtools
import yaml

from migration_tempest_plugin import config

ROOT = pathlib.Path(config.__file__).parent.parent
OPTIONS = {option.name for option in config.MigrationGroup}

# Jobs and templates of other repositories that ours name.
JOBS_ELSEWHERE = {'openstack-tox-pep8', 'openstack-tox-py311',
                  'openstack-tox-py313', 'tempest-multinode-full-py3'}


def load(path):
    return yaml.safe_load(path.read_text())


class TestZuul(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.jobs = {entry['job']['name']: entry['job']
                     for entry in load(ROOT / 'zuul.d/jobs.yaml')}
        [self.project] = [entry['project'] for entry in
                          load(ROOT / 'zuul.d/project.yaml')]

    def test_every_job_that_is_run_exists(self):
        run = set()
        for pipeline in ('check', 'gate'):
            for job in self.project[pipeline]['jobs']:
                run.add(job if isinstance(job, str) else next(iter(job)))
        self.assertEqual(set(self.jobs), run - JOBS_ELSEWHERE)

    def test_every_parent_exists(self):
        for job in self.jobs.values():
            self.assertIn(job['parent'], {*self.jobs, *JOBS_ELSEWHERE})

    def test_tests_are_those_of_this_plugin(self):
        job = self.jobs['migration-tempest-plugin-multinode']['vars']
        pattern = re.compile(job['tempest_test_regex'])
        self.assertIsNotNone(pattern.match(
            'migration_tempest_plugin.tests.scenario.test_live_migration'))
        self.assertIsNone(pattern.match('tempest.api.compute'))
        self.assertEqual(1, job['tempest_concurrency'])

    def test_options_exist(self):
        job = self.jobs['migration-tempest-plugin-multinode']['vars']
        tempest = job['devstack_local_conf']['test-config']['$TEMPEST_CONFIG']
        self.assertNotEqual({}, tempest['migration'])
        for option in tempest['migration']:
            self.assertIn(option, OPTIONS)


class TestReleaseNotes(testtools.TestCase):

    def test_each_can_be_read(self):
        notes = list((ROOT / 'releasenotes/notes').glob('*.yaml'))
        self.assertNotEqual([], notes)
        for note in notes:
            self.assertLessEqual(
                set(load(note)),
                {'prelude', 'features', 'issues', 'upgrade', 'deprecations',
                 'critical', 'security', 'fixes', 'other'}, note.name)
