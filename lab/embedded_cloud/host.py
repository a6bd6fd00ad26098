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
"""A host of the lab: namespaces, an overlay as its root, a process 1."""

import dataclasses
import os
import pathlib
import shutil
import string
import subprocess

from embedded_cloud import network
from embedded_cloud import process
from embedded_cloud import programs
from embedded_cloud.settings import LabError

_HERE = pathlib.Path(__file__).parent
#: Where the machine may have mounted groups of processes (cgroup v2).
_CGROUPS = (
    pathlib.Path('/sys/fs/cgroup/unified'),
    pathlib.Path('/sys/fs/cgroup'),
)


@dataclasses.dataclass(frozen=True)
class Role:
    """What all hosts of a kind have alike."""

    name: str
    programs: tuple
    networks: tuple


CONTROLLER = Role(
    'controller',
    programs.CONTROLLER,
    (network.MANAGEMENT, network.TUNNEL, network.EXTERNAL),
)
COMPUTE = Role(
    'compute',
    programs.COMPUTE,
    (network.MANAGEMENT, network.TUNNEL, network.MIGRATION),
)


class Namespaces:
    """A process 1 in namespaces of its own, recorded; the tester is one."""

    def __init__(self, settings, name):
        self.settings = settings
        self.name = name
        self.process = process.Process(settings.run / f'{name}.stat')

    @property
    def pid(self):
        """The pid of its process 1 as the machine sees it, or None."""
        return self.process.child

    def _start(self, log, script, *arguments, environment=None):
        # A private mount namespace and --kill-child: when the recorded
        # process ends, for whatever reason, all of the host ends.
        with open(log, 'ab') as stderr:
            popen = self.process.start(
                [
                    'unshare',
                    '--mount',
                    '--uts',
                    '--ipc',
                    '--net',
                    '--pid',
                    '--fork',
                    '--kill-child',
                    str(_HERE / script),
                    *arguments,
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                cwd='/',
                env={'PATH': os.environ['PATH'], **(environment or {})},
            )
        if popen.stdout.readline() != b'ready\n':
            popen.kill()
            raise LabError(
                f'{self.name} did not start. ' + process.end_of(log)
            )
        return popen

    def memory(self):
        """Bytes of memory that its processes take; what they share, once.

        The sum of what proc(5) calls Pss.
        """
        pid = self.pid
        return process.memory(pid) if pid else 0

    def stop(self):
        """End all that runs in the namespaces, at once."""
        pid = self.pid
        if pid is not None:
            process.kill(pid)
        if not self.process.stop():
            raise LabError(
                f'{self.name}: process {self.process.pid} does '
                'not end; look at it with ps.'
            )

    def command(self, *command, only_network=False):
        """The command line that runs a command in the namespaces."""
        pid = self.pid
        if pid is None:
            raise LabError(
                f'{self.name} is not running. Try lab/status, or lab/up.'
            )
        kinds = ['--net'] if only_network else ['--all']
        return ['nsenter', f'--target={pid}', *kinds, '--', *command]


class Host(Namespaces):
    """The controller or a compute."""

    def __init__(self, settings, name, role, number):
        super().__init__(settings, name)
        self.role = role
        self.cards = network.cards(number, role.networks)
        self.management = network.address(network.MANAGEMENT, number)
        self.tunnel = network.address(network.TUNNEL, number)
        self.migration = network.address(network.MIGRATION, number)
        self.state = settings.hosts / name
        self.log_folder = settings.logs / name
        self.systemd = settings.init == 'systemd' and role is COMPUTE

    def prepare(self, values, files=()):
        """Write the host's own files over the shared root file system.

        :param values: what the ``${names}`` in the files stand for
        :param files: more files, as (path in the host, text, mode)
        """
        self.state.mkdir(parents=True, mode=0o700)
        self.log_folder.mkdir(parents=True)
        values = {
            **values,
            'name': self.name,
            'management': self.management,
            'tunnel': self.tunnel,
            'migration': self.migration,
            # SIGRTMIN+14: systemd's "power off at once" (systemd(1))
            'end': 'kill -48 1' if self.systemd else 'kill 1',
        }
        upper = self.state / 'upper'
        for role in ('common', self.role.name):
            _render(_HERE / 'hosts' / role, upper, values)
        for path, text in self._programs().items():
            _write(
                upper / path, string.Template(text).substitute(values), 0o600
            )
        for path, text, mode in files:
            _write(upper / path.lstrip('/'), text, mode)

    def _programs(self):
        """The files that name its programs, as texts by their paths."""
        wanted = self.role.programs
        if not self.systemd:
            return {
                'etc/supervisor/programs.conf': '\n'.join(
                    program.section() for program in wanted
                )
            }
        units = {
            f'{program.name}.service': program.unit() for program in wanted
        }
        units[programs.TARGET] = programs.target(wanted)
        # An empty file masks a unit (systemd.unit(5)).
        units.update(dict.fromkeys(programs.MASKED, ''))
        return {
            f'etc/systemd/system/{name}': text for name, text in units.items()
        }

    def start(self, tester, binds=()):
        """Start it, plug its cards into the tester's bridges."""
        log = self.log_folder / 'host_init.log'
        binds = ((self.log_folder, '/var/log'), *binds)
        popen = self._start(
            log,
            'host_init.sh',
            self.name,
            str(self.settings.rootfs),
            str(self.state),
            *(f'{source}:{target}' for source, target in binds),
            environment={
                'LAB_VIRT_TYPE': self.settings.virt_type,
                'LAB_INIT': 'systemd' if self.systemd else 'supervisor',
            },
        )
        self._plug(tester)
        with popen.stdin:
            popen.stdin.write(b'go\n')
        popen.stdout.close()

    def _plug(self, tester):
        outside = [
            f'link add {self.name}-{card.name} '
            f'master {network.BRIDGES[card.network]} up mtu 9000 '
            f'type veth peer name {card.name} netns {self.pid}'
            for card in self.cards
        ]
        inside = []
        for card in self.cards:
            inside.append(f'link set {card.name} up mtu 9000')
            if card.address:
                inside.append(f'address add {card.address}/24 dev {card.name}')
        for command, lines in (
            (tester.command('ip', '-batch', '-', only_network=True), outside),
            (self.command('ip', '-batch', '-', only_network=True), inside),
        ):
            _run(command, '\n'.join(lines))
        for card in self.cards:
            # the user-space switches do not fill in checksums
            _run(
                self.command(
                    'ethtool', '-K', card.name, 'tx', 'off', only_network=True
                )
            )

    def run(self, *command, input=None, patience=120):
        """Run a command in the host and return what it printed.

        :raises LabError: when it fails or takes longer than ``patience`` s
        """
        return _run(
            self.command(*self.environment(), *command),
            input,
            patience,
            self.name,
        )

    @staticmethod
    def environment():
        """The words that put a clean environment before a command."""
        return [
            'env',
            '-i',
            f'PATH={programs.PATH}',
            'HOME=/root',
            'LANG=C.UTF-8',
            f'TERM={os.environ.get("TERM", "dumb")}',
        ]

    def start_programs(self, *names):
        """Start programs that do not start by themselves."""
        self.run(
            'systemctl' if self.systemd else 'supervisorctl', 'start', *names
        )

    def programs_status(self):
        """Which of its programs run, for people."""
        # By what runs, not by what would be started now. supervisorctl says
        # by its status that a program does not run.
        return self.run(
            'sh',
            '-c',
            'if [ -d /run/systemd/system ]; then '
            'systemctl --no-pager --type=service; '
            'else supervisorctl status || true; fi',
        )

    def stop(self):
        super().stop()
        # Innermost first: none may hold another.
        for top in _CGROUPS:
            for folder in sorted(
                top.glob(f'lab-{self.name}/**/'), reverse=True
            ):
                folder.rmdir()

    def remove(self):
        """Forget what it wrote; its logs stay."""
        if self.state.exists():
            shutil.rmtree(self.state)


def _render(tree, target, values):
    """Copy a tree; what lies in etc is a template, scripts are as they are.

    All is readable inside the host: the state's folder itself is root's
    alone, since the files hold passwords.
    """
    for path in tree.rglob('*'):
        if path.is_file():
            relative = path.relative_to(tree)
            text = path.read_text()
            if relative.parts[0] == 'etc':
                text = string.Template(text).substitute(values)
            _write(
                target / relative,
                text,
                0o755 if os.access(path, os.X_OK) else 0o644,
            )


def _write(path, text, mode):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode)
    path.chmod(mode)
    path.write_text(text)


def _run(command, input=None, patience=120, name=None):
    try:
        done = subprocess.run(
            command,
            input=input,
            text=True,
            cwd='/',
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=patience,
            stdin=None if input else subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as late:
        raise LabError(
            f'{name or "machine"}: {" ".join(command)} did not '
            f'end within {patience} s; it said: '
            f'{late.output or "nothing"}'
        ) from None
    if done.returncode:
        raise LabError(
            f'{name or "machine"}: {" ".join(command)} ended '
            f'with {done.returncode} and said: {done.stdout}'
        )
    return done.stdout
