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
"""How a server is to be live migrated, and where that is said."""

import collections.abc
import dataclasses
import typing

#: The origin of what the server leaves to its host.
HOST = 'nova.conf'


@dataclasses.dataclass(frozen=True)
class Setting:
    """One of StarlingX's settings, as it holds for one live migration.

    :ivar name: 'auto_converge', 'tunnel', 'max_downtime' or 'timeout'
    :ivar value: whether the first two are on; of max_downtime the ms; of
        timeout the seconds of the whole migration, 0 for none; None if it is
        not known, since nova.conf of the source host has it
    :ivar origin: where it is from: 'flavor', 'metadata' or 'image' of the
        server, or HOST
    """

    name: str
    value: bool | int | None
    origin: str

    def text(self) -> str:
        """A value that is known, and where it is from."""
        return f'{self._value_in_words()} ({self.origin})'

    def _value_in_words(self) -> str:
        # As starlingx.settings says it, which must not be imported here.
        if self.name == 'max_downtime':
            return f'maximum downtime {self.value} ms'
        if self.name == 'timeout':
            return 'time-out ' + (f'{self.value} s' if self.value else 'none')
        what = {'auto_converge': 'auto-converge', 'tunnel': 'tunnelling'}
        return f'{what[self.name]} {"on" if self.value else "off"}'

    def to_dict(self) -> dict[str, object]:
        """Ready for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(
        cls, document: collections.abc.Mapping[str, typing.Any]
    ) -> 'Setting':
        """What to_dict() made."""
        return cls(document['name'], document['value'], document['origin'])


def in_words(settings: collections.abc.Iterable[Setting]) -> str:
    """All that hold for a migration, in one line; '' if there are none."""
    settings = tuple(settings)
    known = [each.text() for each in settings if each.value is not None]
    rest = (
        (f'{"the rest" if known else "all"} as nova.conf has it',)
        if len(known) < len(settings)
        else ()
    )
    return ', '.join([*known, *rest])
