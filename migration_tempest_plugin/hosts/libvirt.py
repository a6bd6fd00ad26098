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
"""What libvirt on a host knows of a server, by virsh."""

import collections.abc
import contextlib
import dataclasses
import json
import re
import shlex
import time
import typing
from xml.etree import ElementTree

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.hosts import jobs
from migration_tempest_plugin.hosts import ssh

# virsh version --daemon
_DAEMON = re.compile(r'^Running against daemon: (\S+)$', re.MULTILINE)
_HYPERVISOR = re.compile(r'^Running hypervisor: \S+ (\S+)$', re.MULTILINE)
# virsh migrate-getmaxdowntime, in ms
_NUMBER = re.compile(r'^\d+$', re.MULTILINE)
# virsh domstats
_STATISTIC = re.compile(r'^\s*([a-z][\w.]*)=(\S*)$', re.MULTILINE)
# virsh vcpuinfo
_AFFINITY = re.compile(
    r'^VCPU: +(\d+)$(?:\n.+)*?\nCPU Affinity: +([y-]+)$', re.MULTILINE
)
# virsh domblkinfo: name, capacity, allocation, physical
_DISK = re.compile(r'^ *(\S+) +\d+ +\d+ +(\d+) *$', re.MULTILINE)
# virsh hypervisor-cpu-compare
_COMPARISON = re.compile('is (identical|incompatible|a superset)')
# VIR_DOMAIN_DIRTYRATE_MEASURED (libvirt-domain.h)
_MEASURED = '2'
# Seconds that QEMU may take for it, besides those that it looks.
_DIRTY_RATE_PATIENCE = 30

# How often a host tries to put QEMU's throttle back, a second apart: libvirt
# may be starting again meanwhile.
_TRIES = 300
# In percent: the least that QEMU takes.
_LEAST_THROTTLE = 1


def split(
    virsh: collections.abc.Sequence[str],
) -> tuple[collections.abc.Sequence[str], collections.abc.Sequence[str]]:
    """What runs a command where libvirt is, and what asks libvirt there.

    :param virsh: the words of virsh_command
    :returns: both as words; none of the first where that is the host itself
    """
    place = next(
        (
            number
            for number, word in enumerate(virsh)
            if word.rpartition('/')[2] == 'virsh'
        ),
        0,
    )
    return virsh[:place], virsh[place:]


@dataclasses.dataclass(frozen=True)
class AutoConverge:
    """How QEMU slows a server down in a migration that would not end.

    :ivar on: whether it does: its capability auto-converge
    :ivar initial: by how many percent at first: cpu-throttle-initial
    :ivar increment: by how many more each time: cpu-throttle-increment
    :ivar maximum: by how many at most: max-cpu-throttle
    """

    on: bool
    initial: int
    increment: int
    maximum: int

    @property
    def is_held(self) -> bool:
        """Whether it can't slow the server down, although it is on."""
        return self.maximum <= _LEAST_THROTTLE

    def __str__(self) -> str:
        return (
            f'{self.initial} % at first, {self.increment} % more each time, '
            f'{self.maximum} % at most'
        )


class Unthrottled:
    """A server that auto-converge does not slow down, until close().

    See Libvirt.unthrottled().

    :param host: a Host of its own: it is closed at the end
    :param server: its id
    :param before: the AutoConverge to be put back
    :param virsh: the words that ask libvirt there
    :raises HostError: if it can't be
    """

    def __init__(
        self,
        host: ssh.Host,
        server: str,
        before: AutoConverge,
        virsh: collections.abc.Sequence[str],
    ) -> None:
        self._host = host
        self._words = (
            _TRIES,
            server,
            before.initial,
            before.increment,
            before.maximum,
            shlex.join(virsh),
        )
        with contextlib.ExitStack() as stack:
            stack.callback(host.close)
            self._output = stack.enter_context(
                host.stream('unthrottled', *self._words)
            )
            self._channel = self._output.channel
            self._channel.settimeout(host.access.patience)
            said = self._read(self._output.readline)
            if said != 'held':
                raise self._error(said or 'it ended, and said nothing')
            self._stack = stack.pop_all()

    @property
    def over(self) -> bool:
        """Whether the values were put back already, or are about to be.

        The migration is over, or the connection is lost.
        """
        ended: bool = self._channel.exit_status_ready()
        return ended

    def close(self) -> None:
        """Put the values back, and wait for it.

        What the script can't be asked for any more, it does by itself.

        :raises HostError: if they could not be put back
        """
        with self._stack:
            self._channel.shutdown_write()
            said = self._read(self._output.read)
        if self._channel.exit_status > 0:
            raise self._error(
                f"QEMU's throttle is still held at {_LEAST_THROTTLE} %: {said}"
            )

    def _read(self, read: collections.abc.Callable[[], bytes]) -> str:
        try:
            return read().decode(errors='replace').strip()
        except OSError as error:
            # Nobody need wait any longer; the script goes on.
            self._channel.close()
            patience = self._host.access.patience
            raise self._error(
                f'did not answer within {patience:g} s'
                if isinstance(error, TimeoutError)
                else f'{type(error).__name__}: {error}'
            ) from error

    def _error(self, what: str) -> exceptions.HostError:
        return exceptions.HostError(
            self._host.name, ('unthrottled.sh', *self._words), what
        )


class Libvirt:
    """libvirt on one host.

    :param host: the Host
    :param virsh: the words of the command there, ``podman exec nova_libvirt
        virsh`` say
    """

    def __init__(
        self, host: ssh.Host, virsh: collections.abc.Iterable[str] = ('virsh',)
    ) -> None:
        self.host = host
        self._virsh = tuple(virsh)

    def version(self) -> str:
        """Of libvirt's daemon, as it writes it.

        :raises HostError: if libvirt can't be asked
        """
        text = self._ask('version', '--daemon')
        found = _DAEMON.search(text)
        if not found:
            raise self._nonsense(('version', '--daemon'), text)
        return found.group(1)

    def versions(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Of libvirt's daemon and of QEMU, each as a tuple of numbers.

        :raises HostError: if libvirt can't be asked
        """
        text = self._ask('version', '--daemon')
        try:
            return _version(_DAEMON, text), _version(_HYPERVISOR, text)
        except ValueError as error:
            raise self._nonsense(('version', '--daemon'), text) from error

    def machine_types(
        self, architecture: str
    ) -> tuple[frozenset[str], dict[str, str]]:
        """The machine types that QEMU has, and which ones the short names are.

        :param architecture: as libvirt calls it (x86_64)
        :returns: a frozenset of names, and a dict (``q35``: ``pc-q35-9.2``)
        :raises HostError: if libvirt does not say
        """
        words = ('capabilities',)
        found = [
            (self._promised(words, each, each.text), each.get('canonical'))
            for each in self._ask_xml(*words).iterfind(
                f"guest/arch[@name='{architecture}']//machine"
            )
        ]
        return (
            frozenset(name for name, _ in found),
            {name: canonical for name, canonical in found if canonical},
        )

    def default_machine(self, virt_type: str) -> str:
        """The machine type of a server that asks for none.

        :param virt_type: of nova.conf (kvm, qemu)
        :raises HostError: if libvirt does not say
        """
        words = _capabilities(virt_type)
        found = self._ask_xml(*words)
        return self._promised(words, found, found.findtext('machine'))

    def used_machines(self) -> set[str]:
        """The machine types of the servers that run here.

        :raises HostError: if libvirt does not say
        """
        found = set()
        for server in self.running():
            try:
                domain = self.xml(server)
            except exceptions.HostError:  # it has gone
                continue
            kind = domain.find('os/type')
            found.add(
                self._promised(
                    ('dumpxml', server),
                    domain,
                    None if kind is None else kind.get('machine'),
                )
            )
        return found

    def host_model(self, virt_type: str) -> str:
        """The CPU that a server gets as host-model, as libvirt's XML.

        :param virt_type: of nova.conf (kvm, qemu)
        :returns: it is empty where there is none
        :raises HostError: if libvirt does not say
        """
        mode = self._ask_xml(*_capabilities(virt_type)).find(
            "cpu/mode[@name='host-model'][@supported='yes']"
        )
        if mode is None:
            return ''
        cpu = ElementTree.Element('cpu')
        cpu.extend(mode)
        return ElementTree.tostring(cpu, 'unicode')

    def can_give_cpu(self, xml: str, virt_type: str) -> bool:
        """Whether servers can have such a CPU here (hypervisor-cpu-compare).

        :param xml: what host_model() gave on another host
        :param virt_type: of nova.conf (kvm, qemu)
        :raises HostError: if libvirt does not say
        """
        words = (
            'hypervisor-cpu-compare',
            '/dev/stdin',
            '--virttype',
            virt_type,
        )
        # "podman exec" hands no standard input on.
        outcome = self.attempt_beside(
            'sh',
            '-c',
            'xml=$1; shift; printf %s "$xml" | "$@"',
            'sh',
            xml,
            *split(self._virsh)[1],
            *words,
        )
        found = _COMPARISON.search(outcome.stdout + outcome.stderr)
        if not found:
            said = (outcome.stderr or outcome.stdout).strip() or 'nothing'
            raise exceptions.HostError(
                self.host.name,
                (*self._virsh, *words),
                f'ended with {outcome.status} and said: {said}',
            )
        return found.group(1) != 'incompatible'

    def attempt_beside(self, *words: object) -> ssh.Outcome:
        """Run a command where libvirt is, in its container say, as attempt().

        :raises HostError: if the host can't be reached
        """
        return self.host.attempt(*split(self._virsh)[0], *words)

    def running(self) -> list[str]:
        """The ids of the servers that run here.

        :raises HostError: if libvirt can't be asked
        """
        return self._ask('list', '--uuid', '--state-running').split()

    def has(self, server: str) -> bool:
        """Whether a server is here: it runs, or stands for a moment.

        :param server: its id
        :raises HostError: if libvirt can't be asked
        """
        return server in self._ask('list', '--uuid').split()

    def secrets(self) -> frozenset[str] | None:
        """The ids of the keys for Ceph that QEMU is given.

        :returns: None where libvirt does not say, without virtsecretd, say
        :raises HostError: if the host can't be reached
        """
        outcome = self.host.attempt(*self._virsh, '--quiet', 'secret-list')
        if outcome.status:
            return None
        # " UUID   ceph client.cinder secret"
        return frozenset(
            words[0]
            for words in map(str.split, outcome.stdout.splitlines())
            if words[1:2] == ['ceph']
        )

    def defined(self) -> list[str]:
        """The ids of the servers that it knows, running or not.

        :raises HostError: if libvirt can't be asked
        """
        return self._ask('list', '--uuid', '--all').split()

    def xml(self, server: str) -> ElementTree.Element:
        """A server's domain.

        :param server: its id
        :raises HostError: if libvirt does not know it
        """
        return self._ask_xml('dumpxml', server)

    def job(self, server: str) -> jobs.Job:
        """The migration of a server that is going on, from its source.

        :returns: a Job of kind none if there is none
        :raises HostError: if libvirt does not know the server
        """
        return self._job(server)

    def completed_job(self, server: str) -> jobs.Job:
        """The last migration of a server to this host.

        libvirt has it on the destination only, and nothing after
        post-copy. It can be asked again.

        :returns: a Job of kind none if there is none
        :raises HostError: if libvirt does not know the server
        """
        return self._job(server, '--completed', '--keep-completed')

    def maximum_downtime(self, server: str) -> float:
        """For how long QEMU may stop a server at the end, in seconds.

        :raises HostError: if libvirt does not know the server
        """
        words = ('migrate-getmaxdowntime', server)
        text = self._ask(*words)
        found = _NUMBER.search(text)
        if not found:
            raise self._nonsense(words, text)
        return int(found.group()) / 1000

    def set_maximum_downtime(self, server: str, seconds: float) -> None:
        """Say for how long QEMU may stop a server at the end.

        :raises HostError: if libvirt does not know the server, or it is not
            being migrated
        """
        self._ask('migrate-setmaxdowntime', server, round(seconds * 1000))

    def set_bandwidth(self, server: str, mib: int) -> None:
        """Say how fast a migration may go, in MiB per second.

        :raises HostError: if libvirt does not know the server
        """
        self._ask('migrate-setspeed', server, mib)

    def qemu_migration(self, server: str) -> dict[str, object]:
        """What QEMU itself holds to in a migration.

        Its capabilities (True or False) and its parameters, by QEMU's names
        (qapi/migration.json). libvirt calls a domain tainted whose QEMU was
        asked: not for any server.

        :raises HostError: if QEMU can't be asked
        """
        capabilities = self._qemu(server, 'query-migrate-capabilities')
        return {
            **{each['capability']: each['state'] for each in capabilities},
            **self._qemu(server, 'query-migrate-parameters'),
        }

    def auto_converge(self, server: str) -> AutoConverge:
        """How QEMU slows a server down in the migration that goes on.

        libvirt writes whether it does when a migration begins, and calls a
        domain tainted whose QEMU was asked.

        :raises HostError: if QEMU can't be asked
        """
        found = self.qemu_migration(server)
        return self._auto_converge(server, found, found.get('auto-converge'))

    def unthrottled(self, server: str) -> Unthrottled:
        """Keep auto-converge from slowing a server down while it is migrated.

        The values that QEMU had are put back by close(), or when the
        migration is over; a script on the host does it, so that they also are
        when this process is killed, or the connection lost.

        :raises HostError: if QEMU can't be asked, or says no
        """
        before = self._auto_converge(
            server, self._qemu(server, 'query-migrate-parameters'), True
        )
        # There is one for each server: sshd grants few sessions a connection.
        host = ssh.Host(self.host.access)
        return Unthrottled(host, server, before, self._virsh)

    def dirty_rate(self, server: str, seconds: int = 1) -> int:
        """How fast a server changes its memory, in MiB per second.

        Each page counts once in the time that is looked at.

        :param seconds: for how long it is looked at; whole
        :raises HostError: if libvirt can't say, or does not in time
        """
        self._ask('domdirtyrate-calc', server, '--seconds', seconds)
        give_up = time.monotonic() + seconds + _DIRTY_RATE_PATIENCE
        while True:
            text = self._ask('domstats', '--dirtyrate', server)
            stats: dict[str, str] = dict(_STATISTIC.findall(text))
            rate = stats.get('dirtyrate.megabytes_per_second', '')
            if (
                stats.get('dirtyrate.calc_status') == _MEASURED
                and rate.isdecimal()
            ):
                return int(rate)
            if time.monotonic() > give_up:
                raise self._nonsense(('domstats', '--dirtyrate', server), text)
            time.sleep(0.2)

    def disk_sizes(self, server: str) -> dict[str, int]:
        """The size of each disk's file or device, in bytes, by its name.

        :raises HostError: if libvirt does not say
        """
        words = ('domblkinfo', server, '--all')
        text = self._ask(*words)
        found = {name: int(size) for name, size in _DISK.findall(text)}
        if not found:
            raise self._nonsense(words, text)
        return found

    def vcpu_time(self, server: str) -> float:
        """Seconds of CPU time that a server's CPUs have used in sum.

        :raises HostError: if libvirt does not say
        """
        words = ('domstats', '--raw', '--vcpu', server)
        text = self._ask(*words)
        times = [
            int(value)
            for name, value in _STATISTIC.findall(text)
            if re.fullmatch(r'vcpu\.\d+\.time', name) and value.isdecimal()
        ]
        if not times:
            raise self._nonsense(words, text)
        return sum(times) / 1e9

    def affinity(self, server: str) -> dict[int, frozenset[int]]:
        """The host's CPUs that each CPU of a server may run on, really.

        As the kernel has it for the threads, whatever the domain says.

        :returns: frozensets of numbers, in a dict by the CPU's number
        :raises HostError: if libvirt does not say
        """
        words = ('vcpuinfo', server)
        text = self._ask(*words)
        found = {
            int(cpu): frozenset(
                number
                for number, letter in enumerate(letters)
                if letter == 'y'
            )
            for cpu, letters in _AFFINITY.findall(text)
        }
        if not found:
            raise self._nonsense(words, text)
        return found

    def _ask_xml(self, *words: object) -> ElementTree.Element:
        text = self._ask(*words)
        try:
            return ElementTree.fromstring(text)
        except ElementTree.ParseError as error:
            raise self._nonsense(words, text) from error

    def _promised(
        self,
        words: collections.abc.Iterable[object],
        asked: ElementTree.Element,
        found: str | None,
    ) -> str:
        """What was found in what was asked for, where it always is.

        :raises HostError: if it is not there
        """
        if not found:
            raise self._nonsense(words, ElementTree.tostring(asked, 'unicode'))
        return found

    def _qemu(self, server: str, command: str) -> typing.Any:
        """What QEMU returns, which depends on the command."""
        words = (
            'qemu-monitor-command',
            server,
            json.dumps({'execute': command}),
        )
        text = self._ask(*words)
        try:
            # Behind what virsh may have warned of.
            return json.loads(text[text.index('{') :])['return']
        except (ValueError, KeyError, TypeError) as error:
            raise self._nonsense(words, text) from error

    def _auto_converge(
        self,
        server: str,
        parameters: collections.abc.Mapping[str, typing.Any],
        on: object,
    ) -> AutoConverge:
        # By QEMU's names (qapi/migration.json).
        names = (
            'cpu-throttle-initial',
            'cpu-throttle-increment',
            'max-cpu-throttle',
        )
        try:
            return AutoConverge(
                bool(on), *(int(parameters[name]) for name in names)
            )
        except (KeyError, TypeError, ValueError) as error:
            words = ('qemu-monitor-command', server)
            raise self._nonsense(words, str(parameters)) from error

    def _job(self, server: str, *options: str) -> jobs.Job:
        words = ('domjobinfo', server, '--rawstats', *options)
        text = self._ask(*words)
        try:
            return jobs.Job.parse(text)
        except ValueError as error:
            raise self._nonsense(words, text) from error

    def _ask(self, *words: object) -> str:
        return self.host.run(*self._virsh, '--quiet', *words)

    def _nonsense(
        self, words: collections.abc.Iterable[object], text: str
    ) -> exceptions.HostError:
        return exceptions.HostError(
            self.host.name,
            (*self._virsh, *words),
            f'printed something else than is known of it: {text[:500]!r}',
        )


def _version(pattern: re.Pattern[str], text: str) -> tuple[int, ...]:
    """The version behind a pattern.

    :raises ValueError: if there is none
    """
    found = pattern.search(text)
    if not found:
        raise ValueError(f'no version in {text!r}')
    return tuple(map(int, found.group(1).split('.')))


def _capabilities(virt_type: str) -> tuple[str, ...]:
    """The words that ask what domains can have."""
    return 'domcapabilities', '--virttype', virt_type
