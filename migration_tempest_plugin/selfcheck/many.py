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
"""What it costs to probe many targets at once, and how well it is done.

The targets are addresses of this machine's loopback, which all answer: what
is lost, or late, was lost here.
"""

import contextlib
import dataclasses
import pathlib
import resource
import statistics
import subprocess
import time

from migration_tempest_plugin import exceptions
from migration_tempest_plugin import measurement
from migration_tempest_plugin.meters import NetDowntimeMeter
from migration_tempest_plugin.running import metering
from migration_tempest_plugin import words

#: Seconds within which all must have answered, and the very last probe of
#: each, at the end.
BASELINE = 30.0
PATIENCE = 1.0

#: How many targets there are at most: 127.1.0.1 to 127.255.255.254.
MOST = 255 * 65536 - 2

_PAGE = resource.getpagesize()


@dataclasses.dataclass(frozen=True)
class Plan:
    """One run.

    :ivar targets: how many addresses are probed
    :ivar interval: seconds from probe to probe of each
    :ivar seconds: for how long
    """

    targets: int
    interval: float
    seconds: float


@dataclasses.dataclass(frozen=True)
class Cost:
    """What a process takes.

    :ivar share: of a core, as a fraction, while it probed
    :ivar memory: bytes that were resident when that was over
    """

    share: float
    memory: int


@dataclasses.dataclass(frozen=True)
class Result:
    """What one Plan came to.

    :ivar set_up: seconds until all targets were probed, and had answered
    :ivar read: seconds until all were read
    :ivar peak: bytes that were resident in this process, at most, until then
    :ivar missing: of how many targets there is no measurement
    """

    plan: Plan
    set_up: float
    read: float
    prober: Cost
    own: Cost
    peak: int
    timelines: tuple[measurement.Timeline, ...]
    missing: int

    @property
    def good(self):
        """Whether each target was measured, and no outage was seen."""
        return not self.missing and not self.outages

    @property
    def sent(self):
        """How many probes were sent."""
        return sum(each.successes + each.failures for each in self.timelines)

    @property
    def due(self):
        """How many should have been."""
        return sum(
            1 + int((each.ended - each.began) / self.plan.interval)
            for each in self.timelines
        )

    @property
    def outages(self):
        """How many outages were seen: there was none."""
        return sum(len(each.outages) for each in self.timelines)


@dataclasses.dataclass(frozen=True)
class _Used:
    """Seconds of processor time that were used up to a moment."""

    moment: float
    prober: float
    own: float


def run(plan, progress):
    """Carry out a Plan.

    :param progress: called with a line of text now and then
    :returns: the Result
    :raises NoMeasurement: if the targets can't be probed, or if ping would
        have to do it: that is a process for each of them
    """
    subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)
    meters = [
        NetDowntimeMeter(_address(number), plan.interval)
        for number in range(plan.targets)
    ]
    with contextlib.ExitStack() as stack:
        began = time.monotonic()
        metered = stack.enter_context(
            metering.Metering({each.dest_ip: (each,) for each in meters})
        )
        metered.begin(lambda _: BASELINE)
        set_up = time.monotonic() - began
        progress(f'set up in {set_up:.2f} s')
        before = _used(meters[0])
        time.sleep(plan.seconds)
        prober, own = _costs(before, meters[0])
        began = time.monotonic()
        read = metered.read(began + PATIENCE)
        ended = time.monotonic()
    timelines = tuple(_timelines(read.values()))
    return Result(
        plan=plan,
        set_up=set_up,
        read=ended - began,
        prober=prober,
        own=own,
        peak=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        timelines=timelines,
        missing=plan.targets - len(timelines),
    )


def _timelines(read):
    """The measurements that there are."""
    for each in read:
        for measured in each.measurements:
            if not isinstance(measured, exceptions.NoMeasurement):
                yield measured


def _address(number):
    """The address of the loopback with a number, from 0 on."""
    rest, last = divmod(number + 1, 256)
    second, third = divmod(rest, 256)
    return f'127.{1 + second}.{third}.{last}'


def _used(meter):
    if meter.cpu is None:
        raise exceptions.NoMeasurement(
            'no ICMP socket may be opened here: there would be one ping for '
            'each target'
        )
    return _Used(time.monotonic(), meter.cpu, time.process_time())


def _costs(before, meter):
    """The Costs of the prober, and of this process."""
    after = _used(meter)
    seconds = after.moment - before.moment
    return (
        Cost((after.prober - before.prober) / seconds, _resident(meter.pid)),
        Cost((after.own - before.own) / seconds, _resident('self')),
    )


def _resident(process):
    """Bytes of a process that are in memory."""
    sizes = pathlib.Path(f'/proc/{process}/statm').read_text().split()
    return int(sizes[1]) * _PAGE


def text(result):
    """A Result for people."""
    plan, own, prober = result.plan, result.own, result.prober
    resolutions = [each.resolution for each in result.timelines]
    unobserved = [each.unobserved for each in result.timelines]
    method = result.timelines[0].method if result.timelines else 'nobody'
    share, memory = own.share + prober.share, own.memory + prober.memory
    lines = {
        'set up in': f'{result.set_up:.2f} s',
        'read in': f'{result.read:.2f} s',
        'of a core': f'{_percent(share)}: prober {_percent(prober.share)}, '
        f'this process {_percent(own.share)}',
        'memory': f'{_mega(memory)}: prober {_mega(prober.memory)}, this '
        f'process {_mega(own.memory)}, at most {_mega(result.peak)} while it '
        'was read',
        'probes': f'{result.sent} of {result.due} that were due',
        'resolution': _of_all(resolutions),
        'unobserved': _of_all(unobserved),
        'false outages': f'{result.outages}',
        'not measured': f'{result.missing}',
    }
    head = (
        f'{words.counted(plan.targets, "target")}, a ping each '
        f'{plan.interval * 1000:g} ms, for {plan.seconds:g} s, by {method}'
    )
    return '\n'.join(
        [head, *(f'  {name:<15}{what}' for name, what in lines.items())]
    )


def _percent(share):
    return f'{share * 100:.1f} %'


def _mega(size):
    return f'{size / 1e6:.0f} MB'


def _of_all(seconds):
    """The median and the worst of the targets."""
    if not seconds:
        return '-'
    return (
        f'median {statistics.median(seconds):.4f} s, '
        f'worst {max(seconds):.4f} s'
    )
