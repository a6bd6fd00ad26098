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
"""Builds the images that guests can be booted from."""

import hashlib
import pathlib
import shutil

from embedded_cloud import process
from embedded_cloud import rootfs

_HERE = pathlib.Path(__file__).parent


def build(settings):
    """Build the image of LAB_GUEST unless it is there and of the same parts.

    :raises LabError: when it can't be built
    """
    kind = settings.kind
    source = _HERE / kind.source
    parts = _parts(source, kind.packages)
    image = settings.guest_image
    stamp = image.with_suffix('.parts')
    if stamp.exists() and stamp.read_text() == parts:
        return
    settings.images.mkdir(parents=True, exist_ok=True)
    with open(settings.home / 'guest-image.log', 'wb') as output:
        if kind.packages:
            _build_debian(settings, source, image.name, output)
        else:
            _build(settings, source, [f'/run/images/{image.name}'], output)
    stamp.write_text(parts)


def _build_debian(settings, source, name, output):
    root = settings.home / 'debian.unfinished'
    shutil.rmtree(root, ignore_errors=True)
    process.run_logged(
        'building the root file system of the guest',
        [
            'mmdebstrap',
            '--mode=root',
            '--variant=minbase',
            '--quiet',
            f'--include={",".join(settings.kind.packages)}',
            '--aptopt=Apt::Install-Recommends "false"',
            '--dpkgopt=force-unsafe-io',
            '--dpkgopt=path-exclude=/usr/share/man/*',
            '--dpkgopt=path-exclude=/usr/share/locale/*',
            # before the kernel's package makes an initramfs of it
            f'--essential-hook=copy-in {source}/files/etc /',
            '--customize-hook=chroot "$1" systemctl enable systemd-networkd',
            '--customize-hook=rm "$1"/etc/ssh/ssh_host_*',
            rootfs.SUITE,
            root,
        ],
        output,
    )
    _build(
        settings,
        source,
        ['/run/guest_root', f'/run/images/{name}'],
        output,
        binds=[(root, '/run/guest_root')],
    )
    shutil.rmtree(root)


def _build(settings, source, arguments, output, binds=()):
    rootfs.run_inside(
        settings.rootfs,
        'building the guest image',
        ['/bin/sh', '/run/guest_image/build.sh', *arguments],
        output,
        binds=[
            (source, '/run/guest_image'),
            (settings.images, '/run/images'),
            *binds,
        ],
    )


def _parts(source, packages):
    digest = hashlib.sha256(' '.join(packages).encode())
    for path in sorted(source.rglob('*')):
        if path.is_file():
            digest.update(str(path.relative_to(source)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
