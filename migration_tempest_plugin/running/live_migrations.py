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
"""Live migrations that are measured, one or several at a time."""

import collections.abc
import contextlib
import dataclasses
import functools
import time

from oslo_log import log

from migration_tempest_plugin.cloud import api
from migration_tempest_plugin.cloud import live_migration
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.hosts import inventory
from migration_tempest_plugin import measurement
from migration_tempest_plugin.meters import reading
from migration_tempest_plugin.running import metering
from migration_tempest_plugin.running import recorder
from migration_tempest_plugin import threads

LOG = log.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Move:
    """A server that is to be live migrated.

    :ivar migration: the LiveMigration, which is not requested yet
    :ivar arguments: of its request (api-ref, "Live-Migrate Server")
    :ivar meters: of the server, not set up; that of its network first
    :ivar figures: called with a moment: the Figures that its hosts reported
        of it since then
    :ivar settings: the Settings that hold for it
    :ivar target: what its meters call it in a recording
    """

    server: str
    migration: live_migration.LiveMigration
    arguments: dict[str, object]
    meters: tuple[reading.Meter, ...]
    figures: collections.abc.Callable[
        [float], tuple[measurement.Figures, ...]
    ] = lambda since: ()
    settings: tuple[measurement.Setting, ...] = ()
    target: str = ''


@dataclasses.dataclass(frozen=True)
class Terms:
    """How live migrations are measured, and what they are held to.

    :ivar baseline: seconds within which all must be up before
    :ivar recovery: seconds that it gets to be up again after the end
    :ivar limits: the Limits
    :ivar computes: the Compute of each host that can be looked into, by name
    :ivar recording: the Recorder that the meters were made by
    """

    baseline: float
    recovery: float
    limits: tuple[measurement.Limit, ...] = ()
    computes: collections.abc.Mapping[str, inventory.Compute] = (
        dataclasses.field(default_factory=dict)
    )
    recording: recorder.Recorder = recorder.NONE


def measure(
    moves: collections.abc.Sequence[Move],
    follow: collections.abc.Callable[
        [list[live_migration.LiveMigration]], object
    ],
    terms: Terms,
    keep: collections.abc.Callable[[measurement.MeasuredMigration], object],
) -> list[measurement.MeasuredMigration]:
    """Live migrate servers at the same time, measuring each of them.

    :param moves: the Move of each
    :param follow: called with the LiveMigrations when all are requested; it
        returns when they have ended. If it fails, they are called off.
    :param terms: the Terms
    :param keep: called with each MeasuredMigration, also if something failed
    :returns: the MeasuredMigrations
    """
    migrations = [move.migration for move in moves]
    for move in moves:
        move.migration.looked = functools.partial(
            _record, move, terms.recording
        )
    give_up = 0.0
    with metering.Metering(
        {move.server: move.meters for move in moves}
    ) as meters:
        try:
            meters.begin(lambda _: terms.baseline)
            terms.recording.begin(meters.baselines)
            terms.recording.mark('live migration requested')
            with _called_off_on_failure(migrations, terms.recovery):
                threads.call_all(
                    functools.partial(move.migration.request, **move.arguments)
                    for move in moves
                )
                follow(migrations)
            terms.recording.mark('live migration ended')
            give_up = time.monotonic() + terms.recovery
            meters.recover(give_up)
        finally:
            # Before the meters end, so that one that died is noticed.
            read = meters.read(give_up)
            measured = []
            for move in moves:
                measured.append(_measured(move, read[move.server], terms))
                keep(measured[-1])
    return measured


def _record(move: Move, recording: recorder.Recorder) -> None:
    """Have it written what was seen of a migration."""
    recording.migrations(move.target, [move.migration.followed()])


@contextlib.contextmanager
def _called_off_on_failure(
    migrations: list[live_migration.LiveMigration], timeout: float
) -> collections.abc.Iterator[None]:
    """Where something fails meanwhile, no migration is left under way."""
    try:
        yield
    except BaseException:
        for migration in migrations:
            migration.call_off(timeout)
        raise


def _measured(
    move: Move, read: metering.Read, terms: Terms
) -> measurement.MeasuredMigration:
    host, record = move.migration.host(), move.migration.record
    progress = move.migration.progress
    return measurement.MeasuredMigration(
        server=move.server,
        source=move.migration.source,
        destination=host,
        record=record,
        events=tuple(move.migration.events()),
        progress=progress,
        measurements=read.measurements,
        clock=read.clock,
        libvirt_downtime=_libvirt_downtime(
            terms.computes.get(host) if host else None, move.server, record
        ),
        limits=terms.limits,
        load=read.load,
        figures=move.figures(progress.requested) if progress else (),
        settings=move.settings,
    )


def _libvirt_downtime(
    compute: inventory.Compute | None, server: str, record: api.Record | None
) -> float | None:
    """For how long libvirt says that the guest was stopped, or None."""
    if not compute or not record or record['status'] != 'completed':
        return None
    try:
        return compute.libvirt.completed_job(server).downtime
    except exceptions.HostError as error:
        LOG.warning('libvirt could not be asked: %s', error)
        return None
