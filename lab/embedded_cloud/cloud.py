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
"""Brings the hosts up as one OpenStack, and down again."""

import concurrent.futures
import json
import pathlib
import secrets
import shutil
import uuid

from embedded_cloud import ceph
from embedded_cloud import horizon
from embedded_cloud.host import COMPUTE
from embedded_cloud.host import CONTROLLER
from embedded_cloud.host import Host
from embedded_cloud import network
from embedded_cloud import rootfs
from embedded_cloud.settings import LabError
from embedded_cloud.tester import Tester

_HERE = pathlib.Path(__file__).parent

_AUTH = """\
auth_type = password
auth_url = http://{controller}:5000/v3
project_domain_name = Default
user_domain_name = Default
project_name = service"""

_APIS = (
    'keystone',
    'glance-api',
    'placement-api',
    'nova-api',
    'nova-metadata',
    'neutron-api',
    'cinder-api',
)
_WORKERS = (
    'nova-conductor',
    'nova-scheduler',
    'neutron-ovn-maintenance-worker',
    'cinder-scheduler',
    'cinder-volume',
)
_INSTANCES = '/var/lib/nova/instances'
_WHEELS = '/srv/wheels'

# [DEFAULT] compute_driver of nova.conf
_DRIVERS = {
    'stock': 'libvirt.LibvirtDriver',
    'starlingx': 'starlingx.LibvirtDriver',
}


class Cloud:
    """The tester, the controller and two computes."""

    def __init__(self, settings, progress):
        self.settings = settings
        self.progress = progress
        self.tester = Tester(settings)
        self.controller = Host(
            settings,
            'controller',
            horizon.role(CONTROLLER) if settings.horizon else CONTROLLER,
            11,
        )
        self.computes = (
            Host(settings, 'compute1', COMPUTE, 21),
            Host(settings, 'compute2', COMPUTE, 22),
        )
        self.hosts = (self.controller, *self.computes)
        self._up = settings.run / 'up'  # there when all of it is ready

    def host(self, name):
        """:raises LabError: when there is no host of that name"""
        hosts = (*self.hosts, self.tester)
        for host in hosts:
            if host.name == name:
                return host
        raise LabError(
            f'There is no host {name}; there are '
            f'{", ".join(host.name for host in hosts)}.'
        )

    def is_up(self):
        """Whether an earlier command brought all of it up."""
        return self._up.exists() and all(
            host.pid for host in (*self.hosts, self.tester)
        )

    def store_status(self):
        """What Ceph says of itself, for people.

        :raises LabError: if it does not answer
        """
        # Not "ceph status": it warns of modules that are left out on purpose.
        return ''.join(
            self.controller.run('ceph', '--connect-timeout', '5', *words)
            for words in (('osd', 'stat'), ('pg', 'stat'), ('df',))
        )

    def memory(self):
        """Bytes of memory that all of it takes."""
        return sum(each.memory() for each in (*self.hosts, self.tester))

    def down(self):
        """End everything, and forget what the hosts wrote but their logs."""
        self._up.unlink(missing_ok=True)
        for namespaces in (*self.hosts, self.tester):
            namespaces.stop()
        if self.settings.hosts.exists():
            shutil.rmtree(self.settings.hosts)

    def up(self):
        """Bring up a fresh cloud, where none runs."""
        self._put_logs_away()
        with self.progress.phase('starting the hosts'):
            self._start_hosts()
        with concurrent.futures.ThreadPoolExecutor() as pool:
            joined = [
                pool.submit(host.run, 'ovs-setup') for host in self.hosts
            ]
            stored = pool.submit(self._make_store)
            self._start_services(stored)
            for future in joined:
                future.result()
            seeded = pool.submit(self._seed)
            shown = pool.submit(self._show)
            self._await_computes()
            self.tester.configure(
                self._keep_password(),
                seeded.result(),
                self.controller.management,
                {host.name: host.management for host in self.computes},
            )
            shown.result()
        self._try_guest()
        self._up.touch()

    def _put_logs_away(self):
        """Keep the logs of the run before, for whoever asks what happened."""
        before = self.settings.home / 'logs-before'
        if self.settings.logs.exists():
            shutil.rmtree(before, ignore_errors=True)
            self.settings.logs.rename(before)

    def _start_hosts(self):
        self.tester.start()
        values = self._values()
        keys = [*self._host_files(), self._ceph_keyring()]
        certificates = self._certificates()
        dashboard = self._dashboard_files()
        for host in self.hosts:
            own = certificates if host in self.computes else dashboard
            host.prepare(
                {**values, 'uuid': uuid.uuid5(uuid.NAMESPACE_DNS, host.name)},
                [*keys, *own],
            )
        self.controller.start(
            self.tester,
            [
                (self.controller.state / 'mysql', '/var/lib/mysql'),
                (self.settings.guest_image.parent, '/srv/images'),
                (self.tester.wheels, _WHEELS),
                *(
                    [(self.settings.horizon_folder, horizon.PLACE)]
                    if self.settings.horizon
                    else ()
                ),
            ],
        )
        for host in self.computes:
            host.start(
                self.tester,
                [
                    (host.state / 'instances', _INSTANCES),
                    (self.tester.wheels, _WHEELS),
                ],
            )

    def _make_store(self):
        with self.progress.phase('Ceph'):
            self.controller.run('lab-ceph', *ceph.POOLS)
            for host in self.computes:
                host.run('lab-ceph-secret', ceph.FSID)

    def _start_services(self, stored):
        """:param stored: a future, done when volumes have where to be"""
        with self.progress.phase('databases'):
            self.controller.run('lab-databases', patience=300)
        with self.progress.phase('plugin beside the APIs'):
            self.controller.run('lab-install-plugin')
            if self.settings.driver == 'starlingx':
                for host in self.computes:
                    host.run('lab-install-driver')
        with self.progress.phase('identity service'):
            self.controller.start_programs('keystone')
            self.controller.run('lab-seed', 'identity')
        stored.result()
        with self.progress.phase('APIs'):
            self.controller.start_programs(*_WORKERS, *_APIS[1:])
            for host in self.computes:
                host.start_programs('neutron-ovn-agent', 'nova-compute')

    def _seed(self):
        with self.progress.phase('image, flavors, external network'):
            return json.loads(
                self.controller.run(
                    'lab-seed',
                    'cloud',
                    f'/srv/images/{self.settings.guest_image.name}',
                    str(self.settings.kind.memory),
                ).splitlines()[-1]
            )

    def _show(self):
        """Start Horizon where it is wanted, and wait for its first page."""
        if not self.settings.horizon:
            return
        with self.progress.phase('Horizon'):
            self.controller.start_programs('horizon')
            horizon.wait(self.controller)

    def _await_computes(self):
        with self.progress.phase('computes'):
            self.controller.run('lab-await-computes', str(len(self.computes)))

    def _try_guest(self):
        """See that a guest gets its metadata: without, each test fails late.

        :raises LabError: if it does not
        """
        kind = self.settings.kind
        if not kind.answered:
            return
        with self.progress.phase('a guest that asks for its metadata'):
            try:
                self.controller.run(
                    'lab-try-guest',
                    kind.answered,
                    str(kind.patience),
                    patience=kind.patience + 60,
                )
            except LabError as error:
                raise LabError(
                    f'{error}\nWhat serves it on the computes logs to '
                    f'{self.settings.logs}/compute*/neutron-ovn-agent.log'
                ) from None

    @property
    def _disks_in_ceph(self):
        return self.settings.storage == 'rbd'

    def _values(self):
        controller = self.controller.management
        return {
            'controller': controller,
            'password': self._keep_password(),
            'auth': _AUTH.format(controller=controller),
            'hosts': '\n'.join(
                f'{host.management} {host.name}' for host in self.hosts
            ),
            'fsid': ceph.FSID,
            'virt_type': self.settings.virt_type,
            'driver': _DRIVERS[self.settings.driver],
            # Of a qcow2 image, Ceph would hold what no guest could boot from.
            'raw_images': 'true' if self._disks_in_ceph else 'false',
            'disks': ceph.NOVA_DISKS if self._disks_in_ceph else '',
            'external_subnet': network.subnet(network.EXTERNAL),
            'external_gateway': network.address(
                network.EXTERNAL, network.TESTER
            ),
            'external_first': network.address(network.EXTERNAL, 100),
            'external_last': network.address(network.EXTERNAL, 250),
        }

    def _keep_password(self):
        """The one password of the lab, made at its first start.

        It stands in URLs, and as a word of command lines: no "-" begins it.
        """
        return self._keep('password', lambda: secrets.token_hex(16))

    def _ceph_keyring(self):
        """What opens volumes, made at the lab's first start."""
        key = self._keep('ceph', ceph.new_key)
        return ceph.KEYRING, ceph.keyring(key), 0o600

    def _keep(self, name, make):
        """A secret, made when it is first needed, and kept from then on."""
        path = self.settings.keys / name
        # An empty one is of a start that was killed.
        if not path.exists() or not path.read_text():
            self.settings.keys.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(0o600)
            path.write_text(make())
        return path.read_text()

    def _certificates(self):
        """Those with which QEMU encrypts migrations, where libvirt looks."""
        folder = self.settings.keys / 'qemu'
        if not (folder / 'ca-cert.pem').exists():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with open(self.settings.home / 'keys.log', 'wb') as log:
                rootfs.run_inside(
                    self.settings.rootfs,
                    'making certificates',
                    [
                        '/bin/sh',
                        '/run/lab/make-certificates',
                        '/run/keys/qemu',
                        *(host.migration for host in self.computes),
                    ],
                    log,
                    binds=[
                        (self.settings.keys, '/run/keys'),
                        (_HERE, '/run/lab'),
                    ],
                )
        return [
            (f'/etc/pki/qemu/{path.name}', path.read_text(), 0o600)
            for path in sorted(folder.glob('*.pem'))
        ]

    def _dashboard_files(self):
        """What Horizon is told, with a secret of the lab's first start."""
        if not self.settings.horizon:
            return []
        secret = self._keep('horizon', lambda: secrets.token_hex(32))
        return [horizon.settings_file(self.controller.management, secret)]

    def _host_files(self):
        """The keys of the hosts' sshd, and the one that opens them."""
        for name in ('id_ed25519', 'ssh_host_ed25519_key'):
            if not (self.settings.keys / name).exists():
                with open(self.settings.home / 'keys.log', 'wb') as log:
                    rootfs.run_inside(
                        self.settings.rootfs,
                        'making a key',
                        [
                            'ssh-keygen',
                            '-q',
                            '-t',
                            'ed25519',
                            '-N',
                            '',
                            '-C',
                            'lab',
                            '-f',
                            f'/run/keys/{name}',
                        ],
                        log,
                        binds=[(self.settings.keys, '/run/keys')],
                    )
        key, public, host_key, host_public = (
            (self.settings.keys / name).read_text()
            for name in (
                'id_ed25519',
                'id_ed25519.pub',
                'ssh_host_ed25519_key',
                'ssh_host_ed25519_key.pub',
            )
        )
        # Each by its address: paramiko knows no patterns.
        addresses = ','.join(host.management for host in self.hosts)
        known = f'{addresses} {host_public}'
        (self.settings.keys / 'known_hosts').write_text(known)
        # Nova itself goes from compute to compute by SSH, to move the disk
        # of a server that is migrated cold.
        return [
            ('/root/.ssh/authorized_keys', public, 0o600),
            ('/root/.ssh/id_ed25519', key, 0o600),
            ('/root/.ssh/known_hosts', known, 0o600),
            ('/etc/ssh/ssh_host_ed25519_key', host_key, 0o600),
        ]
