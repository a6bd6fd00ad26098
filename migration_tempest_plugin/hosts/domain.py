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
"""A server's domain in libvirt, as it was and as it is: what differs.

Of the domain's XML (libvirt's formatdomain), pure: no host is asked.
"""

import collections
import dataclasses
import re
from xml.etree import ElementTree

_INDEX = re.compile(r'\[\d+\]')
_DISK = re.compile(r'devices\[\d+\]/disk\[\d+\]')


@dataclasses.dataclass(frozen=True)
class _Expected:
    """What may differ after a live migration.

    :ivar pattern: of the path, without its numbers or with them
    :ivar why: the reason
    :ivar new, gone: whether it may also be new, or gone
    :ivar of_volume: only of a disk that is the same volume before and after
    """

    pattern: str
    why: str
    new: bool = False
    gone: bool = False
    of_volume: bool = False

    def covers(self, difference: 'Difference') -> bool:
        if (
            difference.before is None
            and not self.new
            or difference.after is None
            and not self.gone
            or self.of_volume
            and not difference.of_volume
        ):
            return False
        return any(
            re.fullmatch(self.pattern, path)
            for path in (difference.path, _INDEX.sub('', difference.path))
        )


_BY_NOVA = 'Nova writes it for the destination: '

#: What libvirt makes of a domain on each host, and what Nova writes anew for
#: the destination (nova/virt/libvirt/migration.py, get_updated_guest_xml).
EXPECTED = (
    _Expected(r'@id', 'each host numbers its own domains'),
    _Expected(
        r'devices/(serial|console)/source@path|devices/console@tty',
        'each host has pseudo terminals of its own',
    ),
    _Expected(
        r'devices/channel/source@path', "the path has the domain's number"
    ),
    _Expected(
        r'devices/channel/target@state', "the guest's agent connects again"
    ),
    _Expected(
        r'devices/disk(/backingStore)*/source@index|devices/disk/'
        r'(backingStore/)*backingStore@index',
        'QEMU numbers what it has opened',
    ),
    _Expected(
        r'seclabel(/(label|imagelabel))?(@\w+)?',
        'each host gives its domains labels of its own',
    ),
    _Expected(
        r'cpu/model|cpu/feature@(name|policy)|cpu@\w+|cpu/vendor',
        'libvirt writes the CPU of a running guest in the terms of its host',
    ),
    # _update_graphics_xml
    _Expected(
        r'devices/graphics(@(port|tlsPort|websocket|listen)|/listen'
        r'@address)',
        'the console is at the host that the server is on',
    ),
    # _update_serial_xml
    _Expected(
        r'devices/(serial|console)/source@(host|service)',
        'the serial console is at the host that the server is on',
    ),
    # _update_mdev_xml, _update_pci_dev_xml
    _Expected(
        r'devices/hostdev/source/address@\w+|devices/interface/source/'
        r'address@\w+',
        'a device of the host is another one there',
    ),
    # _update_vpmems_xml
    _Expected(
        r'devices/memory/source/path',
        _BY_NOVA + 'persistent memory is a device of the host',
    ),
    # _update_vif_xml
    _Expected(
        r'devices/interface/(source|virtualport|filterref)(/\w+)?@\w+|'
        r'devices/interface@type|devices/interface/script@path',
        _BY_NOVA + 'a port is plugged in as its host does it',
        new=True,
        gone=True,
    ),
    # _update_volume_xml
    _Expected(
        r'devices/disk@type|devices/disk/source(@\w+|(/\w+)+(@\w+)?)',
        _BY_NOVA + 'a volume is attached as its host does it',
        new=True,
        gone=True,
        of_volume=True,
    ),
    _Expected(
        r'devices/disk(/source)?/encryption/secret@uuid',
        _BY_NOVA + 'the secret of an encrypted volume',
        of_volume=True,
    ),
    # _update_rbd_xml
    _Expected(
        r'devices/disk/source/host@(name|port)',
        _BY_NOVA + 'the monitors of Ceph as they are now',
        new=True,
        gone=True,
    ),
    # _update_cpu_shared_set_xml, _remove_cpu_shared_set_xml
    _Expected(
        r'vcpu@cpuset',
        _BY_NOVA + 'the CPUs for servers without CPUs '
        'of their own ([compute] cpu_shared_set)',
        new=True,
        gone=True,
    ),
    # _update_numa_xml
    _Expected(
        r'cputune/(vcpupin|emulatorpin|iothreadpin|vcpusched)@'
        r'(cpuset|vcpus)|numatune/(memory|memnode)@nodeset',
        'Nova chooses among the CPUs of each host: how many is what counts',
    ),
    _Expected(
        r'cputune\[0\]/vcpusched\[[1-9]\d*\]@\w+',
        _BY_NOVA + 'one element for all real-time CPUs',
        gone=True,
    ),
    # _update_quota_xml
    _Expected(
        r'cputune/shares',
        _BY_NOVA + 'no shares of the CPU that the flavor does not ask for',
        gone=True,
    ),
    # _update_perf_events_xml
    _Expected(
        r'perf(/event@(name|enabled))?',
        _BY_NOVA + 'the performance events that it supports',
        new=True,
        gone=True,
    ),
    # _update_memory_backing_xml
    _Expected(
        r'memoryBacking(/(source@type|(access|allocation)@mode|'
        r'discard))?',
        _BY_NOVA + 'memory in files ([libvirt] file_backed_memory)',
        new=True,
        gone=True,
    ),
)


@dataclasses.dataclass(frozen=True)
class Difference:
    """Something that is not as it was.

    :ivar path: of the element in the domain, with "@" and the attribute
    :ivar before, after: its value, or None where it is not
    :ivar of_volume: whether it is of a disk that is a volume, and the same
        one before and after, by its serial number
    """

    path: str
    before: str | None
    after: str | None
    of_volume: bool = False

    @property
    def reason(self) -> str | None:
        """Why it is expected after a live migration, or None."""
        return next((each.why for each in EXPECTED if each.covers(self)), None)

    def __str__(self) -> str:
        before, after = (
            'nothing' if value is None else repr(value)
            for value in (self.before, self.after)
        )
        return f'{self.path}: {before} before, {after} after'


def differences(
    before: ElementTree.Element, after: ElementTree.Element
) -> list[Difference]:
    """All Differences between two domains."""
    old, new = _flat(before), _flat(after)
    found = []
    for path in sorted({*old, *new}):
        if old.get(path) != new.get(path):
            disk = _DISK.match(path)
            serial = disk and disk.group() + '/serial[0]'
            found.append(
                Difference(
                    path,
                    old.get(path),
                    new.get(path),
                    bool(
                        disk
                        and serial in old
                        and old[serial] == new.get(serial)
                    ),
                )
            )
    return found


@dataclasses.dataclass(frozen=True)
class Cpus:
    """Which of the host's CPUs a domain asks for, as sets of numbers.

    :ivar vcpus: for each CPU of the server, by its number
    :ivar emulator: for QEMU's other threads; None if that is not said
    """

    vcpus: dict[int, frozenset[int]]
    emulator: frozenset[int] | None

    @classmethod
    def of(cls, domain: ElementTree.Element) -> 'Cpus':
        """Those of a domain (formatdomain, cputune).

        :raises ValueError: if it is none as libvirt writes it
        """
        pins = {
            int(_promised(pin, '.', 'vcpu')): cpus(
                _promised(pin, '.', 'cpuset')
            )
            for pin in domain.iterfind('cputune/vcpupin')
        }
        emulator = domain.find('cputune/emulatorpin')
        return cls(
            pins,
            None
            if emulator is None
            else cpus(_promised(emulator, '.', 'cpuset')),
        )

    @property
    def dedicated(self) -> bool:
        """Whether each CPU of the server has one of the host's for itself."""
        chosen = [each for one in self.vcpus.values() for each in one]
        return bool(chosen) and len(chosen) == len(set(chosen)) == len(
            self.vcpus
        )


def cpus(text: str) -> frozenset[int]:
    """The numbers in a list like "0-3,^2,8" (formatdomain, cpuset).

    :raises ValueError: if it is none
    """
    found: set[int] = set()
    left_out: set[int] = set()
    for part in text.split(','):
        into = left_out if part.strip().startswith('^') else found
        first, _, last = part.strip().lstrip('^').partition('-')
        into.update(range(int(first), int(last or first) + 1))
    return frozenset(found - left_out)


def numa_cells(
    domain: ElementTree.Element,
) -> list[tuple[frozenset[int], int]]:
    """The guest's NUMA cells: (CPUs, KiB of memory) of each, in order.

    :raises ValueError: if it is no domain as libvirt writes it
    """
    # A cell that has memory only names no CPUs.
    return [
        (
            cpus(named) if (named := cell.get('cpus')) else frozenset(),
            int(_promised(cell, '.', 'memory')),
        )
        for cell in domain.iterfind('cpu/numa/cell')
    ]


def disk_caches(domain: ElementTree.Element) -> dict[str, str | None]:
    """The cache mode of each disk, by its name in the guest.

    :raises ValueError: if it is no domain as libvirt writes it
    """
    return {
        _promised(disk, 'target', 'dev'): _attribute(disk, 'driver', 'cache')
        for disk in domain.iterfind('devices/disk')
        if disk.find('driver') is not None
    }


def copied_disks(domain: ElementTree.Element) -> list[tuple[str, str]]:
    """What Nova copies in a block migration: name in the guest, and source.

    No disk that is read-only (a config drive), shareable, or a volume: Nova
    gives that its id as serial number (nova/virt/libvirt/driver.py,
    _live_migration_copy_disk_paths).

    :returns: for each, (name, "file" or "block")
    :raises ValueError: if it is no domain as libvirt writes it
    """
    return [
        (_promised(disk, 'target', 'dev'), kind)
        for disk in domain.iterfind('devices/disk')
        if (kind := disk.get('type')) in ('file', 'block')
        and not any(
            disk.find(sign) is not None
            for sign in ('readonly', 'shareable', 'serial')
        )
    ]


def volumes(domain: ElementTree.Element) -> dict[str, str | None]:
    """The volumes of Cinder that a server has, by their ids.

    Nova gives each its id as serial number (get_config in
    nova/virt/libvirt/volume/volume.py).

    :returns: for each, POOL/NAME of its image in Ceph; None if it is no such
    :raises ValueError: if it is no domain as libvirt writes it
    """
    found: dict[str, str | None] = {}
    for disk in domain.iterfind('devices/disk'):
        serial, source = disk.findtext('serial'), disk.find('source')
        if serial:
            found[serial] = (
                source.get('name')
                if source is not None and source.get('protocol') == 'rbd'
                else None
            )
    return found


def interfaces(domain: ElementTree.Element) -> list[tuple[str | None, ...]]:
    """(MAC address, model, name on the host, MTU) of each, in order."""
    return [
        tuple(
            _attribute(each, *where)
            for where in (
                ('mac', 'address'),
                ('model', 'type'),
                ('target', 'dev'),
                ('mtu', 'size'),
            )
        )
        for each in domain.iterfind('devices/interface')
    ]


def _attribute(
    element: ElementTree.Element, child: str, name: str
) -> str | None:
    """An attribute of a child, or of the element itself if that is "."."""
    found = element.find(child)
    return None if found is None else found.get(name)


def _promised(element: ElementTree.Element, child: str, name: str) -> str:
    """An attribute that libvirt always writes, as _attribute().

    :raises ValueError: if it is not there
    """
    value = _attribute(element, child, name)
    if value is None:
        xml = ElementTree.tostring(element, 'unicode')
        raise ValueError(
            f'not as libvirt writes it, without {name} of {child}: {xml}'
        )
    return value


def _flat(domain: ElementTree.Element) -> dict[str, str]:
    """All texts and attributes of a domain, by their paths."""
    found: dict[str, str] = {}

    def walk(element: ElementTree.Element, path: str) -> None:
        for name, value in element.attrib.items():
            found[f'{path}@{name}'] = value
        text = (element.text or '').strip()
        if text:
            found[path] = text
        elif not element.attrib and not len(element):
            found[path] = ''
        above = path and path + '/'
        numbers: collections.Counter[str] = collections.Counter()
        for child in element:
            tag = child.tag.rpartition('}')[2]
            walk(child, f'{above}{tag}[{numbers[tag]}]')
            numbers[tag] += 1

    walk(domain, '')
    return found
