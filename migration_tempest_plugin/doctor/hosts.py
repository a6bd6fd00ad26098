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
"""The compute hosts: whether they can be looked into, as configured.

What is run there reads, and changes nothing.
"""

import contextlib

from migration_tempest_plugin import config
from migration_tempest_plugin.doctor.finding import bad
from migration_tempest_plugin.doctor.finding import differs
from migration_tempest_plugin.doctor.finding import good
from migration_tempest_plugin.doctor.finding import Outcome
from migration_tempest_plugin.doctor.finding import unused
from migration_tempest_plugin.doctor import pairs
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.hosts import database
from migration_tempest_plugin.hosts import facts
from migration_tempest_plugin.hosts import inventory
from migration_tempest_plugin.hosts import ssh

CONF = config.CONF

_GROUP = '[migration-hosts] '

#: Kolla copies from here into a container when that starts.
_KOLLA = '/etc/kolla/'


def findings(known):
    """What can be said of the hosts.

    :param known: the names of the hosts that Nova has
    """
    try:
        computes = inventory.computes(CONF.migration_hosts)
    except exceptions.ConfigurationError as error:
        yield bad(
            'description of the hosts',
            str(error),
            _GROUP + 'computes, hosts_file',
        )
        return
    if not computes:
        yield unused(
            'looking behind the API',
            _GROUP + 'computes (or '
            'hosts_file) says how the compute hosts are reached',
        )
    for name in sorted(set(known) - set(computes)) if computes else ():
        yield bad(
            'host ' + name,
            'Nova has it, and nobody says how it is reached',
            _GROUP + 'computes, hosts_file',
        )
    yield from _hosts(computes)
    yield _restarts()
    yield _database()


def _hosts(computes):
    """Each of them, and each two."""
    with contextlib.ExitStack() as stack:
        seen = {}
        for name in sorted(computes):
            stack.callback(computes[name].close)
            yield from _host(computes[name], seen)
        yield from pairs.findings(
            seen,
            {
                (one, other): facts.way(computes[one], computes[other], seen)
                for one in seen
                for other in seen
                if one != other
            },
            CONF.compute_feature_enabled.block_migration_for_live_migration,
        )


def _host(compute, seen):
    """One of them; what it is goes to those that were seen."""
    root = _looked(
        compute,
        'root by SSH',
        _root,
        'user, private_key_file, known_hosts_file, become_command',
    )
    yield root
    if root.outcome is Outcome.BAD:
        return  # the others would say the same
    found = [
        _looked(compute, 'libvirt', _libvirt, 'virsh_command'),
        _looked(compute, 'nova.conf', _nova_conf, 'nova_conf'),
        _looked(
            compute,
            "nova-compute's log",
            _log,
            'nova_compute_log, nova_compute_unit',
        ),
    ]
    if 'systemctl' in compute.description.commands.start:
        found.append(
            _looked(compute, "nova-compute's unit", _unit, 'nova_compute_unit')
        )
    yield from found
    if Outcome.BAD not in (each.outcome for each in found[:2]):
        yield from _facts(compute, seen)


def _facts(compute, seen):
    what = f'host {compute.name}, '
    try:
        seen[compute.name] = host = facts.look(compute)
    except (exceptions.HostError, exceptions.ConfigurationError) as error:
        yield bad(
            what + 'what it is',
            str(error),
            'it is not compared with the others',
        )
        return
    folder = compute.description.instances
    if host.storage:
        yield good(
            what + 'instances_path',
            f'{folder}, on {" ".join(host.storage)}',
        )
    else:
        yield bad(
            what + 'instances_path',
            f'there is no folder {folder}',
            _GROUP + 'instances_path',
        )
    yield _files(
        what + 'files of nova-compute', host, compute.description.nova_conf
    )
    yield from pairs.certificates(host)


def _files(what, host, nova_conf):
    """Whether the file that is known is what nova-compute runs with.

    :param host: its Facts
    """
    if not host.arguments:
        return bad(
            what,
            'nova-compute does not run',
            'start it; its log says why it ended',
        )
    files = _named(host.arguments) or list(host.default_files)
    if nova_conf.startswith(_KOLLA):
        return good(
            what, f'Kolla copies {nova_conf} when the container starts'
        )
    if nova_conf not in files:
        return bad(
            what,
            f'it runs with {", ".join(files)}, not with {nova_conf}',
            _GROUP + 'nova_conf',
        )
    later = files[files.index(nova_conf) + 1 :]
    if later:
        return differs(
            what,
            f'it reads {", ".join(later)} after {nova_conf}',
            'what is in there wins over what tests set: name the last one, '
            'or keep [libvirt] out of it',
        )
    return good(what, ', '.join(files))


def _named(arguments):
    """The files and folders of options on a command line.

    What comes later wins (oslo.config, ConfigOpts).
    """
    found = []
    for number, argument in enumerate(arguments):
        name, is_one, value = argument.partition('=')
        if name in ('--config-file', '--config-dir'):
            found.append(
                value
                if is_one
                else ''.join(arguments[number + 1 : number + 2])
            )
    return found


def _looked(compute, what, look, option):
    what = f'host {compute.name}, {what}'
    try:
        return good(what, look(compute))
    except (exceptions.HostError, exceptions.ConfigurationError) as error:
        return bad(what, str(error), _GROUP + option)


def _root(compute):
    user = compute.host.run('id', '-u').strip()
    if user != '0':
        raise exceptions.HostError(
            compute.name, ('id', '-u'), f'it is user {user}, not root'
        )
    return 'yes'


def _libvirt(compute):
    return 'version ' + compute.libvirt.version()


def _nova_conf(compute):
    compute.nova_conf.get('libvirt', 'virt_type')
    return compute.description.nova_conf


def _log(compute):
    compute.log.mark()
    return (
        compute.description.log or f'the journal of {compute.description.unit}'
    )


def _unit(compute):
    unit = compute.description.unit
    words = ('systemctl', 'show', '--property=LoadState', unit)
    state = compute.host.run(*words).strip().partition('=')[2]
    if state != 'loaded':
        raise exceptions.HostError(
            compute.name, words, 'it is %s' % (state or 'not known')
        )
    return unit


def _restarts():
    what = 'nova-compute with other options'
    if CONF.migration_hosts.allow_restart:
        return good(what, 'tests may set options and restart it')
    return unused(
        what, _GROUP + 'allow_restart lets tests set options and restart it'
    )


def _database():
    what, options = "Nova's database", CONF.migration_hosts
    if not options.database_connection:
        return unused(what, _GROUP + 'database_connection')
    tunnel = None
    try:
        access = inventory.database_tunnel(options)
        tunnel = ssh.Host(access) if access else None
        database.Database(
            database.Connection.parse(options.database_connection), tunnel
        ).rows('SELECT 1')
    except (
        exceptions.ConfigurationError,
        exceptions.DatabaseError,
        exceptions.HostError,
    ) as error:
        return bad(
            what, str(error), _GROUP + 'database_connection, database_tunnel'
        )
    finally:
        if tunnel:
            tunnel.close()
    return good(what, 'readable')
