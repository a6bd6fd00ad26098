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
"""Feeds samples of hours or days to what keeps them, and says what that takes.

soak_folding.py [--interval SECONDS] [--hours NUMBER] [--gap-every SECONDS]
[--lost PART]: one target, whose answers take 0.2 to 0.6 ms. Now and then the
machine is busy, and nobody looks, for 10 ms in the median and up to 5 s; and
some answers are lost. All that was injected must be in what is read at the
end: it fails where it is not.
"""

import argparse
import pathlib
import random
import resource
import sys
import time

from migration_tempest_plugin.measurement import folding
from migration_tempest_plugin.measurement import Probing
from migration_tempest_plugin.measurement import Sample
from migration_tempest_plugin.measurement import Timeline

#: Seconds of the latest samples that are all kept, as in meters/icmp.py.
WHOLE = 2.0


def samples(options, chance):
    """The samples, as they come; those that were not sent are None."""
    number = round(options.hours * 3600 / options.interval)
    pause_at, until = chance.expovariate(1 / options.gap_every), 0.0
    for start in (each * options.interval for each in range(number)):
        if start >= pause_at:
            until = start + min(chance.lognormvariate(-4.6, 1.2), 5.0)
            pause_at = until + chance.expovariate(1 / options.gap_every)
        if start < until:
            yield None
        else:
            end = start + chance.uniform(0.0002, 0.0006)
            yield Sample(start, end, chance.random() >= options.lost)


def soak(options):
    """Feed all of them.

    :returns: (the Folding, how many failed, how many were never sent)
    """
    folded = folding.Folding(options.interval)
    failed = unsent = 0
    due = WHOLE
    for sample in samples(options, random.Random(1)):
        if sample is None:
            unsent += 1
            continue
        folded.add(sample)
        failed += not sample.answered
        if sample.start > due:
            folded.fold(sample.start - WHOLE)
            due = sample.start + 1.0
    return folded, failed, unsent


def resident():
    """Megabytes of this process that are in memory."""
    pages = int(pathlib.Path('/proc/self/statm').read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def main():
    parser = argparse.ArgumentParser()
    for name, default in (
        ('--interval', 0.001),
        ('--hours', 24.0),
        ('--gap-every', 1.0),
        ('--lost', 1e-5),
    ):
        parser.add_argument(name, type=float, default=default)
    options = parser.parse_args()
    before, began = resident(), time.monotonic()
    folded, failed, unsent = soak(options)
    after, fed = resident(), time.monotonic()
    seconds = options.hours * 3600
    timeline = Timeline(
        'network',
        'nobody',
        folded.since(),
        options.interval,
        seconds,
        probing=Probing.INDEPENDENT,
        quiet=folded.quiet_since(),
    )
    print(timeline.summary())
    print(
        f'short gaps: {timeline.short_gaps}; others: {len(timeline.hidden)}\n'
        f'memory: {after - before:.1f} MB more than {before:.1f} MB before, '
        f'for {timeline.successes + timeline.failures} probes, of which '
        f'{len(timeline.samples)} are kept\n'
        f'took {fed - began:.0f} s, and {time.monotonic() - fed:.1f} s to read'
    )
    sent = round(seconds / options.interval) - unsent
    right = (
        timeline.failures == failed
        and timeline.successes == sent - failed
        and timeline.unobserved <= (unsent + 1) * options.interval
    )
    return 0 if right else 'NOT WHAT WAS INJECTED'


if __name__ == '__main__':
    sys.exit(main())
