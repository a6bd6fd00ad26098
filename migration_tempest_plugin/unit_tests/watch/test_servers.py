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
"""What a watch says of the servers that it follows."""

import threading
import time

import testtools

from migration_tempest_plugin.cloud import server
from migration_tempest_plugin import exceptions
from migration_tempest_plugin import measurement
from migration_tempest_plugin.unit_tests.cloud import fake_nova
from migration_tempest_plugin.watch import servers

WEB1 = server.Server(fake_nova.SERVER, 'web1', '10.30.3.237')
NAMED = 'web1 (10.30.3.237): '


class Case(testtools.TestCase):
    """Its rounds are made by the test, not by the thread."""

    def follow(self, who):
        self.api = self.useFixture(fake_nova.Replayed(who))
        self.servers = servers.Servers(self.api, [WEB1])
        self.servers._thread.start = lambda: None
        self.servers.__enter__()

    def look(self, *moments):
        """Look at some moments; returns what is new."""
        for moment in moments:
            self.api.now = moment
            self.servers._round()
        return self.servers.look()

    def said(self, *moments):
        return [news.text for news in self.look(*moments)]


class TestAdministrator(Case):
    def setUp(self):
        super().setUp()
        self.follow('administrator')

    def test_what_is_new(self):
        self.assertEqual([NAMED + 'ACTIVE on compute2'], self.said())
        self.assertEqual([], self.said(4.0, 5.0))
        live = NAMED + 'live migration from compute2'
        self.assertEqual(
            [
                live + ' to compute1: preparing',
                live + ' to compute1: running',
                live + ' to compute1: completed; ACTIVE on compute1',
            ],
            self.said(11.0, 12.0, 14.5, 15.0, 19.0, 21.0),
        )
        self.assertEqual([], self.said(22.0, 23.0))
        self.assertEqual('', self.servers.hidden())

    def test_when_it_was_known(self):
        self.look()
        [news] = self.look(11.0)
        self.assertAlmostEqual(11.05, news.moment)

    def test_for_programs(self):
        [news] = self.servers.look()
        expected = {
            'target': '10.30.3.237',
            'server': fake_nova.SERVER,
            'name': 'web1',
            'status': 'ACTIVE',
            'task': None,
            'host': 'compute2',
            'migrations': [],
        }
        self.assertEqual(expected, news.details)
        [news] = self.look(11.0)
        migration = {
            'kind': 'live migration',
            'source': 'compute2',
            'destination': 'compute1',
            'status': 'preparing',
            'over': False,
        }
        expected.update(
            status='MIGRATING', task='migrating', migrations=[migration]
        )
        self.assertEqual(expected, news.details)

    def test_the_api_does_not_answer_for_a_while(self):
        """It is said once, and once more when it answers again."""
        self.look(4.0)
        self.api.failure = "Nova's API answered 503"
        self.assertEqual(
            ["not known what servers do: Nova's API answered 503"],
            self.said(9.0, 12.0, 15.0),
        )
        self.assertEqual([self.api.failure], self.servers.now())
        self.assertAlmostEqual(11.01, self.servers.unknown_for())
        self.api.failure = None
        said = self.said(25.0)
        self.assertRegex(
            said[0],
            r'^not known what servers did from \d\d:\d\d:\d\d\.\d{3} to '
            r"\d\d:\d\d:\d\d\.\d{3}: Nova's API answered 503; it answers "
            'again$',
        )
        self.assertEqual(
            [
                NAMED + 'live migration from compute2 to compute1: '
                'completed; ACTIVE on compute1'
            ],
            said[1:],
        )
        self.assertEqual(0.0, self.servers.unknown_for())

    def test_an_answer_that_nobody_knows(self):
        self.look()
        self.api.get = lambda *_, **__: {'server': {}}
        self.assertEqual(
            ["not known what servers do: KeyError: 'status'"], self.said(9.0)
        )

    def test_at_rest(self):
        self.assertTrue(self.servers.is_at_rest(3.0))
        self.assertFalse(self.servers.is_at_rest(3.5))
        for moment, rest in ((11.0, False), (15.0, False), (21.0, True)):
            self.look(moment)
            self.assertEqual(rest, self.servers.is_at_rest(moment))

    def test_joined(self):
        self.look(11.0, 21.0)
        measured = measurement.MeasuredMigration(
            '10.30.3.237',
            None,
            None,
            (),
            progress=measurement.Progress(5.0),
            kind='watch',
        )
        joined = self.servers.join(measured)
        self.assertEqual(
            ('compute2', 'compute1'), (joined.source, joined.destination)
        )
        self.assertEqual('completed', joined.record['status'])

    def test_what_is_recorded(self):
        """All that is known, at each look; it may begin amid a migration."""
        self.look(11.0)
        got = []
        self.servers.record(lambda *known: got.append(known))
        self.look(12.0, 21.0)
        statuses = [
            (target, [each.status for each in followed])
            for target, followed in got
        ]
        self.assertEqual(
            [('10.30.3.237', ['preparing']), ('10.30.3.237', ['completed'])],
            statuses,
        )
        [(_, [last])] = got[-1:]
        self.assertEqual(3, len(last.progress.looks))
        self.assertIsNotNone(last.ended)

    def test_another_target_is_left_alone(self):
        other = measurement.MeasuredMigration('192.0.2.1', None, None, ())
        self.look(11.0)
        self.assertIs(other, self.servers.join(other))


class TestMember(Case):
    def test_what_is_new(self):
        self.follow('member')
        self.assertEqual([NAMED + 'ACTIVE'], self.said())
        self.assertIn('administrators alone', self.servers.hidden())
        self.assertEqual(
            [
                NAMED + 'live migration: under way',
                NAMED + 'live migration: over; ACTIVE, on another host',
            ],
            self.said(11.0, 12.0, 14.5, 19.0, 20.0),
        )
        self.assertEqual([], self.said(21.0, 22.0))


class TestThread(testtools.TestCase):
    class Nova:
        """One server, to which nothing happens."""

        def __init__(self):
            self.looks = threading.Semaphore(0)
            self.failure = None

        def get(self, path, version=None, refused=(), query=None):
            if self.failure:
                raise exceptions.CloudError(self.failure)
            if path == '/servers/1':
                self.looks.release()
                return {'server': {'status': 'ACTIVE'}}
            return {'migrations': [], 'instanceActions': []}

    def setUp(self):
        super().setUp()
        self.api = self.Nova()
        self.servers = servers.Servers(
            self.api, [server.Server('1', 'a', '192.0.2.1')]
        )

    def test_it_looks_until_its_end(self):
        before = threading.active_count()
        with self.servers:
            for _ in range(3):
                self.assertTrue(self.api.looks.acquire(timeout=20))
            self.assertEqual(before + 1, threading.active_count())
        self.assertEqual(before, threading.active_count())
        self.assertTrue(self.servers.is_at_rest(0.0))

    def test_at_its_end_it_looks_once_more(self):
        with self.servers:
            began = time.monotonic()
            self.servers.end()
            self.assertTrue(self.servers.is_at_rest(began))

    def test_the_first_look_fails(self):
        before = threading.active_count()
        self.api.failure = "Nova's API answered 401"
        error = self.assertRaises(
            exceptions.CloudError, self.servers.__enter__
        )
        self.assertEqual(self.api.failure, str(error))
        self.assertEqual(before, threading.active_count())

    def test_no_servers(self):
        before = threading.active_count()
        with servers.Servers(None, ()) as none:
            self.assertEqual(before, threading.active_count())
            self.assertEqual([], none.look())
            self.assertTrue(none.is_at_rest(0.0))
            self.assertEqual('', none.hidden())
