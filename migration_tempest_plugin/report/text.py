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
from migration_tempest_plugin.report import recorded
from migration_tempest_plugin.report import several


def summary(tests: collections.abc.Iterable[recorded.RecordedTest]) -> str:
    """A few lines for each test: each migration, and what it cost."""
    lines = []
    for test in tests:
        lines.append('%s: %s' % (test.id.rpartition('.')[2], test.status))
        for each in test.migrations:
            lines.append('  ' + digest.way(each))
            lines.extend('    ' + line for line in migration(each))
        moved = list(filter(digest.moved, test.migrations))
        if len(moved) > 2:
            lines.append('  all %d of them' % len(moved))
            lines.extend('    ' + line for line in several.spread(moved))
    return '\n'.join(lines)


def migration(document: documents.Migration) -> collections.abc.Iterator[str]:
    """What one migration cost, a line each."""
    # older records have no break-down
    breakdown = document.get('breakdown') or {}
    for each in document['measurements']:
        yield _measurement(each)
        if 'no_measurement' not in each and each['what'] == 'network':
            if stopped := breakdown.get('guest_stopped'):
                yield _line('  guest stopped', stopped)
            by_libvirt = breakdown.get('libvirt_downtime')
            if by_libvirt is not None:
                yield '%-15s  %6.3f s' % ('    by libvirt', by_libvirt)
            if after := breakdown.get('network_after_stop'):
                yield _line('  after that', after)
    if cost := load(document):
        yield '%-15s  %s' % ('guest', cost)
    if digest.verdict(document) is digest.Verdict.OVER:
        for complaint in digest.exceeded(document):
            yield 'OVER THE LIMIT: ' + complaint
    yield from digest.unchecked(document)


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
        yield '%-15s  %s' % (phase['kind'], digest.phase(phase))


def _measurement(measured: documents.Timeline | documents.Missing) -> str:
    if 'no_measurement' in measured:
        return 'NO MEASUREMENT: ' + measured['no_measurement']
    outages = len(measured['outages'])
    # Older records don't know it.
    deadline = measured.get('deadline')
    stall = (
        ' (a stall is longer than %.3f s)' % deadline
        if measured['what'] == 'tcp' and deadline
        else ''
    )
    if not outages:
        return '%-15s  no outage longer than the resolution, %.3f s%s' % (
            measured['what'],
            measured['resolution'],
            stall,
        )
    text = '%s  in %d outage%s%s' % (
        _line(measured['what'], measured['total']),
        outages,
        '' if outages == 1 else 's',
        stall,
    )
    if outages > 1:
        text += ', the longest %.3f s' % measured['longest']['estimate']
    # Records of version 1 only: later ones have no measurement then.
    if measured['still_down']:
        text += ', STILL DOWN at the end'
    return text


def _line(label: str, duration: documents.Duration) -> str:
    return '%-15s  %6s s%s' % (
        label,
        digest.as_duration(duration).brief(),
        '  (%.3f to %.3f s)' % (duration['lower'], duration['upper'])
        if duration['estimate']
        else '',
    )
