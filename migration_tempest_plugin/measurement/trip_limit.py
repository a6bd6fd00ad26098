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
"""How long answers may take while a server is migrated."""

import dataclasses

from migration_tempest_plugin.measurement.duration import Duration
from migration_tempest_plugin.measurement.migration import Limit
from migration_tempest_plugin.measurement.migration import Seen
from migration_tempest_plugin.measurement.round_trips import ENOUGH_99
from migration_tempest_plugin.measurement.round_trips import milliseconds
from migration_tempest_plugin.measurement.round_trips import within_error


@dataclasses.dataclass(frozen=True)
class RoundTripLimit(Limit):
    """How long 99 % of the answers may take at most.

    It is of what was answered: what was not is for the limits of outages.

    :ivar seconds: the longest 99th percentile that is allowed
    """

    @property
    def name(self) -> str:
        return f'{self.what} round trip'

    def cost(self, seen: Seen) -> Duration | None:
        found = seen.round_trips
        if found is None or found.p99 is None:
            return None
        return within_error(found.p99)

    def told(self, cost: Duration) -> str:
        estimate, lower, upper = map(
            milliseconds, (float(cost), cost.lower, cost.upper)
        )
        return f'{estimate} ms ({lower} to {upper})'

    def shown(self, seen: Seen) -> Duration:
        return self.cost(seen) or Duration(0, 0)

    def unchecked(self, seen: Seen) -> str | None:
        """That there are too few answers for it, or None."""
        if self.cost(seen) is not None:
            return None
        known = (
            f'{seen.round_trips.count} answers came'
            if seen.round_trips
            else 'it is not known which answers came then'
        )
        return (
            f'NOT CHECKED: {self.name}: {known}; the limit of '
            f'{self.seconds:g} s ({self.option}) is for 99 % of them, which '
            f'takes {ENOUGH_99} at least. Probe more often'
        )

    def exceeded(self, seen: Seen) -> str | None:
        """That 99 % of the answers took longer, or None."""
        cost = self.cost(seen)
        if cost is None or cost.upper <= self.seconds:
            return None
        return (
            f'{self.name}: 99 % took up to {self.told(cost)}, longer than the '
            f'{self.seconds:g} s that {self.option} allows'
        )

    def to_dict(self) -> dict[str, object]:
        return {**super().to_dict(), 'round_trip': True}
