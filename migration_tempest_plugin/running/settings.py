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
"""Which settings hold for a server's live migration, for its record."""

import dataclasses

from oslo_log import log

from migration_tempest_plugin.cloud import api
from migration_tempest_plugin.cloud import starlingx
from migration_tempest_plugin import config
from migration_tempest_plugin import exceptions
from migration_tempest_plugin import measurement
from migration_tempest_plugin.measurement import setting
from migration_tempest_plugin.starlingx import settings

CONF = config.CONF
LOG = log.getLogger(__name__)

#: In which order they are told.
_NAMES = tuple(field.name for field in dataclasses.fields(settings.Defaults))


def of_server(
    admin: api.Admin, server: str
) -> tuple[measurement.Setting, ...]:
    """The Settings of a server, as they are now.

    What can't be read, and what makes no sense, is logged as a warning: a
    migration is not worse for it.

    :param admin: Tempest's clients of an administrator
    :param server: its id
    :returns: one for each name; nothing where the computes heed none, or if
        not all of the places can be read in which a server may say them
    """
    if not CONF.migration_feature_enabled.starlingx_settings:
        return ()
    sources = _sources(admin, server)
    if sources is None:
        return ()
    found = settings.resolve(sources, settings.Defaults())
    for sentence in found.ignored:
        LOG.warning('Server %s: %s: it is ignored', server, sentence)
    return tuple(_setting(found, name) for name in _NAMES)


def _sources(admin: api.Admin, server: str) -> settings.Sources | None:
    """All that a server says; None if any of it is not known."""
    cloud = starlingx.Cloud(admin, CONF.service_available.cinder)
    try:
        sources = cloud.sources(server)
    except exceptions.MigrationTestError as error:
        LOG.warning(
            'The settings of server %s are not known: %s', server, error
        )
        return None
    for sentence in sources.unknown:
        LOG.warning(
            'The settings of server %s are not known: %s', server, sentence
        )
    # What is missing may go before what is there.
    return None if sources.unknown else sources


def _setting(found: settings.Settings, name: str) -> measurement.Setting:
    if name not in found.origins:
        # What stands in nova.conf, the API does not say.
        return measurement.Setting(name, None, setting.HOST)
    return measurement.Setting(name, getattr(found, name), found.origins[name])
