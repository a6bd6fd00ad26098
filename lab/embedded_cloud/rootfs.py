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
"""Builds the root file system that all hosts of a release share.

Debian 13 has QEMU, libvirt, OVN and Python as OpenStack wants them, all from
one suite. It is a folder, never booted and never changed once it is built:
hosts lay an overlay on it.
"""

import hashlib
import os
import pathlib
import shutil

from embedded_cloud import process

SUITE = 'trixie'

PACKAGES = (
    # what OpenStack stands on
    'mariadb-server',
    'rabbitmq-server',
    'memcached',
    'openvswitch-switch',
    'ovn-central',
    'ovn-host',
    'haproxy',
    'libvirt-daemon',
    'libvirt-daemon-driver-qemu',
    'libvirt-clients',
    'qemu-system-x86',
    'qemu-utils',
    # what volumes stand on
    'ceph-mon',
    'ceph-osd',
    'ceph-mgr',
    'ceph-common',
    'python3-rados',
    'python3-rbd',
    'qemu-block-extra',
    'libvirt-daemon-driver-secret',
    # what a host stands on
    'supervisor',
    'openssh-server',
    'openssh-client',
    'iproute2',
    'iptables',
    'nftables',
    'iputils-ping',
    'ethtool',
    'conntrack',
    'procps',
    'kmod',
    'sudo',
    'crudini',
    'tcpdump',
    'less',
    'curl',
    'ca-certificates',
    # what installing OpenStack from PyPI takes
    'python3',
    'python3-venv',
    'python3-dev',
    'gcc',
    'libc6-dev',
    'pkg-config',
    'libvirt-dev',
    # what the guest image is made of
    'busybox-static',
    'dropbear-bin',
    'syslinux',
    'mtools',
    'dosfstools',
    'cpio',
    'xz-utils',
    'lz4',
    'e2fsprogs',
)

# Its dependencies come along; their versions are in the release's file.
OPENSTACK = (
    'keystone',
    'glance',
    'openstack-placement',
    'nova',
    'neutron',
    'cinder',
    'uwsgi',
    'pymysql',
    'pymemcache',
    'python-memcached',
    'libvirt-python',
    'openstacksdk',
)

_LEFT_OUT = ('man', 'doc', 'locale', 'info')

_INSTALL = """
set -eu
python3 -m venv /opt/openstack
/opt/openstack/bin/pip install --quiet --constraint /opt/release.txt uv
/opt/openstack/bin/uv pip install --quiet --compile-bytecode \\
    --python /opt/openstack/bin/python --constraint /opt/release.txt "$@"
cp -r /opt/openstack/etc/nova /opt/openstack/etc/neutron \\
    /opt/openstack/etc/glance /opt/openstack/etc/cinder /etc/
# Ceph's own bindings are Debian's: they are of the same Python.
ln -s /usr/lib/python3/dist-packages/rados.*.so \\
    /usr/lib/python3/dist-packages/rbd.*.so \\
    /opt/openstack/lib/python3*/site-packages/
"""


def build(settings):
    """Build it unless it is there and made of the same parts.

    :raises LabError: when the download or an installation fails
    """
    parts = _parts(settings)
    stamp = settings.rootfs / 'opt/lab-parts'
    if stamp.exists() and stamp.read_text() == parts:
        return
    log = settings.home / f'{settings.rootfs.name}.log'
    unfinished = settings.home / f'{settings.rootfs.name}.unfinished'
    for leftover in (unfinished, settings.rootfs):
        if leftover.exists():
            shutil.rmtree(leftover)
    with open(log, 'wb') as output:
        _bootstrap(unfinished, output)
        _take_along(settings, unfinished)
        run_inside(
            unfinished,
            'installing OpenStack',
            ['/bin/sh', '-c', _INSTALL, 'install', *OPENSTACK],
            output,
        )
    (unfinished / 'opt/lab-parts').write_text(parts)
    unfinished.rename(settings.rootfs)


def run_inside(rootfs, doing, command, output, binds=()):
    """Run a command in the root file system, with the machine's network.

    :param doing: what it is for, for the error
    :param binds: folders of the machine to see inside, as (source, target)
    :raises LabError: when it fails; what it printed is in ``output``
    """
    process.run_logged(
        doing,
        _inside(rootfs, command, binds),
        output,
        _inside_environment(),
    )


def run_inside_here(rootfs, command, binds=()):
    """As run_inside(), but what the command prints is for people.

    :returns: its exit status
    """
    return process.run_tied(
        _inside(rootfs, command, binds), env=_inside_environment()
    ).returncode


def _inside(rootfs, command, binds):
    """The command line that runs a command in the root file system."""
    mounts = ['mount -t proc proc "$0/proc"', 'mount --bind /dev "$0/dev"']
    for source, target in binds:
        (rootfs / target.lstrip('/')).mkdir(parents=True, exist_ok=True)
        mounts.append(f'mount --bind "{source}" "$0{target}"')
    script = ' && '.join([*mounts, 'exec chroot "$0" "$@"'])
    return ['/bin/sh', '-c', script, rootfs, *command]


def _bootstrap(target, output):
    process.run_logged(
        'building the root file system',
        [
            'mmdebstrap',
            '--mode=root',
            '--variant=apt',
            '--quiet',
            f'--include={",".join(PACKAGES)}',
            '--aptopt=Apt::Install-Recommends "false"',
            '--dpkgopt=force-unsafe-io',
            *(
                f'--dpkgopt=path-exclude=/usr/share/{name}/*'
                for name in _LEFT_OUT
            ),
            SUITE,
            target,
        ],
        output,
    )


def _take_along(settings, rootfs):
    """What an installation needs to know of the machine."""
    shutil.copy('/etc/resolv.conf', rootfs / 'etc/resolv.conf')
    bundle = pathlib.Path('/etc/ssl/certs/ca-certificates.crt')
    if bundle.exists():
        shutil.copy(bundle, rootfs / bundle.relative_to('/'))
    shutil.copy(settings.requirements, rootfs / 'opt/release.txt')


def _inside_environment():
    bundle = '/etc/ssl/certs/ca-certificates.crt'
    environment = {
        'PATH': '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        'HOME': '/root',
        'LANG': 'C.UTF-8',
        'SSL_CERT_FILE': bundle,
        'PIP_CERT': bundle,
    }
    for name in ('http_proxy', 'https_proxy', 'no_proxy', 'PIP_INDEX_URL'):
        if name in os.environ:
            environment[name] = os.environ[name]
    return environment


def _parts(settings):
    text = '\n'.join(
        [
            SUITE,
            *PACKAGES,
            *OPENSTACK,
            _INSTALL,
            settings.requirements.read_text(),
        ]
    )
    return hashlib.sha256(text.encode()).hexdigest()
