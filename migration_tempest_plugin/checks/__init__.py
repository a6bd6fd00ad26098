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
"""Checks of a guest: what a migration must leave as it was.

Each is a fixture, usable on its own: it is set up before the migration, may
watch meanwhile, and ``verify()`` says afterwards what it has found.
"""

from migration_tempest_plugin.checks.check import Check
from migration_tempest_plugin.checks.clock import ClockCheck
from migration_tempest_plugin.checks.console import ConsoleCheck
from migration_tempest_plugin.checks.network import NetworkCheck
from migration_tempest_plugin.checks.pattern import DiskCheck
from migration_tempest_plugin.checks.pattern import MemoryCheck
from migration_tempest_plugin.checks.ports import PortCheck
from migration_tempest_plugin.checks.storage import StorageCheck
from migration_tempest_plugin.checks.volumes import VolumeCheck

__all__ = (
    'Check',
    'ClockCheck',
    'ConsoleCheck',
    'DiskCheck',
    'MemoryCheck',
    'NetworkCheck',
    'PortCheck',
    'StorageCheck',
    'VolumeCheck',
)
