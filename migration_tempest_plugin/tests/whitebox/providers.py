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
"""Two ways of saying how a server is to be live-migrated."""

import contextlib
import dataclasses
import os
import pathlib
import re
import subprocess
import sys
import threading

import fixtures
from tempest.lib import exceptions as lib_exc
from testtools import content
from testtools import content_type

from migration_tempest_plugin.cmd import policy
from migration_tempest_plugin import config
from migration_tempest_plugin.starlingx import settings

CONF = config.CONF

#: Within how many seconds of its time something has to happen: Nova and the
#: policy look twice a second, and libvirt takes its time, too.
PUNCTUAL = 3

#: Seconds that Nova may take to end a migration that it is asked to end. It
#: took 2 s where three emulated guests and Nova shared two processors.
ENDING = 5

_ABORTED = r'server {}, .*: aborting it, ([\d.]+) s after it began'


@dataclasses.dataclass(frozen=True)
class Case:
    """How a server is to be live-migrated; what is None is not said.

    :ivar max_downtime: in ms
    :ivar timeout: of the whole migration, in seconds
    """

    auto_converge: bool | None = None
    tunnel: bool | None = None
    max_downtime: int | None = None
    timeout: int | None = None

    def said(self):
        """It as metadata of a server, or extra specs of a flavor."""
        return {
            name: str(value)
            for name, value in (
                (settings.AUTO_CONVERGE, self.auto_converge),
                (settings.TUNNEL, self.tunnel),
                (settings.MAX_DOWNTIME, self.max_downtime),
                (settings.TIMEOUT, self.timeout),
            )
            if value is not None
        }


class PerHost:
    """Says it in nova.conf of the server's host, for all servers there."""

    @staticmethod
    def apply(test, *cases, **further):
        """Have it in force until the test ends.

        :param test: the ReconfiguringScenario
        :param cases: each a guest and its Case; guests of one host have the
            same
        :param further: more options of [libvirt] in nova.conf
        """
        for guest, case in cases:
            test.plan_options(
                test.compute_of(guest),
                **{**PerHost.options(test, guest, case), **further},
            )
        test.configure()

    @staticmethod
    def options(test, guest, case):
        """The options of [libvirt] that say it."""
        options = {
            'live_migration_permit_auto_converge': case.auto_converge,
            'live_migration_tunnelled': case.tunnel,
            'live_migration_downtime': case.max_downtime,
        }
        if case.timeout is not None:
            plan = test.plan_of_timeout(guest, case.timeout)
            options['live_migration_completion_timeout'] = (
                plan.completion_timeout
            )
        return options


class PerServer:
    """Says it in the server's own metadata.

    StarlingX's computes heed that. For others "tempest downtime policy" runs,
    which does what can be done from outside.
    """

    @staticmethod
    def apply(test, *cases, **further):
        """Have it in force until the test ends.

        :param test: the ReconfiguringScenario
        :param cases: each a guest and its Case
        :param further: options of [libvirt] in nova.conf
        """
        for guest, _ in cases:
            test.plan_options(test.compute_of(guest), **further)
        test.configure()
        for guest, case in cases:
            PerServer.say(test, guest, case)
        if not CONF.migration_feature_enabled.starlingx_settings:
            test.useFixture(RunningPolicy())

    @staticmethod
    def say(test, guest, case):
        """Say it in the server's metadata until the test ends.

        Somebody else must heed it.
        """
        said = case.said()
        if said:
            client = test.servers_client
            client.update_server_metadata(guest.id, said)
            for name in said:
                test.addCleanup(_unsay, client, guest.id, name)


def _unsay(client, server, name):
    # A server that is gone, or in ERROR, says nothing to the next test.
    with contextlib.suppress(lib_exc.NotFound, lib_exc.Conflict):
        client.delete_server_metadata_item(server, name)


class RunningPolicy(fixtures.Fixture):
    """The command "tempest downtime policy", as an operator would run it."""

    def _setUp(self):
        self._lines = []
        process = subprocess.Popen(
            [
                str(pathlib.Path(sys.executable).parent / 'tempest'),
                'downtime',
                'policy',
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **_configuration()},
        )
        started = threading.Event()
        reader = threading.Thread(
            target=self._read, daemon=True, args=(process.stdout, started)
        )
        reader.start()
        self.addCleanup(self._end, process, reader)
        self.addDetail(
            'tempest downtime policy',
            content.Content(
                content_type.UTF8_TEXT, lambda: [''.join(self._lines).encode()]
            ),
        )
        if not started.wait(60) or process.poll() is not None:
            raise AssertionError(
                'tempest downtime policy did not start: '
                f'{"".join(self._lines)}'
            )

    def aborted(self, server):
        """Seconds after which it had a server's migration aborted, or None."""
        found = re.search(
            _ABORTED.format(re.escape(server)), ''.join(self._lines)
        )
        return float(found[1]) if found else None

    def _read(self, output, started):
        for line in output:
            self._lines.append(line)
            if policy.STARTED in line:
                started.set()
        # It has ended: nobody need wait any longer.
        started.set()

    def _end(self, process, reader):
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reader.join()
        process.stdout.close()


def _configuration():
    """The variables that name the tempest.conf in use."""
    path = pathlib.Path(CONF.config_file[0]).absolute()
    return {
        'TEMPEST_CONFIG_DIR': str(path.parent),
        'TEMPEST_CONFIG': path.name,
    }
