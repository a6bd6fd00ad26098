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
"""Which probes make one outage, and which answered ones stand around it.

When a probe was sent is not always known to the point (Sample.latest_start):
of two that lie close together, it may not be known which was the first.
"""

import collections.abc
import itertools
import typing

from migration_tempest_plugin.measurement.sample import Sample

#: A sample, with its place among those of its timeline.
Numbered: typing.TypeAlias = tuple[int, Sample]


def groups(
    samples: collections.abc.Iterable[Sample],
) -> list[list[Numbered]]:
    """In turn answered ones, and failed ones.

    Answered ones of which none was certainly sent between the failed ones
    around them may have been sent before, or after: they do not divide what
    may be one outage.

    :param samples: in the order in which they were sent
    """
    apart = [
        list(group)
        for _, group in itertools.groupby(
            enumerate(samples), lambda each: each[1].answered
        )
    ]
    found = apart[:1]
    for group, later in zip(apart[1:], [*apart[2:], None]):
        if found[-1][0][1].answered is group[0][1].answered:
            found[-1].extend(group)
        elif not (group[0][1].answered and later) or _is_between(
            group, found[-1][-1][1], later[0][1]
        ):
            found.append(group)
    return found


def _is_between(group: list[Numbered], before: Sample, after: Sample) -> bool:
    """Whether one of a group was certainly sent between two other samples."""
    return any(
        before.latest_start < sample.start
        and sample.latest_start < after.start
        for _, sample in group
    )


def before(last: Sample, answered: list[Numbered]) -> Sample | None:
    """The last answered one that was certainly sent before an outage.

    That is before the last probe that failed, since none was answered in
    between.
    """
    return next(
        (
            sample
            for _, sample in reversed(answered)
            if sample.latest_start <= last.start
        ),
        answered[0][1] if answered else None,
    )


def after(first: Sample, answered: list[Numbered]) -> list[Sample]:
    """The answered ones that were certainly sent after an outage.

    That is after the first probe that failed, since none was answered in
    between.
    """
    return [
        sample for _, sample in answered if first.latest_start <= sample.start
    ] or [sample for _, sample in answered[-1:]]
