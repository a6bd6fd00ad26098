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
import time

from rich import console
from rich import live
from rich import table
from rich import text

from migration_tempest_plugin.watch import session

#: Seconds between two lines of progress where there is no terminal.
PATIENCE = 30.0

_NAMES = {'network': 'ping', 'tcp': 'TCP'}


class Display:
    """A table that is kept up to date, under lines of what happened.

    Where there is no terminal, the lines alone, and now and then one that
    says how it goes.

    :param stream: where to show it
    """

    def __init__(self, stream):
        self._console = console.Console(file=stream, highlight=False)
        self._live = None
        self._began = time.monotonic()
        self._said = self._began
        self._lost = set()

    @contextlib.contextmanager
    def shown(self):
        """Show the table meanwhile."""
        if not self._console.is_terminal:
            yield
            return
        self._live = live.Live(console=self._console, auto_refresh=False,
                               transient=True)
        with _nobody_need_see_it():
            self._live.start()
        try:
            yield
        finally:
            with _nobody_need_see_it():
                self._live.stop()
            self._live = None

    def say(self, line):
        """A line that stays; it may be a COMMAND's, with its colours."""
        with _nobody_need_see_it():
            self._console.print(text.Text.from_ansi(line), soft_wrap=True)

    def update(self, states, ended, doing):
        """Take in what a look of the Session gave.

        :param doing: what goes on, for people
        """
        for state, outage in ended:
            self._say_of(state, outage.start,
                         'was away for %s' % outage.duration)
        for state in states:
            # Once, when it happens: nothing more will be seen of it.
            if state.lost and (state.target, state.what) not in self._lost:
                self._lost.add((state.target, state.what))
                self._say_of(state, time.monotonic(), _now(state))
        if self._live:
            with _nobody_need_see_it():
                self._live.update(self._table(states, doing), refresh=True)
        elif time.monotonic() - self._said > PATIENCE:
            self._said = time.monotonic()
            self.say('%s  %s, for %.0f s: %s' % (
                session.wall(self._said), doing, self._said - self._began,
                '; '.join('%s %s %s' % (
                    state.target, _NAMES[state.what], _now(state))
                    for state in states)))

    def _say_of(self, state, moment, what):
        self.say('%s  %s %s: %s' % (session.wall(moment), state.target,
                                    _NAMES[state.what], what))

    def _table(self, states, doing):
        shown = table.Table(title='%s, for %.0f s (Ctrl-C ends it)' % (
            doing, time.monotonic() - self._began), title_justify='left')
        for column in ('target', 'by', 'now', 'outages', 'longest', 'in sum'):
            shown.add_column(column)
        for state in states:
            shown.add_row(*map(text.Text, (
                state.target, _NAMES[state.what], _now(state),
                str(len(state.outages)), state.longest.brief() + ' s',
                state.total.brief() + ' s')))
        return shown


def _nobody_need_see_it():
    """A terminal that was closed is no reason to lose what is measured."""
    return contextlib.suppress(OSError, ValueError)


def _now(state):
    if state.lost:
        return 'LOST: ' + state.lost
    if state.down_since is not None:
        return 'DOWN for %.1f s' % (time.monotonic() - state.down_since)
    return 'up'
