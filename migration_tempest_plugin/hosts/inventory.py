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
"""The compute hosts, as options and the file that they name describe them."""

import collections.abc
import configparser
import dataclasses
import re
import shlex
import typing

from migration_tempest_plugin import config
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.hosts import ceph
from migration_tempest_plugin.hosts import configuration
from migration_tempest_plugin.hosts import libvirt
from migration_tempest_plugin.hosts import logs
from migration_tempest_plugin.hosts import services
from migration_tempest_plugin.hosts import ssh

_ADDRESS = 'address'
# ADDRESS:PORT, where the address has no colon, or is in brackets
_ENDPOINT = re.compile(
    r'(?:\[(?P<long>[^\[\]\s]+)\]|(?P<short>[^:\[\]\s]+))'
    r'(?::(?P<port>\d+))?'
)


# What is said of one host: values of options, each as its type makes it.
_Said: typing.TypeAlias = dict[str, typing.Any]
_Types: typing.TypeAlias = dict[str, collections.abc.Callable[[str], object]]


class Options(typing.Protocol):
    """Those of [migration-hosts]; besides these, all of HostOptions."""

    @property
    def computes(self) -> collections.abc.Mapping[str, str]:
        """The address of each compute host, by Nova's name of it."""

    @property
    def hosts_file(self) -> str:
        """The file of the hosts that differ, or empty."""

    @property
    def database_tunnel(self) -> str:
        """The address of the host that leads to the database, or empty."""

    @property
    def storage_host(self) -> str:
        """The address of the storage of volumes, or empty."""

    @property
    def storage_pause_command(self) -> str:
        """Has it answer nobody."""

    @property
    def storage_resume_command(self) -> str:
        """Has it go on."""


@dataclasses.dataclass(frozen=True)
class _OfHost:
    """The options of one host: config.HostOptions."""

    port: int
    user: str
    private_key_file: str
    known_hosts_file: str
    check_host_keys: bool
    become_command: str
    ssh_timeout: float
    virsh_command: str
    nova_conf: str
    nova_compute_unit: str
    nova_compute_log: str
    stop_command: str
    start_command: str
    reload_command: str
    libvirt_kill_command: str
    instances_path: str
    rbd_command: str

    @classmethod
    def of(cls, said: _Said, options: Options) -> '_OfHost':
        """A host's own values before those of all hosts."""
        names = [each.name for each in dataclasses.fields(cls)]
        return cls(
            **{
                name: said[name] if name in said else getattr(options, name)
                for name in names
            }
        )


@dataclasses.dataclass(frozen=True)
class Description:
    """A compute host: how it is reached, and where things are on it.

    :ivar virsh: the words that ask libvirt
    :ivar log: of nova-compute; empty for the journal of its unit
    :ivar commands: how nova-compute is stopped, started and reloaded
    :ivar kill_libvirt: the words that end libvirt's daemon at once
    :ivar instances: the folder of the servers' disks
    :ivar rbd: the words that ask Ceph; none if nobody can
    """

    access: ssh.Access
    virsh: tuple[str, ...]
    nova_conf: str
    unit: str
    log: str
    commands: services.Commands
    kill_libvirt: tuple[str, ...]
    instances: str
    rbd: tuple[str, ...] = ()


class Compute:
    """A compute host with a client of each kind; connects when first used.

    :ivar host: the Host
    :ivar libvirt: the Libvirt there
    :ivar nova_conf: nova-compute's ConfigurationFile
    :ivar log: nova-compute's LogFile, or Journal
    """

    def __init__(self, description: Description) -> None:
        self.description = description
        self.host = ssh.Host(description.access)
        self.libvirt = libvirt.Libvirt(self.host, description.virsh)
        self.nova_conf = configuration.ConfigurationFile(
            self.host, description.nova_conf
        )
        self.log: logs.LogFile | logs.Journal = (
            logs.LogFile(self.host, description.log)
            if description.log
            else logs.Journal(self.host, description.unit)
        )

    @property
    def name(self) -> str:
        """As Nova calls it."""
        return self.host.name

    def service(
        self, problem: collections.abc.Callable[[], str | None]
    ) -> services.Service:
        """nova-compute there, as a Service.

        :param problem: called without arguments, says why it does not work
            yet; None if it does
        """
        return services.Service(self.host, self.description.commands, problem)

    def kill_libvirt(self) -> None:
        """End libvirt's daemon at once, as a crash would.

        What looks after the host's daemons starts it again.

        :raises HostError: if it can't be
        """
        self.host.run(*self.description.kill_libvirt)

    def has_disk(self, server: str) -> bool:
        """Whether the folder of a server's disks is here.

        :param server: its id
        :raises HostError: if the host can't be asked
        """
        return (
            server in self.host.run('ls', self.description.instances).split()
        )

    def watchers(self, image: str) -> tuple[str, ...]:
        """The address of each client that has an image of Ceph open.

        :param image: POOL/NAME
        :raises HostError: if the host can't be asked
        """
        return ceph.watchers(self.host, self.description.rbd, image)

    def close(self) -> None:
        """End the connection."""
        self.host.close()


def describe(options: Options) -> dict[str, Description]:
    """The Description of each compute host, by Nova's name of it.

    :param options: those of [migration-hosts]
    :raises ConfigurationError: if hosts_file can't be read, or says something
        that makes no sense
    """
    hosts: dict[str, _Said] = {
        name: {_ADDRESS: address} for name, address in options.computes.items()
    }
    if options.hosts_file:
        for name, said in _read(options.hosts_file).items():
            hosts[name] = {**hosts.get(name, {}), **said}
    return {
        name: _describe(name, said, options) for name, said in hosts.items()
    }


def computes(options: Options) -> dict[str, Compute]:
    """The Compute of each compute host, by Nova's name of it.

    :param options: those of [migration-hosts]
    :raises ConfigurationError: as describe()
    """
    return {
        name: Compute(description)
        for name, description in describe(options).items()
    }


def database_tunnel(options: Options) -> ssh.Access | None:
    """The Access to the host through which the database is reached, or None.

    :param options: those of [migration-hosts]
    """
    if not options.database_tunnel:
        return None
    return _access(
        'database_tunnel', options.database_tunnel, _OfHost.of({}, options)
    )


@dataclasses.dataclass(frozen=True)
class Storage:
    """What volumes are on, and how it is held up.

    :ivar pause: the words that have it answer nobody
    :ivar resume: the words that have it go on
    """

    access: ssh.Access
    pause: tuple[str, ...]
    resume: tuple[str, ...]


def storage(options: Options) -> Storage | None:
    """The Storage of the volumes, or None.

    :param options: those of [migration-hosts]
    """
    if not options.storage_host:
        return None
    return Storage(
        _access('storage_host', options.storage_host, _OfHost.of({}, options)),
        _words('storage_pause_command', options.storage_pause_command),
        _words('storage_resume_command', options.storage_resume_command),
    )


def _read(path: str) -> dict[str, _Said]:
    """What a hosts_file says of each host, as values of the options."""
    parser = configparser.ConfigParser(
        interpolation=None,
        default_section='',
        inline_comment_prefixes=('#', ';'),
    )
    try:
        with open(path) as file:
            parser.read_file(file)
    except (OSError, UnicodeError, configparser.Error) as error:
        raise exceptions.ConfigurationError(
            f'[migration-hosts] hosts_file: {error}'
        ) from error
    types: _Types = {option.name: option.type for option in config.HostOptions}
    types[_ADDRESS] = str
    return {
        name: {
            key: _value(types, key, text, f'{path}: [{name}]')
            for key, text in parser[name].items()
        }
        for name in parser.sections()
    }


def _value(types: _Types, key: str, text: str, where: str) -> object:
    if key not in types:
        known = ', '.join(sorted(types))
        raise exceptions.ConfigurationError(
            f'{where}: there is no option {key} of a host; there are: {known}'
        )
    try:
        return types[key](text)
    except ValueError as error:
        raise exceptions.ConfigurationError(
            f'{where} {key}: {error}'
        ) from error


def _describe(name: str, said: _Said, options: Options) -> Description:
    if not said.get(_ADDRESS):
        raise exceptions.ConfigurationError(
            f'{options.hosts_file}: [{name}] has no address, and '
            '[migration-hosts] computes none either'
        )
    of_host = _OfHost.of(said, options)
    commands = services.Commands(
        **{
            verb: _command(name, verb, of_host)
            for verb in ('stop', 'start', 'reload')
        }
    )
    return Description(
        access=_access(name, said[_ADDRESS], of_host),
        virsh=_words('virsh_command', of_host.virsh_command),
        nova_conf=of_host.nova_conf,
        unit=of_host.nova_compute_unit,
        log=of_host.nova_compute_log,
        commands=commands,
        kill_libvirt=_words(
            'libvirt_kill_command', of_host.libvirt_kill_command
        ),
        instances=of_host.instances_path,
        rbd=_words('rbd_command', of_host.rbd_command),
    )


def _endpoint(name: str, address: str, port: int) -> tuple[str, int]:
    """An address and a port, also where they are written in one."""
    found = _ENDPOINT.fullmatch(address)
    if found:
        port = int(found['port'] or port)
        address = found['long'] or found['short']
    elif set(address) & set('[] '):
        port = 0
    if port not in range(1, 65536):
        raise exceptions.ConfigurationError(
            f'{name}: {address!r} is no address of a host: write 192.0.2.1, '
            '2001:db8::1, a name, or one of them with a port '
            '(192.0.2.1:2222, [2001:db8::1]:2222)'
        )
    return address, port


def _access(name: str, address: str, options: _OfHost) -> ssh.Access:
    address, port = _endpoint(name, address, options.port)
    return ssh.Access(
        name=name,
        address=address,
        port=port,
        user=options.user,
        key_file=options.private_key_file,
        known_hosts=options.known_hosts_file,
        check_host_key=options.check_host_keys,
        become=_words('become_command', options.become_command),
        patience=options.ssh_timeout,
    )


def _command(name: str, verb: str, options: _OfHost) -> str:
    """The command line of a verb, with the unit's name in it."""
    option = verb + '_command'
    # Not str.format(): braces of a shell, or of Go templates, stay.
    line: str = getattr(options, option).replace(
        '{unit}', shlex.quote(options.nova_compute_unit)
    )
    if not _words(option, line):
        raise exceptions.ConfigurationError(f'{name}: {option} is empty')
    return line


def _words(option: str, line: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(line))
    except ValueError as error:
        raise exceptions.ConfigurationError(
            f'[migration-hosts] {option} = {line}: {error}'
        ) from error
