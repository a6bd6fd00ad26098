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
"""What runs on each host, under supervisor or systemd as its process 1.

supervisor, because it is small, well kept and packaged, reaps what others
leave behind, keeps a log for each program, and has one command,
``supervisorctl``, that works alike in ``lab/shell`` and over SSH. systemd,
because that is what real hosts have.
"""

import dataclasses

PATH = (
    '/opt/openstack/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:'
    '/usr/bin:/sbin:/bin'
)

#: What systemd comes up to: a journal and the programs, no unit of a package.
TARGET = 'lab.target'
#: What a unit of a package would pull in: it sets the kernel's variables and
#: loads modules, which are the machine's.
MASKED = ('sshd-keygen.service', 'sysinit.target')


@dataclasses.dataclass(frozen=True)
class Program:
    """One long-running command of a host.

    :param autostart: whether it starts with the host; what needs a database
        or another service first is started when that is there
    :param patience: seconds that it gets to end before it is killed
    :param leaves: whether what it has started goes on without it; supervisor
        knows no other way for what is in a session of its own
    """

    name: str
    command: str
    user: str = 'root'
    environment: str = ''
    autostart: bool = False
    patience: int = 5
    leaves: bool = False

    def section(self):
        """Its part of supervisor's configuration."""
        return f"""\
[program:{self.name}]
command={self.command}
user={self.user}
environment={self.environment}
autostart={str(self.autostart).lower()}
autorestart=true
startsecs=0
stopwaitsecs={self.patience}
stopasgroup=true
killasgroup=true
redirect_stderr=true
stdout_logfile=/var/log/{self.name}.log
stdout_logfile_maxbytes=50MB
stdout_logfile_backups=1
"""

    def unit(self):
        """Its unit of systemd."""
        return f"""\
[Unit]
Description={self.name} of the embedded cloud
DefaultDependencies=no

[Service]
ExecStart={self.command}
User={self.user}
Environment=PATH={PATH} HOME=/root LANG=C.UTF-8 {self.environment}
Restart=always
RestartSec=0.2
TimeoutStopSec={self.patience}
KillMode={'process' if self.leaves else 'control-group'}
"""


def target(programs):
    """The unit that starts those of them that start by themselves."""
    return f"""\
[Unit]
Description=a host of the embedded cloud
DefaultDependencies=no
Requires=systemd-journald.service
After=systemd-journald.service
Wants={
        ' '.join(
            f'{program.name}.service'
            for program in programs
            if program.autostart
        )
    }
"""


def _ovsdb(name, database, schema, *remotes):
    remotes = ' '.join(f'--remote={remote}' for remote in remotes)
    return Program(
        name,
        f'/bin/sh -c "test -e {database} || ovsdb-tool create '
        f'{database} {schema}; exec ovsdb-server {database} {remotes} '
        f'--unixctl=/run/ovn/{name}.ctl --pidfile=/run/ovn/{name}.pid '
        '-vconsole:info -vsyslog:off -vfile:off"',
        autostart=True,
    )


def _api(name, port, module, processes):
    return Program(
        name,
        '/opt/openstack/bin/uwsgi --ini /etc/uwsgi/api.ini '
        f'--http-socket ${{management}}:{port} '
        f'--module {module}:application --processes {processes}',
    )


def _openstack(
    name, arguments='', patience=10, leaves=False, folder='/opt/openstack/bin'
):
    command = f'{folder}/{name} {arguments}'.rstrip()
    return Program(name, command, patience=patience, leaves=leaves)


COMMON = (
    # The host ends when the folder of its lab is removed, logs and all.
    Program(
        'watch-folder',
        '/bin/sh -c "while test -e /var/log/host_init.log;'
        ' do sleep 5; done; ${end}"',
        autostart=True,
    ),
    Program('sshd', '/usr/sbin/sshd -D -e', autostart=True),
    Program(
        'ovsdb-server',
        'ovsdb-server /var/lib/openvswitch/conf.db '
        '--remote=punix:/run/openvswitch/db.sock '
        '--pidfile=/run/openvswitch/ovsdb-server.pid '
        '-vconsole:info -vsyslog:off -vfile:off',
        autostart=True,
    ),
    Program(
        'ovs-vswitchd',
        'ovs-vswitchd unix:/run/openvswitch/db.sock '
        '--pidfile=/run/openvswitch/ovs-vswitchd.pid '
        '-vconsole:info -vsyslog:off -vfile:off',
        autostart=True,
    ),
    Program(
        'ovn-controller',
        'ovn-controller '
        'unix:/run/openvswitch/db.sock '
        '--pidfile=/run/ovn/ovn-controller.pid '
        '-vconsole:info -vsyslog:off -vfile:off',
        autostart=True,
    ),
)

CONTROLLER = (
    *COMMON,
    Program(
        'mariadb',
        '/bin/sh -c "test -d /var/lib/mysql/mysql || '
        'mariadb-install-db --user=mysql --datadir=/var/lib/mysql '
        '--skip-test-db; exec /usr/sbin/mariadbd --user=mysql"',
        autostart=True,
    ),
    Program(
        'rabbitmq',
        '/usr/lib/rabbitmq/bin/rabbitmq-server',
        user='rabbitmq',
        environment='HOME="/var/lib/rabbitmq"',
        autostart=True,
    ),
    Program(
        'memcached',
        'memcached -u memcache -l ${management} -m 64',
        autostart=True,
    ),
    _ovsdb(
        'ovn-nb',
        '/var/lib/ovn/nb.db',
        '/usr/share/ovn/ovn-nb.ovsschema',
        'punix:/run/ovn/ovnnb_db.sock',
        'ptcp:6641:${management}',
    ),
    _ovsdb(
        'ovn-sb',
        '/var/lib/ovn/sb.db',
        '/usr/share/ovn/ovn-sb.ovsschema',
        'punix:/run/ovn/ovnsb_db.sock',
        'ptcp:6642:${management}',
    ),
    Program(
        'ovn-northd',
        'ovn-northd '
        '--ovnnb-db=unix:/run/ovn/ovnnb_db.sock '
        '--ovnsb-db=unix:/run/ovn/ovnsb_db.sock '
        '--pidfile=/run/ovn/ovn-northd.pid '
        '-vconsole:info -vsyslog:off -vfile:off',
        autostart=True,
    ),
    Program('ceph-mon', 'ceph-mon --foreground --id controller'),
    Program('ceph-osd', 'ceph-osd --foreground --id 0'),
    Program('ceph-mgr', 'ceph-mgr --foreground --id controller'),
    _api('keystone', 5000, 'keystone.wsgi.api', 2),
    _api('glance-api', 9292, 'glance.wsgi.api', 1),
    _api('placement-api', 8778, 'placement.wsgi.api', 1),
    _api('nova-api', 8774, 'nova.wsgi.osapi_compute', 2),
    _api('nova-metadata', 8775, 'nova.wsgi.metadata', 1),
    _api('neutron-api', 9696, 'neutron.wsgi.api', 2),
    _api('cinder-api', 8776, 'cinder.wsgi.api', 1),
    _openstack('cinder-scheduler'),
    _openstack('cinder-volume'),
    _openstack('nova-conductor'),
    _openstack('nova-scheduler'),
    _openstack(
        'neutron-ovn-maintenance-worker',
        '--config-file /etc/neutron/neutron.conf '
        '--config-file /etc/neutron/plugins/ml2/ml2_conf.ini',
    ),
)

#: On the controller, besides, where the lab has Horizon.
HORIZON = Program(
    'horizon',
    '/opt/openstack/bin/uwsgi --ini /etc/uwsgi/api.ini '
    '--http-socket ${management}:80 --virtualenv /opt/horizon '
    '--module openstack_dashboard.wsgi:application --threads 4 '
    '--static-map /static=/opt/horizon/static',
)

COMPUTE = (
    *COMMON,
    Program(
        'libvirtd',
        'libvirtd --listen --pid-file /run/libvirt/libvirtd.pid',
        autostart=True,
        leaves=True,
    ),
    _openstack(
        'neutron-ovn-agent',
        '--config-file /etc/neutron/ovn_agent.ini',
        leaves=True,
        folder='/usr/local/sbin',  # that of the lab, which says what it mends
    ),
    _openstack('nova-compute'),
)
