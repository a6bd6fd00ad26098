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
"""What Zuul will make of zuul.d and playbooks, which nothing here runs."""

import copy
import re

import jinja2
import testtools
import yaml

from migration_tempest_plugin import config
from migration_tempest_plugin.tests.scenario import variants
from migration_tempest_plugin.unit_tests.checkout import ROOT

#: Jobs of other repositories that ours are made of.
PARENTS_ELSEWHERE = {
    'tempest-multinode-full-py3',
    'devstack-plugin-ceph-multinode-tempest-py3',
    'openstack-tox-functional-with-sudo',
}

#: What Zuul and Ansible know of two nodes.
NODES = {
    'groups': {'compute': ['controller', 'compute1']},
    'hostvars': {
        'controller': {
            'ansible_nodename': 'np1.example.org',
            'nodepool': {'private_ipv4': '192.0.2.11'},
        },
        'compute1': {
            'ansible_nodename': 'np2',
            'nodepool': {'private_ipv4': '192.0.2.12'},
        },
    },
}


def load(name):
    return yaml.safe_load((ROOT / name).read_text())


def merge(older, newer):
    """Variables of a parent and of its child (zuul.model.Job._deepUpdate)."""
    merged = copy.deepcopy(older)
    for key, value in newer.items():
        merged[key] = (
            merge(merged[key], value)
            if isinstance(value, dict) and isinstance(merged.get(key), dict)
            else value
        )
    return merged


def render(value):
    """As Ansible does it, a text."""
    return (
        jinja2.Environment(
            trim_blocks=True, undefined=jinja2.StrictUndefined, autoescape=True
        )
        .from_string(str(value))
        .render(NODES)
    )


class TestZuul(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.jobs = {
            entry['job']['name']: entry['job']
            for entry in load('zuul.d/jobs.yaml')
            if 'job' in entry
        }
        [self.project] = [
            entry['project'] for entry in load('zuul.d/project.yaml')
        ]

    def merged(self, name):
        """A job with what it has from those of its parents that are ours."""
        job = self.jobs[name]
        parent = (
            self.merged(job['parent']) if job['parent'] in self.jobs else {}
        )
        merged = {**parent, **job}
        for key in ('vars', 'group-vars'):
            merged[key] = merge(parent.get(key, {}), job.get(key, {}))
        merged['playbooks'] = parent.get('playbooks', []) + [
            job[key] for key in ('pre-run', 'run', 'post-run') if key in job
        ]
        return merged

    def every_job(self):
        return [self.merged(name) for name in self.jobs]

    def test_every_job_is_run_and_none_else(self):
        self.assertEqual(set(self.jobs), set(self.project['check']['jobs']))

    def test_every_parent_exists(self):
        for job in self.jobs.values():
            self.assertIn(job['parent'], {*self.jobs, *PARENTS_ELSEWHERE})

    def test_none_votes_yet(self):
        for job in self.every_job():
            self.assertIs(False, job['voting'], job['name'])
        self.assertNotIn('gate', self.project)

    def test_tests_are_those_of_this_plugin(self):
        for job in self.every_job():
            if 'tempest_test_regex' in job['vars']:
                pattern = re.compile(job['vars']['tempest_test_regex'])
                self.assertIsNotNone(
                    pattern.match(
                        'migration_tempest_plugin.tests.whitebox.'
                        'test_force_complete.TestForceComplete.'
                        'test_force_complete_post_copy'
                    )
                )
                self.assertIsNone(pattern.match('tempest.api.compute'))
                self.assertEqual(1, job['vars']['tempest_concurrency'])

    def test_post_copy_is_tested_in_the_job_that_is_named_so(self):
        job = self.merged('migration-tempest-plugin-whitebox-post-copy')
        variables = job['vars']['devstack_localrc']
        self.assertIs(True, variables['MIGRATION_FEATURE_POST_COPY'])
        pattern = re.compile(job['vars']['tempest_test_regex'])
        chosen = [
            variant.name
            for variant in variants.BY_NOVA_CONF
            if pattern.match(
                'migration_tempest_plugin.tests.whitebox.'
                'test_matrix.TestMatrix.test_' + variant.name
            )
        ]
        self.assertEqual(['post_copy_by_nova', 'post_copy_by_hand'], chosen)

    def test_variables_are_options_with_good_values(self):
        options = {
            (group.name, option.name): option
            for group, options in config.OPTIONS
            for option in options
        }
        found = 0
        for job in self.every_job():
            for name, value in job['vars'].get('devstack_localrc', {}).items():
                match = re.fullmatch('MIGRATION_(HOSTS_|FEATURE_)?(.*)', name)
                if match:
                    found += 1
                    group = {
                        'HOSTS_': 'migration-hosts',
                        'FEATURE_': 'migration-feature-enabled',
                        None: 'migration',
                    }[match[1]]
                    option = options[group, match[2].lower()]
                    # raises a ValueError
                    option.type(render(value))
        self.assertNotEqual(0, found)

    def test_the_computes_by_the_names_that_nova_has_for_them(self):
        job = self.merged('migration-tempest-plugin-whitebox')
        self.assertEqual(
            'np1.example.org:192.0.2.11,np2:192.0.2.12',
            render(
                job['vars']['devstack_localrc']['MIGRATION_HOSTS_COMPUTES']
            ),
        )

    def test_plugins_of_the_node_with_the_tests(self):
        for job in self.every_job():
            if 'tempest_test_regex' in job['vars']:
                plugins = job['group-vars']['tempest']['devstack_plugins']
                self.assertLessEqual(
                    {'neutron', 'migration-tempest-plugin'}, set(plugins)
                )
                self.assertEqual(
                    'devstack-plugin-ceph' in plugins, 'ceph' in job['name']
                )
                # or it would be installed on the other nodes, too
                self.assertNotIn('devstack_plugins', job['vars'])

    def test_files_that_no_cloud_need_be_built_for(self):
        job = self.merged('migration-tempest-plugin-whitebox')

        def is_irrelevant(path):
            return any(
                re.match(pattern, path) for pattern in job['irrelevant-files']
            )

        for path in (
            'README.rst',
            'doc/source/conf.py',
            'lab/run',
            '.ci/run',
            'tools/run-tests',
            'tox.ini',
            'LICENSE',
            'migration_tempest_plugin/unit_tests/test_config.py',
        ):
            self.assertTrue(is_irrelevant(path), path)
        for path in (
            'devstack/plugin.sh',
            'playbooks/report/post.yaml',
            'pyproject.toml',
            'requirements.txt',
            'migration_tempest_plugin/guest/clock.sh',
            'migration_tempest_plugin/tests/whitebox/base.py',
        ):
            self.assertFalse(is_irrelevant(path), path)

    def test_playbooks(self):
        for job in self.every_job():
            for name in job['playbooks']:
                for play in load(name):
                    self.assertIn(play['hosts'], ('tempest', 'compute'))
                    self.assertNotEqual([], play['tasks'])

    def test_what_is_named_as_artifact_is_kept(self):
        job = self.merged('migration-tempest-plugin-whitebox')
        kept = [
            path.rpartition('/')[2] for path in job['vars']['zuul_copy_output']
        ]
        [play] = load('playbooks/report/post.yaml')
        artifacts = play['tasks'][-1]['zuul_return']['data']['zuul'][
            'artifacts'
        ]
        self.assertNotEqual([], artifacts)
        for artifact in artifacts:
            host, logs, top, *_ = artifact['url'].split('/')
            self.assertEqual(
                ('{{ inventory_hostname }}', 'logs'), (host, logs)
            )
            self.assertIn(top, kept)
