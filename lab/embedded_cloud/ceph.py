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
"""The key with which Cinder, Nova and QEMU open volumes of the lab's Ceph."""

import base64
import secrets
import struct
import time
import uuid

#: Of the store, and of libvirt's secret with the key. A lab has one.
FSID = str(uuid.uuid5(uuid.NAMESPACE_DNS, 'ceph.embedded-cloud'))

#: What Cinder's volumes are in, and what the disks of servers are in.
POOLS = ('volumes', 'vms')

#: What nova.conf says under [libvirt] to have disks of servers in Ceph.
NOVA_DISKS = f"""\
images_type = rbd
images_rbd_pool = vms
images_rbd_ceph_conf = /etc/ceph/ceph.conf
rbd_user = cinder
rbd_secret_uuid = {FSID}"""

KEYRING = '/etc/ceph/ceph.client.cinder.keyring'

#: Ceph's CEPH_CRYPTO_AES (src/auth/Crypto.h).
_AES = 1


def new_key():
    """A fresh key, in the form that Ceph writes keys in (src/auth/Crypto.cc).

    Base64 of the kind of key, when it was made, its length, and itself.
    """
    secret = secrets.token_bytes(16)
    head = struct.pack('<HIIH', _AES, int(time.time()), 0, len(secret))
    return base64.b64encode(head + secret).decode()


def keyring(key):
    """The text of the keyring of client.cinder."""
    return f"""\
[client.cinder]
    key = {key}
    caps mon = "profile rbd"
    caps osd = "profile rbd"
    caps mgr = "profile rbd"
"""
