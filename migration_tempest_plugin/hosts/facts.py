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
"""What live migrations between hosts depend on, as each host says it.

Everything here reads. A host is a :class:`~.inventory.Compute`.
"""

import collections.abc
import contextlib
import dataclasses
import re
import time

from cryptography import x509

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.hosts import ini
from migration_tempest_plugin.hosts import inventory

#: Where QEMU and libvirt look for certificates unless said otherwise
#: (qemu.conf, and libvirt's "TLS x509 certificates").
_QEMU_FOLDER = '/etc/pki/qemu'
_LIBVIRT_FILES = ('/etc/pki/CA/cacert.pem', '/etc/pki/libvirt/servercert.pem')
_QEMU_CONF = '/etc/libvirt/qemu.conf'
_FOLDER = re.compile(
    r'^ *(migrate|default)_tls_x509_cert_dir *= *"(.+)"', re.MULTILINE
)


@dataclasses.dataclass(frozen=True)
class NovaOptions:
    """What nova.conf says of live migrations; what it does not say, as Nova.

    :ivar virt_type: kvm, qemu, ...
    :ivar cpu_mode: host-model, host-passthrough, maximum, custom or none
    :ivar images_type: where the disks are
    :ivar machines: the machine type of a server that asks for none, by the
        architecture; libvirt's default where it is not there
    :ivar inbound: the address that a migration comes to; the host's name
    :ivar native_tls: whether QEMU encrypts
    :ivar libvirt_tls: whether libvirt's own connection is encrypted
    """

    virt_type: str
    cpu_mode: str
    images_type: str
    machines: dict[str, str]
    inbound: str
    native_tls: bool
    libvirt_tls: bool

    @classmethod
    def parse(cls, text: str, name: str) -> 'NovaOptions':
        """Read a nova.conf.

        :param name: of the host
        :raises ConfigurationError: if it is none
        """

        def get(option: str, default: str = '') -> str:
            return ini.get_option(text, 'libvirt', option) or default

        virt_type = get('virt_type', 'kvm')
        return cls(
            virt_type=virt_type,
            # nova/virt/libvirt/driver.py, _get_guest_cpu_model_config
            cpu_mode=get(
                'cpu_mode', 'host-model' if virt_type == 'kvm' else 'none'
            ),
            images_type=get('images_type', 'default'),
            machines=dict(
                each.strip().split('=', 1)
                for each in get('hw_machine_type').split(',')
                if '=' in each
            ),
            inbound=get('live_migration_inbound_addr', name),
            native_tls=_is_true(get('live_migration_with_native_tls')),
            libvirt_tls=get('live_migration_scheme') == 'tls'
            or '+tls:' in get('live_migration_uri'),
        )


@dataclasses.dataclass(frozen=True)
class Certificate:
    """One file of a certificate.

    :ivar path: on its host
    :ivar begins: when it is valid first, as seconds of the epoch
    :ivar ends: when it is valid last
    :ivar pem: the certificate itself, which is public
    """

    path: str
    begins: float
    ends: float
    pem: str

    @classmethod
    def parse(cls, path: str, pem: str) -> 'Certificate':
        """Read it.

        :raises ValueError: if it is none
        """
        read = x509.load_pem_x509_certificate(pem.encode())
        return cls(
            path,
            read.not_valid_before_utc.timestamp(),
            read.not_valid_after_utc.timestamp(),
            pem.strip(),
        )


@dataclasses.dataclass(frozen=True)
class Facts:
    """What one host is.

    :ivar name: as Nova calls it
    :ivar architecture: as ``uname -m`` calls it
    :ivar system: its release, in its own words
    :ivar kvm: whether it has /dev/kvm
    :ivar accounts: the ids of users and groups, by ``user qemu``, say
    :ivar clock: by how many seconds its clock is before the one of this
        machine, as (at least, at most)
    :ivar storage: of what kind the file system is that holds the servers'
        disks, and what is mounted there; None if there is no such folder
    :ivar arguments: of nova-compute; none if it does not run
    :ivar default_files: what it reads where no argument says so, in order
    :ivar libvirt: its version, as a tuple of numbers
    :ivar qemu: likewise
    :ivar machines: the machine types that QEMU has
    :ivar used_machines: those that servers have here, or would get by default
    :ivar cpu: what a server gets as host-model, as libvirt's XML; empty if
        libvirt has none
    :ivar nova: NovaOptions
    :ivar certificates: for what is encrypted
    :ivar secrets: the ids under which libvirt has keys for Ceph; None if it
        does not say
    """

    name: str
    architecture: str
    system: str
    kvm: bool
    accounts: dict[str, str]
    clock: tuple[float, float]
    storage: tuple[str, str] | None
    arguments: tuple[str, ...]
    default_files: tuple[str, ...]
    libvirt: tuple[int, ...]
    qemu: tuple[int, ...]
    machines: frozenset[str]
    used_machines: frozenset[str]
    cpu: str
    nova: NovaOptions
    certificates: tuple[Certificate, ...] = ()
    secrets: frozenset[str] | None = frozenset()


@dataclasses.dataclass(frozen=True)
class Path:
    """How one host reaches another.

    :ivar device: the network device that it leaves by
    :ivar mtu: of the way, as this host takes it
    :ivar whole: whether a packet of that size comes back; None if that could
        not be tried, or nothing comes back at all
    """

    address: str
    device: str
    mtu: int
    whole: bool | None


@dataclasses.dataclass(frozen=True)
class Way:
    """What was tried from one host to another.

    :ivar path: to where migrations come in, or None
    :ivar problem: why there is none
    :ivar cpu_fits: whether servers can have there what is host-model here;
        None if that could not be compared
    """

    path: Path | None
    problem: str
    cpu_fits: bool | None


def look(compute: inventory.Compute) -> Facts:
    """The Facts of a host.

    :raises HostError: if it can't be asked
    :raises ConfigurationError: if its nova.conf is none
    """
    before = time.time()
    said = _fields(compute.host.script('facts', compute.description.instances))
    after = time.time()
    [clock] = map(float, said['clock'])
    kind, _, mounted = said.get('storage', [''])[0].partition(' ')
    nova = NovaOptions.parse(compute.nova_conf.read(), compute.name)
    libvirt, qemu = compute.libvirt.versions()
    machines, canonical = compute.libvirt.machine_types(
        said['architecture'][0]
    )
    default = nova.machines.get(
        said['architecture'][0]
    ) or compute.libvirt.default_machine(nova.virt_type)
    return Facts(
        name=compute.name,
        architecture=said['architecture'][0],
        system=said.get('system', ['unknown'])[0],
        kvm='kvm' in said,
        accounts=dict(each.rsplit(' ', 1) for each in said.get('account', ())),
        clock=(clock - after, clock - before),
        storage=(kind, mounted.lstrip()) if kind else None,
        arguments=tuple(said.get('argument', ())),
        default_files=tuple(said.get('default', ())),
        libvirt=libvirt,
        qemu=qemu,
        machines=machines,
        used_machines=frozenset(
            canonical.get(each, each)
            for each in (default, *compute.libvirt.used_machines())
        ),
        cpu=compute.libvirt.host_model(nova.virt_type),
        nova=nova,
        certificates=tuple(_certificates(compute, nova)),
        secrets=compute.libvirt.secrets(),
    )


def way(
    source: inventory.Compute,
    destination: inventory.Compute,
    facts: collections.abc.Mapping[str, Facts],
) -> Way:
    """The Way from one host to another.

    :param facts: of both, by their names
    """
    found, problem, fits = None, '', None
    try:
        found = _path(source, facts[destination.name].nova.inbound)
    except exceptions.HostError as error:
        problem = str(error)
    cpu = facts[source.name].cpu
    if cpu:
        # Libvirt need not know of CPUs: of emulated ones, say.
        with contextlib.suppress(exceptions.HostError):
            fits = destination.libvirt.can_give_cpu(
                cpu, facts[source.name].nova.virt_type
            )
    return Way(found, problem, fits)


def _path(source: inventory.Compute, address: str) -> Path:
    said = {
        name: values[0]
        for name, values in _fields(
            source.host.script('path', address)
        ).items()
    }
    return Path(
        said['address'],
        said['device'],
        int(said['mtu']),
        {'yes': True, 'no': False}.get(said.get('whole', '')),
    )


def _fields(text: str) -> dict[str, list[str]]:
    """What the lines say, as lists by their names."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, _, value = line.partition(' ')
        found.setdefault(name, []).append(value)
    return found


def _certificates(
    compute: inventory.Compute, nova: NovaOptions
) -> collections.abc.Iterator[Certificate]:
    """Those that are needed, where QEMU and libvirt run.

    :raises HostError: if one is missing, or is none
    """
    files: list[str] = []
    if nova.native_tls:
        conf = compute.libvirt.attempt_beside('cat', _QEMU_CONF).stdout
        folders: dict[str, str] = dict(_FOLDER.findall(conf))
        folder = (
            folders.get('migrate') or folders.get('default') or _QEMU_FOLDER
        )
        files += [folder + '/ca-cert.pem', folder + '/server-cert.pem']
    if nova.libvirt_tls:
        files += _LIBVIRT_FILES
    for file in files:
        words = ('cat', file)
        outcome = compute.libvirt.attempt_beside(*words)
        if outcome.status:
            raise exceptions.HostError(
                compute.name,
                words,
                'TLS is on, and there is no such '
                f'certificate: {outcome.stderr.strip()}',
            )
        try:
            yield Certificate.parse(file, outcome.stdout)
        except ValueError as error:
            raise exceptions.HostError(
                compute.name, words, f'is no certificate: {error}'
            ) from error


def _is_true(text: str) -> bool:
    """As oslo.config reads it."""
    return text.strip().lower() in ('true', '1', 'on', 'yes')
