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
"""Recorded measurements as text for a terminal."""

import collections.abc

from migration_tempest_plugin import measurement
from migration_tempest_plugin.report import digest
from migration_tempest_plugin.report import documents
from migration_tempest_plugin.report import hints
from migration_tempest_plugin.report import judged
from migration_tempest_plugin.report import recorded
from migration_tempest_plugin.report import round_trips
from migration_tempest_plugin.report import several
from migration_tempest_plugin import words


def summary(tests: collections.abc.Iterable[recorded.RecordedTest]) -> str:
    """A few lines for each test: each migration, and what it cost."""
    lines = []
    for test in tests:
        name = test.id.rpartition('.')[2]
        lines.append(f'{name}: {test.status}')
        for each in test.migrations:
            lines.append('  ' + digest.way(each))
            lines.extend('    ' + line for line in migration(each))
        moved = list(filter(digest.moved, test.migrations))
        if len(moved) > 2:
            lines.append(f'  all {len(moved)} of them')
            lines.extend('    ' + line for line in several.spread(moved))
    return '\n'.join(lines)


def migration(document: documents.Migration) -> collections.abc.Iterator[str]:
    """What one migration cost, a line each."""
    # older records have no break-down
    breakdown = document.get('breakdown') or {}
    for each in document['measurements']:
        yield _measurement(each)
        yield from _by_mark(document, each)
        if 'no_measurement' not in each and each['what'] == 'network':
            if stopped := breakdown.get('guest_stopped'):
                yield _line('  guest stopped', digest.as_duration(stopped))
            by_libvirt = breakdown.get('libvirt_downtime')
            if by_libvirt is not None:
                yield f'{"    by libvirt":<15}  {by_libvirt:6.3f} s'
            if after := breakdown.get('network_after_stop'):
                yield _line('  after that', digest.as_duration(after))
        yield from _round_trips(document, each)
    if cost := load(document):
        yield f'{"guest":<15}  {cost}'
    if settings := digest.settings(document):
        yield f'{"settings":<15}  {settings}'
    for followed in document.get('followed', ()):
        yield _followed(followed)
    if document.get('kind') == 'watch':
        for limit in limits(document):
            yield f'{"limit":<15}  {limit}'
        for hint in hints.of_watch(document):
            yield f'{"hint":<15}  {hint}'
    if digest.verdict(document) is digest.Verdict.OVER:
        for complaint in digest.exceeded(document):
            yield 'OVER THE LIMIT: ' + complaint
    yield from digest.unchecked(document)


def limits(document: documents.Migration) -> collections.abc.Iterator[str]:
    """Each limit of one migration, and what became of it."""
    for each in judged.limits(document):
        found = each.told or 'nothing'
        why = f' ({each.why})' if each.why else ''
        yield (
            f'{each.limit.option} {each.limit.seconds:g} s: '
            f'{each.state.value}{why}, {found} was measured'
        )


def load(document: documents.Migration) -> str:
    """What measuring cost the guest in one migration.

    Empty where nothing was measured in it, and in older records.
    """
    found = document.get('guest_load')
    return measurement.GuestLoad.from_dict(found).text() if found else ''


def phases(document: documents.Migration) -> collections.abc.Iterator[str]:
    """When each phase and each event of one migration was, a line each."""
    # older records have no progress
    for phase in (document.get('progress') or {}).get('phases', ()):
        yield f'{phase["kind"]:<15}  {digest.phase(phase)}'


def _followed(followed: documents.Followed) -> str:
    """A migration that went on during a watch."""
    source, destination = followed['source'], followed['destination']
    way = ''
    if source and destination:
        way = (
            f'  on {source} as before'
            if source == destination
            else f'  {source} -> {destination}'
        )
    took = followed['took']
    line = (
        _line(followed['kind'], digest.as_duration(took))
        if took
        else f'{followed["kind"]:<15}  not over'
    )
    return f'{line}{way}: {followed["status"]}'


def _measurement(measured: documents.Timeline | documents.Missing) -> str:
    if 'no_measurement' in measured:
        return 'NO MEASUREMENT: ' + measured['no_measurement']
    outages = len(measured['outages'])
    # Older records don't know it.
    deadline = measured.get('deadline')
    stall = (
        f' (a stall is longer than {deadline:.3f} s)'
        if measured['what'] in ('tcp', 'storage') and deadline
        else ''
    )
    seconds = digest.unobserved(measured)
    unobserved = f', {seconds:.3f} s unobserved' if seconds else ''
    if not outages:
        return (
            f'{measured["what"]:<15}  no outage longer than the resolution, '
            f'{measured["resolution"]:.3f} s{stall}{unobserved}'
        )
    line = _line(measured['what'], digest.as_duration(measured['total']))
    text = f'{line}  in {words.counted(outages, "outage")}{stall}'
    if outages > 1:
        text += f', the longest {measured["longest"]["estimate"]:.3f} s'
    text += unobserved + _reasons(measured)
    # Records of version 1 only: later ones have no measurement then.
    if measured['still_down']:
        text += ', STILL DOWN at the end'
    return text


def _reasons(measured: documents.Timeline) -> str:
    """Why probes failed, where that is known."""
    reasons = measured.get('reasons', {})
    return ''.join(f'; {count} x {why}' for why, count in reasons.items())


def _by_mark(
    document: documents.Migration,
    measured: documents.Timeline | documents.Missing,
) -> collections.abc.Iterator[str]:
    """The outages of a watch, by what was done last before each."""
    if document.get('kind') != 'watch' or 'no_measurement' in measured:
        return
    for name, outages in digest.by_mark(document, measured).items():
        total = measurement.Duration.sum(map(digest.as_duration, outages))
        when = f'after "{name}"' if name else 'before anything was done'
        line = _line('  of which', total)
        yield f'{line}  in {words.counted(len(outages), "outage")}, {when}'


def _round_trips(
    document: documents.Migration,
    measured: documents.Timeline | documents.Missing,
) -> collections.abc.Iterator[str]:
    if 'no_measurement' in measured:
        return
    by_mark = document.get('kind') == 'watch'
    if told := round_trips.line(measured, by_mark):
        yield f'{"  round trips":<15}  {told}'


def _line(label: str, duration: measurement.Duration) -> str:
    bounds = (
        f'  ({duration.lower:.3f} to {duration.upper:.3f} s)'
        if duration
        else ''
    )
    return f'{label:<15}  {duration.brief():>6} s{bounds}'
