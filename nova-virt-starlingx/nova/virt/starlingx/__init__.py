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
"""Nova's libvirt driver, where each server says how it is live-migrated.

``[DEFAULT] compute_driver = starlingx.LibvirtDriver`` in nova.conf loads it
(nova/virt/driver.py, load_compute_driver). What a server says by its flavor,
its metadata or its image goes before nova.conf, by StarlingX's rules
(settings.py). A server that says nothing migrates as with Nova's own driver.

Nova keeps what it passes to libvirt in two attributes of its driver, and asks
a module of its own for time-outs and maximum downtimes. Both are replaced for
the one server that says something else; nothing of Nova is copied here.
"""

import copy
import inspect

from nova import exception
from nova import objects
from nova.virt.libvirt import driver
from nova.virt.libvirt import migration
from oslo_log import log

from nova.virt.starlingx import settings

LOG = log.getLogger(__name__)

#: Where Nova's driver has the flags of migrations, for libvirt.
_FLAGS = ('_live_migration_flags', '_block_migration_flags')

#: What Nova keeps of an image with a server (nova/utils.py,
#: get_system_metadata_from_image).
_OF_IMAGE = 'image_'

#: What is replaced here, and the parameters that it must have.
_REPLACED = (
    (
        driver.LibvirtDriver,
        'live_migration',
        (
            'self context instance dest post_method recover_method '
            'block_migration migrate_data'
        ),
    ),
    (
        driver.LibvirtDriver,
        'check_can_live_migrate_source',
        'self context instance dest_check_data block_device_info',
    ),
    (
        migration,
        'should_trigger_timeout_action',
        'instance elapsed completion_timeout migration_status',
    ),
    (
        migration,
        'update_downtime',
        'guest instance olddowntime downtime_steps elapsed',
    ),
)


_MEND = (
    'use another version of nova-virt-starlingx, or compute_driver = '
    'libvirt.LibvirtDriver'
)

#: For what a server does not say; what is made of it is never looked at.
_NONE = settings.Defaults(False, False, 0, 0)
_NOTHING = settings.resolve(settings.Sources(), _NONE)


def check_nova():
    """See that this Nova is one whose driver can be extended as it is here.

    :raises ImportError: if it is not; nova-compute logs it and ends
    """
    for owner, name, expected in _REPLACED:
        replaced = getattr(owner, name, None)
        found = (
            ' '.join(inspect.signature(replaced).parameters)
            if replaced
            else 'is not there'
        )
        if found != expected:
            raise ImportError(
                f'{owner.__name__}.{name} of this Nova: {found}; '
                f'starlingx.LibvirtDriver knows it as: {expected}. {_MEND}'
            )
    if driver.libvirt_migrate not in (migration, _MIGRATION):
        raise ImportError(
            'the libvirt driver of this Nova does not look at migrations by '
            f'nova.virt.libvirt.migration: {_MEND}'
        )


class LibvirtDriver(driver.LibvirtDriver):
    """Nova's, but for the live migrations of servers that say something."""

    def __init__(self, *args, **kwargs):
        check_nova()
        super().__init__(*args, **kwargs)
        for name in _FLAGS:
            if not hasattr(self, name):
                raise ImportError(
                    f'the libvirt driver of this Nova has no {name}: {_MEND}'
                )
        driver.libvirt_migrate = _MIGRATION

    def check_can_live_migrate_source(
        self, context, instance, dest_check_data, block_device_info=None
    ):
        """As Nova's; a tunnel that a server asks for must be possible, too.

        :raises MigrationPreCheckError: if it is not
        """
        told = _told(instance)
        if told.tunnel:
            self._check_tunnel(instance, told)
        # Of a tunnel, Nova would say less: it comes last.
        found = self._check(
            told, context, instance, dest_check_data, block_device_info
        )
        if told.tunnel and found.block_migration:
            # Nova names no disks to libvirt then, and libvirt refuses the rest
            # (its qemu_migration.c).
            _refuse(
                instance,
                told,
                'its disks are copied, and libvirt tunnels no disks',
            )
        return found

    def live_migration(
        self,
        context,
        instance,
        dest,
        post_method,
        recover_method,
        block_migration=False,
        migrate_data=None,
    ):
        """As Nova's, with the auto-converge and the tunnelling of a server."""
        told = _told(instance)
        if told.origins:
            LOG.info('Its live migration: %s', told, instance=instance)
        for sentence in told.ignored:
            LOG.warning('%s: it is ignored', sentence, instance=instance)
        view = self._view(self._switches(instance, told))
        super(LibvirtDriver, view).live_migration(
            context,
            instance,
            dest,
            post_method,
            recover_method,
            block_migration,
            migrate_data,
        )

    def _check(self, told, *arguments):
        """Nova's check of a source, which knows of no tunnel of a server."""
        untunnelled = (
            {'VIR_MIGRATE_TUNNELLED': False}
            if 'tunnel' in told.origins
            else {}
        )
        return super(
            LibvirtDriver, self._view(untunnelled)
        ).check_can_live_migrate_source(*arguments)

    def _check_tunnel(self, instance, told):
        """Refuse what libvirt would, or Nova when it starts (init_host)."""
        for flag, option in (
            ('VIR_MIGRATE_TLS', 'live_migration_with_native_tls'),
            ('VIR_MIGRATE_POSTCOPY', 'live_migration_permit_post_copy'),
            ('VIR_MIGRATE_PARALLEL', 'live_migration_parallel_connections'),
        ):
            if self._has(flag):
                _refuse(
                    instance,
                    told,
                    f'nova.conf of its host says {option}, which excludes it',
                )

    def _switches(self, instance, told):
        """Which flags a server switches on and off, by libvirt's names."""
        switches = {}
        if 'tunnel' in told.origins:
            switches['VIR_MIGRATE_TUNNELLED'] = told.tunnel
        if 'auto_converge' in told.origins:
            # As Nova has it (_handle_live_migration_auto_converge).
            if told.auto_converge and self._has('VIR_MIGRATE_POSTCOPY'):
                LOG.info(
                    'Post-copy is permitted: auto-converge will not be in '
                    'use, whatever the server says',
                    instance=instance,
                )
            else:
                switches['VIR_MIGRATE_AUTO_CONVERGE'] = told.auto_converge
        return switches

    def _has(self, flag):
        """Whether nova.conf has it that migrations have a flag."""
        return bool(self._live_migration_flags & _bit(flag))

    def _view(self, switches):
        """This driver with other flags, for one migration.

        All else is shared with it. Nova sets no attribute of its driver while
        it migrates, and so may look at several at the same time.
        """
        if not switches:
            return self
        view = copy.copy(self)
        for name in _FLAGS:
            flags = getattr(self, name)
            for flag, on in switches.items():
                flags = flags | _bit(flag) if on else flags & ~_bit(flag)
            setattr(view, name, flags)
        return view


class _Migration:
    """nova.virt.libvirt.migration, with a server's time-out and downtime.

    Nova's driver asks it twice a second while it looks at a migration.
    """

    def __getattr__(self, name):
        return getattr(migration, name)

    def should_trigger_timeout_action(
        self, instance, elapsed, completion_timeout, migration_status
    ):
        """As Nova's; a server's time-out is that of the whole migration."""
        told = _told(instance)
        if 'timeout' in told.origins:
            completion_timeout = told.timeout
        return migration.should_trigger_timeout_action(
            instance, elapsed, completion_timeout, migration_status
        )

    def update_downtime(
        self, guest, instance, olddowntime, downtime_steps, elapsed
    ):
        """As Nova's, in steps up to the server's maximum downtime."""
        told = _told(instance)
        if 'max_downtime' in told.origins:
            downtime_steps = _steps(
                [moment for moment, _ in downtime_steps], told.max_downtime
            )
        return migration.update_downtime(
            guest, instance, olddowntime, downtime_steps, elapsed
        )


_MIGRATION = _Migration()


def _told(instance):
    """What a server says, as Settings; its origins name what it says."""
    # Nova's own tests have dicts in its place.
    if not isinstance(instance, objects.Instance):
        return _NOTHING
    return settings.resolve(
        settings.Sources(
            flavor=_loaded(_loaded(instance, 'flavor'), 'extra_specs'),
            metadata=_loaded(instance, 'metadata'),
            image={
                name.removeprefix(_OF_IMAGE): value
                for name, value in _loaded(instance, 'system_metadata').items()
                if name.startswith(_OF_IMAGE)
            },
        ),
        _NONE,
    )


def _loaded(owner, name):
    """What Nova's API has sent along (nova/compute/api.py, live_migrate)."""
    return (name in owner and getattr(owner, name)) or {}


def _steps(moments, downtime):
    """Nova's steps up to a maximum downtime (migration.py, downtime_steps).

    :param moments: when each is taken, in seconds
    :param downtime: in ms
    """
    steps = len(moments) - 1
    base = downtime / steps
    offset = (downtime - base) / steps
    return [
        (moment, int(base + offset * number))
        for number, moment in enumerate(moments)
    ]


def _bit(flag):
    """Its value; none where this libvirt does not know it."""
    return getattr(driver.libvirt, flag, 0)


def _refuse(instance, told, reason):
    """Refuse a tunnel, before anything is touched."""
    where = told.origins['tunnel']
    message = (
        f'The {where} of server {instance.uuid} asks for a tunnelled live '
        f'migration ({settings.TUNNEL}), but {reason}.'
    )
    LOG.error(message, instance=instance)
    raise exception.MigrationPreCheckError(reason=message)
