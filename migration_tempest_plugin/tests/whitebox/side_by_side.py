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
"""Migrations of several tests, made at the same time."""

import contextlib
import dataclasses

from migration_tempest_plugin import measurement
from migration_tempest_plugin.tests.scenario import base as scenario_base
from migration_tempest_plugin.tests.scenario import volumes
from migration_tempest_plugin.tests.whitebox import observation
from migration_tempest_plugin.tests.whitebox import slow


@dataclasses.dataclass(frozen=True)
class Made:
    """A migration that was made, and what was seen of it on its hosts.

    :ivar observation: is over; what it has seen is there
    """

    measured: measurement.MeasuredMigration
    observation: observation.Observation


class SideBySideScenario(slow.SlowScenario):
    """Base of classes whose migrations take long, and do little but wait.

    Those of several tests are made by whichever of these comes first. Each
    test judges what became of its own.
    """

    _unkept = None  # what was measured while they are made

    @classmethod
    def resource_setup(cls):
        super().resource_setup()
        cls._made = {}  # what make() gave, by the group
        cls._failed = {}  # why it gave nothing

    def made(self, name, group, make):
        """The Made of one of the migrations of a group of tests.

        :param group: what these tests have in common
        :param make: makes the migrations of all of them; called without
            arguments, once for the class; gives the Made of each by its name
        """
        if group in self._failed:
            self.fail(
                'The migrations of all of these tests were made in '
                f'another one, which failed: {self._failed[group]}'
            )
        if group not in self._made:
            with self._kept_on_failure(group):
                self._made[group] = make()
        made = self._made[group][name]
        self.keep(made.measured)
        return made

    def boot_apart(self, names, on_volumes=()):
        """Guests by these names: the first on one host, others on another.

        :param on_volumes: the names of those whose disk is a volume, where
            the cloud has any
        """
        names = tuple(names)
        guests, groups = self._boot_named(names, on_volumes)
        # The scheduler spreads them: the first is one that is alone.
        first, *others = names
        [alike] = [group for group in groups if first in group]
        _, alone = self.by_host(guests.values())[-1]
        for name in alike:
            if guests[name] in alone:
                guests[first], guests[name] = guests[name], guests[first]
                break
        if others:
            self.bring_to(
                self.another_host(guests[first]),
                [guests[name] for name in others],
            )
        return {name: guests[name] for name in names}

    def boot_together(self, names, on_volumes=()):
        """As boot_apart(), but all on one host."""
        guests, _ = self._boot_named(tuple(names), on_volumes)
        self.bring_together(guests.values())
        return {name: guests[name] for name in names}

    def _boot_named(self, names, on_volumes):
        """Guests by their names, and the names of those that are alike."""
        on_volumes = on_volumes if volumes.has_volumes() else ()
        groups = (
            [name for name in names if name in on_volumes],
            [name for name in names if name not in on_volumes],
        )
        guests = {}
        for group in filter(None, groups):
            arguments = (
                volumes.on_volume(self.flavors_client)
                if group[0] in on_volumes
                else {}
            )
            guests.update(
                zip(group, self.boot_guests(len(group), **arguments))
            )
        return guests, groups

    def make_all(self, guests, follow, migrate=None):
        """Live migrate guests at the same time: the Made of each, by name.

        :param guests: each guest by its name
        :param follow: called with {name: (LiveMigration, Observation)} when
            memory of all is copied as slowly as was set; it returns when they
            have ended
        :param migrate: live_migrate_all_measured(), or its like for
            migrations that end otherwise
        """
        observations = {
            name: self.observe(guest) for name, guest in guests.items()
        }

        def follow_all(migrations):
            running = dict(zip(guests, zip(migrations, observations.values())))
            for each in running.values():
                self.await_slow_copy(*each)
            follow(running)

        measured = (migrate or self.live_migrate_all_measured)(
            [(guest, None) for guest in guests.values()], follow_all
        )
        return {
            name: Made(each, observations[name])
            for name, each in zip(guests, measured)
        }

    @contextlib.contextmanager
    def _kept_on_failure(self, group):
        """What is measured is kept by the tests that judge it, each its own.

        Here, only if there is nothing to judge.
        """
        self._unkept = unkept = []
        try:
            yield
        except Exception as error:
            self._failed[group] = error
            for measured in unkept:
                super().keep(measured)
            raise
        finally:
            self._unkept = None

    def keep(self, measured):
        if self._unkept is None:
            super().keep(measured)
        else:
            self._unkept.append(measured)


def complete(running):
    """Wait until all migrations of make_all() are completed."""
    scenario_base.complete_all(
        [migration for migration, _ in running.values()]
    )
