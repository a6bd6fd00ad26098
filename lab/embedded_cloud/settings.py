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
"""What a user can choose about the lab, and where the lab keeps its things."""

import dataclasses
import os
import pathlib
import re

from embedded_cloud import guests

LAB = pathlib.Path(__file__).resolve().parent.parent
CHECKOUT = LAB.parent
RELEASES = LAB / 'releases'


class LabError(Exception):
    """The lab can't go on; the message says what was tried and what to do."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """The choices, made by environment variables (see ``from_environment``).

    :param home: the one folder that everything the lab makes lies in
    :param release: the name of a set of versions in lab/releases
    :param guest: what guests are, one of guests.KINDS
    :param image: a guest image to use instead of those, or None
    :param image_user: who logs in to the guests
    :param storage: where Nova keeps the disks of servers: ``block`` (files
        on each compute, copied in every migration) or ``rbd`` (in Ceph)
    :param virt_type: ``qemu`` or ``kvm``
    :param init: process 1 of the computes: ``supervisor`` or ``systemd``
    :param driver: of nova-compute: ``stock``, Nova's own, or ``starlingx``,
        which heeds what each server says (nova-virt-starlingx)
    :param horizon: whether the controller has Horizon, and the machine a
        browser
    :param long: whether the tests migrate more than is needed to see that
        all of it works
    """

    home: pathlib.Path
    release: str
    guest: str
    image: pathlib.Path | None
    image_user: str
    storage: str
    virt_type: str
    init: str
    driver: str
    horizon: bool
    long: bool

    @classmethod
    def from_environment(cls, environ):
        """Read and check the LAB_* variables.

        :raises LabError: when one of them has a value that can't be used
        """
        guest = environ.get('LAB_GUEST') or 'lab'
        settings = cls(
            home=_absolute(environ.get('LAB_DIR') or CHECKOUT / '.lab'),
            release=environ.get('LAB_RELEASE') or '2026.2',
            guest=guest,
            image=_absolute(environ.get('LAB_IMAGE')),
            image_user=environ.get('LAB_IMAGE_USER')
            or guests.KINDS.get(guest, guests.OTHER).user,
            storage=environ.get('LAB_STORAGE') or 'block',
            virt_type=environ.get('LAB_VIRT_TYPE') or 'qemu',
            init=environ.get('LAB_INIT') or 'supervisor',
            driver=environ.get('LAB_COMPUTE_DRIVER') or 'stock',
            horizon=_yes_or_no(environ, 'LAB_HORIZON'),
            long=_yes_or_no(environ, 'LAB_LONG'),
        )
        settings._check()
        return settings

    def _check(self):
        _one_of('LAB_RELEASE', self.release, releases())
        _one_of('LAB_STORAGE', self.storage, ('block', 'rbd'))
        _one_of('LAB_VIRT_TYPE', self.virt_type, ('qemu', 'kvm'))
        _one_of('LAB_INIT', self.init, ('supervisor', 'systemd'))
        _one_of('LAB_COMPUTE_DRIVER', self.driver, ('stock', 'starlingx'))
        _one_of('LAB_GUEST', self.guest, guests.KINDS)
        if not re.fullmatch('[a-z_][a-z0-9_-]*', self.image_user):
            raise LabError(
                f'LAB_IMAGE_USER={self.image_user}: that is no name of a user.'
            )
        if self.image and not self.image.is_file():
            raise LabError(f'LAB_IMAGE={self.image}: there is no such file.')
        if self.virt_type == 'kvm' and not os.access('/dev/kvm', os.W_OK):
            raise LabError(
                'LAB_VIRT_TYPE=kvm: /dev/kvm is missing or may '
                'not be used. Leave LAB_VIRT_TYPE out.'
            )
        # Overlay mounts take options separated by these characters, and the
        # folder is removed as a whole: a strange one is refused at once.
        if any(
            c in str(self.home) for c in ',:\\ \n'
        ) or self.home == pathlib.Path('/'):
            raise LabError(
                f'LAB_DIR={str(self.home)!r}: choose a folder '
                'without commas, colons, blanks or backslashes '
                'in its name.'
            )

    @property
    def rootfs(self):
        """The root file system that all hosts share, one per release."""
        return self.home / f'rootfs-{self.release}'

    @property
    def horizon_folder(self):
        """What the controller sees as /opt/horizon, one per release."""
        return self.home / f'horizon-{self.release}'

    @property
    def requirements(self):
        """The pinned versions of the release."""
        return RELEASES / f'{self.release}.txt'

    @property
    def images(self):
        return self.home / 'images'

    @property
    def kind(self):
        """The guests.Kind of the guests."""
        return guests.OTHER if self.image else guests.KINDS[self.guest]

    @property
    def guest_image(self):
        """What guests are booted from."""
        return self.image or self.images / self.kind.image

    @property
    def hosts(self):
        """What the running hosts have written; gone after lab/down."""
        return self.home / 'hosts'

    @property
    def logs(self):
        """A folder of logs for each host; lab/up puts the last one away."""
        return self.home / 'logs'

    @property
    def run(self):
        """Records of the lab's processes."""
        return self.home / 'run'

    @property
    def keys(self):
        """Passwords and keys; for root's eyes only."""
        return self.home / 'keys'

    @property
    def tempest(self):
        """Tempest's venv, workspace and results."""
        return self.home / 'tempest'


def releases():
    """The names of the sets of versions that the lab knows."""
    return sorted(path.stem for path in RELEASES.glob('*.txt'))


def _absolute(path):
    return pathlib.Path(path).absolute() if path else None


def _yes_or_no(environ, name):
    value = environ.get(name) or 'no'
    _one_of(name, value, ('yes', 'no'))
    return value == 'yes'


def _one_of(name, value, allowed):
    if value not in allowed:
        raise LabError(f'{name}={value}: use one of {", ".join(allowed)}.')
