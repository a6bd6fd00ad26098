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
"""Which replies count as a target's."""

import socket
from unittest import mock

import testtools

from migration_tempest_plugin.prober import echo

#: A header as IPv4 has it; nothing in it is looked at but its length.
HEADER = bytes([0x45]) + bytes(19)


class Case(testtools.TestCase):
    """A raw socket that takes what it is given, and gives what is asked."""

    TARGET = ('192.0.2.1', 0)

    def setUp(self):
        super().setUp()
        self.packets = []
        with mock.patch.object(echo.EchoSocket, '_open') as opened:
            opened.return_value = mock.Mock(), 'raw socket'
            with mock.patch.object(echo.EchoSocket, '_prepare'):
                self.echo = echo.EchoSocket(socket.AF_INET)
        self.echo._socket.recvmsg.side_effect = self.receive

    def receive(self, *_):
        if not self.packets:
            raise BlockingIOError()
        return self.packets.pop(0)

    def request(self, target=7, address=TARGET):
        """Send a request; it, as it went out."""
        self.echo.send(target, address)
        [packet, _], _ = self.echo._socket.sendto.call_args
        return packet

    @staticmethod
    def reply(request):
        """What answers it, with the right checksum."""
        return echo._with_checksum(b'\0\0\0\0' + request[4:])

    def targets(self, packet, sender=TARGET):
        """Of which targets a packet is the reply."""
        self.packets.append((HEADER + packet, [], 0, sender))
        return [target for target, _, _ in self.echo.receive()]


class TestReply(Case):
    def test_of_a_target(self):
        self.assertEqual([7], self.targets(self.reply(self.request())))

    def test_from_another_address(self):
        reply = self.reply(self.request())
        self.assertEqual([], self.targets(reply, ('192.0.2.2', 0)))
        self.request(8, ('192.0.2.2', 0))
        self.assertEqual([], self.targets(reply, ('192.0.2.2', 0)))

    def test_a_wrong_checksum(self):
        reply = self.reply(self.request())
        for wrong in (
            reply[:2] + bytes([reply[2] ^ 1]) + reply[3:],
            reply[:6] + bytes([reply[6] ^ 0x80]) + reply[7:],
        ):
            self.assertEqual([], self.targets(wrong))

    def test_the_wall_clock_was_set_before_the_first_look(self):
        """The kernel's stamp can't be translated: there is no time."""
        request = self.request()
        wall, now = echo._clocks()
        stamp = echo._STAMP.pack(wall // 10**9 + 3600, 0)
        self.packets.append(
            (
                HEADER + self.reply(request),
                [(socket.SOL_SOCKET, echo.SO_TIMESTAMPNS, stamp)],
                0,
                self.TARGET,
            )
        )
        with mock.patch.object(
            echo, '_clocks', return_value=(wall + 3600 * 10**9, now + 1)
        ):
            [(target, _, came)] = self.echo.receive()
        self.assertEqual((7, None), (target, came))

    def test_of_another_program(self):
        reply = self.reply(self.request())
        other = echo._with_checksum(
            reply[:2] + bytes(2) + reply[4:8] + bytes(8) + reply[16:]
        )
        self.assertEqual([], self.targets(other))

    def test_a_request(self):
        self.assertEqual([], self.targets(self.request()))


class TestAddress(testtools.TestCase):
    def test_however_it_is_written(self):
        one = mock.Mock(_family=socket.AF_INET6)
        self.assertEqual(
            *(
                echo.EchoSocket._packed(one, (text, 0, 0, 2))
                for text in ('fe80::1%eth0', 'fe80:0::1')
            )
        )
