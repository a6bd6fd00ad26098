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
"""A live migration that a process beside the test watches, too."""

import os
import pathlib
import signal
import subprocess
import sys

import fixtures
from tempest.common import utils
from tempest.lib import decorators

from migration_tempest_plugin.cmd import watch
from migration_tempest_plugin import config
from migration_tempest_plugin.report import digest
from migration_tempest_plugin.report import recorded
from migration_tempest_plugin.tests.scenario import base

CONF = config.CONF

#: Seconds that the watch gets to end when it is asked to.
PATIENCE = 60


class TestWatch(base.LiveMigrationScenario):
    @decorators.idempotent_id('0c1d7e52-93a4-4b6f-8e0d-5a2f7b9c3e61')
    @decorators.attr(type=['slow', 'multinode'])
    @utils.services('compute', 'network')
    def test_same_outage_as_watched(self):
        """What an operator's watch measures is what the test measures

        1. Boot a server and reach it by SSH.
        2. In a process of its own, "tempest downtime watch" pings it, asks
           for its clock, and has it ask for its metadata.
        3. Live migrate it, measured by the test.
        4. End the watch as Ctrl-C does. Both say the same of the longest
           outage of the network and of the guest's stop, as far as their
           bounds say.
        """
        guest = self.boot_guest()
        running = self.useFixture(RunningWatch(guest))
        measured = self.live_migrate_measured(guest)
        self.assert_downtime_allowed(measured)
        watched = running.end()
        own = measured.to_dict()
        self.assertEqual(
            _timeline(own, 'network')['target'], watched['server']
        )
        self.assertGreater(watched['guest_clock']['beats'], 100)
        self.assertGreater(_timeline(watched, 'metadata')['successes'], 10)
        for name in ('network', 'guest stopped'):
            ours, theirs = (_longest(each, name) for each in (own, watched))
            self.assertLessEqual(ours['lower'], theirs['upper'], name)
            self.assertLessEqual(theirs['lower'], ours['upper'], name)


def _timeline(migration, what):
    """A recorded timeline, which must be there."""
    [found] = [
        each for each in migration['measurements'] if each.get('what') == what
    ]
    return found


def _longest(migration, name):
    """The longest outage; of the guest, its stops in sum."""
    if name == 'guest stopped':
        return digest.durations(migration)[name]
    return _timeline(migration, name)['longest']


class RunningWatch(fixtures.Fixture):
    """A watch of a guest, in a process of its own."""

    def __init__(self, guest):
        self._guest = guest

    def _setUp(self):
        folder = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self._record, key = folder / 'watch.json', folder / 'key'
        # TempDir is open to its owner alone, and so is this.
        with open(os.open(key, os.O_WRONLY | os.O_CREAT, 0o600), 'w') as file:
            file.write(self._guest.private_key)
        self._process = subprocess.Popen(
            [
                pathlib.Path(sys.executable).parent / 'tempest',
                'downtime',
                'watch',
                '--ssh',
                f'{CONF.validation.image_ssh_user}@{self._guest.address}',
                '--key',
                key,
                '--no-host-key-check',
                '--metadata',
                '--interval',
                '0.01',
                '--output',
                self._record,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.addCleanup(self._process.stdout.close)
        self.addCleanup(self._process.wait)
        self.addCleanup(self._process.kill)
        said = []
        for line in self._process.stdout:
            said.append(line)
            if line.startswith(watch.STARTED):
                return
        raise AssertionError(
            f'tempest downtime watch did not start: {"".join(said)}'
        )

    def end(self):
        """Have it conclude; returns what it recorded of the guest."""
        self._process.send_signal(signal.SIGINT)
        said, _ = self._process.communicate(timeout=PATIENCE)
        if self._process.returncode:
            raise AssertionError(
                'tempest downtime watch ended with '
                f'{self._process.returncode}: {said}'
            )
        [(_, found)] = recorded.read_json(self._record.read_text()).migrations
        return found
