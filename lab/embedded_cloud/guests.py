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
"""The kinds of guest that servers of the lab can be, in one table."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Kind:
    """What the lab knows of one.

    :ivar user: who logs in
    :ivar memory: MiB of a server's memory
    :ivar login_timeout: seconds within which somebody can log in after a boot
    :ivar ping_timeout: seconds within which it answers a ping
    :ivar image: the file of its image; empty for one that a user brings
    :ivar source: the folder beside this module that the image is made of
    :ivar packages: Debian's, where it is a Debian
    :ivar answered: what its console says when the metadata service has
        answered it; empty where that is not known
    :ivar patience: seconds within which it says that
    """

    user: str
    memory: int
    login_timeout: int
    ping_timeout: int
    image: str = ''
    source: str = ''
    packages: tuple[str, ...] = ()
    answered: str = ''
    patience: int = 0


#: Those that the lab builds, by the values of LAB_GUEST.
KINDS = {
    # a small one of its own: it needs little, and boots soon
    'lab': Kind(
        user='cirros',
        memory=192,
        login_timeout=120,
        ping_timeout=60,
        image='guest.qcow2',
        source='guest_image',
        answered='has its key at',
        patience=60,
    ),
    # one as people have them: systemd and cloud-init take an emulated
    # processor long
    'debian': Kind(
        user='debian',
        memory=512,
        login_timeout=600,
        ping_timeout=600,
        image='debian.qcow2',
        source='debian_image',
        packages=(
            'linux-image-cloud-amd64',
            'initramfs-tools',
            'systemd-sysv',
            'systemd-resolved',
            'dbus',
            'openssh-server',
            'cloud-init',
            'sudo',
            'curl',
            'wget',
            'iputils-ping',
            'iproute2',
            'netbase',
            'procps',
        ),
        answered='DataSourceOpenStack',
        patience=600,
    ),
}

#: One that a user brings (LAB_IMAGE).
OTHER = Kind(user='cirros', memory=512, login_timeout=600, ping_timeout=600)
