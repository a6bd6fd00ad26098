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
"""A migration that was followed during a watch."""

import testtools

from migration_tempest_plugin.measurement import Followed
from migration_tempest_plugin.measurement import Look
from migration_tempest_plugin.measurement import Mark
from migration_tempest_plugin.measurement import MeasuredMigration
from migration_tempest_plugin.measurement import Progress
from migration_tempest_plugin.report import validation

EVENT = frozenset(['compute_live_migration'])


def followed(begin, source='a', destination='b', memory=None, ended=True):
    """It begins within a second, runs, and is over three seconds later."""
    looks = (
        Look(begin + 1, begin + 1.2, 'running', memory_processed=memory),
        Look(begin + 2, begin + 2.2, 'running', begun=EVENT),
        Look(begin + 3, begin + 3.2, 'completed', begun=EVENT, ended=EVENT),
    )
    return Followed(
        'live migration',
        source,
        destination if ended else None,
        'completed' if ended else 'running',
        Progress(begin, looks if ended else looks[:2]),
        {'id': begin},
        ({'event': 'compute_live_migration'},),
        (begin + 2, begin + 3.2) if ended else None,
    )


def watched(*migrations):
    """What a watch from 100 to 140 has measured, with these."""
    marks = [Mark(100.0, 'sh runs'), Mark(130.0, 'sh ended with 0')]
    return MeasuredMigration(
        '192.0.2.1',
        None,
        None,
        (),
        progress=Progress.of_marks(100.0, marks, 140.0),
        kind='watch',
    ).following(migrations)


class TestFollowed(testtools.TestCase):
    def test_how_long_it_took(self):
        took = followed(100).took
        self.assertAlmostEqual(0.8, took.lower)
        self.assertAlmostEqual(3.2, took.upper)
        self.assertIsNone(followed(100, ended=False).took)

    def test_in_a_watch(self):
        migration = watched(followed(105, memory=7))
        self.assertEqual(
            ('a', 'b', {'id': 105}),
            (migration.source, migration.destination, migration.record),
        )
        phases = [
            (phase.kind, phase.name) for phase in migration.progress.phases
        ]
        self.assertEqual(
            [
                ('status', 'sh runs'),
                ('migration', 'running'),
                ('event', 'compute_live_migration'),
                ('migration', 'completed'),
                ('status', 'sh ended with 0'),
                ('status', 'over'),
            ],
            phases,
        )
        self.assertEqual(7, migration.breakdown.memory_copied)

    def test_times_are_those_of_the_watch(self):
        document = watched(followed(105)).to_dict()
        [running] = [
            phase
            for phase in document['progress']['phases']
            if phase['name'] == 'running'
        ]
        self.assertEqual('migration', running['kind'])
        self.assertAlmostEqual(5.0, running['begin'][0])
        self.assertAlmostEqual(6.2, running['begin'][1])
        [its] = document['followed']
        self.assertEqual(running['begin'], its['phases'][0]['begin'])
        self.assertEqual('completed', its['status'])
        moments = [look['asked'] for look in document['progress']['looks']]
        self.assertEqual(sorted(moments), moments)

    def test_several(self):
        """In turn, by number; the record is that of the last."""
        migration = watched(
            followed(105, memory=7), followed(115, 'b', 'c', memory=5)
        )
        self.assertEqual(
            ('a', 'c', {'id': 115}),
            (migration.source, migration.destination, migration.record),
        )
        self.assertEqual(2, len(migration.events))
        self.assertEqual(
            ['1: running', '1: completed', '2: running', '2: completed'],
            [
                phase.name
                for phase in migration.progress.phases
                if phase.kind == 'migration'
            ],
        )
        self.assertEqual(12, migration.progress.memory_copied)

    def test_none(self):
        migration = watched()
        self.assertEqual((), migration.followed)
        self.assertNotIn('followed', migration.to_dict())

    def test_of_whom_little_is_shown(self):
        migration = watched(followed(105, None, None, ended=False))
        self.assertIsNone(migration.progress.memory_copied)
        self.assertIsNone(migration.to_dict()['followed'][0]['took'])

    def test_it_is_as_its_schema_says(self):
        for migration in (
            watched(followed(105), followed(115, ended=False)),
            watched(followed(105, None, None)),
        ):
            document = migration.to_dict()
            self.assertEqual(document, validation.migration(document))
