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
"""How far the copying of a guest's memory was, as its hypervisor says."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Figures:
    """What libvirt said at one time; None where it did not say it.

    :ivar at: when it had answered, in seconds of the tester's clock
    :ivar memory_remaining: bytes that were left to copy
    :ivar dirty_rate: bytes of memory that the guest writes in a second
    :ivar bandwidth: bytes of memory that are copied in a second
    :ivar throttle: by how many percent auto-converge slows the guest
    """

    at: float
    memory_remaining: int | None = None
    dirty_rate: int | None = None
    bandwidth: int | None = None
    throttle: int | None = None

    def to_dict(self, origin: float) -> dict[str, object]:
        """Ready for JSON, in seconds since the origin."""
        return {**dataclasses.asdict(self), 'at': self.at - origin}
