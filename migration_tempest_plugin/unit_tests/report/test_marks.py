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
"""What was done during a watch, beside what it measured."""

import pathlib
from unittest import mock

import fixtures
import testtools

from migration_tempest_plugin import measurement
from migration_tempest_plugin.recording import window
from migration_tempest_plugin.recording import writer
from migration_tempest_plugin.report import sampled
from migration_tempest_plugin.report import text

INTERVAL = 0.05


class TestMarks(testtools.TestCase):
    """A minute of pings from moment 100 on, down four times."""

    DOWN = ((5.0, 5.5), (20.0, 21.0), (30.0, 30.5), (50.0, 52.0))
    MARKS = ((10.0, 'drained'), (25.0, 'upgraded compute 3'))

    def run_of(self, begin=None, end=None):
        path = pathlib.Path(self.useFixture(fixtures.TempDir()).path, 'x.gz')
        with (
            mock.patch.object(writer.time, 'monotonic', lambda: 100.0),
            writer.Writer(path, self.fail) as file,
        ):
            number = file.add(
                'network',
                '192.0.2.7',
                INTERVAL,
                0.01,
                measurement.Probing.INDEPENDENT,
            )
            for place in range(round(60 / INTERVAL)):
                since = place * INTERVAL
                down = any(begin <= since < end for begin, end in self.DOWN)
                file.take(
                    number,
                    measurement.Sample(
                        100 + since, 100 + since + 0.01, not down
                    ),
                )
            for moment, said in self.MARKS:
                file.mark(measurement.Mark(100 + moment, said))
            file.know(160.0)
        return sampled.run(
            path,
            sampled.View(
                window.Window(
                    begin and window.moment(begin), end and window.moment(end)
                )
            ),
        )

    def phases(self, run):
        [test] = run.tests
        [found] = test.migrations
        return [
            (each['name'], each['begin'], each['end'])
            for each in found['progress']['phases']
        ]

    def said(self, run):
        """Of which: (seconds, how many, when)."""
        return [
            (float(words[2]), words[-1])
            for line in text.summary(run.tests).splitlines()
            if line.strip().startswith('of which')
            for words in [[*line.split()[:3], line.partition('  in ')[2]]]
        ]

    def test_all_of_it(self):
        run = self.run_of()
        self.assertEqual(
            [
                ('drained', [10.0, 10.0], [25.0, 25.0]),
                ('upgraded compute 3', [25.0, 25.0], [60.0, 60.0]),
                ('over', [60.0, 60.0], None),
            ],
            self.phases(run),
        )
        self.assertEqual(
            [
                (0.5, '1 outage, before anything was done'),
                (1.0, '1 outage, after "drained"'),
                (2.5, '2 outages, after "upgraded compute 3"'),
            ],
            self.said(run),
        )

    def test_a_part_of_it(self):
        """What was done before it still holds when it begins."""
        run = self.run_of('+15', '+40')
        self.assertEqual(
            [
                ('drained', [0.0, 0.0], [10.0, 10.0]),
                ('upgraded compute 3', [10.0, 10.0], [25.0, 25.0]),
                ('over', [25.0, 25.0], None),
            ],
            self.phases(run),
        )
        self.assertEqual(
            [
                (1.0, '1 outage, after "drained"'),
                (0.5, '1 outage, after "upgraded compute 3"'),
            ],
            self.said(run),
        )

    def test_nothing_was_said(self):
        self.MARKS = ()
        run = self.run_of()
        self.assertEqual([], self.phases(run))
        self.assertEqual([], self.said(run))
