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
"""What a watch shows while it goes on."""

import contextlib
import re
import time

from migration_tempest_plugin.watch import session

#: Seconds between two lines of progress where there is no terminal.
PATIENCE = 30.0

_NAMES = {
    'network': 'ping',
    'tcp': 'TCP',
    'metadata': 'metadata',
    'connect': 'connect',
    'http': 'HTTP',
    'kept': 'kept',
    'dns': 'DNS',
}
_COLUMNS = ('target', 'by', 'now', 'outages', 'longest', 'in sum')
_COLOURS = re.compile('\x1b\\[[0-9;]*m')


class Display:
    """A table that is kept up to date, under lines of what happened.

    Where there is no terminal, or nothing to draw a table with, the lines
    alone, and now and then one that says how it goes.

    :param stream: where to show it
    """

    def __init__(self, stream):
        self._stream = stream
        self._table = None
        if stream.isatty():
            self._table = _table(stream)
            if self._table is None:
                self.say(
                    'for a table here that is kept up to date: '
                    'pip install rich'
                )
        self._began = time.monotonic()
        self._said = self._began
        self._lost = set()
        self._why = {}  # (target, what): why it was down at the last look

    @contextlib.contextmanager
    def shown(self):
        """Show the table meanwhile."""
        if self._table is None:
            yield
            return
        with _nobody_need_see_it():
            self._table.start()
        try:
            yield
        finally:
            with _nobody_need_see_it():
                self._table.stop()

    def say(self, line):
        """A line that stays; it may be a COMMAND's, with its colours."""
        with _nobody_need_see_it():
            if self._table is None:
                self._stream.write(_COLOURS.sub('', line) + '\n')
                self._stream.flush()
            else:
                self._table.say(line)

    def update(self, states, ended, doing, beside=()):
        """Take in what a look of the Session gave.

        :param doing: what goes on, for people
        :param beside: lines on what else does
        """
        for state, outage in ended:
            self._say_of(
                state,
                outage.start,
                f'was down for {outage.duration}'
                + (outage.why and ': ' + outage.why),
            )
        for state in states:
            self._say_why(state)
            # Once, when it happens: nothing more will be seen of it.
            if state.lost and (state.target, state.what) not in self._lost:
                self._lost.add((state.target, state.what))
                self._say_of(state, time.monotonic(), _now(state))
        since = time.monotonic() - self._began
        if self._table is not None:
            with _nobody_need_see_it():
                title = f'{doing}, for {since:.0f} s (Ctrl-C ends it)'
                self._table.update(
                    '\n'.join([title, *beside]), map(_row, states)
                )
        elif time.monotonic() - self._said > PATIENCE:
            self._said = time.monotonic()
            up = (
                f'{state.target} {_NAMES[state.what]} {_now(state)}'
                for state in states
            )
            said = '; '.join([*up, *beside])
            self.say(
                f'{session.wall(self._said)}  {doing}, '
                f'for {since:.0f} s: {said}'
            )

    def _say_why(self, state):
        """Why it is down, if that is new."""
        key = state.target, state.what
        if state.why and self._why.get(key) != state.why:
            self._say_of(state, state.down_since, 'is down: ' + state.why)
        self._why[key] = state.why

    def _say_of(self, state, moment, what):
        self.say(
            f'{session.wall(moment)}  '
            f'{state.target} {_NAMES[state.what]}: {what}'
        )


def _table(stream):
    try:
        from migration_tempest_plugin.watch import table
    except ImportError:
        return None
    return table.Table(stream, _COLUMNS)


def _row(state):
    return (
        state.target,
        _NAMES[state.what],
        _now(state),
        str(len(state.outages)),
        state.longest.brief() + ' s',
        state.total.brief() + ' s',
    )


def _nobody_need_see_it():
    """A terminal that was closed is no reason to lose what is measured."""
    return contextlib.suppress(OSError, ValueError)


def _now(state):
    if state.lost:
        return 'LOST: ' + state.lost
    if state.down_since is not None:
        why = state.why and ': ' + state.why
        return f'DOWN for {time.monotonic() - state.down_since:.1f} s{why}'
    return 'up'
