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
"""What a machine's own outages are known by."""

import pathlib
from unittest import mock

import fixtures
import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.watch import control

HEAD = (
    'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\t'
    'MTU\tWindow\tIRTT\n'
)
TO_NET = 'eth0\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n'
TO_ALL = 'eth0\t00000000\t0102000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n'
#: as a tunnel's, which has no gateway
TO_DEVICE = 'tun0\t00000000\t00000000\t0001\t0\t0\t50\t00000000\t0\t0\t0\n'
#: half of all addresses
TO_HALF = 'tun0\t00000000\t0105000A\t0003\t0\t0\t0\t00000080\t0\t0\t0\n'


#: of IPv6: a net, a gateway of the link, one of another net, and no way
NET_6 = (
    '20010db8000000000000000000000000 40 00000000000000000000000000000000 00 '
    '00000000000000000000000000000000 00000100 00000001 00000000 00000001 '
    'eth0\n'
)
TO_LINK = (
    '00000000000000000000000000000000 00 00000000000000000000000000000000 00 '
    'fe80000000000000505400fffe123456 00000400 00000002 00000000 00450003 '
    'eth0\n'
)
TO_ROUTER = TO_LINK.replace('fe80000000000000', '20010db800000000')
NO_WAY = (
    '00000000000000000000000000000000 00 00000000000000000000000000000000 00 '
    '00000000000000000000000000000000 ffffffff 00000001 00000000 00200200 '
    'lo\n'
)


class TestGateway(testtools.TestCase):
    def of(self, *lines, six=()):
        folder = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        four = folder / 'route'
        four.write_text(''.join(lines))
        (folder / 'ipv6_route').write_text(''.join(six))
        with mock.patch.object(control.sys, 'byteorder', 'little'):
            return control.gateway(four, folder / 'ipv6_route')

    def test_gateways(self):
        self.assertEqual('10.0.2.1', self.of(HEAD, TO_NET, TO_ALL))
        self.assertEqual('10.0.2.1', self.of(HEAD, TO_DEVICE, TO_ALL))
        self.assertEqual('10.0.2.1', self.of(HEAD, TO_HALF, TO_ALL))

    def test_gateways_of_ipv6(self):
        link = 'fe80::5054:ff:fe12:3456%eth0'
        self.assertEqual(link, self.of(HEAD, six=[NO_WAY, NET_6, TO_LINK]))
        self.assertEqual(
            '2001:db8::5054:ff:fe12:3456', self.of(six=[TO_ROUTER])
        )
        self.assertEqual(
            '10.0.2.1', self.of(HEAD, TO_ALL, six=[NET_6, TO_LINK])
        )
        self.assertIsNone(self.of(HEAD, TO_NET, six=[NO_WAY, NET_6, 'x\n']))

    def test_none(self):
        for lines in ((), (HEAD,), (HEAD, TO_NET, TO_DEVICE, 'x\n')):
            self.assertIsNone(self.of(*lines))
        nowhere = pathlib.Path('/no/such/file')
        self.assertIsNone(control.gateway(nowhere, nowhere))


class TestControl(testtools.TestCase):
    def test_it_does_not_answer(self):
        meter = mock.MagicMock()
        meter.wait_until_up.side_effect = exceptions.NoMeasurement(
            'no ping was answered'
        )
        with control.Control('192.0.2.1', meter) as found:
            self.assertEqual('no ping was answered', found.why)
            self.assertEqual([], found.look())
            self.assertEqual((), found.gaps())
        meter.__exit__.assert_called_once()
