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
"""Migrations that are followed, in a file of samples: as they go on, and back.

A line has all that is known of one but the looks at it, and stands there anew
when that has changed; each look has a line of its own.
"""

import collections.abc
import dataclasses

from migration_tempest_plugin.measurement import Followed
from migration_tempest_plugin.measurement import Look
from migration_tempest_plugin.measurement import Progress
from migration_tempest_plugin.recording import lines


@dataclasses.dataclass
class _Written:
    """What of a migration is in the file.

    :ivar bare: the Followed without its looks, or None
    :ivar looks: how many of these
    """

    number: int
    bare: Followed | None = None
    looks: int = 0


class Told:
    """What is new of migrations, each time that they are looked at."""

    def __init__(self) -> None:
        self._written: dict[tuple[str, int], _Written] = {}

    def new(
        self, target: str, followed: collections.abc.Iterable[Followed]
    ) -> collections.abc.Iterator[lines.Migration | lines.Looked]:
        """The lines of what was not yet in such lines.

        :param target: what is measured of the server
        :param followed: all its migrations up to now, in turn
        """
        for place, each in enumerate(followed):
            written = self._written.setdefault(
                (target, place), _Written(len(self._written))
            )
            bare = dataclasses.replace(
                each, progress=Progress(each.progress.requested)
            )
            if bare != written.bare:
                written.bare = bare
                yield lines.Migration(written.number, target, bare)
            for look in each.progress.looks[written.looks :]:
                yield lines.Looked(written.number, look)
            written.looks = len(each.progress.looks)


class Read:
    """What such lines have told, up to where they were cut."""

    def __init__(self) -> None:
        self._bare: dict[int, lines.Migration] = {}
        self._looks: dict[int, list[Look]] = {}

    def take(self, line: lines.Migration | lines.Looked) -> None:
        """Take in a line."""
        match line:
            case lines.Migration(number):
                self._bare[number] = line
                self._looks.setdefault(number, [])
            case lines.Looked(number, look):
                self._looks[number].append(look)

    def of_targets(
        self, begin: float, end: float
    ) -> dict[str, list[Followed]]:
        """Those that went on in a part of the time, by their target."""
        found: dict[str, list[Followed]] = {}
        for number, line in self._bare.items():
            followed = dataclasses.replace(
                line.followed,
                progress=Progress(
                    line.followed.progress.requested,
                    tuple(self._looks[number]),
                ),
            )
            if followed.progress.looks and _overlaps(followed, begin, end):
                found.setdefault(line.target, []).append(followed)
        return found


def _overlaps(followed: Followed, begin: float, end: float) -> bool:
    return followed.progress.requested <= end and (
        followed.ended is None or followed.ended[1] >= begin
    )
