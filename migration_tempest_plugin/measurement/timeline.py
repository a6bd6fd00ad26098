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
"""What a meter saw from its start to its end."""

import dataclasses
import functools
import itertools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.measurement.duration import Duration
from migration_tempest_plugin.measurement.outage import Outage
from migration_tempest_plugin.measurement.sample import Sample

SCHEMA = 'migration-tempest-plugin/timeline'
SCHEMA_VERSION = 1


@dataclasses.dataclass(frozen=True)
class Timeline:
    """The samples of one meter, and what follows from them.

    Each moment is up, down or unobserved. Nobody looked between the end of a
    probe and the start of the next one; that this is one interval is as it
    should be, but where it is more than two, all that exceeds the one is
    **unobserved**: neither up nor down.

    :ivar what: what was measured, in a word ('network', 'metadata')
    :ivar target: whose it was: an address, a URL
    :ivar samples: the probes, in the order in which they were sent
    :ivar interval: seconds from probe to probe, as it was asked for
    :ivar ended: when the observation ended, in seconds of the same clock
    :ivar wall_start: wall clock of the first probe, for display alone, or
        None
    :raises NoMeasurement: if no probe was answered at all
    """

    what: str
    target: str
    samples: tuple[Sample, ...]
    interval: float
    ended: float
    wall_start: float | None = None

    def __post_init__(self):
        # Frozen: this is the one way to keep what may be any iterable.
        object.__setattr__(self, 'samples', tuple(
            sorted(self.samples, key=lambda sample: sample.start)))
        if not self.samples:
            raise exceptions.NoMeasurement(
                '%s of %s: no probe was sent' % (self.what, self.target))
        if not self.successes:
            raise exceptions.NoMeasurement(
                '%s of %s: no probe was answered in time' % (
                    self.what, self.target),
                seen='%d probes that failed, in %.1f s, %d of them answered '
                     'late' % (self.failures, self.ended - self.began,
                               len(self.late)))

    @property
    def began(self):
        """When the first probe was sent."""
        return self.samples[0].start

    @property
    def successes(self):
        """How many probes were answered in time."""
        return sum(sample.answered for sample in self.samples)

    @property
    def failures(self):
        """How many probes were not, the late ones among them."""
        return len(self.samples) - self.successes

    @property
    def late(self):
        """The samples whose answer came after the deadline."""
        return tuple(sample for sample in self.samples if sample.late)

    @functools.cached_property
    def outages(self):
        """Every outage, in order."""
        outages = []
        before = None
        groups = [(answered, list(group)) for answered, group in
                  itertools.groupby(self.samples, lambda each: each.answered)]
        for index, (answered, group) in enumerate(groups):
            if answered:
                before = group[-1]
                continue
            after = groups[index + 1][1][0] if index + 1 < len(groups) \
                else None
            outages.append(self._outage(before, group, after))
        return tuple(outages)

    @property
    def longest(self):
        """The Duration of the longest outage; of 0 s if there is none."""
        return max((outage.duration for outage in self.outages),
                   key=lambda duration: duration.upper,
                   default=Duration(0, 0))

    @property
    def total(self):
        """The Duration of all outages in sum."""
        return Duration.sum(outage.duration for outage in self.outages)

    @property
    def still_down(self):
        """Whether the last probe failed."""
        return not self.samples[-1].answered

    @functools.cached_property
    def unobserved(self):
        """For how many seconds nobody looked."""
        gaps = [gap - self.interval for gap in map(self._gap, self._pairs)
                if self._is_unobserved(gap)]
        at_the_end = self.ended - max(sample.end for sample in self.samples)
        if self._is_unobserved(at_the_end):
            gaps.append(at_the_end - self.interval)
        return sum(gaps)

    @functools.cached_property
    def resolution(self):
        """Seconds; no outage that was longer than this can have been missed.

        It is what was really reached: the longest time from the start of one
        probe to the start of the next, other than where it was unobserved.
        """
        return max((after.start - before.start
                    for before, after in self._pairs
                    if not self._is_unobserved(self._gap((before, after)))),
                   default=self.interval)

    @property
    def _pairs(self):
        return list(itertools.pairwise(self.samples))

    @staticmethod
    def _gap(pair):
        before, after = pair
        return after.start - before.end

    def _is_unobserved(self, gap):
        return gap > 2 * self.interval

    def _outage(self, before, failed, after):
        """Make an Outage of failed samples between two answered ones."""
        lower = sum(second.start - first.start
                    for first, second in itertools.pairwise(failed)
                    if not self._is_unobserved(self._gap((first, second))))
        if before:
            lower -= before.delay
        return Outage(
            start=before.start if before else failed[0].start,
            end=after.end if after else max(self.ended, failed[-1].start),
            lower=max(lower, 0.0), failures=len(failed),
            ongoing=after is None)

    def since(self, moment):
        """The Timeline of the probes that were sent at a moment or later.

        What was down before a baseline was reached does not belong to the
        operation that came after it.

        :raises NoMeasurement: if none of them was answered
        """
        return dataclasses.replace(self, samples=[
            sample for sample in self.samples if sample.start >= moment])

    def summary(self):
        """One line that says it all."""
        if self.outages:
            found = '%d outage%s, longest %s, in sum %s' % (
                len(self.outages), 's' * (len(self.outages) > 1),
                self.longest, self.total)
        else:
            found = 'no outage'
        if self.still_down:
            found += ', STILL DOWN at the end'
        return ('%s of %s: %s; %d of %d probes answered in %.1f s, '
                'resolution %.3f s, unobserved %.1f s' % (
                    self.what, self.target, found, self.successes,
                    len(self.samples), self.ended - self.began,
                    self.resolution, self.unobserved))

    def to_dict(self):
        """All of it but the samples, ready for JSON.

        Times are seconds since the first probe.
        """
        return {
            'schema': SCHEMA, 'version': SCHEMA_VERSION,
            'what': self.what, 'target': self.target,
            'wall_start': self.wall_start,
            'observed': self.ended - self.began,
            'interval': self.interval, 'resolution': self.resolution,
            'unobserved': self.unobserved,
            'successes': self.successes, 'failures': self.failures,
            'late': [{'start': sample.start - self.began,
                      'delay': sample.delay} for sample in self.late],
            'still_down': self.still_down,
            'longest': self.longest.to_dict(),
            'total': self.total.to_dict(),
            'outages': [{**outage.to_dict(),
                         'start': outage.start - self.began,
                         'end': outage.end - self.began}
                        for outage in self.outages]}
