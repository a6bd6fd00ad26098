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
"""Where the time of a run of tests went, from what it has left: pure.

From python-subunit's CSV of the tests, and from Tempest's log: the lines in
which Tempest itself says for how long it waited for a server or for SSH, and
each line that ends with "WHAT after SECONDS s".
"""

import collections
import csv
import dataclasses
import datetime
import io
import itertools
import re

#: Seconds that an SSH connection may take before it counts as a wait.
SSH_AT_ONCE = 1.0

_LINE = re.compile(
    r'(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) (\d+) [A-Z]+ \S+ '
    r'\[[^]]*\] (.*)'
)
_AFTER = re.compile(
    r'(?:.*: )?(.+?),? after (?:waiting for )?'
    r'(\d+(?:\.\d+)?) s(?:econds)?\.?'
)
# of Tempest's waiters: what is waited for is alike, whichever it is
_ID = re.compile(r' [0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b')
# tempest.common.waiters; the seconds are whole ones since the wait began
_STATE = re.compile(
    r'State transition "(\w+)/.*" ==> "(\w+)/.*" after (\d+) '
    r'second wait'
)
# tempest.lib.common.ssh
_CONNECTING = re.compile(r"Creating ssh connection to '(.*):\d+' as '(.*)' ")
_CONNECTED = re.compile(r'ssh connection to (.*)@(.*) successfully created')


@dataclasses.dataclass(frozen=True)
class Span:
    """Something that went on, in seconds of one clock.

    :ivar ends: whether it was over; of a wait, each step is a span
    """

    what: str
    begin: float
    end: float
    ends: bool = True

    @property
    def seconds(self):
        return self.end - self.begin


def together(spans):
    """Seconds in which at least one of them went on."""
    total, until = 0.0, float('-inf')
    for span in sorted(spans, key=lambda span: span.begin):
        total += max(0.0, span.end - max(span.begin, until))
        until = max(until, span.end)
    return total


def tests(text):
    """The Spans of the tests in what subunit2csv prints.

    What never began or never ended is left out: a class that could not be
    set up, say.
    """
    return [
        Span(
            _short(row['test']),
            _seconds(row['start_time']),
            _seconds(row['stop_time']),
        )
        for row in csv.DictReader(io.StringIO(text))
        if row['start_time'] and row['stop_time']
    ]


def waits(lines):
    """The Spans of what was waited for, in lines of Tempest's log."""
    connecting = collections.defaultdict(list)
    for match in filter(None, map(_LINE.fullmatch, map(str.rstrip, lines))):
        moment, process, message = _seconds(match[1]), match[2], match[3]
        if state := _STATE.fullmatch(message):
            before, after, seconds = state.groups()
            yield Span(
                'a server built'
                if before == 'BUILD'
                else 'a server in another state',
                moment - float(seconds),
                moment,
                before != after,
            )
        elif began := _CONNECTING.match(message):
            connecting[process, began[2], began[1]].append(moment)
        elif ended := _CONNECTED.fullmatch(message):
            begins = connecting[process, ended[1], ended[2]]
            if begins and moment - begins[-1] > SSH_AT_ONCE:
                yield Span('SSH of a guest answered', begins[-1], moment)
            del begins[-1:]
        elif ended := _AFTER.fullmatch(message):
            what = _ID.sub('', ended[1])
            yield Span(what, moment - float(ended[2]), moment)


def summary(runs, waited, slowest=10):
    """What took how long, as text.

    :param runs: the Spans of the tests of each run
    :param waited: Spans of waits
    :param slowest: how many tests are listed
    """
    tested = list(itertools.chain(*runs))
    running = together(tested)
    whole = sum(
        max(test.end for test in run) - min(test.begin for test in run)
        for run in runs
        if run
    )
    lines = [
        _line(running, f'in tests ({len(tested)})'),
        _line(
            whole - running,
            'between them: what their classes set up and tear down',
        ),
        'waited for, where what went on at a time counts once:',
    ]
    kinds = collections.defaultdict(list)
    for span in waited:
        kinds[span.what].append(span)
    lines += [
        _line(seconds, f'{what} ({count})')
        for seconds, what, count in sorted(
            (
                (together(spans), what, sum(span.ends for span in spans))
                for what, spans in kinds.items()
            ),
            reverse=True,
        )
    ]
    lines += ['the slowest tests:']
    lines += [
        _line(test.seconds, test.what)
        for test in sorted(tested, key=lambda test: -test.seconds)[:slowest]
    ]
    return '\n'.join(lines)


def _line(seconds, what):
    return f'{seconds:7.1f} s  {what}'


def _short(test):
    """Class and method of a test's name, without Tempest's tags."""
    return '.'.join(test.partition('[')[0].split('.')[-2:])


def _seconds(stamp):
    return datetime.datetime.fromisoformat(stamp).timestamp()
