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
"""What the machine itself must have for the lab: looked at, and installed."""

import os
import pathlib
import resource
import shutil
import subprocess
import tempfile

from embedded_cloud import process
from embedded_cloud.settings import LabError

# To build the root file system, to connect its hosts, and for the tests' own
# venv and their ping. All else is inside the lab's folder.
PACKAGES = (
    'mmdebstrap',
    'iproute2',
    'ethtool',
    'python3-venv',
    'git',
    'iputils-ping',
)

# What the tests look at Horizon with.
BROWSER = ('chromium', 'chromium-driver')

#: Open files that the lab's programs need; a proxy alone wants 2065.
_FILES = 65536
_LEAST_FILES = 8192

#: Bytes: the cloud takes nearly 4 GiB of memory and 2.2 GB of disk.
_LEAST_MEMORY = 5 * 2**30
_LEAST_SPACE = 5 * 10**9
#: Where it has been built before, the cloud's own data are to come.
_LEAST_SPACE_AGAIN = 10**9

_TUN = '/dev/net/tun'


def check():
    """:raises LabError: when the lab can't run on this machine"""
    if os.geteuid() != 0:
        raise LabError('The lab makes namespaces and mounts: run it as root.')
    if os.uname().machine != 'x86_64':
        raise LabError(
            f'The lab was made for x86_64, not for {os.uname().machine}.'
        )


def check_room(home, built):
    """Look at all that a cloud needs, before anything of it is built.

    :param home: the folder of all that the lab makes, which is there
    :param built: whether most of it is there, too, from before
    :raises LabError: with a line on each thing that is missing
    """
    wrong = [
        *filter(
            None,
            (
                _wrong_packages(),
                _wrong_files(),
                _wrong_tun(),
                _wrong_mounts(home),
                _wrong_space(
                    home, _LEAST_SPACE_AGAIN if built else _LEAST_SPACE
                ),
                _wrong_memory(),
            ),
        )
    ]
    if wrong:
        raise LabError(
            "this machine can't hold the cloud:\n"
            + '\n'.join(f'  {each}' for each in wrong)
        )


def remark():
    """What makes the lab slow on this machine, or None."""
    if len(os.sched_getaffinity(0)) < 2:
        return (
            'one core alone: the cloud needs two, and its tests may find '
            'it too slow'
        )
    return None


def _wrong_packages():
    if not shutil.which('dpkg-query') or not shutil.which('apt-get'):
        return (
            "no dpkg and apt-get: the lab is built of Debian's packages. "
            'On another Linux, run it in a container of Debian '
            '(doc/source/lab.rst)'
        )
    return None


def _wrong_files():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (max(soft, _FILES), max(hard, _FILES))
        )
    except (OSError, ValueError):
        if hard < _LEAST_FILES:
            return (
                f'a process may open {hard} files, of {_FILES} that are '
                f'needed: ulimit -n {_FILES}, or podman run --ulimit '
                f'nofile={_FILES}:{_FILES}'
            )
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return None


def _wrong_tun():
    try:
        os.close(os.open(_TUN, os.O_RDWR))
    except OSError as error:
        return (
            f"{_TUN} can't be opened ({error.strerror}): modprobe tun, "
            'or podman run --privileged'
        )
    return None


def _wrong_mounts(home):
    """The root of each host is an overlay, whose upper folder is in home."""
    with tempfile.TemporaryDirectory(dir=home, prefix='mount-') as folder:
        place = pathlib.Path(folder)
        names = [place / name for name in ('lower', 'upper', 'work', 'root')]
        for name in names:
            name.mkdir()
        lower, upper, work, root = names
        done = subprocess.run(
            [
                'mount',
                '-t',
                'overlay',
                'overlay',
                '-o',
                f'lowerdir={lower},upperdir={upper},workdir={work}',
                root,
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        if done.returncode == 0:
            subprocess.run(['umount', root], check=True)
            return None
    return (
        f'no overlay can be mounted in {home}, which is on '
        f'{_file_system(home)} ({done.stderr.splitlines()[0]}): in a '
        'container, run it privileged, and have LAB_DIR on a volume '
        '(podman run --privileged --volume lab:/lab --env LAB_DIR=/lab)'
    )


def _file_system(path):
    """The type of the file system that a path is on."""
    found = subprocess.run(
        ['stat', '-f', '-c', '%T', path], stdout=subprocess.PIPE, text=True
    )
    return found.stdout.strip() or 'an unknown file system'


def _wrong_space(home, least):
    free = shutil.disk_usage(home).free
    if free < least:
        return (
            f'{free / 1e9:.1f} GB are free in {home}, of '
            f'{least / 1e9:g} GB that are needed: make room, or name '
            'another folder by LAB_DIR'
        )
    return None


def _wrong_memory():
    available = _memory()
    if available < _LEAST_MEMORY:
        return (
            f'{available / 2**30:.1f} GiB of memory are available, of '
            f'{_LEAST_MEMORY / 2**30:g} GiB that are needed'
        )
    return None


def _memory():
    """Bytes that are available: of the machine, and of the control group."""
    fields = dict(
        line.split(':')
        for line in pathlib.Path('/proc/meminfo').read_text().splitlines()
    )
    available = int(fields['MemAvailable'].split()[0]) * 1024
    try:
        limit = int(pathlib.Path('/sys/fs/cgroup/memory.max').read_text())
    except (OSError, ValueError):  # "max", or no such group
        return available
    return min(available, limit)


def install(log, more=()):
    """Install what is missing.

    :param log: path of the log of the installation
    :param more: packages besides those that every lab needs
    :raises LabError: when apt fails
    """
    missing = [name for name in (*PACKAGES, *more) if not _installed(name)]
    if not missing:
        return
    environment = {**os.environ, 'DEBIAN_FRONTEND': 'noninteractive'}
    with open(log, 'wb') as output:
        for command in (
            ['apt-get', 'update'],
            [
                'apt-get',
                'install',
                '--yes',
                '--no-install-recommends',
                *missing,
            ],
        ):
            process.run_logged(
                'installing packages', command, output, environment
            )


def _installed(name):
    status = subprocess.run(
        ['dpkg-query', '--show', '--showformat=${db:Status-Status}', name],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    return status.stdout == 'installed'
