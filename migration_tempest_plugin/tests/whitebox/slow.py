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
"""Tests of migrations that are held to a low bandwidth, of busy guests."""

import time

from oslo_log import log

from migration_tempest_plugin import config
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.guest import load
from migration_tempest_plugin.tests.whitebox import reconfiguring

CONF = config.CONF
LOG = log.getLogger(__name__)

#: Of how much more than the bandwidth a guest must write to its memory, so
#: that its migration does not come to its end by itself.
OVERLOAD = 1.5

#: How much of that is asked of it: it writes the share of half a second at
#: once, and who looks for a second may see one of these alone.
ASKED_OVERLOAD = 4

#: How often at most it is looked at how much it writes. libvirt samples 512
#: pages of a GiB: of a small guest so few that a look is wrong by a quarter.
LOOKS_AT_RATE = 5

#: Options with which Nova has taken all steps of the maximum downtime within
#: a minute.
QUICK_STEPS = {
    'live_migration_downtime_steps': 3,
    'live_migration_downtime_delay': 3,
}

#: MiB per second that no migration here is held back by.
FAST = 1024


class SlowScenario(reconfiguring.ReconfiguringScenario):
    """Base of the tests whose migrations do not complete by themselves."""

    @property
    def bandwidth(self):
        """MiB per second to which slow migrations are held."""
        return CONF.migration.limited_bandwidth

    def slow_migrations(self):
        """Options under which a busy guest's migration does not complete."""
        return {
            'live_migration_bandwidth': self.bandwidth,
            'live_migration_permit_post_copy': False,
            'live_migration_timeout_action': 'abort',
        }

    # --- load ----------------------------------------------------------------

    def await_slow_copy(self, migration, observation):
        """Wait until memory is copied as slowly as was set.

        :raises SettingNotInForce: if it is copied faster
        :raises NoMeasurement: if the migration is over before it was seen
        """
        limit = self.bandwidth
        migration.wait_until(('running',), CONF.migration.migration_timeout)
        self.wait_for(
            migration,
            lambda: observation.looks,
            f'memory being copied at {limit} MiB/s',
        )
        self.assert_qemu(observation, 'max-bandwidth', limit * 2**20)

    def wait_for(self, migration, condition, what):
        """Wait for something to be seen while a migration runs.

        :raises NoMeasurement: if it is over before that, or it takes too long
        """
        give_up = time.monotonic() + CONF.migration.migration_timeout
        while not condition():
            status = migration.record['status']
            if status != 'running' or time.monotonic() > give_up:
                raise exceptions.NoMeasurement(
                    f'there was no sign of {what} while the migration ran; '
                    f'it is {status} now'
                )
            time.sleep(CONF.migration.progress_interval)

    def await_second_pass(self, migration, observation):
        """Wait until QEMU has copied all of the memory once.

        It does not switch to post-copy before.
        """
        self.wait_for(
            migration,
            lambda: any(
                seen.what.job.fields.get('memory_iteration', 0) > 1
                for seen in observation.looks
            ),
            'a second pass over the memory',
        )

    def load_memory(self, guest):
        """Let a guest write to its memory faster than it may be copied.

        :returns: the MemoryLoad, which can be stopped
        :raises NoMeasurement: if it writes too little
        """
        [running] = self.load_memory_of([guest])
        return running

    def load_memory_of(self, guests):
        """As load_memory(), for several guests at the same time."""
        return self._load(
            guests, CONF.migration.memory_load, ASKED_OVERLOAD * self.bandwidth
        )

    def load_processors(self, guest):
        """As load_memory(), as fast as the guest can, on all processors.

        It writes to half as much memory. Auto-converge slows a guest down
        further after two passes over what has changed: these are shorter so.
        """
        [running] = self._load(
            [guest], max(1, CONF.migration.memory_load // 2), None
        )
        return running

    def _load(self, guests, mib, rate):
        running = [
            self.useFixture(
                load.MemoryLoad(
                    guest.ssh, mib, CONF.migration.guest_probe_lifetime, rate
                )
            )
            for guest in guests
        ]
        for guest, each in zip(guests, running):
            self._assert_overload(guest, each)
        return running

    def _assert_overload(self, guest, running):
        limit = self.bandwidth
        libvirt, rates = self.compute_of(guest).libvirt, []
        for _ in range(LOOKS_AT_RATE):
            rates.append(libvirt.dirty_rate(guest.id))
            rate = sum(rates) / len(rates)
            LOG.info(
                'The guest writes %d MiB/s (%s); %d MiB/s are copied',
                rate,
                running.tool,
                limit,
            )
            if rate >= OVERLOAD * limit:
                return
        raise exceptions.NoMeasurement(
            f'the guest writes {int(rate)} MiB/s to its memory, which is not '
            f'much more than the {limit} MiB/s that are copied: nothing can '
            'be said of a migration that does not converge. Lower [migration] '
            'limited_bandwidth, or raise memory_load',
            running.tool,
        )

    def cpu_use(self, guest, seconds=3.0):
        """How many CPUs a guest uses, as a number: 0.9, say.

        :param seconds: for how long it is looked at
        """
        libvirt = self.compute_of(guest).libvirt
        began, before = time.monotonic(), libvirt.vcpu_time(guest.id)
        time.sleep(seconds)
        return (libvirt.vcpu_time(guest.id) - before) / (
            time.monotonic() - began
        )
