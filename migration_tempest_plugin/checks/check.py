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
"""What all checks of a guest have in common."""

import fixtures

from migration_tempest_plugin import exceptions


class Check(fixtures.Fixture):
    """One thing about a guest that a migration must not change.

    :cvar name: what is checked, for people
    """

    name = ''

    def verify(self):
        """Look whether it is as it was when this was set up.

        It can be asked again.

        :returns: what was found, as one line
        :raises CheckFailed: if it is not
        :raises GuestError: if the guest can't be asked
        """
        raise NotImplementedError

    def failed(self, what, *words):
        """The error that says so."""
        return exceptions.CheckFailed(self.name, what % words)
