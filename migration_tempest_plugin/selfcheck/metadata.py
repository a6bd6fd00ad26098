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
"""Makes outages of a metadata service, for meters side by side."""

import concurrent.futures
import contextlib
import dataclasses
import functools
import os
import random
import socket
import statistics
import time

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.meters import MetadataDowntimeMeter
from migration_tempest_plugin.meters import reading as meter_reading
from migration_tempest_plugin.selfcheck import cost
from migration_tempest_plugin.selfcheck import guest
from migration_tempest_plugin.selfcheck import metadata_server
from migration_tempest_plugin.selfcheck import network
from migration_tempest_plugin.selfcheck import reading
from migration_tempest_plugin import words

#: Ways to be down.
KINDS = DROP, REFUSAL, ERROR = 'silent drop', 'refusal', 'HTTP 503'

#: How the table calls the third one.
TEMPEST = "Tempest's meter"

#: Seconds by which an outage is longer than planned, at random up to this.
JITTER = 0.02


@dataclasses.dataclass(frozen=True)
class Plan:
    """Outages one after another, with all meters looking at them.

    :ivar interval: from request to request of each meter, in seconds
    :ivar widths: how far apart the bounds of an outage may be, by its kind
    :ivar outages: kind and length in seconds of each
    :ivar quiet: seconds without any outage, before them
    """

    interval: float
    widths: dict[str, float]
    outages: tuple[tuple[str, float], ...]
    quiet: float


def _plans(default, closer, quiet):
    """At the interval that is the default, and at one that looks closer.

    An outage begins between two requests: its bounds can't be closer than an
    interval.

    :param default, closer: lengths of outages for the one and the other
    """
    return tuple(
        Plan(
            interval,
            widths,
            tuple((kind, length) for length in lengths for kind in KINDS),
            quiet,
        )
        for interval, widths, lengths in (
            (0.2, dict.fromkeys(KINDS, 0.5), default),
            (0.1, {DROP: 0.5, REFUSAL: 0.2, ERROR: 0.2}, closer),
        )
    )


#: Half a minute.
QUICK = _plans((0.5, 1.0), (0.2, 0.5), 3.0)

_MANY = (0.2, 0.5, 1.0) * 6 + (2.0,) * 3 + (5.0, 10.0)
#: Ten minutes: the figures of the documentation.
THOROUGH = _plans(_MANY, _MANY, 60.0)


@dataclasses.dataclass(frozen=True)
class Cost:
    """What a meter took in its guest.

    :ivar cpu: seconds of processor
    :ivar requests: made in that time
    :ivar seconds: how long that was
    """

    cpu: float
    requests: int
    seconds: float

    def less(self, before):
        """What came after an earlier one."""
        return Cost(
            self.cpu - before.cpu,
            self.requests - before.requests,
            self.seconds - before.seconds,
        )

    def __str__(self):
        return (
            f'{self.cpu / self.requests * 1000:.1f} ms of processor a '
            f'request, {self.cpu / self.seconds * 100:.1f} % of a core at '
            f'{self.requests / self.seconds:.1f} a second'
        )


@dataclasses.dataclass(frozen=True)
class Seen:
    """What one meter of this plugin made of a plan.

    :ivar readings: of each outage
    :ivar false: how many outages were seen that were none
    :ivar method: what asked
    :ivar cost: the Cost of the quiet time
    :ivar resolution: in seconds
    :ivar unobserved: likewise
    """

    readings: tuple[reading.Reading, ...]
    false: int
    method: str
    cost: Cost
    resolution: float
    unobserved: float

    @property
    def held(self):
        """Of how many outages the bounds hold the truth."""
        return sum(each.holds for each in self.readings)


@dataclasses.dataclass(frozen=True)
class Said:
    """What Tempest's own meter said of a plan, in seconds FAILED.

    :ivar seconds: of each outage
    :ivar quiet: of the time without any
    :ivar cost: the Cost of the quiet time
    """

    seconds: tuple[float, ...]
    quiet: float
    cost: Cost


@dataclasses.dataclass(frozen=True)
class Result:
    """What a Plan came to.

    :ivar ours: the Seen of the meter as it is by default
    :ivar loop: the Seen of the same, which starts curl for each request
    :ivar tempest: the Said of Tempest's meter, or None
    :ivar seconds: how long it took
    """

    plan: Plan
    ours: Seen
    loop: Seen
    tempest: Said | None
    seconds: float

    @property
    def wide(self):
        """How many of this meter's bounds are further apart than promised."""
        return sum(
            each.width > self.plan.widths[each.planned[0]]
            for each in self.ours.readings
        )

    @property
    def good(self):
        """Whether all that is promised held."""
        return (
            self.ours.false == 0
            and self.wide == 0
            and self.ours.held == len(self.plan.outages)
        )


def run(plan, progress, tempest_meter=None):
    """Carry out a plan in namespaces of its own.

    :param progress: called with a line of text now and then
    :param tempest_meter: the class of Tempest's meter, to run it beside
    :returns: the Result
    """
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        net = stack.enter_context(network.Network())
        net.add_metadata_address()
        server = stack.enter_context(
            metadata_server.MetadataServer(
                network.METADATA,
                80,
                lambda make: _in_server(net, make),
                # Tempest's meter looks for it in the answer.
                socket.gethostname().encode(),
            )
        )
        # Each in a guest of its own, which shows what it takes.
        *guests, third = (
            stack.enter_context(guest.Guest(net.client)) for _ in range(3)
        )
        meters = [
            MetadataDowntimeMeter(its_guest, interval=plan.interval, tool=tool)
            for its_guest, tool in zip(guests, cost.TOOLS.values())
        ]
        for meter in meters:
            meter_reading.set_up(stack, meter)
        beside = tempest_meter and _Tempest(
            stack, tempest_meter, third, plan.interval
        )
        baselines = _wait_until_up(meters)
        costs, quiet = _quiet(plan, meters, guests, beside)
        injected, said = _outages(plan, net, server, meters, beside, progress)
        timelines = list(map(cost.measured, meters, baselines))
    return Result(
        plan,
        *(
            _seen(plan, timeline, injected, its_cost)
            for timeline, its_cost in zip(timelines, costs)
        ),
        beside and Said(said, quiet, costs[-1]),
        time.monotonic() - began,
    )


def _in_server(net, make):
    with net.server():
        return make()


class _Tempest:
    """Tempest's meter in the guest; it is set up with a stack."""

    def __init__(self, stack, meter, its_guest, interval):
        self._guest = its_guest
        paths = {
            name: os.path.join(its_guest.folder, name)
            for name in ('script_path', 'output_path', 'pidfile_path')
        }
        # It reads its process's number as soon as it has started that, which
        # may not have written it then. A pipe is waited for.
        os.mkfifo(paths['pidfile_path'])
        self._meter = stack.enter_context(
            meter(its_guest, interval=f'{interval:g}', **paths)
        )

    def cost(self):
        return _cost(self._meter, self._guest)

    def failed(self):
        """Seconds of all requests that failed up to now."""
        return self._meter.get_results()['downtime']['FAILED']

    def settle(self):
        """Wait for the end of a request that begins from now on.

        :raises NoMeasurement: if there is none
        """
        enough = self._requests() + 2
        give_up = time.monotonic() + cost.PATIENCE
        while self._requests() < enough:
            if time.monotonic() > give_up:
                raise exceptions.NoMeasurement(
                    "Tempest's meter made no request within "
                    f'{cost.PATIENCE:g} s'
                )
            time.sleep(0.05)

    def _requests(self):
        return cost.requests(self._meter)


def _cost(meter, its_guest):
    """What it took up to now."""
    return Cost(its_guest.cpu(), cost.requests(meter), time.monotonic())


def _wait_until_up(meters):
    """Wait until each has an answer; returns the moments of these."""
    with concurrent.futures.ThreadPoolExecutor() as threads:
        return list(
            threads.map(
                lambda meter: meter.wait_until_up(cost.PATIENCE), meters
            )
        )


def _quiet(plan, meters, guests, beside):
    """The Cost of each meter without an outage, and what Tempest's says."""
    asked = [functools.partial(_cost, *each) for each in zip(meters, guests)]
    if beside:
        beside.settle()
        asked.append(beside.cost)
    before = [ask() for ask in asked]
    failed = beside and beside.failed()
    time.sleep(plan.quiet)
    costs = [ask().less(earlier) for ask, earlier in zip(asked, before)]
    return costs, beside and beside.failed() - failed


def _outages(plan, net, server, meters, beside, progress):
    """Make them; returns them, and what Tempest's meter says of each."""
    # Always the same, so that two runs can be compared.
    chance = random.Random(5)
    switches = {
        DROP: (net.cut, net.mend),
        REFUSAL: (server.refuse, server.answer),
        ERROR: (lambda: server.answer(503, b'none now'), server.answer),
    }
    injected, said = [], []
    for number, (kind, seconds) in enumerate(plan.outages, 1):
        # It begins anywhere between two requests.
        time.sleep(chance.uniform(0, 2 * plan.interval))
        failed = beside and beside.failed()
        with network.inject(*switches[kind], clock=_uptime) as outage:
            time.sleep(seconds + chance.uniform(0, JITTER))
        injected.append(outage)
        _wait_until_up(meters)
        if beside:
            beside.settle()
            said.append(beside.failed() - failed)
        if number % len(switches) == 0:
            progress(f'{number} of {len(plan.outages)} outages of metadata')
    return injected, tuple(said)


def _uptime():
    """The clock of this machine and its guest, not cut to hundredths."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _seen(plan, timeline, injected, its_cost):
    readings, false = reading.read(timeline, plan.outages, injected)
    return Seen(
        readings,
        false,
        timeline.method,
        its_cost,
        timeline.resolution,
        timeline.unobserved,
    )


def text(result):
    """A table of a result, for people."""
    ours, loop, tempest = result.ours, result.loop, result.tempest
    meters = [(cost.OURS, ours), (cost.LOOP, loop)]
    plan = result.plan
    widths = ', '.join(
        f'{width:g} s ({kind})' for kind, width in plan.widths.items()
    )
    return '\n'.join(
        [
            (
                f'metadata, a request each {plan.interval:g} s: '
                f'{words.counted(len(plan.outages), "outage")} in '
                f'{result.seconds:.0f} s, '
                f'by {ours.method}'
            ),
            *_heading([name for name, _ in meters], tempest),
            *(_row(result, *each) for each in _in_order(plan.outages)),
            _none(meters, tempest),
            (
                f'  bounds hold {ours.held} of {len(ours.readings)}; '
                f'further apart than {widths}: {result.wide}; '
                f'outages that were none: {ours.false}'
            ),
            (
                f'  resolution reached {ours.resolution:.4f} s, '
                f'unobserved {ours.unobserved:.4f} s'
            ),
            *(
                f'  {name}: {seen.cost}'
                for name, seen in [
                    *meters,
                    *([(TEMPEST, tempest)] if tempest else []),
                ]
            ),
        ]
    )


def _heading(names, tempest):
    lines = (
        ('', ''.join(f'   {name:<32}' for name in names), TEMPEST),
        ('', '   bounds  apart, s     error, s   ' * len(names), ' says down'),
        (
            'injected  times',
            '     hold  med.  worst  med.  worst' * len(names),
            '',
        ),
    )
    return [
        f'  {head:>26}{columns}   {last if tempest else ""}'.rstrip()
        for head, columns, last in lines
    ]


def _in_order(outages):
    """Each kind and length once, as a table has them."""
    return sorted(
        set(outages), key=lambda each: (KINDS.index(each[0]), each[1])
    )


def _row(result, kind, length):
    places = [
        place
        for place, planned in enumerate(result.plan.outages)
        if planned == (kind, length)
    ]
    line = f'  {kind:<11} {length:5.2f} s  {len(places):5d}'
    for seen in (result.ours, result.loop):
        readings = [seen.readings[place] for place in places]
        line += f'   {sum(each.holds for each in readings):6d}'
        for seconds in (
            [each.width for each in readings],
            [each.error for each in readings],
        ):
            line += f'  {statistics.median(seconds):4.2f}  {max(seconds):5.2f}'
    if result.tempest:
        said = [result.tempest.seconds[place] for place in places]
        line += f'   {min(said):.1f} to {max(said):.1f} s'
    return line


def _none(meters, tempest):
    """The row of the time without an outage."""
    columns = [f'outages seen: {seen.false}' for _, seen in meters]
    line = f'  {"none":>19}  {"":5}' + ''.join(
        f'   {column:<32}' for column in columns
    )
    if tempest:
        line += f'   {tempest.quiet:.1f} s'
    return line.rstrip()
