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
"""Every kind of migration, as data, and the tests that are made of it."""

import dataclasses

from tempest.common import utils
from tempest.lib import decorators

from migration_tempest_plugin import config

CONF = config.CONF


@dataclasses.dataclass(frozen=True)
class Need:
    """What a cloud must have, or must not, by an option.

    :ivar value: what the option must be
    """

    group: str
    option: str
    value: bool = True

    def missing(self):
        """Why there is nothing to test, or None."""
        if getattr(getattr(CONF, self.group), self.option) == self.value:
            return None
        group = (
            self.group.replace('_', '-')
            if 'feature' in self.group
            else self.group
        )
        return f'[{group}] {self.option} is {str(not self.value).lower()}'


_LIVE = Need('compute_feature_enabled', 'live_migration')
_COPIED = Need('compute_feature_enabled', 'block_migration_for_live_migration')
_NOT_COPIED = dataclasses.replace(_COPIED, value=False)
#: What it takes to live migrate a server with volumes.
VOLUMES = (
    Need('service_available', 'cinder'),
    Need('compute_feature_enabled', 'volume_backed_live_migration'),
)
_POST_COPY = Need('migration_feature_enabled', 'post_copy')


@dataclasses.dataclass(frozen=True)
class Variant:
    """One kind of migration.

    :ivar name: of it, which is part of its test's name
    :ivar id: of its test
    :ivar title: one line about it
    :ivar needs: the Needs of it
    :ivar how: the method of the test class that migrates so
    :ivar boot: the method of the test class that boots the server
    :ivar nova_conf: the options of [libvirt] that make it so, on both hosts;
        None for as they are
    :ivar qemu: what QEMU must have then, by QEMU's names
    :ivar busy: whether the guest must write to its memory all the time
    :ivar volumes: whether the server has volumes
    :ivar mounted: whether the guest writes to one that is not its first disk
    :ivar back: whether it is migrated back, too: both hosts matter then
    """

    name: str
    id: str
    title: str
    needs: tuple = ()
    how: str = 'migrate_live'
    boot: str = 'boot_guest'
    nova_conf: dict | None = None
    qemu: dict = dataclasses.field(default_factory=dict)
    busy: bool = False
    volumes: bool = False
    mounted: bool = False
    back: bool = True


#: Those that are set by nothing but the API.
BY_API = (
    Variant(
        'pre_copy_block',
        '7a1b3f0e-84a5-4f0c-9a2b-1c9f6a0d8e11',
        'Memory is copied while the guest runs, and its disk, too',
        (_LIVE, _COPIED),
    ),
    Variant(
        'pre_copy_shared',
        '1f6b9c52-0e7d-4a3c-8d44-6b2e5f7a9c02',
        'Memory is copied while the guest runs; its disk is shared',
        (_LIVE, _NOT_COPIED),
    ),
    Variant(
        'pre_copy_volume',
        '9e4d7a63-5b1c-4c8f-b0e6-3a7d2c5f8b93',
        'Memory is copied while the guest runs; its disk is a volume',
        (_LIVE, *VOLUMES),
        boot='boot_from_volume',
        volumes=True,
    ),
    Variant(
        'second_volume',
        '0d6c7b8e-52f1-4c3a-9be4-71a8c5e2f016',
        'The guest writes to a volume that is attached to the server, too',
        (_LIVE, *VOLUMES),
        boot='boot_with_second_volume',
        volumes=True,
        mounted=True,
    ),
    Variant(
        'attached_meanwhile',
        '5e1f0a97-c8d4-4b26-8f73-92d6b0e4a3c1',
        'A volume is to be attached while the server is migrated',
        (_LIVE, *VOLUMES),
        how='migrate_while_attaching',
        boot='boot_from_volume',
        volumes=True,
        back=False,
    ),
    Variant(
        'multiattach',
        'f27b9d40-3a6e-4d15-b0c8-6e5a1f9d7c32',
        'Another server has the same volume attached',
        (
            _LIVE,
            *VOLUMES,
            Need('compute_feature_enabled', 'volume_multiattach'),
        ),
        boot='boot_with_shared_volume',
        volumes=True,
        back=False,
    ),
    Variant(
        'paused',
        '3c8e2d74-6f9a-4b1d-a5c7-8e0f1b3d6a84',
        'The server is paused, and stays so',
        (_LIVE, Need('compute_feature_enabled', 'pause')),
        how='migrate_paused',
    ),
    Variant(
        'cold',
        'b5d0f685-7a2c-4e9b-9f18-4c6a8e1d3b75',
        'The server is shut down, moved, and started ("offline")',
        (Need('compute_feature_enabled', 'cold_migration'),),
        how='migrate_cold',
    ),
)

#: Those that nova.conf of the hosts sets.
BY_NOVA_CONF = (
    Variant(
        'auto_converge',
        'd2a7c896-1b3e-4f5d-8c29-7e9b0a4f6d66',
        'The guest may be slowed down',
        (_LIVE,),
        nova_conf={
            'live_migration_permit_auto_converge': True,
            'live_migration_permit_post_copy': False,
        },
        qemu={'auto-converge': True},
    ),
    Variant(
        'post_copy_by_nova',
        '4e9f1ba7-2c5d-4a6e-b73a-0d8c5e2f7b57',
        'The guest goes on at the destination when its time is over',
        (_LIVE, _POST_COPY),
        how='migrate_post_copy',
        nova_conf={
            'live_migration_permit_post_copy': True,
            'live_migration_timeout_action': 'force_complete',
            # per GB: some ten seconds
            'live_migration_completion_timeout': 3,
        },
        qemu={'postcopy-ram': True},
        busy=True,
    ),
    Variant(
        'post_copy_by_hand',
        '8f0a2cb8-3d6e-4b7f-a84b-1e9d6f3a8c48',
        'The guest goes on at the destination when that is asked for',
        (_LIVE, _POST_COPY),
        how='migrate_post_copy_by_hand',
        nova_conf={
            'live_migration_permit_post_copy': True,
            'live_migration_completion_timeout': 0,
        },
        qemu={'postcopy-ram': True},
        busy=True,
        back=False,
    ),
    Variant(
        'tunnelled',
        '6b1c3dc9-4e7f-4c80-995c-2fae7a4b9d39',
        "Memory is copied through libvirt's own connection",
        (_LIVE, Need('migration_feature_enabled', 'tunnelled')),
        how='migrate_tunnelled',
        boot='boot_uncopied',
        nova_conf={
            'live_migration_tunnelled': True,
            'live_migration_permit_post_copy': False,
        },
    ),
    Variant(
        'native_tls',
        '2d3e4fda-5f80-4d91-8a6d-3abf8b5cae2a',
        'Memory is copied over connections that QEMU itself encrypts',
        (_LIVE, Need('migration_feature_enabled', 'native_tls')),
        nova_conf={
            'live_migration_with_native_tls': True,
            'live_migration_tunnelled': False,
        },
        qemu={'tls-creds': 'objlibvirt_migrate_tls0'},
    ),
    Variant(
        'parallel_connections',
        'c4d5e6eb-6a91-4ea2-9b7e-4bca9c6dbf1b',
        'Memory is copied over four connections side by side',
        (_LIVE, Need('migration_feature_enabled', 'parallel_connections')),
        nova_conf={
            'live_migration_parallel_connections': 4,
            'live_migration_permit_post_copy': False,
        },
        qemu={'multifd': True, 'multifd-channels': 4},
    ),
)


def tests_of(variants):
    """A class decorator that makes a test of each of some variants.

    The class has migrate_there_and_back(variant).
    """

    def decorate(cls):
        for variant in variants:
            test = _test(variant)
            setattr(cls, test.__name__, test)
        return cls

    return decorate


def _test(variant):
    def test(self):
        self.migrate_there_and_back(variant)

    # for those who ask before the test runs
    test.reason_to_skip = lambda: reason_to_skip(variant)
    test.__name__ = test.__qualname__ = 'test_' + variant.name
    test.__doc__ = variant.title
    for decorate in (
        utils.services('compute', 'network'),
        decorators.attr(type=['slow', 'multinode']),
        decorators.idempotent_id(variant.id),
    ):
        test = decorate(test)
    return test


def reason_to_skip(variant):
    """Why a variant is not to be tested here, or None."""
    chosen = CONF.migration.variants
    if chosen and variant.name not in chosen:
        return f'{variant.name} is not chosen: [migration] variants'
    return next(filter(None, (need.missing() for need in variant.needs)), None)
