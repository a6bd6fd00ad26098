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
"""The lab's commands: run, compare, up, down, status and their like."""

import argparse
import concurrent.futures
import fcntl
import os
import sys
import time

from embedded_cloud.cloud import Cloud
from embedded_cloud import compare
from embedded_cloud import horizon
from embedded_cloud import image
from embedded_cloud import machine
from embedded_cloud import nova_tests
from embedded_cloud.progress import Progress
from embedded_cloud import rootfs
from embedded_cloud.settings import LabError
from embedded_cloud.settings import Settings
from embedded_cloud import timing

_VARIABLES = """\
environment:
  LAB_DIR         the folder of everything that the lab makes (.lab)
  LAB_RELEASE     the versions of OpenStack, a file of lab/releases (2026.2)
  LAB_STORAGE     block: each compute has disks of its own (the default);
                  rbd: Nova keeps them in Ceph
  LAB_GUEST       what the guests are: lab (a small one of its own, the
                  default), or debian (systemd, OpenSSH, cloud-init, bash)
  LAB_IMAGE       a guest image to use instead of those
  LAB_IMAGE_USER  who logs in to the guests (cirros, or debian with
                  LAB_GUEST=debian)
  LAB_INIT        process 1 of the computes: supervisor (the default), or
                  systemd, with units and a journal
  LAB_HORIZON     yes: Horizon on the controller, Chromium on the machine, and
                  the tests that use them; no is the default
  LAB_LONG        yes: each kind of migration is made back, too, three servers
                  migrate at a time, not two, and one four times in a row,
                  not three times; no is the default
  LAB_VIRT_TYPE   qemu (the default), or kvm where it is known to work
  LAB_COMPUTE_DRIVER
                  stock: Nova's own (the default); starlingx: one that heeds
                  what each server says (nova-virt-starlingx)
"""

# Each test is in one of these. The first figures come soon: the others take
# longer, those that look behind the API half an hour.
_STAGES = {
    'first': r'^migration_tempest_plugin\.tests\.'
    r'(api|dashboard|scenario\.test_(live_migration|measuring))\.',
    'guests': r'^migration_tempest_plugin\.tests\.'
    r'(scenario\.(?!test_(live_migration|measuring)\.)|'
    r'whitebox\.test_(matrix|failures)\.)',
    'hosts': r'^migration_tempest_plugin\.tests\.'
    r'whitebox\.(?!test_(matrix|failures)\.)',
    # Tempest's own, with volumes
    'tempest': r'^tempest\.(api\.compute\.admin\.test_live_migration\.'
    r'LiveMigrationTest\.test_(volume_backed_live_migration|'
    r'live_block_migration_with_attached_volume)|'
    r'scenario\.test_volume_boot_pattern\.'
    r'TestVolumeBootPattern\.test_volume_boot_pattern)\b',
}


def main(arguments):
    """Run one command; returns the exit status."""
    options = _parse(arguments)
    try:
        machine.check()
        settings = Settings.from_environment(os.environ)
        cloud = Cloud(settings, Progress())
        return options.function(cloud, options) or 0
    except LabError as error:
        print(f'lab/{options.command}: {error}', file=sys.stderr)
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print(
            f'lab/{options.command}: interrupted. The cloud goes on, if it '
            'was up: lab/down ends it.',
            file=sys.stderr,
        )
        return 130


def _parse(arguments):
    if arguments[:1] == ['openstack']:
        # All that follows is the client's, --help and --version, too.
        return argparse.Namespace(
            command='openstack', words=arguments[1:], function=_openstack
        )
    parser = argparse.ArgumentParser(
        prog='lab',
        epilog=_VARIABLES,
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest='command', required=True)
    run = commands.add_parser(
        'run', help='bring the cloud up if need be, run the tests in it'
    )
    which = run.add_mutually_exclusive_group()
    which.add_argument(
        '--regex', help="which tests (all of the plugin's, stage by stage)"
    )
    which.add_argument(
        '--stage',
        choices=_STAGES,
        help='one stage alone: '
        'the first figures; many guests, every kind of '
        'migration, and what can go wrong; the tests behind '
        "the API; Tempest's own of servers with volumes",
    )
    run.add_argument(
        'tempest',
        nargs=argparse.REMAINDER,
        help='after --: further options of tempest run',
    )
    run.set_defaults(function=_run)
    beside = commands.add_parser(
        'compare',
        help='run the tests, and hold what they measure against a '
        'second ping and against libvirt',
    )
    beside.add_argument(
        '--regex',
        default='test_live_migration_there',
        help='which tests (%(default)s)',
    )
    beside.add_argument(
        '--times', type=int, default=1, help='how often (%(default)s)'
    )
    beside.set_defaults(function=_compare)
    up = commands.add_parser('up', help='bring up a fresh cloud')
    up.set_defaults(function=_up)
    down = commands.add_parser('down', help='end the cloud')
    down.set_defaults(function=_down)
    status = commands.add_parser('status', help='what runs')
    status.set_defaults(function=_status)
    shell = commands.add_parser('shell', help='a shell in a host')
    shell.add_argument('host')
    shell.add_argument(
        'words',
        nargs=argparse.REMAINDER,
        help='a command to run instead of a shell',
    )
    shell.set_defaults(function=_shell)
    own = commands.add_parser(
        'nova-tests',
        help="run Nova's own tests of live migrations with "
        'nova-virt-starlingx in place, and those of the driver; no cloud '
        'is needed',
    )
    own.add_argument(
        'only', nargs='*', help='tests.test_driver or tests.nova_own alone'
    )
    own.set_defaults(function=_nova_tests)
    commands.add_parser(
        'openstack',
        add_help=False,
        help="OpenStack's ordinary client, as administrator "
        'of the cloud: its own arguments follow',
    )
    return parser.parse_args(arguments)


def _up(cloud, options):
    with _lock(cloud.settings):
        _bring_up(cloud)
        cloud.progress.say(
            'the cloud is up; its phases, some of them side by side:'
        )
        print(cloud.progress.table())
        print(f'{cloud.memory() / 2**30:.1f} GiB of memory')


def _bring_up(cloud):
    # Before anything is built: what hosts have mounted must not change.
    with cloud.progress.phase('clearing what an earlier run left'):
        cloud.down()
    machine.check_room(cloud.settings.home, cloud.settings.rootfs.exists())
    remark = machine.remark()
    if remark:
        cloud.progress.say(remark)
    _prepare(cloud)
    cloud.up()


def _prepare(cloud):
    settings, progress = cloud.settings, cloud.progress
    _install(cloud)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        tempest = pool.submit(
            _phase, progress, 'Tempest', cloud.tester.install
        )
        _build_root(cloud)
        if settings.image is None:
            _phase(progress, 'guest image', image.build, settings)
        if settings.horizon:
            _phase(progress, 'packages of Horizon', horizon.build, settings)
        tempest.result()
    # pbr looks at every file of the checkout, and so at those of .lab: none
    # may vanish meanwhile, as they do where the root file system is built.
    _phase(progress, 'wheel of the plugin', cloud.tester.build_wheels)


def _install(cloud):
    with cloud.progress.phase('packages of the machine'):
        machine.install(
            cloud.settings.home / 'packages.log',
            machine.BROWSER if cloud.settings.horizon else (),
        )


def _build_root(cloud):
    _phase(
        cloud.progress,
        f'root file system of {cloud.settings.release}',
        rootfs.build,
        cloud.settings,
    )


def _phase(progress, name, function, *arguments):
    with progress.phase(name):
        function(*arguments)


def _run(cloud, options):
    with _lock(cloud.settings):
        if not cloud.is_up():
            _bring_up(cloud)
        rest = (
            options.tempest[1:]
            if options.tempest[:1] == ['--']
            else options.tempest
        )
        stages = (
            {options.regex: options.regex}
            if options.regex
            else {options.stage: _STAGES[options.stage]}
            if options.stage
            else _STAGES
        )
        cloud.tester.forget_runs()
        mark = cloud.tester.log_mark()
        statuses = [_tests(cloud, *stage, rest) for stage in stages.items()]
        cloud.progress.say('where the time went; phases may overlap:')
        print(cloud.progress.table())
        print(timing.summary(cloud.tester.tested(), cloud.tester.waited(mark)))
        return max(statuses)


def _tests(cloud, stage, regex, options):
    """Run some tests and show what they measured; returns their status.

    The page has what was measured up to then.
    """
    before, began = cloud.tester.runs(), time.time()
    try:
        with cloud.progress.phase(f'tests: {stage}'):
            status = cloud.tester.tempest(
                'run', '--serial', '--regex', regex, *options
            )
    except KeyboardInterrupt:
        _show(cloud, cloud.tester.keep_unfinished(began))
        raise
    cloud.progress.say(f'{cloud.memory() / 2**30:.1f} GiB of memory')
    if cloud.tester.runs() > before:  # else no test was run
        _show(cloud, cloud.tester.keep_last())
    return status


def _show(cloud, part):
    """Show what a part of the tests measured; None is none."""
    if part is None:
        return
    with cloud.progress.phase('what they measured'):
        cloud.tester.tempest('downtime', 'summary', '--subunit', str(part))
        page = cloud.tester.report()
    if page:
        cloud.progress.say(f'all of it, in pictures: {page}')


def _compare(cloud, options):
    comparisons, status = [], 0
    with _lock(cloud.settings):
        if not cloud.is_up():
            _bring_up(cloud)
        for number in range(options.times):
            cloud.progress.say(f'{number + 1} of {options.times}')
            watch = compare.Watch(cloud)
            with watch.running():
                status |= cloud.tester.tempest(
                    'run', '--serial', '--regex', options.regex
                )
            new = compare.compare(
                watch,
                cloud.tester.tempest_output('downtime', 'summary', '--json'),
            )
            print(*new, sep='\n')
            comparisons.extend(new)
    print(compare.summary(comparisons))
    return (
        status or not comparisons or not all(each.good for each in comparisons)
    )


def _down(cloud, options):
    with _lock(cloud.settings), cloud.progress.phase('ending the cloud'):
        cloud.down()


def _status(cloud, options):
    for host in (*cloud.hosts, cloud.tester):
        print(
            f'{host.name}: process {host.pid}, {host.memory() / 2**30:.1f} GiB'
            if host.pid
            else f'{host.name}: not running'
        )
    for host in cloud.hosts:
        if host.pid:
            print(f'\n{host.name} ({host.management})')
            print(host.programs_status())
    if cloud.controller.pid:
        print('\nCeph')
        try:
            print(cloud.store_status())
        except LabError as error:
            print(error)


def _shell(cloud, options):
    host = cloud.host(options.host)
    os.chdir('/')
    command = host.command(
        *host.environment(), *(options.words or ['/bin/bash'])
    )
    os.execvp(command[0], command)


def _nova_tests(cloud, options):
    with _lock(cloud.settings):
        _install(cloud)
        _build_root(cloud)
        return nova_tests.run(cloud.settings, options.only)


def _openstack(cloud, options):
    command = cloud.tester.client(*options.words)
    os.execvp(command[0], command)


class _lock:
    """One lab command at a time on one folder."""

    def __init__(self, settings):
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = open(settings.home / 'lock', 'w')

    def __enter__(self):
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LabError(
                'another lab command is at work on '
                f'{self._file.name[:-5]}. Wait for it, or end '
                'it.'
            ) from None

    def __exit__(self, *_):
        self._file.close()
