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


class TestGateway(testtools.TestCase):
    def of(self, *lines):
        path = pathlib.Path(self.useFixture(fixtures.TempDir()).path, 'route')
        path.write_text(''.join(lines))
        with mock.patch.object(control.sys, 'byteorder', 'little'):
            return control.gateway(path)

    def test_gateways(self):
        self.assertEqual('10.0.2.1', self.of(HEAD, TO_NET, TO_ALL))
        self.assertEqual('10.0.2.1', self.of(HEAD, TO_DEVICE, TO_ALL))
        self.assertEqual('10.0.2.1', self.of(HEAD, TO_HALF, TO_ALL))

    def test_none(self):
        for lines in ((), (HEAD,), (HEAD, TO_NET, TO_DEVICE, 'x\n')):
            self.assertIsNone(self.of(*lines))
        self.assertIsNone(control.gateway(pathlib.Path('/no/such/file')))


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
