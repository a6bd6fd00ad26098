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
"""Tests for cloud/services.py."""

from unittest import mock

from tempest.lib import exceptions as lib_exc
import testtools

from migration_tempest_plugin.cloud import services


class TestProblem(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.admin = mock.Mock()
        self.hypervisors = self.admin.hypervisor_client
        self.hypervisors.list_hypervisors.return_value = {
            'hypervisors': [
                {
                    'id': 1,
                    'hypervisor_hostname': 'a.example',
                    'service': {'host': 'a'},
                },
                {
                    'id': 2,
                    'hypervisor_hostname': 'b.example',
                    'service': {'host': 'b'},
                },
            ]
        }
        self.hypervisors.show_hypervisor_uptime.return_value = {
            'hypervisor': {'id': 2, 'uptime': ' 10:00:00 up 3 days'}
        }
        self.is_called('up')

    def is_called(self, state):
        self.admin.services_client.list_services.return_value = {
            'services': [{'state': state, 'updated_at': '10:07'}]
        }

    def problem(self, host='b'):
        return services.problem(self.admin, host)

    def test_none(self):
        self.assertIsNone(self.problem())
        self.hypervisors.show_hypervisor_uptime.assert_called_once_with(2)

    def test_nobody_takes_the_message(self):
        self.hypervisors.show_hypervisor_uptime.side_effect = (
            lib_exc.ServerFault('MessagingTimeout')
        )
        self.assertIn('ServerFault', self.problem())

    def test_called_down(self):
        self.is_called('down')
        self.assertEqual(
            'Nova calls it down, and last heard of it at 10:07', self.problem()
        )

    def test_uptime_in_the_record(self):
        self.hypervisors.show_hypervisor_uptime.side_effect = lib_exc.NotFound(
            'since 2.88'
        )
        for uptime, problem in (
            ('up 3 days', None),
            (None, 'it does not answer'),
        ):
            self.hypervisors.show_hypervisor.return_value = {
                'hypervisor': {'id': 2, 'uptime': uptime}
            }
            self.assertEqual(problem, self.problem())

    def test_no_such_host(self):
        self.assertIn('c has no single hypervisor: []', self.problem('c'))
