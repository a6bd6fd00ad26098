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
"""The packages of Debian that the machine itself needs for the lab."""

import os
import subprocess

from embedded_cloud import process
from embedded_cloud.settings import LabError

# To build the root file system, to connect its hosts, and for the tests' own
# venv and their ping. All else is inside the lab's folder.
PACKAGES = ('mmdebstrap', 'iproute2', 'ethtool', 'python3-venv', 'git',
            'iputils-ping')


def check():
    """:raises LabError: when the lab can't run on this machine"""
    if os.geteuid() != 0:
        raise LabError('The lab makes namespaces and mounts: run it as root.')
    if os.uname().machine != 'x86_64':
        raise LabError(f'The lab was made for x86_64, not for '
                       f'{os.uname().machine}.')


def install(log):
    """Install what is missing.

    :param log: path of the log of the installation
    :raises LabError: when apt fails
    """
    missing = [name for name in PACKAGES if not _installed(name)]
    if not missing:
        return
    environment = {**os.environ, 'DEBIAN_FRONTEND': 'noninteractive'}
    with open(log, 'wb') as output:
        for command in (['apt-get', 'update'],
                        ['apt-get', 'install', '--yes',
                         '--no-install-recommends', *missing]):
            process.run_logged('installing packages', command, output,
                               environment)


def _installed(name):
    status = subprocess.run(
        ['dpkg-query', '--show', '--showformat=${db:Status-Status}', name],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return status.stdout == 'installed'
