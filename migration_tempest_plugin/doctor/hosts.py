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

from migration_tempest_plugin import config
from migration_tempest_plugin.doctor.finding import bad
from migration_tempest_plugin.doctor.finding import good
from migration_tempest_plugin.doctor.finding import Outcome
from migration_tempest_plugin.doctor.finding import unused
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.hosts import database
from migration_tempest_plugin.hosts import inventory
from migration_tempest_plugin.hosts import ssh

CONF = config.CONF

_GROUP = '[migration-hosts] '


def findings(known):
    """What can be said of the hosts.

    :param known: the names of the hosts that Nova has
    """
    try:
        computes = inventory.computes(CONF.migration_hosts)
    except exceptions.ConfigurationError as error:
        yield bad('description of the hosts', str(error),
                  _GROUP + 'computes, hosts_file')
        return
    if not computes:
        yield unused('looking behind the API', _GROUP + 'computes (or '
                     'hosts_file) says how the compute hosts are reached')
    for name in sorted(set(known) - set(computes)) if computes else ():
        yield bad('host ' + name, 'Nova has it, and nobody says how it is '
                  'reached', _GROUP + 'computes, hosts_file')
    for name in sorted(computes):
        try:
            yield from _host(computes[name])
        finally:
            computes[name].close()
    yield _restarts()
    yield _database()


def _host(compute):
    root = _looked(compute, 'root by SSH', _root, 'user, private_key_file, '
                   'known_hosts_file, become_command')
    yield root
    if root.outcome is Outcome.BAD:
        return  # the others would say the same
    yield _looked(compute, 'libvirt', _libvirt, 'virsh_command')
    yield _looked(compute, 'nova.conf', _nova_conf, 'nova_conf')
    yield _looked(compute, 'nova-compute\'s log', _log,
                  'nova_compute_log, nova_compute_unit')


def _looked(compute, what, look, option):
    what = 'host %s, %s' % (compute.name, what)
    try:
        return good(what, look(compute))
    except (exceptions.HostError, exceptions.ConfigurationError) as error:
        return bad(what, str(error), _GROUP + option)


def _root(compute):
    user = compute.host.run('id', '-u').strip()
    if user != '0':
        raise exceptions.HostError(
            compute.name, ('id', '-u'), 'it is user %s, not root' % user)
    return 'yes'


def _libvirt(compute):
    return 'version ' + compute.libvirt.version()


def _nova_conf(compute):
    compute.nova_conf.get('libvirt', 'virt_type')
    return compute.description.nova_conf


def _log(compute):
    compute.log.mark()
    return compute.description.log or 'the journal of %s' % (
        compute.description.unit)


def _restarts():
    what = 'nova-compute with other options'
    if CONF.migration_hosts.allow_restart:
        return good(what, 'tests may set options and restart it')
    return unused(what, _GROUP + 'allow_restart lets tests set options and '
                  'restart it')


def _database():
    what, options = 'Nova\'s database', CONF.migration_hosts
    if not options.database_connection:
        return unused(what, _GROUP + 'database_connection')
    tunnel = None
    try:
        access = inventory.database_tunnel(options)
        tunnel = ssh.Host(access) if access else None
        database.Database(database.Connection.parse(
            options.database_connection), tunnel).rows('SELECT 1')
    except (exceptions.ConfigurationError, exceptions.DatabaseError,
            exceptions.HostError) as error:
        return bad(what, str(error), _GROUP + 'database_connection, '
                   'database_tunnel')
    finally:
        if tunnel:
            tunnel.close()
    return good(what, 'readable')
