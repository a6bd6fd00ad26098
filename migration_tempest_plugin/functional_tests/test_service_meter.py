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
"""The meter of services, beside real ones with outages of known length."""

import os
import pathlib
import socket
import subprocess
import threading
import time

import dns.rcode
import fixtures
import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.functional_tests import services
from migration_tempest_plugin.meters import service
from migration_tempest_plugin.meters import service_kinds
from migration_tempest_plugin.selfcheck import network

#: Seconds that anything here may take.
PATIENCE = 30

INTERVAL = 0.05

#: By so many seconds an outage may read longer than it was at the most, at
#: both ends together: an interval at each, and what a busy machine adds.
WIDEST = 2 * INTERVAL + 0.3


class ServiceTest(testtools.TestCase):
    def setUp(self):
        super().setUp()
        reason = network.missing('nft')
        if reason:
            self.skipTest(reason)
        self.network = self.useFixture(network.Network())
        self.folder = pathlib.Path(self.useFixture(fixtures.TempDir()).path)

    def serve(self, server):
        """Set up a server in the server's network."""
        with self.network.server():
            return self.useFixture(server)

    def meter(self, asked, **arguments):
        """A meter of a service, in the client's network."""
        arguments = {'interval': INTERVAL, 'deadline': 1.5, **arguments}
        with self.network.client():
            return self.useFixture(
                service.ServiceDowntimeMeter('it', asked, **arguments)
            )

    def assert_read(self, meter, begin, end, seconds=0.6):
        """An outage, made by two functions, is read as it was."""
        baseline = meter.wait_until_up(PATIENCE)
        with network.inject(begin, end) as injected:
            time.sleep(seconds)
        meter.wait_until_up(PATIENCE)
        [outage] = meter.measurement().since(baseline).outages
        self.assertLessEqual(outage.lower, injected.upper)
        self.assertGreaterEqual(outage.upper, injected.lower)
        self.assertGreater(outage.lower, injected.lower - WIDEST)
        self.assertLess(outage.upper, injected.upper + WIDEST)
        self.assertLessEqual(outage.start, injected.has_begun)
        self.assertGreaterEqual(outage.end, injected.ends)
        return outage

    def assert_never_up(self, meter, said):
        error = self.assertRaises(
            exceptions.NoMeasurement, meter.wait_until_up, 1.0
        )
        self.assertIn(said, str(error))


class TestConnect(ServiceTest):
    def setUp(self):
        super().setUp()
        self.server = self.serve(services.Tcp(network.SERVER))
        self.asked = service_kinds.Connect((network.SERVER, self.server.port))

    def test_refused(self):
        def start():
            with self.network.server():
                self.server.start()

        outage = self.assert_read(
            self.meter(self.asked), self.server.stop, start
        )
        self.assertEqual('connection refused', outage.why)

    def test_no_packet_comes_through(self):
        """The kernel would have repeated it after the outage."""
        outage = self.assert_read(
            self.meter(self.asked), self.network.cut, self.network.mend
        )
        self.assertEqual('the first packet was lost', outage.why)

    def test_a_deadline_before_the_kernel_repeats_it(self):
        outage = self.assert_read(
            self.meter(self.asked, deadline=0.3),
            self.network.cut,
            self.network.mend,
        )
        self.assertEqual('no connection within 0.3 s', outage.why)

    def test_reset(self):
        verdict = 'meta l4proto tcp reject with tcp reset'
        outage = self.assert_read(
            self.meter(self.asked),
            lambda: self.network.cut(verdict),
            lambda: self.network.mend(verdict),
        )
        self.assertEqual('connection refused', outage.why)

    def test_no_way_from_here(self):
        """That says nothing of the service."""
        meter = self.meter(self.asked)
        baseline = meter.wait_until_up(PATIENCE)
        self.route('add')
        time.sleep(1.0)
        self.route('delete')
        meter.wait_until_up(PATIENCE)
        measured = meter.measurement().since(baseline)
        self.assertEqual((), measured.outages)
        self.assertGreater(measured.unobserved, 0.8)

    def route(self, what):
        with self.network.client():
            subprocess.run(
                ['ip', 'route', what, 'unreachable', network.SERVER],
                check=True,
            )

    def test_ipv6(self):
        server = self.serve(services.Tcp(network.SERVER6))
        meter = self.meter(
            service_kinds.Connect((network.SERVER6, server.port))
        )
        meter.wait_until_up(PATIENCE)
        self.assertIn(network.SERVER6, meter.measurement().method)


class TestHttp(ServiceTest):
    def http(self, server, **arguments):
        return service_kinds.Http((network.SERVER, server.port), **arguments)

    def test_a_status_that_is_not_good(self):
        server = self.serve(services.Http(network.SERVER))

        def answer(status):
            server.status = status

        outage = self.assert_read(
            self.meter(self.http(server)),
            lambda: answer(503),
            lambda: answer(302),
        )
        self.assertEqual('HTTP 503 Service Unavailable', outage.why)

    def test_a_status_that_is_asked_for(self):
        server = self.serve(services.Http(network.SERVER))
        server.status = 401
        self.assert_never_up(
            self.meter(self.http(server)), 'HTTP 401 Unauthorized'
        )
        self.meter(self.http(server, statuses=((401, 401),))).wait_until_up(
            PATIENCE
        )

    def test_no_packet_comes_through(self):
        server = self.serve(services.Http(network.SERVER))
        self.assert_read(
            self.meter(self.http(server)), self.network.cut, self.network.mend
        )

    def test_a_page_of_some_size(self):
        server = self.serve(services.Http(network.SERVER))
        server.body = bytes(1 << 20)
        meter = self.meter(self.http(server))
        meter.wait_until_up(PATIENCE)
        self.assertEqual({}, meter.measurement().reasons)

    def test_nobody_answers(self):
        """A connection is accepted, and that is all."""
        server = self.serve(services.Silent(network.SERVER))
        meter = self.meter(self.http(server), deadline=0.3)
        self.assert_never_up(meter, 'no answer within 0.3 s')

    def test_a_certificate_that_is_valid(self):
        certificate = services.Certificate(self.folder, network.SERVER)
        self.useFixture(
            fixtures.EnvironmentVariable(
                'SSL_CERT_FILE', str(certificate.path)
            )
        )
        server = self.serve(services.Http(network.SERVER, certificate))
        expired = services.Certificate(self.folder, network.SERVER, days=-1)

        def show(other):
            server.certificate = other

        outage = self.assert_read(
            self.meter(self.http(server, secure=True), interval=0.1),
            lambda: show(expired),
            lambda: show(certificate),
        )
        self.assertRegex(
            outage.why, '^certificate: (self-signed|certificate has expired)'
        )

    def test_a_certificate_that_nobody_trusts(self):
        certificate = services.Certificate(self.folder, network.SERVER)
        server = self.serve(services.Http(network.SERVER, certificate))
        self.assert_never_up(
            self.meter(self.http(server, secure=True)),
            'certificate: self-signed certificate',
        )
        self.meter(self.http(server, secure=True, check=False)).wait_until_up(
            PATIENCE
        )

    def test_a_certificate_of_another(self):
        certificate = services.Certificate(self.folder, '192.0.2.1')
        self.useFixture(
            fixtures.EnvironmentVariable(
                'SSL_CERT_FILE', str(certificate.path)
            )
        )
        server = self.serve(services.Http(network.SERVER, certificate))
        self.assert_never_up(
            self.meter(self.http(server, secure=True)),
            'certificate: IP address mismatch',
        )

    def test_no_tls(self):
        server = self.serve(services.Http(network.SERVER))
        self.assert_never_up(
            self.meter(self.http(server, secure=True)), 'TLS: '
        )


class TestKept(ServiceTest):
    def kept(self, **arguments):
        self.server = self.serve(services.Http(network.SERVER))
        page = service_kinds.Http((network.SERVER, self.server.port))
        return self.meter(service_kinds.Kept(page), **arguments)

    def answers(self, meter, number):
        """Wait for so many more."""
        for _ in range(number):
            meter.wait_until_up(PATIENCE)

    def test_it_is_one(self):
        meter = self.kept()
        self.answers(meter, 10)
        self.assertEqual({}, meter.measurement().reasons)
        self.assertEqual(1, len(self.server.connections))

    def test_one_that_is_lost(self):
        """It is counted, and another one is opened."""
        meter = self.kept()
        baseline = meter.wait_until_up(PATIENCE)
        for number in (1, 2):
            self.answers(meter, 2)
            self.assertEqual(number, len(self.server.connections))
            self.server.connections[-1].shutdown(socket.SHUT_RDWR)
            self.answers(meter, 2)
        measured = meter.measurement().since(baseline)
        self.assertEqual([1, 1], [each.failures for each in measured.outages])
        self.assertLess(measured.longest.upper, 1.0)
        self.assertEqual(
            2,
            sum(
                count
                for why, count in measured.reasons.items()
                if why.startswith('the connection was lost: ')
            ),
        )

    def test_one_that_is_closed_as_it_was_said(self):
        meter = self.kept()
        self.server.keeps = False
        self.answers(meter, 5)
        self.assertEqual({}, meter.measurement().reasons)
        self.assertGreater(len(self.server.connections), 3)

    def test_no_packet_comes_through(self):
        outage = self.assert_read(
            self.kept(deadline=0.2), self.network.cut, self.network.mend
        )
        self.assertIn('within 0.2 s', outage.why)

    def test_what_the_kernel_repeats_in_time(self):
        """That is no outage, and the resolution says so."""
        meter = self.kept(deadline=5.0)
        baseline = meter.wait_until_up(PATIENCE)
        with self.network.outage():
            time.sleep(0.5)
        meter.wait_until_up(PATIENCE)
        measured = meter.measurement().since(baseline)
        self.assertEqual((), measured.outages)
        self.assertGreater(measured.resolution, 0.45)
        self.assertEqual(1, len(self.server.connections))

    def test_a_status_that_is_not_good(self):
        """It is an answer: the connection is kept."""
        meter = self.kept()

        def answer(status):
            self.server.status = status

        outage = self.assert_read(
            meter, lambda: answer(500), lambda: answer(200)
        )
        self.assertEqual('HTTP 500 Internal Server Error', outage.why)
        self.assertEqual(1, len(self.server.connections))


class TestKeptTcp(ServiceTest):
    """Nothing is said over it, but by the kernel."""

    def kept(self):
        self.server = self.serve(services.Tcp(network.SERVER, keeps=True))
        asked = service_kinds.KeptTcp((network.SERVER, self.server.port))
        return self.meter(asked, deadline=2.5)

    def test_it_is_one(self):
        meter = self.kept()
        for _ in range(3):
            meter.wait_until_up(PATIENCE)
        measured = meter.measurement()
        self.assertEqual((), measured.outages)
        self.assertEqual({}, measured.reasons)
        # How long an answer to a keepalive took, nobody knows.
        self.assertLessEqual(measured.round_trips.percentiles().count, 1)
        self.assertEqual(1, len(self.server.connections))
        self.assertTrue(0.9 < measured.resolution < 2.0, measured.resolution)

    def test_one_that_is_lost(self):
        """It is counted, and another one is opened."""
        meter = self.kept()
        baseline = meter.wait_until_up(PATIENCE)
        meter.wait_until_up(PATIENCE)
        self.server.connections[-1].shutdown(socket.SHUT_RDWR)
        meter.wait_until_up(PATIENCE)
        measured = meter.measurement().since(baseline)
        self.assertEqual(
            {'the connection was lost: the service closed it': 1},
            measured.reasons,
        )
        # The kernel has answered before the server accepts it.
        self.server.await_connections(2, PATIENCE)

    def test_it_survives_an_outage(self):
        meter = self.kept()
        baseline = meter.wait_until_up(PATIENCE)
        with self.network.outage() as injected:
            time.sleep(4.0)
        meter.wait_until_up(PATIENCE)
        [outage] = meter.measurement().since(baseline).outages
        self.assertLessEqual(outage.lower, injected.upper)
        self.assertGreaterEqual(outage.upper, injected.lower)
        self.assertLess(outage.upper, injected.upper + 2 * 1.0 + WIDEST)
        self.assertEqual('no answer to a keepalive within 2.5 s', outage.why)
        self.assertEqual(1, len(self.server.connections))


class TestDns(ServiceTest):
    def setUp(self):
        super().setUp()
        self.server = self.serve(services.Dns(network.SERVER, 'vip.example'))

    def dns(self, name='vip.example'):
        return service_kinds.Dns((network.SERVER, self.server.port), name)

    def test_servfail(self):
        def answer(code):
            self.server.code = code

        outage = self.assert_read(
            self.meter(self.dns()),
            lambda: answer(dns.rcode.SERVFAIL),
            lambda: answer(None),
        )
        self.assertEqual('SERVFAIL', outage.why)

    def test_no_answer(self):
        def be(silent):
            self.server.silent = silent

        outage = self.assert_read(
            self.meter(self.dns(), deadline=0.5),
            lambda: be(True),
            lambda: be(False),
        )
        self.assertEqual('no answer within 0.5 s', outage.why)

    def test_no_packet_comes_through(self):
        self.assert_read(
            self.meter(self.dns(), deadline=0.5),
            self.network.cut,
            self.network.mend,
        )

    def test_no_such_name(self):
        self.assert_never_up(self.meter(self.dns('x.example')), 'NXDOMAIN')

    def test_no_address(self):
        self.server.code = dns.rcode.NOERROR
        self.assert_never_up(self.meter(self.dns()), 'has no IPv4 address')

    def test_nobody_listens(self):
        asked = service_kinds.Dns((network.SERVER, 9), 'vip.example')
        self.assert_never_up(self.meter(asked), 'connection refused')


class TestSchedule(ServiceTest):
    def test_it_is_kept_in_an_outage(self):
        """What waits until its deadline holds up nothing."""
        server = self.serve(services.Tcp(network.SERVER))
        taken = []
        meter = self.meter(
            service_kinds.Connect((network.SERVER, server.port)),
            deadline=0.5,
            sink=taken.append,
        )
        meter.wait_until_up(PATIENCE)
        with self.network.outage():
            time.sleep(2)
        meter.wait_until_up(PATIENCE)
        measured = meter.measurement()
        [outage] = measured.outages
        # One after the other, it would be four; a busy machine sends less.
        self.assertGreater(outage.failures, 1 / INTERVAL)
        self.assertEqual(len(taken), len({each.start for each in taken}))

    def test_nothing_is_left(self):
        server = self.serve(services.Tcp(network.SERVER))
        threads = threading.active_count()
        files = os.listdir('/proc/self/fd')
        meter = service.ServiceDowntimeMeter(
            'it',
            service_kinds.Connect((network.SERVER, server.port)),
            INTERVAL,
            0.5,
        )
        with self.network.client():
            meter.setUp()
        meter.wait_until_up(PATIENCE)
        with self.network.outage():
            time.sleep(0.3)
            meter.cleanUp()
        self.assertEqual(threads, threading.active_count())
        self.assertEqual(len(files), len(os.listdir('/proc/self/fd')))
