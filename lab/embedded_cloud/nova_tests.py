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
"""Runs Nova's own tests of live migrations with nova-virt-starlingx in place.

In the root file system of a release, with the Nova that computes have there.
"""

import hashlib
import shutil

from embedded_cloud import rootfs
from embedded_cloud.settings import CHECKOUT

_DISTRIBUTION = CHECKOUT / 'nova-virt-starlingx'
_REQUIREMENTS = _DISTRIBUTION / 'test-requirements.txt'

_CHECKOUT, _PACKAGES = '/run/checkout', '/run/packages'

_PYTHON = '/opt/openstack/bin/python'


def run(settings, only):
    """Run them, in the order in which their names are given.

    :param only: names of modules, classes or tests; all if there are none
    :raises LabError: when the requirements of the tests can't be installed
    :returns: the exit status
    """
    packages = _install(settings)
    return rootfs.run_inside_here(
        settings.rootfs,
        [
            'env',
            f'--chdir={_CHECKOUT}/{_DISTRIBUTION.name}',
            f'PYTHONPATH={_PACKAGES}',
            'PYTHONDONTWRITEBYTECODE=1',
            _PYTHON,
            '-m',
            'unittest',
            *(only or ('tests.test_driver', 'tests.nova_own')),
        ],
        binds=[(CHECKOUT, _CHECKOUT), (packages, _PACKAGES)],
    )


def _install(settings):
    """What the tests import and computes have not: a folder of the lab."""
    packages = settings.home / f'nova-tests-{settings.release}'
    stamp = packages / 'lab-parts'
    parts = hashlib.sha256(
        _REQUIREMENTS.read_bytes() + settings.requirements.read_bytes()
    ).hexdigest()
    if stamp.exists() and stamp.read_text() == parts:
        return packages
    shutil.rmtree(packages, ignore_errors=True)
    packages.mkdir(parents=True)
    with open(settings.home / f'{packages.name}.log', 'wb') as output:
        rootfs.run_inside(
            settings.rootfs,
            "installing what Nova's tests need",
            [
                '/opt/openstack/bin/pip',
                'install',
                '--quiet',
                '--root-user-action=ignore',
                '--constraint=/opt/release.txt',
                f'--target={_PACKAGES}',
                '--requirement',
                f'{_CHECKOUT}/{_REQUIREMENTS.relative_to(CHECKOUT)}',
            ],
            output,
            binds=[(CHECKOUT, _CHECKOUT), (packages, _PACKAGES)],
        )
    stamp.write_text(parts)
    return packages
