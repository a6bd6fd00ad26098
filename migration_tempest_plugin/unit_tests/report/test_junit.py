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
"""A run as JUnit's XML, read as others read it."""

from xml.etree import ElementTree

import testtools

from migration_tempest_plugin.report import junit
from migration_tempest_plugin.report import recorded
from migration_tempest_plugin.unit_tests.report import samples

SECONDS = {'estimate': 0.5, 'lower': 0.3, 'upper': 0.7}
MIGRATION = {
    **samples.migration(),
    'measurements': [
        {
            'what': 'network',
            'outages': [{}, {}],
            'total': SECONDS,
            'resolution': 0.012,
        },
        {
            'what': 'metadata',
            'outages': [],
            'resolution': 1.206,
            'total': {'estimate': 0.0, 'lower': 0.0, 'upper': 0.0},
        },
        {'no_measurement': 'the guest was rebooted'},
    ],
    'guest_clock': {'stopped': SECONDS, 'stops': []},
    'unchecked': ['the limit is finer'],
    'breakdown': {'libvirt_downtime': 0.51},
}


def test(name='m.T.test_it', status='success', migrations=(), reason=''):
    return recorded.RecordedTest(name, status, migrations, 12.5, reason)


class TestDocument(testtools.TestCase):
    def suite(self, *tests):
        return ElementTree.fromstring(junit.document(tests)).find('testsuite')

    def test_counts(self):
        suite = self.suite(test(), test(status='fail'), test(status='skip'))
        self.assertEqual(
            ('3', '1', '1'),
            tuple(suite.get(key) for key in ('tests', 'failures', 'skipped')),
        )

    def test_a_case(self):
        case = self.suite(test()).find('testcase')
        self.assertEqual(
            {'classname': 'm.T', 'name': 'test_it', 'time': '12.5'},
            case.attrib,
        )
        self.assertEqual([], list(case))

    def test_properties(self):
        suite = self.suite(test(migrations=(MIGRATION, MIGRATION)))
        found = {
            each.get('name'): each.get('value')
            for each in suite.iter('property')
        }
        self.assertEqual('0.500', found['migration.1.network'])
        self.assertEqual('0.700', found['migration.2.network.upper'])
        self.assertEqual('2', found['migration.1.network.outages'])
        self.assertEqual('0.012', found['migration.1.network.resolution'])
        self.assertEqual('0.000', found['migration.1.metadata'])
        self.assertEqual('1.206', found['migration.1.metadata.upper'])
        self.assertEqual('the limit is finer', found['migration.1.unchecked'])
        self.assertEqual(
            'the guest was rebooted', found['migration.1.no_measurement']
        )
        self.assertEqual('0.510', found['migration.1.libvirt_downtime'])
        self.assertEqual('0.300', found['migration.1.guest_stopped.lower'])
        self.assertEqual(samples.SETTINGS_TOLD, found['migration.2.settings'])

    def test_round_trips(self):
        suite = self.suite(test(migrations=(samples.migration(),)))
        found = {
            each.get('name'): each.get('value')
            for each in suite.iter('property')
        }
        name = 'migration.1.network.round_trip.'
        self.assertEqual('0.000400', found[name + 'during.maximum'])
        self.assertAlmostEqual(
            0.0004, float(found[name + 'during.p99']), delta=1e-5
        )
        self.assertEqual('30', found[name + 'pre-copy.unanswered'])
        # There are too few for it.
        self.assertNotIn(name + 'pre-copy.p99', found)

    def test_no_settings(self):
        suite = self.suite(test(migrations=(samples.migration(settings=()),)))
        names = [each.get('name') for each in suite.iter('property')]
        self.assertIn('migration.1.server', names)
        self.assertNotIn('migration.1.settings', names)

    def test_a_failure(self):
        failure = self.suite(
            test(
                status='fail',
                reason='Traceback (most recent call last):\n  x\n'
                'Error: <no> \x1b[31m way\nand more\n',
            )
        ).find('testcase/failure')
        self.assertEqual('Error: <no> ?[31m way', failure.get('message'))
        self.assertIn('and more', failure.text)

    def test_a_failure_of_unknown_reason(self):
        failure = self.suite(test(status='fail')).find('testcase/failure')
        self.assertEqual('no reason was recorded', failure.get('message'))

    def test_a_skip_says_why(self):
        skipped = self.suite(test(status='skip', reason='no option')).find(
            'testcase/skipped'
        )
        self.assertEqual('no option', skipped.get('message'))

    def test_a_test_that_was_cut_off_is_a_failure(self):
        self.assertEqual(
            '1', self.suite(test(status='inprogress')).get('failures')
        )
