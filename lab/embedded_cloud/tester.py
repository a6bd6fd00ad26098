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
"""Where Tempest runs: the machine's files, but a network of the lab's."""

import hashlib
import os
import pathlib
import re
import shutil
import string
import subprocess
import sys

from embedded_cloud import horizon
from embedded_cloud.host import Namespaces
from embedded_cloud import network
from embedded_cloud import process
from embedded_cloud.settings import CHECKOUT
from embedded_cloud.settings import LabError
from embedded_cloud import timing

_HERE = pathlib.Path(__file__).parent

_CLOUDS = _HERE / 'hosts/controller/etc/openstack/clouds.yaml'

# Besides what the plugin requires; a watch draws its table by rich.
_PACKAGES = ('tempest', 'python-openstackclient', 'rich')


# How the computes' programs are handled. With systemd, by the defaults, and
# what they say is in the journal.
_INIT = {
    'systemd': 'nova_compute_log =',
    'supervisor': """\
nova_compute_log = /var/log/nova-compute.log
stop_command = supervisorctl stop nova-compute
start_command = supervisorctl start nova-compute
reload_command = supervisorctl signal HUP nova-compute
libvirt_kill_command = supervisorctl signal KILL libvirtd""",
}


class Tester(Namespaces):
    """Tempest's venv, its configuration, and the network that it runs in."""

    def __init__(self, settings):
        super().__init__(settings, 'tester')
        self.venv = settings.tempest / f'venv-{settings.release}'
        self.wheels = settings.tempest / 'wheels'
        self.reports = settings.home / 'report'
        self._log = settings.tempest / 'tempest.log'
        # its .stestr.conf names the venv
        self.workspace = settings.tempest / f'workspace-{settings.release}'

    def start(self):
        """Start the namespaces with the bridges that join the hosts."""
        self.settings.logs.mkdir(parents=True, exist_ok=True)
        popen = self._start(
            self.settings.logs / 'tester.log',
            'tester_init.sh',
            str(self.settings.home),
            *(
                f'{bridge}:{network.address(number, network.TESTER)}/24'
                for number, bridge in enumerate(network.BRIDGES)
            ),
        )
        popen.stdin.close()
        popen.stdout.close()

    def install(self):
        """Build the venv: pinned Tempest, and the plugin as it lies here.

        :raises LabError: when the installation fails
        """
        log = self.settings.tempest / 'install.log'
        log.parent.mkdir(parents=True, exist_ok=True)
        parts = hashlib.sha256(
            b''.join(
                path.read_bytes()
                for path in (
                    self.settings.requirements,
                    CHECKOUT / 'requirements.txt',
                    CHECKOUT / 'pyproject.toml',
                )
            )
            + ' '.join((*_PACKAGES, sys.version)).encode()
        ).hexdigest()
        stamp = self.venv / 'lab-parts'
        if stamp.exists() and stamp.read_text() == parts:
            self._install_selenium()
            return
        with open(log, 'wb') as output:
            shutil.rmtree(self.venv, ignore_errors=True)
            self._run(output, sys.executable, '-m', 'venv', self.venv)
            self._pip(output, 'pip', 'setuptools', 'wheel', 'pbr')
            self._pip(output, *_PACKAGES, '-r', CHECKOUT / 'requirements.txt')
            self._pip(
                output,
                '--no-deps',
                '--no-build-isolation',
                '--editable',
                CHECKOUT,
            )
        stamp.write_text(parts)
        self._install_selenium()

    def _install_selenium(self):
        """What drives the browser, in a venv that is there."""
        stamp = self.venv / 'lab-selenium'
        if not self.settings.horizon or stamp.exists():
            return
        with open(self.settings.tempest / 'selenium.log', 'wb') as output:
            self._pip(output, 'selenium')
        stamp.touch()

    def build_wheels(self):
        """Build what hosts install: the plugin's wheel, and the driver's.

        :raises LabError: when one can't be built
        """
        shutil.rmtree(self.wheels, ignore_errors=True)
        with open(self.settings.tempest / 'wheel.log', 'wb') as output:
            self._build_wheel(CHECKOUT, output)
            if self.settings.driver == 'starlingx':
                self._build_wheel(CHECKOUT / 'nova-virt-starlingx', output)

    def _build_wheel(self, source, output):
        # What is being built lies in the checkout otherwise; and what another
        # wheel was built of becomes part of this one.
        home = self.settings.tempest
        shutil.rmtree(home / 'build', ignore_errors=True)
        (home / 'build.cfg').write_text(
            f'[build]\nbuild_base = {home / "build"}\n'
        )
        process.run_logged(
            f'building {source.name}',
            [
                self.venv / 'bin/pip',
                'wheel',
                '--quiet',
                '--no-deps',
                '--no-build-isolation',
                '--wheel-dir',
                self.wheels,
                source,
            ],
            output,
            {**_environment(), 'DIST_EXTRA_CONFIG': home / 'build.cfg'},
        )

    def configure(self, password, seeded, controller, computes):
        """Write Tempest's configuration for the cloud that is up.

        :param seeded: the identifiers that lab-seed printed
        :param controller: its address
        :param computes: the address of each compute, by name
        """
        template = string.Template((_HERE / 'tempest.conf.in').read_text())
        images, flavors = seeded['images'], seeded['flavors']
        text = template.substitute(
            tempest=self.settings.tempest,
            password=password,
            controller=controller,
            network=seeded['network'],
            horizon=_boolean(self.settings.horizon),
            dashboard=horizon.url(controller) if self.settings.horizon else '',
            image=images[0],
            image_alt=images[1],
            release=self._release(),
            flavor=flavors[0],
            flavor_alt=flavors[1],
            block_migration=_boolean(self.settings.storage == 'block'),
            starlingx_settings=_boolean(self.settings.driver == 'starlingx'),
            parallel_guests=3 if self.settings.long else 2,
            repeats=4 if self.settings.long else 3,
            there_and_back=_boolean(self.settings.long),
            image_user=self.settings.image_user,
            ssh_timeout=self.settings.kind.login_timeout,
            ping_timeout=self.settings.kind.ping_timeout,
            computes=','.join(
                f'{name}:{address}' for name, address in computes.items()
            ),
            keys=self.settings.keys,
            init=_INIT[self.settings.init],
            **nova_features(self.settings.requirements.read_text()),
        )
        (self.settings.tempest / 'locks').mkdir(exist_ok=True)
        if not (self.workspace / '.stestr').exists():
            known = self.settings.tempest / 'workspaces.yaml'
            shutil.rmtree(self.workspace, ignore_errors=True)
            known.unlink(missing_ok=True)
            with open(self.settings.tempest / 'init.log', 'wb') as output:
                self._run(
                    output,
                    self.venv / 'bin/tempest',
                    'init',
                    '--workspace-path',
                    known,
                    self.workspace,
                )
        _write_secret(self.workspace / 'etc/tempest.conf', text)
        _write_secret(
            self._clouds,
            string.Template(_CLOUDS.read_text()).substitute(
                controller=controller, password=password
            ),
        )

    @property
    def _clouds(self):
        """Where OpenStack's client finds the cloud and its password."""
        return self.settings.tempest / 'clouds.yaml'

    def client(self, *arguments):
        """The command line of OpenStack's client, as the administrator.

        It runs in the lab's network alone, with the machine's files: what is
        named on its command line is what lies in the caller's folder.
        """
        return self.command(
            'env',
            *self._credentials(),
            str(self.venv / 'bin/openstack'),
            *arguments,
            only_network=True,
        )

    def _credentials(self):
        """Words for env(1): those of the lab, and none of another cloud."""
        return (
            *(
                f'--unset={name}'
                for name in os.environ
                if name.startswith('OS_')
            ),
            'OS_CLOUD=lab',
            f'OS_CLIENT_CONFIG_FILE={self._clouds}',
        )

    def _release(self):
        """What is installed, for people."""
        major, minor = nova_version(self.settings.requirements.read_text())
        return f'{self.settings.release}, Nova {major}.{minor}'

    def runs(self):
        """How many runs of tests stestr has kept."""
        return len(list(self.workspace.glob('.stestr/[0-9]*')))

    def forget_runs(self):
        """Begin a new report."""
        shutil.rmtree(self.reports, ignore_errors=True)

    def keep_last(self):
        """Put the last run beside those since forget_runs(); its path."""
        part = self._next_part()
        with open(part, 'wb') as output:
            self._run_here('stestr', 'last', '--subunit', stdout=output)
        return part

    def keep_unfinished(self, since):
        """Put what stestr has of a run that was cut off beside the others.

        :param since: when the run began, as seconds of the epoch
        :returns: its path; None if there is nothing
        """
        found = [
            path
            for path in self.workspace.glob('.stestr/tmp*')
            if path.stat().st_size and path.stat().st_mtime >= since
        ]
        if not found:
            return None
        part = self._next_part()
        shutil.move(max(found, key=lambda path: path.stat().st_mtime), part)
        return part

    def _next_part(self):
        """Named after their order, which the shell's * keeps."""
        self.reports.mkdir(exist_ok=True)
        count = len(list(self.reports.glob('part-*.subunit')))
        return self.reports / f'part-{count + 1:02}.subunit'

    def report(self):
        """Make a page of all runs that were kept.

        :returns: its path; None if nothing was measured
        """
        done = self.tempest(
            'downtime',
            'report',
            '--output',
            str(self.reports),
            '--title',
            'What the live migrations of the embedded cloud cost',
            *map(str, sorted(self.reports.glob('*.subunit'))),
        )
        return None if done else self.reports / 'report.html'

    def tested(self):
        """The tests of each run since forget_runs(), as Spans."""
        return [
            timing.tests(
                self._run_here(
                    'subunit2csv', part, stdout=subprocess.PIPE, text=True
                ).stdout
            )
            for part in sorted(self.reports.glob('part-*.subunit'))
        ]

    def log_mark(self):
        """Where Tempest's log ends, for waited()."""
        return self._log.stat().st_size if self._log.exists() else 0

    def waited(self, mark):
        """What Tempest's log says of waits since a mark, as Spans."""
        if not self._log.exists():
            return []
        with open(self._log, errors='replace') as log:
            log.seek(mark)
            return list(timing.waits(log))

    def tempest(self, *arguments):
        """Run tempest in the lab's network; returns its exit status."""
        return self._run_here('tempest', *arguments).returncode

    def tempest_output(self, *arguments):
        """Run tempest and return what it prints.

        :raises LabError: when it fails
        """
        done = self._run_here(
            'tempest', *arguments, stdout=subprocess.PIPE, text=True
        )
        if done.returncode:
            raise LabError(
                f'tempest {" ".join(arguments)} ended with {done.returncode}.'
            )
        return done.stdout

    def _run_here(self, *command, **options):
        # In all of the tester's namespaces, so that it ends with them, too.
        return process.run_tied(
            [*self.environment(), *command], enter=self.command(), **options
        )

    def environment(self):
        """The words that run a command where Tempest runs."""
        return (
            'env',
            f'--chdir={self.workspace}',
            *self._credentials(),
            f'PATH={self.venv / "bin"}:{os.environ["PATH"]}',
        )

    def _pip(self, output, *arguments):
        self._run(
            output,
            self.venv / 'bin/pip',
            'install',
            '--quiet',
            '--constraint',
            self.settings.requirements,
            *arguments,
        )

    @staticmethod
    def _run(output, *command):
        process.run_logged(
            'preparing Tempest', command, output, _environment()
        )


def _environment():
    """For what asks git for the plugin's version.

    The checkout may be another user's, in a container of its own say: git
    would refuse to look at it.
    """
    return {
        **os.environ,
        'GIT_CONFIG_COUNT': '1',
        'GIT_CONFIG_KEY_0': 'safe.directory',
        'GIT_CONFIG_VALUE_0': str(CHECKOUT),
    }


def _write_secret(path, text):
    path.touch(0o600)
    path.chmod(0o600)
    path.write_text(text)


def nova_version(requirements):
    """The release's Nova, as (major, minor)."""
    [version] = re.findall(
        r'^nova==(\d+)\.(\d+)\.', requirements, re.MULTILINE
    )
    return tuple(map(int, version))


def nova_features(requirements):
    """What the release's Nova can't do, as values for tempest.conf.

    Its libvirt driver has raised libvirt's "operation aborted" into the
    monitor of the migration since 32.2.0, and the server is in ERROR then.
    On SIGHUP, 34.0.0 does not read its options again (oslo.service's threads,
    _reload_service). 32 has no parallel connections. What came in between
    was not tried.
    """
    version = nova_version(requirements)
    return {
        'aborted_server_active': _boolean(version < (32, 2)),
        'reload': _boolean(version < (34, 0)),
        'parallel_connections': _boolean(version >= (34, 0)),
    }


def _boolean(value):
    return str(value).lower()
