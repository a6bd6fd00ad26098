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
"""The meter of what a guest writes, with a real sshd and a real disk."""

import os
import shutil
import time

import fixtures
import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.functional_tests import sshd
from migration_tempest_plugin.functional_tests import test_guest_checks
from migration_tempest_plugin.functional_tests import test_guest_script
from migration_tempest_plugin.guest import writer
from migration_tempest_plugin import measurement
from migration_tempest_plugin import meters
from migration_tempest_plugin.meters import reading

wait_until = test_guest_script.wait_until

#: A dd for which the disk stalls as long as a file is there.
STALLING_DD = """\
#!/bin/sh
while [ -e {flag} ]; do
    {sleep} 0.01
done
exec {dd} "$@"
"""


@testtools.skipIf(sshd.skip_reason('busybox'), sshd.skip_reason('busybox'))
class TestStalls(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = self.useFixture(
            fixtures.TempDir(rootdir='/var/tmp')
        ).path
        place = self.useFixture(fixtures.TempDir()).path
        self.flag = os.path.join(place, 'stalls')
        dd = os.path.join(place, 'dd')
        with open(dd, 'w') as file:
            file.write(
                STALLING_DD.format(
                    flag=self.flag,
                    sleep=shutil.which('sleep'),
                    dd=shutil.which('dd'),
                )
            )
        os.chmod(dd, 0o755)
        toolbox = self.useFixture(
            test_guest_script.Toolbox(
                ('sh', shutil.which('dash')),
                'dash',
                ('dd', dd),
                *(each for each in test_guest_checks.NEEDED if each != 'dd'),
            )
        )
        self.guest = self.useFixture(
            sshd.Guest(shell='dash', path=toolbox.path)
        )
        self.writer = writer.StorageWriter(
            self.guest.connect, self.folder, 0.02
        )

    def stall(self):
        """Begin to stall; gives the moment."""
        with open(self.flag, 'w'):
            return time.monotonic()

    def go_on(self):
        moment = time.monotonic()
        os.remove(self.flag)
        return moment

    def read(self, meter, since):
        """Its Timeline: a write of a busy machine may be late just then."""
        timeline = reading.read(meter, since, time.monotonic() + 30)
        self.assertIsInstance(timeline, measurement.Timeline, timeline)
        return timeline

    def test_a_stall(self):
        meter = self.useFixture(meters.StorageStallMeter(self.writer))
        since = meter.wait_until_up(30)
        began = self.stall()
        wait_until(lambda: self.writer.silent > 1)
        least = self.go_on() - began
        # The guest looks now and then whether it may go on.
        self.writer.wait_for_records(1)
        most = time.monotonic() - began
        meter.wait_until_up(30)
        timeline = self.read(meter, since)
        longest = max(timeline.outages, key=lambda outage: outage.upper)
        self.assertLessEqual(longest.lower, most)
        self.assertGreaterEqual(longest.upper, least)
        self.assertGreater(longest.lower, 0.5)

    def test_it_still_stalls(self):
        meter = self.useFixture(meters.StorageStallMeter(self.writer))
        meter.wait_until_up(30)
        self.stall()
        wait_until(lambda: self.writer.silent > meter.threshold + 0.1)
        error = self.assertRaises(exceptions.NoMeasurement, meter.measurement)
        self.assertIn('is still down', str(error))
        self.go_on()
        since = meter.wait_until_up(30)
        self.assertGreater(self.read(meter, since).successes, 0)

    def test_nothing_is_left(self):
        with meters.StorageStallMeter(self.writer) as meter:
            meter.wait_until_up(30)
            self.assertGreater(len(os.listdir(self.folder)), 0)
            wait_until(lambda: meter.guest_cpu > 0)
        wait_until(lambda: not os.listdir(self.folder))
        wait_until(lambda: not self.guest.processes())
