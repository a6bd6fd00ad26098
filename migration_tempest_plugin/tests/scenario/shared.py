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
"""One server for the tests of a class, one after another."""

import contextlib

from oslo_log import log

from migration_tempest_plugin.tests.scenario import base

LOG = log.getLogger(__name__)


class SharedGuestScenario(base.LiveMigrationScenario):
    """Base of classes whose tests need no server of their own.

    It is built by the first of them that boots one, and deleted with the
    class. If a test fails, the server is kept until then, but the next test
    has a new one.
    """

    _left = None           # the Guest that no test has at the moment
    _for_the_class = False

    def boot_guest(self, **arguments):
        """As in the base, or the server that another test has left.

        :param arguments: further ones of Tempest's create_server(): with any
            of them, it is a new server, which is deleted with the test
        """
        if arguments:
            return super().boot_guest(**arguments)
        guest = self._take()
        if guest is None:
            with self._built_for_the_class():
                guest = super().boot_guest()
        else:
            LOG.info('The server %s was left by another test', guest.id)
            self.keep_evidence_of(guest.id)
        failed = []
        self.addOnException(failed.append)
        # First of all cleanups, and so done last: the others may fail, too.
        self.addCleanup(lambda: failed or self._leave(guest))
        return guest

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
    def _leave(cls, guest):
        cls._left = guest

    @classmethod
    def _take(cls):
        """The Guest that was left, or None if it is not there, or not well."""
        guest, cls._left = cls._left, None
        if guest is None:
            return None
        server = cls.os_admin.servers_client.show_server(guest.id)['server']
        state = server['status'], server['OS-EXT-STS:task_state']
        if state != ('ACTIVE', None):
            LOG.warning('The server %s, which another test has left, is %s: '
                        'it is not used again', guest.id, state)
            return None
        return guest
