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
"""Whether something got worse from one set of runs to another.

There are few samples: a migration takes long. They are not normally
distributed, some are far out, many are alike (no outage at all), and those of
different variants can't be mixed. So what is compared is ranks, within each
variant, and the probability is counted instead of approximated: over all ways
in which the same numbers could have fallen into the two sets (an exact
permutation test of Wilcoxon and Mann and Whitney's statistic, stratified by
variant). It holds for any distribution, with ties, and for three samples as
for thirty.

Several quantities and variants are looked at together. So that this finds no
more than chance allows, each probability is multiplied by the number of
comparisons that could have come out significant at all (Tarone, "A modified
Bonferroni method for discrete data", Biometrics 46, 1990).

What was not resolved is in no rank. So what comes out as no worse is so only
where what was tolerated is not finer than what was resolved.
"""

import collections
import collections.abc
import dataclasses
import enum
import itertools
import math
import statistics

from migration_tempest_plugin.measurement.distribution import Distribution

#: With more samples than this in a variant, ranks add up to a sum that is
#: normal enough; counting would take long.
EXACT = 50


class Verdict(enum.Enum):
    WORSE = 'worse'
    BETTER = 'better'
    SAME = 'no difference shown'
    UNRESOLVED = 'not resolved finely enough'
    TOO_FEW = 'too few samples to tell'


@dataclasses.dataclass(frozen=True)
class Samples:
    """Numbers of one variant, before and after.

    Infinite where it is known only that it was longer than could be seen.

    :ivar resolved_before, resolved_after: how finely each of those is known
        that are not infinite, in seconds; empty if all are known exactly
    """

    before: tuple[float, ...]
    after: tuple[float, ...]
    resolved_before: tuple[float, ...] = ()
    resolved_after: tuple[float, ...] = ()


@dataclasses.dataclass(frozen=True)
class Difference:
    """One quantity, before and after.

    :ivar variant: its name, or None for all variants together
    :ivar before, after: their Distributions; None for all variants together
    :ivar shift: by how much AFTER is longer: the median of all differences
        of one after and one before, of the same variant (Hodges and Lehmann)
    :ivar pairs: how many differences those are
    :ivar p_worse: how probable it is by chance that AFTER is so much longer,
        beyond the tolerance; p_better: so much shorter
    :ivar least: the smallest of such probabilities that so few samples can
        give
    :ivar tolerance: what is not longer by more than so much is not longer
    :ivar resolved: how finely the samples are known, in seconds: in the
        median, like the shift, on the side where that is worse
    """

    quantity: str
    variant: str | None
    before: Distribution | None
    after: Distribution | None
    shift: float
    pairs: int
    p_worse: float
    p_better: float
    least: float
    tolerance: float
    resolved: float

    @property
    def p(self) -> float:
        """Of both directions together: both are asked for."""
        return min(1.0, 2 * min(self.p_worse, self.p_better))

    def is_resolved(self, shift: float = 0.0) -> bool:
        """Whether AFTER can't be longer unseen, beyond the tolerance.

        :param shift: by how much AFTER was shown to be longer
        """
        return shift + self.resolved <= self.tolerance


@dataclasses.dataclass(frozen=True)
class Judged:
    """A Difference with its Verdict, and its p times what it is one of."""

    difference: Difference
    verdict: Verdict
    p: float


def difference(
    quantity: str,
    samples: collections.abc.Mapping[str, Samples],
    tolerance: float,
) -> Difference | None:
    """The Difference of one quantity.

    :param samples: Samples by variant; those with none on a side are left out
    :param tolerance: what is not longer by more than so much is not longer
    :returns: None if no variant has any on both sides
    """
    both = {
        variant: each
        for variant, each in samples.items()
        if each.before and each.after
    }
    if not both:
        return None
    single = next(iter(both.values())) if len(both) == 1 else None
    differences = [
        _less(after, before)
        for each in both.values()
        for before, after in itertools.product(each.before, each.after)
    ]
    strata = both.values()
    return Difference(
        quantity,
        next(iter(both)) if single else None,
        None if single is None else Distribution.of(single.before),
        None if single is None else Distribution.of(single.after),
        statistics.median(differences),
        len(differences),
        _p_longer([(each.before, each.after) for each in strata], tolerance),
        _p_longer([(each.after, each.before) for each in strata], tolerance),
        min(
            1.0,
            2
            / math.prod(
                math.comb(len(each.before) + len(each.after), len(each.after))
                for each in strata
            ),
        ),
        tolerance,
        max(
            _median(each.resolved_before for each in strata),
            _median(each.resolved_after for each in strata),
        ),
    )


def judge(
    differences: collections.abc.Collection[Difference], alpha: float
) -> list[Judged]:
    """The Judged of Differences that are looked at together.

    :param alpha: how probable it may be that any of them is found by chance
    """
    count = _comparisons([each.least for each in differences], alpha)
    return [_judged(each, count, alpha) for each in differences]


def _judged(each: Difference, count: int, alpha: float) -> Judged:
    p = min(1.0, each.p * count)
    if each.least * count > alpha:
        verdict = Verdict.TOO_FEW
    elif p <= alpha and each.p_worse < each.p_better:
        verdict = Verdict.WORSE
    elif not each.is_resolved(each.shift if p <= alpha else 0.0):
        verdict = Verdict.UNRESOLVED
    else:
        verdict = Verdict.BETTER if p <= alpha else Verdict.SAME
    return Judged(each, verdict, p)


def _median(sides: collections.abc.Iterable[tuple[float, ...]]) -> float:
    numbers = list(itertools.chain.from_iterable(sides))
    return statistics.median(numbers) if numbers else 0.0


def _comparisons(least: list[float], alpha: float) -> int:
    """Tarone's number: of so many, no more could come out significant."""
    return next(
        (
            count
            for count in range(1, len(least) + 1)
            if sum(each * count <= alpha for each in least) <= count
        ),
        max(1, len(least)),
    )


def _less(after: float, before: float) -> float:
    """A difference; what was not seen to end in either is alike."""
    return 0.0 if after == before else after - before


def _p_longer(
    strata: list[tuple[tuple[float, ...], tuple[float, ...]]], tolerance: float
) -> float:
    """How probable it is that second ones are so much longer than first ones.

    :param strata: for each variant, the first and the second numbers
    """
    ranked = [
        _ranks(first, [each - tolerance for each in second])
        for first, second in strata
    ]
    observed = sum(
        sum(ranks[len(first) :]) for ranks, (first, _) in zip(ranked, strata)
    )
    sizes = [len(second) for _, second in strata]
    if max(map(len, ranked)) > EXACT:
        return _normal(ranked, sizes, observed)
    ways = {0: 1}
    for ranks, size in zip(ranked, sizes):
        ways = _convolved(ways, _sums(ranks, size))
    return sum(
        number for total, number in ways.items() if total >= observed
    ) / sum(ways.values())


def _ranks(
    first: collections.abc.Iterable[float],
    second: collections.abc.Iterable[float],
) -> list[int]:
    """Twice the rank of each, so that those of equals are whole numbers."""
    numbers = [*first, *second]
    ordered = sorted(numbers)
    rank: dict[float, int] = {}
    place = 0
    for number, equals in itertools.groupby(ordered):
        count = len(list(equals))
        rank[number] = 2 * place + count + 1
        place += count
    return [rank[number] for number in numbers]


def _sums(ranks: list[int], size: int) -> collections.Counter[int]:
    """In how many ways so many of the ranks have each sum."""
    ways = [collections.Counter({0: 1})] + [
        collections.Counter() for _ in range(size)
    ]
    for rank in ranks:
        for taken in range(size, 0, -1):
            for total, number in ways[taken - 1].items():
                ways[taken][total + rank] += number
    return ways[size]


def _convolved(
    one: collections.abc.Mapping[int, int],
    other: collections.abc.Mapping[int, int],
) -> collections.Counter[int]:
    both: collections.Counter[int] = collections.Counter()
    for total, number in one.items():
        for more, times in other.items():
            both[total + more] += number * times
    return both


def _normal(ranked: list[list[int]], sizes: list[int], observed: int) -> float:
    """The same by the normal distribution with that mean and variance."""
    mean = variance = 0.0
    for ranks, size in zip(ranked, sizes):
        count = len(ranks)
        middle = statistics.fmean(ranks)
        mean += size * middle
        variance += (
            size
            * (count - size)
            / (count - 1)
            * statistics.fmean((rank - middle) ** 2 for rank in ranks)
        )
    if not variance:
        return 1.0
    # twice the ranks: half a step is 1
    return 1 - statistics.NormalDist(mean, math.sqrt(variance)).cdf(
        observed - 1
    )
