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
"""The options of ``tempest downtime watch``, and what they name."""

import argparse
import pathlib

from migration_tempest_plugin.cloud import nova
from migration_tempest_plugin.cloud import server
from migration_tempest_plugin.cmd import base
from migration_tempest_plugin.cmd import guest
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.meters import service
from migration_tempest_plugin.watch import control
from migration_tempest_plugin.watch import servers
from migration_tempest_plugin.watch import session
from migration_tempest_plugin.watch import target

#: With which options a watch measures what limits are for.
_NEEDED = {
    'guest': ('ssh',),
    'tcp': ('ssh',),
    'metadata': ('ssh', 'metadata'),
}

#: And for which targets.
_TARGETS = {
    'network': 'ADDRESS',
    'connect': 'HOST:PORT',
    'http': 'https://HOST/',
    'kept': 'https://HOST/ or HOST:PORT with --kept',
    'dns': 'NAME@SERVER',
}


def add(parser):
    """Let a watch's user name all of it, and COMMAND behind that."""
    _add_targets(parser)
    _add_guests(parser)
    _add_servers(parser)
    _add_pace(parser)
    _add_services(parser)
    base.add_limits(parser)
    _add_outputs(parser)
    # Here, since argparse would take options of COMMAND for its own.
    parser.parse_args = lambda argv: _split(parser.parse_intermixed_args, argv)


def _split(parse_args, argv):
    """Parse what stands in front of COMMAND."""
    place = argv.index('--') if '--' in argv else len(argv)
    parsed_args = parse_args(argv[:place])
    parsed_args.command = argv[place + 1 :]
    return parsed_args


def _add_targets(parser):
    parser.add_argument(
        'targets',
        nargs='*',
        metavar='TARGET',
        help=f'address or name of a server; or a service: {target.SERVICES}',
    )
    parser.add_argument(
        '--targets',
        action='append',
        default=[],
        dest='files',
        type=pathlib.Path,
        metavar='FILE',
        help='a file with one more TARGET on each line; what follows a # '
        'is left out; may be given several times',
    )
    parser.add_argument(
        '--control',
        default='gateway',
        metavar='ADDRESS',
        help='what should always answer: while it does not, this machine '
        'itself is cut off, and what fails then is unobserved; none for '
        'nothing (the default gateway)',
    )


def _add_guests(parser):
    parser.add_argument(
        '--ssh',
        action='append',
        default=[],
        metavar=guest.METAVAR,
        type=guest.guest,
        help='also ask this guest for its clock; may be given several times',
    )
    guest.add_access(parser, '--ssh')
    parser.add_argument(
        '--metadata',
        action='store_true',
        help='have the guests of --ssh ask for their metadata, too',
    )


def _add_servers(parser):
    parser.add_argument(
        '--server',
        action='append',
        default=[],
        metavar='ID|NAME',
        help="a server of OpenStack: its address is a TARGET, and Nova's API "
        'is asked what happens to it; may be given several times',
    )
    parser.add_argument(
        '--os-cloud',
        metavar='NAME',
        help='the cloud of --server, in clouds.yaml (OS_CLOUD)',
    )
    parser.add_argument(
        '--server-network',
        metavar='NAME',
        help='the network that the address of each --server is to be of (a '
        'floating address first, then a fixed one, of any network)',
    )


def _add_pace(parser):
    parser.add_argument(
        '--interval',
        type=base.positive,
        default=0.05,
        metavar='SECONDS',
        help='from ping to ping (%(default)s)',
    )
    parser.add_argument(
        '--deadline',
        type=base.positive,
        default=0.5,
        metavar='SECONDS',
        help='within which a ping must be answered (%(default)s)',
    )
    parser.add_argument(
        '--settle',
        type=base.not_negative,
        default=5.0,
        metavar='SECONDS',
        help='how long to go on when COMMAND has ended (%(default)s)',
    )
    parser.add_argument(
        '--recovery',
        type=base.not_negative,
        default=60.0,
        metavar='SECONDS',
        help='how long to wait then for what is down (%(default)s)',
    )


def _add_services(parser):
    group = parser.add_argument_group('services')
    group.add_argument(
        '--service-interval',
        type=_seconds(service.LEAST_INTERVAL),
        default=0.25,
        metavar='SECONDS',
        help='from one question to a service to the next (%(default)s)',
    )
    group.add_argument(
        '--service-deadline',
        type=_seconds(service.LEAST_DEADLINE),
        default=2.0,
        metavar='SECONDS',
        help='within which it must be answered (%(default)s)',
    )
    group.add_argument(
        '--kept',
        action='store_true',
        help='also ask each URL, and each HOST:PORT, over one connection, '
        'which is kept',
    )
    group.add_argument(
        '--http-status',
        type=_statuses,
        default=target.Pages.statuses,
        metavar='STATUS',
        help='which answers of HTTP are good: 200,300-399, say (200-399)',
    )
    group.add_argument(
        '--insecure',
        action='store_true',
        help='accept any certificate of an https target',
    )


def _add_outputs(parser):
    parser.add_argument(
        '--json-lines',
        action='store_true',
        help='on standard output, a line of JSON for each thing that '
        'happens, when it does, and no summary at the end',
    )
    parser.add_argument(
        '--listen',
        type=_place,
        metavar='ADDRESS:PORT',
        help='offer what is seen to Prometheus there, meanwhile: '
        '127.0.0.1:9469, say',
    )
    parser.add_argument(
        '--name',
        default='watch',
        help='what it is, for reports and comparisons (%(default)s)',
    )
    parser.add_argument(
        '--output',
        type=pathlib.Path,
        metavar='FILE',
        help='the JSON for tempest downtime report and compare '
        '(downtime-watch-DATE-TIME.json)',
    )


def _seconds(least):
    """The type of an argument of so many seconds at least."""

    def seconds(text):
        number = base.positive(text)
        if not least <= number <= service.MOST:
            raise argparse.ArgumentTypeError(
                f'{text!r} is not from {least:g} to {service.MOST:g}'
            )
        return number

    return seconds


def _statuses(text):
    try:
        return target.statuses(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _place(text):
    """An argument's ADDRESS:PORT."""
    address, colon, port = text.rpartition(':')
    if address.startswith('[') and address.endswith(']'):
        address = address[1:-1]
    elif ':' in address:
        address = ''
    if not (address and colon and port.isdecimal() and int(port) < 1 << 16):
        raise argparse.ArgumentTypeError(
            f'{text!r} is no ADDRESS:PORT: 127.0.0.1:9469 is one, and '
            '[::1]:9469'
        )
    return address, int(port)


def named_servers(parsed_args):
    """The Servers of --server.

    :raises CloudError: if one of them can't be found
    """
    if not parsed_args.server:
        return servers.Servers(None, ())
    api = nova.connect(parsed_args.os_cloud)
    return servers.Servers(
        api,
        [
            server.find(api, each, parsed_args.server_network)
            for each in dict.fromkeys(parsed_args.server)
        ],
    )


def plan(parsed_args, addresses):
    """The Plan of a watch.

    :param addresses: those of the servers that are named
    :raises RecordError: if there is nothing to watch, or a target is none
    """
    targets = tuple(
        dict.fromkeys(
            [
                *parsed_args.targets,
                *_listed(parsed_args.files),
                *(host for _, host, _ in parsed_args.ssh),
                *addresses,
            ]
        )
    )
    if not targets:
        raise exceptions.RecordError(
            'there is nothing to watch: name a TARGET, a file of them with '
            '--targets, a guest with --ssh, or a --server'
        )
    return session.Plan(
        targets,
        {
            host: guest.host(parsed_args, user, host, port)
            for user, host, port in parsed_args.ssh
        },
        _control(parsed_args, targets),
        parsed_args.metadata,
        parsed_args.interval,
        parsed_args.deadline,
        services=_services(parsed_args, targets),
        service_interval=parsed_args.service_interval,
        service_deadline=parsed_args.service_deadline,
        kept=parsed_args.kept,
    )


def _listed(files):
    """Each TARGET in some files, in turn.

    :raises RecordError: if a file can't be read, or a line has no one target
    """
    for path in files:
        try:
            lines = path.read_text(encoding='utf-8-sig').splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise exceptions.RecordError(
                f"{path} can't be read: "
                + (getattr(error, 'strerror', None) or 'it is no text')
            ) from error
        for number, line in enumerate(lines, 1):
            words = line.partition('#')[0].split()
            if len(words) > 1 or words and words[0].startswith('-'):
                raise exceptions.RecordError(
                    f'{path}, line {number}: {line.strip()!r} is no target'
                )
            yield from words


def _control(parsed_args, targets):
    """The address of --control, or None."""
    named = parsed_args.control
    if named == 'gateway':
        named = control.gateway()
    return None if named == 'none' or named in targets else named


def _services(parsed_args, targets):
    """What is asked of each target that is a service."""
    pages = target.Pages(parsed_args.http_status, not parsed_args.insecure)
    found = {each: target.parse(each, pages) for each in targets}
    return {each: asked for each, asked in found.items() if asked}


def limits(parsed_args, planned):
    """The Limits that were named.

    :param planned: the Plan: a limit of what it does not measure would seem
        to be kept
    :raises RecordError: if there is such a one
    """
    found = base.limits(parsed_args)
    measured = planned.asked
    for limit in found:
        if limit.what in _TARGETS:
            if limit.what not in measured:
                raise exceptions.RecordError(
                    f"{limit.option} can't be checked: name a target like "
                    f'{_TARGETS[limit.what]}, too'
                )
        elif missing := _missing(parsed_args, limit.what):
            raise exceptions.RecordError(
                f"{limit.option} can't be checked: {missing}"
            )
    return found


def _missing(parsed_args, what):
    """Why something is not measured inside of guests, or ''."""
    if what not in _NEEDED:
        return 'a watch does not measure it'
    needed = [
        option for option in _NEEDED[what] if not getattr(parsed_args, option)
    ]
    if not needed:
        return ''
    return f'name {" and ".join("--" + option for option in needed)}, too'
