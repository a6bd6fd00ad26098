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
"""Each two compute hosts: whether servers can be migrated between them.

Pure: it compares what was looked at before.
"""

import datetime
import itertools
import time

from migration_tempest_plugin.doctor.finding import bad
from migration_tempest_plugin.doctor.finding import differs
from migration_tempest_plugin.doctor.finding import good

#: Kinds of file systems that several hosts can have in common.
_SHARED = (
    'nfs',
    'ceph',
    'fuse.',
    'cifs',
    'smb',
    'gfs2',
    'ocfs2',
    'lustre',
    'beegfs',
    'gpfs',
)

#: Seconds by which clocks may be apart without a word.
_CLOCKS = 0.5

#: Seconds; a certificate that ends sooner is reported.
_SOON = 30 * 86400


def findings(facts, ways, block_migration):
    """What can be said of each pair of hosts.

    :param facts: of each host, by its name
    :param ways: the Way from each to each, by (source, destination)
    :param block_migration: whether Tempest lets disks be copied
    """
    for one, other in itertools.combinations(sorted(facts), 2):
        one, other = facts[one], facts[other]
        there, back = ways[one.name, other.name], ways[other.name, one.name]
        found = [
            *_both(one, other, block_migration),
            *_way(one, other, there),
            *_way(other, one, back),
            *_device(one, other, there, back),
        ]
        yield from found or [_alike(one, other, there, back)]


def _alike(one, other, there, back):
    """That nothing differs, and what could not be compared."""
    unknown = [*_not_known(one, other, there), *_not_known(other, one, back)]
    cpu = 'CPU, ' if there.cpu_fits and back.cpu_fits else ''
    apart = max(map(abs, _apart(one, other)))
    but = '; not known: ' + ', '.join(unknown) if unknown else ''
    return good(
        f'hosts {one.name} and {other.name}',
        f'{one.architecture}, QEMU {_dotted(one.qemu)}, '
        f'libvirt {_dotted(one.libvirt)}, '
        f'{len(one.machines & other.machines)} machine types, '
        f'{cpu}disks on {_storage(one)}, MTU {there.path.mtu}; '
        f'clocks at most {apart:.1f} s apart{but}',
    )


def _not_known(source, destination, way):
    if way.cpu_fits is None:
        yield f'whether {destination.name} has the CPU of {source.name}'
    if way.path.whole is None:
        yield (
            f'whether packets of {way.path.mtu} bytes come through '
            f'from {source.name}'
        )


def certificates(facts):
    """What can be said of one host's certificates, if it needs any."""
    now = time.time()
    for each in facts.certificates:
        what = f'host {facts.name}, {each.path}'
        if now < each.begins:
            yield bad(
                what,
                f'is not valid before {_day(each.begins)}',
                'no migration to or from it can be encrypted',
            )
        elif now > each.ends:
            yield bad(
                what,
                f'was valid until {_day(each.ends)}',
                'no migration to or from it can be encrypted',
            )
        elif now > each.ends - _SOON:
            yield differs(
                what,
                f'is valid until {_day(each.ends)}',
                'then no migration can be encrypted: renew it',
            )
        else:
            yield good(what, f'is valid until {_day(each.ends)}')


def _both(one, other, block_migration):
    """What is the same in both directions."""
    what = f'hosts {one.name} and {other.name}, '
    if one.architecture != other.architecture:
        yield bad(
            what + 'architecture',
            f'{one.architecture} and {other.architecture}',
            'no server can be migrated between them',
        )
    if one.system != other.system:
        yield differs(
            what + 'system',
            f'{one.system} and {other.system}',
            'kernels differ, too: try both directions',
        )
    if one.kvm != other.kvm:
        with_kvm = one if one.kvm else other
        verdict = bad if with_kvm.nova.virt_type == 'kvm' else differs
        yield verdict(
            what + '/dev/kvm',
            f'only {with_kvm.name} has it',
            "servers that run on KVM can't leave that host",
        )
    yield from _accounts(what, one, other)
    apart = _apart(one, other)
    if min(map(abs, apart)) > _CLOCKS and apart[0] * apart[1] > 0:
        yield differs(
            what + 'clocks',
            f'they are {min(map(abs, apart)):.1f} s apart',
            "logs of both can't be put side by side, "
            "and a server's time of day may jump: is NTP at work?",
        )
    yield from _disks(what, one, other, block_migration)
    yield from _secrets(what, one, other)
    if (
        one.nova.native_tls != other.nova.native_tls
        or one.nova.libvirt_tls != other.nova.libvirt_tls
    ):
        yield bad(
            what + 'TLS',
            'it is on in one nova.conf only',
            'live_migration_with_native_tls, live_migration_scheme',
        )
    authorities = [
        {
            each.pem
            for each in host.certificates
            if each.path.endswith(('/ca-cert.pem', '/cacert.pem'))
        }
        for host in (one, other)
    ]
    if all(authorities) and authorities[0] != authorities[1]:
        yield bad(
            what + 'TLS',
            'their certificates are of different authorities',
            'neither trusts the other: no migration',
        )


def _accounts(what, one, other):
    apart = [
        f'{name} is {one.accounts[name]} and {other.accounts[name]}'
        for name in sorted(one.accounts.keys() & other.accounts.keys())
        if one.accounts[name] != other.accounts[name]
    ]
    if apart:
        verdict = bad if _is_shared(one) or _is_shared(other) else differs
        yield verdict(
            what + 'accounts',
            '; '.join(apart),
            "a disk that both reach is another account's on the other "
            'host; only with disks of their own that does no harm',
        )


def _disks(what, one, other, block_migration):
    if 'rbd' in (one.nova.images_type, other.nova.images_type):
        if one.nova.images_type != other.nova.images_type:
            yield bad(
                what + 'disks',
                f'images_type is {one.nova.images_type} '
                f'and {other.nova.images_type}',
                'the same in both nova.conf',
            )
        return
    if None in (one.storage, other.storage):
        return  # the host's own line says so
    if _is_shared(one) or _is_shared(other):
        if one.storage != other.storage:
            yield bad(
                what + 'disks',
                f'the instances are on {" ".join(one.storage)} '
                f'and on {" ".join(other.storage)}',
                'mount the same on both: a disk that is on one host alone is '
                'not found on the other',
            )
    elif not block_migration:
        yield bad(
            what + 'disks',
            f'each has its own ({" ".join(one.storage)} '
            f'and {" ".join(other.storage)})',
            '[compute-feature-enabled] block_migration_for_live_migration = '
            'true, or Nova refuses to migrate',
        )


def _secrets(what, one, other):
    for has, lacks in ((one, other), (other, one)):
        missing = sorted((has.secrets or set()) - (lacks.secrets or set()))
        if missing and lacks.secrets is None:
            yield differs(
                what + 'keys for Ceph',
                f'libvirt on {lacks.name} does not say which secrets it has; '
                f'on {has.name} it has {", ".join(missing)}',
                'virsh secret-list: does virtsecretd run?',
            )
        elif missing:
            yield bad(
                what + 'keys for Ceph',
                f'libvirt on {lacks.name} has no secret {", ".join(missing)}',
                'no server with a volume that needs it can be migrated '
                'there: virsh secret-define and secret-set-value, as on '
                f'{has.name}',
            )


def _way(source, destination, way):
    """What one direction is good for."""
    what = f'from {source.name} to {destination.name}, '
    if source.qemu > destination.qemu:
        yield bad(
            what + 'QEMU',
            f'{_dotted(source.qemu)} to {_dotted(destination.qemu)}',
            'Nova refuses to migrate to an older one; the other direction '
            'works',
        )
    if source.libvirt > destination.libvirt:
        yield differs(
            what + 'libvirt',
            f'{_dotted(source.libvirt)} to {_dotted(destination.libvirt)}',
            'an older one may not understand the domain of a newer one',
        )
    missing = source.used_machines - destination.machines
    if missing:
        yield bad(
            what + 'machine types',
            f'{destination.name} has no {", ".join(sorted(missing))}',
            "servers with it can't go there: [libvirt] hw_machine_type, or "
            "the images' property, to one that both have",
        )
    if way.cpu_fits is False:
        verdict = bad if source.nova.cpu_mode.startswith('host-') else differs
        yield verdict(
            what + 'CPU',
            'host-model here is more than the CPU there has',
            '[libvirt] cpu_mode = custom, cpu_models = one that both have',
        )
    if way.problem:
        yield bad(
            what + 'network',
            way.problem,
            f'[libvirt] live_migration_inbound_addr of {destination.name}, '
            f'or name resolution on {source.name}',
        )
    elif way.path.whole is False:
        yield bad(
            what + 'MTU',
            f'packets of {way.path.mtu} bytes do not come back '
            f'over {way.path.device}',
            'the memory would not come through: lower the MTU, or raise '
            'it on the way',
        )


def _device(one, other, there, back):
    if there.path and back.path and there.path.mtu != back.path.mtu:
        yield differs(
            f'hosts {one.name} and {other.name}, MTU',
            f'{there.path.mtu} ({there.path.device}) '
            f'and {back.path.mtu} ({back.path.device})',
            'large packets of one may not reach the other: the same on both',
        )


def _apart(one, other):
    """By how many seconds clocks are apart: at least, at most; signed."""
    return (one.clock[0] - other.clock[1], one.clock[1] - other.clock[0])


def _is_shared(host):
    return host.storage is not None and host.storage[0].startswith(_SHARED)


def _storage(host):
    if host.nova.images_type == 'rbd':
        return 'Ceph'
    return host.storage[0] if host.storage else 'no folder'


def _dotted(version):
    return '.'.join(map(str, version))


def _day(seconds):
    return datetime.datetime.fromtimestamp(
        seconds, datetime.timezone.utc
    ).strftime('%Y-%m-%d %H:%M UTC')
