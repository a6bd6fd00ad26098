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
"""Which microversion of Nova's API Tempest's clients ask for."""

import fixtures

#: Those that brought the progress of a live migration, the end of one that may
#: still wait for its turn, and its completion by force (api-ref, "Server
#: migrations").
PROGRESS = '2.23'
ABORT = '2.65'
FORCE_COMPLETE = '2.22'

_WHERE = ('tempest.lib.services.compute.base_compute_client.'
          'COMPUTE_MICROVERSION')


def compute(version):
    """Makes Tempest's clients ask for a microversion, in a ``with``.

    What they asked for before is theirs again afterwards; Tempest's own
    fixture leaves them with none.
    """
    return fixtures.MonkeyPatch(_WHERE, version)
