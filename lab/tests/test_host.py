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
"""The files of the hosts, as they are written for a start."""

import configparser
import os
import pathlib
import tempfile
import unittest

from embedded_cloud import ceph
from embedded_cloud import cloud
from embedded_cloud import progress
from embedded_cloud import settings


class HostFilesTest(unittest.TestCase):
    def prepare(self, **variables):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        chosen = settings.Settings.from_environment(
            {'LAB_DIR': folder.name, **variables}
        )
        self.cloud = cloud.Cloud(chosen, progress.Progress())
        for host in self.cloud.hosts:
            host.prepare(
                {**self.cloud._values(), 'uuid': 'x' * 36},
                [('/root/key', 'secret', 0o600), self.cloud._ceph_keyring()],
            )

    def upper(self, host, path=''):
        return self.cloud.host(host).state / 'upper' / path

    def read(self, host, path):
        parser = configparser.ConfigParser(interpolation=None, strict=True)
        parser.read_string(self.upper(host, path).read_text())
        return parser

    def test_nothing_is_left_to_fill_in(self):
        self.prepare()
        for host in self.cloud.hosts:
            for path in self.upper(host.name, 'etc').rglob('*'):
                if path.is_file():
                    self.assertNotRegex(path.read_text(), r'\$\{', path)

    def test_addresses(self):
        self.prepare()
        nova = {
            host: self.read(host, 'etc/nova/nova.conf')
            for host in ('compute1', 'compute2')
        }
        for host, number in (('compute1', 21), ('compute2', 22)):
            self.assertEqual(
                f'10.30.0.{number}', nova[host]['DEFAULT']['my_ip']
            )
            self.assertEqual(
                f'10.30.2.{number}',
                nova[host]['libvirt']['live_migration_inbound_addr'],
            )

    def test_compute_driver(self):
        for variables, driver in (
            ({}, 'libvirt.LibvirtDriver'),
            (
                {'LAB_COMPUTE_DRIVER': 'starlingx'},
                'starlingx.LibvirtDriver',
            ),
        ):
            self.prepare(**variables)
            for host in ('compute1', 'compute2'):
                nova = self.read(host, 'etc/nova/nova.conf')
                self.assertEqual(driver, nova['DEFAULT']['compute_driver'])

    def test_every_host_knows_every_name(self):
        self.prepare()
        for host in self.cloud.hosts:
            text = self.upper(host.name, 'etc/hosts').read_text()
            for other in self.cloud.hosts:
                self.assertIn(f'{other.management} {other.name}\n', text)

    def test_one_password_kept_from_start_to_start(self):
        self.prepare()
        password = self.cloud._keep_password()
        self.assertRegex(password, '^[0-9a-f]{32}$')
        self.assertEqual(password, self.cloud._keep_password())
        self.assertIn(
            f'openstack:{password}@',
            self.read('compute1', 'etc/nova/nova.conf')['DEFAULT'][
                'transport_url'
            ],
        )

    def test_secrets_are_for_root_alone(self):
        self.prepare()
        for folder in (
            self.cloud.settings.keys,
            self.cloud.host('controller').state,
        ):
            self.assertEqual(0o700, folder.stat().st_mode & 0o777)
        self.assertEqual(
            0o600,
            (self.cloud.settings.keys / 'password').stat().st_mode & 0o777,
        )
        self.assertEqual(
            0o600, self.upper('compute1', 'root/key').stat().st_mode & 0o777
        )

    def test_scripts_stay_as_they_are(self):
        self.prepare()
        source = pathlib.Path(cloud.__file__).parent / 'hosts'
        for path in source.rglob('sbin/*'):
            role, relative = (
                path.relative_to(source).parts[0],
                pathlib.Path(*path.relative_to(source).parts[1:]),
            )
            host = {
                'common': 'compute1',
                'compute': 'compute1',
                'controller': 'controller',
            }[role]
            written = self.upper(host, relative)
            self.assertEqual(path.read_text(), written.read_text())
            self.assertTrue(os.access(written, os.X_OK), written)

    def test_programs(self):
        self.prepare()
        for name, program in (
            ('controller', 'nova-api'),
            ('controller', 'mariadb'),
            ('compute1', 'libvirtd'),
            ('compute2', 'nova-compute'),
        ):
            programs = self.read(name, 'etc/supervisor/programs.conf')
            section = programs[f'program:{program}']
            self.assertEqual('true', section['autorestart'])
            self.assertEqual(
                f'/var/log/{program}.log', section['stdout_logfile']
            )

    def test_units_of_systemd(self):
        self.prepare(LAB_INIT='systemd')
        folder = 'etc/systemd/system'
        target = self.read('compute1', f'{folder}/lab.target')
        self.assertIn('libvirtd.service', target['Unit']['Wants'].split())
        # it is started when Nova's API is there
        self.assertNotIn(
            'nova-compute.service', target['Unit']['Wants'].split()
        )
        unit = self.read('compute2', f'{folder}/nova-compute.service')
        self.assertEqual(
            '/opt/openstack/bin/nova-compute', unit['Service']['ExecStart']
        )
        self.assertEqual('10', unit['Service']['TimeoutStopSec'])
        self.assertEqual('control-group', unit['Service']['KillMode'])
        # a crash of libvirt's daemon ends no guest
        unit = self.read('compute2', f'{folder}/libvirtd.service')
        self.assertEqual('process', unit['Service']['KillMode'])
        self.assertFalse(
            self.upper('compute1', 'etc/supervisor/programs.conf').exists()
        )
        # or it would set variables of the machine's kernel
        self.assertEqual(
            '', self.upper('compute1', f'{folder}/sysinit.target').read_text()
        )
        # the controller is as always
        self.assertTrue(
            self.upper('controller', 'etc/supervisor/programs.conf').exists()
        )

    def test_where_nova_keeps_disks(self):
        for storage, raw, expected in (
            ('rbd', 'true', 'rbd'),
            ('block', 'false', None),
        ):
            self.prepare(LAB_STORAGE=storage)
            conf = self.read('compute1', 'etc/nova/nova.conf')
            self.assertEqual(raw, conf['DEFAULT']['force_raw_images'])
            self.assertEqual(expected, conf['libvirt'].get('images_type'))

    def test_who_may_open_volumes(self):
        self.prepare()
        keyrings = [
            self.upper(name, ceph.KEYRING.lstrip('/'))
            for name in ('controller', 'compute1', 'compute2')
        ]
        # all have one and the same, and nobody else may read it
        [text] = {path.read_text() for path in keyrings}
        self.assertIn('[client.cinder]', text)
        for path in keyrings:
            self.assertEqual(0o600, path.stat().st_mode & 0o777)
        for name in ('controller', 'compute2'):
            conf = self.read(name, 'etc/ceph/ceph.conf')
            self.assertEqual(ceph.FSID, conf['global']['fsid'])

    def test_unknown_host(self):
        self.prepare()
        with self.assertRaisesRegex(settings.LabError, 'controller, compute1'):
            self.cloud.host('compute3')

    def test_nothing_runs(self):
        self.prepare()
        self.assertFalse(self.cloud.is_up())
        with self.assertRaisesRegex(settings.LabError, 'is not running'):
            self.cloud.host('compute1').command('true')
