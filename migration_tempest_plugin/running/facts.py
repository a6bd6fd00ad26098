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
"""What a record says of the run that it is from: cloud, machine, options."""

import collections.abc

from oslo_config import cfg

from migration_tempest_plugin.cloud import api
from migration_tempest_plugin.cloud import facts
from migration_tempest_plugin import config
from migration_tempest_plugin.hosts import inventory
from migration_tempest_plugin.running import machine

CONF = config.CONF

#: Features of the cloud that decide how its servers migrate.
_FEATURES = (
    'block_migration_for_live_migration',
    'volume_backed_live_migration',
)

_of_run: dict[str, object] = {}


def of_run(
    admin: api.Admin, computes: collections.abc.Mapping[str, inventory.Compute]
) -> dict[str, object]:
    """All that there is to say, ready for JSON; it is asked for once.

    :param admin: Tempest's clients of an administrator
    :param computes: the Compute of each host that can be looked into, by name
    """
    if not _of_run:
        _of_run.update(_ask(admin, computes))
    return _of_run


def _ask(
    admin: api.Admin, computes: collections.abc.Mapping[str, inventory.Compute]
) -> dict[str, object]:
    return {
        'cloud': {
            'release': CONF.migration.cloud_release or None,
            'region': CONF.identity.region,
            **facts.facts(admin, computes),
        },
        'run': machine.facts(),
        'options': {
            'migration': _values('migration', config.MigrationGroup),
            'migration-feature-enabled': _values(
                'migration_feature_enabled', config.FeatureGroup
            ),
            'compute-feature-enabled': {
                name: getattr(CONF.compute_feature_enabled, name)
                for name in _FEATURES
            },
        },
        'limits': {
            option: config.limit(option) for option in config.LIMIT_OPTIONS
        },
    }


def _values(
    group: str, options: collections.abc.Iterable[cfg.Opt]
) -> dict[str, object]:
    return {
        option.dest: getattr(getattr(CONF, group), option.dest)
        for option in options
        if not option.secret
    }
