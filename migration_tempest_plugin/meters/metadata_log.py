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
"""Reads what metadata_probe.sh wrote down. Pure: text in, samples out.

The format is described at the top of guest/metadata_probe.sh. A line that is
not whole (the last one of a log that is just being written, or one that met a
full file system) is left out and counted: the time of its attempt is
unobserved.
"""

import collections
import dataclasses
import re

from migration_tempest_plugin import measurement
from migration_tempest_plugin.measurement.guest_clock import TICK
from migration_tempest_plugin import words

_ATTEMPT = re.compile(r'(\d) (\d+) (\d+\.\d\d) (\d+\.\d+) (\w+) ;')
_NOW = re.compile(
    r'(\d) (\d+) (\w+) (\d+\.\d\d) (\d+) (-|\d+\.\d\d) '
    r'(\d+) (\d+) *;'
)
_DEADLINES = re.compile(
    r'deadline (\d+\.\d\d) (\d+\.\d\d) tool=([\w-]+) '
    r'lanes=(\d) baseline=(\d+) slowest=(\d+\.\d\d) ;'
)

#: The lane of the attempts before the deadlines are chosen.
BASELINE = 0

#: By how many seconds the end of what one curl asked may be noticed late,
#: where its other attempts do not show that it was more.
LATE = TICK / 2

#: How many attempts before one are asked when it was due.
WITNESSES = 3

#: Seconds by which a lane of one curl may begin its next attempt late: by more
#: only where the guest was kept from running, or was too busy.
PUNCTUAL = 0.1

#: Seconds by which a lane of one curl may be late until it counts as stuck:
#: its processes share the guest with others.
GRACE = 1.0


@dataclasses.dataclass(frozen=True)
class Attempt:
    """One request.

    :ivar lane: what made it; each makes one after the other
    :ivar sequence: its number in that lane
    :ivar end: when it was known to be over, in seconds of the guest's clock,
        which cuts off what is less than a TICK
    :ivar took: seconds that it took
    """

    lane: int
    sequence: int
    end: float
    took: float
    result: str

    @property
    def start(self) -> float:
        """When it began, in seconds of the guest's clock."""
        return round(self.end - self.took, 6)

    @property
    def answered(self) -> bool:
        return self.result == 'ok'

    @property
    def timed_out(self) -> bool:
        """Whether curl gave it up at its deadline."""
        return self.result == 'rc28'


@dataclasses.dataclass(frozen=True)
class Now:
    """What a lane is doing.

    :ivar sequence: number of its latest attempt
    :ivar state: 'open' while that is under way, its result afterwards
    :ivar start: when it began
    :ivar answered: how many were answered up to now
    :ivar last_answered: start of the latest answered one, or None
    :ivar lost: lines that could not be written into the log
    """

    lane: int
    sequence: int
    state: str
    start: float
    answered: int
    last_answered: float | None
    lost: int


@dataclasses.dataclass(frozen=True)
class Chosen:
    """What the script chose after its baseline.

    :ivar connect: seconds in which an attempt must be connected
    :ivar deadline: seconds in which it must be answered
    :ivar tool: what makes the attempts
    :ivar lanes: how many make them, out of step; the lane after them is the
        quick one, which asks while attempts fail
    :ivar baseline: how many answers the baseline is of
    :ivar slowest: seconds that the slowest of these took
    """

    connect: float
    deadline: float
    tool: str
    lanes: int
    baseline: int
    slowest: float


@dataclasses.dataclass(frozen=True)
class UnderWay:
    """An attempt that had not come to an end.

    :ivar start: when it began; as expected, where the script can't see that
    """

    lane: int
    sequence: int
    start: float


@dataclasses.dataclass(frozen=True)
class Reading:
    """What was read at one time.

    :ivar attempts: those that came to an end, in the order of their ends
    :ivar nows: the Now of each lane whose line was whole
    :ivar uptime: the guest's clock then
    :ivar chosen: the Chosen, or None while there is no baseline
    :ivar put_off: lane and sequence of the attempts that were made later on
        purpose, to keep the lanes in step
    :ivar restarts: how often a curl that had ended was started again
    :ivar unreadable: lines that are not whole, or not from the script
    """

    attempts: tuple[Attempt, ...]
    nows: tuple[Now, ...]
    uptime: float
    chosen: Chosen | None = None
    put_off: frozenset[tuple[int, int]] = frozenset()
    restarts: int = 0
    unreadable: int = 0

    @property
    def _curl_lanes(self) -> int | None:
        """How many lanes there are, if one curl makes many attempts in each.

        None if not, or while nothing is chosen.
        """
        if self.chosen is None or self.chosen.tool != 'curl':
            return None
        return self.chosen.lanes

    @property
    def is_emptied(self) -> bool:
        """Whether attempts came to an end of which none is in the log."""
        return not self.attempts and any(now.sequence > 1 for now in self.nows)

    def in_turn(self, interval: float) -> bool:
        """Whether the lanes ask in turn, so that somebody always looks.

        In a busy guest they may begin late, and two of them together, until
        the script has put them in step.

        :param interval: seconds from the start of one attempt to the next
        """
        lanes = self._curl_lanes
        if lanes is None:
            return True
        period = lanes * interval
        latest = {
            attempt.lane: attempt.start % period
            for attempt in self.attempts
            if BASELINE < attempt.lane <= lanes
        }
        if len(latest) < lanes:
            return False
        phases = sorted(latest.values())
        return all(
            after - before <= 2 * interval + TICK
            for before, after in zip(phases, [*phases[1:], phases[0] + period])
        )

    def under_way(self, interval: float) -> list[UnderWay]:
        """The attempts that had not come to an end, as UnderWay.

        :param interval: seconds from the start of one to the next, of all
            lanes together
        """
        latest = {attempt.lane: attempt for attempt in self.attempts}
        lanes = self._curl_lanes
        if lanes is None:
            return [
                UnderWay(now.lane, now.sequence, now.start)
                for now in self.nows
                if now.state == 'open'
                and not (
                    now.lane in latest
                    and latest[now.lane].sequence >= now.sequence
                )
            ]
        expected = [
            UnderWay(
                lane,
                attempt.sequence + 1,
                max(attempt.end, attempt.start + lanes * interval),
            )
            for lane, attempt in latest.items()
            if BASELINE < lane <= lanes
        ]
        return [each for each in expected if each.start < self.uptime]

    def hangs(self, attempt: UnderWay, deadline: float) -> bool:
        """Whether an attempt under way is older than its deadline.

        :param deadline: seconds
        """
        return self.uptime - attempt.start > deadline

    def samples(
        self, interval: float, deadline: float
    ) -> list[measurement.Sample]:
        """Turn the attempts into samples.

        What timed out while the guest was kept from running says nothing: its
        answer may have been there. It is left out.

        One that is under way counts as unanswered, since its start, if it
        hangs; before that it counts as nothing. What one curl has under way
        never does: that keeps its deadline, or is not there any more.

        What a clock of TICKs says is widened, so that no bound is narrower
        than what was seen: start and end may each be later by the TICK that
        was cut off. Where a start is reckoned from the end, it may also be
        earlier by LATE, or more: the end may have been noticed late.

        :param interval: seconds from the start of an attempt to the next one
        :param deadline: seconds in which an attempt of the baseline had to be
            answered, whose answer is late otherwise
        """
        chosen = self.chosen
        deadlines = collections.defaultdict(
            lambda: chosen.deadline if chosen else deadline,
            {BASELINE: deadline},
        )
        lanes = self._curl_lanes
        if lanes is not None:
            starts = self._starts(lanes, interval)
            held = self._held(lanes, interval)
            return [
                _sample(attempt, *start, deadlines[attempt.lane])
                for attempt, start in zip(self.attempts, starts)
                if not (
                    attempt.timed_out
                    and any(
                        begin < attempt.end and attempt.start < end
                        for begin, end in held
                    )
                )
            ]
        return [
            _sample(
                attempt,
                attempt.start,
                attempt.start + TICK,
                deadlines[attempt.lane],
            )
            for attempt in self.attempts
        ] + [
            measurement.Sample(each.start, self.uptime, False)
            for each in self.under_way(interval)
            if self.hangs(each, deadlines[each.lane])
        ]

    def _held(self, lanes: int, interval: float) -> list[tuple[float, float]]:
        """The times in which the guest was kept from running.

        The lanes of one curl show that: each begins its next attempt a period
        after the one before, or when that has ended, if it can.

        :returns: pairs of begin and end
        """
        period = lanes * interval
        latest: dict[int, Attempt] = {}
        held = []
        for attempt in self.attempts:
            if not BASELINE < attempt.lane <= lanes:
                continue
            before = latest.get(attempt.lane)
            latest[attempt.lane] = attempt
            if before is None:
                continue
            due = max(before.start + period, before.end)
            if (
                attempt.start - due > PUNCTUAL
                and (attempt.lane, attempt.sequence) not in self.put_off
            ):
                held.append((due, attempt.start))
        return held

    def _starts(
        self, lanes: int, interval: float
    ) -> list[tuple[float, float]]:
        """When each attempt began, at the earliest and at the latest.

        Those before it in its lane say when it was due: if it seems to have
        begun a little after that, its end may have been noticed late.
        """
        period = lanes * interval
        due: dict[int, collections.deque[float]] = collections.defaultdict(
            lambda: collections.deque(maxlen=WITNESSES)
        )
        starts = []
        for attempt, latest in zip(
            self.attempts, self._latest_starts(lanes, interval)
        ):
            reckoned = earliest = latest - TICK - LATE
            if BASELINE < attempt.lane <= lanes:
                witnesses = due[attempt.lane]
                for steps, before in enumerate(reversed(witnesses), 1):
                    if reckoned - PUNCTUAL < before + steps * period:
                        earliest = min(earliest, before + steps * period)
                witnesses.append(reckoned)
            starts.append((earliest, latest))
        return starts

    def _latest_starts(self, lanes: int, interval: float) -> list[float]:
        """When each attempt began at the latest.

        The script notes when it sees an end, which may be late in a busy
        guest. But the next attempt of the same lane began no sooner than
        the one before had ended, nor than the lane's period after its start.

        :param interval: seconds from the start of an attempt to the next one
        """
        latest: dict[int, float] = {}
        starts = []
        for attempt in reversed(self.attempts):
            step = max(
                attempt.took,
                lanes * interval if BASELINE < attempt.lane <= lanes else 0,
            )
            start = min(
                attempt.start + TICK,
                latest.get(attempt.lane, float('inf')) - step,
            )
            latest[attempt.lane] = start
            starts.append(start)
        return starts[::-1]

    def __str__(self) -> str:
        lost = words.counted(
            self.unreadable + sum(now.lost for now in self.nows), 'line'
        )
        if not self.attempts:
            return f'no attempt in the log, {lost} cut or lost'
        counts = collections.Counter(each.result for each in self.attempts)
        results = ', '.join(
            f'{result}: {count}' for result, count in sorted(counts.items())
        )
        seconds = self.uptime - self.attempts[0].start
        restarts = (
            ', curl ended and was started again '
            f'{words.counted(self.restarts, "time")}'
            if self.restarts
            else ''
        )
        return (
            f'{words.counted(len(self.attempts), "attempt")} in '
            f'{seconds:.1f} s ({results}), '
            f'{lost} cut or lost{restarts}'
        )


def parse(log: str, now: str, uptime: float) -> Reading:
    """Make a Reading of the texts of the log and of what is under way.

    The first line of the log, the header, is left to others; without it, the
    log has lost its beginning, and nothing in it counts.
    """
    latest: dict[int, Attempt] = {}
    attempts = []
    chosen = None
    put_off = set()
    restarts = unreadable = 0
    header, *lines = log.splitlines() or ['']
    for line in filter(None, lines):
        attempt = header.startswith('metadata_probe ') and _attempt(line)
        if attempt and _follows(latest.get(attempt.lane), attempt):
            latest[attempt.lane] = attempt
            attempts.append(attempt)
        elif deadlines := _DEADLINES.fullmatch(line):
            chosen = _chosen(deadlines)
        elif re.fullmatch(r'again \d ;', line):
            restarts += 1
        elif re.fullmatch(r'step \d ;', line) and int(line[5]) in latest:
            put_off.add((int(line[5]), latest[int(line[5])].sequence + 1))
        else:
            unreadable += 1
    return Reading(
        tuple(attempts),
        parse_now(now),
        uptime,
        chosen,
        frozenset(put_off),
        restarts,
        unreadable,
    )


def parse_now(text: str) -> tuple[Now, ...]:
    """Read the lines on what the lanes do; those that are whole."""
    return tuple(filter(None, map(_now, text.splitlines())))


def _now(line: str) -> Now | None:
    match = _NOW.fullmatch(line.strip())
    # The number stands at both ends: a line that was read while it was being
    # overwritten has two different ones.
    if not match or match[2] != match[8]:
        return None
    return Now(
        lane=int(match[1]),
        sequence=int(match[2]),
        state=match[3],
        start=float(match[4]),
        answered=int(match[5]),
        last_answered=None if match[6] == '-' else float(match[6]),
        lost=int(match[7]),
    )


def _attempt(line: str) -> Attempt | None:
    match = _ATTEMPT.fullmatch(line)
    return match and Attempt(
        int(match[1]),
        int(match[2]),
        float(match[3]),
        float(match[4]),
        match[5],
    )


def _chosen(match: re.Match[str]) -> Chosen:
    return Chosen(
        float(match[1]),
        float(match[2]),
        match[3],
        int(match[4]),
        int(match[5]),
        float(match[6]),
    )


def _follows(before: Attempt | None, attempt: Attempt) -> bool:
    """Whether it can come after that; what two torn lines make can't."""
    if before is None:
        return True
    return attempt.sequence > before.sequence and attempt.end >= before.end


def _sample(
    attempt: Attempt, earliest: float, latest: float, deadline: float
) -> measurement.Sample:
    late = attempt.answered and attempt.took > deadline
    return measurement.Sample(
        round(earliest, 6),
        attempt.end + TICK,
        attempt.answered and not late,
        late,
        slack=latest - earliest,
        took=attempt.took,
    )
