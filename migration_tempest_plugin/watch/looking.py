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
"""Looks at what is watched until it is over, and shows what happens."""

import dataclasses
import time

from migration_tempest_plugin.measurement import cut_off
from migration_tempest_plugin.watch import program
from migration_tempest_plugin.watch import session

#: Seconds between two looks, at the least and at the most.
LOOK, SELDOM = 0.25, 2.0

#: The part of the time that looks take, at the most: those at a thousand
#: targets take long.
LOOKING = 0.05


@dataclasses.dataclass(frozen=True)
class Patience:
    """How long a watch goes on when its COMMAND has ended, in seconds.

    :ivar settle: in any case
    :ivar recovery: at most, for what is down then
    """

    settle: float
    recovery: float


@dataclasses.dataclass(frozen=True)
class Measured:
    """What came of it.

    :ivar migrations: a MeasuredMigration of each target
    :ivar cut_off: when this machine itself was cut off, for people; or ''
    """

    migrations: list
    cut_off: str


class Looking:
    """Looks at what is watched, again and again, and shows what happens.

    :param watched: the Session
    :param followed: the Servers
    :param marked: the Marks
    :param shown: the Display
    :param over: whether it is to end: an Over
    :param events: the Events that get it, too, or None
    :param offered: the Exporter that does, or None
    """

    def __init__(
        self, watched, followed, marked, shown, over, events, offered
    ):
        self._watched = watched
        self._followed = followed
        self._marked = marked
        self._shown = shown
        self._over = over
        self._events = events
        self._others = [each for each in (events, offered) if each]
        self._pause = LOOK
        self._tell_servers()
        if hidden := followed.hidden():
            shown.say(hidden)

    def watch(self, command, patience):
        """Watch until COMMAND has ended, or until it is asked to end.

        :param command: its words, if there is one
        :param patience: the Patience
        :returns: the moment from which times count, and the exit status of
            COMMAND (0 if there is none)
        """
        began = time.monotonic()
        if not command:
            self._until(lambda: False, 'watching')
            return began, 0
        status = self._run(command, began)
        self._settle(patience)
        return began, status

    def _run(self, command, began):
        running = program.Program(command, self._shown.say)
        runs = running.name + ' runs'
        self._marked.add(runs, began)
        try:
            self._until(lambda: running.status is not None, runs)
        finally:
            running.end()
        self._marked.add(
            f'{running.name} ended with {running.status}', time.monotonic()
        )
        return running.status

    def _settle(self, patience):
        """What COMMAND began may go on, or may not be back yet."""
        self._await_migrations(patience)
        # What is down is known when a probe's deadline is over.
        deadline = self._watched.plan.longest_deadline
        settled = time.monotonic() + max(
            patience.settle, deadline + 2 * self._pause
        )
        self._until(lambda: time.monotonic() > settled, 'COMMAND has ended')
        give_up = time.monotonic() + patience.recovery
        if self._watched.is_down():
            self._until(
                lambda: (
                    time.monotonic() > give_up or not self._watched.is_down()
                ),
                'waiting for what is down',
            )

    def _await_migrations(self, patience):
        """Wait until nothing is done to the servers any more.

        An API that does not answer is waited for as what is down is.
        """
        ended = time.monotonic()
        if not self._followed.addresses:
            return
        self._until(
            lambda: (
                self._followed.is_at_rest(ended)
                or self._followed.unknown_for() > patience.recovery
            ),
            'COMMAND has ended, waiting for its migrations',
        )

    def _until(self, is_over, doing):
        """Look until something is so, or until it is asked to end.

        :param doing: what goes on, for people
        """
        while True:
            began = time.monotonic()
            self._look(doing)
            if self._over.is_set() or is_over():
                return
            took = time.monotonic() - began
            self._pause = min(max(LOOK, took / LOOKING), SELDOM)
            self._over.wait(self._pause)

    def _look(self, doing):
        self._take_marks()
        for outage in self._watched.cut_off():
            self._shown.say(
                f'{session.wall(outage.start)}  this machine itself was '
                f'cut off for {outage.duration}: '
                f'{self._watched.control.address} did not answer'
            )
        self._take_servers()
        states, ended = self._watched.look()
        self._shown.update(states, ended, doing, self._followed.now())
        for each in self._others:
            each.update(states, ended)

    def _take_marks(self):
        """Show what was said since then."""
        for mark in self._marked.look():
            self._shown.say(f'{session.wall(mark.moment)}  {mark.text}')

    def _take_servers(self):
        """Show what is new of servers, and mark it."""
        for news in self._tell_servers():
            self._marked.add(news.text, news.moment)

    def _tell_servers(self):
        news = self._followed.look()
        for each in news:
            self._shown.say(f'{session.wall(each.moment)}  {each.text}')
            if self._events:
                self._events.server(each)
        return news

    def measured(self, began, limits):
        """What was Measured since a moment."""
        self._followed.end()
        self._take_servers()
        self._take_marks()
        gaps = self._watched.gaps()
        measured = self._watched.measured(
            began, self._marked.all, limits, gaps
        )
        return Measured(
            [self._followed.join(each) for each in measured],
            cut_off.text(gaps, session.wall),
        )
