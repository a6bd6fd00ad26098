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
"""What all meters have in common: set up, read with patience, joined."""

import collections.abc
import contextlib
import time
import typing

from oslo_log import log
import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin import measurement
from migration_tempest_plugin.meters import heartbeat
from migration_tempest_plugin.meters import metadata
from migration_tempest_plugin.meters import storage

LOG = log.getLogger(__name__)

_InGuest = (
    heartbeat.GuestHeartbeatMeter
    | metadata.MetadataDowntimeMeter
    | storage.StorageStallMeter
)

#: The meters that run something in the guest, and how their cost is called.
#: Each has ``guest_cpu``: the seconds of the guest's processors that it has
#: taken up to now, or None where that is not known.
_IN_GUEST: tuple[tuple[type[_InGuest], str], ...] = (
    (heartbeat.GuestHeartbeatMeter, 'heartbeat'),
    (metadata.MetadataDowntimeMeter, 'metadata'),
    (storage.StorageStallMeter, 'storage'),
)


class _Since(typing.Protocol):
    """What a meter measured."""

    def since(self: '_Measured', moment: float, /) -> '_Measured':
        """What it measured at a moment or later."""


_Measured = typing.TypeVar('_Measured', bound=_Since)
_Measured_co = typing.TypeVar('_Measured_co', bound=_Since, covariant=True)


class Measuring(typing.Protocol[_Measured_co]):
    """A meter that is set up."""

    def wait_until_up(self, timeout: float, /) -> float:
        """Wait for an answer; returns the moment from which it counts."""

    def measurement(self) -> _Measured_co:
        """What it has measured up to now."""


class Meter(
    contextlib.AbstractContextManager[object],
    Measuring[measurement.Timeline | heartbeat.Heartbeat],
    typing.Protocol,
):
    """A meter, which measures as long as its ``with`` lasts."""


def set_up(
    stack: contextlib.ExitStack,
    meter: contextlib.AbstractContextManager[object],
) -> None:
    """Set up a meter and have it cleaned up with the stack.

    A fixture that fails raises its error with others around it; here it is
    the error alone.
    """
    try:
        stack.enter_context(meter)
    except testtools.MultipleExceptions as errors:
        raise errors.args[0][1] from None


def wait_until_recovered(meter: Measuring[_Since], give_up: float) -> None:
    """Wait until it is up again; what is down for longer, is so."""
    try:
        meter.wait_until_up(max(1, give_up - time.monotonic()))
    except exceptions.NoMeasurement as error:
        LOG.warning('Not back: %s', error)


def read(
    meter: Measuring[_Measured], baseline: float, give_up: float
) -> _Measured | exceptions.NoMeasurement:
    """What it measured since its baseline, or the NoMeasurement.

    If the very last probe failed, it is down once more: that gets its time to
    recover, too.
    """
    while True:
        try:
            return meter.measurement().since(baseline)
        except exceptions.NoMeasurement as error:
            if error.timeline is None or time.monotonic() > give_up:
                return error
        wait_until_recovered(meter, give_up)


def join(
    readings: collections.abc.Iterable[
        measurement.Timeline | heartbeat.Heartbeat | exceptions.NoMeasurement
    ],
) -> tuple[
    tuple[measurement.Timeline | exceptions.NoMeasurement, ...],
    measurement.GuestClock | None,
]:
    """The measurements in the tester's clock, and the guest's clock.

    Without the guest's clock, what is in it stays in it.
    """
    clock = None
    measurements: list[measurement.Timeline | exceptions.NoMeasurement] = []
    for each in readings:
        if isinstance(each, heartbeat.Heartbeat):
            clock = each.clock
            each = each.stalls
        measurements.append(each)
    return tuple(
        each.joined(clock)
        if clock
        and isinstance(each, measurement.Timeline)
        and each.clock == 'guest'
        else each
        for each in measurements
    ), clock


def taken(meters: collections.abc.Iterable[object]) -> measurement.Taken:
    """What meters of one guest have Taken of its processors up to now."""
    return measurement.Taken(
        time.monotonic(),
        {
            name: meter.guest_cpu
            for meter in meters
            for kind, name in _IN_GUEST
            if isinstance(meter, kind)
        },
    )


def guest_load(
    meters: collections.abc.Collection[object],
    before: measurement.Taken | None,
) -> measurement.GuestLoad | None:
    """The GuestLoad while meters of one guest measured.

    :param before: what they had Taken when the baseline was over
    :returns: None if none of them runs in the guest, or if there was no
        baseline
    """
    if before is None or not before.processor:
        return None
    idle = next(
        (
            meter.idle_before
            for meter in meters
            if isinstance(meter, heartbeat.GuestHeartbeatMeter)
        ),
        None,
    )
    return measurement.GuestLoad.between(idle, before, taken(meters))
