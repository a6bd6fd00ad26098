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
"""Several migrations side by side, as text: worst first, and their spread."""

import collections.abc

from migration_tempest_plugin import measurement
from migration_tempest_plugin.measurement import distribution
from migration_tempest_plugin.report import digest
from migration_tempest_plugin.report import documents


def table(migrations: collections.abc.Sequence[documents.Migration]) -> str:
    """A line for each migration, the worst first, and one for each quantity.

    :param migrations: MeasuredMigration.to_dict() of each
    """
    return '\n'.join(
        [
            *map(_row, sorted(migrations, key=digest.badness, reverse=True)),
            *spread(migrations),
        ]
    )


def spread(
    migrations: collections.abc.Iterable[documents.Migration],
) -> collections.abc.Iterator[str]:
    """A line for each quantity, of the migrations in which it was measured.

    :param migrations: MeasuredMigration.to_dict() of each
    """
    migrations = list(migrations)
    costs = [_durations(each) for each in migrations]
    # each name once, in the order in which it comes
    for what in dict.fromkeys(what for cost in costs for what in cost):
        found = [cost[what] for cost in costs if what in cost]
        missing = sum(
            what not in cost and _is_incomplete(each)
            for each, cost in zip(migrations, costs)
        )
        without = f'; {missing} without a measurement' if missing else ''
        yield (
            f'{what:<15}  {distribution.Distribution.of(found)} s, '
            f'of {len(found)}{without}'
        )


def _is_incomplete(migration: documents.Migration) -> bool:
    """Whether what is not there of it was to be measured.

    Targets of a watch are measured in different ways.
    """
    return migration.get('kind') != 'watch' or bool(digest.missing(migration))


def _row(migration: documents.Migration) -> str:
    costs = ', '.join(
        f'{name} {duration.brief()} s'
        for name, duration in _durations(migration).items()
    )
    return (
        f'{migration["server"]}  {digest.way(migration)}  '
        f'{costs or "NO MEASUREMENT"}'
    )


def _durations(
    migration: documents.Migration,
) -> dict[str, measurement.Duration]:
    """What one migration cost, as Durations, by name."""
    return {
        name: digest.as_duration(duration)
        for name, duration in digest.durations(migration).items()
    }
