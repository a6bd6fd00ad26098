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
"""What Nova 34 logged of migrations in the embedded cloud, read."""

from unittest import mock

import fixtures
import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.hosts import events
from migration_tempest_plugin.hosts import jobs
from migration_tempest_plugin.hosts import logs
from migration_tempest_plugin.hosts import watch
from migration_tempest_plugin import measurement
from migration_tempest_plugin.tests.whitebox import observation

ID = '6016c42e-15c5-4d55-9567-1df1d90bdbaf'
LOG = f"""\
2026-11-21 11:25:20.100 89 INFO nova.virt.libvirt.migration [-] [instance: \
{ID}] Increasing downtime to 166 ms after 0 sec elapsed time
2026-11-21 11:25:32.400 89 INFO nova.virt.libvirt.migration [-] [instance: \
{ID}] Increasing downtime to 277 ms after 12 sec elapsed time
2026-11-21 11:26:00.600 89 WARNING nova.virt.libvirt.migration [-] \
[instance: {ID}] Live migration not completed after 40 sec
2026-11-21 11:26:01.100 89 WARNING nova.virt.libvirt.driver [-] [instance: \
{ID}] Migration operation was cancelled
"""


class TestObservation(testtools.TestCase):
    def seen(self, text):
        compute = mock.Mock()
        compute.log.since.return_value = logs.parse(text)
        found = observation.Observation({'one': compute}, ID, 'x', 'one')
        found._marks = {'one': None}
        return found

    def test_steps(self):
        self.assertEqual([(166, 0), (277, 12)], self.seen(LOG).steps())

    def test_timeout(self):
        said, after = self.seen(LOG).timeout()
        self.assertEqual(40, said)
        self.assertAlmostEqual(40.5, after)

    def test_ended_early(self):
        self.assertAlmostEqual(41.0, self.seen(LOG).ended_early())

    def test_figures(self):
        found = self.seen('')
        found._jobs = mock.Mock(
            seen=[
                watch.Seen(
                    at,
                    observation.JobLook(
                        jobs.Job('unbounded', fields), 0.5, 1.0, {}
                    ),
                )
                for at, fields in (
                    (9.0, {}),
                    (
                        10.0,
                        {
                            'memory_remaining': 7,
                            'memory_dirty_rate': 100,
                            'memory_page_size': 4096,
                            'memory_bps': 5,
                            'memory_iteration': 2,
                            'auto_converge_throttle': 20,
                        },
                    ),
                    (11.0, {'memory_remaining': 3}),
                    (
                        12.0,
                        {
                            'memory_dirty_rate': 0,
                            'memory_page_size': 4096,
                            'memory_iteration': 1,
                        },
                    ),
                )
            ]
        )
        self.assertEqual(
            (
                measurement.Figures(10.0, 7, 409600, 5, 20),
                measurement.Figures(11.0, 3),
                measurement.Figures(12.0),
            ),
            found.figures(since=9.5),
        )

    def _set_up(self, found):
        with fixtures.MonkeyPatch(
            'migration_tempest_plugin.tests.whitebox.observation.'
            'Observation._setUp',
            lambda self: None,
        ):
            found.setUp()
        self.addCleanup(found.cleanUp)

    def test_no_details_of_what_was_not_looked_at(self):
        """Its log can't be read, say: that must be the error."""
        found = self.seen('')
        self._set_up(found)
        self.assertEqual({}, found.getDetails())

    def test_details_are_those_of_the_end(self):
        found = self.seen(LOG)
        found._events = {'one': mock.Mock(events=lambda *_: [])}
        found._jobs = mock.Mock(seen=[], error=None)
        found._looking = True
        self._set_up(found)
        details = found.getDetails()
        found._jobs.seen = [
            watch.Seen(
                9.0,
                observation.JobLook(
                    jobs.Job('unbounded', {'memory_total': 7}), 0.5, 1.0, {}
                ),
            )
        ]
        self.assertIn('"memory_total": 7', details['migration job'].as_text())
        self.assertIn(
            'Increasing downtime to 166 ms',
            details['nova-compute on one'].as_text(),
        )

    def test_nothing_of_the_kind(self):
        first = self.seen(LOG.splitlines()[0])
        self.assertIsNone(first.timeout())
        self.assertIsNone(first.ended_early())

    def stopped(self, looks, told):
        found = self.seen('')
        found._jobs = mock.Mock(seen=looks)
        found._events = {'one': mock.Mock()}
        found._events['one'].events.return_value = told
        return found.stopped()

    def test_stopped(self):
        suspended, resumed = (
            mock.Mock(text=text, foreign=False)
            for text in ('Suspended Paused', 'Resumed')
        )
        self.assertEqual(
            [suspended], self.stopped(['a look'], [suspended, resumed])
        )

    def test_never_stopped(self):
        self.assertEqual(
            [], self.stopped(['a look'], [mock.Mock(text='x', foreign=False)])
        )
        self.assertEqual([], self.stopped([], []))

    def test_another_language_is_no_proof(self):
        found = []
        events.add(
            found,
            "2026-11-21 10:39:25.694+0000: event 'lifecycle' "
            "for domain 'instance-00000001': Приостановлен Миграция\n",
            1.0,
        )
        error = self.assertRaises(
            exceptions.NoMeasurement, self.stopped, ['a look'], found
        )
        self.assertIn('does not speak English', str(error))
        self.assertIn('Приостановлен', str(error))

    def test_no_events_are_no_proof(self):
        self.assertRaises(
            exceptions.NoMeasurement, self.stopped, ['a look'], []
        )

    def test_timeout_without_a_beginning(self):
        # Then it is not said to be punctual.
        lines = self.seen('\n'.join(LOG.splitlines()[2:]))
        self.assertRaises(exceptions.NoMeasurement, lines.timeout)


class Virsh:
    """Answers with jobs, one after another."""

    def __init__(self, *jobs):
        self.jobs = list(jobs)

    def job(self, server):
        return self.jobs.pop(0)

    def maximum_downtime(self, server):
        return 0.5

    def vcpu_time(self, server):
        return 7.0

    def qemu_migration(self, server):
        return {'auto-converge': True}


class TestLook(testtools.TestCase):
    none = jobs.Job('none', {})
    disks = jobs.Job('unbounded', {'memory_total': 0})
    memory = jobs.Job('unbounded', {'memory_total': 9})

    def test_while_memory_is_copied(self):
        look = observation._look(Virsh(self.memory, self.memory), ID)
        self.assertEqual(
            (self.memory, 0.5, 7.0, {'auto-converge': True}),
            (look.job, look.maximum_downtime, look.vcpu_time, look.qemu),
        )

    def test_at_other_times(self):
        # QEMU's own settings are no longer, or not yet, those of Nova.
        for told in ((self.none,), (self.disks,), (self.memory, self.none)):
            self.assertIsNone(observation._look(Virsh(*told), ID))
