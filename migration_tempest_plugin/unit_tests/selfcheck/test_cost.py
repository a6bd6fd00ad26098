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
"""What a meter costs a guest, by the guest's own count."""

import dataclasses

import testtools

from migration_tempest_plugin.selfcheck import cost

#: user nice system idle iowait irq softirq steal guest guest_nice
BEFORE = """\
cpu  100 10 50 1000 20 3 7 5 0 0
cpu0 60 5 25 500 10 1 4 2 0 0
cpu1 40 5 25 500 10 2 3 3 0 0
intr 12345 0 0
ctxt 4711
"""
AFTER = BEFORE.replace(
    'cpu  100 10 50 1000 20 3 7 5', 'cpu  110 11 56 1075 22 5 8 8'
)

RESULT = cost.Result(
    30.0,
    1,
    0.005,
    (
        cost.Row(cost.OURS, 'curl in the guest', 0.075, 0.014, 0),
        cost.Row(cost.LOOP, 'a curl each', 0.655, None, 2),
    ),
)


class TestBusy(testtools.TestCase):
    def test_share(self):
        before, after = cost.Busy.parse(BEFORE), cost.Busy.parse(AFTER)
        self.assertEqual(2, before.processors)
        self.assertEqual(170, before.busy)
        self.assertEqual(1195, before.total)
        # Of a hundred ticks; what another guest took is none of its own.
        self.assertEqual(0.2, after.share(before))

    def test_an_old_kernel_knows_no_steal(self):
        self.assertEqual(
            1190,
            cost.Busy.parse(
                'cpu 100 10 50 1000 20 3 7\ncpu0 1 1 1 1 1 1 1\n'
            ).total,
        )


class TestResult(testtools.TestCase):
    def test_good(self):
        self.assertAlmostEqual(0.07, RESULT.more(RESULT.rows[0]))
        self.assertTrue(RESULT.good)

    def changed(self, **what):
        ours, loop = RESULT.rows
        return dataclasses.replace(
            RESULT, rows=(dataclasses.replace(ours, **what), loop)
        )

    def test_too_dear(self):
        self.assertTrue(self.changed(share=0.084).good)
        self.assertFalse(self.changed(share=0.086).good)

    def test_an_outage_that_was_none(self):
        self.assertFalse(self.changed(outages=1).good)

    def test_text(self):
        lines = cost.text(RESULT, 'there').splitlines()
        self.assertEqual(
            'metadata in there, 1 processor, 30 s each, a request each 0.2 s',
            lines[0],
        )
        self.assertRegex(lines[2], r'nothing +0\.5 %$')
        self.assertRegex(
            lines[3],
            r'this meter +7\.5 % +7\.0 % +14\.0 ms +0 '
            r' by curl in the guest$',
        )
        self.assertRegex(lines[4], r'request +65\.5 % +65\.0 % +\? +2 ')


class TestEach(testtools.TestCase):
    def test_each(self):
        self.assertEqual(0.5, cost._each((1.0, 10), (6.0, 20)))

    def test_nobody_knows(self):
        for before, after in (
            ((None, 0), (1.0, 5)),
            ((1.0, 5), (None, 9)),
            ((1.0, 5), (1.0, 5)),
        ):
            self.assertIsNone(cost._each(before, after))
