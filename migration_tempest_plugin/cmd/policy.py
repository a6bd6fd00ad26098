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
"""``tempest downtime policy``: StarlingX's settings on a stock Nova."""

import argparse
import contextlib
import signal
import threading
import time

from cliff import command

from migration_tempest_plugin.cloud import api
from migration_tempest_plugin.cloud import starlingx
from migration_tempest_plugin.cmd import base
from migration_tempest_plugin import config
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.hosts import inventory
from migration_tempest_plugin.starlingx import outlook
from migration_tempest_plugin.starlingx import policy
from migration_tempest_plugin.starlingx import settings

CONF = config.CONF

#: What is printed once migrations are looked at.
STARTED = "holding live migrations to their servers' settings"


class Policy(command.Command):
    """Hold live migrations to the settings hw:wrs:live_migration_*.

    For a Nova that does not know them itself, for as long as it runs: a live
    migration that takes longer than its server's time-out is aborted, its
    maximum downtime is kept to its server's, and a server whose settings say
    so is not slowed down where auto-converge is on. Needs tempest.conf with
    an administrator's credentials, and for the last two [migration-hosts].
    Ends on SIGINT and SIGTERM, and puts back then what it holds in QEMU.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--interval',
            type=base.positive,
            default=0.5,
            metavar='SECONDS',
            help='from one look to the next (%(default)s)',
        )
        parser.add_argument(
            '--timeout',
            type=_whole,
            default=settings.Defaults.timeout,
            metavar='SECONDS',
            help='the time-out of servers that say '
            'nothing; 0 for none (%(default)s)',
        )
        parser.add_argument(
            '--max-downtime',
            type=_whole,
            default=settings.Defaults.max_downtime,
            metavar='MS',
            help="live_migration_downtime of the hosts' nova.conf "
            '(%(default)s)',
        )
        parser.add_argument(
            '--dry-run',
            action='store_true',
            help='only say what would be done',
        )
        parser.add_argument(
            '--show',
            metavar='SERVER',
            help='only say which settings a live migration of the server '
            'with this id would have, and where each comes from',
        )
        return parser

    def take_action(self, parsed_args):
        with contextlib.ExitStack() as stack:
            if parsed_args.show is not None:
                self._show(parsed_args, stack)
            else:
                self._hold(parsed_args, stack)
        return 0

    def _show(self, parsed_args, stack):
        features = CONF.migration_feature_enabled
        cloud = _cloud()
        try:
            name = cloud.host(parsed_args.show)
            sources = cloud.sources(parsed_args.show)
        except exceptions.MigrationTestError as error:
            raise SystemExit(_in_a_line(error)) from error
        compute = _computes(stack).get(name)
        lines = outlook.outlook(
            sources,
            _defaults(parsed_args),
            outlook.host_options(
                name,
                compute and compute.nova_conf,
                stock=not features.starlingx_nova,
            ),
            features.starlingx_settings,
        )
        self.app.stdout.writelines(line + '\n' for line in lines)

    def _hold(self, parsed_args, stack):
        over = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: over.set())
        computes = _computes(stack)
        controller = policy.Controller(
            _cloud(),
            {name: each.libvirt for name, each in computes.items()},
            _defaults(parsed_args),
            self._say,
            parsed_args.dry_run,
            nova_confs={
                name: each.nova_conf for name, each in computes.items()
            },
        )
        stack.callback(controller.close)
        self._say(f'{STARTED}, every {parsed_args.interval:g} s')
        while not over.is_set():
            self._step(controller)
            over.wait(_pause(parsed_args.interval, controller.next_due))

    def _step(self, controller):
        try:
            controller.step()
        except exceptions.MigrationTestError as error:
            self._say(f'{error}; trying again')

    def _say(self, sentence):
        now = time.strftime('%Y-%m-%d %H:%M:%S')
        self.app.stdout.write(f'{now} {sentence}\n')
        self.app.stdout.flush()


def _pause(interval, due):
    """Seconds until the next look: sooner if something is due before it."""
    until = None if due is None else due - time.monotonic()
    # What is overdue could not be done: it is tried at the usual pace.
    return interval if until is None or until <= 0 else min(interval, until)


def _cloud():
    """The cloud, as the administrator sees it."""
    try:
        admin = api.admin()
    except api.ERRORS as error:
        raise SystemExit(
            f'tempest.conf, [auth] admin_*: {_in_a_line(error)}'
        ) from error
    return starlingx.Cloud(admin, CONF.service_available.cinder)


def _defaults(parsed_args):
    return settings.Defaults(
        max_downtime=parsed_args.max_downtime, timeout=parsed_args.timeout
    )


def _in_a_line(error):
    """Tempest's errors have several, mostly."""
    return ' '.join(str(error).split())


def _computes(stack):
    """The Compute of each host that the options describe, by its name."""
    try:
        computes = inventory.computes(CONF.migration_hosts)
    except exceptions.ConfigurationError as error:
        raise SystemExit(str(error)) from error
    for compute in computes.values():
        stack.callback(compute.close)
    return computes


def _whole(text):
    if text.isdecimal():
        return int(text)
    raise argparse.ArgumentTypeError(f'{text!r} is no whole number')
