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
import itertools
import pathlib
import sys

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.measurement import cut_off
from migration_tempest_plugin.meters import reading
from migration_tempest_plugin.watch import live

#: Seconds within which a control must answer at first.
PATIENCE = 3.0

_ROUTES = pathlib.Path('/proc/net/route')
_ROUTES_6 = pathlib.Path('/proc/net/ipv6_route')
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


def gateway(routes=_ROUTES, routes_6=_ROUTES_6):
    """The address of the machine's default gateway, or None.

    That of IPv4, if there is one; else one of IPv6, with its interface.
    """
    found = itertools.chain(
        map(_gateway, _table(routes)[1:]), map(_gateway_6, _table(routes_6))
    )
    return next(filter(None, found), None)


def _table(path):
    """The fields of each line of a file of the kernel."""
    try:
        return [line.split() for line in path.read_text().splitlines()]
    except OSError:
        return []


def _gateway(fields):
    """The address in a line of a default route of IPv4, or None."""
    if len(fields) < 8:
        return None
    destination, via, flags, mask = (
        int(fields[place], 16) for place in (1, 2, 3, 7)
    )
    if destination or mask or flags & _TO_GATEWAY != _TO_GATEWAY:
        return None
    # as it lies in memory
    return str(ipaddress.IPv4Address(via.to_bytes(4, sys.byteorder)))


def _gateway_6(fields):
    """The same of IPv6."""
    if len(fields) < 10:
        return None
    destination, length, via, flags = (
        int(fields[place], 16) for place in (0, 1, 4, 8)
    )
    if destination or length or flags & _TO_GATEWAY != _TO_GATEWAY:
        return None
    address = ipaddress.IPv6Address(via)
    # One of a link is nothing without it.
    return f'{address}%{fields[9]}' if address.is_link_local else str(address)
