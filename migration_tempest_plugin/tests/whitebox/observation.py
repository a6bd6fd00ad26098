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
"""What the compute hosts say of one server while a test migrates it."""

import dataclasses
import functools
import json
import re

import fixtures
from testtools import content
from testtools import content_type

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.hosts import events
from migration_tempest_plugin.hosts import inventory
from migration_tempest_plugin.hosts import jobs
from migration_tempest_plugin.hosts import ssh
from migration_tempest_plugin.hosts import watch
from migration_tempest_plugin import measurement

#: Seconds from one look at the migration to the next.
INTERVAL = 1.0

# What Nova's libvirt driver logs (nova/virt/libvirt/migration.py and
# driver.py).
_STEP = re.compile(r'Increasing downtime to (\d+) ms after (\d+) sec elapsed')
_TIMEOUT = re.compile(r'Live migration not completed after (\d+) sec')
_ENDED = re.compile(r'Migration operation (has aborted|was cancelled)')


@dataclasses.dataclass(frozen=True)
class JobLook:
    """One look at a migration that is going on, at its source.

    :ivar maximum_downtime: in seconds, as QEMU has it
    :ivar vcpu_time: seconds of CPU time that the guest has used
    :ivar qemu: QEMU's capabilities and parameters of migrations
    """

    job: jobs.Job
    maximum_downtime: float
    vcpu_time: float
    qemu: dict


class Observation(fixtures.Fixture):
    """Looks at source and destination for as long as it is set up.

    All of it becomes a detail of the test.

    :param computes: the Compute of each host, by its name
    :param server: its id
    :param domain: libvirt's name of it
    :param source: the name of the host that it is on
    :param interval: seconds from one look at the migration to the next
    """

    def __init__(self, computes, server, domain, source, interval=INTERVAL):
        self.source = source
        self._interval = interval
        self._computes = computes
        self._server = server
        self._domain = domain
        self._looking = False

    def _setUp(self):
        self._marks = {
            name: compute.log.mark()
            for name, compute in self._computes.items()
        }
        self._events = {
            name: self.useFixture(
                events.EventWatch(
                    ssh.Host(compute.description.access),
                    compute.description.virsh,
                )
            )
            for name, compute in self._computes.items()
        }
        # It asks beside the test, which asks, too: a connection of its own.
        asking = inventory.Compute(self._computes[self.source].description)
        self._jobs = self.useFixture(
            watch.Watch(
                lambda: _look(asking.libvirt, self._server),
                asking.close,
                self._interval,
            )
        )
        self._looking = True

    @property
    def looks(self):
        """Each JobLook, as watch.Seen."""
        return self._jobs.seen

    def figures(self, since):
        """What libvirt said of the copying since a moment, as Figures."""
        return tuple(_figures(seen) for seen in self.looks if seen.at >= since)

    @property
    def error(self):
        """Why the last look that failed did, or None."""
        return self._jobs.error

    def lines(self, host):
        """What nova-compute of a host has logged of the server since then.

        :raises HostError: if its log can't be read
        """
        return self._computes[host].log.since(self._marks[host], self._server)

    def events(self, host, kind=None):
        """libvirt's events of the server on a host since then."""
        return self._events[host].events(self._domain, kind)

    def stopped(self):
        """libvirt's events that the guest was stopped at the source.

        :raises NoMeasurement: if libvirt has reported nothing of a migration
            that was seen otherwise, or in another language
        """
        if self.looks and not self.events(self.source):
            raise exceptions.NoMeasurement(
                f'libvirt on {self.source} has reported no event of the '
                'migration'
            )
        life = self.events(self.source, 'lifecycle')
        for event in life:
            if event.foreign:
                raise exceptions.NoMeasurement(
                    f'virsh on {self.source} does not speak English: have it '
                    'run with LC_ALL=C ([migration-hosts] virsh_command, '
                    '"podman exec --env LC_ALL=C nova_libvirt virsh", say)',
                    str(event),
                )
        return [event for event in life if event.text.startswith('Suspended')]

    def told_downtime(self):
        """Whether libvirt said at the source how long the guest stood."""
        return any(
            'downtime' in event.fields
            for event in self.events(self.source, 'job-completed')
        )

    def steps(self):
        """The steps of the maximum downtime that Nova logged: (ms, s)."""
        return [
            tuple(map(int, found.groups())) for _, found in self._logged(_STEP)
        ]

    def timeout(self):
        """After how many seconds Nova called the migration late, or None.

        :returns: (the seconds that it says, those from the first step to that
            line by the stamps of the log)
        """
        late = self._logged(_TIMEOUT)
        if not late:
            return None
        return int(late[0][1][1]), self._since_first_step(late[0][0])

    def ended_early(self):
        """Seconds from the first step until Nova saw the job end early.

        :returns: None if it did not
        """
        ended = self._logged(_ENDED)
        return self._since_first_step(ended[0][0]) if ended else None

    def _since_first_step(self, line):
        # Nova's monitoring begins with it ("after 0 sec").
        steps = self._logged(_STEP)
        if not steps:
            raise exceptions.NoMeasurement(
                f'nova-compute on {self.source} has not logged when it began '
                'to look at the migration',
                line.message,
            )
        return (_time(line) - _time(steps[0][0])).total_seconds()

    def _logged(self, pattern):
        """The Lines at the source that a pattern is in, with the match."""
        found = [
            (line, pattern.search(line.message))
            for line in self.lines(self.source)
        ]
        return [each for each in found if each[1]]

    def getDetails(self):
        """What was seen, as text."""
        found = super().getDetails()
        # A test asks also if it could not be set up.
        if not self._looking:
            return found
        for name in self._computes:
            found['nova-compute on ' + name] = _told_later(
                functools.partial(self._told, name)
            )
        found['migration job'] = _told_later(self._told_looks)
        return found

    def _told_looks(self):
        return (
            '\n'.join(map(_told_look, self.looks))
            or f'nothing; last error: {self._jobs.error}'
        )

    def _told(self, name):
        try:
            lines = [
                ' '.join((line.stamp, line.level, line.message))
                for line in self.lines(name)
            ]
        except exceptions.HostError as error:
            lines = [str(error)]
        return '\n'.join(
            [*lines, 'events of libvirt:', *map(str, self.events(name))]
        )


def _told_later(tell):
    """A text that is asked for when it is read.

    A test asks for a fixture's details as soon as it is set up (testtools,
    useFixture), and reads them at its end.
    """
    return content.Content(content_type.UTF8_TEXT, lambda: [tell().encode()])


def _look(virsh, server):
    """A JobLook, or None if no memory is being copied.

    Before that, and after it, QEMU has not what was set for the migration.
    """
    if not virsh.job(server).copies_memory:
        return None
    seen = (
        virsh.maximum_downtime(server),
        virsh.vcpu_time(server),
        virsh.qemu_migration(server),
    )
    job = virsh.job(server)
    return JobLook(job, *seen) if job.copies_memory else None


def _figures(seen):
    """libvirt's rate of written memory is in pages (virsh(1), domjobinfo).

    It is 0 in the first pass over the memory: not known yet.
    """
    job = seen.what.job
    fields = job.fields
    pages, size = map(fields.get, ('memory_dirty_rate', 'memory_page_size'))
    known = None not in (pages, size) and fields.get('memory_iteration', 0) > 1
    return measurement.Figures(
        at=seen.at,
        memory_remaining=fields.get('memory_remaining'),
        dirty_rate=pages * size if known else None,
        bandwidth=fields.get('memory_bps'),
        throttle=job.throttle,
    )


def _told_look(seen):
    look = seen.what
    return (
        f'{seen.at:.1f}: maximum downtime {look.maximum_downtime:g} s, '
        f'CPU time {look.vcpu_time:.2f} s, {json.dumps(look.job.fields)}'
    )


def _time(line):
    try:
        return line.time
    except ValueError:
        raise exceptions.NoMeasurement(
            'nova-compute logs no time of day that is understood '
            '(YYYY-MM-DD HH:MM:SS)',
            line.message,
        ) from None
