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
"""What libvirt on a host knows of a server, by virsh."""

import dataclasses
import re
from xml.etree import ElementTree

from migration_tempest_plugin import exceptions

# virDomainJobType (libvirt-domain.h)
_JOBS = ('none', 'bounded', 'unbounded', 'completed', 'failed', 'cancelled')
_FIELD = re.compile(r'^([a-z][a-z_]*): (\d+)$', re.MULTILINE)
_TYPE = re.compile(r'^Job type: (\d+)$', re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Job:
    """A migration, as libvirt sees it (libvirt-domain.h, virDomainJob*).

    :ivar kind: none, bounded, unbounded, completed, failed or cancelled
    :ivar fields: every number that libvirt gives, by libvirt's names: times
        in ms, amounts in bytes, rates in bytes or pages per second
    """

    kind: str
    fields: dict

    @classmethod
    def parse(cls, text):
        """Read what ``virsh domjobinfo --rawstats`` prints.

        :raises ValueError: if it is not that
        """
        kind = _TYPE.search(text)
        if not kind or int(kind.group(1)) >= len(_JOBS):
            raise ValueError('not the statistics of a job: %r' % text)
        return cls(_JOBS[int(kind.group(1))],
                   {name: int(value) for name, value in _FIELD.findall(text)})

    @property
    def downtime(self):
        """For how long the guest stood, in seconds, or None."""
        return self._seconds('downtime')

    @property
    def elapsed(self):
        """Since it began, in seconds, or None."""
        return self._seconds('time_elapsed')

    @property
    def throttle(self):
        """By how many percent auto-converge slows the guest, or None."""
        return self.fields.get('auto_converge_throttle')

    def _seconds(self, name):
        return self.fields[name] / 1000 if name in self.fields else None


class Libvirt:
    """libvirt on one host.

    :param host: the Host
    :param virsh: the words of the command there, ``podman exec nova_libvirt
        virsh`` say
    """

    def __init__(self, host, virsh=('virsh',)):
        self.host = host
        self._virsh = tuple(virsh)

    def running(self):
        """The ids of the servers that run here.

        :raises HostError: if libvirt can't be asked
        """
        return self._ask('list', '--uuid', '--state-running').split()

    def defined(self):
        """The ids of the servers that it knows, running or not.

        :raises HostError: if libvirt can't be asked
        """
        return self._ask('list', '--uuid', '--all').split()

    def xml(self, server, inactive=False):
        """A server's domain, as an ElementTree.Element.

        :param server: its id
        :param inactive: as it would be started, not as it runs
        :raises HostError: if libvirt does not know it
        """
        text = self._ask('dumpxml', server,
                         *(['--inactive'] if inactive else []))
        try:
            return ElementTree.fromstring(text)
        except ElementTree.ParseError as error:
            raise self._nonsense(('dumpxml', server), text) from error

    def job(self, server):
        """The migration of a server that is going on, from its source.

        :returns: a Job of kind none if there is none
        :raises HostError: if libvirt does not know the server
        """
        return self._job(server)

    def completed_job(self, server):
        """The last migration of a server to this host.

        libvirt tells it on the destination only, and nothing after
        post-copy. It can be asked again.

        :returns: a Job of kind none if there is none
        :raises HostError: if libvirt does not know the server
        """
        return self._job(server, '--completed', '--keep-completed')

    def maximum_downtime(self, server):
        """For how long QEMU may stop a server at the end, in seconds.

        :raises HostError: if libvirt does not know the server
        """
        return int(self._ask('migrate-getmaxdowntime', server)) / 1000

    def _job(self, server, *options):
        words = ('domjobinfo', server, '--rawstats', *options)
        text = self._ask(*words)
        try:
            return Job.parse(text)
        except ValueError as error:
            raise self._nonsense(words, text) from error

    def _ask(self, *words):
        return self.host.run(*self._virsh, '--quiet', *words)

    def _nonsense(self, words, text):
        return exceptions.HostError(
            self.host.name, (*self._virsh, *words),
            'printed something else than is known of it: %r' % text[:500])
