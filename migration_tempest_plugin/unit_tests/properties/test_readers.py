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
"""Whatever they are given: what it says, or an error of the plugin's own."""

import gzip
import io
import json
import os

import fixtures

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.hosts import events
from migration_tempest_plugin.hosts import logs
from migration_tempest_plugin.hosts import notes
from migration_tempest_plugin.hosts import sockets
from migration_tempest_plugin.meters import metadata_log
from migration_tempest_plugin.meters import ping_output
from migration_tempest_plugin.report import compare
from migration_tempest_plugin.report import junit
from migration_tempest_plugin.report import page
from migration_tempest_plugin.report import prometheus
from migration_tempest_plugin.report import recorded
from migration_tempest_plugin.report import sampled
from migration_tempest_plugin.report import streams
from migration_tempest_plugin.report import text
from migration_tempest_plugin.unit_tests.properties import base
from migration_tempest_plugin.unit_tests.properties.base import strategies
from migration_tempest_plugin.unit_tests.report import samples

PING = (
    (
        '[1763700000.123456] 64 bytes from 192.0.2.1: icmp_seq=7 ttl=64 '
        'time=0.412 ms'
    ),
    '[1763700000.2] no answer yet for icmp_seq=8',
)
LOG = (
    (
        '2026-11-21 11:04:33.123 7 INFO nova.virt.libvirt.driver [None '
        'req-1 - -] [instance: 00000000-0000-0000-0000-000000000001] text'
    ),
)
EVENT = (
    (
        "2026-11-21 10:00:00.000+0000: event 'lifecycle' for domain "
        "'instance-1': Suspended Migrated"
    ),
    '\ttime: 5',
)
SOCKET = (
    '0 0 192.0.2.1:49152 192.0.2.2:22 users:(("qemu",pid=7,fd=3))',
    '\t cubic bytes_acked:123 ',
)
METADATA = (
    'metadata_probe 1 pid=1',
    '1 1 10.00 0.010 ok ;',
    'again 1 ;',
    'step 1 ;',
    'deadline 0.50 1.00 tool=curl lanes=3 baseline=10 slowest=0.05 ;',
    '1 2 11.00 1.500 timeout ;',
)
NOW = '1 3 asks 12.00 1 10.00 0 3 ;'


def broken(*lines):
    """Texts of these lines, of which some are cut, doubled or spoilt."""
    part = strategies.one_of(
        strategies.sampled_from(lines),
        strategies.builds(
            lambda line, at: line[: at % (len(line) + 1)],
            strategies.sampled_from(lines),
            strategies.integers(0, 200),
        ),
        strategies.builds(
            lambda line, at, what: (
                line[: at % len(line)]
                + what
                + line[at % len(line) + len(what) :]
            ),
            strategies.sampled_from(lines),
            strategies.integers(0, 200),
            strategies.text(alphabet='0.-:;\u0663\u00b2e', max_size=2),
        ),
        strategies.text(max_size=20),
    )
    return strategies.lists(part, max_size=8).map('\n'.join)


class TestParsers(base.Case):
    def test_ping(self):
        def check(text):
            for line in text.split('\n'):
                found = ping_output.parse_line(line)
                if found is not None:
                    self.assertIn(str(found.sequence), line)

        self.assertIsNotNone(ping_output.parse_line(PING[0]))
        self.for_all(check, broken(*PING), examples=1000)

    def test_logs(self):
        def check(text):
            for line in logs.parse(text):
                self.assertIn(line.message, text)

        self.assertEqual(1, len(logs.parse(LOG[0])))
        self.for_all(check, broken(*LOG), examples=1000)

    def test_events(self):
        def check(text):
            found = []
            for line in text.split('\n'):
                events.add(found, line, 1.0)
            self.assertLessEqual(len(found), text.count('event'))

        found = []
        events.add(found, EVENT[0], 1.0)
        self.assertEqual(1, len(found))
        self.for_all(check, broken(*EVENT), examples=1000)

    def test_sockets(self):
        def check(text):
            for sent in sockets.parse(text):
                self.assertGreaterEqual(sent.acked, 0)

        self.assertEqual(1, len(sockets.parse('\n'.join(SOCKET))))
        self.for_all(check, broken(*SOCKET), examples=1000)

    def test_metadata_log(self):
        def check(log, now):
            reading = metadata_log.parse(METADATA[0] + '\n' + log, now, 20.0)
            self.assertIn('cut or lost', str(reading))
            self.assertGreaterEqual(
                len(reading.attempts) + len(reading.under_way(0.2)),
                len(reading.samples(0.2, 1.0)),
            )

        self.assertEqual(
            1,
            len(
                metadata_log.parse('\n'.join(METADATA[:2]), NOW, 20.0).attempts
            ),
        )
        self.assertEqual(1, len(metadata_log.parse_now(NOW)))
        self.for_all(check, broken(*METADATA[1:]), broken(NOW), examples=1000)


class TestSamples(base.Case):
    """A file of samples, of which somebody has changed some lines."""

    HEADER = (
        '{"schema":"migration-tempest-plugin/samples","version":1,'
        '"wall":1763700000.0,"origin":500.0}'
    )
    LINES = (
        (
            '{"stream":0,"what":"network","target":"a","interval":0.1,'
            '"deadline":0.5,"method":"","clock":"tester",'
            '"probing":"independent"}'
        ),
        (
            '{"stream":1,"what":"metadata","target":"a","interval":0.2,'
            '"deadline":5.0,"method":"","clock":"guest",'
            '"probing":"sequential"}'
        ),
        '{"of":0,"samples":[1000,500,0,0,100000,500,0,0],"uptimes":[5,15]}',
        '{"of":0,"samples":[200000,500000,1,9],"why":{"0":"refused"}}',
        '{"log":1,"lines":["metadata_probe 2 pid=1 tool=curl ;"]}',
        '{"baseline":0,"at":1000}',
        '{"deadline":0,"seconds":0.3}',
        '{"mark":"begun","at":1000}',
        (
            '{"migration":0,"target":"a","kind":"live migration",'
            '"source":"x","destination":null,"status":"running",'
            '"requested":1000,"over":[1200,2000],"record":null,"events":[{}]}'
        ),
        (
            '{"looked":0,"at":[1000,1500],"status":"running",'
            '"memory_total":5,"begun":["e"],"over":[]}'
        ),
        '{"lost":0,"at":1000,"why":"gone"}',
        '{"known":900000}',
        '{"end":900000,"why":"over"}',
    )

    def run_of(self, *lines):
        path = os.path.join(self.folder, 'x.samples.gz')
        with gzip.open(path, 'wt') as file:
            file.write('\n'.join([self.HEADER, *lines, '']))
        return sampled.run(path, sampled.View())

    def setUp(self):
        super().setUp()
        self.folder = self.useFixture(fixtures.TempDir()).path

    def test_broken_lines(self):
        def check(said):
            try:
                run = self.run_of(*said.split('\n'))
            except exceptions.RecordError as error:
                self.assertNotIn('\n', str(error))
            else:
                self.assertIn('watch', text.summary(run.tests))

        [(_, migration)] = self.run_of(*self.LINES).migrations
        self.assertEqual('running', migration['followed'][0]['status'])
        self.for_all(check, broken(*self.LINES), examples=400)

    def test_lines_in_another_order(self):
        def check(lines):
            try:
                self.run_of(*lines)
            except exceptions.RecordError as error:
                self.assertNotIn('\n', str(error))

        self.for_all(
            check,
            strategies.lists(strategies.sampled_from(self.LINES), max_size=12),
            examples=400,
        )


class TestRecords(base.Case):
    def read(self, text):
        try:
            return recorded.read_json(text)
        except exceptions.RecordError as error:
            self.assertNotIn('\n', str(error))
            return None

    def test_any_json(self):
        value = strategies.recursive(
            strategies.one_of(
                strategies.none(),
                strategies.booleans(),
                strategies.integers(),
                strategies.floats(),
                strategies.text(max_size=4),
            ),
            lambda inner: strategies.one_of(
                strategies.lists(inner, max_size=3),
                strategies.dictionaries(
                    strategies.sampled_from(
                        ('schema', 'version', 'tests', 'facts', 'migrations')
                    ),
                    inner,
                    max_size=4,
                ),
            ),
            max_leaves=8,
        )

        def check(made):
            self.read(json.dumps(made))

        self.for_all(check, value)

    def test_a_record_that_was_spoilt(self):
        """Any value of a good one is replaced by any other."""
        run = samples.run(samples.test(samples.migration(0.1)))
        text = run.to_json()
        self.assertIsNotNone(self.read(text))
        places = list(_places(json.loads(text)))
        new = strategies.sampled_from(
            (None, -1, 0.5, '', 'x', [], {}, True, 1e400)
        )

        def check(number, value):
            document = json.loads(text)
            *path, last = places[number % len(places)]
            inner = document
            for step in path:
                inner = inner[step]
            inner[last] = value
            self.read(json.dumps(document))

        self.for_all(check, strategies.integers(0, 10**6), new, examples=600)

    def test_what_is_read_can_be_shown(self):
        """Where a value of a good one is missing, or is another one."""
        whole = samples.run(
            samples.test(
                samples.migration(0.1),
                samples.migration(0.0, kind='cold'),
                samples.gone(),
                samples.migration(0.2, kind='watch'),
            )
        ).to_json()
        places = list(_places(json.loads(whole)))
        nothing = object()
        new = strategies.sampled_from((nothing, nothing, 0, 7.5, 'x'))
        shown = []

        def check(number, value):
            document = json.loads(whole)
            *path, last = places[number % len(places)]
            inner = document
            for step in path:
                inner = inner[step]
            if value is nothing:
                del inner[last]
            else:
                inner[last] = value
            run = self.read(json.dumps(document))
            if run is not None:
                _show(run)
                shown.append(run)

        self.for_all(check, strategies.integers(0, 10**6), new, examples=200)
        self.assertNotEqual([], shown)

    def test_any_bytes_of_a_stream(self):
        def check(data):
            try:
                streams.read(io.BytesIO(data))
            except exceptions.RecordError:
                pass

        self.for_all(
            check,
            strategies.one_of(
                strategies.binary(max_size=60),
                strategies.binary(max_size=40).map(
                    lambda data: b'\xb3' + data
                ),
            ),
        )


class TestNotes(base.Case):
    """What is written down of a change to nova.conf, before it is made."""

    def test_a_note_that_was_spoilt(self):
        text = notes.Note.of_this_process(
            b'[libvirt]', [('libvirt', 'cpu_mode')]
        ).to_json()
        fields = json.loads(text)
        self.assertEqual(os.getpid(), notes.Note.from_json(text).pid)
        nothing = object()
        values = strategies.sampled_from(
            (nothing, None, 7, 1.5, 'x', [], ['x'], [['a', 'b', 'c']], {})
        )

        def check(name, value):
            spoilt = {**fields, name: value}
            if value is nothing:
                del spoilt[name]
            try:
                note = notes.Note.from_json(json.dumps(spoilt))
            except ValueError:
                return
            self.assertIsInstance(note.pid, int)
            self.assertIsInstance(note.born, int)
            self.assertTrue(all(len(each) == 2 for each in note.options))

        self.for_all(check, strategies.sampled_from(sorted(fields)), values)


def _show(run):
    """In all the ways in which a run is shown."""
    page.report(run, 'a run')
    page.comparison(
        compare.compare(run, run, 0.1, 0.1), 'the same', ('before', 'after')
    )
    text.summary(run.tests)
    for _, migration in run.migrations:
        list(text.phases(migration))
    junit.document(run.tests)
    prometheus.text(run)


def _places(value, path=()):
    """The path to each value within a document."""
    inside = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for name, each in inside:
        yield (*path, name)
        yield from _places(each, (*path, name))
