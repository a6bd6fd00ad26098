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
"""What the prober says of the answers, with sockets that do as told."""

import json
import os
import socket
import struct
import time
from unittest import mock

import fixtures
import testtools

from migration_tempest_plugin.prober import echo
from migration_tempest_plugin.prober import loop

MS = 1_000_000
ADD = {
    'add': 7,
    'address': ['192.0.2.1', 0],
    'interval': 10 * MS,
    'deadline': 100 * MS,
}


class FakeSocket:
    """Sends at times, and receives what a test says."""

    method = 'fake socket'

    def __init__(self, family, buffer):
        self.sent = []
        self.replies = []
        self.dropped = 0
        self.slack = 5000
        self.error = None

    def send(self, target, address):
        if self.error:
            raise self.error
        start = time.monotonic_ns()
        self.sent.append(start)
        return start, start + self.slack

    def receive(self):
        replies, self.replies = self.replies, []
        return replies

    def drops(self):
        return self.dropped


class Case(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.useFixture(
            fixtures.MonkeyPatch(
                'migration_tempest_plugin.prober.echo.EchoSocket', FakeSocket
            )
        )
        self.check_route = self.useFixture(
            fixtures.MockPatch(
                'migration_tempest_plugin.prober.loop._check_route'
            )
        ).mock
        commands, self.commands = os.pipe()
        self.answers, answers = os.pipe()
        os.set_blocking(self.answers, False)
        for descriptor in (commands, self.answers, answers):
            self.addCleanup(os.close, descriptor)
        self.addCleanup(self.end)
        self.loop = loop.Loop(commands, answers)

    def end(self):
        if self.commands:
            os.close(self.commands)
            self.commands = None

    def tell(self, command):
        os.write(self.commands, json.dumps(command).encode() + b'\n')

    def look(self, now=None):
        """What it says after a look, without the mark; sets alive."""
        self.alive = self.loop._look(now or time.monotonic_ns())
        try:
            lines = os.read(self.answers, 1 << 16).decode().splitlines()
        except BlockingIOError:
            lines = []
        self.marks = [
            int(line.split()[1]) for line in lines if line.startswith('mark')
        ]
        return [line for line in lines if not line.startswith('mark')]

    def probe(self):
        """Send one probe; returns when it was sent."""
        self.loop._send(self.loop._targets[7])
        return self.socket.sent[-1]

    def start(self):
        self.tell(ADD)
        self.assertEqual(['added 7 fake socket'], self.look())
        [self.socket] = self.loop._sockets.values()


class TestAnswers(Case):
    def setUp(self):
        super().setUp()
        self.start()

    def test_ok(self):
        sent = self.probe()
        self.socket.replies = [(7, sent, sent + MS)]
        self.assertEqual([f'ok 7 {sent} {sent + MS}'], self.look())

    def test_a_duplicate_says_nothing(self):
        sent = self.probe()
        self.socket.replies = [(7, sent, sent + MS)] * 2
        self.assertEqual(1, len(self.look()))
        self.socket.replies = [(7, sent, sent + MS)]
        self.assertEqual([], self.look())

    def test_in_flight(self):
        sent = self.probe()
        self.assertEqual([], self.look(sent + 100 * MS - 1))
        self.assertEqual([sent], self.marks)

    def test_failed(self):
        sent = self.probe()
        due = sent + 5000 + 100 * MS
        self.assertEqual([], self.look(due - 1))
        self.assertEqual([f'failed 7 {sent} 5000'], self.look(due))
        self.assertEqual([due], self.marks)

    def test_held_while_it_was_sent(self):
        """Whether its reply came in time is not known, if it may have."""
        self.start_held()
        self.socket.replies = [(7, self.sent, self.sent + 1050 * MS)]
        self.assertEqual(
            [f'unknown 7 {self.sent}'], self.look(self.sent + 1060 * MS)
        )

    def test_held_while_it_was_sent_and_late_nevertheless(self):
        self.start_held()
        came = self.sent + 1101 * MS
        self.socket.replies = [(7, self.sent, came)]
        self.assertEqual(
            [f'failed 7 {self.sent} 0', f'late 7 {self.sent} {came}'],
            self.look(self.sent + 1110 * MS),
        )

    def test_held_while_it_was_sent_and_in_flight(self):
        self.start_held()
        self.assertEqual([], self.look(self.sent + 1050 * MS))
        self.assertEqual(
            [f'failed 7 {self.sent} {1000 * MS}'],
            self.look(self.sent + 1100 * MS),
        )

    def start_held(self):
        """A probe that was sent within a second, of which no more is known."""
        self.socket.slack = 1000 * MS
        self.sent = self.probe()

    def test_late(self):
        sent = self.probe()
        self.look(sent + 101 * MS)
        self.socket.replies = [(7, sent, sent + 150 * MS)]
        self.assertEqual([f'late 7 {sent} {sent + 150 * MS}'], self.look())

    def test_late_but_read_before_it_was_given_up(self):
        sent = self.probe()
        self.socket.replies = [(7, sent, sent + 150 * MS)]
        self.assertEqual(
            [f'failed 7 {sent} 0', f'late 7 {sent} {sent + 150 * MS}'],
            self.look(sent + 200 * MS),
        )

    def test_the_clock_was_set(self):
        """When it came is not known, but it came before it was read."""
        sent = self.probe()
        self.socket.replies = [(7, sent, None)]
        [line] = self.look()
        kind, _, start, end = line.split()
        self.assertEqual(('ok', sent), (kind, int(start)))
        self.assertGreaterEqual(int(end), sent)

    def test_the_clock_was_set_and_it_was_read_late(self):
        sent = time.monotonic_ns() - 300 * MS
        self.loop._targets[7].pending[sent] = 0
        self.socket.replies = [(7, sent, None)]
        self.assertEqual([f'unknown 7 {sent}'], self.look())

    def test_the_kernel_had_no_room(self):
        sent = self.probe()
        self.socket.dropped = 3
        self.assertEqual([], self.look(sent + 50 * MS))
        later = self.probe()
        self.assertEqual(
            [f'unknown 7 {sent}', f'failed 7 {later} 5000'],
            self.look(later + 5000 + 100 * MS),
        )

    def test_the_kernel_had_room_for_this_one(self):
        sent = self.probe()
        self.socket.dropped = 3
        self.socket.replies = [(7, sent, sent + MS)]
        self.assertEqual([f'ok 7 {sent} {sent + MS}'], self.look())

    def test_can_not_be_sent(self):
        self.socket.error = OSError(101, 'Network is unreachable')
        self.loop._send(self.loop._targets[7])
        [line] = self.look()
        self.assertRegex(line, r'unsent 7 \d+ Network is unreachable')

    def test_memory_has_an_end(self):
        sent = self.probe()
        self.look(sent + 101 * MS)
        self.assertEqual([sent], list(self.loop._targets[7].failed))
        self.look(sent + 101 * MS + loop.MEMORY)
        self.assertEqual({}, self.loop._targets[7].failed)


class TestSchedule(Case):
    def test_absolute(self):
        self.start()
        begin = self.loop._due[0][0]
        self.loop._send_due(begin)
        self.assertEqual(begin + 10 * MS, self.loop._due[0][0])
        # 3.5 intervals too late: no burst, and the next one where it was
        self.loop._send_due(begin + 45 * MS)
        self.assertEqual(begin + 50 * MS, self.loop._due[0][0])
        self.assertEqual(2, len(self.socket.sent))

    def test_targets_are_spread(self):
        for number in range(3):
            self.tell({**ADD, 'add': number})
        self.look()
        self.assertEqual(
            [0, loop.STEP, 2 * loop.STEP],
            sorted(due % (10 * MS) for due, _ in self.loop._due),
        )

    def test_one_wake_up_serves_all_of_a_step(self):
        """Also those that were added in the middle of one."""
        self.start()
        for number in (8, 9, 10, 11, 12, 13):
            time.sleep(0.0003)
            self.tell({**ADD, 'add': number})
            self.look()
        self.assertEqual(
            [0, 0, 2 * MS, 2 * MS, 4 * MS, 6 * MS, 8 * MS],
            sorted(due % (10 * MS) for due, _ in self.loop._due),
        )


class TestCommands(Case):
    def test_remove(self):
        self.start()
        self.tell({'remove': 7})
        self.look()
        self.loop._send_due(time.monotonic_ns() + 10**9)
        self.assertEqual([], self.socket.sent)
        self.assertEqual([], self.loop._due)

    def test_half_a_line(self):
        line = json.dumps(ADD).encode() + b'\n'
        os.write(self.commands, line[:20])
        self.assertEqual([], self.look())
        os.write(self.commands, line[20:])
        self.assertEqual(['added 7 fake socket'], self.look())

    def test_no_route(self):
        self.check_route.side_effect = OSError(113, 'No route to host')
        self.tell(ADD)
        self.assertEqual(['refused 7 route No route to host'], self.look())

    def test_forbidden(self):
        self.useFixture(
            fixtures.MonkeyPatch(
                'migration_tempest_plugin.prober.echo.EchoSocket',
                mock.Mock(side_effect=echo.Forbidden('not here')),
            )
        )
        self.tell(ADD)
        self.assertEqual(['refused 7 permission not here'], self.look())

    def test_each_family_has_its_socket(self):
        self.start()
        self.tell({**ADD, 'add': 8, 'address': ['2001:db8::1', 0, 0, 0]})
        self.assertEqual(['added 8 fake socket'], self.look())
        self.assertEqual(
            {socket.AF_INET, socket.AF_INET6}, set(self.loop._sockets)
        )

    def test_ends_with_its_input(self):
        self.look()
        self.assertTrue(self.alive)
        self.end()
        self.look()
        self.assertFalse(self.alive)

    def test_ends_with_its_parent(self):
        self.loop._parent = 1 if os.getppid() != 1 else 2
        self.look()
        self.assertFalse(self.alive)

    def test_a_reader_that_is_busy_holds_nothing_up(self):
        self.start()
        self.loop._output = bytearray(10 << 20)
        self.loop._look(time.monotonic_ns())
        self.assertGreater(len(self.loop._output), 1 << 20)


class TestChecksum(testtools.TestCase):
    def test_sums_up_to_nothing(self):
        packet = echo._with_checksum(bytes([8, 0, 0, 0]) + os.urandom(24))
        total = sum(struct.unpack('!14H', packet))
        self.assertEqual(0xFFFF, (total & 0xFFFF) + (total >> 16))
