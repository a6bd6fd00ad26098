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
"""What would have told more: a line for each thing that can be done."""

import collections.abc

from migration_tempest_plugin.report import digest
from migration_tempest_plugin.report import documents

#: Bounds are wide where they are apart by more than this part of the estimate.
WIDE = 0.5

#: They are to be apart by no more than that.
NARROW = 0.2

#: How the interval of what is probed is set, and what is of use at least: a
#: service is not to be asked too often.
_INTERVALS = {
    'network': ('--interval', 0.001),
    **dict.fromkeys(digest.SERVICES, ('--service-interval', 0.01)),
}


def of_watch(
    migration: documents.Migration,
) -> collections.abc.Iterator[str]:
    """What would have told more of what was watched."""
    for each in migration['measurements']:
        if 'no_measurement' in each:
            continue
        if each['what'] in _INTERVALS:
            yield from _closer(each, *_INTERVALS[each['what']])
        yield from _observed(each)


def _closer(
    timeline: documents.Timeline, option: str, least: float
) -> collections.abc.Iterator[str]:
    """The interval that would make the bounds narrow."""
    interval = timeline.get('interval')
    total = timeline['total']
    wide = total['upper'] - total['lower'] > WIDE * total['estimate']
    if not (interval and timeline['outages'] and wide):
        return
    # Each outage is known to the pings before and after it, at both ends.
    closer = NARROW * total['estimate'] / (2 * len(timeline['outages']))
    if least <= closer < interval:
        yield (
            f'the bounds are wide: {option} {closer:.1g} would bring them '
            f'to about {NARROW * total["estimate"]:.2g} s from each other'
        )


def _observed(
    timeline: documents.Timeline,
) -> collections.abc.Iterator[str]:
    """Who had no time to look."""
    unobserved = digest.unobserved(timeline)
    if not unobserved:
        return
    why = (
        'the guest had no time for it: fewer processes in it would help'
        if timeline['what'] == 'metadata'
        else 'this machine was cut off, or had no time for it: then fewer '
        'targets would help, or a longer --interval'
    )
    yield (
        f'{timeline["what"]}: nobody observed {unobserved:.3f} s of '
        f'{timeline["observed"]:.1f} s; {why}'
    )
