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
"""What goes wrong is made so, and put back, whatever happens."""

import json
from unittest import mock

import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.tests.whitebox import faults


class TestFullHost(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.admin = mock.Mock()
        self.admin.credentials.project_id = 'project'
        self.admin.credentials.user_id = 'user'
        self.admin.hypervisor_client.list_hypervisors.return_value = {
            'hypervisors': [
                {'hypervisor_hostname': 'a.example', 'service': {'host': 'a'}},
                {'hypervisor_hostname': 'b.example', 'service': {'host': 'b'}},
            ]
        }
        self.providers = self.admin.resource_providers_client
        self.providers.list_resource_providers.return_value = {
            'resource_providers': [{'uuid': 'provider'}]
        }
        self.room(total=1000, ratio=1.5, reserved=100, used=200)

    def room(self, total, ratio, reserved, used):
        self.providers.list_resource_provider_inventories.return_value = {
            'inventories': {
                'MEMORY_MB': {
                    'total': total,
                    'allocation_ratio': ratio,
                    'reserved': reserved,
                    'max_unit': total,
                }
            }
        }
        self.providers.list_resource_provider_usages.return_value = {
            'usages': {'MEMORY_MB': used}
        }

    def taken(self):
        return [
            json.loads(call[0][1])['allocations']['provider']['resources'][
                'MEMORY_MB'
            ]
            for call in self.providers.put.call_args_list
        ]

    def test_all_is_taken_and_given_back(self):
        with faults.FullHost(self.admin, 'b'):
            self.providers.list_resource_providers.assert_called_once_with(
                name='b.example'
            )
            self.assertEqual([1000, 200], self.taken())
        paths = [call[0][0] for call in self.providers.put.call_args_list]
        self.assertEqual(
            set(paths),
            {call[0][0] for call in self.providers.delete.call_args_list},
        )

    def test_it_is_full_already(self):
        self.room(total=1000, ratio=1.0, reserved=0, used=1000)
        with faults.FullHost(self.admin, 'b'):
            self.assertEqual([], self.taken())

    def test_half_of_it_is_given_back_when_the_rest_fails(self):
        self.providers.put.side_effect = [None, exceptions.CloudError('no')]
        self.assertRaises(
            testtools.MultipleExceptions,
            faults.FullHost(self.admin, 'b').setUp,
        )
        self.assertEqual(1, self.providers.delete.call_count)

    def test_no_such_host(self):
        error = self.assertRaises(
            testtools.MultipleExceptions,
            faults.FullHost(self.admin, 'c').setUp,
        )
        self.assertIn('c has no single hypervisor', str(error.args[0][1]))


class TestDeadCompute(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.calls = mock.Mock()
        self.calls.client.list_services.return_value = {
            'services': [{'id': 7}]
        }

    def fixture(self):
        return faults.DeadCompute(self.calls.client, self.calls.service, 30)

    def done(self):
        return [
            (name, args, kwargs)
            for name, args, kwargs in self.calls.mock_calls
            if 'list_services' not in name
        ]

    def test_there_and_back(self):
        with self.fixture():
            pass
        self.assertEqual(
            [
                ('service.stop', (30,), {}),
                ('client.update_service', (7,), {'forced_down': True}),
                ('client.update_service', (7,), {'forced_down': False}),
                ('service.start', (30,), {}),
            ],
            self.done(),
        )

    def test_it_can_not_be_forced_down(self):
        self.calls.client.update_service.side_effect = [
            exceptions.CloudError('no'),
            None,
        ]
        self.assertRaises(testtools.MultipleExceptions, self.fixture().setUp)
        self.assertEqual(('service.start', (30,), {}), self.done()[-1])
