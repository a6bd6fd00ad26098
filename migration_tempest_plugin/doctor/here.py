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
"""This machine: what it is configured with, and may measure with."""

import importlib.util
import shutil
import socket

from migration_tempest_plugin import config
from migration_tempest_plugin.doctor.finding import bad
from migration_tempest_plugin.doctor.finding import good
from migration_tempest_plugin.doctor.finding import unused
from migration_tempest_plugin.prober import echo

CONF = config.CONF

_ADVICE = (
    'let the group of this user into net.ipv4.ping_group_range '
    '(sysctl), or run as root'
)


#: How often it is looked at what a limit is for, or from when on a late answer
#: is a stall. No outage that is shorter than that can be excluded; a guest's
#: stop can, by its clock.
_INTERVALS = {
    'network': 'network_probe_interval',
    'metadata': 'metadata_probe_interval',
    'tcp': 'guest_heartbeat_deadline',
}


def findings():
    """What can be said of this machine."""
    yield _configuration(CONF.config_file)
    yield from _limits(CONF.migration)
    for name, family in (('IPv4', socket.AF_INET), ('IPv6', socket.AF_INET6)):
        yield _icmp(f'pings over {name}', family)
    yield _table()


def _configuration(files):
    what = 'tempest.conf'
    if files:
        return good(what, ', '.join(files))
    return bad(
        what,
        'there is none',
        'go to the workspace where tempest run '
        'is run, or set TEMPEST_CONFIG_DIR',
    )


def _limits(options):
    """Those that no measurement can check, before a run is lost on them."""
    for what, option, _ in config.LIMITS:
        limit, interval = config.limit(option), _INTERVALS.get(what)
        if (
            options.fail_unchecked_limits
            and interval
            and limit is not None
            and limit < options[interval]
        ):
            yield bad(
                f'[migration] {option}',
                f'{limit:g} s is finer than the {options[interval]:g} s of '
                f"{interval}: it can't be checked, which fails each test",
                f'allow more, lower {interval}, or set '
                'fail_unchecked_limits = false',
            )


def _table():
    what = 'the table that a watch shows'
    if importlib.util.find_spec('rich'):
        return good(what, 'drawn by rich')
    return unused(
        what, 'pip install rich; without it, a watch shows lines alone'
    )


def _icmp(what, family):
    try:
        return good(what, echo.EchoSocket(family).method)
    except echo.Forbidden as reason:
        if shutil.which('ping'):
            return bad(
                what,
                f'{reason}; ping takes over, which is coarser (20 ms)',
                _ADVICE,
            )
        return bad(
            what,
            f'{reason}; and there is no ping',
            _ADVICE + '; or install iputils-ping (iputils)',
        )
    except OSError as error:
        return bad(
            what,
            error.strerror,
            "servers with such an address can't be measured from here",
        )
