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
    ):
        try:
            yield look(admin, what, advice)
        except (*api.ERRORS, KeyError, ValueError) as error:
            yield bad(what, finding.told(error), advice)


def _computes(admin, what, advice):
    computes = services.computes(admin.services_client)
    up = [each['host'] for each in computes if services.is_usable(each)]
    others = [
        '%s is %s, %s' % (each['host'], each['state'], each['status'])
        for each in computes
        if each['host'] not in up
    ]
    said = ', '.join(
        ['%d up (%s)' % (len(up), ', '.join(sorted(up))), *others]
    )
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
            '[compute] min_compute_nodes is %d'
            % CONF.compute.min_compute_nodes,
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
        '%s (%s)' % pair
        for pair in wanted.items()
        if request(pair[1]) > request(newest)
    ]
    if missing:
        return bad(
            what,
            'up to %s: without %s' % (newest, ', '.join(missing)),
            'these parts are left out',
        )
    return good(what, 'up to microversion %s' % newest)


def _migrations(admin, what, advice):
    admin.migrations_client.list_migrations()
    return good(what, 'readable')


def _servers(admin, what, advice):
    admin.servers_client.list_servers(all_tenants=True, limit=1)
    return good(what, 'readable')


def _image(admin, what, advice):
    image = admin.image_client_v2.show_image(CONF.compute.image_ref)
    if image['status'] != 'active':
        return bad(what, '%s is %s' % (image['name'], image['status']), advice)
    return good(
        what,
        '%s; its user is %s ([validation] image_ssh_user)'
        % (image['name'], CONF.validation.image_ssh_user),
    )


def _flavor(admin, what, advice):
    flavor = admin.flavors_client.show_flavor(CONF.compute.flavor_ref)[
        'flavor'
    ]
    return good(what, '%s, %d MiB' % (flavor['name'], flavor['ram']))


def _public_network(admin, what, advice):
    if CONF.validation.connect_method != 'floating':
        return good(
            what,
            'not needed: [validation] connect_method is %s'
            % CONF.validation.connect_method,
        )
    network = admin.networks_client.show_network(
        CONF.network.public_network_id
    )['network']
    if not network['router:external']:
        return bad(
            what, 'network %s is not external' % network['name'], advice
        )
    return good(what, 'from network %s' % network['name'])
