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
"""What is shown of a watch."""

import dataclasses
import io
import sys
from unittest import mock

import fixtures
import testtools

from migration_tempest_plugin.unit_tests.watch.seen import OUTAGE
from migration_tempest_plugin.watch import display
from migration_tempest_plugin.watch import live

UP = live.State('10.0.0.5', 'network', outages=(OUTAGE,))
QUIET = live.State('10.0.0.7', 'network', resolution=0.061)
LOST = live.State('10.0.0.6', 'tcp', lost='the guest was rebooted')


class Terminal(io.StringIO):
    def isatty(self):
        return True


class TestDisplay(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.stream = io.StringIO()
        self.shown = display.Display(self.stream)

    def test_an_outage_is_told(self):
        self.shown.update([UP], [(UP, OUTAGE)], 'watching')
        self.assertRegex(
            self.stream.getvalue(),
            r'^\d\d:\d\d:\d\d\.\d{3}  10.0.0.5 ping: '
            r'was down for 0\.400 s \(0\.300 to 0\.500\)\n$',
        )

    def test_why_it_is_down_is_told_when_it_is_new(self):
        down = live.State('http://vip/', 'http', down_since=100.0)
        for why in ('HTTP 503', 'HTTP 503', 'connection refused', ''):
            self.shown.update(
                [dataclasses.replace(down, why=why)], [], 'watching'
            )
        outage = dataclasses.replace(OUTAGE, why='HTTP 503')
        self.shown.update([], [(down, outage)], 'watching')
        self.assertEqual(
            [
                'is down: HTTP 503',
                'is down: connection refused',
                'was down for 0.400 s (0.300 to 0.500): HTTP 503',
            ],
            [
                line.partition('http://vip/ HTTP: ')[2]
                for line in self.stream.getvalue().splitlines()
            ],
        )

    def test_a_loss_is_told_once(self):
        for _ in range(2):
            self.shown.update([UP, LOST], [], 'watching')
        self.assertRegex(
            self.stream.getvalue(),
            r'^\d\d:\d\d:\d\d\.\d{3}  10.0.0.6 TCP: '
            r'LOST: the guest was rebooted\n$',
        )

    def test_now_and_then_how_it_goes(self):
        self.shown.update([UP], [], 'x runs')
        self.assertEqual('', self.stream.getvalue())
        self.useFixture(
            fixtures.MonkeyPatch(
                'migration_tempest_plugin.watch.display.PATIENCE', 0.0
            )
        )
        self.shown.update([UP, LOST], [], 'x runs')
        self.assertRegex(
            self.stream.getvalue(),
            r'x runs, for 0 s: 10.0.0.5 ping up; '
            r'10.0.0.6 TCP LOST: the guest was rebooted\n$',
        )

    def test_what_goes_on_beside(self):
        self.useFixture(
            fixtures.MonkeyPatch(
                'migration_tempest_plugin.watch.display.PATIENCE', 0.0
            )
        )
        self.shown.update([UP], [], 'x runs', ['web1: ACTIVE'])
        self.assertRegex(
            self.stream.getvalue(),
            r'x runs, for 0 s: 10.0.0.5 ping up; web1: ACTIVE\n$',
        )

    def test_a_line_with_colours_where_there_is_no_terminal(self):
        self.shown.say('\x1b[1;31mred\x1b[0m')
        self.assertEqual('red\n', self.stream.getvalue())


class TestOnATerminal(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.EnvironmentVariable('COLUMNS', '100'))
        self.useFixture(fixtures.EnvironmentVariable('TERM', 'xterm'))

    def test_a_table(self):
        terminal = Terminal()
        shown = display.Display(terminal)
        with shown.shown():
            shown.update([UP, LOST, QUIET], [], 'x runs')
            drawn = terminal.getvalue()
            shown.say('a line of COMMAND')
        for part in (
            '10.0.0.5',
            'x runs, for 0 s',
            '0.400 s',
            'at most 0.061 s',
            'LOST: the guest was rebooted',
        ):
            self.assertIn(part, drawn)
        self.assertIn('a line of COMMAND', terminal.getvalue())

    def test_nothing_to_draw_a_table_with(self):
        terminal = Terminal()
        # It is there if another test has drawn a table.
        self.useFixture(
            fixtures.MonkeyPatch(
                'migration_tempest_plugin.watch.table',
                fixtures.MonkeyPatch.delete,
            )
        )
        with mock.patch.dict(
            sys.modules, {'migration_tempest_plugin.watch.table': None}
        ):
            shown = display.Display(terminal)
        with shown.shown():
            shown.update([UP], [(UP, OUTAGE)], 'x runs')
        advice, outage, *_ = terminal.getvalue().splitlines()
        self.assertIn('pip install rich', advice)
        self.assertIn('was down for 0.400 s', outage)

    def test_one_that_is_gone(self):
        gone = mock.Mock(wraps=Terminal(), encoding='utf-8')
        shown = display.Display(gone)
        gone.write.side_effect = OSError('gone')
        gone.flush.side_effect = OSError('gone')
        with shown.shown():
            shown.say('unheard')
            shown.update([UP], [(UP, OUTAGE)], 'x runs')
        gone.write.assert_called()
