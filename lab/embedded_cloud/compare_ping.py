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
import signal
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
        asking = subprocess.Popen(
            controller.command(*controller.environment(), 'python', '-u',
                               '-c', _ADDRESSES),
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            cwd='/')
        following = threading.Thread(target=self._follow,
                                     args=(asking.stdout,))
        following.start()
        try:
            yield
        finally:
            asking.kill()
            asking.wait()
            following.join()
            for ping, _ in self._pings.values():
                ping.send_signal(signal.SIGINT)
                ping.wait()

    def _follow(self, addresses):
        for address in map(str.strip, addresses):
            if address not in self._pings:
                output = open(self._cloud.settings.tempest /
                              f'ping-{address}', 'w+')
                self._pings[address] = (subprocess.Popen(
                    self._cloud.tester.command(
                        'ping', '-n', '-D', '-i', str(INTERVAL), address),
                    stdout=output, stderr=subprocess.DEVNULL,
                    cwd='/'), output)

    def replies(self, address):
        """When each answer of an address came, on the wall clock."""
        if address not in self._pings:
            return []
        output = self._pings[address][1]
        output.seek(0)
        return [float(match[1]) for match in map(_REPLY.match, output)
                if match]


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
