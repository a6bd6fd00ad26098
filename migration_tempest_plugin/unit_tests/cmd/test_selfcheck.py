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
"""What ``tempest downtime selfcheck`` is asked for."""

import io
from unittest import mock

import fixtures
import testtools

from migration_tempest_plugin.cmd import selfcheck
from migration_tempest_plugin.selfcheck import check
from migration_tempest_plugin.selfcheck import many
from migration_tempest_plugin.selfcheck import metadata


try:
    from tempest.common.utils import net_downtime
except ImportError:  # an older Tempest
    net_downtime = None


class TestSelfcheck(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.app = mock.Mock(stdout=io.StringIO(), stderr=io.StringIO())
        self.command = selfcheck.Selfcheck(self.app, None)

    def parse(self, *words):
        return self.command.get_parser('selfcheck').parse_args(list(words))

    def parts(self, *words):
        """Function, plan and Tempest's meter of each part."""
        return [
            (run.func, run.args[0], run.args[2])
            for run, _ in self.command._parts(self.parse(*words))
        ]

    def test_both_meters(self):
        self.assertEqual(
            [
                *((check.run, plan, None) for plan in check.QUICK),
                *((metadata.run, plan, None) for plan in metadata.QUICK),
            ],
            self.parts(),
        )
        self.assertEqual(
            [
                *((check.run, plan, None) for plan in check.THOROUGH),
                *((metadata.run, plan, None) for plan in metadata.THOROUGH),
            ],
            self.parts('--thorough'),
        )

    def test_one_of_them(self):
        self.assertEqual(
            [check.run] * len(check.QUICK),
            [run for run, _, _ in self.parts('--what', 'network')],
        )
        self.assertEqual(
            [metadata.run] * len(metadata.QUICK),
            [run for run, _, _ in self.parts('--what', 'metadata')],
        )

    @testtools.skipIf(net_downtime is None, 'This Tempest has no such meters')
    def test_beside_tempest(self):
        *network, first, second = [
            meter
            for _, _, meter in self.parts('--beside-tempest', '--thorough')
        ]
        # It pings one target: there is none beside 200.
        self.assertEqual([net_downtime.NetDowntimeMeter] * 2 + [None], network)
        self.assertEqual(
            [net_downtime.MetadataDowntimeMeter] * 2, [first, second]
        )
        self.assertEqual('', self.app.stderr.getvalue())

    @testtools.skipIf(net_downtime is None, 'This Tempest has no such meters')
    def test_a_tempest_without_it(self):
        self.useFixture(
            fixtures.MonkeyPatch(
                'tempest.common.utils.net_downtime.MetadataDowntimeMeter'
            )
        )
        self.assertEqual(
            [None, None],
            [
                meter
                for _, _, meter in self.parts(
                    '--beside-tempest', '--what', 'metadata'
                )
            ],
        )
        self.assertEqual(
            'This Tempest has no MetadataDowntimeMeter: its '
            'column is left out\n',
            self.app.stderr.getvalue(),
        )

    def test_many_targets(self):
        [(run, text)] = self.command._parts(
            self.parse('--many', '7', '--interval', '0.02', '--seconds', '3')
        )
        self.assertEqual(many.run, run.func)
        self.assertEqual(many.Plan(7, 0.02, 3.0), run.args[0])
        self.assertEqual(many.text, text)

    def test_many_targets_take_no_program(self):
        self.assertEqual(
            [], list(selfcheck._programs(self.parse('--many', '7')))
        )

    def test_what_makes_no_sense(self):
        self.useFixture(fixtures.MonkeyPatch('sys.stderr', io.StringIO()))
        for words in (
            ('--what', 'tcp'),
            ('--guest', 'host'),
            ('--seconds', '0'),
            ('--seconds', '0.5'),
            ('--many', '0'),
            ('--many', 'some'),
            ('--many', '99999999'),
            ('--interval', '0.0001'),
        ):
            self.assertRaises(SystemExit, self.parse, *words)
