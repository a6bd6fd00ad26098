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
"""One live migration with all that was measured of it."""

import collections.abc
import dataclasses
import functools
import json
import statistics

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.measurement.breakdown import break_down
from migration_tempest_plugin.measurement.breakdown import Breakdown
from migration_tempest_plugin.measurement.brownout import Brownout
from migration_tempest_plugin.measurement.brownout import of_operation
from migration_tempest_plugin.measurement.brownout import Part
from migration_tempest_plugin.measurement.brownout import parts_of_migration
from migration_tempest_plugin.measurement.brownout import parts_of_watch
from migration_tempest_plugin.measurement.brownout import switch_over
from migration_tempest_plugin.measurement.distribution import Distribution
from migration_tempest_plugin.measurement.duration import Duration
from migration_tempest_plugin.measurement.figures import Figures
from migration_tempest_plugin.measurement.followed import Followed
from migration_tempest_plugin.measurement import gaps
from migration_tempest_plugin.measurement.gaps import Gaps
from migration_tempest_plugin.measurement.guest_clock import GuestClock
from migration_tempest_plugin.measurement.guest_load import GuestLoad
from migration_tempest_plugin.measurement.outage import Outage
from migration_tempest_plugin.measurement.progress import Progress
from migration_tempest_plugin.measurement.round_trips import Percentiles
from migration_tempest_plugin.measurement.setting import in_words
from migration_tempest_plugin.measurement.setting import Setting
from migration_tempest_plugin.measurement.timeline import Timeline

SCHEMA = 'migration-tempest-plugin/migration'
SCHEMA_VERSION = 2
#: How many outages of one timeline a text names: with a TCP connection that
#: stutters, what matters would go under.
_OUTAGES_TOLD = 10


@dataclasses.dataclass(frozen=True)
class Limit:
    """How long something may be down in one migration.

    :ivar what: what was measured: Timeline.what, or 'guest' for its stop
    :ivar option: the option that sets the limit
    :ivar seconds: the longest time that is allowed
    :ivar longest: it is for each single outage, not for their sum
    :ivar fail_unchecked: where it is finer than the resolution, so that it
        can't be checked, something is wrong
    """

    what: str
    option: str
    seconds: float
    longest: bool = False
    fail_unchecked: bool = True

    @property
    def name(self) -> str:
        """What it is of, for people."""
        return 'guest stopped' if self.what == 'guest' else self.what

    def cost(self, seen: 'Seen') -> Duration | None:
        """What is held against it; None if that is not known."""
        return self._add(seen.durations, seen.resolution)

    def told(self, cost: Duration) -> str:
        """A cost, for people."""
        return cost.told()

    def shown(self, seen: 'Seen') -> Duration:
        """What of that was seen."""
        return self._add(seen.durations)

    def complaint(self, seen: 'Seen') -> str | None:
        """What is wrong with what was Seen, or None.

        Kept is what is shown to be kept: by the upper bound, even if what
        nobody saw was down, and if what is longer can't have been missed.
        """
        return (
            self.exceeded(seen)
            or (self.fail_unchecked and self.unchecked(seen))
            or None
        )

    def unchecked(self, seen: 'Seen') -> str | None:
        """That it can't be checked, or None.

        It can't where it is finer than the resolution: something longer than
        it may have been missed. What was Seen to exceed it is checked.
        """
        if self.seconds >= seen.resolution or self.exceeded(seen):
            return None
        advice = (
            'Allow more, or probe more often'
            if self.seconds
            else 'No probing shows that there was none at all: allow more'
        )
        return (
            f'NOT CHECKED: {self._told(seen)}; the limit of '
            f'{self.seconds:g} s ({self.option}) is finer than the '
            f'resolution that was reached, {seen.resolution:.3f} s. {advice}'
        )

    def exceeded(self, seen: 'Seen') -> str | None:
        """What is longer than it, or may be; None if nothing is."""
        duration = self.shown(seen)
        missed = seen.missed
        hidden = missed.longest if self.longest else missed.total
        seconds = self._told(seen)
        if duration.upper > self.seconds:
            longer = (
                'longer'
                if duration.lower > self.seconds
                else 'by its upper bound longer'
            )
            return (
                f'{seconds}, {longer} than the {self.seconds:g} s that '
                f'{self.option} allows'
            )
        shown = (
            max(duration.upper, hidden)
            if self.longest
            else duration.upper + hidden
        )
        if shown > self.seconds:
            return (
                f'{seconds}, and {hidden:.3f} s that nobody observed: too '
                'much to say that it is not longer than the '
                f'{self.seconds:g} s that {self.option} allows. Use a longer '
                'interval of the probes, or a machine that is less busy'
            )
        return None

    @property
    def _add(self) -> collections.abc.Callable[..., Duration]:
        return Duration.longest if self.longest else Duration.sum

    def _told(self, seen: 'Seen') -> str:
        longest = ', longest outage' if self.longest else ''
        name = (
            self.name
            if self.what == 'guest'
            else f'{self.what} downtime{longest}'
        )
        duration = self.shown(seen) if seen.durations else 'nothing seen'
        return f'{name}: {duration}'

    def to_dict(self) -> dict[str, object]:
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class Seen:
    """What a Limit is for: what was seen, and how much was not.

    :ivar durations: the Duration of each outage
    :ivar resolution: seconds; no outage that was longer can have been missed
    :ivar hidden: for how many seconds on end nobody looked, outside of the
        outages
    :ivar short: further Gaps like these
    :ivar round_trips: the Percentiles during the migration, or of all of a
        watch; None if they are not known
    """

    durations: tuple[Duration, ...]
    resolution: float
    hidden: tuple[float, ...] = ()
    short: Gaps = gaps.NONE
    round_trips: Percentiles | None = None

    @classmethod
    def of(
        cls, timeline: Timeline, round_trips: Percentiles | None = None
    ) -> 'Seen':
        """What is Seen in a Timeline."""
        return cls(
            timeline.durations,
            timeline.resolution,
            tuple(gap.length for gap in timeline.hidden),
            timeline.short_gaps,
            round_trips,
        )

    @property
    def missed(self) -> Gaps:
        """The Gaps in which it may have been down, beside the outages.

        What is no longer than the resolution goes by unseen between any two
        probes: it is in no sum, whether it was in a gap or not.
        """
        missed = Gaps.of(
            [each for each in self.hidden if each > self.resolution]
        )
        if self.short.longest > self.resolution:
            missed += self.short
        return missed


@dataclasses.dataclass(frozen=True)
class MeasuredMigration:
    """One live migration of one server.

    :ivar server: id of the server
    :ivar source: host that it was on
    :ivar destination: host that it was on afterwards, or None
    :ivar measurements: the Timeline of each meter, or the NoMeasurement that
        there was instead
    :ivar clock: the GuestClock, or None if it was not measured
    :ivar record: the migration record of Nova's API, or None
    :ivar events: the events of the instance action, as in Nova's API
    :ivar progress: the Progress, as Nova's API showed it
    :ivar libvirt_downtime: for how long libvirt says that the guest was
        stopped, in seconds, or None if it was not asked or does not know
    :ivar kind: 'live', or 'cold' if the server was shut down for it; 'watch'
        if it is a target of a watch, whatever was done to it
    :ivar limits: the Limits that it is to keep
    :ivar figures: the Figures of its copying, as libvirt on the source host
        reported them
    :ivar load: the GuestLoad, or None if nothing measured in the guest
    :ivar settings: the Settings that held when it was asked for; none where
        nobody heeds those of servers, or where they could not be read
    :ivar followed: of a watch, each migration of the server that was Followed
    """

    server: str
    source: str | None
    destination: str | None
    measurements: tuple[Timeline | exceptions.NoMeasurement, ...]
    clock: GuestClock | None = None
    record: dict[str, object] | None = None
    events: tuple[dict[str, object], ...] = ()
    progress: Progress | None = None
    libvirt_downtime: float | None = None
    kind: str = 'live'
    limits: tuple[Limit, ...] = ()
    figures: tuple[Figures, ...] = ()
    load: GuestLoad | None = None
    settings: tuple[Setting, ...] = ()
    followed: tuple[Followed, ...] = ()

    def following(
        self, followed: collections.abc.Sequence[Followed]
    ) -> 'MeasuredMigration':
        """The same, with the migrations of its server that were Followed.

        Of several, the record is that of the last one.
        """
        if not (followed and self.progress):
            return self
        return dataclasses.replace(
            self,
            source=followed[0].source,
            destination=followed[-1].destination,
            record=followed[-1].record,
            events=tuple(event for each in followed for event in each.events),
            progress=dataclasses.replace(
                self.progress,
                followed=tuple(each.progress for each in followed),
            ),
            followed=tuple(followed),
        )

    def complaints(self, limits: collections.abc.Iterable[Limit]) -> list[str]:
        """What is wrong, a sentence each; nothing if all is as allowed.

        What has no measurement is wrong, too, whatever its limit is.
        """
        return [
            *(
                str(each)
                for each in self.measurements
                if isinstance(each, exceptions.NoMeasurement)
            ),
            *filter(
                None,
                (
                    limit.complaint(seen)
                    for limit, seen in self._limited(limits)
                ),
            ),
        ]

    def unchecked(self, limits: collections.abc.Iterable[Limit]) -> list[str]:
        """Of each limit that is finer than the resolution, a sentence."""
        return list(
            filter(
                None,
                (
                    limit.unchecked(seen)
                    for limit, seen in self._limited(limits)
                ),
            )
        )

    def _limited(
        self, limits: collections.abc.Iterable[Limit]
    ) -> collections.abc.Iterator[tuple[Limit, Seen]]:
        """Each limit of what was measured, with what was Seen."""
        for limit in limits:
            if limit.what == 'guest':
                if self.clock:
                    yield (
                        limit,
                        Seen(self.clock.durations, self.clock.resolution),
                    )
            elif limit.what in self._seen:
                yield limit, self._seen[limit.what]

    @property
    def timelines(self) -> list[Timeline]:
        """The measurements that there are."""
        return [
            each
            for each in self.measurements
            if not isinstance(each, exceptions.NoMeasurement)
        ]

    def timeline(self, what: str) -> Timeline | None:
        """The Timeline of what was measured, or None."""
        return next(
            (each for each in self.timelines if each.what == what), None
        )

    @functools.cached_property
    def _parts(self) -> list[Part]:
        if self.kind == 'watch':
            return parts_of_watch(self.progress)
        return parts_of_migration(
            self.progress,
            switch_over(self.progress, self.timeline('network'), self.clock),
        )

    @functools.cached_property
    def _seen(self) -> dict[str, Seen]:
        """What was Seen, by what was measured; the first of each."""
        phase = of_operation(self.kind)
        found: dict[str, Seen] = {}
        for each in self.timelines:
            if each.what not in found:
                brownout = self.brownout(each)
                found[each.what] = Seen.of(
                    each, brownout.phase(phase) if brownout else None
                )
        return found

    def brownout(self, timeline: Timeline) -> Brownout | None:
        """The Brownout of one of its Timelines, or None."""
        return Brownout.of(timeline, self._parts)

    @functools.cached_property
    def breakdown(self) -> Breakdown:
        """Where the downtime went, as a Breakdown."""
        return break_down(
            network=self.timeline('network'),
            tcp=self.timeline('tcp'),
            metadata=self.timeline('metadata'),
            clock=self.clock,
            progress=self.progress,
            libvirt_downtime=self.libvirt_downtime,
            storage=self.timeline('storage'),
        )

    def summary(self) -> str:
        """One line."""
        return (
            f'{self.kind.capitalize()} migration of {self.server} from '
            f'{self.source} to {self.destination or "nowhere"}: '
            f'{self.breakdown.text()}'
        )

    def text(self) -> str:
        """All of it, for people: what was seen, and what Nova says."""
        lines = [self.summary()]
        timeline: Timeline | None
        for each in self.measurements:
            if isinstance(each, exceptions.NoMeasurement):
                lines.append(str(each))
                timeline = each.timeline
            else:
                timeline = each
            if timeline is not None:
                lines.append(timeline.summary())
                lines.extend(_outage_lines(timeline))
        if self.clock:
            lines.append(self.clock.summary())
        if self.load:
            lines.append(self.load.text())
        if self.settings:
            lines.append(f'Settings: {in_words(self.settings)}.')
        if self.progress:
            lines.extend(_phase_lines(self.progress))
        lines.extend(self.unchecked(self.limits))
        lines.append(
            f'migration record: {json.dumps(self.record, sort_keys=True)}'
        )
        lines.append(
            "events of the instance action, in the cloud's wall clock:"
        )
        lines.extend(
            f'  {event.get("event")} {event.get("start_time")} - '
            f'{event.get("finish_time")}: {event.get("result")}'
            for event in self.events
        )
        return '\n'.join(lines)

    @property
    def _origin(self) -> float:
        """The moment from which the times of phases and stops count."""
        if self.progress:
            return self.progress.requested
        return min((each.began for each in self.timelines), default=0.0)

    def to_dict(self) -> dict[str, object]:
        """All of it, ready for JSON (its schema: see the documentation)."""
        return {
            'schema': SCHEMA,
            'version': SCHEMA_VERSION,
            'kind': self.kind,
            'server': self.server,
            'source': self.source,
            'destination': self.destination,
            'breakdown': self.breakdown.to_dict(self._origin),
            'measurements': [
                self._measurement(each) for each in self.measurements
            ],
            'guest_clock': self.clock and self.clock.to_dict(self._origin),
            'guest_load': self.load and self.load.to_dict(),
            'progress': self.progress and self.progress.to_dict(self._origin),
            'migration_record': self.record,
            'events': list(self.events),
            'limits': [limit.to_dict() for limit in self.limits],
            'complaints': self.complaints(self.limits),
            'unchecked': self.unchecked(self.limits),
            'figures': [each.to_dict(self._origin) for each in self.figures],
            **self._settings(),
            **self._followed(),
        }

    def _settings(self) -> dict[str, object]:
        """Nothing at all where there are none: they are StarlingX's."""
        if not self.settings:
            return {}
        return {'settings': [each.to_dict() for each in self.settings]}

    def _followed(self) -> dict[str, object]:
        """Nothing at all where there are none: a watch alone follows."""
        if not self.followed:
            return {}
        return {
            'followed': [each.to_dict(self._origin) for each in self.followed]
        }

    def _measurement(
        self, each: Timeline | exceptions.NoMeasurement
    ) -> dict[str, object]:
        if isinstance(each, exceptions.NoMeasurement):
            return {
                'no_measurement': each.reason,
                'seen': each.seen,
                'timeline': each.timeline and self._timeline(each.timeline),
            }
        return self._timeline(each)

    def _timeline(self, timeline: Timeline) -> dict[str, object]:
        brownout = self.brownout(timeline)
        return {
            **timeline.to_dict(),
            'begin': timeline.began - self._origin,
            **(brownout.to_dict(timeline.began) if brownout else {}),
        }


def in_median(timelines: collections.abc.Iterable[Timeline]) -> Seen:
    """The sum of the outages in the median of several Timelines, as Seen.

    What nobody saw of each is in its upper bound.
    """
    seen = [Seen.of(timeline) for timeline in timelines]
    sums = [(Duration.sum(each.durations), each.missed.total) for each in seen]
    median = Distribution.of(
        [
            Duration(total.lower, total.upper + missed, total)
            for total, missed in sums
        ]
    ).median
    return Seen(
        (median,) if median.upper else (),
        statistics.median(each.resolution for each in seen),
    )


def _phase_lines(progress: Progress) -> collections.abc.Iterator[str]:
    origin = progress.requested
    if progress.queued is not None:
        yield f'waited for its turn: {progress.queued}'
    yield 'phases, in seconds after the request:'
    for phase in progress.phases:
        begin = _between(phase.begin, origin)
        end = f' until {_between(phase.end, origin)}' if phase.end else ''
        yield f'  {phase.kind} {phase.name}: from {begin}{end}'


def _outage_lines(timeline: Timeline) -> collections.abc.Iterator[str]:
    """The longest of the outages, in their order: a screenful, not all."""
    longest = sorted(
        timeline.outages, key=lambda outage: outage.duration, reverse=True
    )[:_OUTAGES_TOLD]
    for outage in sorted(longest, key=lambda outage: outage.start):
        yield _outage_line(timeline, outage)
    shorter = len(timeline.outages) - len(longest)
    if shorter:
        yield f'  and {shorter} that were not longer than these'


def _outage_line(timeline: Timeline, outage: Outage) -> str:
    start = outage.start - timeline.began
    end = outage.end - timeline.began
    still_down = ', still down' if outage.ongoing else ''
    return (
        f'  from {start:.3f} s to {end:.3f} s after the first probe: '
        f'{outage.duration}, {outage.failures} probes failed{still_down}'
    )


def _between(moments: tuple[float, float], origin: float) -> str:
    first, last = (moment - origin for moment in moments)
    return f'{first:.1f}..{last:.1f}'
