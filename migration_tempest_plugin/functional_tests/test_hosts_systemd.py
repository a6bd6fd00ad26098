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
"""Hosts as people have them: units of systemd, a journal, containers.

nova-compute and libvirt are stand-ins; systemd, journald, sshd and podman are
real.
"""

import contextlib
import time

import testtools

from migration_tempest_plugin.functional_tests import systemd_host
from migration_tempest_plugin.hosts import events
from migration_tempest_plugin.hosts import facts
from migration_tempest_plugin.hosts import libvirt
from migration_tempest_plugin.hosts import logs
from migration_tempest_plugin.hosts import services
from migration_tempest_plugin.hosts import ssh

SERVER = '6f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f9'

#: Says as oslo.log does that it starts, and that it was told to reload.
NOVA_COMPUTE = f"""\
#!/bin/sh
say() {{
    echo "$(date '+%Y-%m-%d %H:%M:%S').123 $$ INFO nova.x [None req-1\
 - - - - - -] [instance: {SERVER}] $1"
}}
trap 'say reloaded' HUP
trap 'say ends; exit 0' TERM
say starts
while :; do
    sleep 0.2
done
"""

UNIT = """\
[Service]
ExecStart=/usr/bin/nova-compute --config-file /etc/nova/nova-cpu.conf
Restart=always
RestartSec=0.2
%s
"""

#: How Kolla-Ansible keeps a container.
KOLLA_UNIT = """\
[Service]
ExecStart=/usr/bin/podman start -a %(name)s
ExecStop=/usr/bin/podman stop %(name)s -t 60
Restart=always
RestartSec=1
"""

VIRSH = """\
#!/bin/sh
case "$*" in
*event*)
    echo "2026-11-21 10:39:25.694+0000: event 'lifecycle' for domain\
 'instance-00000001': Suspended Migrated"
    exec sleep 1000
    ;;
*version*) echo 'Running against daemon: 10.0.0' ;;
esac
"""

ASLEEP = '#!/bin/sh\nexec sleep 100000\n'

#: What the image's own does: nova.conf of the host becomes the container's.
SET_CONFIGS = """\
#!/bin/sh
cp /config/nova.conf /nova.conf
"""

CONTAINED_NOVA_COMPUTE = """\
#!/bin/sh
trap 'echo "reads $(cat /nova.conf)" >> /config/log' HUP
trap 'exit 0' TERM
cp /config/nova.conf /nova.conf
while :; do
    sleep 0.2
done
"""


@testtools.skipIf(systemd_host.skip_reason(), systemd_host.skip_reason())
class SystemdTest(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.systemd = self.useFixture(systemd_host.SystemdHost())
        self.host = ssh.Host(self.systemd.access)
        self.addCleanup(self.host.close)
        # It keeps its connection from then on.
        self.systemd.inside(lambda: self.host.run('true'))

    def wait_until(self, condition, message):
        give_up = time.monotonic() + 30
        while not condition():
            self.assertLess(time.monotonic(), give_up, message)
            time.sleep(0.1)


class TestUnits(SystemdTest):
    """By the default commands, with units by the names that they have."""

    def start(self, unit, **more):
        self.systemd.write('/usr/bin/nova-compute', NOVA_COMPUTE, 0o755)
        lines = '\n'.join(f'{name}={value}' for name, value in more.items())
        self.systemd.write(
            f'/etc/systemd/system/{unit}.service',
            UNIT % lines,
        )
        self.host.run('systemctl', 'daemon-reload')
        commands = services.Commands(
            'systemctl stop ' + unit,
            'systemctl start ' + unit,
            'systemctl kill --kill-who=main --signal=HUP ' + unit,
        )
        service = services.Service(self.host, commands, lambda: None)
        service.start(30)
        return service

    def is_active(self, unit):
        return self.host.attempt('systemctl', 'is-active', unit).stdout.strip()

    def messages(self, log, mark):
        return [line.message for line in log.since(mark, SERVER)]

    def check(self, unit, service, log):
        self.wait_until(lambda: self.messages_of_all(log), 'it said nothing')
        mark = log.mark()
        service.reload()
        self.wait_until(
            lambda: self.messages(log, mark) == ['reloaded'],
            'it was not told to reload',
        )
        service.restart(30)
        self.wait_until(
            lambda: self.messages(log, mark) == ['reloaded', 'ends', 'starts'],
            'it was not restarted',
        )
        service.stop(30)
        self.assertEqual('inactive', self.is_active(unit))

    def messages_of_all(self, log):
        try:
            log.mark()
        except Exception:
            return False
        return True

    def test_devstack(self):
        """Its unit, and the journal"""
        service = self.start('devstack@n-cpu')
        self.check(
            'devstack@n-cpu',
            service,
            logs.Journal(self.host, 'devstack@n-cpu'),
        )

    def test_debian(self):
        """Its unit, and a log that is a file"""
        path = '/var/log/nova/nova-compute.log'
        self.host.run('mkdir', '-p', '/var/log/nova')
        service = self.start('nova-compute', StandardOutput='append:' + path)
        self.check('nova-compute', service, logs.LogFile(self.host, path))

    def test_facts(self):
        self.start('devstack@n-cpu')
        said = facts._fields(self.host.script('facts', '/var/lib'))
        self.assertIn('Debian GNU/Linux 12', said['system'][0])
        self.assertEqual(
            [
                '/bin/sh',
                '/usr/bin/nova-compute',
                '--config-file',
                '/etc/nova/nova-cpu.conf',
            ],
            said['argument'],
        )
        self.assertEqual(1, len(said['storage']))


class TestContainers(SystemdTest):
    """Kept by systemd, as Kolla-Ansible does it, and entered by podman."""

    def keep(self, name, program, text, **programs):
        """A container of busybox and these programs, which systemd keeps."""
        box = '/srv/' + name
        for command, content in {program: text, **programs}.items():
            self.systemd.write(f'{box}/bin/{command}', content, 0o755)
        self.host.run(
            'sh',
            '-c',
            'mkdir -p "$1/proc" "$1/dev" "$1/config" '
            '"$1/sys" "$1/etc" && cp /bin/busybox "$1/bin" && '
            'chroot "$1" /bin/busybox --install -s /bin',
            'sh',
            box,
        )
        self.systemd.write(f'{box}/config/nova.conf', 'first')
        self.host.run(
            'podman',
            'create',
            '--name',
            name,
            '--privileged',
            '--cgroupns',
            'private',
            '--rootfs',
            box,
            '/bin/' + program,
        )
        self.systemd.write(
            f'/etc/systemd/system/kolla-{name}-container.service',
            KOLLA_UNIT % {'name': name},
        )
        self.host.run('systemctl', 'daemon-reload')
        self.host.run('systemctl', 'start', f'kolla-{name}-container')
        self.wait_until(lambda: self.is_running(name), 'it does not run')

    def is_running(self, name):
        return (
            self.host.attempt('podman', 'exec', name, '/bin/true').status == 0
        )

    def test_events_end_in_the_container(self):
        self.keep('nova_libvirt', 'libvirtd', ASLEEP, virsh=VIRSH)
        virsh = ('podman', 'exec', 'nova_libvirt', 'virsh')
        self.assertEqual('10.0.0', libvirt.Libvirt(self.host, virsh).version())
        watch = events.EventWatch(ssh.Host(self.systemd.access), virsh)
        with contextlib.ExitStack() as ending:
            self.systemd.inside(watch.setUp)
            ending.callback(watch.cleanUp)
            self.wait_until(
                lambda: watch.events('instance-00000001'), 'no event came'
            )
            self.assertIn('sleep 1000', self.systemd.processes())
        self.wait_until(
            lambda: 'sleep 1000' not in self.systemd.processes(),
            'virsh goes on in the container',
        )

    def test_killed_and_started_again(self):
        self.keep('nova_libvirt', 'libvirtd', ASLEEP)
        self.host.run('podman', 'kill', 'nova_libvirt')
        self.wait_until(
            lambda: self.is_running('nova_libvirt'),
            'systemd did not start it again',
        )

    def test_nova_compute(self):
        """Stopped for good, started, and told of a file that is copied"""
        self.keep(
            'nova_compute',
            'nova-compute',
            CONTAINED_NOVA_COMPUTE,
            sudo='#!/bin/sh\nshift\nexec "$@"\n',
            kolla_set_configs=SET_CONFIGS,
        )
        unit = 'kolla-nova_compute-container.service'
        service = services.Service(
            self.host,
            services.Commands(
                'systemctl stop ' + unit,
                'systemctl start ' + unit,
                'sh -c "podman exec nova_compute sudo -E kolla_set_configs && '
                'podman kill --signal HUP nova_compute"',
            ),
            lambda: None,
        )
        self.systemd.write('/srv/nova_compute/config/nova.conf', 'second')
        service.reload()
        self.wait_until(
            lambda: (
                'reads second'
                in self.host.attempt(
                    'cat', '/srv/nova_compute/config/log'
                ).stdout
            ),
            'it read nothing',
        )
        service.stop(60)
        time.sleep(3)  # longer than systemd waits before it starts it again
        self.assertFalse(self.is_running('nova_compute'))
        service.start(30)
        self.wait_until(
            lambda: self.is_running('nova_compute'), 'it was not started'
        )
