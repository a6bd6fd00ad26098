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
"""Lets a second, independent ping watch what the tests measure.

It starts when a floating IP appears in the cloud, and knows nothing of the
meter but, in the end, its results. What it saw is the longest time between
two answers: the network was away for at most that, and for at least that
less two of its intervals.
"""

import contextlib
import itertools
import json
import re
import subprocess
import threading

INTERVAL = 0.02  # seconds; ping keeps to some milliseconds above it

_REPLY = re.compile(r'\[(\d+\.\d+)\] \d+ bytes from .* icmp_seq=(\d+) ')
_ADDRESSES = '''
import openstack, time
cloud = openstack.connect(cloud='lab')
while True:
    for ip in cloud.network.ips():
        print(ip.floating_ip_address, flush=True)
    time.sleep(0.5)
'''


class Watch:
    """A ping of each floating IP, from when it appears to the end."""

    def __init__(self, cloud):
        self._cloud = cloud
        self._pings = {}

    @contextlib.contextmanager
    def running(self):
        """Watch while the body runs."""
        controller = self._cloud.controller
        asking = _start(controller, subprocess.PIPE,
                        *controller.environment(), 'python', '-c', _ADDRESSES)
        following = threading.Thread(target=self._follow,
                                     args=(asking.stdout,))
        following.start()
        try:
            yield
        finally:
            _end(asking)
            following.join()
            for ping, _ in self._pings.values():
                _end(ping)

    def _follow(self, addresses):
        for address in map(str.strip, addresses):
            if address not in self._pings:
                output = open(self._cloud.settings.tempest /
                              f'ping-{address}', 'w+')
                self._pings[address] = (_start(
                    self._cloud.tester, output,
                    'ping', '-n', '-D', '-i', str(INTERVAL), address), output)

    def replies(self, address):
        """When each answer of an address came, on the wall clock."""
        if address not in self._pings:
            return []
        output = self._pings[address][1]
        output.seek(0)
        return [float(match[1]) for match in map(_REPLY.match, output)
                if match]


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


def compare(watch, recorded):
    """Lines that compare, and whether all agree.

    :param recorded: what ``tempest downtime summary --json`` printed
    """
    lines, all_agree = [], True
    for test in json.loads(recorded):
        for migration in test['migrations']:
            for measured in migration['measurements']:
                if measured.get('what') != 'network':
                    continue
                start = measured['wall_start']
                gap = longest_gap(watch.replies(measured['target']), start,
                                  start + measured['observed'])
                longest = measured['longest']
                agree = gap is not None and agrees(gap, longest)
                all_agree = all_agree and agree
                seen = 'nothing' if gap is None else f'{gap:.3f} s'
                lines.append(
                    f'{migration["source"]} -> {migration["destination"]}: '
                    f'ping beside it {seen}, meter '
                    f'{longest["estimate"]:.3f} s '
                    f'({longest["lower"]:.3f} to {longest["upper"]:.3f} s, '
                    f'resolution {measured["resolution"]:.3f} s): '
                    f'{"agree" if agree else "DISAGREE"}')
    return lines, all_agree and bool(lines)
