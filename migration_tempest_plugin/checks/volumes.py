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
"""Whether the volumes of a server are attached where it is, and once."""

import collections.abc
import dataclasses
import time

from migration_tempest_plugin.checks import check
from migration_tempest_plugin.cloud import volumes

#: Seconds between two looks while something is expected to be put right.
LOOK_INTERVAL = 0.5


@dataclasses.dataclass(frozen=True)
class Seen:
    """What is known of a server's volumes at a moment.

    :ivar host: that the server is on
    :ivar attachments: what Nova and Cinder hold
    :ivar domains: the volumes of its domain, on each host where libvirt has
        one; None where nobody can look
    :ivar watchers: who has each volume open, by Ceph's word: names of hosts,
        or addresses that are none's; those that were asked for
    """

    host: str
    attachments: tuple[volumes.Attachment, ...]
    domains: collections.abc.Mapping[str, frozenset[str]] | None = None
    watchers: collections.abc.Mapping[str, tuple[str, ...]] = (
        dataclasses.field(default_factory=dict)
    )


class VolumeCheck(check.Check):
    """Each volume is attached to the server, on its host alone, and once.

    Nova, Cinder, libvirt and Ceph each know of attachments. What one of them
    keeps at the host that the server has left may end with two servers that
    write to one volume, or with a volume that can't be detached.

    :param look: called without arguments, gives what is Seen now
    :param patience: seconds within which all must be so
    """

    name = 'volumes'

    def __init__(self, look, patience=10.0):
        self._look = look
        self._patience = patience
        self._expected = None

    def _setUp(self):
        self._expected = frozenset(
            each.volume for each in self._look().attachments
        )
        self.verify()

    def verify(self):
        give_up = time.monotonic() + self._patience
        while True:
            seen = self._look()
            wrong = complaints(seen, self._expected)
            if not wrong:
                break
            if time.monotonic() > give_up:
                raise self.failed('%s', '; '.join(wrong))
            time.sleep(LOOK_INTERVAL)
        asked = ['Nova', 'Cinder']
        if seen.domains is not None:
            asked.append('libvirt')
        if seen.watchers:
            asked.append('Ceph')
        names = ', '.join(asked)
        return f'{len(self._expected)} attached on {seen.host} alone ({names})'


def complaints(
    seen: Seen, expected: collections.abc.Set[str]
) -> tuple[str, ...]:
    """What is not as it should be, as sentences.

    :param expected: the volumes that the server must have, and no others
    """
    return (
        *_differences(seen, expected),
        *(
            sentence
            for each in seen.attachments
            for sentence in _of_cinder(seen.host, each)
        ),
        *_of_libvirt(seen, expected),
        *_of_ceph(seen),
    )


def _differences(seen, expected):
    has = {each.volume for each in seen.attachments}
    for volume in sorted(expected - has):
        yield f'Nova no longer has volume {volume} attached'
    for volume in sorted(has - expected):
        yield f'Nova has volume {volume} attached, which was not before'


def _of_cinder(host, attachment):
    held, volume = attachment.cinder, attachment.volume
    if len(held) != 1:
        yield (
            f'Cinder holds {len(held)} attachments of volume {volume} to the '
            f'server, not one: {", ".join(map(str, held)) or "none"}'
        )
    for each in held:
        if attachment.nova not in (None, each.id):
            continue
        if each.status != 'attached':
            yield f'Cinder has volume {volume} {each.status}, not attached'
        elif each.host != host:
            yield (
                f'Cinder has volume {volume} connected on {each.host}, and '
                f'the server is on {host}'
            )
    if held and attachment.nova not in (None, *(each.id for each in held)):
        yield (
            f'Nova holds attachment {attachment.nova} of volume {volume}, '
            'which Cinder does not'
        )


def _of_libvirt(seen, expected):
    if seen.domains is None:
        return
    if seen.host not in seen.domains:
        yield f'libvirt on {seen.host} has no domain of the server'
    for host, has in sorted(seen.domains.items()):
        if host != seen.host:
            yield f'libvirt on {host} has a domain of the server, too'
            continue
        for volume in sorted(expected - has):
            yield f'libvirt on {host} has no disk of volume {volume}'


def _of_ceph(seen):
    others = {
        each.volume: [str(held.host) for held in each.others]
        for each in seen.attachments
    }
    for volume, watchers in sorted(seen.watchers.items()):
        should = sorted([seen.host, *others.get(volume, ())])
        if sorted(watchers) != should:
            yield (
                f'Ceph has volume {volume} open on '
                f'{", ".join(watchers) or "no host"}, not on '
                f'{", ".join(should)}'
            )
