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
"""Makes outages of known length, and holds what was measured against them."""

import contextlib
import dataclasses
import random
import statistics
import time

from migration_tempest_plugin.meters import NetDowntimeMeter
from migration_tempest_plugin.selfcheck import network
from migration_tempest_plugin.selfcheck import reading
from migration_tempest_plugin import words

#: Seconds of quiet after each outage, at random in between: so outages begin
#: anywhere between two probes, and a meter that looks five times in a second
#: sees the end of each.
PAUSE = (0.45, 0.65)

#: Seconds by which an outage is longer than planned, at random up to this: a
#: length that is a multiple of the interval would always be read exactly.
JITTER = 0.02

#: Seconds that the error of an estimate may exceed the interval by.
TOLERANCE = 0.001


@dataclasses.dataclass(frozen=True)
class Plan:
    """One run: a meter for each target, and outages one after another.

    :ivar interval: of the probes, in seconds
    :ivar targets: how many addresses are probed at once
    :ivar outages: their lengths, in seconds
    :ivar quiet: seconds without any outage, before them
    """

    interval: float
    targets: int
    outages: tuple[float, ...]
    quiet: float = 2.0


#: Half a minute: enough to see that it works here.
QUICK = (
    Plan(0.01, 1, (0.02, 0.05, 0.1, 0.3) * 4 + (1.0,)),
    Plan(0.001, 1, (0.02, 0.05, 0.1, 0.3) * 2),
)

_MANY = (
    (0.02, 0.05, 0.1, 0.2, 0.5) * 20
    + (1.0,) * 6
    + (2.0,) * 4
    + (5.0,) * 2
    + (10.0,) * 2
)
#: Some minutes: the figures of the documentation.
THOROUGH = (
    Plan(0.01, 1, _MANY, 10.0),
    Plan(0.001, 1, _MANY, 10.0),
    Plan(0.05, 200, (0.1, 0.2, 0.5, 1.0, 2.0) * 4, 10.0),
)


@dataclasses.dataclass(frozen=True)
class Result:
    """What one Plan came to.

    :ivar readings: of each target and outage
    :ivar false: how many outages were seen that were none
    :ivar seconds: how long it took
    :ivar cpu: what the prober took of a core, as a fraction; None with ping
    :ivar resolution: the worst of all targets, in seconds
    :ivar unobserved: likewise
    :ivar method: what sent the probes
    :ivar tempest: what Tempest's own meter read for each outage, in seconds,
        and, as the last one, for the quiet time; or None
    """

    plan: Plan
    readings: tuple[reading.Reading, ...]
    false: int
    seconds: float
    cpu: float | None
    resolution: float
    unobserved: float
    method: str
    tempest: tuple[float, ...] | None = None

    @property
    def exact(self):
        """How many estimates are within an interval and the tolerance."""
        return sum(
            each.error <= self.plan.interval + TOLERANCE
            for each in self.readings
        )

    @property
    def good(self):
        """Whether all that is promised held."""
        return (
            self.false == 0
            and all(each.holds for each in self.readings)
            and self.exact >= 0.99 * len(self.readings)
        )


def run(plan, progress, tempest_meter=None):
    """Carry out a plan in namespaces of its own.

    :param progress: called with a line of text now and then
    :param tempest_meter: the class of Tempest's meter, to run it beside
    :returns: the Result
    """
    with contextlib.ExitStack() as stack:
        net = stack.enter_context(network.Network())
        addresses = (
            [network.SERVER]
            if plan.targets == 1
            else net.add_servers(plan.targets)
        )
        with net.client():
            meters = [
                stack.enter_context(
                    NetDowntimeMeter(address, interval=plan.interval)
                )
                for address in addresses
            ]
            beside = tempest_meter and stack.enter_context(
                tempest_meter(network.SERVER)
            )
        baselines = [_baseline(meter) for meter in meters]
        began, cpu = time.monotonic(), meters[0].cpu
        injected, readings = _inject(plan, net, beside, progress)
        for meter in meters:
            meter.wait_until_up(10)
        share = (
            cpu
            if cpu is None
            else (meters[0].cpu - cpu) / (time.monotonic() - began)
        )
        timelines = [
            meter.measurement().since(baseline)
            for meter, baseline in zip(meters, baselines)
        ]
    return _result(
        plan, timelines, injected, readings, time.monotonic() - began, share
    )


def _baseline(meter):
    # The first probe takes as long as the neighbours take to be found.
    meter.wait_until_up(10)
    return meter.wait_until_up(10)


def _inject(plan, net, beside, progress):
    """Make the outages; returns them, and Tempest's reading of each."""
    # Always the same, so that two runs can be compared.
    chance = random.Random(3)
    readings = []
    before = beside and beside.get_downtime()
    time.sleep(plan.quiet)
    quiet = beside and beside.get_downtime() - before
    injected = []
    for number, seconds in enumerate(plan.outages, 1):
        before = beside and beside.get_downtime()
        with net.outage() as outage:
            time.sleep(seconds + chance.uniform(0, JITTER))
        time.sleep(chance.uniform(*PAUSE))
        injected.append(outage)
        if beside:
            readings.append(beside.get_downtime() - before)
        if number % 20 == 0:
            progress(f'{number} of {len(plan.outages)} outages')
    return injected, beside and (*readings, quiet)


def _result(plan, timelines, injected, tempest, seconds, cpu):
    read = [
        reading.read(timeline, plan.outages, injected)
        for timeline in timelines
    ]
    return Result(
        plan=plan,
        seconds=seconds,
        readings=tuple(each for readings, _ in read for each in readings),
        false=sum(false for _, false in read),
        cpu=cpu,
        resolution=max(each.resolution for each in timelines),
        unobserved=max(each.unobserved for each in timelines),
        method=timelines[0].method,
        tempest=tempest,
    )


def text(result):
    """A table of a result, for people."""
    plan = result.plan
    lines = [
        (
            f'{plan.interval * 1000:g} ms, '
            f'{words.counted(plan.targets, "target")}: '
            f'{words.counted(len(plan.outages), "outage")} in '
            f'{result.seconds:.0f} s, '
            f'by {result.method}'
        )
    ]
    beside = "   Tempest's meter says" if result.tempest else ''
    lines.append(
        f'  {"injected":>9}  {"times":>5}  {"bounds hold":>11}  '
        f'{"error: median, worst":>23}{beside}'
    )
    for length in sorted(set(plan.outages)):
        lines.append(_row(result, length))
    if result.tempest:
        lines.append(
            f'  {"none":>9}  {"":5}  {"":11}  {"":23}   '
            f'{result.tempest[-1]:.1f} s'
        )
    lines.append(
        f'  within one interval and {TOLERANCE * 1000:g} ms: {result.exact} '
        f'of {len(result.readings)}; outages that were none: {result.false}'
    )
    core = (
        '' if result.cpu is None else f', {result.cpu * 100:.1f} % of a core'
    )
    lines.append(
        f'  resolution reached {result.resolution:.4f} s, '
        f'unobserved {result.unobserved:.4f} s{core}'
    )
    return '\n'.join(lines)


def _row(result, length):
    readings = [each for each in result.readings if each.planned == length]
    errors = [each.error for each in readings]
    hold = sum(each.holds for each in readings)
    line = (
        f'  {length:7.2f} s  {len(readings):5d}  {hold:11d}  '
        f'{statistics.median(errors):9.4f} s, {max(errors):9.4f} s'
    )
    if result.tempest:
        said = [
            seconds
            for planned, seconds in zip(result.plan.outages, result.tempest)
            if planned == length
        ]
        line += f'   {min(said):.1f} to {max(said):.1f} s'
    return line
