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
"""Holds what the tests measure against others who saw the same.

A second, independent ping of each floating IP: the network was down for at
most the longest time between two of its answers, and for at least that less
two of its intervals. QEMU, whose events say when it stopped the guest on its
source and resumed it on its destination. And libvirt, which says how long it
had the guest stopped, as its own commands and events came and went. None
knows anything of the meters but, in the end, their results.
"""

import contextlib
import itertools
import json
import re
import statistics
import subprocess
import threading

#: Seconds from ping to ping; it keeps to some milliseconds above it.
INTERVAL = 0.02

#: Seconds by which ping may have been late when it printed the time of an
#: answer: the two cores are busy.
PRINTED_LATE = 0.03

#: Seconds that QEMU's events may be closer together than the guest's clock
#: stood still: it reports a stop after it has stopped clock and processors,
#: and of a start before it starts them (system/cpus.c: do_vm_stop,
#: vm_prepare_start).
CLOSER = 0.02

#: Seconds that they may be further apart.
TOLERANCE = 0.002

_REPLY = re.compile(r'\[(\d+\.\d+)\] \d+ bytes from .* icmp_seq=(\d+) ')
_ADDRESSES = """
import openstack, time
cloud = openstack.connect(cloud='lab')
while True:
    for ip in cloud.network.ips():
        print(ip.floating_ip_address, flush=True)
    time.sleep(0.5)
"""

#: Each stop and start of a guest, with QEMU's own time of it.
_EVENTS = (
    'exec stdbuf --output=L virsh qemu-monitor-event --loop --regex '
    '--event "^(STOP|RESUME)$"'
)
_EVENT = re.compile(r'event (STOP|RESUME) at (\d+\.\d+) for')

#: What libvirt says of the job that brought each domain here, if one did.
_JOBS = """
while sleep 0.5; do
    for domain in $(virsh list --uuid); do
        virsh domjobinfo --completed "$domain" | sed -n "
            s/Total downtime: *\\([0-9]*\\) *ms/$domain \\1/p"
    done
done
"""


class Watch:
    """Others who watch, while the body of running() runs."""

    def __init__(self, cloud):
        self._cloud = cloud
        self._pings = {}
        self._told = {}
        self._events = []

    @contextlib.contextmanager
    def running(self):
        """Watch while the body runs."""
        controller = self._cloud.controller
        asking = [
            _start(
                controller,
                subprocess.PIPE,
                *controller.environment(),
                'python',
                '-c',
                _ADDRESSES,
            )
        ]
        following = [
            threading.Thread(
                target=self._follow_addresses, args=(asking[0].stdout,)
            )
        ]
        for host in self._cloud.computes:
            for follow, script in (
                (self._follow_jobs, _JOBS),
                (self._follow_events, _EVENTS),
            ):
                asking.append(
                    _start(
                        host,
                        subprocess.PIPE,
                        *host.environment(),
                        '/bin/sh',
                        '-c',
                        script,
                    )
                )
                following.append(
                    threading.Thread(
                        target=follow, args=(host.name, asking[-1].stdout)
                    )
                )
        for thread in following:
            thread.start()
        try:
            yield
        finally:
            for process in asking:
                _end(process)
            for thread in following:
                thread.join()
            for ping, _ in self._pings.values():
                _end(ping)

    def _follow_addresses(self, addresses):
        for address in map(str.strip, addresses):
            if address not in self._pings:
                output = open(
                    self._cloud.settings.tempest / f'ping-{address}', 'w+'
                )
                self._pings[address] = (
                    _start(
                        self._cloud.tester,
                        output,
                        'ping',
                        '-n',
                        '-D',
                        '-i',
                        str(INTERVAL),
                        address,
                    ),
                    output,
                )

    def _follow_jobs(self, host, lines):
        for domain, milliseconds in map(str.split, lines):
            # The same job is reported again and again.
            self._told.setdefault((domain, host), set()).add(
                int(milliseconds) / 1000
            )

    def _follow_events(self, host, lines):
        for match in filter(None, map(_EVENT.match, lines)):
            self._events.append((float(match[2]), host, match[1]))

    def replies(self, address):
        """When each answer of an address came, on the wall clock."""
        if address not in self._pings:
            return []
        output = self._pings[address][1]
        output.seek(0)
        return [
            float(match[1]) for match in map(_REPLY.match, output) if match
        ]

    def told_by_libvirt(self, server, destination):
        """For how long libvirt had a guest stopped, as reported there.

        In seconds; None if it was not reported, or if the guest came there
        more than once.
        """
        reported = self._told.get((server, destination), ())
        return list(reported)[0] if len(reported) == 1 else None

    def told_by_qemu(self, source, destination, start, end):
        """From the stop of a guest on one host to its start on the other.

        In seconds; None if there is not one of each, on the wall clock, in
        between.
        """
        events = sorted(
            (time, what)
            for time, host, what in self._events
            if start <= time <= end
            and (host, what) in ((source, 'STOP'), (destination, 'RESUME'))
        )
        if [what for _, what in events] != ['STOP', 'RESUME']:
            return None
        (stop, _), (resume, _) = events
        return resume - stop


def _start(namespaces, output, *command):
    """Start a command that ends when its standard input does.

    So it ends with this process too, however that dies: a signal would reach
    no further than nsenter.
    """
    return subprocess.Popen(
        namespaces.command(
            '/bin/sh', '-c', '"$@" & read -r _; kill $!', 'sh', *command
        ),
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd='/',
    )


def _end(process):
    process.stdin.close()
    process.wait()


def longest_gap(replies, start, end):
    """The longest time between two answers from start to end, in seconds.

    None if there are fewer than two.
    """
    inside = [reply for reply in replies if start <= reply <= end]
    return max(
        (after - before for before, after in itertools.pairwise(inside)),
        default=None,
    )


def kept_interval(replies):
    """The interval that ping really kept, in seconds."""
    return statistics.median(
        after - before for before, after in itertools.pairwise(replies)
    )


def agrees(gap, interval, longest):
    """Whether the second ping and the meter's bounds can both be right.

    :param interval: of the pings, as it was kept
    :param longest: lower and upper bound of the meter's longest outage
    """
    return (
        longest['lower'] <= gap + PRINTED_LATE
        and longest['upper'] >= gap - 2 * interval - PRINTED_LATE
    )


def within(seconds, duration):
    """Whether QEMU's figure fits into a duration's bounds."""
    return (
        duration['lower'] - CLOSER <= seconds <= duration['upper'] + TOLERANCE
    )


def compare(watch, recorded):
    """Compare all that was measured.

    :param recorded: what ``tempest downtime summary --json`` printed
    :returns: the Comparison of each migration
    """
    return [
        Comparison(watch, migration)
        for test in json.loads(recorded)['tests']
        for migration in test['migrations']
    ]


class Comparison:
    """One migration.

    :ivar good: whether all agree, with something to compare
    :ivar differences: from the guest's own stop to that of QEMU's events, and
        of libvirt, in seconds, as far as there are any
    """

    def __init__(self, watch, migration):
        self._lines = [f'{migration["source"]} -> {migration["destination"]}']
        self.differences = {}
        self.good = self._compare_network(watch, migration)
        # even if the first one does not
        self.good &= self._compare_stop(watch, migration)
        self.good &= self._adds_up(migration.get('breakdown') or {})

    def _compare_network(self, watch, migration):
        measured = next(
            (
                each
                for each in migration['measurements']
                if each.get('what') == 'network'
            ),
            None,
        )
        if measured is None:
            self._lines.append('  the meter of the network measured nothing')
            return False
        start = measured['wall_start']
        replies = watch.replies(measured['target'])
        gap = longest_gap(replies, start, start + measured['observed'])
        good = gap is not None and agrees(
            gap, kept_interval(replies), measured['longest']
        )
        self._say(
            'longest outage', 'ping beside it', gap, measured['longest'], good
        )
        return good

    def _compare_stop(self, watch, migration):
        clock = migration.get('guest_clock')
        if not clock:
            self._lines.append("  the guest's clock was not measured")
            return False
        hosts = migration['source'], migration['destination']
        stopped = clock['stopped']
        by_qemu = watch.told_by_qemu(*hosts, *_window(migration))
        by_libvirt = watch.told_by_libvirt(migration['server'], hosts[1])
        for who, seconds in (('QEMU', by_qemu), ('libvirt', by_libvirt)):
            if seconds is not None:
                self.differences[who] = seconds - stopped['estimate']
        good = by_qemu is not None and within(by_qemu, stopped)
        self._say('guest stopped', 'QEMU', by_qemu, stopped, good)
        # Not a judge: its own commands and events take their time.
        self._lines.append(
            '  guest stopped: libvirt '
            + ('nothing' if by_libvirt is None else f'{by_libvirt:.3f} s')
        )
        return good

    def _adds_up(self, breakdown):
        """Whether the parts of the break-down are within the whole."""
        whole, stopped, running, after = map(
            breakdown.get,
            (
                'network',
                'guest_stopped',
                'network_while_running',
                'network_after_stop',
            ),
        )
        if not (whole and stopped and running):
            self._lines.append('  there is no break-down')
            return False
        good = (
            stopped['estimate'] <= whole['upper']
            and stopped['lower'] + running['lower'] <= whole['upper']
            and stopped['upper'] + running['upper'] >= whole['lower']
            and (after is None or after['upper'] <= running['upper'])
        )
        self._lines.append(
            f'  break-down: {whole["estimate"]:.3f} s = '
            f'{stopped["estimate"]:.3f} s stopped + '
            f'{running["estimate"]:.3f} s running: '
            f'{"adds up" if good else "DOES NOT ADD UP"}'
        )
        return good

    def _say(self, what, other, seconds, duration, good):
        seen = 'nothing' if seconds is None else f'{seconds:.3f} s'
        self._lines.append(
            f'  {what}: {other} {seen}, meter {duration["estimate"]:.3f} s '
            f'({duration["lower"]:.3f} to {duration["upper"]:.3f} s): '
            f'{"agree" if good else "DISAGREE"}'
        )

    def __str__(self):
        return '\n'.join(self._lines)


def _window(migration):
    """When a migration was measured, on the wall clock, in seconds."""
    return next(
        (
            (each['wall_start'], each['wall_start'] + each['observed'])
            for each in migration['measurements']
            if each.get('what') == 'network'
        ),
        (0, 0),
    )


def summary(comparisons):
    """What came of all of them, in a line or two."""
    good = sum(each.good for each in comparisons)
    lines = [f'{good} of {len(comparisons)} migrations: all agree']
    for who in ('QEMU', 'libvirt'):
        differences = [
            each.differences[who] * 1000
            for each in comparisons
            if who in each.differences
        ]
        if differences:
            lines.append(
                f"guest stopped, {who} less the meter's estimate: median "
                f'{statistics.median(differences):+.1f} ms, from '
                f'{min(differences):+.1f} to {max(differences):+.1f} ms'
            )
    return '\n'.join(lines)
