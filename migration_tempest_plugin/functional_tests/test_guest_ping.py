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
"""The ping inside a guest, with the pings that guests have."""

import os
import shutil

import fixtures
import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.functional_tests import sshd
from migration_tempest_plugin.functional_tests import test_guest_script
from migration_tempest_plugin.meters import guest_ping

#: One that does not know an option, before one that does.
OLD = """\
#!/bin/sh
for word; do
    case $word in
    %s)
        echo "ping: invalid option -- '${word#-}'" >&2
        exit 1
        ;;
    esac
done
exec %s ping "$@"
"""


class TestGuestPing(testtools.TestCase):
    shell = 'dash'

    def setUp(self):
        super().setUp()
        reason = sshd.skip_reason('busybox', 'dash')
        if reason:
            self.skipTest(reason)

    def guest(self, ping):
        """A guest with that ping alone."""
        toolbox = self.useFixture(
            test_guest_script.Toolbox(
                ('sh', shutil.which('dash')),
                'dash',
                'cat',
                'head',
                'tail',
                'sleep',
                ('ping', ping),
            )
        )
        return self.useFixture(sshd.Guest(shell=self.shell, path=toolbox.path))

    def old(self, option):
        """The path of a ping of busybox that has no such option."""
        path = self.useFixture(fixtures.TempDir()).join('ping')
        with open(path, 'w') as file:
            file.write(OLD % (option, shutil.which('busybox')))
        os.chmod(path, 0o755)
        return path

    def meter(self, ping):
        return guest_ping.GuestPingMeter(
            self.guest(ping).connect, '127.0.0.1', 'neighbour'
        )

    def assert_answered(self, ping, interval, times):
        """Each so many seconds, and without an outage."""
        meter = self.useFixture(self.meter(ping))
        for _ in range(times):
            meter.wait_until_up(10)
        timeline = meter.measurement()
        self.assertEqual((interval, ()), (timeline.interval, timeline.outages))

    def test_busybox(self):
        self.assert_answered(shutil.which('busybox'), 0.05, times=20)

    def test_no_interval(self):
        """As before busybox 1.30: a packet each second."""
        self.assert_answered(self.old('-i'), 1.0, times=2)

    def test_no_shell_to_run_it(self):
        """Not what its login prints, but what was wrong."""
        guest = self.useFixture(sshd.Guest(shell='no-such-shell'))
        meter = guest_ping.GuestPingMeter(guest.connect, '127.0.0.1', 'x')
        error = self.assertRaises(testtools.MultipleExceptions, meter.setUp)
        [reason, *_] = [
            value
            for kind, value, _ in error.args
            if kind is exceptions.NoMeasurement
        ]
        self.assertIn('no-such-shell', str(reason))
        self.assertNotIn('notices', str(reason))

    def test_it_can_not_be_told_to_end(self):
        meter = self.meter(self.old('-w'))
        error = self.assertRaises(testtools.MultipleExceptions, meter.setUp)
        [reason, *_] = [
            value
            for kind, value, _ in error.args
            if kind is exceptions.NoMeasurement
        ]
        self.assertIn(
            "it can't be set to end by itself (ping: invalid option -- 'w')",
            str(reason),
        )
