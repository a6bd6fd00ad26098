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
"""What is said of two hosts between which servers are to be migrated."""

import dataclasses
import time

import testtools

from migration_tempest_plugin.doctor import finding
from migration_tempest_plugin.doctor import pairs
from migration_tempest_plugin.hosts import facts
from migration_tempest_plugin.unit_tests.doctor.samples import A
from migration_tempest_plugin.unit_tests.doctor.samples import B
from migration_tempest_plugin.unit_tests.doctor.samples import FINE
from migration_tempest_plugin.unit_tests.doctor.samples import NOVA
from migration_tempest_plugin.unit_tests.doctor.samples import PATH


def but(host, **values):
    return dataclasses.replace(host, **values)


def nova(**values):
    return dataclasses.replace(NOVA, **values)


class TestPairs(testtools.TestCase):
    def found(self, one=A, other=B, there=FINE, back=FINE, copies=True):
        return list(
            pairs.findings(
                {'b': other, 'a': one},
                {('a', 'b'): there, ('b', 'a'): back},
                copies,
            )
        )

    def assert_found(self, outcome, what, said, advice='', **hosts):
        [found] = self.found(**hosts)
        self.assertEqual((outcome, what), (found.outcome, found.what))
        self.assertIn(said, found.said)
        self.assertIn(advice, found.advice)

    def assert_bad(self, *expected, **hosts):
        self.assert_found(finding.Outcome.BAD, *expected, **hosts)

    def assert_differs(self, *expected, **hosts):
        self.assert_found(finding.Outcome.DIFFERS, *expected, **hosts)

    def test_alike(self):
        self.assert_found(
            finding.Outcome.GOOD,
            'hosts a and b',
            'x86_64, QEMU 7.2.22, '
            'libvirt 9.0.0, 2 machine types, CPU, disks on ext4, MTU 9000; '
            'clocks at most 0.1 s apart',
        )

    def test_keys_for_ceph(self):
        self.assert_bad(
            'hosts a and b, keys for Ceph',
            'libvirt on b has no secret 5c0a',
            'as on a',
            one=but(A, secrets=frozenset({'5c0a', '77'})),
            other=but(B, secrets=frozenset({'77'})),
        )

    def test_keys_for_ceph_that_are_not_known(self):
        self.assert_differs(
            'hosts a and b, keys for Ceph',
            'libvirt on b does not say which secrets it has; on a it has 5c0a',
            'virtsecretd',
            one=but(A, secrets=frozenset({'5c0a'})),
            other=but(B, secrets=None),
        )

    def test_alike_as_far_as_is_known(self):
        """What could not be tried is not called alike."""
        self.assert_found(
            finding.Outcome.GOOD,
            'hosts a and b',
            '2 machine types, disks on '
            'ext4, MTU 9000; clocks at most 0.1 s apart; not known: whether b '
            'has the CPU of a, whether packets of 9000 bytes come through '
            'from b',
            there=but(FINE, cpu_fits=None),
            back=but(FINE, path=but(PATH, whole=None)),
        )

    def test_each_pair_once(self):
        names = ('a', 'b', 'c', 'd')
        found = list(
            pairs.findings(
                {name: but(A, name=name) for name in names},
                {(one, other): FINE for one in names for other in names},
                True,
            )
        )
        self.assertEqual(
            ['a and b', 'a and c', 'a and d', 'b and c', 'b and d', 'c and d'],
            [each.what[len('hosts ') :] for each in found],
        )

    def test_architecture(self):
        self.assert_bad(
            'hosts a and b, architecture',
            'x86_64 and aarch64',
            other=but(B, architecture='aarch64'),
        )

    def test_system(self):
        self.assert_differs(
            'hosts a and b, system',
            'Fedora',
            other=but(B, system='Fedora Linux 42'),
        )

    def test_kvm(self):
        self.assert_bad(
            'hosts a and b, /dev/kvm', 'only a has it', other=but(B, kvm=False)
        )
        emulated = nova(virt_type='qemu')
        self.assert_differs(
            'hosts a and b, /dev/kvm',
            'only b has it',
            one=but(A, kvm=False, nova=emulated),
            other=but(B, nova=emulated),
        )

    def test_an_older_qemu(self):
        """That Nova refuses one direction of; numbers, not letters."""
        self.assert_bad(
            'from b to a, QEMU',
            '10.0.2 to 7.2.22',
            'the other direction works',
            other=but(B, qemu=(10, 0, 2)),
        )

    def test_an_older_libvirt(self):
        self.assert_differs(
            'from a to b, libvirt',
            '9.0.0 to 8.10.0',
            other=but(B, libvirt=(8, 10, 0)),
        )

    def test_machine_types(self):
        self.assert_bad(
            'from a to b, machine types',
            'b has no pc-i440fx-7.2',
            'hw_machine_type',
            other=but(
                B,
                machines=frozenset({'pc-q35-7.2'}),
                used_machines=frozenset({'pc-q35-7.2'}),
            ),
        )

    def test_cpu(self):
        lacks = but(FINE, cpu_fits=False)
        self.assert_bad(
            'from a to b, CPU', 'host-model', 'cpu_models', there=lacks
        )
        self.assert_differs(
            'from b to a, CPU',
            'host-model',
            back=lacks,
            other=but(B, nova=nova(cpu_mode='custom')),
        )
        self.assertEqual(
            finding.Outcome.GOOD,
            self.found(there=but(FINE, cpu_fits=None))[0].outcome,
        )

    def test_accounts(self):
        other = but(
            B,
            accounts={
                'user nova': '162',
                'group kvm': '106',
                'user qemu': '107',
            },
        )
        self.assert_differs(
            'hosts a and b, accounts',
            'user nova is 64060 and 162',
            other=other,
        )
        shared = ('nfs4', 'filer:/instances')
        self.assert_bad(
            'hosts a and b, accounts',
            'user nova',
            one=but(A, storage=shared),
            other=but(other, storage=shared),
        )

    def test_clocks(self):
        self.assert_differs(
            'hosts a and b, clocks',
            '2.0 s apart',
            other=but(B, clock=(2.04, 2.09)),
        )
        self.assert_differs(
            'hosts a and b, clocks',
            '2.0 s apart',
            other=but(B, clock=(-2.09, -2.01)),
        )
        # so far apart they need not be
        self.assertEqual(
            finding.Outcome.GOOD,
            self.found(other=but(B, clock=(-0.2, 2.0)))[0].outcome,
        )

    def test_disks_shared_by_one(self):
        self.assert_bad(
            'hosts a and b, disks',
            'nfs4 filer:/x and on ext4 /dev/sda1',
            one=but(A, storage=('nfs4', 'filer:/x')),
        )
        self.assert_bad(
            'hosts a and b, disks',
            'nfs4 filer:/x and on nfs4 filer:/y',
            one=but(A, storage=('nfs4', 'filer:/x')),
            other=but(B, storage=('nfs4', 'filer:/y')),
        )

    def test_disks_in_ceph_on_one(self):
        self.assert_bad(
            'hosts a and b, disks',
            'rbd and default',
            one=but(A, nova=nova(images_type='rbd')),
        )
        ceph = nova(images_type='rbd')
        [found] = self.found(
            but(A, nova=ceph), but(B, nova=ceph), copies=False
        )
        self.assertIn('disks on Ceph', found.said)

    def test_disks_of_their_own_that_may_not_be_copied(self):
        self.assert_bad(
            'hosts a and b, disks',
            'each has its own',
            'block_migration_for_live_migration',
            copies=False,
        )

    def test_network(self):
        self.assert_bad(
            'from a to b, network',
            'b has no address here',
            'live_migration_inbound_addr of b',
            there=facts.Way(None, 'b has no address here', True),
        )

    def test_mtu(self):
        self.assert_bad(
            'from b to a, MTU',
            'packets of 9000 bytes do not come back over eth1',
            back=but(FINE, path=but(PATH, whole=False)),
        )
        self.assert_differs(
            'hosts a and b, MTU',
            '9000 (eth1) and 1500 (eth1)',
            back=but(FINE, path=but(PATH, mtu=1500)),
        )

    def test_tls_on_one(self):
        self.assert_bad(
            'hosts a and b, TLS',
            'in one nova.conf only',
            one=but(A, nova=nova(native_tls=True)),
        )

    def test_authorities(self):
        def certificates(pem):
            return (
                facts.Certificate('/etc/pki/qemu/ca-cert.pem', 0, 0, pem),
                facts.Certificate(
                    '/etc/pki/qemu/server-cert.pem', 0, 0, 'of ' + pem
                ),
            )

        self.assert_bad(
            'hosts a and b, TLS',
            'different authorities',
            one=but(A, certificates=certificates('x')),
            other=but(B, certificates=certificates('y')),
        )


class TestCertificates(testtools.TestCase):
    def found(self, begins, ends):
        now = time.time()
        [found] = pairs.certificates(
            but(
                A,
                certificates=(
                    facts.Certificate('/x.pem', now + begins, now + ends, ''),
                ),
            )
        )
        self.assertEqual('host a, /x.pem', found.what)
        return found.outcome

    def test_each(self):
        day = 86400
        self.assertEqual(finding.Outcome.GOOD, self.found(-day, 90 * day))
        self.assertEqual(finding.Outcome.DIFFERS, self.found(-day, 9 * day))
        self.assertEqual(finding.Outcome.BAD, self.found(-day, -1))
        self.assertEqual(finding.Outcome.BAD, self.found(60, 90 * day))

    def test_none_is_needed(self):
        self.assertEqual([], list(pairs.certificates(A)))
