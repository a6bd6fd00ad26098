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

from unittest import mock

import fixtures
import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin import measurement
from migration_tempest_plugin.meters import metadata
from migration_tempest_plugin.unit_tests.guest import fake_guest

HEADER = fake_guest.HEADER
state = fake_guest.state

#: Up, 1 s without an answer in two attempts, up.
LOG = HEADER + """
1 12.00 12.01 ok ;
2 12.20 12.21 ok ;
3 12.40 12.91 rc28 ;
4 13.00 13.51 rc28 ;
5 13.60 13.61 ok ;
6 13.80 13.81 ok ;
"""
DONE = '6 ok 13.80 4 13.80 0 6 ;'


class MeterTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.output = self.useFixture(fixtures.FakeLogger())
        self.sleep = self.useFixture(
            fixtures.MockPatchObject(metadata.time, 'sleep')).mock

    def meter(self, answers=None, **settings):
        self.guest = fake_guest.Guest(**answers or {})
        return self.useFixture(
            metadata.MetadataDowntimeMeter(self.guest, **settings))

    def read(self, *answers, **settings):
        return self.meter({'read': list(answers)}, **settings)

    def assertNothing(self, reason, function, *arguments):
        error = self.assertRaises(exceptions.NoMeasurement, function,
                                  *arguments)
        self.assertIn(reason, error.reason)
        return error


class TestArguments(MeterTestCase):

    def arguments(self, **settings):
        self.meter(**settings)
        return self.guest.words('start')[0][2:]

    def test_defaults(self):
        self.assertEqual(
            ['http://169.254.169.254/latest/meta-data/instance-id',
             '0.20', '0.50', '1.00', '3600.00'], self.arguments())

    def test_ipv6_and_path(self):
        self.assertEqual(
            'http://[fe80::a9fe:a9fe%25@interface@]/openstack',
            self.arguments(ip_version=6, path='/openstack')[0])

    def test_url(self):
        self.assertEqual('http://127.0.0.1:80/x',
                         self.arguments(url='http://127.0.0.1:80/x')[0])

    def test_numbers(self):
        self.assertEqual(
            ['0.05', '1.50', '2.00', '60.00'],
            self.arguments(interval=0.05, connect_deadline=1.5, deadline=2,
                           lifetime=60)[1:])

    def test_no_sense(self):
        for settings in ({'ip_version': 5}, {'interval': 0},
                         {'deadline': -1}, {'connect_deadline': 0.001},
                         {'lifetime': 0}):
            self.assertRaises(ValueError, metadata.MetadataDowntimeMeter,
                              None, **settings)


class TestMeasurement(MeterTestCase):

    def test_outage(self):
        meter = self.read(state(DONE, '13.90', LOG))
        timeline = meter.measurement()
        self.assertIsInstance(timeline, measurement.Timeline)
        outage, = timeline.outages
        self.assertEqual((12.20, 13.62), (outage.start, outage.end))
        # From failed attempt to failed attempt, less what an answer takes.
        self.assertAlmostEqual(0.58, outage.lower)
        self.assertEqual('metadata', timeline.what)
        self.assertEqual(meter.url, timeline.target)
        self.assertEqual(13.90, timeline.ended)

    def test_results(self):
        results = self.read(state(DONE, '13.90', LOG)).get_results()
        self.assertEqual((4, 2), (results['successes'], results['failures']))
        down = (0.58 + 1.42) / 2
        self.assertAlmostEqual(down, results['downtime']['FAILED'])
        self.assertAlmostEqual(1.90 - down, results['downtime']['PASSED'])
        self.assertIs(float, type(results['downtime']['FAILED']))

    def still_down(self, *states):
        """The Timeline that comes with the error."""
        meter = self.read(*states)
        error = self.assertRaises(exceptions.NoMeasurement, meter.measurement)
        self.assertIn('is still down, for', error.reason)
        self.assertTrue(error.timeline.still_down)
        return error.timeline

    def test_still_down(self):
        log = LOG.partition('5 13.60')[0]
        timeline = self.still_down(
            state('4 rc28 13.00 2 12.20 0 4 ;', '13.55', log))
        self.assertTrue(timeline.outages[0].ongoing)
        self.assertEqual(13.55, timeline.outages[0].end)

    def test_waits_for_the_attempt_under_way(self):
        open_ = '7 open 14.00 4 13.80 0 7 ;'
        log = LOG + '7 14.00 14.51 rc28 ;\n'
        timeline = self.still_down(
            state(open_, '14.01', LOG), state(open_, '14.30', LOG),
            state('8 open 14.60 4 13.80 0 8 ;', '14.62', log))
        self.assertEqual(3, len(self.guest.words('read')))
        self.assertEqual(3, timeline.failures)

    def test_attempt_that_hangs_is_down_since_its_start(self):
        open_ = '7 open 14.00 4 13.80 0 7 ;'
        timeline = self.still_down(state(open_, '14.99', LOG),
                                   state(open_, '15.01', LOG))
        outage = timeline.outages[-1]
        self.assertEqual((13.80, 15.01), (outage.start, outage.end))

    def test_gap_in_the_log_is_unobserved(self):
        lines = LOG.splitlines()
        log = '\n'.join(lines[:3] + ['3 12.40 12.91 rc28', lines[-1]]) + '\n'
        timeline = self.read(state(DONE, '13.90', log)).measurement()
        self.assertEqual((), timeline.outages)
        self.assertAlmostEqual(13.80 - 12.22 - 0.2, timeline.unobserved)

    def test_guest_that_sleeps_whole_seconds_only(self):
        meter = self.meter({'start': (
            'boot 1aef2ac4\npid 17\nborn 4711\n'
            'header metadata_probe 1 pid=17 pause=whole ;\n')})
        self.guest.answers['read'] = state('', '14.1', HEADER + (
            '\n1 12.00 12.01 ok ;\n2 13.00 13.01 ok ;\n3 14.00 14.01 ok ;'))
        timeline = meter.measurement()
        self.assertEqual(0.0, timeline.unobserved)
        self.assertAlmostEqual(1.0, timeline.resolution)

    def test_torn_last_line(self):
        timeline = self.read(
            state(DONE, '13.90', LOG + '7 14.00 14')).measurement()
        self.assertEqual(4, timeline.successes)


class TestNoMeasurement(MeterTestCase):

    def reads(self, meter):
        return (meter.measurement, meter.get_results,
                lambda: meter.wait_until_up(1))

    def test_dead(self):
        answer = state(DONE, '13.90', LOG, alive='no')
        meter = self.meter({'read': answer, 'state': answer})
        for read in self.reads(meter):
            error = self.assertNothing('is dead', read)
            self.assertEqual('6 attempts in 1.9 s (ok: 4, rc28: 2), 0 lines '
                             'cut or lost', error.seen)

    def test_rebooted(self):
        answer = state('', '3.00', '', alive='no', present='no', boot='2')
        meter = self.meter({'read': [state(DONE, '13.90', LOG), answer],
                            'state': answer})
        meter.measurement()
        for read in self.reads(meter):
            error = self.assertNothing('the guest was rebooted', read)
            self.assertIn('last, 6 attempts', error.seen)

    def test_directory_is_gone(self):
        answer = state('', '13.90', '', present='no', alive='no')
        meter = self.meter({'read': answer, 'state': answer})
        for read in self.reads(meter):
            self.assertNothing(
                'the directory of the probe in the guest, '
                '/tmp/metadata_probe.X1, is gone', read)

    def test_lifetime_is_over(self):
        answer = state('', '73.90', alive='no', present='no')
        meter = self.meter({'read': answer, 'state': answer}, lifetime=2)
        meter._overdue = 0
        for read in self.reads(meter):
            self.assertNothing('ended after its lifetime of 2 s', read)

    def test_empty_log(self):
        for log in ('', HEADER + '\n'):
            meter = self.read(state('1 ok 12.00 1 12.00 1 1 ;', '12.1', log))
            error = self.assertNothing('holds no attempt', meter.measurement)
            self.assertEqual('no attempt in the log, 1 lines cut or lost',
                             error.seen)

    def test_empty_log_while_an_attempt_hangs(self):
        meter = self.read(state('7 open 14.00 4 13.80 0 7 ;', '15.10', HEADER))
        self.assertNothing('holds no attempt', meter.measurement)

    def test_first_attempt_hangs(self):
        meter = self.read(state('1 open 12.00 0 - 0 1 ;', '13.10', HEADER))
        self.assertNothing('no attempt was answered', meter.measurement)

    def test_never_answered(self):
        meter = self.read(state('1 rc7 12.00 0 - 0 1 ;', '12.1',
                                HEADER + '\n1 12.00 12.01 rc7 ;\n'))
        error = self.assertNothing('no attempt was answered in time',
                                   meter.measurement)
        self.assertIn('rc7: 1', error.seen)

    def test_unreachable(self):
        meter = self.read(state(DONE, '13.90', LOG), OSError('no route'))
        meter.measurement()
        error = self.assertNothing('OSError: no route', meter.measurement)
        self.assertIn('last, 6 attempts', error.seen)


class TestWait(MeterTestCase):

    def states(self, *answers):
        return self.meter({'state': [
            answer if isinstance(answer, Exception) else
            state(*answer, log=None) for answer in answers]})

    def test_answer_to_an_attempt_begun_before_does_not_count(self):
        meter = self.states(('6 ok 13.80 4 13.80 0 6 ;', '13.90'),
                            ('7 rc7 14.00 4 13.80 0 7 ;', '14.90'),
                            ('8 open 14.95 4 13.80 0 8 ;', '15.90'),
                            ('9 ok 16.00 5 16.00 0 9 ;', '16.90'))
        meter.wait_until_up(60)
        self.assertEqual(4, len(self.guest.words('state')))
        self.assertEqual([mock.call(metadata.LOOK_INTERVAL)] * 3,
                         self.sleep.mock_calls)

    def test_answer_seen_while_the_next_is_under_way(self):
        meter = self.states(('6 ok 13.80 4 13.80 0 6 ;', '13.90'),
                            ('9 open 14.40 6 14.20 0 9 ;', '14.90'))
        meter.wait_until_up(60)
        self.assertEqual(2, len(self.guest.words('state')))

    def test_unreachable_for_a_while(self):
        meter = self.states(OSError('no route'),
                            ('6 ok 13.80 4 13.80 0 6 ;', '13.90'),
                            ('', '14.40'),
                            ('9 ok 14.40 6 14.40 0 9 ;', '14.90'))
        meter.wait_until_up(60)

    def test_no_answer(self):
        meter = self.states(('6 rc7 13.80 0 - 0 6 ;', '13.90'))
        error = self.assertNothing('the guest got no answer within 0 s',
                                   meter.wait_until_up, 0)
        self.assertEqual('the latest attempt: rc7', error.seen)

    def test_never_reachable(self):
        meter = self.states(OSError('no route'))
        error = self.assertNothing('the guest got no answer within 0 s',
                                   meter.wait_until_up, 0)
        self.assertIn('OSError: no route', error.seen)


class TestCleanUp(MeterTestCase):

    def test_last_state_is_kept(self):
        self.guest = fake_guest.Guest(stop=state(DONE, '13.90', LOG))
        with metadata.MetadataDowntimeMeter(self.guest) as meter:
            pass
        self.assertEqual(1, len(meter.measurement().outages))
        self.assertEqual([], self.guest.words('read'))

    def test_attempt_under_way_at_the_clean_up_is_nothing(self):
        self.guest = fake_guest.Guest(
            stop=state('7 open 14.00 4 13.80 0 7 ;', '14.20', LOG))
        with metadata.MetadataDowntimeMeter(self.guest) as meter:
            pass
        self.assertEqual(6, len(meter.measurement().samples))

    def test_unreachable_at_the_clean_up(self):
        self.guest = fake_guest.Guest(read=state(DONE, '13.90', LOG),
                                      stop=OSError('no route'))
        with metadata.MetadataDowntimeMeter(self.guest) as meter:
            meter.measurement()
        self.assertIn('Could not clean up', self.output.output)
        self.assertEqual(1, len(meter.measurement().outages))

    def test_directory_was_gone(self):
        self.guest = fake_guest.Guest(
            stop=state('', '13.90', '', present='no', alive='no'))
        with metadata.MetadataDowntimeMeter(self.guest) as meter:
            pass
        self.assertNothing('/tmp/metadata_probe.X1, is gone',
                           meter.measurement)

    def test_never_read(self):
        self.guest = fake_guest.Guest(stop=OSError('no route'))
        with metadata.MetadataDowntimeMeter(self.guest) as meter:
            pass
        self.assertNothing('was not read', meter.measurement)

    def test_never_set_up(self):
        meter = metadata.MetadataDowntimeMeter(fake_guest.Guest())
        self.assertNothing('was not read', meter.measurement)

    def test_failed_set_up_cleans_up(self):
        self.guest = fake_guest.Guest(start='error no room left\n')
        meter = metadata.MetadataDowntimeMeter(self.guest)
        errors = self.assertRaises(fixtures.MultipleExceptions, meter.setUp)
        self.assertIs(exceptions.GuestError, errors.args[0][0])
        self.assertEqual(1, len(self.guest.words('stop')))
