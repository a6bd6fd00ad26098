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
"""Builds the guest image inside the root file system."""

import hashlib
import pathlib

from embedded_cloud import rootfs

_SOURCE = pathlib.Path(__file__).parent / 'guest_image'


def build(settings):
    """Build the image unless it is there and made of the same parts.

    :raises LabError: when it can't be built
    """
    parts = _parts()
    stamp = settings.images / 'guest.parts'
    if stamp.exists() and stamp.read_text() == parts:
        return
    settings.images.mkdir(parents=True, exist_ok=True)
    with open(settings.home / 'guest-image.log', 'wb') as output:
        rootfs.run_inside(
            settings.rootfs, 'building the guest image',
            ['/bin/sh', '/run/guest_image/build.sh',
             '/run/images/guest.qcow2'], output,
            binds=[(_SOURCE, '/run/guest_image'),
                   (settings.images, '/run/images')])
    stamp.write_text(parts)


def _parts():
    digest = hashlib.sha256()
    for path in sorted(_SOURCE.rglob('*')):
        if path.is_file():
            digest.update(str(path.relative_to(_SOURCE)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
