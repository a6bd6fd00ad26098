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
"""What is written down of the cloud and of the run."""

import json
from unittest import mock

import fixtures
from tempest.lib import exceptions as lib_exc
import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.running import facts


class TestFacts(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.useFixture(
            fixtures.MonkeyPatch(
                'migration_tempest_plugin.running.facts._of_run', {}
            )
        )
        self.admin = mock.Mock()
        self.admin.compute_versions_client.list_versions.return_value = {
            'versions': [{'id': 'v2.1', 'version': '2.96'}]
        }
        self.admin.hypervisor_client.list_hypervisors.return_value = {
            'hypervisors': [
                {
                    'hypervisor_hostname': 'a',
                    'hypervisor_type': 'QEMU',
                    'hypervisor_version': 10000002,
                }
            ]
        }
        self.compute = mock.Mock()
        self.compute.host.run.return_value = '6.12\n'
        self.compute.libvirt.version.return_value = '11.3.0'

    def ask(self):
        return facts.of_run(self.admin, {'a': self.compute})

    def test_all(self):
        found = json.loads(json.dumps(self.ask()))
        self.assertEqual('2.96', found['cloud']['nova_api'])
        self.assertEqual(
            [{'name': 'a', 'hypervisor': 'QEMU 10.0.2'}],
            found['cloud']['hosts'],
        )
        self.assertEqual(
            {'a': {'kernel': '6.12', 'libvirt': '11.3.0'}},
            found['cloud']['inside'],
        )
        self.assertEqual(5.0, found['limits']['allowed_network_downtime'])
        self.assertEqual(
            0.01, found['options']['migration']['network_probe_interval']
        )

    def test_once(self):
        self.ask()
        self.ask()
        self.admin.hypervisor_client.list_hypervisors.assert_called_once_with(
            detail=True
        )

    def test_what_can_not_be_asked(self):
        self.admin.hypervisor_client.list_hypervisors.side_effect = (
            lib_exc.Forbidden()
        )
        self.compute.host.run.side_effect = exceptions.HostError(
            'a', ('uname',), 'away'
        )
        found = self.ask()['cloud']
        self.assertIsNone(found['hosts'])
        self.assertEqual({'a': None}, found['inside'])
        self.assertEqual('2.96', found['nova_api'])

    def test_no_secrets(self):
        """Of the groups with passwords and keys, nothing is taken."""
        self.assertEqual(
            {
                'migration',
                'migration-feature-enabled',
                'compute-feature-enabled',
            },
            set(self.ask()['options']),
        )
