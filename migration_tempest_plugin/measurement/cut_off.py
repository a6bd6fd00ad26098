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
"""When what measures could reach nobody itself: nothing of that is known.

A control is a target that should always answer. While it does not, a probe of
another target that fails says nothing of that target.
"""

import collections.abc
import dataclasses

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.measurement.timeline import Gap
from migration_tempest_plugin.measurement.timeline import Timeline


#: What is measured of a control, in a word.
CONTROL = 'control'


def gaps(
    control: Timeline | exceptions.NoMeasurement,
) -> tuple[Gap, ...]:
    """When it was cut off, at most, by the Timeline of its control.

    Of a control that has no measurement, nothing is known; but of one that is
    still down, all that was before.
    """
    timeline = _timeline(control)
    if timeline is None:
        return ()
    return tuple(Gap(each.start, each.end) for each in timeline.outages)


def text(
    cut_off: collections.abc.Iterable[Gap],
    wall: collections.abc.Callable[[float], str],
) -> str:
    """When that was, for people.

    :param wall: the time of day of a moment, for people
    """
    return ', '.join(
        f'{wall(gap.begin)} to {wall(gap.end)}' for gap in cut_off
    )


def without(
    measured: Timeline | exceptions.NoMeasurement,
    cut_off: collections.abc.Collection[Gap],
) -> Timeline | exceptions.NoMeasurement:
    """What was measured, without the probes that failed in some Gaps.

    Nobody observed the target then. What was measured in the guest itself, or
    was answered nevertheless, stays.
    """
    timeline = _timeline(measured)
    if timeline is None or timeline.what == 'metadata' or not cut_off:
        return measured
    try:
        return _without(timeline, cut_off).recovered()
    except exceptions.NoMeasurement as error:
        return error


def _timeline(
    measured: Timeline | exceptions.NoMeasurement,
) -> Timeline | None:
    """What there is of it, if only up to where it is known."""
    if isinstance(measured, exceptions.NoMeasurement):
        return measured.timeline
    return measured


def _without(
    timeline: Timeline, cut_off: collections.abc.Collection[Gap]
) -> Timeline:
    # A probe that was under way when it began was lost, too.
    under_way = max(
        [each.delay for each in timeline.samples if each.answered]
        + [each.slowest for each in timeline.quiet],
        default=0.0,
    )
    samples = tuple(
        sample
        for sample in timeline.samples
        if sample.answered
        or not any(
            gap.begin - under_way <= sample.start <= gap.end for gap in cut_off
        )
    )
    # Of which of them that is so, is not known of those that were left out.
    quiet = tuple(
        quiet
        for quiet in timeline.quiet
        if quiet.answered
        or not any(
            gap.begin - under_way <= quiet.end and quiet.begin <= gap.end
            for gap in cut_off
        )
    )
    return dataclasses.replace(timeline, samples=samples, quiet=quiet)
