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
"""What happens in a watch, for programs: a line of JSON each."""

import contextlib
import json
import time

from migration_tempest_plugin.watch import session


class Events:
    """Writes each event as it comes; doc/source/records.rst has them.

    :param stream: where to
    """

    def __init__(self, stream):
        self._stream = stream
        self._down = {}  # (target, what): since when
        self._lost = set()

    def begin(self, targets):
        """All targets have answered."""
        self._write('begin', time.monotonic(), targets=targets)

    def mark(self, mark):
        """Somebody said what is done."""
        self._write('mark', mark.moment, text=mark.text)

    def server(self, news):
        """Something is new of a server, or of the API that says so."""
        self._write('server', news.moment, **news.details)

    def update(self, states, ended):
        """Take in what a look at the Session gave."""
        for state in states:
            self._write_down(state)
        for state, outage in ended:
            self._write(
                'outage',
                outage.start,
                **_of(state),
                end=_epoch(outage.end),
                estimate=float(outage.duration),
                lower=outage.duration.lower,
                upper=outage.duration.upper,
                **_why(outage),
            )
        for state in states:
            if state.lost and (state.target, state.what) not in self._lost:
                self._lost.add((state.target, state.what))
                self._write(
                    'lost', time.monotonic(), **_of(state), why=state.lost
                )

    def end(self, record, complaints):
        """It is over, and was recorded."""
        self._write(
            'end',
            time.monotonic(),
            record=str(record),
            complaints=complaints,
        )

    def _write_down(self, state):
        """Once, when an outage begins."""
        key = state.target, state.what
        since = state.down_since
        if since is not None and self._down.get(key) != since:
            self._write('down', since, **_of(state), **_why(state))
        self._down[key] = since

    def _write(self, event, moment, **more):
        line = {'event': event, 'at': _epoch(moment), **more}
        # Who reads them may have ended: no reason to lose what is measured.
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(json.dumps(line) + '\n')
            self._stream.flush()


def _of(state):
    return {'target': state.target, 'what': state.what}


def _why(down):
    """Of a State, or an Outage, where that is known."""
    return {'why': down.why} if down.why else {}


def _epoch(moment):
    """A moment in seconds since 1970, to the microsecond."""
    return round(session.epoch(moment), 6)
