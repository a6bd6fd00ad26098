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
"""How busy a guest is, and what of it measuring takes."""

import testtools

from migration_tempest_plugin.measurement import GuestLoad
from migration_tempest_plugin.measurement import ProcessorTimes
from migration_tempest_plugin.measurement import Taken

#: As an emulated guest of one processor said it.
LINE = (
    '73.74 50.13 1|182 (sh) R 181 181 181 0 -1 4194304 152 0 0 0 8 15 0 0 20 '
    '0 1 0 7059 2359296 395|181 (dropbear) S 166 181 181 0 -1 4194560 202 0 0 '
    '0 17 41 0 0 20 0 1 0 7035 4857856 801'
)


class TestProcessorTimes(testtools.TestCase):
    def test_parse(self):
        times = ProcessorTimes.parse(LINE)
        self.assertEqual(
            (73.74, 50.13, 1), (times.uptime, times.idle, times.processors)
        )
        self.assertAlmostEqual(0.23 + 0.58, times.session)

    def test_any_name(self):
        times = ProcessorTimes.parse(
            LINE.replace('(sh)', '(a) b (c)').replace(
                '(dropbear)', '(sshd-session)'
            )
        )
        self.assertAlmostEqual(0.81, times.session)

    def test_a_session_that_is_hidden(self):
        for line in (LINE.replace('dropbear', 'init'), LINE.split('|')[0]):
            self.assertIsNone(ProcessorTimes.parse(line).session)

    def test_nonsense(self):
        for line in ('', '1 2', '1 2 3|4', '1 2 3|4 (sh) S 1', 'a b c'):
            self.assertRaises(ValueError, ProcessorTimes.parse, line)

    def test_idle(self):
        before = ProcessorTimes(100.0, 50.0, 4, None)
        for idle, share in ((50.0, 0.0), (60.0, 0.25), (90.01, 1.0)):
            after = ProcessorTimes(110.0, idle, 4, None)
            self.assertAlmostEqual(share, after.idle_since(before))
        self.assertIsNone(before.idle_since(before))


class TestGuestLoad(testtools.TestCase):
    def load(self, idle):
        return GuestLoad.between(
            idle,
            Taken(100.0, {'heartbeat': 1.0, 'metadata': None}),
            Taken(110.0, {'heartbeat': 2.5, 'metadata': 3.0}),
        )

    def test_text(self):
        self.assertEqual(
            'the guest was 34 % idle before; of its processors measuring '
            'took, in 10.0 s: heartbeat 1.50 s (15 %), metadata not known',
            self.load(0.34).text(),
        )

    def test_under_load(self):
        for idle, under_load in ((0.04, True), (0.1, False), (None, False)):
            load = self.load(idle)
            self.assertIs(under_load, load.is_under_load)
            self.assertEqual(
                under_load,
                load.text().startswith(
                    'measured under load: the guest was 4 % idle before'
                ),
            )
        self.assertIn('nobody knows', load.text())

    def test_no_time(self):
        moment = Taken(100.0, {'heartbeat': 1.0})
        self.assertIn(
            'heartbeat 0.00 s', GuestLoad.between(0.5, moment, moment).text()
        )

    def test_to_and_fro(self):
        load = self.load(0.04)
        self.assertTrue(load.to_dict()['under_load'])
        self.assertEqual(load, GuestLoad.from_dict(load.to_dict()))
