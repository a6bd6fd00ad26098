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
"""Measures the metadata service, and knows what it sees as it comes."""

import collections
import collections.abc
import contextlib
import threading
import time
import typing

from oslo_log import log
import paramiko

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.guest import shell
from migration_tempest_plugin.guest import stream
from migration_tempest_plugin import measurement
from migration_tempest_plugin.meters import metadata
from migration_tempest_plugin.meters import metadata_log
from migration_tempest_plugin.meters import reading

LOG = log.getLogger(__name__)

#: Seconds of attempts before what is looked at: they show when each was due.
WITNESSED = 20.0

#: So many of the latest lines of the log are kept here: of some minutes.
KEPT = 1500

#: Seconds after which it is tried again to follow a log that is not.
AGAIN = 5.0

#: Seconds for which it may not be followed until it counts as lost.
PATIENCE = 60.0

#: Whole seconds after which a guest ends the measuring that nobody follows.
GRACE = 3600


class FollowedMetadataMeter(metadata.MetadataDowntimeMeter):
    """A MetadataDowntimeMeter whose log is read while it is written.

    That takes one more SSH connection, and a ``tail`` in the guest. Where it
    can't be done, or breaks, it is tried again; ``recent()`` has nothing new
    meanwhile, and what is measured is the same. If it is never done again, as
    this process was killed, the guest ends the measuring after GRACE.

    :param ssh_client: as of a MetadataDowntimeMeter
    :param connect: returns a connected ``paramiko.SSHClient``, which is
        closed here
    :param settings: of a MetadataDowntimeMeter; its sink gets each line as it
        comes
    """

    def __init__(
        self,
        ssh_client: shell.Client,
        connect: collections.abc.Callable[[], paramiko.SSHClient],
        **settings: typing.Any,
    ) -> None:
        super().__init__(ssh_client, **settings)
        self._connect = connect
        self._followed: stream.ScriptStream | None = None
        # Why it is not followed, and since when; or None.
        self._unfollowed: tuple[str, float] | None = None
        self._seen_lines = 0
        # The header, and what was chosen; then what comes after these.
        self._head: list[str] = []
        self._lines: collections.deque[str] = collections.deque(maxlen=KEPT)
        self._over = threading.Event()
        self._stack = contextlib.ExitStack()
        self._thread = threading.Thread(target=self._follow_on, daemon=True)

    def _setUp(self) -> None:
        # After the end of the script: the guest has nothing to end then.
        self.addCleanup(self._end_following)
        super()._setUp()
        self._follow()
        self._thread.start()

    def _end_following(self) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        self._stack.close()

    def _follow_on(self) -> None:
        """Follow it again where it is not any more; runs in a thread."""
        while not self._over.wait(AGAIN):
            if self._followed and self._followed.ended:
                self._not_followed(self._followed.ended)
                self._stack.close()
            if self._unfollowed:
                self._follow()

    def _follow(self) -> None:
        followed = stream.ScriptStream(
            self._connect,
            'metadata_follow',
            [self._script.directory, self._seen_lines + 1, GRACE],
            self._take,
        )
        try:
            reading.set_up(self._stack, followed)
        except exceptions.GuestError as error:
            self._not_followed(str(error))
            return
        self._followed, self._unfollowed = followed, None

    def _not_followed(self, why: str) -> None:
        self._followed = None
        if self._unfollowed is None:
            LOG.warning('What metadata does is not known any more: %s', why)
            self._unfollowed = why, time.monotonic()

    def _take(self, line: str) -> None:
        self._give(self._seen_lines, [line])
        self._seen_lines += 1
        if self._head and not line.startswith('deadline '):
            self._lines.append(line)
        else:
            self._head.append(line)

    def recent(self, since: float) -> measurement.Timeline | None:
        """The Timeline of the attempts since a moment of the guest's clock.

        As far as it is known what became of them: nothing is waited for.

        :returns: None as long as no answer of them is known
        :raises NoMeasurement: if it has not been followed for PATIENCE
        """
        if self._unfollowed:
            why, when = self._unfollowed
            if time.monotonic() - when > PATIENCE:
                raise exceptions.NoMeasurement(
                    'what is seen of metadata is known at the end alone: '
                    + why
                )
            return None
        try:
            return of_log(
                [*self._head, *self._latest(since - WITNESSED)],
                self.url,
                self.interval,
                self.deadline,
            ).since(since)
        except exceptions.NoMeasurement:
            return None

    def _latest(self, ended: float) -> list[str]:
        """The lines of what ended at a moment or later, and the next ones."""
        latest: list[str] = []
        for line in reversed(self._lines.copy()):
            match line.split():
                case [_, _, end, *_] if _is_before(end, ended):
                    break
            latest.append(line)
        return latest[::-1]


def _is_before(end: str, moment: float) -> bool:
    try:
        return float(end) < moment
    except ValueError:
        return False  # it is no attempt


def of_log(
    lines: collections.abc.Sequence[str],
    target: str,
    interval: float,
    deadline: float,
) -> measurement.Timeline:
    """The Timeline of what a guest's log has, in the guest's clock.

    :param lines: of the log, from its first one on
    :param interval: seconds from attempt to attempt, as asked for
    :param deadline: seconds in which an attempt of the baseline had to be
        answered
    :raises NoMeasurement: if no attempt was answered
    """
    said = shell.named(lines[0]) if lines else {}
    found = metadata_log.parse('\n'.join(lines), '', 0.0)
    reached = metadata.reached_interval(said, interval)
    samples = found.samples(reached, deadline)
    return measurement.Timeline(
        'metadata',
        target,
        tuple(samples),
        reached,
        max((sample.end for sample in samples), default=0.0),
        method=metadata.method(said, found.chosen),
        clock='guest',
        deadline=found.chosen.deadline if found.chosen else deadline,
    )
