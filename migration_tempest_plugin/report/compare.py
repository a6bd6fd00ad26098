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
"""Two runs, or sets of runs, beside each other."""

import collections.abc
import dataclasses
import math
import typing

from migration_tempest_plugin.measurement import comparison
from migration_tempest_plugin.measurement.comparison import Verdict
from migration_tempest_plugin.measurement.duration import Duration
from migration_tempest_plugin.report import digest
from migration_tempest_plugin.report import recorded
from migration_tempest_plugin.report import round_trips

#: Seconds by which a round trip may get longer, if nothing else is said.
TRIP_TOLERANCE = 0.005

#: Exit statuses, for gates.
KEPT, WORSE, CANT_TELL = 0, 1, 2

#: What one migration cost, and how finely that is known; None for what was
#: still down.
_Cost: typing.TypeAlias = tuple[Duration, float | None]
#: By variant, by quantity.
_Costs: typing.TypeAlias = dict[str, dict[str, list[_Cost]]]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What two Runs have in common, compared.

    :ivar whole: the Judged of each quantity, over all variants
    :ivar variants: the Judged of each quantity of each variant
    :ivar samples: comparison.Samples by quantity, by variant
    :ivar only_before, only_after: variants that only one of both has
    :ivar lost_before, lost_after: how many migrations lack a measurement
    :ivar stayed_before, stayed_after: how many did not take place
    :ivar tolerances: seconds by quantity, and alpha: what was asked for
    :ivar accept_unresolved: a tolerance that is finer than what was resolved
        is no reason not to tell
    """

    whole: list[comparison.Judged]
    variants: list[comparison.Judged]
    samples: dict[str, dict[str, comparison.Samples]]
    only_before: list[str]
    only_after: list[str]
    lost_before: int
    lost_after: int
    stayed_before: int
    stayed_after: int
    tolerances: dict[str, float]
    alpha: float
    accept_unresolved: bool = False

    @property
    def judged(self) -> list[comparison.Judged]:
        return [*self.whole, *self.variants]

    @property
    def status(self) -> int:
        """For the exit of a command; not good on no data."""
        verdicts = {each.verdict for each in self.judged}
        if Verdict.WORSE in verdicts:
            return WORSE
        if verdicts <= {Verdict.TOO_FEW}:
            return CANT_TELL
        return (
            CANT_TELL
            if self.unresolved and not self.accept_unresolved
            else KEPT
        )

    @property
    def unresolved(self) -> list[comparison.Judged]:
        """The Judged that may be worse unseen, beyond the tolerance."""
        return [
            each for each in self.judged if each.verdict is Verdict.UNRESOLVED
        ]

    def sentence(self) -> str:
        """The verdict in a line."""
        if not self.judged:
            return 'NOTHING TO COMPARE: no variant was measured in both'
        worse = [
            _subject(each.difference)
            for each in self.judged
            if each.verdict is Verdict.WORSE
        ]
        if worse:
            return 'WORSE: ' + ', '.join(worse)
        if all(each.verdict is Verdict.TOO_FEW for each in self.judged):
            return (
                "CAN'T TELL: too few samples; measure more migrations "
                'of the same variants'
            )
        if self.status == CANT_TELL:
            return (
                "CAN'T TELL: the tolerance is finer than what was "
                f'resolved: {self._unresolved()}. Tolerate more '
                '(--tolerance), probe more often, or take it as it is '
                '(--accept-unresolved)'
            )
        better = [
            _subject(each.difference)
            for each in self.judged
            if each.verdict is Verdict.BETTER
        ]
        how_sure = (
            ': better is ' + ', '.join(better)
            if better
            else ', as far as was resolved'
        )
        but = (
            f'; not resolved finely enough: {self._unresolved()}'
            if self.unresolved
            else ''
        )
        return f'NOT WORSE{how_sure}{but}'

    def _unresolved(self) -> str:
        resolved: dict[str, list[float]] = {}
        for each in self.unresolved:
            resolved.setdefault(each.difference.quantity, []).append(
                each.difference.resolved
            )
        return ', '.join(
            f'{quantity} to {max(found):.3f} s '
            f'(tolerance {self.tolerances[quantity]:g} s)'
            for quantity, found in resolved.items()
        )


def compare(
    before: recorded.Run,
    after: recorded.Run,
    tolerance: float,
    alpha: float,
    accept_unresolved: bool = False,
    tolerances: collections.abc.Mapping[str, float] | None = None,
    with_round_trips: bool = False,
) -> Comparison:
    """The Comparison of two Runs.

    :param tolerance: seconds; what is not longer by more is not longer
    :param alpha: how probable it may be that "worse" or "better" is said by
        chance, anywhere in it
    :param accept_unresolved: a tolerance that is finer than what was resolved
        is no reason not to tell
    :param tolerances: those that quantities have of their own
    :param with_round_trips: compare round trips, too
    """
    quantities = (
        *digest.COSTS,
        *(round_trips.QUANTITIES if with_round_trips else ()),
    )
    tolerances = {
        **dict.fromkeys(digest.COSTS, tolerance),
        **dict.fromkeys(quantities[len(digest.COSTS) :], TRIP_TOLERANCE),
        **(tolerances or {}),
    }
    sides = _samples(before), _samples(after)
    samples = {quantity: _both(quantity, *sides) for quantity in quantities}
    variants = [
        found
        for quantity in quantities
        for variant, each in samples[quantity].items()
        if (
            found := comparison.difference(
                quantity, {variant: each}, tolerances[quantity]
            )
        )
    ]
    whole = [
        found
        for quantity in quantities
        if (
            found := comparison.difference(
                quantity, samples[quantity], tolerances[quantity]
            )
        )
        and found.variant is None
    ]
    # Two questions, each with its half; without variants, one is left.
    share = alpha / 2 if whole else alpha
    return Comparison(
        comparison.judge(whole, share),
        comparison.judge(variants, share),
        samples,
        sorted(set(sides[0]) - set(sides[1])),
        sorted(set(sides[1]) - set(sides[0])),
        _lost(before),
        _lost(after),
        _stayed(before),
        _stayed(after),
        tolerances,
        alpha,
        accept_unresolved,
    )


def text(
    compared: Comparison,
    names: collections.abc.Sequence[str] = ('before', 'after'),
) -> str:
    """For a terminal: the verdict, then each quantity and variant.

    :param names: of both sides
    """
    lines = [
        compared.sentence(),
        f'before: {names[0]}',
        f'after:  {names[1]}',
    ]
    if compared.whole:
        lines.append('')
    for each in compared.whole:
        difference = each.difference
        lines.append(
            f'{difference.quantity:<14} all variants, {difference.pairs} '
            f'pairs: {_told(each)}'
        )
    variant = None
    for each in sorted(compared.variants, key=_variant):
        if _variant(each) != variant:
            variant = _variant(each)
            lines += ['', variant]
        lines.append(f'  {each.difference.quantity:<14} {_told(each)}')
        for side, found in (
            ('before', each.difference.before),
            ('after', each.difference.after),
        ):
            if found:  # as it always is of one variant
                lines.append(
                    f'    {side:<7} {found.count}: '
                    f'median {seconds(found.median)}, '
                    f'95% {seconds(found.percentile)}'
                )
    for label, names in (
        ('only before', compared.only_before),
        ('only after', compared.only_after),
    ):
        if names:
            lines += ['', f'{label}: ' + ', '.join(names)]
    lines += ['', how(compared)]
    return '\n'.join(lines)


def how(compared: Comparison) -> str:
    """What the verdict stands on, for people."""
    return (
        'Exact permutation test of ranks within each variant; two-sided, '
        'corrected for all that was compared (Tarone): '
        f'at most {100 * compared.alpha:g} % of '
        'comparisons of alike runs say that anything differs. Differences of '
        f'up to {_tolerances(compared.tolerances)} count as none; what is '
        'known more coarsely than that is not called not worse. '
        f'Migrations without a measurement: {compared.lost_before} before, '
        f'{compared.lost_after} after; what was still down at the end ranks '
        'as longest. Left out, since they did not take place: '
        f'{compared.stayed_before} before, {compared.stayed_after} after.'
    )


def to_dict(compared: Comparison) -> dict[str, object]:
    """Ready for JSON."""
    return {
        'schema': 'migration-tempest-plugin/comparison',
        'version': 2,
        'sentence': compared.sentence(),
        'status': compared.status,
        'tolerances': compared.tolerances,
        'alpha': compared.alpha,
        'accept_unresolved': compared.accept_unresolved,
        'only_before': compared.only_before,
        'only_after': compared.only_after,
        'lost_before': compared.lost_before,
        'lost_after': compared.lost_after,
        'stayed_before': compared.stayed_before,
        'stayed_after': compared.stayed_after,
        'compared': [
            {
                'quantity': each.difference.quantity,
                'variant': each.difference.variant,
                'verdict': each.verdict.value,
                'p': each.p,
                'shift': _finite(each.difference.shift),
                'pairs': each.difference.pairs,
                'resolved': _finite(each.difference.resolved),
                **{
                    side: found
                    and {
                        'count': found.count,
                        'median': _finite(float(found.median)),
                        'median_upper': _finite(found.median.upper),
                        'percentile_95': _finite(float(found.percentile)),
                        'percentile_95_upper': _finite(found.percentile.upper),
                    }
                    for side, found in (
                        ('before', each.difference.before),
                        ('after', each.difference.after),
                    )
                },
            }
            for each in compared.judged
        ],
    }


def seconds(number: float) -> str:
    """For people; of a Duration that was not seen, its bound."""
    if not math.isfinite(number):
        return 'still down'
    return (
        number.brief() + ' s'
        if isinstance(number, Duration)
        else f'{number:.3f} s'
    )


def shift(number: float) -> str:
    """By how much something is longer, for people."""
    return f'{number:+.3f} s' if math.isfinite(number) else 'without end'


def _tolerances(tolerances: dict[str, float]) -> str:
    """Each once, with what it is for if there are several."""
    by_seconds: dict[float, list[str]] = {}
    for quantity, tolerated in tolerances.items():
        by_seconds.setdefault(tolerated, []).append(quantity)
    if len(by_seconds) == 1:
        return f'{[*by_seconds][0]:g} s'
    return ', '.join(
        f'{tolerated:g} s ({", ".join(quantities)})'
        for tolerated, quantities in by_seconds.items()
    )


def _variant(each: comparison.Judged) -> str:
    """Its name, which one of a single variant has."""
    return each.difference.variant or ''


def _told(each: comparison.Judged) -> str:
    verdict = each.verdict.value
    if each.verdict is Verdict.WORSE:
        verdict = verdict.upper()
    elif each.verdict is Verdict.UNRESOLVED:
        verdict += f' ({each.difference.resolved:.3f} s)'
    p = f'{each.p:.3f}' if each.p >= 0.001 else '< 0.001'
    return f'by {shift(each.difference.shift)}, {verdict} (p {p})'


def _subject(difference: comparison.Difference) -> str:
    return difference.quantity + (
        f' in {difference.variant}'
        if difference.variant
        else ' over all variants'
    )


def _samples(run: recorded.Run) -> _Costs:
    """By variant, by quantity, of migrations that took place."""
    found: _Costs = {}
    for test, migration in run.migrations:
        if not digest.moved(migration):
            continue
        of_variant = found.setdefault(test.name, {})
        resolved = digest.resolved(migration)
        costs: dict[str, _Cost] = {
            name: (digest.as_duration(duration), resolved.get(name))
            for name, duration in digest.durations(migration).items()
        }
        costs.update(
            (name, (duration, duration.upper - duration.lower))
            for name, duration in round_trips.compared(migration)
        )
        costs.update(
            (what, (Duration(math.inf, math.inf), None))
            for what in digest.still_down(migration)
        )
        for name, cost in costs.items():
            of_variant.setdefault(name, []).append(cost)
    return found


def _both(
    quantity: str, before: _Costs, after: _Costs
) -> dict[str, comparison.Samples]:
    return {
        variant: comparison.Samples(
            *_durations(
                before[variant].get(quantity, ()),
                after[variant].get(quantity, ()),
            )
        )
        for variant in before
        if variant in after
    }


def _durations(
    before: collections.abc.Sequence[_Cost],
    after: collections.abc.Sequence[_Cost],
) -> collections.abc.Iterator[tuple[float, ...]]:
    """Both sides, and how finely each of them is known, as Samples want it."""
    for side in (before, after):
        yield tuple(duration for duration, _ in side)
    for side in (before, after):
        yield tuple(seconds for _, seconds in side if seconds is not None)


def _lost(run: recorded.Run) -> int:
    return sum(
        bool(digest.missing(migration))
        for _, migration in run.migrations
        if digest.moved(migration)
    )


def _stayed(run: recorded.Run) -> int:
    return sum(not digest.moved(migration) for _, migration in run.migrations)


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
