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
"""What can go wrong, each with a name of its own."""

import collections.abc
import json
import shlex
import typing

if typing.TYPE_CHECKING:  # it imports this module
    from migration_tempest_plugin.measurement.timeline import Timeline


class MigrationTestError(Exception):
    """Base of the errors of this plugin."""


class GuestError(MigrationTestError):
    """Something could not be done in the guest; the message says what."""


class NoMeasurement(MigrationTestError):
    """Too little was seen to say how long something was down.

    Never to be taken for "it was not down".

    :ivar reason: what is missing
    :ivar seen: what there is nevertheless, as text, or None
    :ivar timeline: the Timeline up to where it is known, or None
    """

    def __init__(
        self,
        reason: str,
        seen: str | None = None,
        timeline: 'Timeline | None' = None,
    ) -> None:
        super().__init__(reason, seen, timeline)
        self.reason = reason
        self.seen = seen
        self.timeline = timeline

    def __str__(self) -> str:
        if self.seen is None:
            return f'No measurement: {self.reason}'
        return f'No measurement: {self.reason}. Seen: {self.seen}'


class CheckFailed(MigrationTestError):
    """A guest is not what it was: the message says which, and in what.

    :ivar check: the name of the check
    """

    def __init__(self, check: str, what: str) -> None:
        super().__init__(check, what)
        self.check = check
        self.what = what

    def __str__(self) -> str:
        return f'{self.check}: {self.what}'


class MigrationFailed(MigrationTestError):
    """A live migration did not come to its end, or to a bad one.

    :ivar record: the migration record of Nova's API, or None
    :ivar events: the events of the instance action
    """

    def __init__(
        self,
        reason: str,
        record: dict[str, object] | None,
        events: collections.abc.Sequence[dict[str, object]],
    ) -> None:
        super().__init__(reason, record, events)
        self.reason = reason
        self.record = record
        self.events = events

    def __str__(self) -> str:
        return (
            f'{self.reason}. Migration record: {json.dumps(self.record)}. '
            f'Events: {json.dumps(self.events)}'
        )


class CloudError(MigrationTestError):
    """An API of the cloud did not do what it was asked for."""


class HostError(MigrationTestError):
    """Something could not be done on a compute host.

    :ivar host: its name
    :ivar words: the command, a word each
    :ivar what: what came of it
    """

    def __init__(
        self, host: str, words: collections.abc.Sequence[object], what: str
    ) -> None:
        super().__init__(host, words, what)
        self.host = host
        self.words = words
        self.what = what

    def __str__(self) -> str:
        command = shlex.join(str(word) for word in self.words)
        return f'{self.host}: {command}: {self.what}'


class ConfigurationError(MigrationTestError):
    """A configuration file can't be read, or not be written as wanted."""


class DatabaseError(MigrationTestError):
    """A database can't be asked; the message says which, never how."""


class RecordError(MigrationTestError):
    """What was recorded can't be read; the message says why."""


class SettingNotInForce(MigrationTestError):
    """What was set is not what holds: the message says what does."""
