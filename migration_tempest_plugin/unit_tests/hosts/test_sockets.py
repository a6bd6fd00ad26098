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
            [sockets.Sent('qemu-system-x86', '10.30.2.22', 49152, 8976417),
             sockets.Sent('libvirtd', '[2001:db8::2]', 16509, 5801)],
            sockets.parse(TEXT))

    def test_none(self):
        self.assertEqual([], sockets.parse(''))
