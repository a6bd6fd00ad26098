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
import dataclasses
import signal
import threading
import time

from cliff import command
from tempest import clients
from tempest.common import credentials_factory
from tempest.lib import exceptions as lib_exc
import urllib3

from migration_tempest_plugin.cmd import base
from migration_tempest_plugin import config
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.hosts import inventory
from migration_tempest_plugin import microversion
from migration_tempest_plugin.starlingx import policy
from migration_tempest_plugin.starlingx import settings

CONF = config.CONF

#: What is printed once migrations are looked at.
STARTED = 'holding live migrations to their servers\' settings'

# The migration's kind, a server's extra specs, the end of a migration
# (api-ref, "Migrations", "Servers", "Server migrations").
_MIGRATIONS, _SERVERS, _ABORT = '2.23', '2.47', '2.24'


class Policy(command.Command):
    """Hold live migrations to the settings hw:wrs:live_migration_*.

    For a Nova that does not know them itself, for as long as it runs: a live
    migration that takes longer than its server's time-out is aborted, and its
    maximum downtime is kept to its server's. Needs tempest.conf with an
    administrator's credentials, and for the maximum downtime
    [migration-hosts]. Ends on SIGINT and SIGTERM.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--interval', type=base.positive, default=0.5, metavar='SECONDS',
            help='from one look to the next (%(default)s)')
        parser.add_argument(
            '--timeout', type=_whole, default=settings.Defaults.timeout,
            metavar='SECONDS', help='the time-out of servers that say '
            'nothing; 0 for none (%(default)s)')
        parser.add_argument(
            '--max-downtime', type=_whole,
            default=settings.Defaults.max_downtime, metavar='MS',
            help='live_migration_downtime of the hosts\' nova.conf '
                 '(%(default)s)')
        parser.add_argument('--dry-run', action='store_true',
                            help='only say what would be done')
        return parser

    def take_action(self, parsed_args):
        over = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: over.set())
        with contextlib.ExitStack() as stack:
            controller = policy.Controller(
                _Cloud(), _libvirts(stack), settings.Defaults(
                    max_downtime=parsed_args.max_downtime,
                    timeout=parsed_args.timeout),
                self._say, parsed_args.dry_run)
            self._say('%s, every %g s' % (STARTED, parsed_args.interval))
            while not over.is_set():
                self._step(controller)
                over.wait(_pause(parsed_args.interval, controller.next_due))
        return 0

    def _step(self, controller):
        try:
            controller.step(time.monotonic())
        except exceptions.MigrationTestError as error:
            self._say('%s; trying again' % error)

    def _say(self, sentence):
        self.app.stdout.write('%s %s\n' % (
            time.strftime('%Y-%m-%d %H:%M:%S'), sentence))
        self.app.stdout.flush()


def _pause(interval, due):
    """Seconds until the next look: sooner if something is due before it."""
    until = None if due is None else due - time.monotonic()
    # What is overdue could not be done: it is tried at the usual pace.
    return interval if until is None or until <= 0 else min(interval, until)


class _Cloud:
    """What the policy needs of Nova and Glance, as an administrator."""

    def __init__(self):
        try:
            self._clients = clients.Manager(
                credentials_factory.get_configured_admin_credentials())
        except lib_exc.TempestException as error:
            raise SystemExit('tempest.conf, [auth] admin_*: %s' % error)
        self._at_first = {}    # the Sources of each server when first seen

    def migrations(self):
        with _asking('which live migrations run', _MIGRATIONS):
            records = self._clients.migrations_client.list_migrations(
                status='running')['migrations']
        running = [policy.Migration(record['id'], record['instance_uuid'],
                                    record['source_compute'])
                   for record in records
                   if record['migration_type'] == 'live-migration']
        servers = {migration.server for migration in running}
        self._at_first = {server: sources for server, sources
                          in self._at_first.items() if server in servers}
        return running

    def sources(self, server):
        if server not in self._at_first:
            self._at_first[server] = self._sources(server)
            return self._at_first[server]
        # Of the three, it alone can change while a server is migrated. To
        # show all of the server costs Nova a question to Neutron, too.
        with _asking('metadata of server %s' % server, None):
            metadata = self._clients.servers_client.list_server_metadata(
                server)['metadata']
        return dataclasses.replace(self._at_first[server], metadata=metadata)

    def _sources(self, server):
        with _asking('server %s' % server, _SERVERS):
            found = self._clients.servers_client.show_server(
                server)['server']
        return settings.Sources(
            flavor=found['flavor'].get('extra_specs') or {},
            metadata=found['metadata'], image=self._image(found['image']))

    def _image(self, image):
        """The properties of an image; of a volume, nothing is known."""
        if not image:
            return {}
        with _asking('image %s' % image['id'], None):
            return self._clients.image_client_v2.show_image(image['id'])

    def abort(self, migration):
        with _asking('abort migration %s' % migration.id, _ABORT):
            self._clients.servers_client.delete('servers/%s/migrations/%s' % (
                migration.server, migration.id))


@contextlib.contextmanager
def _asking(what, version):
    """Turn the errors of Tempest's clients into CloudErrors."""
    try:
        with microversion.compute(version):
            yield
    except (lib_exc.TempestException, urllib3.exceptions.HTTPError,
            OSError) as error:
        raise exceptions.CloudError('%s: %s: %s' % (
            what, type(error).__name__, error)) from error


def _libvirts(stack):
    """The Libvirt of each host that the options describe."""
    try:
        computes = inventory.computes(CONF.migration_hosts)
    except exceptions.ConfigurationError as error:
        raise SystemExit(str(error))
    for compute in computes.values():
        stack.callback(compute.close)
    return {name: compute.libvirt for name, compute in computes.items()}


def _whole(text):
    if text.isdecimal():
        return int(text)
    raise argparse.ArgumentTypeError('%r is no whole number' % text)
