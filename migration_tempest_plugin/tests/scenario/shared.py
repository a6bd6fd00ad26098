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
"""Servers for the tests of a class, one test after another."""

import contextlib

from oslo_log import log

from migration_tempest_plugin.tests.scenario import base

LOG = log.getLogger(__name__)


class SharedGuestScenario(base.LiveMigrationScenario):
    """Base of classes whose tests need no servers of their own.

    They are built by the first of them that boots as many in the same way, and
    deleted with the class. If a test fails, its servers are kept until then,
    but the next test has new ones.
    """

    _left = ()  # (arguments, Guests) that no test has at the moment
    _for_the_class = False

    def boot_guests(self, count, **arguments):
        """As in the base, or the servers that another test has left.

        :param count: how many
        :param arguments: further ones of Tempest's create_server(); none that
            names what is gone with the test
        """
        guests = self._take(count, arguments)
        if not guests:
            with self._built_for_the_class():
                guests = super().boot_guests(count, **arguments)
        else:
            for guest in guests:
                LOG.info('The server %s was left by another test', guest.id)
                self.keep_evidence_of(guest.id)
        failed = []
        self.addOnException(failed.append)
        # First of all cleanups, and so done last: the others may fail, too.
        self.addCleanup(lambda: failed or self._leave(arguments, guests))
        return list(guests)

    def addCleanup(self, function, *args, **kwargs):
        if self._for_the_class:
            self.addClassResourceCleanup(function, *args, **kwargs)
        else:
            super().addCleanup(function, *args, **kwargs)

    @contextlib.contextmanager
    def _built_for_the_class(self):
        """What is to be cleaned up is so with the class."""
        self._for_the_class = True
        try:
            yield
        finally:
            self._for_the_class = False

    @classmethod
    def _leave(cls, arguments, guests):
        cls._left = (*cls._left, (arguments, tuple(guests)))

    @classmethod
    def _take(cls, count, arguments):
        """So many Guests that were left, if they are there, and all well."""
        for left in cls._left:
            built_with, guests = left
            if built_with == arguments and len(guests) == count:
                cls._left = tuple(
                    each for each in cls._left if each is not left
                )
                return guests if all(map(cls._is_well, guests)) else ()
        return ()

    @classmethod
    def _is_well(cls, guest):
        server = cls.os_admin.servers_client.show_server(guest.id)['server']
        state = server['status'], server['OS-EXT-STS:task_state']
        if state != ('ACTIVE', None):
            LOG.warning(
                'The server %s, which another test has left, is %s: '
                'it is not used again',
                guest.id,
                state,
            )
        return state == ('ACTIVE', None)
