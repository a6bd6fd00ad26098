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
"""Whether this machine itself can reach anybody."""

import contextlib
import ipaddress
import pathlib
import sys

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.measurement import cut_off
from migration_tempest_plugin.meters import reading
from migration_tempest_plugin.watch import live

#: Seconds within which a control must answer at first.
PATIENCE = 3.0

_ROUTES = pathlib.Path('/proc/net/route')
#: Flags of a route that is up, and leads to a gateway (linux/route.h).
_TO_GATEWAY = 0x3


class Control:
    """Pings what should always answer, as long as its ``with`` lasts.

    :param address: which one
    :param meter: the NetDowntimeMeter of it
    :ivar baseline: when it had answered, or None
    :ivar why: why nothing is known by it, or None
    """

    def __init__(self, address, meter):
        self.address = address
        self.meter = meter
        self.baseline = None
        self.why = None
        self._live = None
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        try:
            reading.set_up(self._stack, self.meter)
            self.baseline = self.meter.wait_until_up(PATIENCE)
        except exceptions.NoMeasurement as error:
            self.why = error.reason
            return self
        self._live = live.Live(self.address, self.meter, self.baseline)
        return self

    def __exit__(self, *error):
        self._stack.close()

    def look(self):
        """The outages of this machine that ended since the last look."""
        return self._live.look() if self._live else []

    def gaps(self):
        """When this machine was cut off, as Gaps."""
        if self.baseline is None:
            return ()
        # Nobody waits until it is back.
        return cut_off.gaps(reading.read(self.meter, self.baseline, 0))


def gateway(routes=_ROUTES):
    """The address of the machine's default gateway, by IPv4, or None."""
    try:
        lines = routes.read_text().splitlines()[1:]
    except OSError:
        return None
    for line in lines:
        fields = line.split()
        if len(fields) < 8:
            continue
        destination, via, flags, mask = (
            int(fields[place], 16) for place in (1, 2, 3, 7)
        )
        if not destination and not mask and flags & _TO_GATEWAY == _TO_GATEWAY:
            # as it lies in memory
            return str(ipaddress.IPv4Address(via.to_bytes(4, sys.byteorder)))
    return None
