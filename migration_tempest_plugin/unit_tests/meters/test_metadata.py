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

import itertools

import fixtures
import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin import measurement
from migration_tempest_plugin.meters import metadata
from migration_tempest_plugin.unit_tests.guest import fake_guest

HEADER = fake_guest.HEADER
state = fake_guest.state

#: Up, 1 s without an answer in two attempts, up.
LOG = (
    HEADER
    + """
deadline 0.50 1.00 tool=curl-each lanes=1 baseline=10 slowest=0.01 ;
1 1 12.01 0.01 ok ;
1 2 12.21 0.01 ok ;
1 3 12.91 0.51 rc28 ;
1 4 13.51 0.51 rc28 ;
1 5 13.61 0.01 ok ;
1 6 13.81 0.01 ok ;
"""
)
DONE = '1 6 ok 13.80 4 13.80 0 6 ;'


class MeterTestCase(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.output = self.useFixture(fixtures.FakeLogger())
        self.sleep = self.useFixture(
            fixtures.MockPatchObject(metadata.time, 'sleep')
        ).mock

    def meter(self, answers=None, **settings):
        self.guest = fake_guest.Guest(**answers or {})
        return self.useFixture(
            metadata.MetadataDowntimeMeter(self.guest, **settings)
        )

    def read(self, *answers):
        return self.meter({'read': list(answers)}, interval=0.2)

    def assertNothing(self, reason, function, *arguments):
        error = self.assertRaises(
            exceptions.NoMeasurement, function, *arguments
        )
        self.assertIn(reason, error.reason)
        return error


class TestArguments(MeterTestCase):
    def arguments(self, **settings):
        self.meter(**settings)
        return self.guest.words('start')[0][2:]

    def test_defaults(self):
        self.assertEqual(
            [
                'http://169.254.169.254/latest/meta-data/instance-id',
                'auto',
                '0.20',
                '3600.00',
                '0.50',
                '3.00',
                '1.00',
                '5.00',
            ],
            self.arguments(),
        )

    def test_ipv6_and_path(self):
        self.assertEqual(
            'http://[fe80::a9fe:a9fe%25@interface@]/openstack',
            self.arguments(ip_version=6, path='/openstack')[0],
        )

    def test_url(self):
        self.assertEqual(
            'http://127.0.0.1:80/x',
            self.arguments(url='http://127.0.0.1:80/x')[0],
        )

    def test_numbers(self):
        self.assertEqual(
            ['0.05', '60.00', '0.25', '1.50', '0.75', '2.00'],
            self.arguments(
                interval=0.05,
                connect_deadline=1.5,
                deadline=2,
                lifetime=60,
                least_connect_deadline=0.25,
                least_deadline=0.75,
            )[2:],
        )

    def test_tool(self):
        self.assertEqual('curl-each', self.arguments(tool='curl-each')[1])

    def test_no_sense(self):
        for settings in (
            {'ip_version': 5},
            {'interval': 0},
            {'deadline': -1},
            {'connect_deadline': 0.001},
            {'lifetime': 0},
            {'least_deadline': 0},
            {'least_connect_deadline': 0},
            {'tool': 'auto'},
        ):
            self.assertRaises(
                ValueError, metadata.MetadataDowntimeMeter, None, **settings
            )


class TestMeasurement(MeterTestCase):
    def test_outage(self):
        meter = self.read(state(DONE, '13.90', LOG))
        timeline = meter.measurement()
        self.assertIsInstance(timeline, measurement.Timeline)
        (outage,) = timeline.outages
        self.assertEqual((12.20, 13.62), (outage.start, outage.end))
        # From failed attempt to failed attempt, less what an answer takes.
        self.assertAlmostEqual(0.58, outage.lower)
        self.assertEqual('metadata', timeline.what)
        self.assertEqual(meter.url, timeline.target)
        self.assertEqual(13.90, timeline.ended)
        self.assertEqual(1.0, timeline.deadline)
        self.assertEqual(
            'curl, started for each request, in the guest '
            '(1 lane, 0.5 s to connect, 1 s to answer)',
            timeline.method,
        )

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
        log = LOG.partition('1 5 13.61')[0]
        timeline = self.still_down(
            state('1 4 rc28 13.00 2 12.20 0 4 ;', '13.55', log)
        )
        self.assertTrue(timeline.outages[0].ongoing)
        self.assertEqual(13.55, timeline.outages[0].end)

    def test_waits_for_the_attempt_under_way(self):
        open_ = '1 7 open 14.00 4 13.80 0 7 ;'
        log = LOG + '1 7 14.51 0.51 rc28 ;\n'
        timeline = self.still_down(
            state(open_, '14.01', LOG),
            state(open_, '14.30', LOG),
            state('1 8 open 14.60 4 13.80 0 8 ;', '14.62', log),
        )
        self.assertEqual(3, len(self.guest.words('read')))
        self.assertEqual(3, timeline.failures)

    def test_attempt_that_hangs_is_down_since_its_start(self):
        open_ = '1 7 open 14.00 4 13.80 0 7 ;'
        timeline = self.still_down(
            state(open_, '14.99', LOG), state(open_, '15.01', LOG)
        )
        outage = timeline.outages[-1]
        self.assertEqual((13.80, 15.01), (outage.start, outage.end))

    def test_gap_in_the_log_is_unobserved(self):
        lines = LOG.splitlines()
        log = '\n'.join(lines[:4] + ['1 3 12.91 0.51 rc28', lines[-1]]) + '\n'
        timeline = self.read(state(DONE, '13.90', log)).measurement()
        self.assertEqual((), timeline.outages)
        self.assertAlmostEqual(13.80 - 12.22 - 0.2, timeline.unobserved)

    def test_guest_that_sleeps_whole_seconds_only(self):
        meter = self.meter(
            {
                'start': (
                    fake_guest.START
                    + 'header metadata_probe 2 pid=17 tool=gnu-wget '
                    'pause=whole ;\n'
                )
            }
        )
        self.guest.answers['read'] = state(
            '',
            '14.1',
            HEADER
            + (
                '\n1 1 12.01 0.01 ok ;\n1 2 13.01 0.01 ok ;\n'
                '1 3 14.01 0.01 ok ;'
            ),
        )
        timeline = meter.measurement()
        self.assertEqual(0.0, timeline.unobserved)
        self.assertAlmostEqual(1.0, timeline.resolution)

    def test_torn_last_line(self):
        timeline = self.read(
            state(DONE, '13.90', LOG + '7 14.00 14')
        ).measurement()
        self.assertEqual(4, timeline.successes)

    def test_whoever_wants_the_lines_gets_each_once(self):
        """A line that is just being written, with the next reading."""
        lines = []
        self.guest = fake_guest.Guest(
            read=[
                state(DONE, '13.90', LOG + '1 7 14.0'),
                state(DONE, '14.90', LOG + '1 7 14.01 0.01 ok ;'),
            ]
        )
        meter = self.useFixture(
            metadata.MetadataDowntimeMeter(self.guest, sink=lines.append)
        )
        meter.measurement()
        self.assertEqual(LOG.strip().splitlines(), lines)
        meter.measurement()
        self.assertEqual('1 7 14.01 0.01 ok ;', lines[-1])
        self.assertEqual(len(LOG.strip().splitlines()) + 1, len(lines))


class TestOneCurl(MeterTestCase):
    """Three lanes, out of step, each of which asks every 0.6 s."""

    LOG = (
        HEADER.replace('curl-each', 'curl')
        + """
0 10 11.80 0.001357 ok ;
deadline 0.50 1.00 tool=curl lanes=3 baseline=10 slowest=0.01 ;
1 1 12.00 0.001357 ok ;
2 1 12.20 0.001357 ok ;
3 1 12.40 0.001357 ok ;
1 2 13.10 0.500123 rc28 ;
1 3 13.20 0.001357 ok ;
2 2 13.30 0.500123 rc28 ;
2 3 13.40 0.001357 ok ;
3 2 13.50 0.500123 rc28 ;
3 3 13.60 0.001357 ok ;
"""
    )
    DONE = (
        '1 3 ok 13.19 2 13.19 0 3 ;\n2 3 ok 13.39 2 13.39 0 3 ;\n'
        '3 3 ok 13.59 2 13.59 0 3 ;'
    )

    def test_outage_while_lanes_overlap(self):
        timeline = self.read(state(self.DONE, '13.61', self.LOG)).measurement()
        (outage,) = timeline.outages
        self.assertEqual(3, outage.failures)
        # From the lane that was answered last to the one that was first.
        self.assertAlmostEqual(12.393643, outage.start)
        self.assertAlmostEqual(13.21, outage.end)
        # The lanes that failed began at 12.6, 12.8 and 13.0.
        self.assertAlmostEqual(0.383643, outage.lower)
        self.assertEqual(0.0, timeline.unobserved)
        self.assertFalse(timeline.still_down)

    def test_baseline_whose_end_was_noticed_late(self):
        # The script says 12.40; the attempt after it shows that it was less.
        log = self.LOG.replace('3 1 12.40', '3 1 12.41')
        timeline = (
            self.read(state(self.DONE, '13.61', log))
            .measurement()
            .since(12.40)
        )
        self.assertEqual(4, timeline.successes)
        self.assertAlmostEqual(12.393643, timeline.outages[0].start)

    def test_no_lane_has_anything_under_way(self):
        self.read(state(self.DONE, '13.75', self.LOG)).measurement()
        self.assertEqual(1, len(self.guest.words('read')))

    def test_waits_for_each_lane(self):
        # Lanes 1 and 2 are due again at 13.8 and 14.0, lane 3 at 14.2.
        log = self.LOG + '2 4 14.00 0.001357 ok ;\n'
        later = '1 4 14.30 0.500123 rc28 ;\n'
        meter = self.read(
            state(self.DONE, '14.05', log),
            state(self.DONE, '14.20', log),
            state(self.DONE, '14.31', log + later),
        )
        outage = meter.measurement().outages[-1]
        self.assertEqual(3, len(self.guest.words('read')))
        self.assertEqual(1, outage.failures)

    def test_lane_that_is_stuck_is_not_down(self):
        log = self.LOG + ''.join(
            f'{2 + lane} {4 + turn} {14.0 + 0.2 * lane + 0.6 * turn:.2f} '
            '0.001357 ok ;\n'
            for turn in range(4)
            for lane in (0, 1)
        )
        timeline = self.read(state(self.DONE, '16.00', log)).measurement()
        self.assertEqual(1, len(timeline.outages))
        # What it does not see, nobody sees.
        self.assertAlmostEqual(0.4, timeline.resolution, places=2)

    def test_curl_that_ended(self):
        timeline = self.read(
            state(self.DONE, '13.61', self.LOG + 'again 2 ;\n')
        ).measurement()
        self.assertEqual(1, len(timeline.outages))
        self.assertIn(
            'curl ended and was started again 1 time: ', self.output.output
        )

    def test_method(self):
        timeline = self.read(state(self.DONE, '13.61', self.LOG)).measurement()
        self.assertEqual(
            'curl in the guest (3 lanes, 0.5 s to connect, 1 s to answer)',
            timeline.method,
        )
        self.assertEqual(1.0, timeline.to_dict()['deadline'])


class TestNoMeasurement(MeterTestCase):
    def reads(self, meter):
        return (
            meter.measurement,
            meter.get_results,
            lambda: meter.wait_until_up(1),
        )

    def test_dead(self):
        answer = state(DONE, '13.90', LOG, alive='no')
        meter = self.meter({'read': answer, 'state': answer})
        for read in self.reads(meter):
            error = self.assertNothing('is dead', read)
            self.assertEqual(
                '6 attempts in 1.9 s (ok: 4, rc28: 2), 0 lines cut or lost',
                error.seen,
            )

    def test_rebooted(self):
        answer = state('', '3.00', '', alive='no', present='no', boot='2')
        meter = self.meter(
            {'read': [state(DONE, '13.90', LOG), answer], 'state': answer}
        )
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
                '/tmp/metadata_probe.X1, is gone',
                read,
            )

    def test_lifetime_is_over(self):
        answer = state('', '73.90', alive='no', present='no')
        meter = self.meter({'read': answer, 'state': answer}, lifetime=2)
        meter._overdue = 0
        for read in self.reads(meter):
            self.assertNothing('ended after its lifetime of 2 s', read)

    def test_empty_log(self):
        for log in ('', HEADER + '\n'):
            meter = self.read(state('1 1 ok 12.00 1 12.00 1 1 ;', '12.1', log))
            error = self.assertNothing('holds no attempt', meter.measurement)
            self.assertEqual(
                'no attempt in the log, 1 line cut or lost', error.seen
            )

    def test_empty_log_while_an_attempt_hangs(self):
        meter = self.read(
            state('1 7 open 14.00 4 13.80 0 7 ;', '19.10', HEADER)
        )
        self.assertNothing('holds no attempt', meter.measurement)

    def test_first_attempt_hangs(self):
        meter = self.read(state('0 1 open 12.00 0 - 0 1 ;', '17.10', HEADER))
        self.assertNothing('no attempt was answered', meter.measurement)

    def test_never_answered(self):
        meter = self.read(
            state(
                '1 1 rc7 12.00 0 - 0 1 ;',
                '12.1',
                HEADER + '\n1 1 12.01 0.01 rc7 ;\n',
            )
        )
        error = self.assertNothing(
            'no attempt was answered in time', meter.measurement
        )
        self.assertIn('rc7: 1', error.seen)

    def test_unreachable(self):
        meter = self.read(state(DONE, '13.90', LOG), OSError('no route'))
        meter.measurement()
        error = self.assertNothing('OSError: no route', meter.measurement)
        self.assertIn('last, 6 attempts', error.seen)


class TestWait(MeterTestCase):
    def states(self, *answers):
        return self.meter(
            {
                'state': [
                    answer
                    if isinstance(answer, Exception)
                    else state(*answer, log=None)
                    for answer in answers
                ]
            }
        )

    def in_turn(self, *logs):
        """A meter of a curl with three lanes, whose log reads like this."""
        header = HEADER.replace('curl-each', 'curl')
        now = '1 6 ok 13.80 4 13.80 0 6 ;'
        return self.meter(
            {
                'start': fake_guest.START + f'header {header}\n',
                'state': state(now, '13.70', log=None),
                'read': [
                    state(
                        now,
                        '13.90',
                        f'{header}\ndeadline 0.30 0.30 tool=curl lanes=3 '
                        f'baseline=10 slowest=0.01 ;\n{log}',
                    )
                    for log in logs
                ],
            },
            interval=0.2,
        )

    def test_until_the_guest_asks_in_turn(self):
        together = ''.join(
            f'{lane} 1 13.0{lane} 0.010 ok ;\n' for lane in (1, 2, 3)
        )
        meter = self.in_turn(
            '1 1 13.00 0.010 ok ;\n',
            together,
            together + 'step 3 ;\n1 2 13.61 0.010 ok ;\n'
            '2 2 13.62 0.010 ok ;\n3 2 13.90 0.010 ok ;\n',
        )
        self.assertEqual(13.8, meter.wait_until_up(60))
        self.assertEqual(3, len(self.guest.words('read')))
        # Once is enough.
        meter.wait_until_up(60)
        self.assertEqual(3, len(self.guest.words('read')))

    def test_a_guest_that_never_asks_in_turn(self):
        """It is waited for some rounds, and not for as long as may be."""
        meter = self.in_turn('1 1 13.00 0.010 ok ;\n')
        clock = itertools.count(100.0, 0.5)
        self.useFixture(
            fixtures.MockPatchObject(
                metadata.time, 'monotonic', lambda: next(clock)
            )
        )
        self.assertEqual(13.8, meter.wait_until_up(1000))
        self.assertTrue(1 < len(self.guest.words('read')) < 20)

    def test_answer_to_an_attempt_begun_before_does_not_count(self):
        meter = self.states(
            ('1 6 ok 13.80 4 13.80 0 6 ;', '13.90'),
            ('1 7 rc7 14.00 4 13.80 0 7 ;', '14.90'),
            ('1 8 open 14.95 4 13.80 0 8 ;', '15.90'),
            ('1 9 ok 16.00 5 16.00 0 9 ;', '16.90'),
        )
        meter.wait_until_up(60)
        self.assertEqual(4, len(self.guest.words('state')))
        # The first looks come soon, as long as an attempt may take.
        self.assertEqual(
            [0.3, 0.6, metadata.LOOK_INTERVAL],
            [round(*call.args, 6) for call in self.sleep.mock_calls],
        )

    def test_answer_seen_while_the_next_is_under_way(self):
        meter = self.states(
            ('1 6 ok 13.80 4 13.80 0 6 ;', '13.90'),
            ('1 9 open 14.40 6 14.20 0 9 ;', '14.90'),
        )
        meter.wait_until_up(60)
        self.assertEqual(2, len(self.guest.words('state')))

    def test_answers_of_the_baseline_do_not_count(self):
        meter = self.states(
            ('0 6 ok 13.80 6 13.80 0 6 ;', '13.70'),
            (
                '0 10 ok 14.20 10 14.20 0 10 ;\n1 0 none 0.00 0 - 0 0 ;',
                '14.80',
            ),
            (
                '0 10 ok 14.20 10 14.20 0 10 ;\n1 1 ok 15.20 1 15.20 0 1 ;',
                '15.80',
            ),
        )
        self.assertEqual(15.20, meter.wait_until_up(60))

    def test_too_few_answers_for_a_baseline(self):
        meter = self.states(
            ('0 6 rc28 13.80 5 12.60 0 6 ;\n1 0 none 0.00 0 - 0 0 ;', '13.90')
        )
        error = self.assertNothing(
            'the guest got no answer within 0 s', meter.wait_until_up, 0
        )
        self.assertEqual(
            'the latest attempt: rc28 (5 were answered: too few '
            'for a baseline)',
            error.seen,
        )

    def test_unreachable_for_a_while(self):
        meter = self.states(
            OSError('no route'),
            ('1 6 ok 13.80 4 13.80 0 6 ;', '13.90'),
            ('', '14.40'),
            ('1 9 ok 14.40 6 14.40 0 9 ;', '14.90'),
        )
        meter.wait_until_up(60)

    def test_no_answer(self):
        meter = self.states(('1 6 rc7 13.80 0 - 0 6 ;', '13.90'))
        error = self.assertNothing(
            'the guest got no answer within 0 s', meter.wait_until_up, 0
        )
        self.assertEqual('the latest attempt: rc7', error.seen)

    def test_never_reachable(self):
        meter = self.states(OSError('no route'))
        error = self.assertNothing(
            'the guest got no answer within 0 s', meter.wait_until_up, 0
        )
        self.assertIn('OSError: no route', error.seen)


class TestGuestCPU(MeterTestCase):
    def test_up_to_the_last_look(self):
        self.guest = fake_guest.Guest(
            state=state(DONE, '13.90', None, cpu='150'),
            read=[
                state(DONE, '13.90', LOG, cpu='175'),
                state(DONE, '13.90', LOG),
            ],
            stop=state(DONE, '13.90', LOG, cpu='201'),
        )
        with metadata.MetadataDowntimeMeter(self.guest) as meter:
            self.assertIsNone(meter.guest_cpu)
            self.assertRaises(exceptions.NoMeasurement, meter.wait_until_up, 0)
            self.assertEqual(1.5, meter.guest_cpu)
            for _ in range(2):
                meter.measurement()
                self.assertEqual(1.75, meter.guest_cpu)
        self.assertEqual(2.01, meter.guest_cpu)

    def test_not_known(self):
        meter = self.read(state(DONE, '13.90', LOG))
        meter.measurement()
        self.assertIsNone(meter.guest_cpu)


class TestCleanUp(MeterTestCase):
    def test_last_state_is_kept(self):
        self.guest = fake_guest.Guest(stop=state(DONE, '13.90', LOG))
        with metadata.MetadataDowntimeMeter(self.guest) as meter:
            pass
        self.assertEqual(1, len(meter.measurement().outages))
        self.assertEqual([], self.guest.words('read'))

    def test_attempt_under_way_at_the_clean_up_is_nothing(self):
        self.guest = fake_guest.Guest(
            stop=state('1 7 open 14.00 4 13.80 0 7 ;', '14.20', LOG)
        )
        with metadata.MetadataDowntimeMeter(self.guest) as meter:
            pass
        self.assertEqual(6, len(meter.measurement().samples))

    def test_unreachable_at_the_clean_up(self):
        self.guest = fake_guest.Guest(
            read=state(DONE, '13.90', LOG), stop=OSError('no route')
        )
        with metadata.MetadataDowntimeMeter(self.guest) as meter:
            meter.measurement()
        self.assertIn('Could not clean up', self.output.output)
        self.assertEqual(1, len(meter.measurement().outages))

    def test_directory_was_gone(self):
        self.guest = fake_guest.Guest(
            stop=state('', '13.90', '', present='no', alive='no')
        )
        with metadata.MetadataDowntimeMeter(self.guest) as meter:
            pass
        self.assertNothing(
            '/tmp/metadata_probe.X1, is gone', meter.measurement
        )

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
