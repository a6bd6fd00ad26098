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
"""A guest for functional tests: a real OpenSSH server, and clients of it.

The server has its own host key, client key and TMPDIR, and a mount and a
network namespace of its own, in which a test can mount, route and drop what
it likes: nothing of the machine is changed, and the namespaces go with the
last process in them.
"""

import concurrent.futures
import os
import shutil
import signal
import socket
import subprocess
import time

import fixtures
import paramiko

from migration_tempest_plugin.functional_tests import command
from migration_tempest_plugin.selfcheck import network

#: What Tempest's RemoteClient puts in front of each command.
TEMPEST_PROLOGUE = 'set -eu -o pipefail; PATH=$PATH:/sbin:/usr/sbin;'

ADDRESS = ('127.0.0.1', 22)

CONFIG = """\
ListenAddress 127.0.0.1
Port 22
HostKey %(home)s/host_key
AuthorizedKeysFile %(home)s/client_key.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PrintMotd no
SetEnv HOME=%(home)s
ForceCommand exec sh %(home)s/run
"""

#: Each command runs in an environment of which the test knows everything. So
#: does the login shell that sshd starts first: bash reads ~/.bashrc there, and
#: some print something to whoever logs in.
RUN = """\
%(login)s
exec env -i TMPDIR=%(tmp)s PATH=%(path)s %(environment)s \\
    %(shell)s -c "$SSH_ORIGINAL_COMMAND"
"""

LOGIN = "echo 'You have 2 notices.'"

#: sshd wants /run/sshd: it gets a /run of its own.
START = """\
mount -t tmpfs run /run && mkdir -m 755 /run/sshd && ip link set lo up &&
exec %s -D -e -f %s
"""

PROGRAMS = ('sshd', 'ssh-keygen', 'unshare', 'nsenter', 'ip')


def skip_reason(*programs):
    """Why there can be no guest, with these programs, here; or None."""
    if os.geteuid() != 0:
        return 'needs root: the guest has namespaces of its own'
    missing = [
        program for program in PROGRAMS + programs if not _which(program)
    ]
    return f'not installed: {", ".join(missing)}' if missing else None


class CommandFailed(Exception):
    """A command in the guest did not exit with 0."""


class Guest(fixtures.Fixture):
    """A running sshd in namespaces of its own.

    :param shell: what runs the commands ("dash", "busybox sh", "bash")
    :param path: PATH of the commands
    :param environment: what else is set for them, as a shell has it
    :param login: what is done before each of them
    :ivar tmp: directory that is TMPDIR in the guest
    """

    def __init__(
        self,
        shell='busybox sh',
        path='/usr/bin:/bin',
        environment='',
        login=LOGIN,
    ):
        self.shell = shell
        self.path = path
        self.environment = environment
        self.login = login

    def _setUp(self):
        self.home = self.useFixture(fixtures.TempDir()).path
        self.tmp = os.path.join(self.home, 'tmp')
        os.mkdir(self.tmp)
        make_keys(self.home)
        config = self._write('sshd_config', CONFIG % vars(self))
        self._write('run', RUN % vars(self))
        self._start(START % (_which('sshd'), config))

    def _start(self, command):
        log_name = os.path.join(self.home, 'sshd.log')
        with open(log_name, 'wb') as log:
            self._process = subprocess.Popen(
                [
                    'unshare',
                    '--mount',
                    '--propagation',
                    'private',
                    '--net',
                    'sh',
                    '-c',
                    command,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.addCleanup(self.stop)
        deadline = time.monotonic() + 10
        while not self._greets():
            if time.monotonic() > deadline or self._process.poll() is not None:
                with open(log_name) as log:
                    raise AssertionError(f'sshd: {log.read()}')
            time.sleep(0.05)
        self.addCleanup(os.close, self._network)

    @classmethod
    def running(cls, pid, home):
        """A guest that another process has set up, to connect to.

        :param pid, home: of that guest
        """
        guest = cls()
        guest.home = home
        guest._process = None
        guest._network = os.open(f'/proc/{pid}/ns/net', os.O_RDONLY)
        return guest

    @property
    def pid(self):
        """Of sshd."""
        return self._process.pid

    def stop(self):
        """Stop sshd: the guest can't be reached any more."""
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait()

    def client(self, prologue=TEMPEST_PROLOGUE):
        """A client; prologue is put in front of each command."""
        return Client(self, prologue)

    def connect(self, through=lambda connection: connection):
        """A connected paramiko.SSHClient.

        :param through: called with the socket; returns what leads there
        """
        connection = through(
            self.inside(lambda: socket.create_connection(ADDRESS, 5))
        )
        ssh = paramiko.SSHClient()
        ssh.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        ssh.connect(
            *ADDRESS,
            username='root',
            sock=connection,
            key_filename=os.path.join(self.home, 'client_key'),
            allow_agent=False,
            look_for_keys=False,
        )
        return ssh

    def end_sessions(self, how=signal.SIGKILL):
        """Kill what serves the connections that there are.

        :param how: another signal for it
        """
        for pid in command.children(self._process):
            os.kill(pid, how)

    def look_rebooted(self):
        """Give it the boot id of another boot."""
        boot_id = self._write(
            'boot_id', '00000000-0000-0000-0000-000000000000\n'
        )
        self.run(f'mount --bind {boot_id} /proc/sys/kernel/random/boot_id')

    def run(self, command):
        """Run a command of the machine in the guest's namespaces."""
        pid = self._process.pid
        subprocess.run(
            [
                'nsenter',
                f'--mount=/proc/{pid}/ns/mnt',
                f'--net=/proc/{pid}/ns/net',
                'sh',
                '-c',
                command,
            ],
            check=True,
        )

    def inside(self, function):
        """Call a function in the guest's network namespace."""

        def enter_and_call():
            network.enter(self._network)
            return function()

        # A namespace is a thread's: this one ends with the function.
        with concurrent.futures.ThreadPoolExecutor(1) as thread:
            return thread.submit(enter_and_call).result()

    def processes(self):
        """Ids and commands of what runs in the guest, sshd left out."""
        own = os.fstat(self._network).st_ino
        found = {}
        for number in filter(str.isdigit, os.listdir('/proc')):
            try:
                if os.stat(f'/proc/{number}/ns/net').st_ino != own:
                    continue
                with open(f'/proc/{number}/cmdline') as line:
                    command = line.read().replace('\0', ' ').strip()
            except OSError:
                continue
            # A zombie has no command.
            if command and not command.startswith('sshd'):
                found[int(number)] = command
        if self._process:
            found.pop(self._process.pid, None)
        return found

    def _write(self, name, text):
        path = os.path.join(self.home, name)
        with open(path, 'w') as target:
            target.write(text)
        return path

    def _greets(self):
        # The descriptor keeps the namespace when sshd has been stopped.
        self._network = os.open(
            f'/proc/{self._process.pid}/ns/net', os.O_RDONLY
        )
        try:
            # Right after its start it is still in that of the machine, where
            # a server of that may answer.
            if not os.path.samestat(
                os.fstat(self._network), os.stat('/proc/self/ns/net')
            ):
                with self.inside(
                    lambda: socket.create_connection(ADDRESS, 1)
                ) as connection:
                    if connection.recv(4) == b'SSH-':
                        return True
        except OSError:
            pass
        os.close(self._network)
        return False


class Client:
    """What a meter needs, and no more: one connection per command.

    :ivar commands: what was sent
    """

    def __init__(self, guest, prologue):
        self.commands = []
        self._guest = guest
        self._prologue = prologue

    def exec_command(self, cmd):
        """Return what the command prints.

        :raises CommandFailed: if it exits with another code than 0
        """
        self.commands.append(cmd)
        with self._guest.connect() as ssh:
            _, out, err = ssh.exec_command(
                self._prologue + ' ' + cmd, timeout=30
            )
            output, errors = out.read().decode(), err.read().decode()
            code = out.channel.recv_exit_status()
        if code:
            raise CommandFailed(f'exit code {code}: {errors}')
        return output


def make_keys(folder):
    """The key of a server, host_key, and one that opens it, client_key."""
    for name in ('host_key', 'client_key'):
        subprocess.run(
            [
                'ssh-keygen',
                '-q',
                '-t',
                'ed25519',
                '-N',
                '',
                '-f',
                os.path.join(folder, name),
            ],
            check=True,
        )


def _which(program):
    return shutil.which(
        program, path=os.environ.get('PATH', '') + ':/usr/sbin:/sbin'
    )
