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
"""A compute host for functional tests, with a real systemd, journal and sshd.

Debian 12 in a container of podman, and in it another podman, for services that
are kept in containers. It has no network but its own loopback. No registry of
images is needed: root file systems are folders.
"""

import os
import shutil
import subprocess
import time

import fixtures

from migration_tempest_plugin.functional_tests import sshd
from migration_tempest_plugin.hosts import ssh

#: What must be set for it: it takes too long for every run.
SWITCH = 'MIGRATION_TESTS_SYSTEMD'

#: Where its root file system is kept from one run to the next: some 400 MB.
FOLDER = '/var/tmp/migration-tempest-plugin-systemd'

PROGRAMS = ('mmdebstrap', 'podman', 'runc')

_PACKAGES = (
    'systemd-sysv',
    'dbus',
    'openssh-server',
    'procps',
    'podman',
    'runc',
    'busybox-static',
)

# runc, since crun refuses a mixture of old and new groups of processes; vfs,
# since it may be an overlay already.
_CONTAINERS = """\
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
netns = "host"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""
_STORAGE = """\
[storage]
driver = "vfs"
runroot = "/run/containers/storage"
graphroot = "/var/lib/containers/storage"
"""


def skip_reason():
    """Why there can be none here; or None."""
    if not os.environ.get(SWITCH):
        return (
            f'builds and boots a Debian with systemd: set {SWITCH}=1, and '
            f'install {", ".join(PROGRAMS)}'
        )
    return sshd.skip_reason(*PROGRAMS)


class SystemdHost(fixtures.Fixture):
    """A host that has booted.

    :ivar access: how to reach it, from inside()
    """

    def _setUp(self):
        _build()
        self.home = self.useFixture(fixtures.TempDir()).path
        self._name = f'migration-tests-{os.getpid()}'
        sshd.make_keys(self.home)
        self.addCleanup(
            self._podman, 'rm', '--force', '--time', '0', self._name
        )
        # With groups of processes of its own, it can have containers.
        self._podman(
            'run',
            '--detach',
            '--name',
            self._name,
            '--privileged',
            '--systemd=always',
            '--cgroupns',
            'private',
            '--network',
            'none',
            '--ulimit',
            'nofile=1024:1024',
            '--ulimit',
            'nproc=1000:1000',
            *self._volume('client_key.pub', '/root/.ssh/authorized_keys'),
            *self._volume('host_key', '/etc/ssh/ssh_host_ed25519_key'),
            '--rootfs',
            FOLDER + ':O',
            '/lib/systemd/systemd',
        )
        pid = int(
            self._podman('inspect', '--format', '{{.State.Pid}}', self._name)
        )
        self._guest = sshd.Guest.running(pid, self.home)
        self.addCleanup(os.close, self._guest._network)
        self._await_running()
        known = os.path.join(self.home, 'known_hosts')
        with (
            open(os.path.join(self.home, 'host_key.pub')) as key,
            open(known, 'w') as hosts,
        ):
            hosts.write(f'127.0.0.1 {key.read()}')
        self.access = ssh.Access(
            'compute1',
            '127.0.0.1',
            known_hosts=known,
            key_file=os.path.join(self.home, 'client_key'),
            patience=60,
        )

    def inside(self, function):
        """Call a function where the host can be reached."""
        return self._guest.inside(function)

    def processes(self):
        """The command lines of what runs in it."""
        return self._guest.processes().values()

    def write(self, path, text, mode=0o644):
        """Put a file into it."""
        local = os.path.join(self.home, 'file')
        with open(local, 'w') as file:
            file.write(text)
        os.chmod(local, mode)
        self._podman('exec', self._name, 'mkdir', '-p', os.path.dirname(path))
        self._podman('cp', local, f'{self._name}:{path}')

    def _volume(self, name, target):
        return ('--volume', f'{self.home}/{name}:{target}')

    def _await_running(self):
        give_up = time.monotonic() + 120
        state = ''
        while state not in ('running', 'degraded'):
            if time.monotonic() > give_up:
                raise AssertionError(f'systemd is {state}')
            time.sleep(0.2)
            state = subprocess.run(
                [
                    *self._words,
                    'exec',
                    self._name,
                    'systemctl',
                    'is-system-running',
                ],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            ).stdout.strip()

    @property
    def _words(self):
        return (
            'podman',
            '--runtime',
            shutil.which('runc'),
            '--cgroup-manager',
            'cgroupfs',
            '--storage-driver',
            'vfs',
            '--root',
            os.path.join(self.home, 'root'),
            '--runroot',
            os.path.join(self.home, 'runroot'),
        )

    def _podman(self, *words):
        done = subprocess.run(
            [*self._words, *words],
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise AssertionError(f'podman {" ".join(words)}: {done.stderr}')
        return done.stdout


def _build():
    """Make the root file system unless it is there."""
    if os.path.exists(FOLDER):
        return
    unfinished = FOLDER + '.unfinished'
    shutil.rmtree(unfinished, ignore_errors=True)
    subprocess.run(
        [
            'mmdebstrap',
            '--mode=root',
            '--variant=minbase',
            '--quiet',
            '--include=' + ','.join(_PACKAGES),
            '--aptopt=Apt::Install-Recommends "false"',
            '--dpkgopt=force-unsafe-io',
            'bookworm',
            unfinished,
        ],
        check=True,
    )
    for name, text in (
        ('containers.conf', _CONTAINERS),
        ('storage.conf', _STORAGE),
    ):
        with open(
            os.path.join(unfinished, 'etc/containers', name), 'w'
        ) as file:
            file.write(text)
    os.rename(unfinished, FOLDER)
