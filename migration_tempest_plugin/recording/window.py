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
"""Which part of a file of samples is looked at."""

import collections.abc
import dataclasses
import datetime
import re
import typing

_OF_THE_DAY = re.compile(r'(\d{1,2}):(\d\d)(?::(\d\d(?:\.\d{1,6})?))?')
_AFTER = re.compile(r'\+(\d+(?:\.\d+)?)')

#: What moment() takes, for people.
FORMS = (
    '"10:00:01.5", "2026-11-28 10:00", or "+90" (seconds after its beginning)'
)


@dataclasses.dataclass(frozen=True)
class Moment:
    """A moment that somebody has named.

    :ivar text: how it was named
    """

    text: str
    _at: collections.abc.Callable[[float], float]

    def at(self, began: float) -> float:
        """In seconds since the epoch.

        :param began: when the file begins, likewise: a time without a day is
            of its day, or of the next one if that was before its beginning
        """
        return self._at(began)


def moment(text: str) -> Moment:
    """The Moment of a text; a time of day is the local one.

    :raises ValueError: if it is none
    """
    if found := _AFTER.fullmatch(text):
        seconds = float(found[1])
        return Moment(text, lambda began: began + seconds)
    if found := _OF_THE_DAY.fullmatch(text):
        time = datetime.time.fromisoformat(f'{int(found[1]):02}:{found[2]}:00')
        later = float(found[3] or 0)
        if later >= 60:
            raise ValueError(text)
        return Moment(text, lambda began: _of_the_day(time, began, later))
    seconds = datetime.datetime.fromisoformat(text).timestamp()
    return Moment(text, lambda began: seconds)


def _of_the_day(time: datetime.time, began: float, later: float) -> float:
    day = datetime.datetime.fromtimestamp(began).date()
    first, second = (
        datetime.datetime.combine(each, time).timestamp() + later
        for each in (day, day + datetime.timedelta(days=1))
    )
    # To the second is how people name it.
    return first if first > began - 1 else second


class Window(typing.NamedTuple):
    """From when until when; None where the file begins, and ends."""

    begin: Moment | None = None
    end: Moment | None = None

    def __str__(self) -> str:
        return ' '.join(
            f'{word} {each.text}'
            for word, each in (('from', self.begin), ('to', self.end))
            if each
        )


#: All of a file.
WHOLE = Window()
