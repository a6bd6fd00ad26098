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

import argparse
import contextlib
import functools
import os
import subprocess
import sys

import testtools

from migration_tempest_plugin.cmd import base
from migration_tempest_plugin.cmd import guest
from migration_tempest_plugin import exceptions
from migration_tempest_plugin import meters
from migration_tempest_plugin.selfcheck import check
from migration_tempest_plugin.selfcheck import cost
from migration_tempest_plugin.selfcheck import many
from migration_tempest_plugin.selfcheck import metadata
from migration_tempest_plugin.selfcheck import network

#: Set in the process that has namespaces of its own, so that it does not ask
#: for them again.
_INSIDE = 'MIGRATION_TEMPEST_PLUGIN_SELFCHECK'


class Selfcheck(base.Command):
    """Make outages of known length here, and say how well they are measured.

    No cloud is needed, and nothing of this machine is changed: client, router
    and server are namespaces, which end with the command; the client is the
    guest that asks for metadata. It exits with 1 if a bound does not hold, if
    an outage was seen that was none, if estimates of the network's are
    further off than one interval and 1 ms, or if bounds of metadata's are
    further apart than is promised.

    With --guest, no outage is made: it says what the metadata meter costs
    that guest, which should have nothing else to do meanwhile. It exits with
    1 if that is more than 8 % of its processors, or if an outage was seen.

    With --many, no outage is made either: it says what it costs this machine
    to ping so many targets at once. It exits with 1 if an outage was seen.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--what', choices=('network', 'metadata'), help='that meter alone'
        )
        parser.add_argument(
            '--thorough',
            action='store_true',
            help='a quarter of an hour instead of a minute: outages from '
            '20 ms to 10 s of the network, at intervals of 10 ms and '
            '1 ms, and 200 targets; from 0.2 to 10 s of metadata',
        )
        parser.add_argument(
            '--beside-tempest',
            action='store_true',
            help="run Tempest's own meters beside ours",
        )
        parser.add_argument(
            '--guest',
            metavar=guest.METAVAR,
            type=guest.guest,
            help='look at a real guest instead, and say what the metadata '
            'meter costs it',
        )
        parser.add_argument(
            '--many',
            type=_targets,
            metavar='NUMBER',
            help='ping so many addresses of this machine instead, and say '
            'what that costs',
        )
        parser.add_argument(
            '--interval',
            type=_interval,
            default=0.05,
            metavar='SECONDS',
            help='from ping to ping of each of --many (%(default)s)',
        )
        parser.add_argument(
            '--seconds',
            type=_seconds,
            default=30.0,
            metavar='SECONDS',
            help='how long to look at --guest with each meter, and without; '
            'how long to ping --many (%(default)s)',
        )
        guest.add_access(parser, '--guest')
        return parser

    def take_action(self, parsed_args):
        base.collect_seldom()
        if parsed_args.guest:
            return self._cost(parsed_args)
        _become_root()
        reason = network.missing(*_programs(parsed_args))
        if reason:
            raise SystemExit(f"The self-check can't run here: {reason}")
        good = True
        for run, text in self._parts(parsed_args):
            result = self._run(run)
            self.app.stdout.write(text(result) + '\n')
            self.app.stdout.flush()
            good = good and result.good
        if not good:
            self.app.stdout.write(
                'NOT GOOD: see the lines above; a machine '
                'that is very busy may be the cause\n'
            )
        return 0 if good else 1

    def _parts(self, parsed_args):
        """Each run, and what makes a text of its result."""
        if parsed_args.many:
            plan = many.Plan(
                parsed_args.many, parsed_args.interval, parsed_args.seconds
            )
            yield functools.partial(many.run, plan, self.say), many.text
            return
        thorough = parsed_args.thorough
        if parsed_args.what != 'metadata':
            meter = self._tempest_meter(parsed_args, 'NetDowntimeMeter')
            for plan in check.THOROUGH if thorough else check.QUICK:
                yield (
                    functools.partial(
                        check.run,
                        plan,
                        self.say,
                        meter if plan.targets == 1 else None,
                    ),
                    check.text,
                )
        if parsed_args.what != 'network':
            meter = self._tempest_meter(parsed_args, 'MetadataDowntimeMeter')
            for plan in metadata.THOROUGH if thorough else metadata.QUICK:
                yield (
                    functools.partial(metadata.run, plan, self.say, meter),
                    metadata.text,
                )

    def _tempest_meter(self, parsed_args, name):
        """A class of Tempest's, where it is wanted and there is one."""
        if not parsed_args.beside_tempest:
            return None
        try:
            from tempest.common.utils import net_downtime
        except ImportError:
            net_downtime = None
        meter = getattr(net_downtime, name, None)
        if meter is None:
            self.say(f'This Tempest has no {name}: its column is left out')
        return meter

    def _run(self, run):
        try:
            return run()
        except testtools.MultipleExceptions as errors:
            # of a fixture that could not be set up
            reason = errors.args[0][1]
        except (
            exceptions.MigrationTestError,
            OSError,
            subprocess.CalledProcessError,
        ) as error:
            reason = error
        output = getattr(reason, 'output', None) or ''
        raise SystemExit(f"The self-check can't run here: {reason}{output}")

    def _cost(self, parsed_args):
        with contextlib.closing(
            guest.host(parsed_args, *parsed_args.guest)
        ) as host:
            result = cost.run(host, parsed_args.seconds, self.say)
        self.app.stdout.write(cost.text(result, host.name) + '\n')
        if not result.good:
            self.app.stdout.write(
                f'NOT GOOD: {cost.OURS} takes more than '
                f'{cost.SHARE * 100:g} % of the guest, or saw an outage\n'
            )
        return 0 if result.good else 1


def _seconds(text):
    """An argument's number of seconds, 1 or more."""
    seconds = base.positive(text)
    if seconds < 1:
        raise argparse.ArgumentTypeError(
            f'{text} s are too few: give it 1 or more'
        )
    return seconds


def _interval(text):
    """An argument's number of seconds from ping to ping."""
    seconds = base.positive(text)
    try:
        meters.NetDowntimeMeter('127.0.0.1', seconds)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return seconds


def _targets(text):
    """An argument's number of targets."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if not 0 < number <= many.MOST:
        raise argparse.ArgumentTypeError(
            f'{text} is no number of targets from 1 to {many.MOST}'
        )
    return number


def _programs(parsed_args):
    """What is needed besides what makes namespaces."""
    if parsed_args.many:
        return
    if parsed_args.what != 'metadata' and parsed_args.beside_tempest:
        yield 'ping'
    if parsed_args.what != 'network':
        yield 'curl'


def _become_root():
    """Without root, go on as the root of namespaces of our own."""
    if os.geteuid() == 0 or os.environ.get(_INSIDE):
        return
    os.environ[_INSIDE] = '1'
    try:
        os.execvp(
            'unshare',
            [
                'unshare',
                '--user',
                '--map-root-user',
                '--net',
                sys.executable,
                *sys.argv,
            ],
        )
    except OSError as error:
        raise SystemExit(
            'Without root, the self-check needs unshare of '
            f'util-linux: {error}'
        ) from error
