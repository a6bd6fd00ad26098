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
"""A compute host over SSH: commands as its administrator, and files.

A host is described by an :class:`Access`; nothing here knows of Tempest.
Words of a command are quoted, host keys are checked unless the description
says otherwise, and what goes wrong says on which host, what was tried, and
what came back.
"""

import base64
import collections.abc
import contextlib
import dataclasses
import hashlib
import importlib.resources
import os
import shlex
import threading
import time
import typing

from oslo_log import log
import paramiko

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.guest import shell

LOG = log.getLogger(__name__)

# Of a command.
_Words: typing.TypeAlias = collections.abc.Sequence[object]

#: In front of each command. What it prints is read by a program, and must not
#: depend on the language that the host has for its sessions.
_ENVIRONMENT = ('env', 'LC_ALL=C')

# Printed before a command begins: what comes before it is of the login (a
# banner in ~/.bashrc, say), or of what makes root of the user.
_MARK = shell.MARK.encode() + b'\n'
_MARKED = ('sh', '-c', shell.marked('exec "$@"'), 'sh')


@dataclasses.dataclass(frozen=True)
class Access:
    """How a host is reached.

    :ivar name: as Nova calls it
    :ivar address: where its sshd listens
    :ivar port: on which
    :ivar user: who logs in
    :ivar key_file: the private key; empty for what SSH's agent and ``~/.ssh``
        have
    :ivar known_hosts: the file of host keys
    :ivar check_host_key: whether a host whose key is not in it is refused
    :ivar become: the words in front of each command by which the user becomes
        root; none where it is root
    :ivar patience: seconds within which it must be connected, and a command
        must end unless said otherwise
    """

    name: str
    address: str
    port: int = 22
    user: str = 'root'
    key_file: str = ''
    known_hosts: str = '~/.ssh/known_hosts'
    check_host_key: bool = True
    become: tuple[str, ...] = ()
    patience: float = 60.0


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a command ended.

    :ivar status: its exit status
    :ivar began: whether it came to that: the login shell, or what makes root
        of the user, may have failed before
    """

    stdout: str
    stderr: str
    status: int
    began: bool = True


class _UnknownHostKey(Exception):
    """A host showed this key, which nobody knows."""


class _Refuse(paramiko.MissingHostKeyPolicy):
    """Refuses a host whose key is not known."""

    def missing_host_key(
        self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey
    ) -> typing.NoReturn:
        # As ssh-keygen -l writes it
        digest = base64.b64encode(hashlib.sha256(key.asbytes()).digest())
        fingerprint = digest.decode().rstrip('=')
        raise _UnknownHostKey(f'{key.get_name()} SHA256:{fingerprint}')


class Host:
    """Runs commands on a host; connects when the first one comes.

    Not to be used by several threads at once, but for ``tunnel``.

    :param access: how to reach it
    """

    def __init__(self, access: Access) -> None:
        self.access = access
        self._client: paramiko.SSHClient | None = None

    @property
    def name(self) -> str:
        """As Nova calls it."""
        return self.access.name

    def run(
        self, *words: object, input: str = '', patience: float | None = None
    ) -> str:
        """Run a command as root and return what it printed.

        :param words: the command, a word each; they are quoted here
        :param input: what it gets on its standard input
        :param patience: seconds within which it must end
        :raises HostError: if the host can't be reached, the command fails, or
            it does not end in time
        """
        return self._output(words, words, input, patience)

    def exec_command(self, cmd: str) -> str:
        """Have a shell run a command; returns what it printed.

        It makes a guest of the host, as a meter wants it.

        :raises HostError: as run()
        """
        return self.run('sh', '-c', cmd)

    def script(
        self,
        name: str,
        *arguments: object,
        input: str = '',
        patience: float | None = None,
        errors: str = 'replace',
    ) -> str:
        """Run a shell script of this package as root.

        :param name: of its file, without ``.sh``
        :param errors: what becomes of bytes that are not UTF-8 (codecs)
        :raises HostError: as run()
        """
        return self._output(
            (*_script(name), *arguments),
            (name + '.sh', *arguments),
            input,
            patience,
            errors,
        )

    def attempt(
        self, *words: object, input: str = '', patience: float | None = None
    ) -> Outcome:
        """Run a command as root, however it ends.

        :raises HostError: if the host can't be reached, or it does not end
            in time
        """
        return self._attempt(words, words, input, patience)

    def _output(
        self,
        words: _Words,
        shown: _Words,
        input: str,
        patience: float | None,
        errors: str = 'replace',
    ) -> str:
        """What a command prints; what fails names the words that are shown."""
        outcome = self._attempt(words, shown, input, patience, errors)
        if outcome.status:
            said = (outcome.stderr or outcome.stdout).strip() or 'nothing'
            ended = (
                'ended'
                if outcome.began
                else f'did not begin (may {self.access.user} run it, with '
                'become_command, and is the login shell like sh, not csh or '
                'fish?): it ended'
            )
            raise exceptions.HostError(
                self.name,
                shown,
                f'{ended} with {outcome.status} and said: {said}',
            )
        return outcome.stdout

    def _attempt(
        self,
        words: _Words,
        shown: _Words,
        input: str,
        patience: float | None,
        errors: str = 'replace',
    ) -> Outcome:
        patience = patience or self.access.patience
        with self._trouble(shown, patience):
            channel = self._open()
            with contextlib.closing(channel):
                channel.settimeout(patience)
                channel.exec_command(self._line(words))
                return _converse(
                    channel, input.encode(errors=errors), patience, errors
                )

    @contextlib.contextmanager
    def stream(
        self, name: str, *arguments: object
    ) -> collections.abc.Iterator[paramiko.ChannelFile]:
        """Run a shell script of this package as root, as long as wanted.

        The script has to end when its standard input does: at the end of the
        ``with``, and when the connection breaks.

        :param name: of its file, without ``.sh``
        :returns: what it prints, as a file to read bytes from
        :raises HostError: if the host can't be reached
        """
        with self._trouble((name + '.sh', *arguments), self.access.patience):
            channel = self._open()
            channel.settimeout(self.access.patience)
            channel.exec_command(self._line((*_script(name), *arguments)))
            output = channel.makefile('rb')
            # The login need not have ended its line.
            while (line := output.readline()) and not line.endswith(_MARK):
                pass
            channel.settimeout(None)
        with contextlib.closing(channel), output:
            try:
                yield output
            finally:
                channel.shutdown_write()
                channel.status_event.wait(self.access.patience)

    def tunnel(self, address: str, port: int) -> paramiko.Channel:
        """A connection from the host to a TCP port, like a socket.

        :raises HostError: if there is none
        """
        words = ('connection to', f'{address}:{port}')
        with self._trouble(words, self.access.patience):
            return self._transport().open_channel(
                'direct-tcpip',
                (address, port),
                ('127.0.0.1', 0),
                timeout=self.access.patience,
            )

    def connect(self) -> paramiko.SSHClient:
        """A connection of its own.

        :raises HostError: if there is none
        """
        with self._trouble(('connect',), self.access.patience):
            return self._connect()

    def close(self) -> None:
        """End the connection, if there is one."""
        if self._client:
            transport = self._client.get_transport()
            self._client.close()
            # A thread, which goes on for a moment.
            transport.join(self.access.patience)
        self._client = None

    def _line(self, words: _Words) -> str:
        # What makes root of a user may not hand its environment on.
        return shlex.join(
            [
                *self.access.become,
                *_ENVIRONMENT,
                *_MARKED,
                *(str(word) for word in words),
            ]
        )

    def _open(self) -> paramiko.Channel:
        return self._transport().open_session(timeout=self.access.patience)

    def _transport(self) -> paramiko.Transport:
        if not self._client or not self._client.get_transport().is_active():
            self.close()
            self._client = self._connect()
        return self._client.get_transport()

    def _connect(self) -> paramiko.SSHClient:
        access = self.access
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(
            _Refuse() if access.check_host_key else paramiko.AutoAddPolicy()
        )
        if access.check_host_key:
            _load_host_keys(client, access)
        with contextlib.ExitStack() as stack:
            stack.callback(client.close)
            client.connect(
                access.address,
                access.port,
                access.user,
                key_filename=os.path.expanduser(access.key_file) or None,
                allow_agent=not access.key_file,
                look_for_keys=not access.key_file,
                timeout=access.patience,
                banner_timeout=access.patience,
                auth_timeout=access.patience,
            )
            stack.pop_all()
        return client

    @contextlib.contextmanager
    def _trouble(
        self, words: _Words, patience: float
    ) -> collections.abc.Iterator[None]:
        """Turn every trouble with SSH into one that says what to do."""
        access = self.access
        where = f'{access.user}@{access.address} port {access.port}'
        try:
            yield
        except TimeoutError:
            self.close()
            raise exceptions.HostError(
                self.name,
                words,
                f'did not end, or {where} did not answer, within '
                f'{patience:g} s',
            ) from None
        except paramiko.BadHostKeyException as error:
            raise exceptions.HostError(
                self.name,
                words,
                f'the host key of {where} is not the one in '
                f'{access.known_hosts}: {error}',
            ) from error
        except _UnknownHostKey as error:
            raise exceptions.HostError(
                self.name,
                words,
                f'the host key of {where}, {error}, is not in '
                f'{access.known_hosts} (without patterns): compare it and add '
                'it there, or set check_host_keys = false',
            ) from None
        except paramiko.AuthenticationException as error:
            key = access.key_file or 'one in ~/.ssh'
            raise exceptions.HostError(
                self.name,
                words,
                f'{where} was refused ({error}): is {key} its key?',
            ) from error
        except (OSError, EOFError, paramiko.SSHException) as error:
            self.close()
            raise exceptions.HostError(
                self.name,
                words,
                f'no connection to {where}: {type(error).__name__}: {error}',
            ) from error


def _load_host_keys(client: paramiko.SSHClient, access: Access) -> None:
    try:
        client.load_host_keys(os.path.expanduser(access.known_hosts))
    except OSError as error:
        raise exceptions.HostError(
            access.name,
            ('connect',),
            f"the file of host keys, {access.known_hosts}, can't be "
            f'read ({error.strerror}): log in once with ssh, which makes it, '
            'name another one, or do without the check (check_host_keys = '
            'false, or --no-host-key-check)',
        ) from error


def _script(name: str) -> tuple[str, ...]:
    """The words that run a script, in front of its arguments."""
    files = importlib.resources.files('migration_tempest_plugin.hosts')
    return (
        'sh',
        '-c',
        files.joinpath(name + '.sh').read_text(encoding='ascii'),
        name,
    )


def _converse(
    channel: paramiko.Channel, input: bytes, patience: float, errors: str
) -> Outcome:
    """Give a command its input, and take all that it prints."""
    give_up = time.monotonic() + patience
    complaints: list[bytes] = []
    threads = [
        threading.Thread(target=each, daemon=True)
        for each in (
            lambda: _take(channel.recv_stderr, complaints),
            lambda: _feed(channel, input),
        )
    ]
    for thread in threads:
        thread.start()
    output: list[bytes] = []
    while not output or output[-1]:
        channel.settimeout(max(0.001, give_up - time.monotonic()))
        output.append(channel.recv(65536))
    if not channel.status_event.wait(max(0, give_up - time.monotonic())):
        raise TimeoutError()
    for thread in threads:
        thread.join()
    before, mark, printed = b''.join(output).partition(_MARK)
    return Outcome(
        (printed if mark else before).decode(errors=errors),
        b''.join(complaints).decode(errors='replace'),
        channel.exit_status,
        bool(mark),
    )


def _take(
    receive: collections.abc.Callable[[int], bytes], chunks: list[bytes]
) -> None:
    # Whoever reads the other way out finds out why it ended.
    with contextlib.suppress(OSError):
        while not chunks or chunks[-1]:
            chunks.append(receive(65536))


def _feed(channel: paramiko.Channel, input: bytes) -> None:
    # It need not want to read all of it.
    with contextlib.suppress(OSError):
        channel.sendall(input)
        channel.shutdown_write()
