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

import time

from oslo_log import log
import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin import measurement
from migration_tempest_plugin.meters import heartbeat
from migration_tempest_plugin.meters import metadata

LOG = log.getLogger(__name__)

#: The meters that run something in the guest, and how their cost is called.
#: Each has ``guest_cpu``: the seconds of the guest's processors that it has
#: taken up to now, or None where that is not known.
_IN_GUEST = ((heartbeat.GuestHeartbeatMeter, 'heartbeat'),
             (metadata.MetadataDowntimeMeter, 'metadata'))


def set_up(stack, meter):
    """Set up a meter and have it cleaned up with the stack.

    A fixture that fails raises its error with others around it; here it is
    the error alone.
    """
    try:
        stack.enter_context(meter)
    except testtools.MultipleExceptions as errors:
        raise errors.args[0][1]


def wait_until_recovered(meter, give_up):
    """Wait until it is up again; what is down for longer, is so."""
    try:
        meter.wait_until_up(max(1, give_up - time.monotonic()))
    except exceptions.NoMeasurement as error:
        LOG.warning('Not back: %s', error)


def read(meter, baseline, give_up):
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


def join(readings):
    """The measurements in the tester's clock, and the guest's clock.

    Without the guest's clock, what is in it stays in it.
    """
    clock = None
    measurements = []
    for each in readings:
        if isinstance(each, heartbeat.Heartbeat):
            clock = each.clock
            each = each.stalls
        measurements.append(each)
    return tuple(
        each.joined(clock) if clock and getattr(each, 'clock', '') == 'guest'
        else each for each in measurements), clock


def taken(meters):
    """What meters of one guest have Taken of its processors up to now."""
    return measurement.Taken(time.monotonic(), {
        name: meter.guest_cpu for meter in meters
        for kind, name in _IN_GUEST if isinstance(meter, kind)})


def guest_load(meters, before):
    """The GuestLoad while meters of one guest measured.

    :param before: what they had Taken when the baseline was over
    :returns: None if none of them runs in the guest, or if there was no
        baseline
    """
    if before is None or not before.processor:
        return None
    idle = next((meter.idle_before for meter in meters if isinstance(
        meter, heartbeat.GuestHeartbeatMeter)), None)
    return measurement.GuestLoad.between(idle, before, taken(meters))
