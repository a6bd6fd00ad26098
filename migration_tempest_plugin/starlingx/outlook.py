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
"""Which settings a live migration of a server will have, said beforehand.

From what the server says, and from what nova.conf of its host says; and which
of it nobody would heed. Pure, but for nova.conf, which is read when asked for.
"""

import collections.abc
import dataclasses
import typing

from oslo_config import types

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.starlingx import settings

# The options of the policy for servers that say nothing.
_POLICY_OPTIONS = {'max_downtime': '--max-downtime', 'timeout': '--timeout'}
#: Why nobody outside can set the others.
OUT_OF_REACH = {
    'auto_converge': 'QEMU takes no capability while it copies',
    'tunnel': 'it is an option of the host',
}

_NOVA_CONF = 'nova.conf'


class NovaConf(typing.Protocol):
    """nova.conf of a host."""

    def get(self, section: str, option: str) -> str | None:
        """The value of an option, or None if it is not in there."""


@dataclasses.dataclass(frozen=True)
class _Option:
    """An option of nova.conf, section [libvirt], that is a host's setting.

    :ivar default: Nova's own (nova/conf/libvirt.py)
    """

    name: str
    read: collections.abc.Callable[[str], int]
    default: int


# By the field of settings.Settings.
_OPTIONS = {
    'auto_converge': _Option(
        'live_migration_permit_auto_converge', types.Boolean(), False
    ),
    'tunnel': _Option('live_migration_tunnelled', types.Boolean(), False),
    'max_downtime': _Option('live_migration_downtime', int, 500),
    'timeout': _Option('live_migration_completion_timeout', int, 800),
}


@dataclasses.dataclass(frozen=True)
class HostValue:
    """What a host says of one setting.

    :ivar value: True, False, ms, or seconds per GiB
    :ivar words: the value, for people
    :ivar origin: who says it
    """

    value: int
    words: str
    origin: str = _NOVA_CONF


_NOT_KNOWN = HostValue(-1, '-')


@dataclasses.dataclass(frozen=True)
class HostOptions:
    """What a host says of the settings of servers that say nothing.

    :ivar name: Nova's name of the host; empty if the server is on none
    :ivar described: whether [migration-hosts] computes describes it
    :ivar values: the HostValue of each setting, by the field of
        settings.Settings; none if they are not known
    :ivar unknown: why they are not known, as sentences
    """

    name: str
    described: bool = False
    values: collections.abc.Mapping[str, HostValue] = dataclasses.field(
        default_factory=dict
    )
    unknown: tuple[str, ...] = ()


def host_value(
    nova_conf: NovaConf, name: str, stock: bool = True
) -> HostValue:
    """What a host's nova.conf says of one setting.

    :param name: the field of settings.Settings
    :param stock: whether it is a stock Nova's: StarlingX's own does not
        multiply the time-out by what is copied, and has its own defaults
    :raises HostError: if it can't be read
    :raises ConfigurationError: if its value makes no sense
    """
    option = _OPTIONS[name]
    text = nova_conf.get('libvirt', option.name)
    if text is None and not stock:
        return _NOT_KNOWN
    if text is None:
        value, origin = option.default, f"Nova's default ({option.name})"
    else:
        value, origin = _read(option, text), _NOVA_CONF
    words = settings.value_in_words(name, value)
    if name == 'timeout' and value and stock:
        words += ' per GiB'
    return HostValue(value, words, origin)


def host_options(
    name: str, nova_conf: NovaConf | None, stock: bool = True
) -> HostOptions:
    """What a host's nova.conf says of all settings.

    :param name: Nova's name of the host
    :param nova_conf: None if nobody describes the host
    :param stock: as host_value()
    """
    if nova_conf is None:
        return HostOptions(name)
    try:
        values = {
            each: host_value(nova_conf, each, stock) for each in _OPTIONS
        }
    except exceptions.MigrationTestError as error:
        return HostOptions(name, True, unknown=(str(error),))
    return HostOptions(name, True, values)


def outlook(
    sources: settings.Sources,
    defaults: settings.Defaults,
    host: HostOptions,
    computes_heed: bool,
) -> list[str]:
    """Which settings a live migration of a server would have, as lines.

    One for each setting with its value, and where that comes from. Then what
    is ignored and what is not known, and last what the server says that
    nobody would heed.

    >>> for line in outlook(settings.Sources({settings.TUNNEL: 'yes'}),
    ...                     settings.Defaults(), HostOptions('one'), False):
    ...     print(line)
    auto-converge     -      nova.conf
    tunnelling        on     flavor
    maximum downtime  -      nova.conf
    time-out          180 s  the policy's default (--timeout)
    nobody would heed: tunnelling on (it is an option of the host)

    :param defaults: the policy's, for servers that say nothing
    :param host: that of the server
    :param computes_heed: whether the computes heed the settings themselves;
        else the policy does what it can
    """
    wanted = settings.resolve(sources, defaults)
    by_policy = {} if computes_heed else _by_policy(host)
    unheeded = [] if computes_heed else _unheeded(wanted, host)
    return [
        *_table(
            [_row(name, wanted, host, by_policy) for name in settings.TITLES]
        ),
        *(f'{sentence}: it is ignored' for sentence in wanted.ignored),
        *sources.unknown,
        *host.unknown,
        *(('nobody would heed: ' + '; '.join(unheeded),) if unheeded else ()),
    ]


def _by_policy(host: HostOptions) -> dict[str, str]:
    """The option of each default that the policy holds a server to."""
    return {
        name: option
        for name, option in _POLICY_OPTIONS.items()
        if host.described or name != 'max_downtime'
    }


def _row(
    name: str,
    wanted: settings.Settings,
    host: HostOptions,
    by_policy: collections.abc.Mapping[str, str],
) -> tuple[str, str, str]:
    """What a setting is called, its value, and where that comes from."""
    title = settings.TITLES[name]
    words = settings.value_in_words(name, getattr(wanted, name))
    if name in wanted.origins:
        return title, words, wanted.origins[name]
    if name in by_policy:
        return title, words, f"the policy's default ({by_policy[name]})"
    value = host.values.get(name, _NOT_KNOWN)
    return title, value.words, value.origin


def _table(rows: list[tuple[str, str, str]]) -> list[str]:
    titles, values, _ = (max(map(len, column)) for column in zip(*rows))
    return [
        f'{title:<{titles}}  {value:<{values}}  {origin}'
        for title, value, origin in rows
    ]


def _unheeded(wanted: settings.Settings, host: HostOptions) -> list[str]:
    """What a server says that the policy can't do, with the reason."""
    return [
        f'{wanted.in_words()[name]} ({reason})'
        for name, reason in (
            (name, _why_not(name, wanted, host)) for name in wanted.origins
        )
        if reason
    ]


def _why_not(
    name: str, wanted: settings.Settings, host: HostOptions
) -> str | None:
    value = getattr(wanted, name)
    is_so_already = name in host.values and host.values[name].value == value
    if name == 'timeout' or is_so_already:
        return None
    if name == 'tunnel' or (name == 'auto_converge' and value):
        return OUT_OF_REACH[name]
    return None if host.described else not_described(host.name)


def _read(option: _Option, text: str) -> int:
    try:
        return option.read(text)
    except ValueError as error:
        raise exceptions.ConfigurationError(
            f'nova.conf, [libvirt] {option.name}: {error}'
        ) from error


def not_described(host: str) -> str:
    """Why nothing is done on a host; it is empty where there is none."""
    return f'{host or "its host"} is not among [migration-hosts] computes'
