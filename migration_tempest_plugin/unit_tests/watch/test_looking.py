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
"""For how long a watch goes on, and what it does meanwhile."""

import types
from unittest import mock

import testtools

from migration_tempest_plugin.watch import looking

#: With no time to settle, but for what a probe needs.
PATIENCE = looking.Patience(0.0, 60.0)


class Case(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.watched = mock.Mock(
            plan=mock.Mock(longest_deadline=0.0),
            **{
                'cut_off.return_value': [],
                'look.return_value': ([], []),
                'is_down.return_value': False,
            },
        )
        self.followed = mock.Mock(
            addresses=('192.0.2.1',),
            **{
                'look.return_value': [],
                'now.return_value': [],
                'hidden.return_value': '',
                'is_at_rest.return_value': True,
                'unknown_for.return_value': 0.0,
            },
        )
        self.marked = mock.Mock(**{'look.return_value': []})
        self.shown = mock.Mock()
        self.over = mock.Mock(**{'is_set.return_value': False})

    def looks(self, events=None):
        return looking.Looking(
            self.watched,
            self.followed,
            self.marked,
            self.shown,
            self.over,
            events,
            None,
        )

    def said(self):
        return [call.args[0] for call in self.shown.say.mock_calls]


class TestMigrations(Case):
    """Whether it waits for what COMMAND has begun."""

    def waited_for(self, at_rest, unknown_for=0.0):
        """How many looks it takes; what each says of the servers."""
        self.followed.is_at_rest.side_effect = at_rest
        self.followed.unknown_for.return_value = unknown_for
        self.looks()._await_migrations(PATIENCE)
        return self.watched.look.call_count

    def test_until_nothing_goes_on(self):
        self.assertEqual(3, self.waited_for([False, False, True]))

    def test_not_for_an_api_that_does_not_come_back(self):
        self.assertEqual(1, self.waited_for([False], 61.0))

    def test_no_server_is_followed(self):
        self.followed.addresses = ()
        self.assertEqual(0, self.waited_for([]))


class TestCommand(Case):
    def test_it_is_marked_and_its_status_is_told(self):
        _, status = self.looks().watch(['sh', '-c', 'exit 7'], PATIENCE)
        self.assertEqual(7, status)
        self.assertEqual(
            ['sh runs', 'sh ended with 7'],
            [call.args[0] for call in self.marked.add.mock_calls],
        )

    def test_what_is_down_is_waited_for(self):
        self.watched.is_down.side_effect = [True, True, True, False]
        self.looks().watch(['true'], PATIENCE)
        self.assertEqual(
            3,
            sum(
                call.args[2] == 'waiting for what is down'
                for call in self.shown.update.mock_calls
            ),
        )

    def test_looks_that_take_long(self):
        """They leave this machine the time that it needs to measure."""
        self.over.is_set.side_effect = [False, False, False, True]
        moments = iter([0.0, 10.0, 10.001, 20.0, 20.05, 30.0, 39.0, 40.0])
        with mock.patch.object(looking.time, 'monotonic', moments.__next__):
            self.looks().watch([], PATIENCE)
        self.assertEqual(
            [0.25, 1.0, 2.0],
            [round(call.args[0], 6) for call in self.over.wait.mock_calls],
        )

    def test_none(self):
        """It goes on until it is asked to end."""
        self.over.is_set.side_effect = [False, False, True]
        _, status = self.looks().watch([], PATIENCE)
        self.assertEqual((0, 3), (status, self.watched.look.call_count))


class TestTold(Case):
    def test_what_this_user_may_not_see(self):
        self.followed.hidden.return_value = 'hosts are hidden'
        self.looks()
        self.assertEqual(['hosts are hidden'], self.said())

    def test_news_of_servers(self):
        """All that is new is a mark; what was so at first is none."""
        first, later = (
            types.SimpleNamespace(moment=1.0, text=text)
            for text in ('web1: ACTIVE', 'web1: migrating')
        )
        events = mock.Mock()
        self.followed.look.return_value = [first]
        looks = self.looks(events)
        self.followed.look.return_value = [later]
        looks._look('watching')
        self.marked.add.assert_called_once_with('web1: migrating', 1.0)
        self.assertEqual(
            [mock.call(first), mock.call(later)], events.server.mock_calls
        )
        self.assertEqual(
            ['web1: ACTIVE', 'web1: migrating'],
            [line.partition('  ')[2] for line in self.said()],
        )
