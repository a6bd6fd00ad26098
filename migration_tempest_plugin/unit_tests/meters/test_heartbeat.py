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
"""The heartbeat, over a connection that does what a test says."""

import queue
import threading

import fixtures
import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.guest import shell
from migration_tempest_plugin.meters import GuestHeartbeatMeter
from migration_tempest_plugin.meters import heartbeat

HEADER = b'heartbeat 1 boot=the-boot\n'

#: What a guest of two processors says of its load, after so many seconds.
LOAD = (
    b'load %d.00 %d.00 2|7 (sh) S 1 7 7 0 -1 0 0 0 0 0 50 30 0 0 20 0 1 '
    b'0|1 (dropbear) S 0 1 1 0 -1 0 0 0 0 0 %d 0 0 0 20 0 1 0\n'
)


def loads(*answers):
    """Answers to the beats, and these to the question for the load."""
    answers = iter(answers)
    return lambda line: (
        next(answers, None) if line == b'load' else line + b' 100.00\n'
    )


class FakeConnection:
    """An SSH connection whose other end is a function.

    :param answer: gives the answer to the text of one beat, or None
    """

    def __init__(self, answer=None, header=HEADER):
        self.answer = answer or (lambda beat: beat + b' 100.00\n')
        self.output = queue.Queue()
        self.output.put(header and shell.MARK.encode() + b'\n' + header)
        self.ready = True
        self.closed = threading.Event()

    # of the client, the transport and the channel alike
    def get_transport(self):
        return self

    def open_session(self, timeout):
        return self

    def exec_command(self, command):
        self.command = command

    def settimeout(self, seconds):
        pass

    def recv_stderr_ready(self):
        return True

    def recv_stderr(self, size):
        return b'sh: not found'

    def get_exception(self):
        return None

    def send_ready(self):
        return self.ready

    def sendall(self, data):
        answer = self.answer(data.strip())
        if answer:
            self.output.put(answer)

    def recv(self, size):
        return self.output.get()

    def close(self):
        self.closed.set()
        self.output.put(b'')


class Case(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.set_baseline(0.0)

    def set_baseline(self, seconds):
        self.useFixture(
            fixtures.MockPatchObject(heartbeat, 'BASELINE', seconds)
        )

    def meter(self, connection, **arguments):
        return GuestHeartbeatMeter(lambda: connection, **arguments)

    def no_measurement(self, function, *arguments):
        return self.assertRaises(
            exceptions.NoMeasurement, function, *arguments
        )


class TestGuestHeartbeatMeter(Case):
    def test_answered(self):
        meter = self.useFixture(self.meter(FakeConnection()))
        baseline = meter.wait_until_up(10)
        meter.wait_until_up(10)
        seen = meter.measurement().since(baseline)
        self.assertEqual(baseline, seen.stalls.began)
        self.assertEqual((), seen.stalls.outages)

    def test_recent(self):
        connection = FakeConnection()
        meter = self.useFixture(self.meter(connection))
        meter.wait_until_up(10)
        since = meter.wait_until_up(10)
        self.assertEqual(since, meter.recent(since).began)
        connection.close()
        while not meter._over.wait(10):
            pass
        error = self.no_measurement(meter.recent, since)
        self.assertIn('the SSH connection did not survive', error.reason)

    def test_the_command_holds_the_script_and_its_lifetime(self):
        connection = FakeConnection()
        self.useFixture(self.meter(connection, lifetime=7.2))
        self.assertRegex(connection.command, '(?s)^sh -c .* heartbeat 8$')

    def test_an_answer_in_pieces(self):
        pieces = iter([b'load\n', b'0 1', b'00.00\n1 100.01\n'])
        meter = self.useFixture(
            self.meter(
                FakeConnection(lambda beat: next(pieces, beat + b' 100.02\n')),
                deadline=30,
            )
        )
        meter.wait_until_up(10)
        self.assertEqual(
            [100.0, 100.01],
            [beat.uptime for beat in meter.measurement().clock.beats[:2]],
        )

    def test_what_makes_no_sense_is_left_out(self):
        meter = self.useFixture(
            self.meter(
                FakeConnection(
                    lambda beat: b'oh dear\n99999 1.00\n' + beat + b' 100.00\n'
                )
            )
        )
        meter.wait_until_up(10)
        meter.wait_until_up(10)
        self.assertLess(len(meter.measurement().clock.beats), 1000)

    def test_what_can_not_be_sent_is_unobserved(self):
        connection = FakeConnection()
        meter = self.useFixture(self.meter(connection))
        meter.wait_until_up(10)
        connection.ready = False
        self.assertIn(
            'did not answer with its clock within',
            self.no_measurement(meter.wait_until_up, 0.3).reason,
        )
        connection.ready = True
        meter.wait_until_up(10)
        stalls = meter.measurement().stalls
        self.assertEqual((), stalls.outages)
        self.assertGreater(stalls.unobserved, 0.15)

    def test_looks_again_after_a_long_wait(self):
        self.useFixture(
            fixtures.MockPatchObject(heartbeat, 'SECOND_LOOK_PATIENCE', 0.2)
        )
        connection = FakeConnection()
        meter = self.useFixture(self.meter(connection))
        meter.wait_until_up(10)
        connection.ready = False
        reason = self.no_measurement(meter.wait_until_up, 0.3).reason
        self.assertIn('did not answer with its clock within', reason)
        self.assertIn('the guest is unreachable', reason)

    def test_no_answer_at_all(self):
        meter = self.useFixture(
            self.meter(FakeConnection(lambda beat: None), deadline=0.01)
        )
        self.no_measurement(meter.wait_until_up, 0.2)
        self.assertIn(
            'no probe was answered',
            self.no_measurement(meter.measurement).reason,
        )

    def test_rebooted(self):
        uptimes = iter([b'500.00', b'500.02'])
        meter = self.useFixture(
            self.meter(
                FakeConnection(
                    lambda beat: beat + b' ' + next(uptimes, b'3.00') + b'\n'
                )
            )
        )
        for _ in range(4):
            meter.wait_until_up(10)
        self.assertIn(
            'the guest was rebooted',
            self.no_measurement(meter.measurement).reason,
        )

    def test_lost(self):
        connection = FakeConnection()
        meter = self.useFixture(self.meter(connection))
        meter.wait_until_up(10)
        connection.output.put(b'')
        error = self.no_measurement(meter.wait_until_up, 60)
        self.assertIn('did not survive: the guest closed it', error.reason)

    def test_lost_while_it_sends(self):
        failed = self.useFixture(fixtures.MockPatch('threading.excepthook'))

        def answer(beat):
            raise EOFError

        connection = FakeConnection(answer)
        meter = self.useFixture(self.meter(connection))
        connection.output.put(b'')
        error = self.no_measurement(meter.wait_until_up, 60)
        self.assertIn('did not survive: the guest closed it', error.reason)
        for thread in meter._threads:
            thread.join()
        failed.mock.assert_not_called()

    def test_does_not_start(self):
        connection = FakeConnection(header=b'')
        errors = self.assertRaises(
            testtools.MultipleExceptions, self.meter(connection).setUp
        )
        self.assertIn('sh: not found', str(errors.args[0][1]))
        self.assertTrue(connection.closed.is_set())

    def test_clean_up_ends_it(self):
        connection = FakeConnection()
        with self.meter(connection) as meter:
            meter.wait_until_up(10)
        self.assertTrue(connection.closed.is_set())
        self.assertFalse(any(thread.is_alive() for thread in meter._threads))

    def test_not_set_up(self):
        self.assertIn(
            'was not set up',
            self.no_measurement(self.meter(None).measurement).reason,
        )

    def test_nonsense(self):
        for arguments in (
            {'interval': 0},
            {'deadline': -1},
            {'lifetime': 'long'},
        ):
            self.assertRaises(ValueError, self.meter, None, **arguments)


class TestThreshold(Case):
    """What counts as a stall, by the round trips of the baseline."""

    def late(self, seconds):
        """A connection whose answers take so long, at the moment."""
        connection = FakeConnection()
        connection.delay = seconds
        answer = connection.answer

        def later(beat):
            threading.Timer(
                connection.delay, lambda: connection.output.put(answer(beat))
            ).start()

        connection.answer = later
        return connection

    def test_it_follows_from_the_round_trips(self):
        connection = self.late(0.06)
        meter = self.useFixture(self.meter(connection))
        self.assertEqual(0.1, meter.threshold)
        baseline = meter.wait_until_up(10)
        self.assertGreaterEqual(meter.threshold, 0.6)
        seen = meter.measurement().since(baseline).stalls
        self.assertEqual(meter.threshold, seen.deadline)
        self.assertIn(
            f'stalls longer than {meter.threshold:.3f} s', seen.summary()
        )

    def test_it_is_chosen_once(self):
        connection = self.late(0.06)
        meter = self.useFixture(self.meter(connection))
        meter.wait_until_up(10)
        threshold = meter.threshold
        connection.delay = 0.5
        meter.wait_until_up(10)
        self.assertEqual(threshold, meter.threshold)

    def test_the_baseline_is_waited_for(self):
        self.set_baseline(0.5)
        meter = self.useFixture(self.meter(FakeConnection()))
        error = self.no_measurement(meter.wait_until_up, 0.2)
        self.assertIn('or not for the 0.5 s of the baseline', error.reason)
        meter.wait_until_up(10)
        beats = meter.measurement().clock.beats
        self.assertGreaterEqual(beats[-1].sent - beats[0].sent, 0.5)


class TestLoad(Case):
    def seen(self, *answers):
        meter = self.useFixture(self.meter(FakeConnection(loads(*answers))))
        meter.wait_until_up(10)
        return meter

    def test_cost_and_room(self):
        meter = self.seen(
            LOAD % (100, 50, 20),
            LOAD % (110, 55, 40),
            LOAD % (111, 56, 70),
            LOAD % (112, 57, 90),
        )
        # Its shell and its session.
        self.assertAlmostEqual(1.5, meter.guest_cpu)
        self.assertAlmostEqual(1.7, meter.guest_cpu)
        # 5 s of two processors in 10 s
        self.assertAlmostEqual(0.25, meter.idle_before)

    def test_not_told(self):
        meter = self.seen(b'load\n', b'load x y z\n', b'load 1 1 1|7 sh\n')
        self.assertIsNone(meter.guest_cpu)
        self.assertIsNone(meter.idle_before)

    def test_no_answer(self):
        self.useFixture(
            fixtures.MockPatchObject(heartbeat, 'LOAD_PATIENCE', 0.05)
        )
        meter = self.seen(LOAD % (100, 50, 20))
        self.assertIsNone(meter.guest_cpu)

    def test_it_can_not_be_asked_any_more(self):
        """What it had told before is not what it has taken."""
        with self.meter(FakeConnection(loads(LOAD % (1, 1, 20)))) as meter:
            meter.wait_until_up(10)
        self.assertIsNone(meter.guest_cpu)
        self.assertIsNone(self.meter(None).guest_cpu)
