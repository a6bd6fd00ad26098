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
"""Meters that are set up around whatever is done meanwhile."""

import collections.abc
import contextlib
import dataclasses
import functools
import itertools
import typing

from migration_tempest_plugin import exceptions
from migration_tempest_plugin import measurement
from migration_tempest_plugin.meters import heartbeat
from migration_tempest_plugin.meters import many
from migration_tempest_plugin.meters import network
from migration_tempest_plugin.meters import reading
from migration_tempest_plugin import threads

#: Of how many targets the guests are worked in at a time: for some seconds
#: each, and nearly all of it is waiting for the guest.
_AT_A_TIME = 16

_Measured: typing.TypeAlias = (
    measurement.Timeline | heartbeat.Heartbeat | exceptions.NoMeasurement
)


@dataclasses.dataclass(frozen=True)
class Read:
    """What the meters of one target have measured.

    :ivar measurements: a Timeline each, or the NoMeasurement that says why not
    :ivar clock: the GuestClock, or None
    :ivar load: the GuestLoad, or None
    """

    measurements: tuple[measurement.Timeline | exceptions.NoMeasurement, ...]
    clock: measurement.GuestClock | None
    load: measurement.GuestLoad | None


class Metering:
    """Meters of some targets; all of them end with its ``with``.

    :param meters: {target: its meters, which are not set up}; that of the
        network is the first of them
    :ivar meters: the same, as tuples
    :ivar baselines: {meter: the moment from which it counts}
    """

    def __init__(
        self,
        meters: collections.abc.Mapping[
            str, collections.abc.Iterable[reading.Meter]
        ],
    ) -> None:
        self.meters = {target: tuple(each) for target, each in meters.items()}
        self._taken: dict[str, measurement.Taken] = {}
        self._stacks = {
            target: contextlib.ExitStack() for target in self.meters
        }
        self.baselines: dict[reading.Meter, float] = {}

    def __enter__(self) -> 'Metering':
        return self

    def __exit__(self, *error: object) -> None:
        threads.call_all(
            (stack.close for stack in self._stacks.values()), _AT_A_TIME
        )

    def begin(
        self, patience: collections.abc.Callable[[reading.Meter], float]
    ) -> None:
        """Set them up, and wait until what each measures is up.

        :param patience: called with a meter: how many seconds it may take
        :raises NoMeasurement: if something is not up by then
        """
        # Those of the network show best who does not answer at all.
        many.set_up(
            functools.partial(reading.set_up, self._stacks[target], first)
            for target, (first, *_) in self.meters.items()
        )
        threads.call_all(
            (
                functools.partial(self._set_up_inside, target)
                for target in self.meters
            ),
            _AT_A_TIME,
        )
        self.baselines.update(
            many.wait_until_up(self._of_network(), patience).items()
        )
        for meter in self._others():
            self.baselines[meter] = meter.wait_until_up(patience(meter))
        self._taken = {
            target: reading.taken(its_meters)
            for target, its_meters in self.meters.items()
        }

    def _set_up_inside(self, target: str) -> None:
        """Set up those in a guest; the last takes longest until it is up."""
        _, *inside = self.meters[target]
        for meter in reversed(inside):
            reading.set_up(self._stacks[target], meter)

    def recover(self, give_up: float) -> None:
        """Wait until all of it is up again, or a moment is reached."""
        many.wait_until_recovered(self._of_network(), give_up)
        for meter in self._others():
            reading.wait_until_recovered(meter, give_up)

    def read(self, give_up: float) -> dict[str, Read]:
        """What was Read of each target since it was up.

        :param give_up: until which moment the very last probe may recover
        """
        of_network = {each: self._since(each) for each in self._of_network()}
        measured: dict[reading.Meter, _Measured] = dict(
            many.read(of_network, give_up).items()
        )
        for meter in self._others():
            measured[meter] = reading.read(meter, self._since(meter), give_up)
        return {target: self._read(target, measured) for target in self.meters}

    def _since(self, meter: reading.Meter) -> float:
        return self.baselines.get(meter, 0.0)

    def _read(
        self,
        target: str,
        measured: collections.abc.Mapping[reading.Meter, _Measured],
    ) -> Read:
        measurements, clock = reading.join(
            measured[meter] for meter in self.meters[target]
        )
        return Read(measurements, clock, self.load(target))

    def load(self, target: str) -> measurement.GuestLoad | None:
        """The GuestLoad of a target up to now, or None."""
        return reading.guest_load(self.meters[target], self._taken.get(target))

    def _of_network(self) -> list[network.NetDowntimeMeter]:
        return [
            meter
            for meter in self._every()
            if isinstance(meter, network.NetDowntimeMeter)
        ]

    def _others(self) -> list[reading.Meter]:
        return [
            meter
            for meter in self._every()
            if not isinstance(meter, network.NetDowntimeMeter)
        ]

    def _every(self) -> list[reading.Meter]:
        return list(itertools.chain.from_iterable(self.meters.values()))
