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
from migration_tempest_plugin.meters import GuestHeartbeatMeter
from migration_tempest_plugin.meters import heartbeat

HEADER = b'heartbeat 1 boot=the-boot\n'


class FakeConnection:
    """An SSH connection whose other end is a function.

    :param answer: gives the answer to the text of one beat, or None
    """

    def __init__(self, answer=None, header=HEADER):
        self.answer = answer or (lambda beat: beat + b' 100.00\n')
        self.output = queue.Queue()
        self.output.put(header)
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


class TestGuestHeartbeatMeter(testtools.TestCase):

    def meter(self, connection, **arguments):
        return GuestHeartbeatMeter(lambda: connection, **arguments)

    def no_measurement(self, function, *arguments):
        return self.assertRaises(exceptions.NoMeasurement, function,
                                 *arguments)

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
        halves = iter([b'0 1', b'00.00\n1 100.01\n'])
        meter = self.useFixture(self.meter(FakeConnection(
            lambda beat: next(halves, None)), deadline=30))
        meter.wait_until_up(10)

    def test_what_makes_no_sense_is_left_out(self):
        meter = self.useFixture(self.meter(FakeConnection(
            lambda beat: b'oh dear\n99999 1.00\n' + beat + b' 100.00\n')))
        meter.wait_until_up(10)
        meter.wait_until_up(10)
        self.assertLess(len(meter.measurement().clock.beats), 1000)

    def test_what_can_not_be_sent_is_unobserved(self):
        connection = FakeConnection()
        meter = self.useFixture(self.meter(connection))
        meter.wait_until_up(10)
        connection.ready = False
        self.assertIn('did not tell its clock within',
                      self.no_measurement(meter.wait_until_up, 0.3).reason)
        connection.ready = True
        meter.wait_until_up(10)
        stalls = meter.measurement().stalls
        self.assertEqual((), stalls.outages)
        self.assertGreater(stalls.unobserved, 0.15)

    def test_looks_again_after_a_long_wait(self):
        self.useFixture(fixtures.MockPatchObject(
            heartbeat, 'SECOND_LOOK_PATIENCE', 0.2))
        connection = FakeConnection()
        meter = self.useFixture(self.meter(connection))
        meter.wait_until_up(10)
        connection.ready = False
        reason = self.no_measurement(meter.wait_until_up, 0.3).reason
        self.assertIn('did not tell its clock within', reason)
        self.assertIn('the guest is unreachable', reason)

    def test_no_answer_at_all(self):
        meter = self.useFixture(self.meter(FakeConnection(
            lambda beat: None), deadline=0.01))
        self.no_measurement(meter.wait_until_up, 0.2)
        self.assertIn('no probe was answered',
                      self.no_measurement(meter.measurement).reason)

    def test_rebooted(self):
        uptimes = iter([b'500.00', b'500.02'])
        meter = self.useFixture(self.meter(FakeConnection(
            lambda beat: beat + b' ' + next(uptimes, b'3.00') + b'\n')))
        for _ in range(4):
            meter.wait_until_up(10)
        self.assertIn('the guest was rebooted',
                      self.no_measurement(meter.measurement).reason)

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
        errors = self.assertRaises(testtools.MultipleExceptions,
                                   self.meter(connection).setUp)
        self.assertIn('sh: not found', str(errors.args[0][1]))
        self.assertTrue(connection.closed.is_set())

    def test_clean_up_ends_it(self):
        connection = FakeConnection()
        with self.meter(connection) as meter:
            meter.wait_until_up(10)
        self.assertTrue(connection.closed.is_set())
        self.assertFalse(any(thread.is_alive() for thread in meter._threads))

    def test_not_set_up(self):
        self.assertIn('was not set up', self.no_measurement(
            self.meter(None).measurement).reason)

    def test_nonsense(self):
        for arguments in ({'interval': 0}, {'deadline': -1},
                          {'lifetime': 'long'}):
            self.assertRaises(ValueError, self.meter, None, **arguments)
