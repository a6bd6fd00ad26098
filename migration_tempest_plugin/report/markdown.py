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
"""What migrations cost as Markdown, for a build page or an issue."""

import collections.abc
import re

from migration_tempest_plugin.report import digest
from migration_tempest_plugin.report import documents
from migration_tempest_plugin.report import judged
from migration_tempest_plugin.report import recorded
from migration_tempest_plugin.report import round_trips
from migration_tempest_plugin.report import text

# What Markdown, or the HTML in it, would take for its own.
_SPECIAL = re.compile(r'([\\`*\[\]<>&|~]|\b_|_\b)')


def document(tests: collections.abc.Iterable[recorded.RecordedTest]) -> str:
    """A table of all migrations of tests, and what became of each limit."""
    tests = [each for each in tests if each.migrations]
    costs = [
        what
        for what in digest.COSTS
        if any(
            what in digest.durations(each)
            for test in tests
            for each in test.migrations
        )
    ]
    return '\n'.join(
        [
            _row('test', 'migration', *costs, 'verdict'),
            _row(*['---'] * (len(costs) + 3)),
            *(
                _migration(test, each, costs)
                for test in tests
                for each in test.migrations
            ),
            '',
            *_limits(tests),
            *_paragraph(_round_trips(tests)),
        ]
    )


def _migration(
    test: recorded.RecordedTest,
    migration: documents.Migration,
    costs: collections.abc.Iterable[str],
) -> str:
    found = judged.costs(migration)
    return _row(
        _code(test.place[1]),
        _plain(digest.way(migration, '→')),
        *(judged.text(found[what]) if what in found else '' for what in costs),
        digest.verdict(migration).value,
    )


def _limits(
    tests: collections.abc.Iterable[recorded.RecordedTest],
) -> collections.abc.Iterator[str]:
    for test in tests:
        for migration in test.migrations:
            way = _plain(digest.way(migration, '→'))
            of = f'- {_code(test.place[1])}, {way}'
            for each in text.limits(migration):
                yield f'{of}: {_plain(each)}'
            for reason in digest.missing(migration):
                yield f'{of}: no measurement: {_plain(reason)}'


def _round_trips(
    tests: collections.abc.Iterable[recorded.RecordedTest],
) -> collections.abc.Iterator[str]:
    for test in tests:
        for migration in test.migrations:
            way = _plain(digest.way(migration, '→'))
            by_mark = migration.get('kind') == 'watch'
            for each in migration['measurements']:
                if 'no_measurement' not in each and (
                    told := round_trips.line(each, by_mark)
                ):
                    yield (
                        f'- {_code(test.place[1])}, {way}: round trips of '
                        f'{each["what"]}: {_plain(told)}'
                    )


def _paragraph(
    lines: collections.abc.Iterable[str],
) -> collections.abc.Iterator[str]:
    """Lines apart from those before, if there are any."""
    for number, line in enumerate(lines):
        if not number:
            yield ''
        yield line


def _row(*cells: str) -> str:
    return f'| {" | ".join(cells)} |'


def _code(name: str) -> str:
    """A name as it is."""
    # In a table, a bar ends the cell also there.
    name = ' '.join(name.split()).replace('`', "'").replace('|', '\\|')
    return f'`{name}`'


def _plain(said: str) -> str:
    """Text as text, on one line."""
    return _SPECIAL.sub(r'\\\1', ' '.join(said.split()))
