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
"""Where the time of a run went, from a log of a real one."""

import pathlib
import unittest

from embedded_cloud import timing
from embedded_cloud.timing import Span

LOG = pathlib.Path(__file__).parent / 'tempest-log.txt'

# What subunit2csv prints: one after the other, one with a name that is quoted,
# a class that could not be set up.
CSV = """\
test,status,start_time,stop_time
a.test_it.TestIt.test_one[id-1],success,2026-11-25 09:41:54.5+00:00,2026-11-25 09:41:56.5+00:00
"a.test_it.TestIt.test_two[id-2,slow]",fail,2026-11-25 09:41:57+00:00,2026-11-25 09:42:07+00:00
setUpClass (a.test_it.TestOther),fail,,2026-11-25 09:42:08+00:00
"""  # noqa: E501


def line(seconds, message, process=40):
    return (
        f'2026-11-25 09:42:{seconds:06.3f} {process} INFO a.module [-] '
        f'{message}\n'
    )


class TogetherTest(unittest.TestCase):
    def test_side_by_side_counts_once(self):
        for seconds, *spans in (
            (0,),
            (3, (1, 4)),
            (5, (1, 4), (6, 8)),
            (5, (2, 6), (1, 4)),
            (9, (1, 10), (2, 3)),
            (4, (1, 3), (3, 5)),
            (2, (1, 3), (1, 3)),
        ):
            self.assertEqual(
                seconds,
                timing.together([Span('it', *each) for each in spans]),
                spans,
            )


class WaitsTest(unittest.TestCase):
    def waits(self, *lines):
        waits = list(timing.waits(lines))
        return [
            (wait.what, round(wait.seconds, 3), wait.ends) for wait in waits
        ]

    def test_of_what_it_is_not_of_which(self):
        self.assertEqual(
            [
                ('volume reached available', 1.579, True),
                ('volume reached available', 2.0, True),
            ],
            self.waits(
                line(
                    4,
                    'volume 23097bcb-3399-425e-be91-0d57011f9b5a reached '
                    'available after waiting for 1.578673 seconds',
                ),
                line(
                    9,
                    'volume 045fb295-b2f1-46b7-886d-d8a2e4f0606c reached '
                    'available after waiting for 2.0 seconds',
                ),
            ),
        )

    def test_of_a_real_run(self):
        with open(LOG) as log:
            waits = list(timing.waits(log))
        built = [wait for wait in waits if wait.what == 'a server built']
        # begun together with their steps: 5 s, 10 s and 5 s
        self.assertAlmostEqual(20, timing.together(built), delta=1)
        self.assertEqual(3, sum(wait.ends for wait in built))
        self.assertEqual(
            [
                ('SSH of a guest answered', 7.013),
                ('SSH of a guest answered', 19.859),
                ('SSH of a guest answered', 20.229),
                ('the service was up again', 10.5),
            ],
            [
                (wait.what, round(wait.seconds, 3))
                for wait in waits
                if wait not in built
            ],
        )

    def test_words(self):
        for message, what in (
            ('compute1: reached the end after 2.5 s', 'reached the end'),
            (
                'Volume x: deleted, after waiting for 2.500000 seconds',
                'deleted',
            ),
            ('it is over after 2.5 s.', 'it is over'),
        ):
            self.assertEqual(
                [(what, 2.5, True)], self.waits(line(10, message))
            )

    def test_no_waits(self):
        self.assertEqual(
            [],
            self.waits(
                line(1, 'it went down after 2.5 s, and stayed so'),
                line(1, 'Retry after 2 seconds.: and so on'),
                line(1, 'one after another'),
                '  File "after 2 s"\n',
                '\n',
                'after 2.5 s\n',
            ),
        )

    def test_a_server_in_another_state(self):
        self.assertEqual(
            [
                ('a server in another state', 1, False),
                ('a server in another state', 4, True),
            ],
            self.waits(
                line(
                    11,
                    'State transition "RESIZE/resize_prep" ==> '
                    '"RESIZE/resize_migrating" after 1 second wait',
                ),
                line(
                    14,
                    'State transition "RESIZE/resize_finish" ==> '
                    '"VERIFY_RESIZE/None" after 4 second wait',
                ),
            ),
        )

    def test_ssh_by_process_and_address(self):
        began = "Creating ssh connection to '%s:22' as 'cirros' with x"
        ended = 'ssh connection to cirros@%s successfully created'
        self.assertEqual(
            [
                ('SSH of a guest answered', 3, True),
                ('SSH of a guest answered', 4, True),
            ],
            self.waits(
                line(1, began % '10.0.0.1'),
                line(2, began % '10.0.0.2'),
                line(3, began % '10.0.0.1', 41),
                line(3.5, ended % '10.0.0.1', 41),
                line(4, ended % '10.0.0.1'),
                line(6, ended % '10.0.0.2'),
                line(9, ended % '10.0.0.3'),
            ),
        )

    def test_ssh_that_never_answered(self):
        began = "Creating ssh connection to 'fd00::1:22' as 'cirros' with x"
        self.assertEqual(
            [('SSH of a guest answered', 2, True)],
            self.waits(
                line(1, began),
                line(30, began),
                line(
                    32, 'ssh connection to cirros@fd00::1 successfully created'
                ),
            ),
        )


class SummaryTest(unittest.TestCase):
    def test_tests(self):
        self.assertEqual(
            [('TestIt.test_one', 2.0), ('TestIt.test_two', 10.0)],
            [(test.what, test.seconds) for test in timing.tests(CSV)],
        )

    def test_text(self):
        tests = timing.tests(CSV)
        waits = [Span('a', 1, 3), Span('b', 1, 2, False), Span('b', 1, 6)]
        self.assertEqual(
            """\
   12.0 s  in tests (2)
    0.5 s  between them: what their classes set up and tear down
waited for, where what went on at a time counts once:
    5.0 s  b (1)
    2.0 s  a (1)
the slowest tests:
   10.0 s  TestIt.test_two""",
            timing.summary([tests, []], waits, slowest=1),
        )

    def test_what_is_between_two_runs_is_no_time_of_either(self):
        self.assertIn(
            '    0.0 s  between them',
            timing.summary([[Span('a', 1, 3)], [Span('b', 100, 105)]], []),
        )

    def test_nothing(self):
        self.assertIn('0.0 s  in tests (0)', timing.summary([], []))
