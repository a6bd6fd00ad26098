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
"""What programs are told of a watch."""

import io
import json
import time
from unittest import mock

import testtools

from migration_tempest_plugin.measurement import Mark
from migration_tempest_plugin.unit_tests.watch.seen import OUTAGE
from migration_tempest_plugin.watch import events
from migration_tempest_plugin.watch import live
from migration_tempest_plugin.watch import servers

UP = live.State('10.0.0.5', 'network')
DOWN = live.State('10.0.0.5', 'network', down_since=100.0)
LOST = live.State('10.0.0.6', 'tcp', lost='the guest was rebooted')


class TestEvents(testtools.TestCase):
    def setUp(self):
        super().setUp()
        # The clock of this machine began 1000 s after 1970.
        for name, value in (('time', 1500.0), ('monotonic', 500.0)):
            patched = mock.patch.object(time, name, lambda value=value: value)
            patched.start()
            self.addCleanup(patched.stop)
        self.stream = io.StringIO()
        self.events = events.Events(self.stream)

    def said(self):
        lines = self.stream.getvalue().splitlines()
        self.stream.truncate(0)
        self.stream.seek(0)
        return [json.loads(line) for line in lines]

    def test_begin_and_end(self):
        self.events.begin(['10.0.0.5', 'b'])
        self.events.end('x.json', ['too long'])
        self.assertEqual(
            [
                {'event': 'begin', 'at': 1500.0, 'targets': ['10.0.0.5', 'b']},
                {
                    'event': 'end',
                    'at': 1500.0,
                    'record': 'x.json',
                    'complaints': ['too long'],
                },
            ],
            self.said(),
        )

    def test_an_outage(self):
        of = {'target': '10.0.0.5', 'what': 'network'}
        for states, ended, expected in (
            ([UP], [], []),
            ([DOWN], [], [{'event': 'down', 'at': 1100.0, **of}]),
            ([DOWN], [], []),
            (
                [UP],
                [(UP, OUTAGE)],
                [
                    {
                        'event': 'outage',
                        'at': 1100.0,
                        'end': 1100.5,
                        'estimate': 0.4,
                        'lower': 0.3,
                        'upper': 0.5,
                        **of,
                    }
                ],
            ),
            ([UP], [], []),
        ):
            self.events.update(states, ended)
            self.assertEqual(expected, self.said())

    def test_a_short_one(self):
        """It was over before anybody looked."""
        self.events.update([UP], [(UP, OUTAGE)])
        self.assertEqual(['outage'], [each['event'] for each in self.said()])

    def test_what_can_not_be_measured_any_more(self):
        for _ in range(2):
            self.events.update([LOST], [])
        [lost] = self.said()
        self.assertEqual('the guest was rebooted', lost['why'])

    def test_who_reads_them_has_ended(self):
        self.stream.close()
        self.events.update([DOWN], [])
        self.events.end('x.json', [])
        self.assertTrue(self.stream.closed)

    def test_marks(self):
        self.events.mark(Mark(100.25, 'upgraded "3"\n\N{CHECK MARK}'))
        self.assertEqual(
            [
                {
                    'event': 'mark',
                    'at': 1100.25,
                    'text': 'upgraded "3"\n\N{CHECK MARK}',
                }
            ],
            self.said(),
        )

    def test_a_server(self):
        self.events.server(servers.News(100.0, 'text', {'status': 'ACTIVE'}))
        self.assertEqual(
            [{'event': 'server', 'at': 1100.0, 'status': 'ACTIVE'}],
            self.said(),
        )
