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
"""What a guest's log says, while it is written and afterwards."""

from unittest import mock

import fixtures
import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.guest import shell
from migration_tempest_plugin.meters import metadata_follow

#: As a guest wrote it; refused for 1.5 s from 288.27 on.
LOG = (
    'metadata_probe 2 pid=7 boot=b tool=curl pause=fraction interface=- ;',
    '0 10 285.35 0.001086 ok ;',
    'deadline 0.50 1.00 tool=curl lanes=3 baseline=10 slowest=0.01 ;',
    '1 4 287.30 0.000814 ok ;',
    '2 4 287.50 0.000839 ok ;',
    '3 4 287.70 0.001247 ok ;',
    '1 5 287.91 0.003532 ok ;',
    '2 5 288.10 0.002737 ok ;',
    '3 5 288.31 0.000656 rc7 ;',
    '1 6 288.51 0.000104 rc7 ;',
    '2 6 288.70 0.000093 rc7 ;',
    '3 6 288.91 0.000106 rc7 ;',
    '1 7 289.11 0.000096 rc7 ;',
    '2 7 289.30 0.000094 rc7 ;',
    '3 7 289.51 0.000104 rc7 ;',
    '1 8 289.71 0.000089 rc7 ;',
    '4 30 289.78 0.000971 ok ;',
    '2 8 289.90 0.001689 ok ;',
)


def of_log():
    return metadata_follow.of_log(LOG, 'x', 0.2, 5.0)


class TestOfLog(testtools.TestCase):
    def test_the_outage(self):
        seen = of_log()
        [outage] = seen.outages
        self.assertGreaterEqual(outage.upper, 1.5)
        self.assertLessEqual(outage.lower, 1.5)
        self.assertEqual(1.0, seen.deadline)
        self.assertIn('3 lanes', seen.method)

    def test_from_an_answer_right_before_it(self):
        """When that began is not known exactly: it is there all the same."""
        [outage] = of_log().outages
        for moment in (288.09, 288.0973):
            self.assertEqual((outage,), of_log().since(moment).outages)

    def test_nothing(self):
        self.assertRaises(
            exceptions.NoMeasurement,
            metadata_follow.of_log,
            [],
            'x',
            0.2,
            5.0,
        )


class TestRecent(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.sunk = []
        self.meter = metadata_follow.FollowedMetadataMeter(
            mock.Mock(), mock.Mock(), sink=self.sunk.append
        )

    def test_piece_by_piece(self):
        self.assertIsNone(self.meter.recent(287.0))
        for line in LOG:
            self.meter._take(line)
        self.assertEqual(list(LOG), self.sunk)
        self.assertEqual(
            of_log().since(288.09).outages, self.meter.recent(288.09).outages
        )

    def test_only_what_may_matter_is_read(self):
        for line in LOG[:3]:
            self.meter._take(line)
        for each in range(1000):
            end = f'{300 + each / 5:.2f}'
            self.meter._take(f'{each % 3 + 1} {each} {end} 0.001000 ok ;')
        self.assertEqual(
            150,
            len(self.meter._latest(490.0 - metadata_follow.WITNESSED)),
        )

    def test_it_is_not_followed(self):
        """Nothing is new for a while; then it is lost."""
        for line in LOG:
            self.meter._take(line)
        self.meter._not_followed('no way there')
        self.assertIsNone(self.meter.recent(288.09))
        self.useFixture(
            fixtures.MockPatchObject(metadata_follow, 'PATIENCE', -1)
        )
        error = self.assertRaises(
            exceptions.NoMeasurement, self.meter.recent, 288.09
        )
        self.assertIn('at the end alone: no way there', str(error))

    def test_a_line_is_followed_and_read(self):
        """Whatever comes first, the sink gets it once."""
        for line in LOG[:4]:
            self.meter._take(line)
        not_whole = '\n'.join([*LOG[:8], LOG[8][:9]])
        self.meter._seen(shell.State(True, True, 'b', 0.0, '', log=not_whole))
        self.assertEqual(list(LOG[:8]), self.sunk)
        for line in LOG[4:]:
            self.meter._take(line)
        self.meter._seen(
            shell.State(True, True, 'b', 0.0, '', log='\n'.join(LOG))
        )
        self.assertEqual(list(LOG), self.sunk)

    def test_each_line_once(self):
        """It is followed from the next line on."""
        for line in LOG:
            self.meter._take(line)
        stream = self.useFixture(
            fixtures.MockPatchObject(metadata_follow.stream, 'ScriptStream')
        ).mock
        self.meter._follow()
        [_, name, (_, first, _), _] = stream.call_args.args
        self.assertEqual(('metadata_follow', len(LOG) + 1), (name, first))
        self.assertIsNone(self.meter._unfollowed)
