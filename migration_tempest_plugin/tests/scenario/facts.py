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
"""What a run's records say of the cloud and of the run itself."""

from oslo_log import log
from tempest.lib import exceptions as lib_exc

from migration_tempest_plugin import config
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.report import machine

CONF = config.CONF
LOG = log.getLogger(__name__)

#: Features of the cloud that decide how its servers migrate.
_FEATURES = ('block_migration_for_live_migration',
             'volume_backed_live_migration')

_facts = {}


def facts(admin, computes):
    """All that there is to say, ready for JSON; it is asked for once.

    What can't be asked is None: a run is not worse for it.

    :param admin: Tempest's clients of an administrator
    :param computes: the Compute of each host that can be looked into, by name
    """
    if not _facts:
        _facts.update(_ask(admin, computes))
    return _facts


def _ask(admin, computes):
    return {
        'cloud': {
            'release': CONF.migration.cloud_release or None,
            'region': CONF.identity.region,
            'nova_api': _told(_nova_api, admin),
            'hosts': _told(_hosts, admin),
            'inside': {name: _told(_inside, compute)
                       for name, compute in sorted(computes.items())}},
        'run': machine.facts(),
        'options': {
            'migration': _values('migration', config.MigrationGroup),
            'migration-feature-enabled': _values(
                'migration_feature_enabled', config.FeatureGroup),
            'compute-feature-enabled': {
                name: getattr(CONF.compute_feature_enabled, name)
                for name in _FEATURES}},
        'limits': {option: config.limit(option)
                   for _, option, _ in config.LIMITS}}


def _told(ask, *arguments):
    try:
        return ask(*arguments)
    except (lib_exc.TempestException, exceptions.HostError, KeyError,
            OSError) as error:
        LOG.warning('For the record of this run, %s: %s: %s', ask.__name__,
                    type(error).__name__, error)
        return None


def _nova_api(admin):
    """The newest microversion, which tells Nova's release."""
    return next(each['version'] for each
                in admin.compute_versions_client.list_versions()['versions']
                if each['id'] == 'v2.1')


def _hosts(admin):
    found = admin.hypervisor_client.list_hypervisors(detail=True)
    return [{'name': each['hypervisor_hostname'],
             'hypervisor': '%s %s' % (each['hypervisor_type'],
                                      _dotted(each['hypervisor_version']))}
            for each in found['hypervisors']]


def _dotted(number):
    """libvirt's way to write a version (virConnectGetVersion)."""
    return '%d.%d.%d' % (number // 1000000, number // 1000 % 1000,
                         number % 1000)


def _inside(compute):
    """What a host tells of itself."""
    return {'kernel': compute.host.run('uname', '-r').strip(),
            'libvirt': compute.libvirt.version()}


def _values(group, options):
    return {option.dest: getattr(getattr(CONF, group), option.dest)
            for option in options if not option.secret}
