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

import http.client
import itertools
import socket
import ssl
import threading
import time

import dns.exception
import fixtures
import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.measurement import Probing
from migration_tempest_plugin.meters import service
from migration_tempest_plugin.meters import service_attempt
from migration_tempest_plugin.meters import service_kinds

#: Seconds that anything here may take.
PATIENCE = 10


class FakeService:
    """Does what a test says.

    :param becomes: called with the number of the probe, from 0 on, once it
        was sent
    """

    what, method, place = 'connect', 'a fake', ('127.0.0.1', 1)
    probing = Probing.INDEPENDENT

    def __init__(self, becomes):
        self.becomes = becomes
        self.asked = 0
        self.closed = False

    def ask(self, address, attempt):
        number, self.asked = self.asked, self.asked + 1
        with attempt.sending():
            pass
        self.becomes(number)

    def close(self):
        self.closed = True


class Case(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.taken = []
        self.changed = threading.Condition()

    def take(self, sample):
        with self.changed:
            self.taken.append(sample)
            self.changed.notify_all()

    def await_taken(self, enough):
        """Wait until so many samples were taken."""
        with self.changed:
            self.assertTrue(
                self.changed.wait_for(
                    lambda: len(self.taken) >= enough, PATIENCE
                )
            )
            return list(self.taken)

    def meter(self, becomes, interval=0.01, deadline=0.1):
        return self.useFixture(
            service.ServiceDowntimeMeter(
                'x:1', FakeService(becomes), interval, deadline, self.take
            )
        )

    def no_measurement(self, function, *arguments):
        return str(
            self.assertRaises(exceptions.NoMeasurement, function, *arguments)
        )


class TestMeter(Case):
    def test_up(self):
        meter = self.meter(lambda number: None)
        baseline = meter.wait_until_up(PATIENCE)
        self.await_taken(10)
        measured = meter.measurement().since(baseline)
        self.assertEqual((), measured.outages)
        self.assertEqual(baseline, measured.began)
        self.assertEqual({}, measured.reasons)
        self.assertEqual(0.0, meter.get_downtime())
        self.assertEqual('a fake to 127.0.0.1', measured.method)

    def test_an_outage(self):
        def becomes(number):
            if number in (5, 6, 8):
                raise service_kinds.Failed('HTTP 503')
            if number == 7:
                raise ConnectionRefusedError

        meter = self.meter(becomes)
        baseline = meter.wait_until_up(PATIENCE)
        self.await_taken(12)
        [outage] = meter.measurement().since(baseline).outages
        self.assertEqual(4, outage.failures)
        self.assertEqual('HTTP 503', outage.why)
        self.assertEqual(
            {'HTTP 503': 3, 'connection refused': 1},
            meter.measurement().reasons,
        )

    def test_a_probe_that_waits_holds_up_no_other(self):
        go_on = threading.Event()
        self.addCleanup(go_on.set)

        def becomes(number):
            if number == 2:
                go_on.wait(PATIENCE)

        meter = self.meter(becomes, deadline=PATIENCE)
        self.await_taken(8)
        known = meter.known
        go_on.set()
        waited = max(self.await_taken(9), key=lambda each: each.delay)
        self.assertEqual(known, waited.start)
        self.assertGreater(meter.known, known)
        # They were sent as planned, those behind it, too.
        starts = sorted(each.start for each in self.taken)
        self.assertLess(starts.index(waited.start), len(starts) - 3)

    def test_each_waits_for_the_one_before(self):
        fake = FakeService(lambda number: time.sleep(0.05))
        fake.probing = Probing.SEQUENTIAL
        meter = service.ServiceDowntimeMeter('x:1', fake, 0.01, 1.0, self.take)
        with meter:
            self.await_taken(5)
        for before, after in itertools.pairwise(self.taken):
            self.assertLessEqual(before.end, after.start)
        self.assertIs(Probing.SEQUENTIAL, meter.measurement().probing)
        self.assertNotIn('could not be sent', meter._seen())
        self.assertTrue(fake.closed)

    def test_no_more_can_be_sent(self):
        """What was not sent says nothing of the service."""
        go_on = threading.Event()
        self.addCleanup(go_on.set)

        def becomes(number):
            if number > 1:
                go_on.wait(PATIENCE)

        meter = self.meter(becomes, deadline=0.02)
        probes = meter._probes
        with probes._changed:
            self.assertTrue(
                probes._changed.wait_for(lambda: probes._unsent, PATIENCE)
            )
        self.assertIn('those before them did not end', probes.said())
        self.assertEqual(2, len(self.taken))
        go_on.set()
        with self.changed:
            self.assertTrue(
                self.changed.wait_for(
                    lambda: any(each.late for each in self.taken),
                    PATIENCE,
                )
            )
        self.assertEqual(
            {'answered after the deadline'},
            {each.why for each in self.taken if each.late},
        )

    def test_what_could_not_be_sent(self):
        def becomes(number):
            raise service_attempt.Unsent('Network is unreachable')

        meter = self.meter(becomes)
        error = self.no_measurement(meter.wait_until_up, 0.1)
        self.assertIn('x:1 gave no good answer within 0.1 s', error)
        self.assertIn('could not be sent from here: Network is unr', error)
        self.assertEqual([], self.taken)

    def test_still_down(self):
        def becomes(number):
            if number > 3:
                raise service_kinds.Failed('NXDOMAIN')

        meter = self.meter(becomes)
        meter.wait_until_up(PATIENCE)
        self.await_taken(8)
        error = self.no_measurement(meter.measurement)
        self.assertIn('is still down', error)
        self.assertRegex(error, r'; \d+ failed: NXDOMAIN')

    def test_never_up(self):
        def becomes(number):
            raise service_kinds.Failed('SERVFAIL')

        meter = self.meter(becomes)
        self.await_taken(3)
        self.assertRegex(
            self.no_measurement(meter.wait_until_up, 0.05),
            r'no good answer within 0\.05 s\. Seen: \d+ probes that failed'
            r'.*; \d+ failed: SERVFAIL',
        )

    def test_an_error_of_the_plugin(self):
        def becomes(number):
            raise TypeError('no such thing')

        meter = self.meter(becomes)
        error = self.no_measurement(meter.wait_until_up, PATIENCE)
        self.assertIn("TypeError('no such thing')", error)

    def test_what_was_seen_stays(self):
        before = threading.active_count()
        meter = service.ServiceDowntimeMeter(
            'x:1', FakeService(lambda number: None), 0.01, 0.1, self.take
        )
        meter.setUp()
        meter.wait_until_up(PATIENCE)
        self.await_taken(5)
        meter.cleanUp()
        self.assertEqual(before, threading.active_count())
        taken = len(self.taken)
        self.assertEqual(taken, meter.measurement().successes)
        self.assertLessEqual(self.taken[-1].start, meter.known)

    def test_little_is_kept(self):
        for name in ('_FOLD', '_WHOLE'):
            self.useFixture(
                fixtures.MonkeyPatch(
                    'migration_tempest_plugin.meters.service_probes.' + name,
                    0.0,
                )
            )
        meter = self.meter(lambda number: None)
        taken = self.await_taken(60)
        measured = meter.measurement()
        self.assertGreaterEqual(measured.successes, len(taken))
        self.assertLess(len(measured.samples), len(taken) - 20)

    def test_no_such_host(self):
        meter = service.ServiceDowntimeMeter(
            'x', service_kinds.Connect(('no host', 1))
        )
        self.assertIn(
            "no address was found for 'no host' of x",
            str(self.assertRaises(testtools.MultipleExceptions, meter.setUp)),
        )

    def test_numbers_that_make_no_sense(self):
        for interval, deadline in (
            (0.001, 1),
            (1, 0),
            (float('nan'), 1),
            (1, 601),
        ):
            self.assertRaises(
                ValueError,
                service.ServiceDowntimeMeter,
                'x',
                service_kinds.Connect(('x', 1)),
                interval,
                deadline,
            )

    def test_not_set_up(self):
        meter = service.ServiceDowntimeMeter(
            'x:1', service_kinds.Connect(('x', 1))
        )
        self.assertIn(
            'x:1 was not set up', self.no_measurement(meter.measurement)
        )


class TestAttempt(testtools.TestCase):
    def test_not_sent(self):
        attempt = service_attempt.Attempt(1.0)
        self.assertEqual(1.0, attempt.remaining())
        error = self.assertRaises(
            service_attempt.Unsent, attempt.sample, 'no file descriptor'
        )
        self.assertEqual('no file descriptor', str(error))

    def test_it_can_not_be_sent(self):
        attempt = service_attempt.Attempt(1.0)
        with testtools.ExpectedException(
            service_attempt.Unsent, 'Network is unreachable'
        ):
            with attempt.sending():
                raise OSError(101, 'Network is unreachable')

    def test_refused_at_once(self):
        """Of this machine: that is an answer of it."""
        attempt = service_attempt.Attempt(1.0)
        with testtools.ExpectedException(ConnectionRefusedError):
            with attempt.sending():
                raise ConnectionRefusedError
        sample = attempt.sample('connection refused')
        self.assertEqual(
            (False, False, 'connection refused'),
            (sample.answered, sample.late, sample.why),
        )

    def test_over(self):
        attempt = service_attempt.Attempt(
            1.0, begin=lambda: time.monotonic() - 5
        )
        with attempt.sending():
            pass
        attempt.slack = 0.0
        self.assertRaises(TimeoutError, attempt.remaining)
        self.assertTrue(attempt.sample('').late)

    def test_answered(self):
        attempt = service_attempt.Attempt(10.0)
        with attempt.sending():
            pass
        sample = attempt.sample('')
        self.assertEqual(
            (attempt.start, True, '', 0.0),
            (sample.start, sample.answered, sample.why, sample.slack),
        )


class TestReasons(testtools.TestCase):
    def test_each_for_people(self):
        attempt = service_attempt.Attempt(2.0)
        attempt.stage = 'no connection'
        certificate = ssl.SSLCertVerificationError()
        certificate.verify_message = 'certificate has expired'
        for error, said in (
            (TimeoutError(), 'no connection within 2 s'),
            (ConnectionRefusedError(), 'connection refused'),
            (ConnectionResetError(), 'the connection was reset'),
            (
                http.client.RemoteDisconnected(),
                'the connection was closed without an answer',
            ),
            (certificate, 'certificate: certificate has expired'),
            (OSError(113, 'No route to host'), 'No route to host'),
            (
                http.client.BadStatusLine('SSH-2.0'),
                'no HTTP came: BadStatusLine',
            ),
            (
                http.client.IncompleteRead(b'', 7),
                'the answer ended in the middle',
            ),
            (dns.exception.FormError(), 'no DNS came: FormError'),
            (service_kinds.Failed('HTTP 500'), 'HTTP 500'),
        ):
            self.assertEqual(said, service_kinds.reason(error, attempt))


class TestConnect(testtools.TestCase):
    """On this machine alone; see also the functional tests."""

    def ask(self, service_, address):
        attempt = service_attempt.Attempt(PATIENCE)
        service_.ask(address, attempt)
        return attempt.sample('')

    def test_accepted_and_refused(self):
        asked = service_kinds.Connect(('127.0.0.1', 1))
        with socket.create_server(('127.0.0.1', 0)) as server:
            address = server.getsockname()
            self.assertTrue(self.ask(asked, address).answered)
        self.assertRaises(ConnectionRefusedError, self.ask, asked, address)

    def test_another_protocol(self):
        """What answers is no HTTP."""
        asked = service_kinds.Http(('127.0.0.1', 1))
        with socket.create_server(('127.0.0.1', 0)) as server:

            def greet():
                client, _ = server.accept()
                with client:
                    client.sendall(b'SSH-2.0-OpenSSH_9.2\r\n')
                    client.recv(1 << 16)

            thread = threading.Thread(target=greet)
            thread.start()
            self.addCleanup(thread.join)
            self.assertRaises(
                http.client.BadStatusLine,
                self.ask,
                asked,
                server.getsockname(),
            )
