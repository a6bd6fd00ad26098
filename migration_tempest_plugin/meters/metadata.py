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
"""Measures, from inside a guest, how long its metadata service is away."""

import math
import time

import fixtures
from oslo_log import log

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.guest import shell
from migration_tempest_plugin import measurement
from migration_tempest_plugin.meters import metadata_log

LOG = log.getLogger(__name__)

#: Address of the metadata service, by IP version, as it stands in a URL. The
#: IPv6 one is link-local: the guest fills in the interface of its default
#: route.
ADDRESSES = {4: '169.254.169.254', 6: '[fe80::a9fe:a9fe%25@interface@]'}

#: A page that any metadata service has and that costs it little.
INSTANCE_ID_PATH = '/latest/meta-data/instance-id'

#: Seconds between two looks at the guest while something is waited for.
#: Nothing can be told to us across SSH, and each look is a connection whose
#: key exchange takes a small guest a good part of this time.
LOOK_INTERVAL = 1.0


class MetadataDowntimeMeter(fixtures.Fixture):
    """Asks the metadata service from inside a guest, until it is read.

    A script in the guest asks on a fixed schedule and writes down each
    attempt; it is placed when the fixture is set up, and gone, with its
    processes and files, when that is cleaned up. An attempt succeeds if the
    status is 200 and there is a body (with wget: if wget says so and there is
    a body).

    All times are those of the guest's clock (/proc/uptime), which stands
    still while the guest itself is stopped: that time is in no outage, and
    the seconds of an outage are those that the guest could notice.

    What can be told apart is limited by the interval and by how long an
    attempt may hang: to connect_deadline where nothing answers at all, to
    deadline where it connects. With wget, deadline is kept by timeout(1),
    and by old releases of it, as by curl before 7.32, in whole seconds; a
    busybox wget without timeout(1) keeps whole seconds, or no limit if it was
    built so. An attempt that hangs for longer is down all the same.
    ``Timeline.resolution`` says what was reached. The start of the tool in
    the guest is part of each attempt.

    :param ssh_client: anything with ``exec_command(cmd) -> str`` that raises
        if the command does not exit with 0
    :param interval: seconds from the start of an attempt to the next one
    :param connect_deadline: seconds in which an attempt must be connected
    :param deadline: seconds in which an attempt must be answered
    :param lifetime: seconds after which the script in the guest ends by
        itself, should it never be cleaned up
    :param ip_version: 4 or 6, of the service's well-known address
    :param path: what to ask the service for
    :param url: asked instead of address and path, if given
    :ivar guest_cpu: None; the guest does not tell what it takes
    :raises ValueError: for a number that makes no sense
    """

    guest_cpu = None

    def __init__(self, ssh_client, interval=0.2, connect_deadline=0.5,
                 deadline=1.0, lifetime=3600.0, ip_version=4,
                 path=INSTANCE_ID_PATH, url=None):
        if ip_version not in ADDRESSES:
            raise ValueError('ip_version is 4 or 6, not %r' % ip_version)
        for number in (interval, connect_deadline, deadline, lifetime):
            if number < metadata_log.TICK:
                raise ValueError('%r s is less than the guest\'s clock can '
                                 'tell apart (%g s)'
                                 % (number, metadata_log.TICK))
        self.url = url or 'http://' + ADDRESSES[ip_version] + path
        self.interval = interval
        self.deadline = deadline
        self.lifetime = lifetime
        self._script = shell.GuestScript(
            ssh_client, 'metadata_probe',
            [self.url] + ['%.2f' % number for number in (
                interval, connect_deadline, deadline, lifetime)],
            lifetime)
        self._running = False
        self._last = None
        self._wall_start = None
        self._overdue = math.inf   # when the script has ended by itself

    def _setUp(self):
        self.addCleanup(self._stop)
        self._script.start()
        self._wall_start = time.time()
        self._overdue = time.monotonic() + self.lifetime
        self._running = True

    def _stop(self):
        self._running = False
        self._last = self._script.stop() or self._last

    def wait_until_up(self, timeout):
        """Wait until an attempt that began after this call is answered.

        So it says before an operation that there is a baseline, and after it
        that the service is back.

        :param timeout: in seconds
        :returns: when the answered attempt began, for Timeline.since()
        :raises NoMeasurement: if there was no such answer within the
            timeout, or if there can't be one any more
        """
        give_up = time.monotonic() + timeout
        since = None
        while True:
            try:
                state = self._script.state()
            except exceptions.GuestError as error:
                seen = str(error)
            else:
                self._check(state)
                since = state.uptime if since is None else since
                now = metadata_log.parse_now(state.now)
                if now and (now.last_answered or 0) >= since:
                    return now.last_answered
                seen = 'the latest attempt: %s' % (now.state if now else '?')
            if time.monotonic() >= give_up:
                raise self._nothing('the guest got no answer within %g s'
                                    % timeout, seen)
            time.sleep(LOOK_INTERVAL)

    def measurement(self):
        """The Timeline up to now, or up to the clean-up if that is over.

        Whether an attempt that is under way fails is waited for, not longer
        than the deadline: from then on it counts as down since its start.

        :raises NoMeasurement: if the guest can't be reached, was rebooted, or
            is without the script or its log, if there is too little in it, or
            if it is still down: then with the timeline up to now
        """
        reading = self._read()
        attempt = reading.under_way
        while (self._running and attempt and reading.under_way == attempt and
                not reading.hangs(self.deadline)):
            # A connection takes its time: this is no busy loop.
            reading = self._read()
        if reading.unreadable:
            LOG.debug('Left out %d lines of the log in the guest that are '
                      'not whole', reading.unreadable)
        samples = reading.samples(self.deadline)
        if reading.is_emptied or not samples:
            raise self._nothing('the log of the probe in the guest holds no '
                                'attempt', str(reading))
        if not any(sample.answered for sample in samples):
            raise self._nothing('no attempt was answered in time',
                                str(reading))
        return measurement.Timeline(
            'metadata', self.url, samples, self._reached_interval(),
            max(reading.uptime, samples[-1].end), self._wall_start,
            method='%s in the guest' % self._tool(),
            clock='guest').recovered()

    def get_results(self):
        """The numbers of the measurement, by the names of Tempest's meter.

        :returns: {'successes': number of attempts that were answered,
            'failures': number of those that were not, 'downtime': {'PASSED':
            seconds up, 'FAILED': seconds down in sum}}, the seconds as
            estimates
        :raises NoMeasurement: as measurement() does
        """
        timeline = self.measurement()
        down = float(timeline.total)
        up = timeline.ended - timeline.began - down - timeline.unobserved
        return {'successes': timeline.successes,
                'failures': timeline.failures,
                'downtime': {'PASSED': max(up, 0.0), 'FAILED': down}}

    def _read(self):
        if self._running:
            try:
                state = self._script.read()
            except exceptions.GuestError as error:
                raise self._nothing(str(error)) from error
            self._check(state)
            self._last = state
        elif self._last is None:
            raise self._nothing('it was not read from the guest before the '
                                'clean-up, nor could it be then')
        else:
            self._check(self._last)
        return _reading(self._last)

    def _check(self, state):
        """Raise NoMeasurement if the script can't have gone on measuring."""
        if state.boot_id != self._script.boot_id:
            reason = 'the guest was rebooted'
        elif not state.present and time.monotonic() >= self._overdue:
            reason = ('the probe in the guest ended after its lifetime of '
                      '%g s: give it a longer one' % self.lifetime)
        elif not state.present:
            reason = ('the directory of the probe in the guest, %s, is gone'
                      % self._script.directory)
        elif not state.alive:
            reason = 'the probe in the guest is dead: something killed it'
        else:
            return
        raise self._nothing(
            reason, str(_reading(state)) if state.log else None)

    def _nothing(self, reason, seen=None):
        if seen is None and self._last is not None:
            seen = 'last, %s' % _reading(self._last)
        return exceptions.NoMeasurement(
            'metadata of %s: %s' % (self.url, reason), seen)

    def _tool(self):
        return self._script.header.partition(' tool=')[2].partition(' ')[0]

    def _reached_interval(self):
        """The interval, as far as sleep in the guest allows for it."""
        if ' pause=whole ' in self._script.header:
            return float(math.ceil(self.interval))
        return self.interval


def _reading(state):
    return metadata_log.parse(state.log, state.now, state.uptime)
