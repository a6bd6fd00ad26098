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
"""The commands that read recorded runs, from the line to the files."""

import io
import json
import pathlib
from unittest import mock
from xml.etree import ElementTree

import fixtures
import testtools

from migration_tempest_plugin.cmd import base
from migration_tempest_plugin.cmd import compare
from migration_tempest_plugin.cmd import junit
from migration_tempest_plugin.cmd import report
from migration_tempest_plugin.cmd import summary
from migration_tempest_plugin.measurement import Probing
from migration_tempest_plugin.measurement import Sample
from migration_tempest_plugin.recording import writer
from migration_tempest_plugin.report import recorded
from migration_tempest_plugin.unit_tests.report import samples


class CommandTest(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.useFixture(fixtures.TempDir()).path)

    def run_command(self, cls, *words):
        """Returns its status, and what it printed to either side."""
        app = mock.Mock(stdout=io.StringIO(), stderr=io.StringIO())
        command = cls(app, None)
        status = command.run(
            command.get_parser('x').parse_args([str(word) for word in words])
        )
        return status, app.stdout.getvalue(), app.stderr.getvalue()

    def file(self, name, *tests):
        path = self.folder / name
        path.write_text(samples.run(*tests).to_json())
        return path

    def assert_refused(self, pattern, cls, *words):
        status, output, error = self.run_command(cls, *words)
        self.assertEqual((2, ''), (status, output))
        self.assertRegex(error, pattern)
        self.assertEqual(1, error.count('\n'))


class TestReport(CommandTest):
    def test_files(self):
        one = self.file('one', samples.test(samples.migration()))
        other = self.file('other', samples.test(samples.gone()))
        status, output, _ = self.run_command(
            report.Report, one, other, '--output', self.folder / 'new'
        )
        self.assertEqual(0, status)
        page = self.folder / 'new' / 'report.html'
        self.assertEqual(str(page) + '\n', output)
        self.assertIn('2 migrations', page.read_text())
        self.assertIn('NO MEASUREMENT', page.with_suffix('.txt').read_text())
        self.assertIn(
            'migration_cost_seconds{', page.with_suffix('.prom').read_text()
        )
        self.assertEqual(
            2,
            len(
                recorded.read_json(
                    page.with_suffix('.json').read_text()
                ).migrations
            ),
        )

    def test_of_a_report(self):
        one = self.file('report.json', samples.test(samples.migration()))
        before = one.read_text()
        for _ in range(2):
            self.assertEqual(
                0,
                self.run_command(
                    report.Report, self.folder, '--output', self.folder
                )[0],
            )
        self.assertEqual(before, one.read_text())

    def test_nothing_to_show(self):
        path = self.file('one', samples.test())
        self.assert_refused(
            '1 test, but none of them measured',
            report.Report,
            path,
            '--output',
            self.folder / 'new',
        )
        self.assertFalse((self.folder / 'new').exists())
        self.assert_refused(
            "no-such can't be read", report.Report, self.folder / 'no-such'
        )


class TestSamples(CommandTest):
    """A watch, from 20 s to 21 s of which a target was down."""

    def setUp(self):
        super().setUp()
        self.path = self.folder / 'watch.samples.gz'
        with (
            mock.patch.object(writer.time, 'monotonic', lambda: 7000.0),
            writer.Writer(self.path, print) as file,
        ):
            number = file.add(
                'network', '192.0.2.9', 0.05, 0.5, Probing.INDEPENDENT
            )
            for each in range(1200):
                start, down = 7000 + each * 0.05, 400 <= each < 420
                file.take(
                    number,
                    Sample(start, start + (0.5 if down else 0.001), not down),
                )
            file.know(7060.0)

    def test_limits_of_today(self):
        for limit, status, said in (
            ('0.5', 1, '0.5 s'),
            ('2', 0, '(0.949 to 1.051 s)  in 1 outage'),
        ):
            found, output, _ = self.run_command(
                summary.Summary,
                '--subunit',
                self.path,
                '--allowed-network-downtime',
                limit,
            )
            self.assertEqual(status, found, output)
            self.assertIn(said, output)

    def test_a_large_file(self):
        """How far it is, is said each few seconds: not of a small one."""
        arguments = summary.Summary, '--subunit', self.path
        _, _, said = self.run_command(*arguments)
        self.assertEqual('', said)
        self.useFixture(fixtures.MockPatchObject(base, 'PAUSE', -1))
        _, output, said = self.run_command(*arguments)
        self.assertEqual(f'{self.path}: 100% is read\n', said)
        self.assertNotIn('is read', output)

    def test_a_window(self):
        status, output, _ = self.run_command(
            summary.Summary,
            '--subunit',
            self.path,
            '--from',
            '+22',
            '--to',
            '+30',
            '--allowed-longest-network-outage',
            '0.2',
        )
        self.assertEqual(0, status, output)
        self.assertIn('no outage', output)

    def test_what_was_not_measured(self):
        self.assert_refused(
            "watch.samples.gz: --allowed-metadata-downtime can't be checked: "
            'it has only network',
            summary.Summary,
            '--subunit',
            self.path,
            '--allowed-metadata-downtime',
            '9',
        )

    def test_junit(self):
        words = (junit.Junit, '--subunit', self.path)
        self.assertNotIn('<failure', self.run_command(*words)[1])
        status, output, _ = self.run_command(
            *words, '--allowed-network-downtime', '0.5'
        )
        self.assertEqual(1, status)
        self.assertIn('<failure', output)

    def test_page(self):
        status, _, _ = self.run_command(
            report.Report,
            self.path,
            '--to',
            '+30.02',
            '--allowed-network-downtime',
            '0.25',
            '--output',
            self.folder / 'new',
        )
        self.assertEqual(1, status)
        [(_, migration)] = recorded.read_json(
            (self.folder / 'new' / 'report.json').read_text()
        ).migrations
        [limit] = migration['limits']
        self.assertEqual(0.25, limit['seconds'])
        [measured] = migration['measurements']
        self.assertEqual(601, measured['successes'] + measured['failures'])

    def test_of_a_record(self):
        record = self.file('record.json', samples.test(samples.migration()))
        for words in ('--from', '10:00'), ('--allowed-tcp-stall', '1'):
            self.assert_refused(
                'record.json is no file of samples',
                report.Report,
                record,
                *words,
            )


class TestCompare(CommandTest):
    def runs(self):
        return [
            self.file(
                name,
                samples.test(
                    *(
                        samples.migration(down + more)
                        for down in (0.06, 0.07, 0.08, 0.09, 0.1)
                    )
                ),
            )
            for name, more in (('before', 0.0), ('after', 0.3))
        ]

    def test_worse(self):
        page = self.folder / 'page.html'
        status, output, _ = self.run_command(
            compare.Compare, *self.runs(), '--html', page
        )
        self.assertEqual(1, status)
        self.assertTrue(output.startswith('WORSE: '), output)
        self.assertIn(f'before: {self.folder}/before (2026.2)\n', output)
        self.assertIn('WORSE: ', page.read_text())

    def test_with_itself(self):
        before, _ = self.runs()
        status, output, _ = self.run_command(compare.Compare, before, before)
        self.assertEqual(0, status)
        self.assertTrue(output.startswith('NOT WORSE'), output)

    def test_tolerance(self):
        status, *_ = self.run_command(
            compare.Compare, *self.runs(), '--tolerance', '0.4'
        )
        self.assertEqual(0, status)

    def test_tolerance_of_one_quantity(self):
        status, output, _ = self.run_command(
            compare.Compare,
            *self.runs(),
            '--tolerance',
            '0.4',
            '--tolerance',
            'guest stopped=0.01',
        )
        self.assertEqual(1, status)
        self.assertTrue(output.startswith('WORSE: guest stopped in'), output)

    def test_round_trips(self):
        for words, told in ((), False), (('--round-trips',), True):
            _, output, _ = self.run_command(
                compare.Compare,
                *self.runs(),
                '--tolerance',
                'network round trip 99 %=1',
                *words,
            )
            self.assertEqual(told, 'network round trip 99 % by' in output)
        parser = compare.Compare(mock.Mock(), None).get_parser('x')
        self.assertIn(
            '"network round trip 99 %"', ' '.join(parser.format_help().split())
        )

    def test_tolerance_of_what_is_none(self):
        stderr = self.useFixture(
            fixtures.MonkeyPatch('sys.stderr', io.StringIO())
        ).new_value
        for word, said in (
            ('x=1', "'x' is none of network, tcp"),
            ('tcp=x', "'x' is no number 0 or above"),
            ('-1', 'is no number 0 or above'),
        ):
            self.assertRaises(
                SystemExit,
                self.run_command,
                compare.Compare,
                'a',
                'b',
                '--tolerance=' + word,
            )
            self.assertIn(said, stderr.getvalue())

    def test_unresolved(self):
        none = self.file(
            'none',
            samples.test(
                *[
                    samples.migration(
                        0.0,
                        measurements=(
                            samples.timeline(0.0, 'metadata', interval=0.3),
                        ),
                    )
                ]
                * 5
            ),
        )
        status, output, _ = self.run_command(compare.Compare, none, none)
        self.assertEqual(2, status)
        self.assertIn("CAN'T TELL: the tolerance is finer", output)
        page = self.folder / 'page.html'
        status, output, _ = self.run_command(
            compare.Compare, none, none, '--accept-unresolved', '--html', page
        )
        self.assertEqual(0, status)
        self.assertIn('NOT WORSE', output)
        self.assertIn('at most 0.300 s', page.read_text())

    def test_more_runs(self):
        one, other = (
            self.file(name, samples.test(*[samples.migration(down)] * 2))
            for name, down in (('one', 0.1), ('other', 0.4))
        )
        self.assertEqual(2, self.run_command(compare.Compare, one, other)[0])
        self.assertEqual(
            1,
            self.run_command(
                compare.Compare,
                one,
                other,
                *['--more-before', one] * 2,
                *['--more-after', other] * 2,
            )[0],
        )

    def test_json(self):
        _, output, _ = self.run_command(
            compare.Compare, *self.runs(), '--json'
        )
        self.assertEqual(1, json.loads(output)['status'])

    def test_nothing_to_read(self):
        before, _ = self.runs()
        self.assert_refused(
            "no-such can't be read",
            compare.Compare,
            before,
            self.folder / 'no-such',
        )


class TestOthers(CommandTest):
    """They read JSON as they read a stream."""

    def test_summary(self):
        path = self.file(
            'one',
            samples.test(samples.migration()),
            samples.test(name='m.T.test_none'),
        )
        _, output, _ = self.run_command(summary.Summary, '--subunit', path)
        self.assertIn('compute1 -> compute2', output)
        _, output, _ = self.run_command(
            summary.Summary, '--subunit', path, '--json'
        )
        found = recorded.read_json(output)
        self.assertEqual(samples.FACTS, found.facts)
        self.assertEqual(1, len(found.tests))
        self.assert_refused(
            'no measurement in this run, of 1 test',
            summary.Summary,
            '--subunit',
            self.file('none', samples.test()),
        )

    def test_what_was_not_seen(self):
        """It is never told as no time at all, in older records neither."""
        new = samples.migration(
            0.0,
            clock=samples.stopped(0.0),
            limits=(samples.TOO_FINE,),
            measurements=(samples.timeline(0.0),),
        )
        for number, document in enumerate((new, samples.aged(new))):
            path = self.file(f'of {number}', samples.test(*[document] * 3))
            _, output, _ = self.run_command(summary.Summary, '--subunit', path)
            self.assertIn(
                'network          no outage longer than the '
                'resolution, 0.010 s\n',
                output,
            )
            self.assertRegex(output, r'guest stopped  at most 0\.01\d s\n')
            self.assertRegex(
                output,
                r'network  +min at most 0\.010, .* max '
                r'at most 0\.010 s, of 3',
            )
            self.assertIn(
                'NOT CHECKED: network downtime: nothing seen', output
            )
            self.assertNotIn('0.000', output)

    def test_no_duration(self):
        document = samples.migration()
        document['measurements'][0]['total']['lower'] = 9.0
        self.assert_refused(
            r"\['total'\]: 9.0 to .* are no bounds of a duration",
            summary.Summary,
            '--subunit',
            self.file('odd', samples.test(*[document] * 3)),
        )

    def test_what_could_not_be_read_is_said(self):
        path = self.folder / 'stream'
        path.write_bytes(
            samples.stream(
                *(
                    samples.test(samples.migration(down), name='m.T.one')
                    for down in (0.06, 0.07, 0.08, 0.09, 0.1)
                ),
                samples.test({'version': 9}, name='m.T.odd'),
            ).getvalue()
        )
        for command, *words in (
            (summary.Summary, '--subunit', path),
            (junit.Junit, '--subunit', path),
            (report.Report, path, '--output', self.folder / 'new'),
            # it is the same, as far as it could be read
            (compare.Compare, path, path),
        ):
            status, output, errors = self.run_command(command, *words)
            self.assertIn('NOT READ: m.T.odd: ', errors)
            self.assertNotEqual('', output)
            self.assertEqual(
                2 if command is compare.Compare else 0, status or 0
            )

    def test_junit_of_a_name_with_control_characters(self):
        path = self.file(
            'one',
            samples.test(samples.migration(), name='watch: \x1b[1mbold\x07'),
        )
        _, output, _ = self.run_command(junit.Junit, '--subunit', path)
        ElementTree.fromstring(output)
        self.assertIn('name="watch: ?[1mbold?"', output)

    def test_junit(self):
        path = self.file('one', samples.test(samples.migration()))
        _, output, _ = self.run_command(junit.Junit, '--subunit', path)
        self.assertIn('migration.1.network', output)
