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
"""Domains as Nova 34 and libvirt 11.3 write them, before and after."""

from xml.etree import ElementTree

import testtools

from migration_tempest_plugin.hosts import domain

BEFORE = """\
<domain type='qemu' id='1'>
  <name>instance-00000001</name>
  <metadata>
    <nova:instance xmlns:nova="http://openstack.org/xmlns/libvirt/nova/1.1">
      <nova:name>pinned</nova:name>
    </nova:instance>
  </metadata>
  <vcpu placement='static'>2</vcpu>
  <cputune>
    <vcpupin vcpu='0' cpuset='0'/>
    <vcpupin vcpu='1' cpuset='2'/>
    <emulatorpin cpuset='4-5'/>
  </cputune>
  <cpu mode='custom' match='exact' check='full'>
    <numa><cell id='0' cpus='0-1' memory='131072' unit='KiB'/></numa>
  </cpu>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2' cache='none'/>
      <source file='/var/lib/nova/instances/x/disk' index='1'/>
      <backingStore type='file' index='2'>
        <source file='/var/lib/nova/instances/_base/y'/>
        <backingStore/>
      </backingStore>
      <target dev='vda' bus='virtio'/>
    </disk>
    <interface type='ethernet'>
      <mac address='fa:16:3e:1b:b8:73'/>
      <target dev='tap94dd0184-17' managed='no'/>
      <model type='virtio'/>
      <mtu size='1442'/>
    </interface>
    <console type='pty' tty='/dev/pts/0'>
      <source path='/dev/pts/0'/>
    </console>
  </devices>
  <seclabel type='dynamic' model='dac' relabel='yes'>
    <label>+0:+0</label>
  </seclabel>
</domain>
"""


def changed(*pairs):
    text = BEFORE
    for old, new in pairs:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return ElementTree.fromstring(text)


class TestDifferences(testtools.TestCase):
    def differences(self, *pairs):
        return domain.differences(changed(), changed(*pairs))

    def test_none(self):
        self.assertEqual([], self.differences())

    def test_expected(self):
        found = self.differences(
            ("<domain type='qemu' id='1'>", "<domain type='qemu' id='7'>"),
            ("tty='/dev/pts/0'", "tty='/dev/pts/3'"),
            ("disk' index='1'", "disk' index='4'"),
            ("type='file' index='2'", "type='file' index='3'"),
            ('<label>+0:+0</label>', '<label>+7:+7</label>'),
            ("vcpu='0' cpuset='0'", "vcpu='0' cpuset='6'"),
            ("<emulatorpin cpuset='4-5'/>", "<emulatorpin cpuset='8-9'/>"),
        )
        self.assertEqual(7, len(found))
        for each in found:
            self.assertIsNotNone(each.reason, each)

    def reasons(self, before, after):
        """The reason of each difference of two texts in a domain."""
        return {
            str(each): each.reason
            for each in domain.differences(
                *(
                    ElementTree.fromstring(f'<domain><name/>{text}</domain>')
                    for text in (before, after)
                )
            )
        }

    def test_what_nova_writes_anew(self):
        """Each _update_* and _remove_* of nova/virt/libvirt/migration.py."""
        volume = """<devices><disk type='block' device='disk'>
            <source dev='%s' index='1'/><target dev='vdb' bus='virtio'/>
            <serial>1a9f6c1e</serial></disk></devices>"""
        devices = '<devices>%s</devices>'
        for before, after in (
            # the serial console over TCP
            (
                devices % "<console type='tcp'><source mode='bind' "
                "host='192.0.2.1' service='10000'/></console>",
                devices % "<console type='tcp'><source mode='bind' "
                "host='192.0.2.2' service='10003'/></console>",
            ),
            (volume % '/dev/dm-4', volume % '/dev/dm-11'),
            (
                volume % '/dev/dm-4',
                (volume % '/mnt/x')
                .replace('block', 'file')
                .replace('dev=', 'file=', 1),
            ),
            ("<vcpu cpuset='0-3'>2</vcpu>", '<vcpu>2</vcpu>'),
            ('<vcpu>2</vcpu>', "<vcpu cpuset='4-7'>2</vcpu>"),
            ('<cputune><shares>2048</shares></cputune>', ''),
            (
                (
                    "<cputune><vcpusched vcpus='2' scheduler='fifo'/>"
                    "<vcpusched vcpus='3' scheduler='fifo'/></cputune>"
                ),
                "<cputune><vcpusched vcpus='2-3' scheduler='fifo'/></cputune>",
            ),
            ('', "<perf><event name='cmt' enabled='yes'/></perf>"),
            (
                (
                    "<memoryBacking><source type='file'/><access "
                    "mode='shared'/>"
                    "<allocation mode='immediate'/><discard/></memoryBacking>"
                ),
                '<memoryBacking/>',
            ),
            (
                devices % "<disk><source protocol='rbd'><host name='a' "
                "port='6789'/></source></disk>",
                devices % "<disk><source protocol='rbd'><host name='b' "
                "port='6789'/><host name='c' port='3300'/></source></disk>",
            ),
            (
                devices % "<interface type='bridge'><source bridge='qbr1'/>"
                '</interface>',
                devices % "<interface type='ethernet'/>",
            ),
            (
                devices % "<memory model='nvdimm'><source><path>/dev/dax0.1"
                '</path></source></memory>',
                devices % "<memory model='nvdimm'><source><path>/dev/dax0.2"
                '</path></source></memory>',
            ),
            (
                devices % "<channel><target name='org.qemu.guest_agent.0' "
                "state='connected'/></channel>",
                devices % "<channel><target name='org.qemu.guest_agent.0' "
                "state='disconnected'/></channel>",
            ),
        ):
            found = self.reasons(before, after)
            self.assertNotEqual({}, found)
            self.assertNotIn(None, found.values(), found)

    def test_what_it_does_not(self):
        disk = "<devices><disk type='%s'><source %s='%s'/>%s</disk></devices>"
        for before, after in (
            # not a volume, or not the same one
            (
                disk % ('block', 'dev', '/dev/dm-4', ''),
                disk % ('block', 'dev', '/dev/dm-11', ''),
            ),
            (
                disk % ('block', 'dev', '/dev/dm-4', '<serial>a</serial>'),
                disk % ('block', 'dev', '/dev/dm-9', '<serial>b</serial>'),
            ),
            ("<cputune><vcpusched vcpus='2' scheduler='fifo'/></cputune>", ''),
            ('', '<cputune><shares>2048</shares></cputune>'),
            (
                '<memoryBacking><hugepages/></memoryBacking>',
                '<memoryBacking/>',
            ),
            ('<vcpu>2</vcpu>', '<vcpu>1</vcpu>'),
        ):
            self.assertIn(None, self.reasons(before, after).values(), after)

    def test_unexpected(self):
        for old, new, text in (
            (
                "cache='none'",
                "cache='writeback'",
                (
                    "devices[0]/disk[0]/driver[0]@cache: 'none' before, "
                    "'writeback' after"
                ),
            ),
            (
                "    <emulatorpin cpuset='4-5'/>\n",
                '',
                (
                    "cputune[0]/emulatorpin[0]@cpuset: '4-5' before, nothing "
                    'after'
                ),
            ),
            (
                "<mtu size='1442'/>",
                "<mtu size='1500'/>",
                (
                    "devices[0]/interface[0]/mtu[0]@size: '1442' before, "
                    "'1500' after"
                ),
            ),
            (
                '<nova:name>pinned',
                '<nova:name>other',
                (
                    "metadata[0]/instance[0]/name[0]: 'pinned' before, "
                    "'other' "
                    'after'
                ),
            ),
        ):
            [found] = self.differences((old, new))
            self.assertEqual(text, str(found))
            self.assertIsNone(found.reason, found)

    def test_an_element_more(self):
        found = self.differences(('<backingStore/>', '<backingStore/><x/>'))
        self.assertEqual(
            [
                (
                    'devices[0]/disk[0]/backingStore[0]/x[0]: nothing before, '
                    "'' "
                    'after'
                )
            ],
            [str(each) for each in found],
        )


class TestCpus(testtools.TestCase):
    def test_list(self):
        self.assertEqual({0, 1, 3, 8}, domain.cpus('0-3,^2,8'))

    def test_dedicated(self):
        cpus = domain.Cpus.of(changed())
        self.assertEqual({0: {0}, 1: {2}}, cpus.vcpus)
        self.assertEqual({4, 5}, cpus.emulator)
        self.assertTrue(cpus.dedicated)

    def test_not_dedicated(self):
        for pair in (
            ("vcpu='1' cpuset='2'", "vcpu='1' cpuset='0'"),
            ("vcpu='1' cpuset='2'", "vcpu='1' cpuset='2-3'"),
        ):
            self.assertFalse(domain.Cpus.of(changed(pair)).dedicated)
        self.assertFalse(
            domain.Cpus.of(ElementTree.fromstring('<domain/>')).dedicated
        )
        self.assertIsNone(
            domain.Cpus.of(ElementTree.fromstring('<domain/>')).emulator
        )


class TestParts(testtools.TestCase):
    def test_numa(self):
        self.assertEqual([({0, 1}, 131072)], domain.numa_cells(changed()))

    def test_a_numa_cell_of_memory_alone(self):
        cell = ElementTree.fromstring(
            '<domain><cpu><numa><cell id="0" memory="1024" unit="KiB"/>'
            '</numa></cpu></domain>'
        )
        self.assertEqual([(frozenset(), 1024)], domain.numa_cells(cell))

    def test_what_libvirt_does_not_write(self):
        disk = ElementTree.fromstring(
            '<domain><devices><disk type="file" device="disk"><driver/>'
            '<target/></disk></devices></domain>'
        )
        for read in domain.disk_caches, domain.copied_disks:
            error = self.assertRaises(ValueError, read, disk)
            self.assertIn('without dev of target: <disk', str(error))

    def test_disks(self):
        self.assertEqual({'vda': 'none'}, domain.disk_caches(changed()))

    def test_interfaces(self):
        self.assertEqual(
            [('fa:16:3e:1b:b8:73', 'virtio', 'tap94dd0184-17', '1442')],
            domain.interfaces(changed()),
        )


class TestCopiedDisks(testtools.TestCase):
    """As Nova 34 writes them, each with what decides."""

    DOMAIN = """
<domain type='kvm'>
  <devices>
    <disk type='file' device='disk'>
      <source file='/var/lib/nova/instances/the-id/disk'/>
      <target dev='vda' bus='virtio'/>
    </disk>
    <disk type='file' device='disk'>
      <source file='/var/lib/nova/instances/the-id/disk.eph0'/>
      <target dev='vdb' bus='virtio'/>
    </disk>
    <disk type='block' device='disk'>
      <source dev='/dev/nova-vg/the-id_disk.swap'/>
      <target dev='vdc' bus='virtio'/>
    </disk>
    <disk type='block' device='disk'>
      <source dev='/dev/dm-4'/>
      <target dev='vdd' bus='virtio'/>
      <serial>1a9f6c1e-6a8e-4a0e-9d7c-3c1a7f0b2e11</serial>
    </disk>
    <disk type='network' device='disk'>
      <source protocol='rbd' name='volumes/volume-9e1c'/>
      <target dev='vde' bus='virtio'/>
      <serial>9e1c2b70-0d4f-4c3e-8f5a-6b7d8e9f0a1b</serial>
    </disk>
    <disk type='file' device='disk'>
      <source file='/shared/data'/>
      <target dev='vdf' bus='virtio'/>
      <shareable/>
    </disk>
    <disk type='file' device='cdrom'>
      <source file='/var/lib/nova/instances/the-id/disk.config'/>
      <target dev='sda' bus='sata'/>
      <readonly/>
    </disk>
  </devices>
</domain>
"""

    def test_volumes(self):
        self.assertEqual(
            {
                '1a9f6c1e-6a8e-4a0e-9d7c-3c1a7f0b2e11': None,
                '9e1c2b70-0d4f-4c3e-8f5a-6b7d8e9f0a1b': 'volumes/volume-9e1c',
            },
            domain.volumes(ElementTree.fromstring(self.DOMAIN)),
        )

    def test_which(self):
        self.assertEqual(
            [('vda', 'file'), ('vdb', 'file'), ('vdc', 'block')],
            domain.copied_disks(ElementTree.fromstring(self.DOMAIN)),
        )

    def test_none(self):
        self.assertEqual(
            [],
            domain.copied_disks(
                ElementTree.fromstring('<domain><devices/></domain>')
            ),
        )
