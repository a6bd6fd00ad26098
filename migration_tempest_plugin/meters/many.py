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
"""Meters of the network of many targets, set up and read at the same time.

What they all wait for is waited for once, not once for each of them.
"""

import collections.abc
import itertools
import time
import typing

from oslo_log import log

from migration_tempest_plugin import exceptions
from migration_tempest_plugin import measurement
from migration_tempest_plugin.meters.network import NetDowntimeMeter
from migration_tempest_plugin import threads

LOG = log.getLogger(__name__)

#: How many are set up at a time: at each of its looks, the prober answers all
#: that it was asked for.
_SET_UP_AT_A_TIME = 64

_Measured: typing.TypeAlias = measurement.Timeline | exceptions.NoMeasurement


def set_up(
    calls: collections.abc.Iterable[collections.abc.Callable[[], object]],
) -> None:
    """Set up meters: each call sets up one of them."""
    waiting = iter(calls)
    # One alone, since it shows whether anything can be sent from here.
    for first in itertools.islice(waiting, 1):
        first()
    threads.call_all(waiting, _SET_UP_AT_A_TIME)


def wait_until_up(
    meters: collections.abc.Iterable[NetDowntimeMeter],
    patience: collections.abc.Callable[[NetDowntimeMeter], float],
) -> dict[NetDowntimeMeter, float]:
    """The moment from which each counts.

    :param patience: called with a meter: how many seconds it may take
    :raises NoMeasurement: if one is not up by then
    """
    since = time.monotonic()
    return {
        meter: meter.wait_until_up(patience(meter), since) for meter in meters
    }


def wait_until_recovered(
    meters: collections.abc.Iterable[NetDowntimeMeter], give_up: float
) -> None:
    """Wait until all are up again; what is down for longer, is so."""
    since = time.monotonic()
    down = []
    for meter in meters:
        try:
            meter.wait_until_up(max(1.0, give_up - since), since)
        except exceptions.NoMeasurement as error:
            down.append(error)
    if down:
        LOG.warning('Not back: %d targets. The first: %s', len(down), down[0])


def read(
    baselines: collections.abc.Mapping[NetDowntimeMeter, float],
    give_up: float,
) -> dict[NetDowntimeMeter, _Measured]:
    """What each measured since its baseline, or the NoMeasurement.

    If the very last probe failed, it is down once more: that gets its time to
    recover, too.

    :param give_up: until which moment it may
    """
    found: dict[NetDowntimeMeter, _Measured] = {}
    left = set(baselines)
    while left:
        now = time.monotonic()
        read = {meter: _read(meter, baselines[meter], now) for meter in left}
        found |= read
        down = {meter for meter, each in read.items() if _is_down(each)}
        left = down if now <= give_up else set()
        wait_until_recovered(left, give_up)
    return found


def _read(meter: NetDowntimeMeter, baseline: float, until: float) -> _Measured:
    try:
        return meter.measurement(until).since(baseline)
    except exceptions.NoMeasurement as error:
        return error


def _is_down(measured: _Measured) -> bool:
    """Whether it may recover."""
    return (
        isinstance(measured, exceptions.NoMeasurement)
        and measured.timeline is not None
    )
