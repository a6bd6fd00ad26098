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
"""Measurements go into a subunit stream as details, and come back."""

import io
import json

import subunit
import testtools
from testtools import content
from testtools import content_type

from migration_tempest_plugin.report import recorded
from migration_tempest_plugin.report import text

MIGRATION = {
    'source': 'a', 'destination': 'b', 'measurements': [
        {'what': 'network', 'still_down': False,
         'outages': [{}, {}],
         'longest': {'estimate': 0.3, 'lower': 0.2, 'upper': 0.4},
         'total': {'estimate': 0.5, 'lower': 0.3, 'upper': 0.7}},
        {'no_measurement': 'the guest was rebooted', 'seen': None}]}


def keep(test, migration):
    test.addDetailUniqueName('migration.json', content.Content(
        content_type.JSON, lambda: [json.dumps(migration).encode()]))


class Measuring(testtools.TestCase):
    """Two tests to record; not run by themselves."""

    def passes(self):
        keep(self, MIGRATION)

    def fails(self):
        for number in range(12):
            keep(self, {**MIGRATION, 'source': str(number)})
        self.fail('too long')

    def measures_nothing(self):
        pass

    def skips(self):
        self.skipTest('no option')

    def keeps_a_bundle(self):
        self.addDetail(recorded.bundle_name('id', 'a/domain.xml'),
                       content.text_content('<domain/>'))
        self.fail('too long')


def record(*names):
    stream = io.BytesIO()
    result = testtools.ExtendedToStreamDecorator(
        subunit.StreamResultToBytes(stream))
    result.startTestRun()
    for name in names:
        Measuring(name).run(result)
    result.stopTestRun()
    stream.seek(0)
    return stream


class TestRecorded(testtools.TestCase):

    def test_none(self):
        self.assertEqual([], recorded.read(record('measures_nothing')))

    def test_no_stream(self):
        self.assertEqual([], recorded.read(io.BytesIO(b'not subunit\n')))

    def test_passed(self):
        [test] = recorded.read(record('measures_nothing', 'passes'))
        self.assertEqual('success', test.status)
        self.assertEqual((MIGRATION,), test.migrations)

    def test_failed_and_in_order(self):
        [test] = recorded.read(record('fails'))
        self.assertEqual('fail', test.status)
        self.assertEqual([str(number) for number in range(12)],
                         [each['source'] for each in test.migrations])

    def test_broken(self):
        stream = record('passes').getvalue()
        broken = stream.replace(b'"what"', b'"what ')
        self.assertNotEqual(stream, broken)
        self.assertEqual([], recorded.read(io.BytesIO(broken)))


class TestAll(testtools.TestCase):

    def test_each_is_there(self):
        tests = recorded.read_all(record('measures_nothing', 'skips',
                                         'fails'))
        self.assertEqual(['success', 'skip', 'fail'],
                         [test.status for test in tests])
        self.assertEqual(['', 'no option'],
                         [test.reason for test in tests[:2]])
        self.assertIn('AssertionError: too long', tests[2].reason)
        self.assertGreaterEqual(tests[2].seconds, 0)

    def test_bundles(self):
        [(test, name, data)] = recorded.bundles(record('passes',
                                                       'keeps_a_bundle'))
        self.assertTrue(test.endswith('.keeps_a_bundle'))
        self.assertEqual(('id/a/domain.xml', b'<domain/>'), (name, data))


class TestText(testtools.TestCase):

    def test_summary(self):
        tests = [recorded.RecordedTest('m.T.test_it', 'fail', (MIGRATION,))]
        self.assertEqual("""\
test_it: fail
  a -> b
    network           0.500 s  (0.300 to 0.700 s)  in 2 outages, the longest \
0.300 s
    NO MEASUREMENT: the guest was rebooted""", text.summary(tests))

    def test_spread_of_those_that_moved(self):
        stayed = {**MIGRATION, 'destination': 'a'}
        lines = text.summary([recorded.RecordedTest(
            't', 'success', (MIGRATION,) * 3 + (stayed,))]).splitlines()
        self.assertIn('  all 3 of them', lines)
        self.assertRegex(lines[-1], r'network +min 0.500, .* of 3$')
        for few in ((MIGRATION,) * 2, (MIGRATION, MIGRATION, stayed)):
            self.assertNotIn('of them', text.summary(
                [recorded.RecordedTest('t', 'success', few)]))

    def test_break_down(self):
        migration = {**MIGRATION, 'breakdown': {
            'guest_stopped': {'estimate': 0.1, 'lower': 0.09, 'upper': 0.11},
            'network_after_stop': None, 'libvirt_downtime': 0.104}}
        lines = text.summary([recorded.RecordedTest(
            't', 'success', (migration,))]).splitlines()
        self.assertEqual(
            '      guest stopped   0.100 s  (0.090 to 0.110 s)', lines[3])
        self.assertEqual('        by libvirt    0.104 s', lines[4])
        self.assertEqual(6, len(lines))

    def test_no_outage(self):
        migration = {**MIGRATION, 'measurements': [
            {**MIGRATION['measurements'][0], 'outages': [],
             'resolution': 0.0585}]}
        self.assertIn(
            'network          no outage longer than the resolution, 0.059 s',
            text.summary([recorded.RecordedTest('t', 'success',
                                                (migration,))]))
