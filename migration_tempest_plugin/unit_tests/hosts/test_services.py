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

COMMANDS = services.Commands(
    'systemctl stop n-cpu', 'systemctl start n-cpu', 'kill -s HUP "the pid"'
)


class Host:
    """Remembers what was run, and when the service was asked."""

    name = 'compute1'

    def __init__(self, *problems):
        self.happened = []
        self.problems = list(problems)

    def run(self, *words, patience):
        self.happened.append(' '.join(words))
        self.patience = patience

    def problem(self):
        self.happened.append('?')
        return (
            self.problems.pop(0)
            if len(self.problems) > 1
            else self.problems[0]
        )


class TestService(testtools.TestCase):
    def service(self, *problems):
        self.host = Host(*problems)
        return services.Service(self.host, COMMANDS, self.host.problem, 0.001)

    def test_restart(self):
        self.service('no answer', 'it is down', None).restart(60)
        self.assertEqual(
            ['systemctl stop n-cpu', 'systemctl start n-cpu', '?', '?', '?'],
            self.host.happened,
        )

    def test_it_may_take_its_time_to_stop(self):
        self.service(None).stop(180)
        self.assertEqual(180, self.host.patience)

    def test_it_never_works(self):
        error = self.assertRaises(
            exceptions.HostError, self.service('it is down').restart, 0.01
        )
        self.assertIn(
            'compute1: systemctl start n-cpu: the service did not '
            'work within 0.01 s: it is down. See its log',
            str(error),
        )

    def test_reload(self):
        self.service(None).reload()
        self.assertEqual(['kill -s HUP the pid'], self.host.happened)
