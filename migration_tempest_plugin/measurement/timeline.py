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

import collections
import collections.abc
import dataclasses
import enum
import functools
import itertools
import time

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.measurement.duration import Duration
from migration_tempest_plugin.measurement.folding import Quiet
from migration_tempest_plugin.measurement import gaps
from migration_tempest_plugin.measurement.guest_clock import GuestClock
from migration_tempest_plugin.measurement import ordering
from migration_tempest_plugin.measurement.outage import Outage
from migration_tempest_plugin.measurement.round_trips import RoundTrips
from migration_tempest_plugin.measurement.sample import Sample
from migration_tempest_plugin import words

SCHEMA = 'migration-tempest-plugin/timeline'
SCHEMA_VERSION = 2


class Probing(enum.Enum):
    """How the probes of a meter depend on each other."""

    #: Each waits for the end of the one before, and looks until its own end;
    #: where several lanes of them run side by side, their probes overlap.
    SEQUENTIAL = 'sequential'
    #: Sent on a schedule, whatever becomes of the others: each looks at the
    #: moment in which it is sent.
    INDEPENDENT = 'independent'
    #: The same, but the answers come in the order of the probes (TCP): as
    #: long as one is waited for, none comes.
    ORDERED = 'ordered'
    #: Each waits for the end of the one before, however long that takes (a
    #: write to a disk): it is late by as long as nothing went on.
    BLOCKING = 'blocking'

    @property
    def waits(self) -> bool:
        """Whether each looks until its own end, and the next comes then."""
        return self in (Probing.SEQUENTIAL, Probing.BLOCKING)

    @property
    def stalls(self) -> bool:
        """Whether what is waited for is late, and not missing."""
        return self in (Probing.ORDERED, Probing.BLOCKING)


@dataclasses.dataclass(frozen=True)
class Gap:
    """One time in which nobody looked, from one probe to the next.

    :ivar begin: until then somebody looked
    :ivar end: from then on somebody looked again
    """

    begin: float
    end: float

    @property
    def length(self) -> float:
        """For so many seconds it may have been down unseen."""
        return self.end - self.begin


@dataclasses.dataclass(frozen=True)
class Timeline:
    """The samples of one meter, and what follows from them.

    Each moment is up, down or unobserved. Nobody looks from one probe to the
    next; that this is one interval is as it should be, but where it is more
    than two, all that exceeds the one is **unobserved**: neither up nor down.

    >>> seen = Timeline('network', '192.0.2.7', [
    ...     Sample(second, second, answered=second not in (3, 4))
    ...     for second in range(8)], interval=1.0, ended=7.0)
    >>> [outage] = seen.outages
    >>> print(outage.duration)
    2.000 s (1.000 to 3.000)
    >>> seen.resolution
    1.0

    :ivar what: what was measured, in a word ('network', 'metadata')
    :ivar target: whose it was: an address, a URL
    :ivar samples: the probes, in the order in which they were sent
    :ivar interval: seconds from probe to probe, as it was asked for
    :ivar ended: when the observation ended, in seconds of the same clock
    :ivar wall_start: wall clock of the first probe, for display alone, or
        None
    :ivar probing: how the probes depend on each other
    :ivar method: what sent them, for people
    :ivar clock: whose clock the times are of: 'tester', 'guest' (the one that
        is migrated) or 'neighbour' (another guest)
    :ivar deadline: seconds within which an answer must come, or None if that
        is not known
    :ivar quiet: the samples that were left out, since nothing follows from
        them but their number and how far apart they were
    :ivar round_trips: the RoundTrips of all samples, where some may be left
        out; without, they follow from the samples
    :raises NoMeasurement: if no probe was answered at all
    """

    what: str
    target: str
    samples: tuple[Sample, ...]
    interval: float
    ended: float
    wall_start: float | None = None
    probing: Probing = Probing.SEQUENTIAL
    method: str = ''
    clock: str = 'tester'
    deadline: float | None = None
    quiet: tuple[Quiet, ...] = ()
    round_trips: RoundTrips | None = None

    def __post_init__(self) -> None:
        # Frozen: this is the one way to keep what may be any iterable.
        object.__setattr__(
            self,
            'samples',
            tuple(sorted(self.samples, key=lambda sample: sample.start)),
        )
        if not self.samples:
            raise exceptions.NoMeasurement(
                f'{self.what} of {self.target}: no probe was sent'
            )
        if not self.successes:
            seconds = self.ended - self.began
            raise exceptions.NoMeasurement(
                f'{self.what} of {self.target}: no probe was answered in time',
                seen=f'{self.failures} probes that failed, in '
                f'{seconds:.1f} s, {len(self.late)} of them answered late'
                + self._reasons_told,
            )

    @property
    def began(self) -> float:
        """When the first probe was sent."""
        return self.samples[0].start

    @functools.cached_property
    def successes(self) -> int:
        """How many probes were answered in time."""
        return sum(sample.answered for sample in self.samples) + sum(
            quiet.count for quiet in self.quiet if quiet.answered
        )

    @functools.cached_property
    def failures(self) -> int:
        """How many probes were not, the late ones among them."""
        return self._failures(self.samples)

    def _failures(self, samples: collections.abc.Iterable[Sample]) -> int:
        """How many failed, with those that were left out behind them."""
        return sum(
            self.counted(sample) for sample in samples if not sample.answered
        )

    def counted(self, failed: Sample) -> int:
        """For how many probes a sample stands: those behind it failed, too."""
        return 1 + self._failed_behind.get(failed.start, 0)

    @functools.cached_property
    def _failed_behind(self) -> dict[float, int]:
        return {
            quiet.begin: quiet.count
            for quiet in self.quiet
            if not quiet.answered
        }

    def round_trips_cut_at(
        self, moments: collections.abc.Iterable[float]
    ) -> RoundTrips:
        """The RoundTrips of its probes.

        :param moments: no slot goes beyond one of them, if all samples are
            there
        """
        if self.round_trips is not None:
            return self.round_trips
        return RoundTrips.of(
            self.samples,
            self.interval,
            self.probing is Probing.SEQUENTIAL,
            moments,
        )

    @property
    def late(self) -> tuple[Sample, ...]:
        """The samples whose answer came after the deadline."""
        return tuple(sample for sample in self.samples if sample.late)

    @functools.cached_property
    def reasons(self) -> dict[str, int]:
        """Why probes failed, and how many did so, the most frequent first.

        Empty where that is not known: of pings, say.
        """
        return dict(self._reasons(self.samples).most_common())

    def _reasons(
        self, samples: collections.abc.Iterable[Sample]
    ) -> collections.Counter[str]:
        """Why some of them failed, as far as that is known."""
        found: collections.Counter[str] = collections.Counter()
        for sample in samples:
            if sample.why and not sample.answered:
                found[sample.why] += self.counted(sample)
        return found

    @property
    def _reasons_told(self) -> str:
        return ''.join(
            f'; {count} failed: {why}' for why, count in self.reasons.items()
        )

    @functools.cached_property
    def outages(self) -> tuple[Outage, ...]:
        """Every outage, in order."""
        outages = []
        nothing: list[ordering.Numbered] = []
        before = nothing
        groups = ordering.groups(self.samples)
        for group, later in itertools.zip_longest(
            groups, groups[1:], fillvalue=nothing
        ):
            if group[0][1].answered:
                before = group
                continue
            outages.append(
                self._outage(
                    ordering.before(group[-1][1], before),
                    group,
                    ordering.after(group[0][1], later),
                )
            )
        return tuple(outages)

    @property
    def longest(self) -> Duration:
        """The Duration of the longest outage that was seen.

        Where none was, it is an estimate of 0, and at most the resolution.
        """
        return Duration.longest(self.durations, self.resolution)

    @property
    def total(self) -> Duration:
        """The Duration of all outages in sum that were seen.

        Where none was, it is an estimate of 0, and at most the resolution.
        How many others went by unseen, each of them no longer than the
        resolution, nobody knows: they are in no sum.
        """
        return Duration.sum(self.durations, self.resolution)

    @property
    def durations(self) -> tuple[Duration, ...]:
        """The Duration of each outage, in order."""
        return tuple(outage.duration for outage in self.outages)

    @property
    def still_down(self) -> bool:
        """Whether the last probe failed."""
        return not self.samples[-1].answered

    @property
    def down_since(self) -> float | None:
        """Start of the outage that it is still down in, or None."""
        return self.outages[-1].start if self.still_down else None

    @functools.cached_property
    def unobserved(self) -> float:
        """For how many seconds nobody looked: each gap, less an interval."""
        return (
            sum(gap.length - self.interval for gap in self._gaps)
            + self.short_gaps.total
            - self.short_gaps.count * self.interval
        )

    @functools.cached_property
    def short_gaps(self) -> gaps.Gaps:
        """The Gaps of which it is not known any more when they were.

        None of them touches an outage.
        """
        return sum((quiet.gaps for quiet in self.quiet), gaps.NONE)

    @functools.cached_property
    def hidden(self) -> tuple[Gap, ...]:
        """What may have been down without being part of any outage.

        It is each Gap outside of the outages, but for the ``short_gaps``: the
        upper bound of an outage has those that it touches.
        """
        return tuple(
            gap
            for gap in self._gaps
            if not any(
                outage.start <= gap.begin and gap.end <= outage.end
                for outage in self.outages
            )
        )

    @functools.cached_property
    def _gaps(self) -> list[Gap]:
        gaps = [
            Gap(looked, after.start)
            for looked, after, nobody in zip(
                self._looked, self.samples[1:], self._nobody_looked
            )
            if nobody
        ]
        if self._is_unobserved(self.ended - self._looked[-1]):
            gaps.append(Gap(self._looked[-1], self.ended))
        return gaps

    @functools.cached_property
    def _looked(self) -> list[float]:
        """Until when somebody had looked, with each probe in turn."""
        return list(
            itertools.accumulate(
                (
                    sample.end if self.probing.waits else sample.start
                    for sample in self.samples
                ),
                max,
            )
        )

    @functools.cached_property
    def _nobody_looked(self) -> list[bool]:
        """Of each probe: whether nobody looked from it to the next one."""
        return [
            before.start not in self._left_out
            and self._is_unobserved(after.start - looked)
            for looked, (before, after) in zip(
                self._looked, itertools.pairwise(self.samples)
            )
        ]

    @functools.cached_property
    def _left_out(self) -> frozenset[float]:
        """When those were sent after which some are left out."""
        return frozenset(quiet.begin for quiet in self.quiet)

    @functools.cached_property
    def resolution(self) -> float:
        """Seconds; no outage that was longer than this can have been missed.

        It is what was really reached: the longest time from the start of one
        probe to the start of the next, other than where it was unobserved.
        Where answers come in order, what is lost is repeated, and nothing is
        missing but late: then what is no longer than the deadline goes by
        unseen, too. Where each waits for the one before, that is seen for as
        long as it is late.
        """
        apart = max(
            itertools.chain(
                (
                    after.start - before.start
                    for (before, after), nobody in zip(
                        itertools.pairwise(self.samples), self._nobody_looked
                    )
                    if not (
                        nobody
                        or before.start in self._left_out
                        or (self.probing is Probing.BLOCKING and before.late)
                    )
                ),
                (quiet.apart for quiet in self.quiet if quiet.apart),
            ),
            default=self.interval,
        )
        return apart + (self._stall or 0.0)

    @property
    def _stall(self) -> float | None:
        """Seconds from which on a late answer is a stall, if it can be one."""
        return self.deadline if self.probing.stalls else None

    def _is_unobserved(self, gap: float) -> bool:
        return gap > 2 * self.interval

    def _outage(
        self,
        before: Sample | None,
        group: list[ordering.Numbered],
        later: list[Sample],
    ) -> Outage:
        """Make an Outage of failed samples between answered ones.

        :param before: the answered one before, or None
        :param group: those that failed, with their indices
        :param later: all of the answered ones up to the next outage
        """
        failed = [sample for _, sample in group]
        after = later[0] if later else None
        start = before.start if before else failed[0].start
        # A later probe may have its answer sooner.
        end = (
            min(each.end for each in later)
            if later
            else max(self.ended, failed[-1].start)
        )
        answered = before or after
        reasons = self._reasons(failed)
        lower = self._lower(
            group,
            max(0.0, answered.end - answered.latest_start)
            if answered
            else 0.0,
        )
        estimate = self._estimate(before, failed, after)
        return Outage(
            start=start,
            end=end,
            lower=lower,
            failures=self._failures(failed),
            first_failure=failed[0].latest_start,
            last_failure=failed[-1].start,
            ongoing=after is None,
            estimate=None
            if estimate is None
            else min(max(lower, estimate), end - start),
            why=max(reasons, key=reasons.__getitem__, default=''),
        )

    def _lower(self, failed: list[ordering.Numbered], delay: float) -> float:
        """For how many seconds it was certainly down.

        :param delay: seconds that an answer took: of the first probe that
            failed, it may have been the answer that was lost
        """
        late = [
            (sample, sample.end - sample.latest_start - delay)
            for _, sample in failed
            if sample.late
        ]
        if self.probing is Probing.BLOCKING:
            # An end is known no better than a start, and the delay neither.
            return sum(
                max(0.0, least - 2 * each.slack) for each, least in late
            )
        lower = sum(
            max(0.0, run[-1].start - run[0].latest_start - delay)
            for run in self._runs(failed)
        )
        if self.probing is Probing.ORDERED:
            lower = max([lower, *(least for _, least in late)])
        return lower

    def _runs(self, failed: list[ordering.Numbered]) -> list[list[Sample]]:
        """Cut them where nobody looked, or an answered one may have been."""
        runs = [[failed[0][1]]]
        for (index, _), (following, sample) in itertools.pairwise(failed):
            if self._nobody_looked[index] or following > index + 1:
                runs.append([])
            runs[-1].append(sample)
        return runs

    def _estimate(
        self, before: Sample | None, failed: list[Sample], after: Sample | None
    ) -> float | None:
        """How long it is likely to have lasted.

        It began and ended in the middle between an answered probe and one
        that failed, and went on where nobody looked in between. None where
        the middle of the bounds is as good.
        """
        if self.probing is Probing.SEQUENTIAL or not (before and after):
            return None
        if self.probing is Probing.BLOCKING:
            return sum(sample.delay for sample in failed)
        began = (before.start + failed[0].start) / 2
        ended = (failed[-1].start + after.start) / 2
        if self.probing is Probing.ORDERED:
            ended = max(
                [ended, *(sample.end for sample in failed if sample.late)]
            )
        return max(0.0, ended - began)

    def since(self, moment: float) -> 'Timeline':
        """The Timeline of the probes that were sent at a moment or later.

        What was down before a baseline was reached does not belong to the
        operation that came after it. Where a start is not known exactly, the
        answered probe that was the baseline may have one that is earlier.

        :raises NoMeasurement: if none of them was answered
        """
        first = max(
            (
                sample.start
                for sample in self.samples
                if sample.answered and sample.start <= moment <= sample.end
            ),
            default=moment,
        )
        later = dataclasses.replace(
            self,
            samples=tuple(
                sample for sample in self.samples if sample.start >= first
            ),
            quiet=tuple(quiet for quiet in self.quiet if quiet.begin >= first),
            round_trips=self.round_trips and self.round_trips.since(first),
        )
        if self.wall_start is None:
            return later
        return dataclasses.replace(
            later, wall_start=self.wall_start + later.began - self.began
        )

    def joined(self, clock: GuestClock) -> 'Timeline':
        """This Timeline in the tester's clock, if it is in the guest's.

        :param clock: the GuestClock of the same guest and time
        """
        return dataclasses.replace(
            self,
            samples=tuple(map(clock.sample, self.samples)),
            ended=clock.latest(self.ended),
            clock='tester',
        )

    def recovered(self) -> 'Timeline':
        """The Timeline itself.

        :raises NoMeasurement: if it is still down at the end: nobody knows
            for how long that will be. This Timeline goes along with it.
        """
        if not self.still_down:
            return self
        since = self.outages[-1]
        raise exceptions.NoMeasurement(
            f'{self.what} of {self.target} is still down, for '
            f'{since.upper:.3f} s now{self._wall(since.start)}: '
            f'{since.failures} probes failed',
            seen=self.summary(),
            timeline=self,
        )

    def _wall(self, moment: float) -> str:
        if self.wall_start is None:
            return ''
        seconds, milliseconds = divmod(
            round(1000 * (self.wall_start + moment - self.began)), 1000
        )
        stamp = time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(seconds))
        return f' (since {stamp}.{milliseconds:03d} UTC)'

    def summary(self) -> str:
        """One line that says it all."""
        if self.outages:
            count = words.counted(len(self.outages), 'outage')
            found = f'{count}, longest {self.longest}, in sum {self.total}'
        else:
            found = f'no outage longer than {self.resolution:.3f} s'
        if self.still_down:
            found += ', STILL DOWN at the end'
        stall = (
            ''
            if self._stall is None
            else f', stalls longer than {self._stall:.3f} s'
        )
        method = self.method and ', by ' + self.method
        return (
            f'{self.what} of {self.target}{stall}: {found}; '
            f'{self.successes} of {self.successes + self.failures} probes '
            f'answered in '
            f'{self.ended - self.began:.1f} s, '
            f'resolution {self.resolution:.3f} s, '
            f'unobserved {self.unobserved:.3f} s{method}{self._reasons_told}'
        )

    def to_dict(self) -> dict[str, object]:
        """All of it but the samples, ready for JSON.

        Times are seconds since the first probe.
        """
        return {
            'schema': SCHEMA,
            'version': SCHEMA_VERSION,
            'what': self.what,
            'target': self.target,
            'method': self.method,
            'clock': self.clock,
            'wall_start': self.wall_start,
            'observed': self.ended - self.began,
            'interval': self.interval,
            'deadline': self.deadline,
            'resolution': self.resolution,
            'unobserved': self.unobserved,
            'gaps': [
                {'begin': gap.begin - self.began, 'end': gap.end - self.began}
                for gap in self._gaps
            ],
            'short_gaps': self.short_gaps.to_dict(),
            'successes': self.successes,
            'failures': self.failures,
            **({'reasons': self.reasons} if self.reasons else {}),
            'late': [
                {'start': sample.start - self.began, 'delay': sample.delay}
                for sample in self.late
            ],
            'still_down': self.still_down,
            'longest': self.longest.to_dict(),
            'total': self.total.to_dict(),
            'outages': [
                {
                    **outage.to_dict(),
                    'start': outage.start - self.began,
                    'end': outage.end - self.began,
                    'first_failure': outage.first_failure - self.began,
                    'last_failure': outage.last_failure - self.began,
                }
                for outage in self.outages
            ],
        }
