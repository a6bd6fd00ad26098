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
"""Which of a server's live-migration settings wins: StarlingX's rules.

They are those of stx-nova, r/2018.10, nova/virt/libvirt/driver.py:
_handle_auto_converge, _handle_libvirt_tunnel, _live_migration_max_downtime
and _live_migration_completion_timeout. Pure.
"""

import collections.abc
import dataclasses

AUTO_CONVERGE = 'hw:wrs:live_migration_auto_converge'
TUNNEL = 'hw:wrs:live_migration_tunnel'
MAX_DOWNTIME = 'hw:wrs:live_migration_max_downtime'
TIMEOUT = 'hw:wrs:live_migration_timeout'

IMAGE_MAX_DOWNTIME = 'hw_wrs_live_migration_max_downtime'
IMAGE_TIMEOUT = 'hw_wrs_live_migration_timeout'

#: In ms; less is ignored.
LOWEST_MAX_DOWNTIME = 100
#: In seconds, besides 0, which is "no time-out".
SHORTEST_TIMEOUT, LONGEST_TIMEOUT = 120, 800

# As oslo.utils' bool_from_string reads them when it is strict.
_TRUE = ('1', 't', 'true', 'on', 'y', 'yes')
_FALSE = ('0', 'f', 'false', 'off', 'n', 'no')

#: Names of settings, and what each is set to.
Values = collections.abc.Mapping[str, str | int]


@dataclasses.dataclass(frozen=True)
class Sources:
    """Where a server's settings stand, as dicts of names and values.

    :ivar flavor: its flavor's extra specs
    :ivar metadata: its own metadata
    :ivar image: its image's properties, or those of its first volume's image
    :ivar unknown: what could not be looked at, as sentences
    """

    flavor: Values = dataclasses.field(default_factory=dict)
    metadata: Values = dataclasses.field(default_factory=dict)
    image: Values = dataclasses.field(default_factory=dict)
    unknown: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Defaults:
    """What holds where a server says nothing: the host's own settings.

    :ivar max_downtime: in ms
    :ivar timeout: of the whole migration, in seconds; 0 for none
    """

    auto_converge: bool = False
    tunnel: bool = False
    max_downtime: int = 500
    timeout: int = 180


@dataclasses.dataclass(frozen=True)
class Settings:
    """What holds for one live migration of a server.

    :ivar max_downtime: in ms
    :ivar timeout: of the whole migration, in seconds; 0 for none
    :ivar ignored: what makes no sense and was left out, as sentences
    """

    auto_converge: bool
    tunnel: bool
    max_downtime: int
    timeout: int
    ignored: tuple[str, ...] = ()


def complaint(name: str, value: str | int) -> str | None:
    """Why StarlingX's API refuses an extra spec, or an item of metadata.

    The words are those of stx-nova, r/2018.10, nova/api/openstack/common.py.

    :returns: None if it takes it
    """
    if name in (TIMEOUT, MAX_DOWNTIME):
        try:
            number = int(value)
        except ValueError:
            return f'{name} must be an integer.'
        if name == MAX_DOWNTIME and number < LOWEST_MAX_DOWNTIME:
            return (
                f'{name} must be greater than or equal to '
                f'{LOWEST_MAX_DOWNTIME}'
            )
        if (
            name == TIMEOUT
            and number
            and not (SHORTEST_TIMEOUT <= number <= LONGEST_TIMEOUT)
        ):
            return (
                f'{name} must be 0 or in the range {SHORTEST_TIMEOUT} to '
                f'{LONGEST_TIMEOUT}'
            )
    elif name in (AUTO_CONVERGE, TUNNEL) and _switched(value) is None:
        acceptable = ', '.join(repr(word) for word in sorted(_TRUE + _FALSE))
        return (
            f'Error setting key {name}: Unrecognized value {value!r}, '
            f'acceptable values are: {acceptable}'
        )
    return None


def resolve(sources: Sources, defaults: Defaults) -> Settings:
    """The Settings of a server.

    Auto-converge and tunnelling: its metadata over its flavor, its image has
    no say. Maximum downtime: flavor over metadata over image. Time-out: the
    lowest of all, and 0 only if all that are set are 0.

    >>> resolve(Sources(flavor={TIMEOUT: '300'}, metadata={TIMEOUT: '120'}),
    ...         Defaults()).timeout
    120
    """
    ignored: list[str] = []
    return Settings(
        auto_converge=_switch(
            sources, AUTO_CONVERGE, defaults.auto_converge, ignored
        ),
        tunnel=_switch(sources, TUNNEL, defaults.tunnel, ignored),
        max_downtime=_max_downtime(sources, defaults.max_downtime, ignored),
        timeout=_timeout(sources, defaults.timeout, ignored),
        ignored=tuple(ignored),
    )


def _switch(
    sources: Sources, name: str, value: bool, ignored: list[str]
) -> bool:
    for where, settings in (
        ('flavor', sources.flavor),
        ('metadata', sources.metadata),
    ):
        if settings.get(name) is None:
            continue
        switched = _switched(settings[name])
        if switched is not None:
            value = switched
        else:
            ignored.append(
                f'{name} of the {where} is {settings[name]!r}, which is '
                'neither true nor false'
            )
    return value


def _switched(value: str | int) -> bool | None:
    """True, False, or None for what is neither."""
    text = str(value).strip().lower()
    return text in _TRUE if text in _TRUE + _FALSE else None


def _max_downtime(sources: Sources, default: int, ignored: list[str]) -> int:
    set_to = next(
        (
            (where, name, settings[name])
            for where, name, settings in (
                ('flavor', MAX_DOWNTIME, sources.flavor),
                ('metadata', MAX_DOWNTIME, sources.metadata),
                ('image', IMAGE_MAX_DOWNTIME, sources.image),
            )
            if settings.get(name) is not None
        ),
        None,
    )
    if set_to is None:
        return default
    # What wins and makes no sense gives way to the default, not to the next.
    value = _number(*set_to, ignored)
    if value is not None and value < LOWEST_MAX_DOWNTIME:
        where, name, _ = set_to
        ignored.append(
            f'{name} of the {where} is {value}, which is less than '
            f'{LOWEST_MAX_DOWNTIME} ms'
        )
        return default
    return default if value is None else value


def _timeout(sources: Sources, default: int, ignored: list[str]) -> int:
    values = [
        _number(where, name, settings[name], ignored)
        for where, name, settings in (
            ('image', IMAGE_TIMEOUT, sources.image),
            ('flavor', TIMEOUT, sources.flavor),
            ('metadata', TIMEOUT, sources.metadata),
        )
        if settings.get(name) is not None
    ]
    values = [value for value in values if value is not None]
    return min(
        (value for value in values if value), default=0 if values else default
    )


def _number(
    where: str, name: str, value: str | int, ignored: list[str]
) -> int | None:
    try:
        return int(value)
    except ValueError:
        ignored.append(
            f'{name} of the {where} is {value!r}, which is not a whole number'
        )
        return None
