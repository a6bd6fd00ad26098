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
"""Recorded tests as JUnit's XML, their measurements as properties."""

import collections.abc
import re
import typing
from xml.etree import ElementTree

from migration_tempest_plugin.report import digest
from migration_tempest_plugin.report import documents
from migration_tempest_plugin.report import recorded
from migration_tempest_plugin.report import round_trips

#: What XML can't hold: most control characters (XML 1.0, "Char").
_NO_CHARACTER = re.compile(
    '[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]'
)

#: What says which migration it is.
_OF: tuple[typing.Literal['kind', 'server', 'source', 'destination'], ...] = (
    'kind',
    'server',
    'source',
    'destination',
)


def document(tests: collections.abc.Iterable[recorded.RecordedTest]) -> str:
    """All tests of a run, as text.

    There is no standard; the elements and attributes are those that Jenkins'
    junit plugin and GitLab read.

    """
    tests = list(tests)
    counts = {
        'tests': str(len(tests)),
        'failures': str(sum(_is_failure(test) for test in tests)),
        'errors': '0',
        'skipped': str(sum(test.status == 'skip' for test in tests)),
        'time': str(round(sum(test.seconds or 0 for test in tests), 3)),
    }
    suites = ElementTree.Element('testsuites', counts)
    suite = ElementTree.SubElement(
        suites, 'testsuite', {'name': 'migration-tempest-plugin', **counts}
    )
    for test in tests:
        _add_case(suite, test)
    written: bytes = ElementTree.tostring(
        suites, 'UTF-8', xml_declaration=True
    )
    return written.decode()


def _add_case(suite: ElementTree.Element, test: recorded.RecordedTest) -> None:
    classname, name = map(_clean, test.place)
    case = ElementTree.SubElement(
        suite,
        'testcase',
        {
            'classname': classname or 'watch',
            'name': name,
            'time': str(test.seconds or 0),
        },
    )
    if test.migrations:
        properties = ElementTree.SubElement(case, 'properties')
        for key, value in _properties(test.migrations):
            ElementTree.SubElement(
                properties, 'property', {'name': key, 'value': _clean(value)}
            )
    text = _clean(test.reason)
    if test.status == 'skip':
        ElementTree.SubElement(case, 'skipped', {'message': text})
    elif _is_failure(test):
        ElementTree.SubElement(
            case, 'failure', {'message': _error(text)}
        ).text = text


def _is_failure(test: recorded.RecordedTest) -> bool:
    return test.status not in ('skip', 'success', 'xfail')


def _error(reason: str) -> str:
    """The line that says what went wrong: the first one behind the frames."""
    lines = [line for line in reason.splitlines() if line.strip()]
    return next(
        (line for line in lines if not line.startswith((' ', 'Traceback '))),
        lines[0] if lines else 'no reason was recorded',
    )


def _properties(
    migrations: collections.abc.Iterable[documents.Migration],
) -> collections.abc.Iterator[tuple[str, object]]:
    """Each number that was measured, as a name with its place and a text."""
    for number, migration in enumerate(migrations, 1):
        place = f'migration.{number}.'
        for key in _OF:
            if migration.get(key):
                yield place + key, migration[key]
        for reason in digest.missing(migration):
            yield place + 'no_measurement', reason
        for sentence in digest.unchecked(migration):
            yield place + 'unchecked', sentence
        for name, duration in digest.durations(migration).items():
            yield from _duration(place + name, duration)
        for each in migration['measurements']:
            if 'no_measurement' not in each:
                yield place + each['what'] + '.outages', len(each['outages'])
                yield (
                    place + each['what'] + '.resolution',
                    f'{each["resolution"]:.3f}',
                )
                yield from _round_trips(place, each)
        breakdown = migration.get('breakdown') or {}
        by_libvirt = breakdown.get('libvirt_downtime')
        if by_libvirt is not None:
            yield place + 'libvirt_downtime', f'{by_libvirt:.3f}'
        if settings := digest.settings(migration):
            yield place + 'settings', settings


def _round_trips(
    place: str, timeline: documents.Timeline
) -> collections.abc.Iterator[tuple[str, object]]:
    """Seconds, for each phase, and how many probes were not answered."""
    for each in timeline.get('round_trips', ()):
        phase = each['phase'].replace(' ', '_')
        name = f'{place}{timeline["what"]}.round_trip.{phase}.'
        for figure in round_trips.FIGURES:
            seconds = each[figure]
            if seconds is not None:
                yield name + figure, f'{seconds:.6f}'
        yield name + 'unanswered', each['unanswered']


def _duration(
    name: str, duration: documents.Duration
) -> collections.abc.Iterator[tuple[str, str]]:
    """Seconds: the estimate, and its bounds."""
    name = name.replace(' ', '_')
    yield name, f'{duration["estimate"]:.3f}'
    yield name + '.lower', f'{duration["lower"]:.3f}'
    yield name + '.upper', f'{duration["upper"]:.3f}'


def _clean(value: object) -> str:
    return _NO_CHARACTER.sub('?', str(value))
