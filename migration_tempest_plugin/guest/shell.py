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
"""Places a script in a guest and looks after it, over any SSH client.

The client needs nothing but ``exec_command(cmd) -> str`` that raises if the
command does not exit with 0. Each command is one that a POSIX shell takes, so
that it may be prefixed, as Tempest's RemoteClient does, and each costs a
connection there: so they are few.
"""

import collections.abc
import contextlib
import dataclasses
import importlib.resources
import shlex
import threading
import typing

from oslo_log import log

from migration_tempest_plugin import exceptions


LOG = log.getLogger(__name__)

#: Longest command that is sent, in bytes. Dropbear, the SSH server of small
#: guests, takes 9000; a client may put something of its own in front.
MAX_COMMAND = 8000

#: Printed by whatever is run in a guest, or on a host, before all else. What
#: comes before it is of the login: a banner in ~/.bashrc, say.
MARK = '--- migration-tempest-plugin ---'


_Result = typing.TypeVar('_Result')


class Client(typing.Protocol):
    """What reaches a guest: Tempest's clients do."""

    def exec_command(self, cmd: str, /) -> str:
        """What a command prints; raises if it does not exit with 0."""


@dataclasses.dataclass(frozen=True)
class State:
    """How a script was when the guest was asked.

    :ivar alive: its process runs (the very one that was started)
    :ivar present: its directory is there
    :ivar boot_id: the id of the guest's present boot
    :ivar uptime: the guest's clock then, in seconds since its boot
    :ivar now: the lines that the script shows what it is doing in
    :ivar cpu: seconds of the guest's processor that it has taken, with all
        that it has started; None if that is not known
    :ivar log: all of its log, the last line of which may be cut; empty where
        the log was not asked for
    """

    alive: bool
    present: bool
    boot_id: str
    uptime: float
    now: str
    cpu: float | None = None
    log: str = ''


class GuestScript:
    """One script of this package, running in one guest.

    :param client: anything with ``exec_command(cmd) -> str``
    :param name: file name of the script, without ``.sh``
    :param arguments: what it gets, besides its directory
    :param lifetime: seconds after which the script ends by itself, whatever
        happens to the one that started it
    """

    def __init__(
        self,
        client: Client,
        name: str,
        arguments: collections.abc.Iterable[object],
        lifetime: float,
    ) -> None:
        self.name = name
        self.directory: str | None = None
        self.header = ''
        self.boot_id = ''
        self._client = client
        self._arguments = [str(argument) for argument in arguments]
        self._lifetime = lifetime
        self._pid = self._born = '0'
        self._hertz = 100
        self._placed = False

    def start(self) -> None:
        """Place the script in a directory of its own and start it detached.

        If this fails, stop() removes what was placed.

        :raises GuestError: if the guest can't be reached, has no room, or
            lacks what the script needs
        """
        text = read_script(self.name)
        self.directory = self._ask('place', self.name)['directory']
        self._placed = True
        self._upload(text)
        facts = self._ask(
            'start', self.directory, str(len(text)), *self._arguments
        )
        self.boot_id, self.header = facts['boot'], facts['header']
        self._pid, self._born = facts['pid'], facts['born']
        self._hertz = int(facts['hertz'])
        LOG.debug(
            'Started in the guest, in %s: %s', self.directory, self.header
        )

    def state(self) -> State:
        """How the script is, without its log: cheap.

        :raises GuestError: if the guest can't be asked
        """
        return self._state('state')

    def read(self) -> State:
        """How the script is, with its log.

        :raises GuestError: if the guest can't be asked
        """
        return self._state('read')

    def stop(self, deadline: float = 60.0) -> State | None:
        """End the script, its children, and remove its directory.

        Never raises, so that it can't hide the failure of a test: what can't
        be cleaned up is logged as a warning.

        :param deadline: seconds to wait for the guest; the attempt goes on in
            the background for as long as the client itself takes
        :returns: the State right before the end, with the log, or None if
            there is nothing to stop or the guest could not be asked
        """
        if not self._placed:
            return None
        try:
            facts = within(
                deadline, lambda: self._ask('stop', *self._identity())
            )
            state = _state(facts, self._hertz)
        except exceptions.GuestError as error:
            LOG.warning(
                'Could not clean up %s in the guest (process %s, directory '
                '%s), which ends by itself %g s after its start: %s',
                self.name,
                self._pid,
                self.directory,
                self._lifetime,
                error,
            )
            return None
        if 'left' in facts:
            LOG.warning(
                'Could not end %s in the guest, left there: %s',
                self.name,
                facts['left'],
            )
        self._placed = False
        return state

    def _state(self, command: str) -> State:
        return _state(self._ask(command, *self._identity()), self._hertz)

    def _identity(self) -> tuple[str | None, str, str, str]:
        return self.directory, self.boot_id, self._pid, self._born

    def _upload(self, text: str) -> None:
        target = shlex.quote(f'{self.directory}/script')
        for piece in _pieces(text, MAX_COMMAND - 200):
            # It exits with 0 in any case: the words of a failure are lost
            # with some clients, and the size is checked when it is started.
            self._run(
                f'{{ printf %s {shlex.quote(piece)} >>{target}; }} 2>&1 '
                '|| true'
            )

    def _ask(self, *words: object) -> dict[str, str]:
        """Run one command of control.sh and return its answer as a dict."""
        return _ask(self._client, self.name, 'control', words)

    def _run(self, command: str) -> str:
        return _run(self._client, self.name, command)


def ask(client: Client, script: str, *words: object) -> dict[str, str]:
    """Run a script of this package that answers at once, and is gone then.

    :param client: anything with ``exec_command(cmd) -> str``
    :param script: its file name, without ``.sh``
    :param words: what it gets
    :returns: its answer, as a dict
    :raises GuestError: if the guest can't be asked, or says what is wrong
    """
    return _ask(client, script, script, words)


def _ask(
    client: Client,
    name: str,
    script: str,
    words: collections.abc.Sequence[object],
) -> dict[str, str]:
    facts = _facts(own(_run(client, name, command_of(script, *words))))
    if 'error' in facts:
        raise exceptions.GuestError(
            f'{name}: the guest could not {words[0]} it: {facts["error"]}'
        )
    return facts


def _run(client: Client, name: str, command: str) -> str:
    with asking(name):
        return client.exec_command(command)


def run(client: Client, name: str, command: str) -> str:
    """Run a command of a shell; returns what it printed, and nothing else.

    :param client: anything with ``exec_command(cmd) -> str``
    :param name: what asks, for people
    :raises GuestError: if the guest can't be asked
    """
    return own(_run(client, name, marked(command)))


def marked(command: str) -> str:
    """A command that begins with the MARK, for a shell."""
    return f"echo '{MARK}'; {command}"


def command_of(script: str, *words: object) -> str:
    """The command that runs a script of this package, placing nothing.

    It begins with the MARK.

    :param script: its file name, without ``.sh``
    :param words: what it gets
    """
    return shlex.join(
        [
            'sh',
            '-c',
            marked('\n' + read_script(script)),
            script,
            *map(str, words),
        ]
    )


def own(printed: str) -> str:
    """What a command printed itself: what comes after the MARK."""
    before, mark, after = printed.partition(MARK + '\n')
    return after if mark else before


def named(header: str) -> dict[str, str]:
    """What the first line of a script says as ``name=value``, by the names."""
    return dict(word.split('=', 1) for word in header.split() if '=' in word)


@contextlib.contextmanager
def asking(name: str) -> collections.abc.Iterator[None]:
    """Whatever goes wrong meanwhile between here and a guest is a GuestError.

    :param name: what asks, for people
    """
    try:
        yield
    except exceptions.GuestError:
        raise
    # Each client has its own errors, down to those of sockets.
    except Exception as error:
        raise exceptions.GuestError(
            f'{name}: the guest could not be asked over SSH: '
            f'{type(error).__name__}: {error}'
        ) from error


def read_script(name: str) -> str:
    """The text of a script of this package, as it is sent to a guest.

    Comments, indentation and blank lines stay here: every command must fit
    into MAX_COMMAND.
    """
    files = importlib.resources.files('migration_tempest_plugin.guest')
    text = files.joinpath(name + '.sh').read_text(encoding='ascii')
    lines = [line.strip() for line in text.splitlines()]
    return ''.join(
        line + '\n' for line in lines if line and not line.startswith('#')
    )


def _pieces(text: str, limit: int) -> collections.abc.Iterator[str]:
    """Cut text so that each piece is at most limit bytes long once quoted."""
    piece = ''
    for line in text.splitlines(keepends=True):
        if piece and len(shlex.quote(piece + line)) > limit:
            yield piece
            piece = ''
        piece += line
    yield piece


def _facts(answer: str) -> dict[str, str]:
    """Turn an answer of control.sh into a dict; the log is one of its keys."""
    lines = answer.splitlines()
    if not lines or lines[-1] != 'complete':
        raise exceptions.GuestError(
            'The answer of the guest is cut short (or the login shell there '
            f'is not like sh: csh, fish): {answer[-200:]!r}'
        )
    facts = {}
    if 'log' in lines:
        begin, end = lines.index('log'), lines.index('end of log')
        facts['log'] = '\n'.join(lines[begin + 1 : end])
        del lines[begin : end + 1]
    facts.update(line.partition(' ')[::2] for line in lines)
    return facts


def _state(facts: dict[str, str], hertz: int) -> State:
    try:
        return State(
            alive=facts['alive'] == 'yes',
            present=facts['present'] == 'yes',
            boot_id=facts['boot'],
            uptime=float(facts['uptime']),
            now='\n'.join(
                facts[key] for key in facts if key.startswith('now.')
            ),
            cpu=int(facts['cpu']) / hertz if 'cpu' in facts else None,
            log=facts.get('log', ''),
        )
    except (KeyError, ValueError) as error:
        raise exceptions.GuestError(
            f'The answer of the guest makes no sense: {facts!r}'
        ) from error


def within(
    deadline: float, function: collections.abc.Callable[[], _Result]
) -> _Result:
    """Return what function returns, or raise GuestError after deadline."""
    outcome: list[tuple[_Result, None] | tuple[None, Exception]] = []

    def run() -> None:
        try:
            outcome.append((function(), None))
        except Exception as error:
            outcome.append((None, error))

    # A daemon: a client that never returns must not keep the tests from
    # ending.
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(deadline)
    if not outcome:
        raise exceptions.GuestError(f'no answer within {deadline:g} s')
    ended = outcome[0]
    if ended[1] is not None:
        raise ended[1]
    return ended[0]
