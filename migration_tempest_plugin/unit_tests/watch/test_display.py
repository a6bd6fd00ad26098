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

import io
from unittest import mock

import fixtures
from rich import console
import testtools

from migration_tempest_plugin.measurement import Outage
from migration_tempest_plugin.watch import display
from migration_tempest_plugin.watch import session

OUTAGE = Outage(start=100.0, end=100.5, lower=0.3, failures=4,
                first_failure=100.1, last_failure=100.4)
UP = session.State('10.0.0.5', 'network', outages=(OUTAGE,))
QUIET = session.State('10.0.0.7', 'network', resolution=0.061)
LOST = session.State('10.0.0.6', 'tcp', lost='the guest was rebooted')


class TestDisplay(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.stream = io.StringIO()
        self.shown = display.Display(self.stream)

    def test_an_outage_is_told(self):
        self.shown.update([UP], [(UP, OUTAGE)], 'watching')
        self.assertRegex(
            self.stream.getvalue(), r'^\d\d:\d\d:\d\d\.\d{3}  10.0.0.5 ping: '
            r'was away for 0\.400 s \(0\.300 to 0\.500\)\n$')

    def test_a_loss_is_told_once(self):
        for _ in range(2):
            self.shown.update([UP, LOST], [], 'watching')
        self.assertRegex(
            self.stream.getvalue(), r'^\d\d:\d\d:\d\d\.\d{3}  10.0.0.6 TCP: '
            r'LOST: the guest was rebooted\n$')

    def test_now_and_then_how_it_goes(self):
        self.shown.update([UP], [], 'x runs')
        self.assertEqual('', self.stream.getvalue())
        self.useFixture(fixtures.MonkeyPatch(
            'migration_tempest_plugin.watch.display.PATIENCE', 0.0))
        self.shown.update([UP, LOST], [], 'x runs')
        self.assertRegex(
            self.stream.getvalue(), r'x runs, for 0 s: 10.0.0.5 ping up; '
            r'10.0.0.6 TCP LOST: the guest was rebooted\n$')

    def test_on_a_terminal(self):
        self.shown._console = console.Console(
            file=self.stream, force_terminal=True, width=100)
        with self.shown.shown():
            self.shown.update([UP, LOST, QUIET], [], 'x runs')
            drawn = self.stream.getvalue()
            self.shown.say('a line of COMMAND')
        for part in ('10.0.0.5', 'x runs, for 0 s', '0.400 s',
                     'at most 0.061 s',
                     'LOST: the guest was rebooted'):
            self.assertIn(part, drawn)
        self.assertIn('a line of COMMAND', self.stream.getvalue())

    def test_a_terminal_that_is_gone(self):
        gone = mock.Mock(wraps=self.stream, encoding='utf-8')
        gone.write.side_effect = OSError('gone')
        gone.flush.side_effect = OSError('gone')
        self.shown._console = console.Console(file=gone, force_terminal=True)
        with self.shown.shown():
            self.shown.say('unheard')
            self.shown.update([UP], [(UP, OUTAGE)], 'x runs')
        gone.write.assert_called()
