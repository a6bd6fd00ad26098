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
"""What virsh of libvirt 11.3 printed in the embedded cloud, read."""

import contextlib
import json
from unittest import mock
from xml.etree import ElementTree

import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.hosts import jobs
from migration_tempest_plugin.hosts import libvirt
from migration_tempest_plugin.hosts import ssh

RUNNING = """\
Job type: 2

operation: 5
time_elapsed: 290
data_total: 0
memory_total: 0
auto_converge_throttle: 20
"""

COMPLETED = """\
Job type: 3

operation: 4
time_elapsed: 3024
time_elapsed_net: 3021
downtime: 104
downtime_net: 101
setup_time: 4
memory_bps: 63633940
memory_page_size: 4096
"""

STATISTICS = """\
Domain: 'instance-00000001'
  vcpu.current=2
  vcpu.maximum=2
  vcpu.0.state=1
  vcpu.0.time=3500000000
  vcpu.0.wait=0
  vcpu.0.delay=530068066
  vcpu.1.state=1
  vcpu.1.time=2000000000
"""

VCPUS = """\
VCPU:           0
CPU:            0
State:          running
CPU time:       3.6s
CPU Affinity:   y--

VCPU:           1
CPU:            2
State:          running
CPU time:       3.6s
CPU Affinity:   y-y

"""

DISKS = """\
 Target   Capacity     Allocation   Physical
----------------------------------------------
 vda      1073741824   200704       196624
 vdb      10           5            5

"""

DIRTY = """\
Domain: 'instance-00000001'
  dirtyrate.calc_status=2
  dirtyrate.calc_start_time=1795257124
  dirtyrate.calc_period=1
  dirtyrate.calc_mode=page-sampling
  dirtyrate.megabytes_per_second=37
"""

NONE = 'Job type: 0\n\n'


CAPABILITIES = """\
<capabilities>
  <guest>
    <os_type>hvm</os_type>
    <arch name='i686'>
      <machine canonical='pc-i440fx-10.0' maxCpus='255'>pc</machine>
    </arch>
  </guest>
  <guest>
    <os_type>hvm</os_type>
    <arch name='x86_64'>
      <wordsize>64</wordsize>
      <machine maxCpus='255'>pc-i440fx-10.0</machine>
      <machine canonical='pc-i440fx-10.0' maxCpus='255'>pc</machine>
      <machine maxCpus='288' deprecated='yes'>pc-q35-5.2</machine>
      <domain type='qemu'/>
      <domain type='kvm'>
        <machine maxCpus='4096'>pc-q35-10.0</machine>
      </domain>
    </arch>
  </guest>
</capabilities>
"""

DOMAIN_CAPABILITIES = """\
<domainCapabilities>
  <path>/usr/bin/qemu-system-x86_64</path>
  <domain>qemu</domain>
  <machine>pc-i440fx-10.0</machine>
  <arch>x86_64</arch>
  <cpu>
    <mode name='host-passthrough' supported='no'/>
    <mode name='host-model' supported='%s'>
      <model fallback='forbid'>EPYC</model>
      <vendor>AMD</vendor>
      <feature policy='require' name='monitor'/>
    </mode>
  </cpu>
</domainCapabilities>
"""

VERSION = """\
Compiled against library: libvirt 11.3.0
Using library: libvirt 11.3.0
Using API: QEMU 11.3.0
Running hypervisor: QEMU 10.0.13
Running against daemon: 11.3.0
"""

#: As "virsh --quiet secret-list" prints them, of two kinds.
SECRETS = """\
 457eb676-33da-42ec-9a8c-9293d545c337   ceph     client.cinder secret
 33b7cf0e-5d4f-4f7a-9e1a-2f1d6a0c9b11   volume   /var/lib/images/disk.img
"""


class Virsh:
    """A host that answers as virsh does."""

    name = 'compute1'

    def __init__(self, answer, status=1):
        self.answer = answer
        self.status = status
        self.asked = None

    def run(self, *words):
        self.asked = words
        return self.answer

    def attempt(self, *words):
        self.asked = words
        return ssh.Outcome(self.answer, '', self.status)


class TestHost(testtools.TestCase):
    """What a host is, apart from its servers."""

    def asked(self, answer, virsh=('virsh',)):
        self.host = Virsh(answer)
        return libvirt.Libvirt(self.host, virsh)

    def test_versions(self):
        self.assertEqual(
            ((11, 3, 0), (10, 0, 13)), self.asked(VERSION).versions()
        )
        for other in ('', VERSION.replace('10.0.13', 'unknown')):
            self.assertRaises(exceptions.HostError, self.asked(other).versions)

    def test_secrets(self):
        host = Virsh(SECRETS, status=0)
        found = libvirt.Libvirt(host, ('virsh',)).secrets()
        self.assertEqual({'457eb676-33da-42ec-9a8c-9293d545c337'}, found)
        self.assertEqual(('virsh', '--quiet', 'secret-list'), host.asked)
        self.assertEqual(
            frozenset(), libvirt.Libvirt(Virsh('', 0), ('virsh',)).secrets()
        )

    def test_no_word_of_secrets(self):
        self.assertIsNone(self.asked('').secrets())

    def test_machine_types(self):
        self.assertEqual(
            (
                {'pc', 'pc-i440fx-10.0', 'pc-q35-5.2', 'pc-q35-10.0'},
                {'pc': 'pc-i440fx-10.0'},
            ),
            self.asked(CAPABILITIES).machine_types('x86_64'),
        )
        self.assertRaises(
            exceptions.HostError, self.asked('no XML').machine_types, 'x86_64'
        )

    def test_default_machine(self):
        self.assertEqual(
            'pc-i440fx-10.0',
            self.asked(DOMAIN_CAPABILITIES % 'yes').default_machine('qemu'),
        )

    def test_no_default_machine(self):
        error = self.assertRaises(
            exceptions.HostError,
            self.asked('<domainCapabilities/>').default_machine,
            'qemu',
        )
        self.assertIn('<domainCapabilities', str(error))

    def test_host_model(self):
        cpu = ElementTree.fromstring(
            self.asked(DOMAIN_CAPABILITIES % 'yes').host_model('qemu')
        )
        self.assertEqual(
            ('cpu', 'EPYC', 'monitor'),
            (cpu.tag, cpu.findtext('model'), cpu.find('feature').get('name')),
        )
        self.assertEqual(
            '', self.asked(DOMAIN_CAPABILITIES % 'no').host_model('qemu')
        )

    def test_cpu(self):
        """Each of what virsh says (cmdHypervisorCPUCompare)."""
        for said, fits in (
            (
                (
                    'CPU described in /dev/stdin is identical to the CPU '
                    'provided by hypervisor on the host\n'
                ),
                True,
            ),
            (
                (
                    'The CPU provided by hypervisor on the host is a superset '
                    'of '
                    'CPU described in /dev/stdin\n'
                ),
                True,
            ),
            (
                (
                    'CPU described in /dev/stdin is incompatible with the CPU '
                    'provided by hypervisor on the host\n'
                ),
                False,
            ),
        ):
            self.assertIs(fits, self.asked(said).can_give_cpu('<cpu/>', 'kvm'))
        other = self.asked('error: this function is not supported')
        self.assertRaises(
            exceptions.HostError, other.can_give_cpu, '<cpu/>', 'kvm'
        )

    def test_cpu_in_a_container(self):
        """Where nothing hands a standard input on."""
        asked = self.asked(
            'is identical',
            (
                'docker',
                'exec',
                'nova_libvirt',
                'virsh',
                '-c',
                'qemu:///system',
            ),
        )
        asked.can_give_cpu('<cpu/>', 'kvm')
        self.assertEqual(
            ('docker', 'exec', 'nova_libvirt', 'sh', '-c'), self.host.asked[:5]
        )
        self.assertEqual(
            (
                '<cpu/>',
                'virsh',
                '-c',
                'qemu:///system',
                'hypervisor-cpu-compare',
                '/dev/stdin',
                '--virttype',
                'kvm',
            ),
            self.host.asked[7:],
        )

    def test_split(self):
        for virsh, beside, itself in (
            ('virsh', '', 'virsh'),
            ('/usr/bin/virsh -c x', '', '/usr/bin/virsh -c x'),
            (
                'podman exec nova_libvirt virsh',
                'podman exec nova_libvirt',
                'virsh',
            ),
            ('my-own-way', '', 'my-own-way'),
        ):
            self.assertEqual(
                (beside.split(), itself.split()), libvirt.split(virsh.split())
            )


class TestJob(testtools.TestCase):
    def test_running(self):
        job = jobs.Job.parse(RUNNING)
        self.assertEqual(
            ('unbounded', 0.29, 20, None),
            (job.kind, job.elapsed, job.throttle, job.downtime),
        )

    def test_completed(self):
        job = jobs.Job.parse(COMPLETED)
        self.assertEqual(
            ('completed', 3.024, None, 0.101),
            (job.kind, job.elapsed, job.throttle, job.downtime),
        )
        self.assertEqual(63633940, job.fields['memory_bps'])

    def test_two_clocks(self):
        """At the destination, times are its own clock less the source's."""
        for fields, downtime in (
            ('operation: 4\ndowntime: 1574\ndowntime_net: 72\n', 0.072),
            ('operation: 4\ndowntime: 1574\n', None),
            ('operation: 4\ntime_elapsed: 3024\n', None),
            ('operation: 5\ndowntime: 38\n', 0.038),
        ):
            job = jobs.Job.parse('Job type: 3\n\n' + fields)
            self.assertEqual(downtime, job.downtime, fields)

    def test_a_job_that_is_no_migration(self):
        saved = jobs.Job.parse(
            'Job type: 3\n\noperation: 2\ntime_elapsed: 900\ndowntime: 870\n'
        )
        self.assertIsNone(saved.downtime)

    def test_copies_memory(self):
        running = jobs.Job.parse(RUNNING)
        self.assertFalse(running.copies_memory)
        running.fields['memory_total'] = 135012352
        self.assertTrue(running.copies_memory)
        self.assertFalse(jobs.Job.parse(COMPLETED).copies_memory)

    def test_none(self):
        self.assertEqual(jobs.Job('none', {}), jobs.Job.parse(NONE))

    def test_something_else(self):
        for text in (
            '',
            'Job type: None\n',
            'Job type: 9\n',
            'Job type:         Completed\n',
        ):
            self.assertRaises(ValueError, jobs.Job.parse, text)


class Qemu(Virsh):
    """A host whose QEMU can be asked; so can libvirt.

    :param changes: parameters with other values; None for none
    """

    access = ssh.Access('compute1', 'host', patience=7)

    def __init__(self, on=True, **changes):
        super().__init__('')
        parameters = {
            'cpu-throttle-initial': 21,
            'cpu-throttle-increment': 11,
            'max-cpu-throttle': 91,
            'tls-creds': '',
            **{name.replace('_', '-'): each for name, each in changes.items()},
        }
        self.answers = {
            'query-migrate-capabilities': [
                {'capability': 'xbzrle', 'state': not on},
                {'capability': 'auto-converge', 'state': on},
            ],
            'query-migrate-parameters': {
                name: each
                for name, each in parameters.items()
                if each is not None
            },
        }

    def run(self, *words):
        answer = self.answers[json.loads(words[-1])['execute']]
        return json.dumps({'return': answer, 'id': 'libvirt-438'}) + '\n'


class TestAutoConverge(testtools.TestCase):
    def test_values(self):
        for on in True, False:
            self.assertEqual(
                libvirt.AutoConverge(on, 21, 11, 91),
                libvirt.Libvirt(Qemu(on)).auto_converge('x'),
            )

    def test_is_held(self):
        for maximum, held in ((91, False), (2, False), (1, True)):
            self.assertIs(
                held, libvirt.AutoConverge(True, 1, 1, maximum).is_held
            )

    def test_for_people(self):
        self.assertEqual(
            '21 % at first, 11 % more each time, 91 % at most',
            str(libvirt.AutoConverge(True, 21, 11, 91)),
        )

    def test_qemu_that_has_none(self):
        for value in (None, 'much'):
            client = libvirt.Libvirt(Qemu(max_cpu_throttle=value))
            for ask in client.auto_converge, client.unthrottled:
                error = self.assertRaises(exceptions.HostError, ask, 'x')
                self.assertIn(
                    'compute1: virsh qemu-monitor-command x', str(error)
                )


class Script:
    """What runs on a host, as ssh.Host.stream() gives it.

    :param said: what it prints first, and at its end
    :param status: how it ends
    """

    def __init__(self, said=b'held\n', last=b'', status=0):
        self.said = said
        self.last = last
        self.exit_status = status
        self.channel = self
        self.happened = []

    @contextlib.contextmanager
    def stream(self, *words):
        self.words = words
        yield self
        self.happened.append('ended')

    def __getattr__(self, name):
        return lambda *_: self.happened.append(name)

    def readline(self):
        return self._give(self.said)

    def read(self):
        return self._give(self.last)

    def _give(self, what):
        if isinstance(what, Exception):
            raise what
        return what

    def exit_status_ready(self):
        return 'shutdown_write' in self.happened


class TestUnthrottled(testtools.TestCase):
    def hold(self, virsh=('virsh',), **script):
        self.script = Script(**script)
        self.host = Qemu()
        self.host.stream = self.script.stream
        self.host.close = mock.Mock()
        with mock.patch.object(
            libvirt.ssh, 'Host', return_value=self.host
        ) as made:
            held = libvirt.Libvirt(self.host, virsh).unthrottled('the-id')
        made.assert_called_once_with(self.host.access)
        return held

    def refused(self, call, **arguments):
        return str(self.assertRaises(exceptions.HostError, call, **arguments))

    def test_words(self):
        """What QEMU has is what is put back."""
        self.hold(('podman', 'exec', 'my libvirt', 'virsh'))
        self.assertEqual(
            (
                'unthrottled',
                300,
                'the-id',
                21,
                11,
                91,
                "podman exec 'my libvirt' virsh",
            ),
            self.script.words,
        )

    def test_until_it_is_closed(self):
        held = self.hold()
        self.assertFalse(held.over)
        self.host.close.assert_not_called()
        held.close()
        self.assertEqual(
            ['settimeout', 'shutdown_write', 'ended'], self.script.happened
        )
        self.assertTrue(held.over)
        self.host.close.assert_called_once_with()

    def test_what_cant_be_held(self):
        for said, told in (
            (
                b"error: failed to get domain 'the-id'\n",
                'failed to get domain',
            ),
            (b'', 'it ended, and said nothing'),
            (TimeoutError(), 'did not answer within 7 s'),
            (OSError('Socket is closed'), 'OSError: Socket is closed'),
        ):
            error = self.refused(self.hold, said=said)
            self.assertIn('compute1: unthrottled.sh 300 the-id 21 ', error)
            self.assertIn(told, error)
            self.host.close.assert_called_once_with()

    def test_what_cant_be_put_back(self):
        for last, status, told in (
            (b'error: no connection\n', 1, 'still held at 1 %: error: no'),
            (TimeoutError(), 0, 'did not answer within 7 s'),
        ):
            held = self.hold(last=last, status=status)
            self.assertIn(told, self.refused(held.close))
            self.host.close.assert_called_once_with()

    def test_a_lost_connection_is_no_trouble(self):
        """Its script goes on by itself; nobody knows how it ends."""
        self.hold(status=-1).close()
        self.assertIn('ended', self.script.happened)


class TestLibvirt(testtools.TestCase):
    def test_has(self):
        client = libvirt.Libvirt(Virsh('one-id\nother-id\n\n'))
        for server, has in (('one-id', True), ('one', False), ('', False)):
            self.assertIs(has, client.has(server), server)
        self.assertEqual(('list', '--uuid'), client.host.asked[-2:])

    def test_words(self):
        host = Virsh(COMPLETED)
        job = libvirt.Libvirt(
            host, ('podman', 'exec', 'nova_libvirt', 'virsh')
        ).completed_job('the-id')
        self.assertEqual(0.101, job.downtime)
        self.assertEqual(
            (
                'podman',
                'exec',
                'nova_libvirt',
                'virsh',
                '--quiet',
                'domjobinfo',
                'the-id',
                '--rawstats',
                '--completed',
                '--keep-completed',
            ),
            host.asked,
        )

    def test_servers(self):
        self.assertEqual(
            ['a', 'b'], libvirt.Libvirt(Virsh('a\nb\n\n')).running()
        )
        self.assertEqual([], libvirt.Libvirt(Virsh('\n')).running())

    def test_maximum_downtime(self):
        self.assertEqual(
            0.5, libvirt.Libvirt(Virsh('500\n')).maximum_downtime('x')
        )
        self.assertEqual(
            0.5,
            libvirt.Libvirt(
                Virsh('Welcome to virsh 11\n500\n')
            ).maximum_downtime('x'),
        )
        error = self.assertRaises(
            exceptions.HostError,
            libvirt.Libvirt(Virsh('Welcome to virsh 11\n')).maximum_downtime,
            'x',
        )
        self.assertIn('printed something else', str(error))

    def test_xml(self):
        self.assertEqual(
            'domain',
            libvirt.Libvirt(Virsh('<domain type="qemu"/>')).xml('x').tag,
        )

    def test_vcpu_time(self):
        self.assertEqual(
            5.5, libvirt.Libvirt(Virsh(STATISTICS)).vcpu_time('x')
        )

    def test_disk_sizes(self):
        self.assertEqual(
            {'vda': 196624, 'vdb': 5},
            libvirt.Libvirt(Virsh(DISKS)).disk_sizes('x'),
        )

    def test_affinity(self):
        self.assertEqual(
            {0: {0}, 1: {0, 2}}, libvirt.Libvirt(Virsh(VCPUS)).affinity('x')
        )

    def test_dirty_rate(self):
        self.assertEqual(37, libvirt.Libvirt(Virsh(DIRTY)).dirty_rate('x'))

    def test_qemu(self):
        answer = {'return': [{'capability': 'auto-converge', 'state': True}]}
        host = Virsh(json.dumps(answer))
        self.assertEqual(
            [{'capability': 'auto-converge', 'state': True}],
            libvirt.Libvirt(host)._qemu('x', 'query-migrate-capabilities'),
        )
        self.assertEqual(
            '{"execute": "query-migrate-capabilities"}', host.asked[-1]
        )

    def test_set_maximum_downtime(self):
        host = Virsh('')
        libvirt.Libvirt(host).set_maximum_downtime('x', 0.12)
        self.assertEqual(('migrate-setmaxdowntime', 'x', 120), host.asked[-3:])

    def test_set_bandwidth(self):
        host = Virsh('')
        libvirt.Libvirt(host).set_bandwidth('x', 64)
        self.assertEqual(('migrate-setspeed', 'x', 64), host.asked[-3:])

    def test_something_else_names_host_and_command(self):
        client = libvirt.Libvirt(Virsh('oops'))
        for call, word in (
            (client.job, 'domjobinfo x --rawstats'),
            (client.xml, 'dumpxml x'),
            (client.vcpu_time, 'domstats --raw --vcpu x'),
            (client.disk_sizes, 'domblkinfo x --all'),
            (client.affinity, 'vcpuinfo x'),
            (client.qemu_migration, 'qemu-monitor-command x'),
        ):
            error = self.assertRaises(exceptions.HostError, call, 'x')
            self.assertIn('compute1: virsh ' + word, str(error))
            self.assertIn("'oops'", str(error))
