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
"""The meters of a watch, what they see as it happens, and its record."""

import contextlib
import dataclasses
import functools
import time

from migration_tempest_plugin import exceptions
from migration_tempest_plugin import measurement
from migration_tempest_plugin import meters
from migration_tempest_plugin.running import metering

#: Seconds after which what was started in a guest ends by itself, should
#: nobody be able to end it.
LIFETIME = 24 * 3600

#: Seconds that the very last probe gets to turn out a lost one.
PATIENCE = 1.0


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is watched, and how often.

    :ivar targets: addresses that are pinged
    :ivar guests: the ssh.Host of each guest whose clock is asked for, by its
        address, which is one of the targets
    :ivar metadata: whether these guests ask for their metadata, too
    :ivar interval: seconds from one ping to the next; deadline: within which
        it must be answered
    :ivar baseline: seconds within which each must answer pings at first
    :ivar guest_baseline: seconds within which each guest must have answered
        so often that what it takes is known: long if it has no room for that
    """

    targets: tuple
    guests: dict
    metadata: bool = False
    interval: float = 0.05
    deadline: float = 0.5
    baseline: float = 10.0
    guest_baseline: float = 30.0


@dataclasses.dataclass(frozen=True)
class State:
    """What is known of one target now.

    :ivar what: 'network' or 'tcp'
    :ivar down_since: in seconds of this machine's clock, or None
    :ivar lost: why it can't be measured any more, or None
    :ivar outages: those that are over
    :ivar resolution: seconds; no outage that was longer was missed, so far
    """

    target: str
    what: str
    down_since: float | None = None
    lost: str | None = None
    outages: tuple = ()
    resolution: float = 0.0

    @property
    def longest(self):
        """The Duration of the longest outage that is over."""
        return measurement.Duration.longest(
            (outage.duration for outage in self.outages), self.resolution
        )

    @property
    def total(self):
        """The Duration of all outages in sum that are over."""
        return measurement.Duration.sum(
            (outage.duration for outage in self.outages), self.resolution
        )


class Session:
    """Watches as long as its ``with`` lasts.

    :param plan: the Plan
    :param file: the recording.Writer that gets each sample, or None
    """

    def __init__(self, plan, file=None):
        self.plan = plan
        self._file = file
        self._recorded = {}  # meter: the number of its stream
        self._stack = contextlib.ExitStack()
        self._metering = metering.Metering(
            {target: self._meters_of(target) for target in plan.targets}
        )
        self._live = []

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._metering)
            self._metering.begin(self._patience)
            for meter, stream in self._recorded.items():
                self._file.baseline(stream, self._metering.baselines[meter])
            self._live = [
                _Live(target, meter, self._metering.baselines[meter])
                for target, its_meters in self._metering.meters.items()
                for meter in its_meters
                if hasattr(meter, 'recent')
            ]
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error):
        self._stack.close()
        self._tell_known()

    def _meters_of(self, target):
        plan = self.plan
        yield self._network_meter(target)
        guest = plan.guests.get(target)
        if guest is None:
            return
        yield meters.GuestHeartbeatMeter(
            guest.connect, target=target, lifetime=LIFETIME
        )
        if plan.metadata:
            yield meters.MetadataDowntimeMeter(guest, lifetime=LIFETIME)

    def _network_meter(self, target):
        plan = self.plan
        if self._file is None:
            return meters.NetDowntimeMeter(
                target, plan.interval, plan.deadline
            )
        stream = self._file.add(
            'network',
            target,
            plan.interval,
            plan.deadline,
            measurement.Probing.INDEPENDENT,
            'prober',
        )
        meter = meters.NetDowntimeMeter(
            target,
            plan.interval,
            plan.deadline,
            sink=functools.partial(self._file.take, stream),
        )
        self._recorded[meter] = stream
        return meter

    def _tell_known(self):
        known = [meter.known for meter in self._recorded]
        if known and None not in known:
            self._file.know(min(known))

    def _patience(self, meter):
        return (
            self.plan.baseline
            if isinstance(meter, meters.NetDowntimeMeter)
            else self.plan.guest_baseline
        )

    def look(self):
        """What happened since the last look.

        :returns: (the State of each target now, the outages that ended since
            then, each as (State, Outage))
        """
        self._tell_known()
        ended = [
            (live.state, outage)
            for live in self._live
            for outage in live.look()
        ]  # reported once
        return [live.state for live in self._live], ended

    def under_load(self):
        """Each target that has no room for being measured: (it, GuestLoad)."""
        for target in self.plan.targets:
            load = self._metering.load(target)
            if load and load.is_under_load:
                yield target, load

    def is_down(self):
        """Whether anything was down at the last look."""
        return any(live.state.down_since is not None for live in self._live)

    def measured(self, began, marks, limits):
        """What was seen of each target, as MeasuredMigrations.

        :param began: the moment from which times count
        :param marks: Marks of what was done meanwhile
        :param limits: the Limits that it is to keep
        """
        progress = measurement.Progress.of_marks(
            began, marks, time.monotonic()
        )
        return [
            self._measured(target, progress, limits)
            for target in self.plan.targets
        ]

    def _measured(self, target, progress, limits):
        read = self._metering.read(target, time.monotonic() + PATIENCE)
        return measurement.MeasuredMigration(
            server=target,
            source=None,
            destination=None,
            measurements=read.measurements,
            clock=read.clock,
            progress=progress,
            kind='watch',
            limits=limits,
            load=read.load,
        )


class _Live:
    """What a meter sees, looked at piece by piece: a watch may take days."""

    def __init__(self, target, meter, baseline):
        self.state = State(
            target,
            'tcp'
            if isinstance(meter, meters.GuestHeartbeatMeter)
            else 'network',
        )
        self._meter = meter
        self._answered = baseline

    def look(self):
        """The outages that are known to be over since the last look."""
        if self.state.lost:
            return []  # for good; and why costs a look at all there was
        try:
            timeline = self._meter.recent(self._answered)
        except exceptions.NoMeasurement as error:
            # Nobody will see it come back, so nobody is to wait for that.
            self.state = dataclasses.replace(
                self.state, lost=error.reason, down_since=None
            )
            return []
        if timeline is None:
            return []
        self._answered = max(
            sample.start for sample in timeline.samples if sample.answered
        )
        ended = [outage for outage in timeline.outages if not outage.ongoing]
        self.state = dataclasses.replace(
            self.state,
            down_since=timeline.down_since,
            outages=(*self.state.outages, *ended),
            resolution=max(self.state.resolution, timeline.resolution),
        )
        return ended


def epoch(moment):
    """A moment of this machine's clock, in seconds since 1970."""
    return time.time() - time.monotonic() + moment


def wall(moment):
    """The time of day of a moment, for people."""
    seconds = epoch(moment)
    whole = time.strftime('%H:%M:%S', time.localtime(seconds))
    milliseconds = int(seconds % 1 * 1000)
    return f'{whole}.{milliseconds:03d}'
