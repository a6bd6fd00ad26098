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
"""What Nova's API says of a migration, made a Look."""

import collections.abc
import time
import typing

from migration_tempest_plugin.measurement import Look

#: What the API says of one thing, by the API's names.
Record = dict[str, typing.Any]


def look(
    asked: float,
    record: Record | None,
    shown: collections.abc.Iterable[Record],
    events: collections.abc.Collection[Record],
) -> Look:
    """The Look of what Nova has answered by now.

    :param asked: when it was asked, in seconds
    :param record: the migration record, or None
    :param shown: the server's migrations that go on, with their memory
    :param events: those of the instance action
    """
    return Look(
        asked,
        time.monotonic(),
        record['status'] if record else None,
        **(_memory(record['id'], shown) if record else {}),
        begun=frozenset(event['event'] for event in events),
        ended=frozenset(
            event['event'] for event in events if event.get('finish_time')
        ),
    )


def _memory(
    migration: int, shown: collections.abc.Iterable[Record]
) -> dict[str, int | None]:
    """What of the memory is copied, where that is shown."""
    return next(
        (
            {
                name: each.get(name + '_bytes')
                for name in (
                    'memory_total',
                    'memory_processed',
                    'memory_remaining',
                )
            }
            for each in shown
            # a guest without memory is one of which Nova knows nothing yet
            if each['id'] == migration and each.get('memory_total_bytes')
        ),
        {},
    )
