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
"""Who has an image of Ceph open, as a host is told."""

import collections.abc
import re

from migration_tempest_plugin.hosts import ssh

# A line of "rbd status": "watcher=10.30.0.21:0/1612 client.4137 cookie=94",
# "watcher=[fd00::15]:0/1612", "watcher=v1:10.30.0.21:0/1612".
_WATCHER = re.compile(
    r'^\s*watcher=(?:v[12]:)?(?:\[(?P<long>[^\]]+)\]|(?P<short>[^:\s]+)):',
    re.MULTILINE,
)


def watchers(
    host: ssh.Host, command: collections.abc.Sequence[str], image: str
) -> tuple[str, ...]:
    """The address of each client that has an image open for writing.

    :param host: where to ask
    :param command: the words that ask: rbd, and whose key it takes
    :param image: POOL/NAME
    :raises HostError: if it can't be asked
    """
    return parse(host.run(*command, 'status', image))


def parse(text: str) -> tuple[str, ...]:
    """The addresses in what "rbd status" prints."""
    return tuple(
        found['long'] or found['short'] for found in _WATCHER.finditer(text)
    )
