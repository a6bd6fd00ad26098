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
"""When a service counts as started."""

import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.hosts import services

COMMANDS = services.Commands('systemctl stop n-cpu', 'systemctl start n-cpu',
                             'kill -s HUP "the pid"')
OLD, NEW = services.Report('up', '10:00'), services.Report('up', '10:07')


class Host:
    """Remembers what was run, among what was asked of the API."""

    name = 'compute1'

    def __init__(self, *reports):
        self.happened = []
        self.reports = list(reports)

    def run(self, *words):
        self.happened.append(' '.join(words))

    def report(self):
        self.happened.append('?')
        return self.reports.pop(0) if len(self.reports) > 1 \
            else self.reports[0]


class TestService(testtools.TestCase):

    def service(self, *reports):
        self.host = Host(*reports)
        return services.Service(self.host, COMMANDS, self.host.report, 0.001)

    def test_restart(self):
        self.service(OLD, OLD, services.Report('down', '10:07'),
                     NEW).restart(60)
        self.assertEqual(
            ['systemctl stop n-cpu', '?', 'systemctl start n-cpu', '?', '?',
             '?'], self.host.happened)

    def test_what_was_up_before_is_not_enough(self):
        error = self.assertRaises(exceptions.HostError,
                                  self.service(OLD).restart, 0.01)
        self.assertIn('compute1: systemctl start n-cpu: the service did not '
                      'report to Nova within 0.01 s; last heard of at 10:00, '
                      'now up', str(error))

    def test_reload(self):
        self.service(OLD).reload()
        self.assertEqual(['kill -s HUP the pid'], self.host.happened)
