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
import time

from migration_tempest_plugin import measurement
from migration_tempest_plugin.measurement import cut_off
from migration_tempest_plugin import meters
from migration_tempest_plugin.meters import service as services
from migration_tempest_plugin.meters import service_kinds
from migration_tempest_plugin.running import metering
from migration_tempest_plugin.running import recorder
from migration_tempest_plugin.watch import control
from migration_tempest_plugin.watch import live

#: Seconds after which what was started in a guest ends by itself, should
#: nobody be able to end it.
LIFETIME = 24 * 3600

#: Seconds that the very last probe gets to turn out a lost one.
PATIENCE = 1.0

#: The meters that need no guest: they have their first answer at once.
_FROM_HERE = meters.NetDowntimeMeter, services.ServiceDowntimeMeter

#: Of the others, all samples are there in the end.
_CUT = (
    meters.NetDowntimeMeter,
    meters.GuestHeartbeatMeter,
    services.ServiceDowntimeMeter,
)


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is watched, and how often.

    :ivar targets: addresses that are pinged, and services that are asked
    :ivar services: what is asked of each of these, by its target: see
        meters.service_kinds
    :ivar guests: the ssh.Host of each guest whose clock is asked for, by its
        address, which is one of the targets
    :ivar control: an address that should always answer, or None: see Control
    :ivar metadata: whether these guests ask for their metadata, too
    :ivar interval: seconds from one ping to the next; deadline: within which
        it must be answered
    :ivar service_interval: the same of services; service_deadline, too
    :ivar kept: whether each URL, and each HOST:PORT, is also asked over a
        connection that is kept
    :ivar baseline: seconds within which each must answer at first
    :ivar guest_baseline: seconds within which each guest must have answered
        so often that what it takes is known: long if it has no room for that
    """

    targets: tuple
    guests: dict
    control: str | None = None
    metadata: bool = False
    interval: float = 0.05
    deadline: float = 0.5
    baseline: float = 10.0
    guest_baseline: float = 30.0
    services: dict = dataclasses.field(default_factory=dict)
    service_interval: float = 0.25
    service_deadline: float = 2.0
    kept: bool = False

    @property
    def asked(self):
        """What is measured from here, in words: 'network', 'http'."""
        asked = {each.what for each in self.services.values()}
        if len(self.services) < len(self.targets):
            asked.add('network')
        if self.kept and asked & {'http', 'connect'}:
            asked.add('kept')
        return asked

    @property
    def longest_deadline(self):
        """Seconds after which each probe is answered, or failed."""
        if not self.services:
            return self.deadline
        pause = service_kinds.KeptTcp.pause if self.kept else 0.0
        return max(self.deadline, self.service_deadline + pause)


class Session:
    """Watches as long as its ``with`` lasts.

    :param plan: the Plan
    :param file: the recording.Writer that gets each sample, or None
    """

    def __init__(self, plan, file=None):
        self.plan = plan
        self._recorder = recorder.Recorder(file)
        self._stack = contextlib.ExitStack()
        self.control = plan.control and control.Control(
            plan.control,
            self._recorder.network(
                plan.control, plan.interval, plan.deadline, cut_off.CONTROL
            ),
        )
        self._metering = metering.Metering(
            {target: self._meters_of(target) for target in plan.targets}
        )
        self._live = []

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            if self.control:
                stack.enter_context(self.control)
            stack.enter_context(self._metering)
            self._metering.begin(self._patience)
            baselines = dict(self._metering.baselines)
            if self.control and self.control.baseline is not None:
                baselines[self.control.meter] = self.control.baseline
            self._recorder.begin(baselines)
            self._live = [
                live.Live(
                    target,
                    meter,
                    self._metering.baselines[meter],
                    _clock(its_meters),
                )
                for target, its_meters in self._metering.meters.items()
                for meter in its_meters
            ]
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error):
        self._stack.close()

    def _meters_of(self, target):
        plan = self.plan
        if target in plan.services:
            for service in self._asked(target):
                yield self._recorder.service(
                    target,
                    service,
                    plan.service_interval,
                    plan.service_deadline + service.pause,
                )
            return
        yield self._recorder.network(target, plan.interval, plan.deadline)
        guest = plan.guests.get(target)
        if guest is None:
            return
        yield self._recorder.heartbeat(guest.connect, target, LIFETIME)
        if plan.metadata:
            yield self._recorder.metadata(
                guest, guest.connect, target, lifetime=LIFETIME
            )

    def _asked(self, target):
        """All that is asked of a target that is a service."""
        service = self.plan.services[target]
        yield service
        if not self.plan.kept:
            return
        match service:
            case service_kinds.Http():
                yield service_kinds.Kept(service)
            case service_kinds.Connect():
                yield service_kinds.KeptTcp(service.place)

    def _patience(self, meter):
        return (
            self.plan.baseline
            if isinstance(meter, _FROM_HERE)
            else self.plan.guest_baseline
        )

    def look(self):
        """What happened since the last look.

        :returns: (the State of each target now, the outages that ended since
            then, each as (State, Outage))
        """
        ended = [
            (live.state, outage)
            for live in self._live
            for outage in live.look()
        ]  # reported once
        return [live.state for live in self._live], ended

    def answers(self):
        """The Percentiles of each State's answers up to now, or None.

        In the order of the States that look() gives.
        """
        return [live.answers() for live in self._live]

    def mark(self, mark):
        """Something else is done from a Mark on."""
        for its_meters in self._metering.meters.values():
            for meter in its_meters:
                if isinstance(meter, _CUT):
                    meter.cut(mark.moment)

    def record_migrations(self, target, followed):
        """Have the file get what is new of a target's migrations.

        :param followed: all of them up to now, as Followed, in turn
        """
        self._recorder.migrations(target, followed)

    def cut_off(self):
        """This machine's own outages that ended since the last look."""
        return self.control.look() if self.control else []

    def under_load(self):
        """Each target that has no room for being measured: (it, GuestLoad)."""
        for target in self.plan.targets:
            load = self._metering.load(target)
            if load and load.is_under_load:
                yield target, load

    def is_down(self):
        """Whether anything was down at the last look."""
        return any(live.state.down_since is not None for live in self._live)

    def gaps(self):
        """When this machine itself was cut off, as Gaps."""
        return self.control.gaps() if self.control else ()

    def measured(self, began, marks, limits, gaps):
        """What was seen of each target, as MeasuredMigrations.

        :param began: the moment from which times count
        :param marks: Marks of what was done meanwhile
        :param limits: the Limits that it is to keep
        :param gaps: when this machine itself was cut off
        """
        progress = measurement.Progress.of_marks(
            began, marks, time.monotonic()
        )
        read = self._metering.read(time.monotonic() + PATIENCE)
        return [
            self._measured(target, read[target], progress, limits, gaps)
            for target in self.plan.targets
        ]

    def _measured(self, target, read, progress, limits, gaps):
        return measurement.MeasuredMigration(
            server=target,
            source=None,
            destination=None,
            measurements=tuple(
                cut_off.without(each, gaps) for each in read.measurements
            ),
            clock=read.clock,
            progress=progress,
            kind='watch',
            limits=self._limits_of(target, limits),
            load=read.load,
        )

    def _limits_of(self, target, limits):
        """Those for what is measured of it: a service is not pinged."""
        if target not in self.plan.services:
            return tuple(
                each for each in limits if each.what not in service_kinds.KINDS
            )
        asked = [each.what for each in self._asked(target)]
        return tuple(each for each in limits if each.what in asked)


def _clock(its_meters):
    """What gives the guest's clock of the last minutes, if one asks for it."""
    return next(
        (
            meter.recent_clock
            for meter in its_meters
            if isinstance(meter, meters.GuestHeartbeatMeter)
        ),
        None,
    )


def epoch(moment):
    """A moment of this machine's clock, in seconds since 1970."""
    return time.time() - time.monotonic() + moment


def wall(moment):
    """The time of day of a moment, for people."""
    seconds = epoch(moment)
    whole = time.strftime('%H:%M:%S', time.localtime(seconds))
    milliseconds = int(seconds % 1 * 1000)
    return f'{whole}.{milliseconds:03d}'
