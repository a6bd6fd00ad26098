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
"""Measurements go into a subunit stream, or JSON, and come back."""

import dataclasses
import importlib.resources
import io
import json
import re

from stestr import subunit_trace
import subunit
import testtools
from testtools import content

from migration_tempest_plugin import exceptions
from migration_tempest_plugin import measurement
from migration_tempest_plugin.report import digest
from migration_tempest_plugin.report import recorded
from migration_tempest_plugin.report import streams
from migration_tempest_plugin.report import text
from migration_tempest_plugin.unit_tests.report import samples

MIGRATION = samples.migration()


class TestStream(testtools.TestCase):
    def assert_refused(self, pattern, stream):
        error = self.assertRaises(exceptions.RecordError, streams.read, stream)
        self.assertRegex(str(error), pattern)
        self.assertNotIn('\n', str(error))

    def test_as_it_was(self):
        tests = (
            samples.test(name='m.T.nothing'),
            samples.test(MIGRATION, name='m.T.one'),
            samples.test(name='m.T.skips', status='skip', reason='no option'),
            samples.test(
                samples.gone(),
                name='m.T.fails',
                status='fail',
                reason='too long',
            ),
        )
        run = streams.read(samples.stream(*tests))
        self.assertEqual(
            [each.id for each in tests], [each.id for each in run.tests]
        )
        self.assertEqual(
            ['success', 'success', 'skip', 'fail'],
            [each.status for each in run.tests],
        )
        self.assertEqual(
            [each.migrations for each in tests],
            [each.migrations for each in run.tests],
        )
        self.assertEqual('no option', run.tests[2].reason)
        self.assertIn('AssertionError: too long', run.tests[3].reason)
        self.assertEqual(
            ['one', 'fails'],
            [each.name.partition('.')[2] for each in run.measured],
        )

    def test_in_order(self):
        """Not by the names of the details, of which the tenth is second."""
        servers = [str(number) for number in range(12)]
        run = streams.read(
            samples.stream(
                samples.test(
                    *(samples.migration(server=server) for server in servers)
                )
            )
        )
        self.assertEqual(
            servers, [each['server'] for _, each in run.migrations]
        )

    def test_facts(self):
        tests = samples.test(), samples.test(name='m.T.other')
        self.assertEqual(
            samples.FACTS,
            streams.read(samples.stream(*tests, facts=samples.FACTS)).facts,
        )
        self.assertEqual({}, streams.read(samples.stream(*tests)).facts)

    def test_no_stream(self):
        self.assert_refused(
            'there is no test in it', io.BytesIO(b'not subunit\n')
        )
        self.assert_refused('there is no test in it', io.BytesIO(b''))

    def read_in_part(self, stream, *problems):
        """What is whole is read; the rest, by its patterns, are problems."""
        run = streams.read(stream)
        self.assertEqual(len(problems), len(run.problems), run.problems)
        for pattern, problem in zip(problems, run.problems):
            self.assertRegex(problem, pattern)
            self.assertNotIn('\n', problem)
        return run

    def test_cut(self):
        one = samples.stream(samples.test(MIGRATION)).getvalue()
        other = samples.stream(samples.test(name='m.T.other')).getvalue()
        run = self.read_in_part(
            io.BytesIO(other + one[:-10]),
            'the stream is broken among its tests, of which 2 could be read',
            '^m.tests.TestIt.test_it: its end is missing',
        )
        self.assertEqual(
            ['m.T.other', 'm.tests.TestIt.test_it'],
            sorted(test.id for test in run.tests),
        )

    def test_facts_that_are_no_object(self):
        for facts in ['x'], 'x', 7:
            run = self.read_in_part(
                samples.stream(samples.test(MIGRATION), facts=facts),
                'run.json: what is recorded there is no object',
            )
            self.assertEqual(1, len(run.tests))
            self.assertEqual({}, run.facts)

    def test_a_worker_that_died(self):
        """In the middle of a packet; the others went on."""
        one, two, three = (
            samples.stream(
                samples.test(MIGRATION, name='m.T.' + name)
            ).getvalue()
            for name in ('one', 'two', 'three')
        )
        run = streams.read(
            io.BytesIO(
                one
                + two[: len(two) // 2]
                + three
                + one.replace(b'one', b'six')
            )
        )
        self.assertNotEqual((), run.problems)
        whole = {
            test.id
            for test in run.tests
            if test.status == 'success' and test.migrations
        }
        self.assertIn('m.T.one', whole)
        self.assertIn('broken among its tests', run.problems[0])

    def test_of_another_version(self):
        run = self.read_in_part(
            samples.stream(
                samples.test(MIGRATION, {**MIGRATION, 'version': 9})
            ),
            '^m.tests.TestIt.test_it: .*version 9: this plugin reads up to '
            'version 2',
        )
        self.assertEqual([MIGRATION], [each for _, each in run.migrations])

    def test_what_is_missing_in_it(self):
        broken = {**MIGRATION, 'measurements': [{'what': 'network'}]}
        run = self.read_in_part(
            samples.stream(
                samples.test(broken), samples.test(MIGRATION, name='m.T.other')
            ),
            r"migration\['measurements'\]\[0\]: .*required",
        )
        self.assertEqual(['T.other'], [test.name for test in run.measured])

    def test_an_attachment_that_is_no_text(self):
        """As DevStack makes one: subunit-output --attach-file."""
        output = io.BytesIO()
        result = subunit.StreamResultToBytes(output)
        result.status(
            'devstack',
            'fail',
            file_name='traceback',
            file_bytes=b'stack.sh failed\xff',
            eof=True,
            mime_type='application/octet-stream',
        )
        run = streams.read(
            io.BytesIO(
                output.getvalue()
                + samples.stream(samples.test(MIGRATION)).getvalue()
            )
        )
        self.assertEqual(
            ((), 2, 'stack.sh failed\ufffd'),
            (run.problems, len(run.tests), run.tests[0].reason),
        )
        self.assertEqual([MIGRATION], [each for _, each in run.migrations])

    def test_version_1_of_subunit(self):
        """As stestr keeps its runs, and people archive them."""
        output = io.BytesIO()
        client = subunit.TestProtocolClient(output)

        class Measuring(testtools.TestCase):
            def id(self):
                return 'm.T.one'

            def measures(self):
                self.addDetail(streams.DETAIL, streams.detail(MIGRATION))

        Measuring('measures').run(client)
        run = streams.read(io.BytesIO(output.getvalue()))
        [(test, migration)] = run.migrations
        self.assertEqual(
            ('m.T.one', 'success', MIGRATION),
            (test.id, test.status, migration),
        )

    def test_details_that_were_no_text(self):
        run = streams.read(
            samples.stream(
                samples.test(MIGRATION),
                facts={'cloud': {}},
                detail=samples.json_detail,
            )
        )
        self.assertEqual(
            ({'cloud': {}}, [MIGRATION]),
            (run.facts, [migration for _, migration in run.migrations]),
        )

    def printed(self, stream):
        """What "tempest run" prints of it: stestr, as Tempest calls it."""
        output = io.StringIO()
        result = testtools.StreamToDict(
            lambda test: subunit_trace.print_attachments(
                output, test, all_channels=True, show_binary_attachments=True
            )
        )
        result.startTestRun()
        subunit.ByteStreamToStreamResult(stream, 'other').run(result)
        result.stopTestRun()
        return output.getvalue()

    def test_what_is_printed_of_a_failure(self):
        failed = samples.test(MIGRATION, status='fail', reason='too long')
        self.assertIn(
            '<memory at ',
            self.printed(samples.stream(failed, detail=samples.json_detail)),
        )
        shown = self.printed(samples.stream(failed, facts={'cloud': {}}))
        self.assertNotIn('<memory', shown)
        self.assertIn(f'\n    {json.dumps(MIGRATION)}\n', shown)

    def test_bundles(self):
        class Keeping(testtools.TestCase):
            def keeps(self):
                self.addDetail(
                    streams.bundle_name('id', 'a/domain.xml'),
                    content.text_content('<domain/>'),
                )

        output = io.BytesIO()
        result = testtools.ExtendedToStreamDecorator(
            subunit.StreamResultToBytes(output)
        )
        result.startTestRun()
        Keeping('keeps').run(result)
        result.stopTestRun()
        output.seek(0)
        [(test, name, data)] = streams.bundles(output)
        self.assertTrue(test.endswith('.keeps'))
        self.assertEqual(('id/a/domain.xml', b'<domain/>'), (name, data))


class TestJSON(testtools.TestCase):
    def assert_refused(self, pattern, document):
        error = self.assertRaises(
            exceptions.RecordError, recorded.read_json, json.dumps(document)
        )
        self.assertRegex(str(error), pattern)
        self.assertNotIn('\n', str(error))

    def test_as_it_was(self):
        run = samples.run(
            samples.test(MIGRATION, samples.gone()),
            samples.test(status='skip', reason='no option'),
        )
        self.assertEqual(run, recorded.read_json(run.to_json()))

    def test_version_1(self):
        """What was written before there were versions of a run."""
        text = (
            importlib.resources.files(__package__)
            / 'records'
            / 'version_1.json'
        ).read_text()
        [(test, migration)] = recorded.read_json(text).migrations
        self.assertEqual('TestLiveMigration.test_live_migration', test.name)
        self.assertEqual(1, migration['version'])
        self.assertEqual(
            digest.Verdict.NO_MEASUREMENT, digest.verdict(migration)
        )
        self.assertAlmostEqual(
            0.3, digest.durations(migration)['network']['estimate'], delta=0.1
        )

    def test_another_version(self):
        run = samples.run(samples.test(MIGRATION)).to_dict()
        self.assert_refused(
            'run of version 3: .* up to version 1; install',
            {**run, 'version': 3},
        )
        for never in (None, 0, 'x'):
            self.assert_refused(
                f'run of version {never!r}: this plugin reads up to '
                'version 1$',
                {**run, 'version': never},
            )

    def test_no_run(self):
        self.assert_refused('no recorded run', {'some': 'thing'})
        self.assert_refused(r"run\[0\]|run.*'tests'", ['what'])
        error = self.assertRaises(
            exceptions.RecordError, recorded.read_json, '{"tests": '
        )
        self.assertIn('it is no JSON', str(error))

    def test_no_numbers(self):
        text = samples.run(samples.test(MIGRATION)).to_json()
        for number in 'NaN', '-Infinity', '1e999':
            broken = re.sub(
                r'"upper": [\d.]+', '"upper": ' + number, text, count=1
            )
            error = self.assertRaises(
                exceptions.RecordError, recorded.read_json, broken
            )
            self.assertIn(f'{number} is no number', str(error))
        error = self.assertRaises(
            exceptions.RecordError, recorded.read_json, '[' * 100000
        )
        self.assertIn('it is no JSON', str(error))

    def test_no_bounds(self):
        run = samples.run(samples.test(MIGRATION)).to_dict()
        [total] = [
            each['total']
            for each in run['tests'][0]['migrations'][0]['measurements'][:1]
        ]
        for name, value in (
            ('lower', 9.0),
            ('upper', 0.0),
            ('estimate', -1.0),
        ):
            before, total[name] = total[name], value
            self.assert_refused(
                r"\['measurements'\]\[0\]\['total'\]: .* no bounds", run
            )
            total[name] = before

    def test_problems_are_kept(self):
        run = recorded.Run((samples.test(MIGRATION),), {}, ('one is cut',))
        again = recorded.read_json(run.to_json())
        self.assertEqual(('one is cut',), again.problems)
        self.assertEqual(2, len(recorded.Run.of([run, again]).problems))

    def test_several(self):
        one, other = (
            samples.run(samples.test(name=name), facts=facts)
            for name, facts in (('a', {}), ('b', {'x': 1}))
        )
        both = recorded.Run.of([one, other])
        self.assertEqual((*one.tests, *other.tests), both.tests)
        self.assertEqual({'x': 1}, both.facts)


class TestName(testtools.TestCase):
    def test_each_kind(self):
        for id, name, place in (
            (
                'm.t.TestIt.test_it',
                'TestIt.test_it',
                ('m.t.TestIt', 'test_it'),
            ),
            (
                'setUpClass (m.t.TestIt)',
                'TestIt.setUpClass',
                ('m.t.TestIt', 'setUpClass'),
            ),
            (
                'watch: upgrade 2025.1 to 2025.2',
                'watch: upgrade 2025.1 to 2025.2',
                ('', 'watch: upgrade 2025.1 to 2025.2'),
            ),
            ('watch', 'watch', ('', 'watch')),
        ):
            test = recorded.RecordedTest(id, 'success')
            self.assertEqual((name, place), (test.name, test.place))


class TestSchema(testtools.TestCase):
    """What is written is what the schema says."""

    def test_each_key_is_described(self):
        schema = json.loads(
            (
                importlib.resources.files(recorded.__package__)
                / 'schema'
                / 'migration.json'
            ).read_text()
        )
        described = schema['properties']
        definitions = schema['$defs']
        self.assertEqual({*MIGRATION, 'followed'}, set(described))
        [followed] = samples.watched()['followed']
        self.assertEqual(
            set(followed), set(described['followed']['items']['properties'])
        )
        self.assertEqual(
            set(),
            set(MIGRATION['breakdown'])
            - {'schema', 'version'}
            - set(definitions['breakdown']['properties']),
        )
        for timeline in MIGRATION['measurements']:
            self.assertEqual(
                set(),
                set(timeline) - set(definitions['timeline']['properties']),
            )
        self.assertEqual(
            set(MIGRATION['figures'][0]),
            set(described['figures']['items']['properties']),
        )
        self.assertEqual(
            set(MIGRATION['settings'][0]),
            set(described['settings']['items']['properties']),
        )


class TestSettings(testtools.TestCase):
    """Those that hold for a migration, as a record has them."""

    def read(self, settings):
        """A record with these, read back.

        :param settings: a list of (name, value, origin)
        """
        names = 'name', 'value', 'origin'
        document = samples.migration(0.2)
        document['settings'] = [dict(zip(names, each)) for each in settings]
        run = samples.run(samples.test(document))
        return recorded.read_json(run.to_json())

    def test_read_back(self):
        for settings in (
            [],
            [('timeout', 0, 'image')],
            [('tunnel', False, 'metadata'), ('max_downtime', 210, 'flavor')],
            [('auto_converge', None, 'nova.conf')],
            # by a later one that asks the host, too
            [('auto_converge', True, 'nova.conf')],
        ):
            [(_, migration)] = self.read(settings).migrations
            self.assertEqual(
                settings,
                [tuple(each.values()) for each in migration['settings']],
            )

    def test_no_settings(self):
        for name, value, origin in (
            ('post_copy', True, 'flavor'),
            ('tunnel', 1, 'flavor'),
            ('auto_converge', 'on', 'metadata'),
            ('max_downtime', True, 'flavor'),
            ('max_downtime', '210', 'image'),
            ('timeout', -1, 'metadata'),
            ('timeout', 1.5, 'flavor'),
            ('timeout', None, 'flavor'),
            ('timeout', 150, 'volume'),
            ('timeout', 150, None),
        ):
            error = self.assertRaises(
                exceptions.RecordError, self.read, [(name, value, origin)]
            )
            self.assertIn("['settings'][0]", str(error))

    def test_one_that_is_cut(self):
        error = self.assertRaises(
            exceptions.RecordError, self.read, [('timeout', 170)]
        )
        self.assertIn("'origin' is a required property", str(error))

    def test_records_without(self):
        document = samples.migration(0.2, settings=())
        self.assertNotIn('settings', document)
        run = samples.run(samples.test(document))
        self.assertEqual(run, recorded.read_json(run.to_json()))


class TestText(testtools.TestCase):
    def lines(self, *migrations, **of_test):
        return text.summary(
            [samples.test(*migrations, **of_test)]
        ).splitlines()

    def test_summary(self):
        lines = self.lines(samples.migration(), status='fail')
        self.assertEqual(
            ['test_it: fail', '  compute1 -> compute2'], lines[:2]
        )
        self.assertRegex(
            lines[2],
            r'^    network  +0\.3\d\d s  '
            r'\(0\.\d+ to 0\.\d+ s\)  in 1 outage$',
        )
        self.assertRegex(lines[3], r'^      guest stopped   0\.1')

    def test_over_the_limit(self):
        [line] = [
            line
            for line in self.lines(samples.migration(0.8))
            if 'OVER' in line
        ]
        self.assertIn(
            'longer than the 0.5 s that allowed_network_downtime', line
        )

    def test_nothing_measured(self):
        self.assertIn(
            '    NO MEASUREMENT: the guest was rebooted',
            self.lines(samples.gone()),
        )

    def test_spread_of_those_that_moved(self):
        stayed = samples.migration(destination='compute1')
        lines = self.lines(*[samples.migration()] * 3, stayed)
        self.assertIn('  all 3 of them', lines)
        self.assertRegex(lines[-2], r'guest stopped +min 0.1.* of 3$')
        for few in (
            2 * [samples.migration()],
            [*2 * [samples.migration()], stayed],
        ):
            self.assertNotIn('of them', '\n'.join(self.lines(*few)))

    def test_by_libvirt(self):
        migration = samples.migration(libvirt_downtime=0.104)
        self.assertIn('        by libvirt    0.104 s', self.lines(migration))

    def test_no_outage(self):
        self.assertIn(
            '    network          no outage longer than the '
            'resolution, 0.010 s',
            self.lines(samples.migration(0.0)),
        )

    def test_what_nobody_observed(self):
        """It is in the line, whether there was an outage beside it or not."""
        whole = samples.timeline(0.4)
        for found in (
            dataclasses.replace(whole, ended=whole.ended + 5),
            dataclasses.replace(
                whole,
                samples=whole.samples[:40],
                ended=whole.samples[39].end + 5,
            ),
        ):
            document = measurement.MeasuredMigration('x', 'a', 'b', (found,))
            self.assertRegex(
                self.lines(document.to_dict())[2],
                r'network .*, [45]\.\d{3} s unobserved$',
            )

    def test_load_and_threshold(self):
        tcp = dataclasses.replace(
            samples.timeline(0.4, 'tcp'),
            deadline=0.31,
            probing=measurement.Probing.ORDERED,
        )
        load = measurement.GuestLoad(0.04, 16.0, {'heartbeat': 2.4})
        lines = self.lines(
            dataclasses.replace(
                measurement.MeasuredMigration('x', 'a', 'b', (tcp,)), load=load
            ).to_dict()
        )
        self.assertRegex(
            lines[2],
            r'tcp .* in 1 outage \(a stall is longer '
            r'than 0\.310 s\)$',
        )
        self.assertEqual('    guest            ' + load.text(), lines[4])
        quiet = dataclasses.replace(
            tcp, samples=tcp.samples[:40], ended=tcp.samples[39].end
        )
        self.assertIn(
            '    tcp              no outage longer than the resolution, '
            '0.320 s (a stall is longer than 0.310 s)',
            self.lines(
                measurement.MeasuredMigration(
                    'x', 'a', 'b', (quiet,)
                ).to_dict()
            ),
        )

    def test_settings(self):
        label = '    settings         '
        self.assertIn(
            label + samples.SETTINGS_TOLD, self.lines(samples.migration())
        )
        for document in (
            samples.migration(settings=()),
            samples.aged(samples.migration()),
        ):
            self.assertNotIn('settings', '\n'.join(self.lines(document)))

    def test_what_was_watched(self):
        watched = samples.migration(
            kind='watch', server='10.0.0.5', source=None, destination=None
        )
        self.assertEqual('  10.0.0.5', self.lines(watched)[1])
