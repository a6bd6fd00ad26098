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
"""What a recorded migration is, as types: schema/migration.json says the same.

They are for type checkers alone, and of any version: what only newer records
have may be missing, as all may that the schema does not require.
"""

import typing


class Duration(typing.TypedDict):
    """A measurement.Duration."""

    estimate: float
    lower: float
    upper: float


class _Down(Duration):
    start: float
    end: float


class Outage(_Down, total=False):
    """An outage, or a stop of the guest's clock, which knows of no probes."""

    first_failure: float
    last_failure: float
    failures: int
    ongoing: bool
    why: str
    resumed_earliest: float


class Gap(typing.TypedDict):
    """When nobody looked."""

    begin: float
    end: float


class ShortGaps(typing.TypedDict):
    """For how long nobody looked."""

    count: int
    total: float
    longest: float


class RoundTrips(typing.TypedDict):
    """The measurement's Percentiles of one phase."""

    phase: str
    count: int
    unanswered: int
    median: float | None
    p95: float | None
    p99: float | None
    maximum: float | None


class RoundTripSlot(typing.TypedDict):
    """The round trips of the probes that were sent in one time."""

    begin: float
    end: float
    median: float
    p99: float
    maximum: float


class _Timeline(typing.TypedDict):
    what: str
    target: str
    resolution: float
    still_down: bool
    longest: Duration
    total: Duration
    outages: list[Outage]


@typing.final
class Timeline(_Timeline, total=False):
    """A measurement.Timeline, without its samples."""

    schema: str
    version: int
    method: str
    clock: str
    wall_start: float | None
    observed: float
    interval: float
    deadline: float | None
    unobserved: float
    gaps: list[Gap]
    short_gaps: ShortGaps
    successes: int
    failures: int
    reasons: dict[str, int]
    late: list[dict[str, float]]
    begin: float
    round_trips: list[RoundTrips]
    band: list[RoundTripSlot]


class _Missing(typing.TypedDict):
    no_measurement: str


@typing.final
class Missing(_Missing, total=False):
    """Why there is no measurement, and what there is nevertheless."""

    seen: str | None
    timeline: Timeline | None


class Phase(typing.TypedDict):
    """A measurement.Phase; each end of it is two moments."""

    kind: str
    name: str
    begin: list[float]
    end: list[float] | None


class _Look(typing.TypedDict):
    asked: float
    answered: float
    status: str | None


class Look(_Look, total=False):
    """A measurement.Look."""

    memory_total: int | None
    memory_processed: int | None
    memory_remaining: int | None


class Progress(typing.TypedDict, total=False):
    """A measurement.Progress; {} stands for one that was not recorded."""

    requested: float
    phases: list[Phase]
    queued: Duration | None
    memory_copied: int | None
    looks: list[Look]


class Breakdown(typing.TypedDict, total=False):
    """A measurement.Breakdown; {} stands for one that was not recorded."""

    schema: str
    version: int
    libvirt_downtime: float | None
    guest_stopped: Duration | None
    network: Duration | None
    network_while_running: Duration | None
    network_after_stop: Duration | None
    tcp_stalled: Duration | None
    metadata: Duration | None
    metadata_after_network: Duration | None
    storage_stalled: Duration | None
    phases: list[Phase]
    memory_copied: int | None


class _GuestClock(typing.TypedDict):
    stopped: Duration
    stops: list[Outage]


class GuestClock(_GuestClock, total=False):
    """A measurement.GuestClock."""

    resolution: float
    beats: int


class GuestLoad(typing.TypedDict):
    """A measurement.GuestLoad."""

    idle: float | None
    seconds: float
    processor: dict[str, float | None]
    under_load: bool


class _Limit(typing.TypedDict):
    what: str
    option: str
    seconds: float
    longest: bool


class Limit(_Limit, total=False):
    """A measurement.Limit."""

    fail_unchecked: bool
    round_trip: bool


class _Figures(typing.TypedDict):
    at: float


class Figures(_Figures, total=False):
    """measurement.Figures."""

    memory_remaining: float | None
    dirty_rate: float | None
    bandwidth: float | None
    throttle: float | None


class Setting(typing.TypedDict):
    """A measurement.Setting."""

    name: str
    value: bool | int | None
    origin: str


class Followed(typing.TypedDict):
    """A measurement.Followed."""

    kind: str
    source: str | None
    destination: str | None
    status: str
    took: Duration | None
    phases: list[Phase]
    migration_record: dict[str, object] | None
    events: list[dict[str, object]]


class _Migration(typing.TypedDict):
    schema: str
    version: int
    source: str | None
    destination: str | None
    measurements: list[Timeline | Missing]


class Migration(_Migration, total=False):
    """A measurement.MeasuredMigration."""

    kind: str
    server: str
    breakdown: Breakdown | None
    guest_clock: GuestClock | None
    guest_load: GuestLoad | None
    progress: Progress | None
    migration_record: dict[str, object] | None
    events: list[dict[str, object]]
    limits: list[Limit]
    complaints: list[str]
    unchecked: list[str]
    figures: list[Figures]
    settings: list[Setting]
    followed: list[Followed]
