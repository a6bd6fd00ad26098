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
"""``tempest downtime selfcheck``: how well it measures on this machine."""

import os
import subprocess
import sys

from cliff import command
import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.selfcheck import check
from migration_tempest_plugin.selfcheck import network

#: Set in the process that has namespaces of its own, so that it does not ask
#: for them again.
_INSIDE = 'MIGRATION_TEMPEST_PLUGIN_SELFCHECK'


class Selfcheck(command.Command):
    """Make outages of known length here, and say how well they are measured.

    No cloud is needed, and nothing of this machine is changed: client, router
    and server are network namespaces, which end with the command. It exits
    with 1 if a bound does not hold, if an outage was seen that was none, or
    if estimates are further off than one interval and 1 ms.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--thorough', action='store_true',
            help='some minutes instead of half a one: outages from 20 ms to '
                 '10 s at intervals of 10 ms and 1 ms, and 200 targets')
        parser.add_argument(
            '--beside-tempest', action='store_true',
            help='run Tempest\'s own meter of the network beside ours')
        return parser

    def take_action(self, parsed_args):
        _become_root()
        reason = network.missing(
            *['ping'] if parsed_args.beside_tempest else [])
        if reason:
            raise SystemExit('The self-check can\'t run here: %s' % reason)
        meter = _tempest_meter() if parsed_args.beside_tempest else None
        good = True
        for plan in check.THOROUGH if parsed_args.thorough else check.QUICK:
            result = self._run(plan, meter if plan.targets == 1 else None)
            self.app.stdout.write(check.text(result) + '\n')
            self.app.stdout.flush()
            good = good and result.good
        if not good:
            self.app.stdout.write('NOT GOOD: see the lines above; a machine '
                                  'that is very busy may be the cause\n')
        return 0 if good else 1

    def _run(self, plan, meter):
        def progress(line):
            self.app.stderr.write(line + '\n')

        try:
            return check.run(plan, progress, meter)
        except testtools.MultipleExceptions as errors:
            # of a fixture that could not be set up
            reason = errors.args[0][1]
        except (exceptions.NoMeasurement, OSError,
                subprocess.CalledProcessError) as error:
            reason = error
        raise SystemExit('The self-check can\'t run here: %s%s' % (
            reason, getattr(reason, 'output', None) or ''))


def _become_root():
    """Without root, go on as the root of namespaces of our own."""
    if os.geteuid() == 0 or os.environ.get(_INSIDE):
        return
    os.environ[_INSIDE] = '1'
    try:
        os.execvp('unshare', ['unshare', '--user', '--map-root-user', '--net',
                              sys.executable, *sys.argv])
    except OSError as error:
        raise SystemExit('Without root, the self-check needs unshare of '
                         'util-linux: %s' % error)


def _tempest_meter():
    try:
        from tempest.common.utils import net_downtime
    except ImportError:
        raise SystemExit('This Tempest has no meter of the network: leave '
                         '--beside-tempest out')
    return net_downtime.NetDowntimeMeter
