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
"""What a look at a watch gave."""

from migration_tempest_plugin.measurement import Outage

#: From 100.0 to 100.5 s at most, and 0.3 s at least.
OUTAGE = Outage(
    start=100.0,
    end=100.5,
    lower=0.3,
    failures=4,
    first_failure=100.1,
    last_failure=100.4,
)
