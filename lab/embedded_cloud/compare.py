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

A second, independent ping of each floating IP: the network was away for at
most the longest time between two of its answers, and for at least that less
two of its intervals. And libvirt, which says how long it had the guest
stopped. Neither knows anything of the meters but, in the end, their results.
"""

import contextlib
import itertools
import json
import re
import statistics
import subprocess
import threading

INTERVAL = 0.02  # seconds; ping keeps to some milliseconds above it

#: Seconds that libvirt and the guest's clock may differ by, beyond the
#: bounds: libvirt counts whole milliseconds, and from its own commands on.
TOLERANCE = 0.005

_REPLY = re.compile(r'\[(\d+\.\d+)\] \d+ bytes from .* icmp_seq=(\d+) ')
_ADDRESSES = '''
import openstack, time
cloud = openstack.connect(cloud='lab')
while True:
    for ip in cloud.network.ips():
        print(ip.floating_ip_address, flush=True)
    time.sleep(0.5)
'''

#: What libvirt says of the job that brought each domain here, if one did.
_JOBS = '''
while sleep 0.5; do
    for domain in $(virsh list --uuid); do
        virsh domjobinfo --completed "$domain" | sed -n "
            s/Total downtime: *\\([0-9]*\\) *ms/$domain \\1/p"
    done
done
'''


class Watch:
    """Others who watch, while the body of running() runs."""

    def __init__(self, cloud):
        self._cloud = cloud
        self._pings = {}
        self._stops = {}

    @contextlib.contextmanager
    def running(self):
        """Watch while the body runs."""
        controller = self._cloud.controller
        asking = [_start(controller, subprocess.PIPE,
                         *controller.environment(), 'python', '-c',
                         _ADDRESSES)]
        following = [threading.Thread(target=self._follow_addresses,
                                      args=(asking[0].stdout,))]
        for host in self._cloud.computes:
            asking.append(_start(host, subprocess.PIPE, *host.environment(),
                                 '/bin/sh', '-c', _JOBS))
            following.append(threading.Thread(
                target=self._follow_jobs,
                args=(host.name, asking[-1].stdout)))
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
                output = open(self._cloud.settings.tempest /
                              f'ping-{address}', 'w+')
                self._pings[address] = (_start(
                    self._cloud.tester, output,
                    'ping', '-n', '-D', '-i', str(INTERVAL), address), output)

    def _follow_jobs(self, host, lines):
        for domain, milliseconds in map(str.split, lines):
            # The same job is told again and again.
            self._stops.setdefault((domain, host), []).append(
                int(milliseconds) / 1000)

    def replies(self, address):
        """When each answer of an address came, on the wall clock."""
        if address not in self._pings:
            return []
        output = self._pings[address][1]
        output.seek(0)
        return [float(match[1]) for match in map(_REPLY.match, output)
                if match]

    def stopped(self, server, destination):
        """For how long libvirt had a guest stopped, as told there.

        In seconds; None if it was not told, or if the guest came there more
        than once.
        """
        told = set(self._stops.get((server, destination), ()))
        return told.pop() if len(told) == 1 else None


def _start(namespaces, output, *command):
    """Start a command that ends when its standard input does.

    So it ends with this process too, however that dies: a signal would reach
    no further than nsenter.
    """
    return subprocess.Popen(
        namespaces.command('/bin/sh', '-c', '"$@" & read -r _; kill $!',
                           'sh', *command),
        stdin=subprocess.PIPE, stdout=output, stderr=subprocess.DEVNULL,
        text=True, cwd='/')


def _end(process):
    process.stdin.close()
    process.wait()


def longest_gap(replies, start, end):
    """The longest time between two answers from start to end, in seconds.

    None if there are fewer than two.
    """
    inside = [reply for reply in replies if start <= reply <= end]
    return max((after - before
                for before, after in itertools.pairwise(inside)),
               default=None)


def agrees(gap, longest):
    """Whether the second ping and the meter's bounds can both be right.

    :param longest: lower and upper bound of the meter's longest outage
    """
    return longest['lower'] <= gap and longest['upper'] >= gap - 2 * INTERVAL


def within(seconds, duration):
    """Whether libvirt's figure is within a duration's bounds."""
    return duration['lower'] - TOLERANCE <= seconds <= \
        duration['upper'] + TOLERANCE


def compare(watch, recorded):
    """Compare all that was measured.

    :param recorded: what ``tempest downtime summary --json`` printed
    :returns: the Comparison of each migration
    """
    return [Comparison(watch, migration) for test in json.loads(recorded)
            for migration in test['migrations']]


class Comparison:
    """One migration.

    :ivar good: whether all agree, with something to compare
    :ivar difference: libvirt's stop less the guest's own, in seconds, or None
    """

    def __init__(self, watch, migration):
        self._lines = ['%s -> %s' % (migration['source'],
                                     migration['destination'])]
        self.difference = None
        self.good = self._compare_network(watch, migration)
        # even if the first one does not
        self.good &= self._compare_stop(watch, migration)

    def _compare_network(self, watch, migration):
        measured = next((each for each in migration['measurements']
                         if each.get('what') == 'network'), None)
        if measured is None:
            self._lines.append('  the meter of the network measured nothing')
            return False
        start = measured['wall_start']
        gap = longest_gap(watch.replies(measured['target']), start,
                          start + measured['observed'])
        good = gap is not None and agrees(gap, measured['longest'])
        self._say('longest outage', 'ping beside it', gap,
                  measured['longest'], good)
        return good

    def _compare_stop(self, watch, migration):
        clock = migration.get('guest_clock')
        if not clock:
            self._lines.append('  the guest\'s clock was not measured')
            return False
        told = watch.stopped(migration['server'], migration['destination'])
        good = told is not None and within(told, clock['stopped'])
        if told is not None:
            self.difference = told - clock['stopped']['estimate']
        self._say('guest stopped', 'libvirt', told, clock['stopped'], good)
        return good

    def _say(self, what, other, seconds, duration, good):
        seen = 'nothing' if seconds is None else f'{seconds:.3f} s'
        self._lines.append(
            f'  {what}: {other} {seen}, meter {duration["estimate"]:.3f} s '
            f'({duration["lower"]:.3f} to {duration["upper"]:.3f} s): '
            f'{"agree" if good else "DISAGREE"}')

    def __str__(self):
        return '\n'.join(self._lines)


def summary(comparisons):
    """What came of all of them, in a line or two."""
    good = sum(each.good for each in comparisons)
    lines = [f'{good} of {len(comparisons)} migrations: all agree']
    differences = [each.difference * 1000 for each in comparisons
                   if each.difference is not None]
    if differences:
        lines.append(
            'guest stopped, libvirt less the meter\'s estimate: median '
            f'{statistics.median(differences):+.1f} ms, from '
            f'{min(differences):+.1f} to {max(differences):+.1f} ms')
    return '\n'.join(lines)
