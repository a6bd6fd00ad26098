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

_INDEX = re.compile(r'\[\d+\]')

#: What may differ after a live migration, and why: the elements of a path,
#: without their numbers, and the reason.
EXPECTED = (
    (r'@id', 'each host numbers its own domains'),
    (r'devices/(serial|console)/source@path|devices/console@tty',
     'each host has pseudo terminals of its own'),
    (r'devices/channel/source@path', 'the path has the domain\'s number'),
    (r'devices/graphics(@(port|tlsPort|websocket|listen)|/listen@address)',
     'the console is at the host that the server is on'),
    (r'devices/disk(/backingStore)*/source@index|devices/disk/'
     r'(backingStore/)*backingStore@index',
     'QEMU numbers what it has opened'),
    (r'devices/hostdev/source/address@\w+|devices/interface/source/'
     r'address@\w+', 'a device of the host is another one there'),
    (r'devices/interface/source@dev', 'a device of the host is another one '
     'there'),
    (r'vcpu@cpuset|cputune/(vcpupin|emulatorpin|iothreadpin|vcpusched)@'
     r'(cpuset|vcpus)|numatune/(memory|memnode)@nodeset',
     'Nova chooses among the CPUs of each host: how many is what counts'),
    (r'seclabel(/(label|imagelabel))?(@\w+)?',
     'each host gives its domains labels of its own'),
    (r'cpu/model|cpu/feature@(name|policy)|cpu@\w+|cpu/vendor',
     'libvirt writes the CPU of a running guest in the terms of its host'),
)


@dataclasses.dataclass(frozen=True)
class Difference:
    """Something that is not as it was.

    :ivar path: of the element in the domain, with "@" and the attribute
    :ivar before, after: its value, or None where it is not
    """

    path: str
    before: str | None
    after: str | None

    @property
    def reason(self):
        """Why it is expected after a live migration, or None.

        What is gone, or new, never is: only that a value is another one.
        """
        if None in (self.before, self.after):
            return None
        path = _INDEX.sub('', self.path)
        return next((why for pattern, why in EXPECTED
                     if re.fullmatch(pattern, path)), None)

    def __str__(self):
        return '%s: %s before, %s after' % (self.path, *(
            'nothing' if value is None else repr(value)
            for value in (self.before, self.after)))


def differences(before, after):
    """All Differences between two domains.

    :param before, after: each an ElementTree.Element
    """
    old, new = _flat(before), _flat(after)
    return [Difference(path, old.get(path), new.get(path))
            for path in sorted({*old, *new})
            if old.get(path) != new.get(path)]


@dataclasses.dataclass(frozen=True)
class Cpus:
    """Which of the host's CPUs a domain asks for, as sets of numbers.

    :ivar vcpus: for each CPU of the server, by its number
    :ivar emulator: for QEMU's other threads; None if that is not said
    """

    vcpus: dict
    emulator: frozenset | None

    @classmethod
    def of(cls, domain):
        """Those of a domain (formatdomain, cputune)."""
        pins = {int(pin.get('vcpu')): cpus(pin.get('cpuset'))
                for pin in domain.iterfind('cputune/vcpupin')}
        emulator = domain.find('cputune/emulatorpin')
        return cls(pins, None if emulator is None
                   else cpus(emulator.get('cpuset')))

    @property
    def dedicated(self):
        """Whether each CPU of the server has one of the host's for itself."""
        chosen = [each for one in self.vcpus.values() for each in one]
        return bool(chosen) and len(chosen) == len(set(chosen)) == len(
            self.vcpus)


def cpus(text):
    """The numbers in a list like "0-3,^2,8" (formatdomain, cpuset)."""
    found, left_out = set(), set()
    for part in text.split(','):
        into = left_out if part.strip().startswith('^') else found
        first, _, last = part.strip().lstrip('^').partition('-')
        into.update(range(int(first), int(last or first) + 1))
    return frozenset(found - left_out)


def numa_cells(domain):
    """The guest's NUMA cells: (CPUs, KiB of memory) of each, in order."""
    return [(cpus(cell.get('cpus')), int(cell.get('memory')))
            for cell in domain.iterfind('cpu/numa/cell')]


def disk_caches(domain):
    """The cache mode of each disk, by its name in the guest."""
    return {disk.find('target').get('dev'): disk.find('driver').get('cache')
            for disk in domain.iterfind('devices/disk')
            if disk.find('driver') is not None}


def copied_disks(domain):
    """What Nova copies in a block migration: name in the guest, and source.

    No disk that is read-only (a config drive), shareable, or a volume: Nova
    gives that its id as serial number (nova/virt/libvirt/driver.py,
    _live_migration_copy_disk_paths).

    :returns: for each, (name, "file" or "block")
    """
    return [(disk.find('target').get('dev'), disk.get('type'))
            for disk in domain.iterfind('devices/disk')
            if disk.get('type') in ('file', 'block') and not any(
                disk.find(sign) is not None
                for sign in ('readonly', 'shareable', 'serial'))]


def interfaces(domain):
    """(MAC address, model, name on the host, MTU) of each, in order."""
    return [tuple(_attribute(each, *where) for where in (
        ('mac', 'address'), ('model', 'type'), ('target', 'dev'),
        ('mtu', 'size'))) for each in domain.iterfind('devices/interface')]


def _attribute(element, child, name):
    found = element.find(child)
    return None if found is None else found.get(name)


def _flat(domain):
    """All texts and attributes of a domain, by their paths."""
    found = {}

    def walk(element, path):
        for name, value in element.attrib.items():
            found['%s@%s' % (path, name)] = value
        text = (element.text or '').strip()
        if text:
            found[path] = text
        elif not element.attrib and not len(element):
            found[path] = ''
        numbers = collections.Counter()
        for child in element:
            tag = child.tag.rpartition('}')[2]
            walk(child, '%s%s[%d]' % (path and path + '/', tag,
                                      numbers[tag]))
            numbers[tag] += 1

    walk(domain, '')
    return found
