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
"""What a host is, read from what it printed."""

import datetime
from unittest import mock

from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives import serialization
from cryptography import x509
from cryptography.x509 import oid
import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.hosts import facts
from migration_tempest_plugin.hosts import ssh

SAID = """\
clock %f
architecture x86_64
system Debian GNU/Linux 13 (trixie)
account user libvirt-qemu 64055
account group kvm 106
storage nfs4   filer:/srv/nova instances
default /etc/nova/nova.conf
argument /opt/openstack/bin/python
argument /opt/openstack/bin/nova-compute
argument --config-file
argument /etc/nova/nova.conf
"""


def certificate(begins, ends):
    key = ed25519.Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(oid.NameOID.COMMON_NAME, 'x')])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begins)
        .not_valid_after(ends)
        .sign(key, None)
        .public_bytes(serialization.Encoding.PEM)
        .decode()
    )


class TestNovaOptions(testtools.TestCase):
    def test_defaults(self):
        self.assertEqual(
            facts.NovaOptions(
                'kvm', 'host-model', 'default', {}, 'a', False, False
            ),
            facts.NovaOptions.parse('[DEFAULT]\n', 'a'),
        )

    def test_what_it_says(self):
        self.assertEqual(
            facts.NovaOptions(
                'qemu',
                'none',
                'rbd',
                {'x86_64': 'q35', 'aarch64': 'virt'},
                '192.0.2.7',
                True,
                True,
            ),
            facts.NovaOptions.parse(
                '[libvirt]\nvirt_type = qemu\nimages_type = rbd\n'
                'hw_machine_type = x86_64=q35, aarch64=virt\n'
                'live_migration_inbound_addr = 192.0.2.7\n'
                'live_migration_with_native_tls = True\n'
                'live_migration_scheme = tls\n',
                'a',
            ),
        )

    def test_tls_by_a_uri(self):
        self.assertTrue(
            facts.NovaOptions.parse(
                '[libvirt]\nlive_migration_uri = qemu+tls://%s/system\n', 'a'
            ).libvirt_tls
        )


class TestCertificate(testtools.TestCase):
    def test_when_it_is_valid(self):
        begins = datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone.utc)
        ends = datetime.datetime(
            2027, 3, 4, 5, 6, tzinfo=datetime.timezone.utc
        )
        read = facts.Certificate.parse('/x.pem', certificate(begins, ends))
        self.assertEqual(
            (begins.timestamp(), ends.timestamp()), (read.begins, read.ends)
        )

    def test_none(self):
        self.assertRaises(
            ValueError,
            facts.Certificate.parse,
            '/x.pem',
            '-----BEGIN CERTIFICATE-----\nAAAA\n',
        )


class TestLook(testtools.TestCase):
    def compute(self, nova_conf='', files=None):
        """A Compute whose clock is 100 s before."""
        compute = mock.Mock()
        compute.name = 'a'
        compute.host.script.side_effect = lambda *_: (
            SAID % (facts.time.time() + 100)
        )
        compute.nova_conf.read.return_value = nova_conf
        compute.libvirt.versions.return_value = ((11, 3, 0), (10, 0, 13))
        compute.libvirt.machine_types.return_value = (
            frozenset({'pc', 'pc-i440fx-10.0'}),
            {'pc': 'pc-i440fx-10.0', 'q35': 'pc-q35-10.0'},
        )
        compute.libvirt.default_machine.return_value = 'pc-i440fx-10.0'
        compute.libvirt.used_machines.return_value = {'pc-q35-9.2'}
        compute.libvirt.secrets.return_value = frozenset({'5c0a'})
        compute.libvirt.attempt_beside.side_effect = lambda _, path: (
            ssh.Outcome(files[path], '', 0)
            if path in (files or {})
            else ssh.Outcome('', 'no such file', 1)
        )
        return compute

    def test_no_folder_of_instances(self):
        compute = self.compute()
        compute.host.script.side_effect = lambda *_: (
            SAID.replace('nfs4   filer:/srv/nova instances', '')
            % facts.time.time()
        )
        self.assertIsNone(facts.look(compute).storage)

    def test_all(self):
        seen = facts.look(self.compute())
        self.assertEqual(('nfs4', 'filer:/srv/nova instances'), seen.storage)
        self.assertEqual(
            {'user libvirt-qemu': '64055', 'group kvm': '106'}, seen.accounts
        )
        self.assertFalse(seen.kvm)
        self.assertEqual({'5c0a'}, seen.secrets)
        self.assertEqual(4, len(seen.arguments))
        self.assertEqual({'pc-i440fx-10.0', 'pc-q35-9.2'}, seen.used_machines)
        least, most = seen.clock
        self.assertThat(least, testtools.matchers.LessThan(100.001))
        self.assertThat(most, testtools.matchers.GreaterThan(99.999))
        self.assertThat(most - least, testtools.matchers.LessThan(10))

    def test_the_machine_type_of_nova_conf(self):
        seen = facts.look(
            self.compute('[libvirt]\nhw_machine_type = x86_64=q35\n')
        )
        self.assertEqual({'pc-q35-10.0', 'pc-q35-9.2'}, seen.used_machines)

    def test_certificates(self):
        now = datetime.datetime.now(datetime.timezone.utc)
        pem = certificate(now, now + datetime.timedelta(days=1))
        conf = (
            'default_tls_x509_cert_dir = "/etc/x"\n'
            '# migrate_tls_x509_cert_dir = "/etc/pki/y"\n'
        )
        tls = '[libvirt]\nlive_migration_with_native_tls = true\n'
        seen = facts.look(
            self.compute(
                tls,
                {
                    '/etc/libvirt/qemu.conf': conf,
                    '/etc/x/ca-cert.pem': pem,
                    '/etc/x/server-cert.pem': pem,
                },
            )
        )
        self.assertEqual(
            ['/etc/x/ca-cert.pem', '/etc/x/server-cert.pem'],
            [each.path for each in seen.certificates],
        )
        error = self.assertRaises(
            exceptions.HostError, facts.look, self.compute(tls)
        )
        self.assertIn('/etc/pki/qemu/ca-cert.pem', str(error))
        self.assertIn('there is no such certificate', str(error))

    def test_no_certificate_is_needed(self):
        self.assertEqual((), facts.look(self.compute()).certificates)


class TestWay(testtools.TestCase):
    def way(self, said, fits=True, cpu='<cpu/>'):
        source, destination = mock.Mock(), mock.Mock()
        source.name, destination.name = 'a', 'b'
        source.host.script.side_effect = [said]
        destination.libvirt.can_give_cpu.side_effect = [fits]
        host = mock.Mock(cpu=cpu)
        return facts.way(source, destination, {'a': host, 'b': host})

    def test_good(self):
        self.assertEqual(
            facts.Way(facts.Path('192.0.2.7', 'eth1', 9000, True), '', True),
            self.way('address 192.0.2.7\ndevice eth1\nmtu 9000\nwhole yes\n'),
        )

    def test_nothing_comes_back(self):
        way = self.way('address 192.0.2.7\ndevice eth1\nmtu 1500\n', False)
        self.assertIsNone(way.path.whole)
        self.assertIs(False, way.cpu_fits)

    def test_what_is_not_known(self):
        error = exceptions.HostError('a', ('path.sh',), 'no address')
        way = self.way(error, error)
        self.assertIn('no address', way.problem)
        self.assertIsNone(way.cpu_fits)
        self.assertIsNone(self.way(error, cpu='').cpu_fits)
