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
"""What ss of iproute2 6.15 printed in the embedded cloud, read."""

from unittest import mock

import testtools

from migration_tempest_plugin.hosts import sockets

TEXT = """\
0      4139016 10.30.2.21:41050 10.30.2.22:49152 users:(("qemu-system-x86",\
pid=611,fd=33))
\t bbr wscale:10,10 rto:204 bytes_sent:8980765 bytes_retrans:4349 \
bytes_acked:8976417 bytes_received:12
0      0       [2001:db8::1]:33876 [2001:db8::2]:16509 users:(("libvirtd",\
pid=43,fd=20))
\t bbr wscale:10,10 rto:208 bytes_sent:5800 bytes_acked:5801
0      0       10.30.0.21:22 10.30.0.1:5000
\t bbr wscale:10,10 rto:208 bytes_sent:5800 bytes_acked:5801
0      0       10.30.0.21:22 10.30.0.1:5001 users:(("sshd",pid=4,fd=2))
\t bbr wscale:10,10 rto:208
"""


class TestParse(testtools.TestCase):
    def test_connections(self):
        self.assertEqual(
            [
                sockets.Sent(
                    'qemu-system-x86',
                    611,
                    '10.30.2.21:41050',
                    '10.30.2.22',
                    49152,
                    8976417,
                ),
                sockets.Sent(
                    'libvirtd',
                    43,
                    '[2001:db8::1]:33876',
                    '2001:db8::2',
                    16509,
                    5801,
                ),
            ],
            sockets.parse(TEXT),
        )

    def test_mapped_address(self):
        [found] = sockets.parse(
            TEXT.replace('10.30.2.22:49152', '[::ffff:10.30.2.22]:49152')
        )[:1]
        self.assertEqual('10.30.2.22', found.address)

    def test_none(self):
        self.assertEqual([], sockets.parse(''))


class TestGrown(testtools.TestCase):
    PEERS = frozenset(['192.0.2.2', '2001:db8::2'])

    @staticmethod
    def sent(process, pid, port, acked, address='192.0.2.2', local='a:1'):
        return sockets.Sent(process, pid, local, address, port, acked)

    def grown(self, *looks):
        return sockets.grown(looks, self.PEERS)

    def test_of_each_process(self):
        """Also over several connections, and of one that is gone again."""
        qemu = [
            self.sent('qemu', 6, 49152, 100, local='a:1'),
            self.sent('qemu', 6, 49152, 50, local='a:2'),
        ]
        self.assertEqual(
            {('qemu', 6): 170, ('libvirtd', 4): 7},
            self.grown(
                [],
                qemu,
                [self.sent('qemu', 6, 49152, 120)],
                [self.sent('libvirtd', 4, 16509, 7)],
            ),
        )

    def test_what_is_something_else(self):
        ceph = self.sent('qemu', 6, 6802, 7 * 10**9)
        more = self.sent('qemu', 6, 6802, 9 * 10**9)
        self.assertEqual(
            {},
            self.grown(
                [ceph],
                [more],
                # begun meanwhile, but with another host
                [self.sent('qemu', 6, 6802, 10**9, '192.0.2.9')],
            ),
        )

    def test_nobody_has_looked(self):
        self.assertEqual({}, self.grown([]))


class TestAddresses(testtools.TestCase):
    def test_of_a_host(self):
        host = mock.Mock()
        host.run.return_value = (
            '2: eth0    inet 192.0.2.2/24 brd 192.0.2.255 scope global eth0'
            '\\       valid_lft forever preferred_lft forever\n'
            '2: eth0    inet6 2001:db8::2/64 scope global dynamic mngtmpaddr '
            '\\       valid_lft 86391sec preferred_lft 14391sec\n'
        )
        self.assertEqual({'192.0.2.2', '2001:db8::2'}, sockets.addresses(host))
