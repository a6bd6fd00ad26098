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
"""A server followed, with what a real Nova has answered."""

import testtools

from migration_tempest_plugin.cloud import following
from migration_tempest_plugin.cloud import shown
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.unit_tests.cloud import fake_nova

PATH = '/servers/' + fake_nova.SERVER


class Case(testtools.TestCase):
    def follow(self, who):
        self.api = self.useFixture(fake_nova.Replayed(who))
        self.shown = shown.Shown(self.api, fake_nova.SERVER)
        self.following = following.Following(self.shown)

    def look(self, *moments):
        """Look at some moments; returns the last State."""
        for moment in moments:
            self.api.now = moment
            state = self.following.look()
        return state


class TestAdministrator(Case):
    def setUp(self):
        super().setUp()
        self.follow('administrator')

    def test_before_it(self):
        state = self.look(3.0)
        self.assertEqual(
            ('ACTIVE', None, 'compute2'),
            (state.status, state.task, state.host),
        )
        self.assertEqual(3.0, state.asked)
        self.assertAlmostEqual(3.03, state.answered)
        self.assertEqual((), self.following.migrations)
        self.assertFalse(self.following.is_under_way)

    def test_nothing_is_asked_in_vain(self):
        self.look(3.0)
        del self.api.asked[:]
        self.look(4.0, 5.0)
        self.assertEqual([PATH, PATH], self.api.asked)

    def test_while_it_runs(self):
        state = self.look(3.0, 9.0, 11.0, 14.5)
        [migration] = self.following.migrations
        self.assertEqual('MIGRATING', state.status)
        self.assertEqual(
            ('live migration', 'running', 'compute2', 'compute1', None),
            (
                migration.kind,
                migration.status,
                migration.source,
                migration.to,
                migration.destination,
            ),
        )
        self.assertTrue(self.following.is_under_way)
        self.assertIsNone(migration.followed().took)

    def test_all_of_it(self):
        self.look(3.0, 9.0, 11.0, 14.5, 19.0)
        state = self.look(21.0)
        self.assertEqual(('ACTIVE', 'compute1'), (state.status, state.host))
        self.assertFalse(self.following.is_under_way)
        [migration] = self.following.migrations
        followed = migration.followed()
        self.assertEqual(
            ('compute2', 'compute1', 'completed'),
            (followed.source, followed.destination, followed.status),
        )
        self.assertEqual(6, followed.record['id'])
        self.assertEqual(6, len(followed.events))
        phases = {
            phase.name: phase
            for phase in followed.progress.phases
            if phase.kind == 'status'
        }
        self.assertEqual(['preparing', 'running', 'completed'], list(phases))
        # Between the looks before and after it.
        begin, end = phases['running'].begin, phases['running'].end
        self.assertEqual((11.0, 19.0), (begin[0], end[0]))
        self.assertAlmostEqual(14.55, begin[1])
        self.assertAlmostEqual(21.05, end[1])

    def test_it_begins_between_two_looks(self):
        """The server's own status came later than the request."""
        self.look(3.0, 8.5, 9.99)
        self.assertEqual((), self.following.migrations)
        self.look(10.5)
        [migration] = self.following.migrations
        self.assertEqual(9.99, migration.requested)

    def test_what_is_over_is_left_alone(self):
        self.look(3.0, 11.0, 21.0)
        [migration] = self.following.migrations
        self.assertEqual(2, len(migration.looks))
        self.look(22.0, 23.0)
        self.assertEqual(2, len(migration.looks))
        earliest, latest = migration.ended
        self.assertEqual(11.0, earliest)
        self.assertAlmostEqual(21.05, latest)

    def test_all_of_it_while_the_api_does_not_answer(self):
        self.look(3.0)
        self.api.failure = "Nova's API answered 503"
        for moment in (9.0, 12.0):
            error = self.assertRaises(exceptions.CloudError, self.look, moment)
            self.assertEqual(self.api.failure, str(error))
        self.api.failure = None
        self.look(25.0)
        [migration] = self.following.migrations
        followed = migration.followed()
        self.assertEqual('completed', followed.status)
        self.assertEqual(0.0, followed.took.lower)
        self.assertAlmostEqual(22.05, followed.took.upper)
        self.assertEqual('compute2', followed.source)

    def test_a_server_that_is_deleted(self):
        self.look(3.0, 11.0)
        self.api.get = lambda *_, **__: None
        self.assertIsNone(self.look(12.0).status)
        self.assertFalse(self.following.is_under_way)


class TestResize(Case):
    def setUp(self):
        super().setUp()
        self.follow('resized')

    def resized(self, *moments):
        self.look(*moments)
        [migration] = self.following.migrations
        return migration.followed()

    def test_it_is_over_when_it_can_be_confirmed(self):
        followed = self.resized(1.0, 4.3, 7.0, 8.0)
        self.assertEqual(
            ('resize', 'finished', 'compute1', 'compute2'),
            (
                followed.kind,
                followed.status,
                followed.source,
                followed.destination,
            ),
        )
        self.assertFalse(self.following.is_under_way)
        self.assertGreater(followed.took.lower, 2.5)
        self.assertLess(followed.took.upper, 7.1)

    def test_reverted(self):
        """It is where it was, and it took as long as it did."""
        before = self.resized(1.0, 4.3, 7.0, 8.0)
        self.look(13.0)
        self.assertTrue(self.following.is_under_way)
        self.look(14.5, 15.0)
        followed = self.resized(18.0)
        self.assertFalse(self.following.is_under_way)
        self.assertEqual(
            ('reverted', 'compute1', 'compute1'),
            (followed.status, followed.source, followed.destination),
        )
        self.assertEqual(before.took, followed.took)

    def test_two_looks(self):
        """Between which all of it was."""
        followed = self.resized(1.0, 18.0)
        self.assertEqual(
            ('reverted', 'compute1', 'compute1'),
            (followed.status, followed.source, followed.destination),
        )


class TestEvacuation(Case):
    def test_all_of_it(self):
        self.follow('evacuated')
        self.look(1.0, 6.0, 8.0)
        self.assertTrue(self.following.is_under_way)
        state = self.look(11.0)
        self.assertEqual('SHUTOFF', state.status)
        self.assertFalse(self.following.is_under_way)
        [migration] = self.following.migrations
        followed = migration.followed()
        self.assertEqual(
            ('evacuation', 'done', 'compute1', 'compute2'),
            (
                followed.kind,
                followed.status,
                followed.source,
                followed.destination,
            ),
        )
        self.assertGreater(followed.took.lower, 1.9)
        self.assertLess(followed.took.upper, 10.1)
        # It is started: that is not part of it.
        self.look(19.5, 21.0)
        self.assertEqual(1, len(self.following.migrations))
        self.assertEqual(followed.took, migration.followed().took)


class TestMember(Case):
    """Who sees neither hosts nor the records of migrations."""

    def setUp(self):
        super().setUp()
        self.follow('member')

    def test_before_it(self):
        state = self.look(3.0)
        self.assertEqual(('ACTIVE', None), (state.status, state.host))
        self.assertFalse(self.shown.records)

    def test_records_are_asked_for_once(self):
        self.look(3.0, 11.0, 15.0)
        self.assertEqual(1, self.api.asked.count('/os-migrations'))

    def test_while_it_goes_on(self):
        self.look(3.0, 11.0)
        [migration] = self.following.migrations
        self.assertEqual(
            ('live migration', 'under way'),
            (migration.kind, migration.status),
        )
        self.assertTrue(self.following.is_under_way)

    def test_all_of_it(self):
        before = self.look(3.0, 11.0, 14.0)
        after = self.look(20.0)
        self.assertNotEqual(before.host_id, after.host_id)
        [migration] = self.following.migrations
        followed = migration.followed()
        self.assertEqual(
            ('over', None, None, None),
            (
                followed.status,
                followed.source,
                followed.destination,
                followed.record,
            ),
        )
        self.assertEqual(
            {'event'}, {phase.kind for phase in followed.progress.phases}
        )
        # from the look at 3 or later, seen at 11.04; to that at 14 or later
        self.assertAlmostEqual(14.0 - 11.03, followed.took.lower)
        self.assertAlmostEqual(17.03, followed.took.upper)

    def test_failed(self):
        """Nobody but an administrator is shown the record that says so."""
        self.follow('failed')
        self.look(1.0, 3.2)
        [migration] = self.following.migrations
        self.assertEqual('under way', migration.status)
        self.look(3.5)
        self.assertEqual(
            ('cold migration', 'failed'), (migration.kind, migration.status)
        )

    def test_reverted(self):
        """A resize that was asked to be: it did not fail."""
        self.follow('resized')
        get = self.api.get
        self.api.get = lambda path, *arguments, **more: (
            None if path == '/os-migrations' else get(path, *arguments, **more)
        )
        self.look(1.0, 4.3, 8.0)
        [migration] = self.following.migrations
        self.assertEqual('over', migration.status)
        self.look(13.0, 18.0)
        self.assertEqual('over, on the same host', migration.status)


class TestShown(testtools.TestCase):
    """Which request a record comes from."""

    ACTIONS = [
        {
            'action': action,
            'request_id': number,
            'start_time': f'2026-11-29T05:{moment}.000000',
        }
        for number, (action, moment) in enumerate(
            (
                ('live-migration', '00:10'),
                ('resize', '00:20'),
                ('live-migration', '00:30'),
            )
        )
    ]

    def request(self, kind, moment):
        return shown._request(
            {
                'migration_type': kind,
                'created_at': f'2026-11-29T05:{moment}.000000',
            },
            self.ACTIONS,
        )

    def test_the_last_before_it(self):
        for kind, moment, number in (
            ('live-migration', '00:11', 0),
            ('live-migration', '00:25', 0),
            ('live-migration', '00:31', 2),
            ('resize', '00:31', 1),
            ('evacuation', '00:31', None),
        ):
            self.assertEqual(number, self.request(kind, moment))

    def test_clocks_that_differ(self):
        """The record is made on another machine than the action."""
        self.assertEqual(2, self.request('live-migration', '00:29'))
        self.assertIsNone(self.request('live-migration', '00:07'))
