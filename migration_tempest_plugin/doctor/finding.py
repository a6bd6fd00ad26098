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
"""What was looked at, and what came of it."""

import dataclasses
import enum

#: Characters of an error's words; those of a lost connection take 300.
_LONG = 600


class Outcome(enum.Enum):
    """Its value is what people see."""

    GOOD = 'ok'
    BAD = 'BAD'
    #: Nothing fails by that alone, but something may.
    DIFFERS = 'differs'
    #: It could be asked for, and is not.
    UNUSED = 'not used'


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    :ivar what: in a few words
    :ivar said: what was seen
    :ivar advice: what to do if it is bad, or to use it; what it may break
    """

    what: str
    outcome: Outcome
    said: str = ''
    advice: str = ''

    def __str__(self):
        text = f'{self.outcome.value:<8}  {self.what}'
        if self.said:
            text += ': ' + self.said
        if self.advice and self.outcome is not Outcome.GOOD:
            text += '\n          -> ' + self.advice
        return text


def good(what, said=''):
    return Finding(what, Outcome.GOOD, said)


def bad(what, said, advice):
    return Finding(what, Outcome.BAD, said, advice)


def differs(what, said, advice):
    return Finding(what, Outcome.DIFFERS, said, advice)


def unused(what, advice):
    return Finding(what, Outcome.UNUSED, '', advice)


def reason(error):
    """An error in a line: its kind, and its words unless they are endless."""
    words = ' '.join(str(error).split())
    if len(words) > _LONG:
        words = words[:_LONG].rstrip() + ' ...'
    return f'{type(error).__name__}: {words}'
