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

from migration_tempest_plugin.measurement import distribution

#: What is told of each, besides what its meters measured.
_GUEST, _QUEUED = 'guest stopped', 'queued'


def table(migrations):
    """A line for each migration, the worst first, and one for each quantity.

    The worst is the one with the longest network downtime; one without a
    measurement is worse than all that have one.

    :param migrations: MeasuredMigration.to_dict() of each
    """
    rows = [(each, _seconds(each)) for each in migrations]
    rows.sort(key=lambda row: row[1].get('network', float('inf')),
              reverse=True)
    return '\n'.join([*(_row(*row) for row in rows),
                      *spread(migrations)])


def spread(migrations):
    """A line for each quantity, of the migrations in which it was measured.

    :param migrations: MeasuredMigration.to_dict() of each
    """
    all_seconds = [_seconds(each) for each in migrations]
    for what in _quantities(all_seconds):
        found = [seconds[what] for seconds in all_seconds if what in seconds]
        missing = len(all_seconds) - len(found)
        yield '%-15s  %s s, of %d%s' % (
            what, distribution.Distribution.of(found), len(found),
            '; %d without a measurement' % missing if missing else '')


def _row(migration, seconds):
    return '%s  %s -> %s  %s' % (
        migration['server'], migration['source'],
        migration['destination'] or 'nowhere', ', '.join(
            '%s %.3f s' % pair for pair in seconds.items())
        or 'NO MEASUREMENT')


def _quantities(all_seconds):
    """Each name once, in the order in which it comes."""
    return dict.fromkeys(what for seconds in all_seconds for what in seconds)


def _seconds(migration):
    """What one migration cost, as estimates, by name."""
    found = {each['what']: each['total']['estimate']
             for each in migration['measurements']
             if 'no_measurement' not in each}
    clock = migration.get('guest_clock')
    if clock:
        found[_GUEST] = clock['stopped']['estimate']
    queued = (migration.get('progress') or {}).get('queued')
    if queued:
        found[_QUEUED] = queued['estimate']
    return found
