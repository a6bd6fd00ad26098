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
"""What the looks at the API tell of the phases."""

import json

import testtools

from migration_tempest_plugin.measurement import Look
from migration_tempest_plugin.measurement import Mark
from migration_tempest_plugin.measurement import Progress


def look(asked, status, processed=None, begun=(), ended=()):
    """One that takes a tenth of a second."""
    return Look(
        asked,
        asked + 0.1,
        status,
        memory_processed=processed,
        begun=frozenset(begun),
        ended=frozenset(ended),
    )


PROGRESS = Progress(
    10.0,
    (
        look(10.5, None),
        look(11.0, 'preparing', begun=['conductor']),
        look(11.5, 'running', 100, begun=['conductor', 'compute']),
        look(
            12.0,
            'running',
            250,
            begun=['conductor', 'compute'],
            ended=['conductor'],
        ),
        look(
            12.5,
            'completed',
            begun=['conductor', 'compute'],
            ended=['conductor', 'compute'],
        ),
    ),
)


class TestProgress(testtools.TestCase):
    def phase(self, name):
        return next(phase for phase in PROGRESS.phases if phase.name == name)

    def test_events_of_one_look_are_in_one_order(self):
        names = ['compute_b', 'conductor_a', 'compute_c', 'compute_a']
        look = Look(1.0, 2.0, begun=frozenset(names))
        self.assertEqual(
            sorted(names),
            [phase.name for phase in Progress(0.0, (look,)).phases],
        )

    def test_a_status_began_between_two_looks(self):
        running = self.phase('running')
        self.assertEqual('status', running.kind)
        self.assertEqual((11.0, 11.6), running.begin)
        self.assertEqual((12.0, 12.6), running.end)

    def test_the_last_one_has_no_end(self):
        self.assertIsNone(self.phase('completed').end)

    def test_an_event(self):
        conductor = self.phase('conductor')
        self.assertEqual('event', conductor.kind)
        self.assertEqual((10.5, 11.1), conductor.begin)
        self.assertEqual((11.5, 12.1), conductor.end)

    def test_in_order(self):
        begins = [phase.begin for phase in PROGRESS.phases]
        self.assertEqual(5, len(begins))
        self.assertEqual(sorted(begins), begins)

    def test_memory_as_seen_last(self):
        self.assertEqual(250, PROGRESS.memory_copied)
        self.assertIsNone(Progress(10.0).memory_copied)

    def test_to_dict_is_ready_for_json(self):
        recorded = json.loads(json.dumps(PROGRESS.to_dict(10.0)))
        self.assertEqual(0, recorded['requested'])
        self.assertEqual(5, len(recorded['looks']))
        self.assertIn(
            {
                'kind': 'status',
                'name': 'completed',
                'begin': [2.0, 2.5999999999999996],
                'end': None,
            },
            recorded['phases'],
        )


class TestQueued(testtools.TestCase):
    def queued(self, *looks):
        return Progress(10.0, looks).queued

    def test_it_waited(self):
        queued = self.queued(
            look(11.0, 'accepted'),
            look(12.0, 'queued'),
            look(13.0, 'queued'),
            look(14.0, 'preparing'),
        )
        self.assertAlmostEqual(0.9, queued.lower)
        self.assertAlmostEqual(3.1, queued.upper)

    def test_not_seen_to_wait(self):
        queued = self.queued(look(11.0, 'accepted'), look(12.0, 'running'))
        self.assertEqual(0, queued.lower)
        self.assertAlmostEqual(1.1, queued.upper)

    def test_it_ran_at_once(self):
        self.assertAlmostEqual(0.6, self.queued(look(10.5, 'running')).upper)

    def test_it_did_not_wait_at_all(self):
        progress = Progress(10.0, (Look(10.0, 10.0, 'running'),))
        self.assertEqual(
            {'estimate': 0.0, 'lower': 0.0, 'upper': 0.0},
            progress.to_dict(10.0)['queued'],
        )

    def test_its_turn_did_not_come(self):
        self.assertIsNone(self.queued(look(11.0, 'queued')))
        self.assertIsNone(Progress(10.0).queued)


class TestMarks(testtools.TestCase):
    """Each begins a phase, at a moment that is known."""

    def phases(self, *marks, requested=10.0, over=60.0):
        progress = Progress.of_marks(
            requested, [Mark(*each) for each in marks], over
        )
        return [(each.name, each.begin, each.end) for each in progress.phases]

    def test_none(self):
        self.assertEqual([], self.phases())
        self.assertIsNone(Progress.of_marks(10.0, (), 60.0).queued)

    def test_one_after_the_other(self):
        self.assertEqual(
            [
                ('drained', (12.0, 12.0), (30.5, 30.5)),
                ('upgraded', (30.5, 30.5), (60.0, 60.0)),
                ('over', (60.0, 60.0), None),
            ],
            self.phases((30.5, 'upgraded'), (12.0, 'drained')),
        )

    def test_again(self):
        """A restart that is made twice is two."""
        self.assertEqual(
            ['restarted', 'restarted (2)', 'over'],
            [
                each[0]
                for each in self.phases((11, 'restarted'), (12, 'restarted'))
            ],
        )

    def test_before_anything_counts(self):
        self.assertEqual(
            ('drained', (10.0, 10.0), (60.0, 60.0)),
            self.phases((3.0, 'drained'))[0],
        )

    def test_later_than_the_end(self):
        """It was put while what was measured was read."""
        self.assertEqual(
            ('done', (61.0, 61.0), (61.0, 61.0)),
            self.phases((61.0, 'done'))[0],
        )

    def test_a_watch_waits_for_no_turn(self):
        progress = Progress.of_marks(10.0, [Mark(20.0, 'drained')], 60.0)
        self.assertEqual(0.0, progress.queued.upper)
