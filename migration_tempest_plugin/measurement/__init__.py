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
"""What a measurement is: samples, outages with bounds, timelines.

Pure: nothing in here reads a clock, a file, a network or a configuration. All
times are seconds of one monotonic clock, that of the machine which observed.
"""

from migration_tempest_plugin.measurement.breakdown import break_down
from migration_tempest_plugin.measurement.breakdown import Breakdown
from migration_tempest_plugin.measurement.duration import Duration
from migration_tempest_plugin.measurement.figures import Figures
from migration_tempest_plugin.measurement.followed import Followed
from migration_tempest_plugin.measurement.guest_clock import Beat
from migration_tempest_plugin.measurement.guest_clock import GuestClock
from migration_tempest_plugin.measurement.guest_load import GuestLoad
from migration_tempest_plugin.measurement.guest_load import ProcessorTimes
from migration_tempest_plugin.measurement.guest_load import Taken
from migration_tempest_plugin.measurement.migration import in_median
from migration_tempest_plugin.measurement.migration import Limit
from migration_tempest_plugin.measurement.migration import MeasuredMigration
from migration_tempest_plugin.measurement.migration import Seen
from migration_tempest_plugin.measurement.outage import Outage
from migration_tempest_plugin.measurement.progress import Look
from migration_tempest_plugin.measurement.progress import Mark
from migration_tempest_plugin.measurement.progress import Phase
from migration_tempest_plugin.measurement.progress import Progress
from migration_tempest_plugin.measurement.sample import Sample
from migration_tempest_plugin.measurement.setting import Setting
from migration_tempest_plugin.measurement.timeline import Probing
from migration_tempest_plugin.measurement.timeline import Timeline
from migration_tempest_plugin.measurement.trip_limit import RoundTripLimit

__all__ = (
    'Beat',
    'Breakdown',
    'Duration',
    'Figures',
    'Followed',
    'GuestClock',
    'GuestLoad',
    'Limit',
    'Look',
    'Mark',
    'MeasuredMigration',
    'Outage',
    'Phase',
    'Probing',
    'ProcessorTimes',
    'Progress',
    'RoundTripLimit',
    'Sample',
    'Seen',
    'Setting',
    'Taken',
    'Timeline',
    'break_down',
    'in_median',
)
