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
"""The code of the pages for newcomers, as it stands there."""

import contextlib
import socket
import time
from unittest import mock

import fixtures
import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.unit_tests import checkout

EXAMPLES = checkout.ROOT / 'doc/source/examples'


def load(name):
    return checkout.load(f'doc/source/examples/{name}.py')


class Case(testtools.TestCase):
    def setUp(self):
        super().setUp()
        if not EXAMPLES.is_dir():
            self.skipTest('An installed plugin has no documentation beside it')


class Port(fixtures.Fixture):
    """A port of this machine that can be connected to."""

    def _setUp(self):
        self.number = None
        self.open()
        self.addCleanup(self._socket.close)

    def open(self):
        self._socket = socket.create_server(
            ('127.0.0.1', self.number or 0), reuse_port=False
        )
        self.number = self._socket.getsockname()[1]

    @contextlib.contextmanager
    def closed(self):
        """Nobody can connect meanwhile; yields when it was closed."""
        self._socket.close()
        began = time.monotonic()
        try:
            yield began
        finally:
            self.open()


class TestTcpPort(Case):
    def meter(self, port):
        return self.useFixture(
            load('tcp_port').TcpPortMeter('127.0.0.1', port, interval=0.02)
        )

    def test_an_outage(self):
        port = self.useFixture(Port())
        meter = self.meter(port.number)
        since = meter.wait_until_up(10)
        with port.closed() as began:
            # Closed until it was seen, and some more attempts failed.
            while (
                len([each for each in meter._samples if not each.answered]) < 5
            ):
                time.sleep(0.001)
        down = time.monotonic() - began
        meter.wait_until_up(10)
        timeline = meter.measurement().since(since)
        [outage] = timeline.outages
        self.assertGreaterEqual(outage.failures, 5)
        self.assertLessEqual(outage.lower, down)
        self.assertGreaterEqual(outage.upper, outage.lower)
        self.assertIn('tcp port of 127.0.0.1:', timeline.summary())

    def test_none(self):
        meter = self.meter(self.useFixture(Port()).number)
        since = meter.wait_until_up(10)
        meter.wait_until_up(10)
        self.assertEqual((), meter.measurement().since(since).outages)

    def test_never_up(self):
        port = self.useFixture(Port())
        with port.closed():
            meter = self.meter(port.number)
            self.assertRaises(
                exceptions.NoMeasurement, meter.wait_until_up, 0.1
            )


class TestHostName(Case):
    def check(self, *names):
        client = mock.Mock()
        client.exec_command.side_effect = [name + '\n' for name in names]
        return self.useFixture(load('host_name').HostNameCheck(client))

    def test_the_same(self):
        self.assertEqual(
            'it is still guest', self.check('guest', 'guest').verify()
        )

    def test_another(self):
        error = self.assertRaises(
            exceptions.CheckFailed, self.check('guest', 'other').verify
        )
        self.assertEqual('host name: it is other, and was guest', str(error))


class TestScenario(Case):
    """The page shows a scenario that lab/run runs for real."""

    def test_it_is_there(self):
        from migration_tempest_plugin.tests.scenario import test_live_migration

        page = (EXAMPLES.parent / 'first.rst').read_text()
        shown = 'TestLiveMigration.test_live_migration_to_host'
        self.assertIn(':pyobject: ' + shown, page)
        tests = test_live_migration.TestLiveMigration
        self.assertTrue(callable(tests.test_live_migration_to_host))
