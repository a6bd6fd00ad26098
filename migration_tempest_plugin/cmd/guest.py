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
"""The options of commands that name a guest, and how it is reached."""

import re

from migration_tempest_plugin.hosts import ssh

_GUEST = re.compile(
    r'(?P<user>[^@\s]+)@(?:\[(?P<v6>[^]]+)\]|(?P<host>[^:@]+))'
    r'(?::(?P<port>\d+))?'
)


def guest(text):
    """An argument's user, address and port."""
    found = _GUEST.fullmatch(text)
    if not found:
        raise ValueError(text)
    return (
        found['user'],
        found['v6'] or found['host'],
        int(found['port'] or 22),
    )


guest.__name__ = METAVAR = 'USER@TARGET[:PORT]'


def add_access(parser, option):
    """Let a command's user say how the guests of an option are logged in."""
    parser.add_argument(
        '--key',
        default='',
        metavar='FILE',
        help=f"private key for {option} (SSH's agent, and what is in ~/.ssh)",
    )
    parser.add_argument(
        '--known-hosts',
        default='~/.ssh/known_hosts',
        metavar='FILE',
        help='host keys (%(default)s)',
    )
    parser.add_argument(
        '--no-host-key-check', action='store_true', help='take any host key'
    )


def host(parsed_args, user, address, port):
    """The ssh.Host of a guest."""
    return ssh.Host(
        ssh.Access(
            name=address,
            address=address,
            port=port,
            user=user,
            key_file=parsed_args.key,
            known_hosts=parsed_args.known_hosts,
            check_host_key=not parsed_args.no_host_key_check,
            patience=10.0,
        )
    )
