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
"""The cloud's APIs: what is there, and what this user may ask.

Everything is a GET.
"""

from tempest.lib.common import api_version_request

from migration_tempest_plugin.cloud import api
from migration_tempest_plugin.cloud import services
from migration_tempest_plugin import config
from migration_tempest_plugin.doctor import finding
from migration_tempest_plugin.doctor.finding import bad
from migration_tempest_plugin.doctor.finding import good
from migration_tempest_plugin.doctor.finding import unused

CONF = config.CONF

_ADMIN = "[auth] admin_* of tempest.conf must be an administrator's"


def findings(admin):
    """What can be said of the cloud.

    :param admin: Tempest's clients of an administrator
    """
    for what, look, advice in (
        ('compute services', _computes, _ADMIN),
        (
            "Nova's API",
            _microversion,
            '[identity] uri_v3, [compute] catalog_type',
        ),
        ('migration records', _migrations, _ADMIN),
        ('servers of all projects', _servers, _ADMIN),
        (
            'image',
            _image,
            '[compute] image_ref must be the id of an active image',
        ),
        ('flavor', _flavor, '[compute] flavor_ref must be the id of a flavor'),
        (
            'floating IPs',
            _public_network,
            (
                '[network] public_network_id '
                'must be the id of an external network; or [validation] '
                'connect_method = fixed'
            ),
        ),
        (
            'volumes',
            _volumes,
            (
                'is Cinder there, and cinder-volume up? Or '
                '[service_available] cinder = false'
            ),
        ),
    ):
        try:
            yield look(admin, what, advice)
        except (*api.ERRORS, KeyError, ValueError) as error:
            yield bad(what, finding.reason(error), advice)


def _computes(admin, what, advice):
    computes = services.computes(admin.services_client)
    up = [each['host'] for each in computes if services.is_usable(each)]
    others = [
        f'{each["host"]} is {each["state"]}, {each["status"]}'
        for each in computes
        if each['host'] not in up
    ]
    names = ', '.join(sorted(up))
    said = ', '.join([f'{len(up)} up ({names})', *others])
    if len(up) < 2:
        return bad(
            what,
            said,
            'a live migration needs two computes that are up and enabled',
        )
    if CONF.compute.min_compute_nodes > len(up):
        return bad(
            what,
            said,
            f'[compute] min_compute_nodes is {CONF.compute.min_compute_nodes}',
        )
    return good(what, said)


def _microversion(admin, what, advice):
    request = api_version_request.APIVersionRequest
    newest = api.newest_microversion(admin)
    wanted = {
        'the progress of migrations': api.PROGRESS,
        'aborting one that waits': api.ABORT,
    }
    missing = [
        f'{part} ({since})'
        for part, since in wanted.items()
        if request(since) > request(newest)
    ]
    if missing:
        return bad(
            what,
            f'up to {newest}: without {", ".join(missing)}',
            'these parts are left out',
        )
    return good(what, f'up to microversion {newest}')


def _migrations(admin, what, advice):
    admin.migrations_client.list_migrations()
    return good(what, 'readable')


def _servers(admin, what, advice):
    admin.servers_client.list_servers(all_tenants=True, limit=1)
    return good(what, 'readable')


def _image(admin, what, advice):
    image = admin.image_client_v2.show_image(CONF.compute.image_ref)
    if image['status'] != 'active':
        return bad(what, f'{image["name"]} is {image["status"]}', advice)
    user = CONF.validation.image_ssh_user
    return good(
        what,
        f'{image["name"]}; its user is {user} ([validation] image_ssh_user)',
    )


def _volumes(admin, what, advice):
    if not CONF.service_available.cinder:
        return unused(
            what,
            '[service_available] cinder = true, where there is Cinder: '
            'servers with volumes are migrated, too',
        )
    up = [
        each['host']
        for each in admin.volume_services_client_latest.list_services()[
            'services'
        ]
        if each['binary'] == 'cinder-volume' and each['state'] == 'up'
    ]
    if not up:
        return bad(what, 'no cinder-volume is up', advice)
    if not CONF.compute_feature_enabled.volume_backed_live_migration:
        return unused(
            what,
            '[compute-feature-enabled] volume_backed_live_migration = true: '
            'servers with volumes are migrated, too',
        )
    return good(what, f'cinder-volume is up on {", ".join(sorted(up))}')


def _flavor(admin, what, advice):
    flavor = admin.flavors_client.show_flavor(CONF.compute.flavor_ref)[
        'flavor'
    ]
    return good(what, f'{flavor["name"]}, {flavor["ram"]} MiB')


def _public_network(admin, what, advice):
    method = CONF.validation.connect_method
    if method != 'floating':
        return good(
            what, f'not needed: [validation] connect_method is {method}'
        )
    network = admin.networks_client.show_network(
        CONF.network.public_network_id
    )['network']
    if not network['router:external']:
        return bad(what, f'network {network["name"]} is not external', advice)
    return good(what, f'from network {network["name"]}')
