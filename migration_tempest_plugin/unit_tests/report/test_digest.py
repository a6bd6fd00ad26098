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
"""What is told of a migration, of whatever version."""

import testtools

from migration_tempest_plugin.report import digest
from migration_tempest_plugin.report.digest import Verdict
from migration_tempest_plugin.unit_tests.report import samples


class TestDigest(testtools.TestCase):

    def test_verdict(self):
        for verdict, migration in (
                (Verdict.WITHIN, samples.migration(0.1)),
                (Verdict.OVER, samples.migration(0.8)),
                (Verdict.NO_MEASUREMENT, samples.gone()),
                (Verdict.NOT_JUDGED, samples.migration(limits=()))):
            self.assertEqual(verdict, digest.verdict(migration))

    def test_the_worst_is_the_worst(self):
        order = [samples.migration(0.1), samples.migration(0.2),
                 samples.migration(0.0, limits=()), samples.migration(0.8),
                 samples.migration(0.9), samples.gone()]
        self.assertEqual(order, sorted(reversed(order), key=digest.badness))

    def test_durations(self):
        found = digest.durations(samples.migration(0.3))
        self.assertEqual(['network', 'tcp', 'guest stopped', 'queued'],
                         list(found))
        self.assertLessEqual(found['network']['lower'], 0.3)
        self.assertGreaterEqual(found['network']['upper'], 0.3)

    def test_phase(self):
        phase = {'name': 'running', 'begin': [0.1, 0.2], 'end': [1.0, 1.26]}
        self.assertEqual('running: from 0.1..0.2 s to 1.0..1.3 s',
                         digest.phase(phase))
        self.assertEqual('running: from 0.1..0.2 s on',
                         digest.phase({**phase, 'end': None}))

    def test_way(self):
        self.assertEqual('compute1 -> compute2',
                         digest.way(samples.migration()))
        self.assertEqual('compute1 -> nowhere', digest.way(
            samples.migration(destination=None)))
