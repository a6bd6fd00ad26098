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
"""libvirt's events, as virsh 11.3 prints them."""

import testtools

from migration_tempest_plugin.hosts import events

TEXT = """\
2026-11-21 10:39:25.694+0000: event 'migration-iteration' for domain\
 'instance-00000001': iteration: '3'
2026-11-21 10:39:26.153+0000: event 'job-completed' for domain\
 'instance-00000001':
\toperation: 5
\tdowntime: 38
events received: 2
"""


class TestAdd(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.found = []
        for number, line in enumerate(TEXT.splitlines(keepends=True)):
            events.add(self.found, line, number)

    def test_one_line(self):
        iteration = self.found[0]
        self.assertEqual(
            (
                '2026-11-21 10:39:25.694+0000',
                0,
                'migration-iteration',
                'instance-00000001',
                "iteration: '3'",
                {},
            ),
            (
                iteration.stamp,
                iteration.arrived,
                iteration.kind,
                iteration.domain,
                iteration.text,
                iteration.fields,
            ),
        )

    def test_fields(self):
        self.assertEqual(2, len(self.found))
        self.assertEqual(
            {'operation': '5', 'downtime': '38'}, self.found[1].fields
        )

    def test_as_text(self):
        self.assertEqual(
            '2026-11-21 10:39:26.153+0000 job-completed:  operation=5 '
            'downtime=38',
            str(self.found[1]),
        )
