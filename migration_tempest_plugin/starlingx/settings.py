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

#: What people call each setting, by the field of Settings.
TITLES = {
    'auto_converge': 'auto-converge',
    'tunnel': 'tunnelling',
    'max_downtime': 'maximum downtime',
    'timeout': 'time-out',
}

# As oslo.utils' bool_from_string reads them when it is strict.
_TRUE = ('1', 't', 'true', 'on', 'y', 'yes')
_FALSE = ('0', 'f', 'false', 'off', 'n', 'no')

#: Names of settings, and what each is set to.
Values = collections.abc.Mapping[str, str | int]

#: Names of fields of Settings, and where the value of each comes from.
Origins = collections.abc.Mapping[str, str]


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
    :ivar origins: where each comes from that the server says: its flavor, its
        metadata or its image, by the name of the field; the others are the
        host's
    :ivar ignored: what makes no sense and was left out, as sentences
    """

    auto_converge: bool
    tunnel: bool
    max_downtime: int
    timeout: int
    origins: Origins = dataclasses.field(default_factory=dict)
    ignored: tuple[str, ...] = ()

    def __str__(self) -> str:
        """What the server says, for people."""
        said = [
            f'{words} ({self.origins[name]})'
            for name, words in self.in_words().items()
            if name in self.origins
        ]
        return ', '.join([*said, *self._rest(len(said))])

    def in_words(self) -> dict[str, str]:
        """Each setting with its value, for people, by its field."""
        return {
            name: f'{title} {value_in_words(name, getattr(self, name))}'
            for name, title in TITLES.items()
        }

    def _rest(self, said: int) -> tuple[str, ...]:
        if said == len(TITLES):
            return ()
        return (f'{"the rest" if said else "all"} as nova.conf has it',)


def value_in_words(name: str, value: bool | int) -> str:
    """The value of a setting, for people.

    :param name: the field of Settings
    """
    if name == 'max_downtime':
        return f'{value} ms'
    if name == 'timeout':
        return f'{value} s' if value else 'none'
    return 'on' if value else 'off'


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
    found = {
        'auto_converge': _switch(sources, AUTO_CONVERGE, ignored),
        'tunnel': _switch(sources, TUNNEL, ignored),
        'max_downtime': _max_downtime(sources, ignored),
        'timeout': _timeout(sources, ignored),
    }
    said = {name: each for name, each in found.items() if each is not None}
    return Settings(
        **{
            **dataclasses.asdict(defaults),
            **{name: value for name, (value, _) in said.items()},
        },
        origins={name: where for name, (_, where) in said.items()},
        ignored=tuple(ignored),
    )


def _switch(
    sources: Sources, name: str, ignored: list[str]
) -> tuple[bool, str] | None:
    """What a server says, and where, or None. So are the next two."""
    found = None
    for where, settings in (
        ('flavor', sources.flavor),
        ('metadata', sources.metadata),
    ):
        if settings.get(name) is None:
            continue
        switched = _switched(settings[name])
        if switched is not None:
            found = switched, where
        else:
            ignored.append(
                f'{name} of the {where} is {settings[name]!r}, which is '
                'neither true nor false'
            )
    return found


def _switched(value: str | int) -> bool | None:
    """True, False, or None for what is neither."""
    text = str(value).strip().lower()
    return text in _TRUE if text in _TRUE + _FALSE else None


def _max_downtime(
    sources: Sources, ignored: list[str]
) -> tuple[int, str] | None:
    for where, name, settings in (
        ('flavor', MAX_DOWNTIME, sources.flavor),
        ('metadata', MAX_DOWNTIME, sources.metadata),
        ('image', IMAGE_MAX_DOWNTIME, sources.image),
    ):
        if settings.get(name) is not None:
            # What wins and makes no sense gives way to the default, not to
            # the next.
            return _number(
                where, name, settings[name], LOWEST_MAX_DOWNTIME, ignored
            )
    return None


def _timeout(sources: Sources, ignored: list[str]) -> tuple[int, str] | None:
    found = (
        _number(where, name, settings[name], 0, ignored)
        for where, name, settings in (
            ('metadata', TIMEOUT, sources.metadata),
            ('flavor', TIMEOUT, sources.flavor),
            ('image', IMAGE_TIMEOUT, sources.image),
        )
        if settings.get(name) is not None
    )
    # 0 is "no time-out", the longest of all.
    return min(
        (each for each in found if each),
        key=lambda each: each[0] or float('inf'),
        default=None,
    )


def _number(
    where: str,
    name: str,
    value: str | int,
    least: int,
    ignored: list[str],
) -> tuple[int, str] | None:
    try:
        number = int(value)
    except ValueError:
        wrong = f'{value!r}, which is not a whole number'
    else:
        if number >= least:
            return number, where
        wrong = f'{number}, which is less than {least}'
    ignored.append(f'{name} of the {where} is {wrong}')
    return None
