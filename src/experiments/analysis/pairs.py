"""Compare groups in pairs: the difference, whether it is significant, how many seeds would do.

All verdicts of a table are reached together. Each pair's p-value comes from the mean difference
over the seeds that both groups have (`statistics.studentized`). Holm's correction is applied over
all pairs, and a pair is *separated* if its adjusted p-value is at most 0.05. The interval printed
with the pair has the level at which Holm's procedure tested it, so that it excludes zero exactly
if the pair is separated. (The pair's uncorrected 95% interval is narrower.)

If a margin says which differences are too small to matter, two one-sided tests decide whether a
pair is *equivalent* (`statistics.equivalence`), with Holm's correction over all pairs as well. A
pair that is neither is *undecided*. A separated pair may be equivalent, too: its difference is
surely there, and surely small.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final

from experiments.analysis.statistics import equivalence, holm
from experiments.analysis.statistics.estimate import Estimate
from experiments.analysis.statistics.far_off import far_off
from experiments.analysis.statistics.improvement import probability_of_improvement
from experiments.analysis.statistics.seeds_needed import seeds_needed
from experiments.analysis.statistics.studentized import Studentized, mean, studentize
from experiments.training.metrics import metric_named

ALPHA: Final = 0.05

# The number of pairs grows with the square of the number of groups; nobody reads that many.
MOST_COMPARED: Final = 40


class Verdict(StrEnum):
    """The verdict of the seeds on a pair. The last two need a margin."""

    SEPARATED = "separated"
    NOT_SEPARATED = "not separated"
    EQUIVALENT = "equivalent"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Pair:
    """A comparison of two groups by one metric.

    Attributes
    ----------
    first, second : str
        The labels of the groups; the first is better by their difference. (If not all groups have
        the same seeds, it may be the one with the worse mean over all of its own.)
    metric : str
        The metric that is compared.
    seeds : tuple of int
        The seeds over which the difference is paired; empty if it is not paired.
    paired : bool
        Whether the difference is over the seeds that both groups have. If they share too few,
        two independent samples are compared (Welch's test).
    difference : Estimate
        The mean of first minus second, with the uncorrected 95% interval.
    adjusted : Estimate
        The same mean, with the interval of the level at which Holm's procedure tested it.
    p_value, adjusted_p : float
        The two-sided p-value, before and after Holm's correction over all pairs.
    separated : bool
        Whether the difference is significant: the adjusted interval excludes zero.
    improvement : Estimate
        The probability that the first group does better on a seed, with its 95% interval.
    spread : float
        The standard deviation of the difference on one seed; NaN if it is unknown.
    level : float
        The level at which Holm's procedure tested the pair.
    can_separate : bool
        Whether the seeds have a spread at all. A single seed says nothing about a difference.
    far_off : tuple of int
        The seeds whose difference is far from those of all others (see `statistics.far_off`).
    margin : float, optional
        The smallest difference that matters; None if none is given.
    equivalence_p : float, optional
        The p-value of the two one-sided tests, after Holm's correction over all pairs.
    equivalence_level : float, optional
        The level at which Holm's procedure tested the equivalence.
    overlap : float
        The number of test rows over that of training rows, if each seed has its own split.
    """

    first: str
    second: str
    metric: str
    seeds: tuple[int, ...]
    paired: bool
    difference: Estimate
    adjusted: Estimate
    p_value: float
    adjusted_p: float
    separated: bool
    improvement: Estimate
    spread: float
    level: float
    can_separate: bool
    far_off: tuple[int, ...] = ()
    margin: float | None = None
    equivalence_p: float = 1.0
    equivalence_level: float = ALPHA
    overlap: float = 0.0

    @property
    def equivalent(self) -> bool:
        """Whether the difference is surely smaller than the margin."""
        return self.equivalence_p <= ALPHA

    @property
    def verdict(self) -> Verdict:
        """The verdict; a difference that surely does not matter counts as equivalence."""
        if self.equivalent:
            return Verdict.EQUIVALENT
        if self.separated:
            return Verdict.SEPARATED
        return Verdict.NOT_SEPARATED if self.margin is None else Verdict.UNDECIDED

    @property
    def first_is_better(self) -> bool:
        """Whether the first group is surely better, and not by less than matters."""
        return self.verdict is Verdict.SEPARATED

    @property
    def better(self) -> str | None:
        """The label of the group that is surely better; None if neither is."""
        return self.first if self.first_is_better else None

    @property
    def settled(self) -> bool:
        """Whether more seeds are not needed: the pair is separated or equivalent."""
        return self.verdict in (Verdict.SEPARATED, Verdict.EQUIVALENT)

    @cached_property
    def seeds_needed(self) -> int | None:
        """The number of seeds that would settle the pair with a power of 80%.

        They separate this difference or, if there is a margin and fewer seeds are needed for it,
        show that it is equivalent. None if the spread of the difference is unknown, or if more
        than ten thousand seeds would be needed.
        """
        if not self.spread > 0:
            return None
        effect = self.difference.value / self.spread
        found = [seeds_needed(effect, alpha=self.level, overlap=self.overlap)]
        if self.margin is not None:
            found.append(
                equivalence.seeds_to_equivalence(
                    effect,
                    self.margin / self.spread,
                    alpha=self.equivalence_level,
                    overlap=self.overlap,
                )
            )
        return min((count for count in found if count is not None), default=None)


def compare_pairs(
    values: Mapping[str, Mapping[int, float]],
    *,
    metric: str,
    only: Collection[frozenset[str]] | None = None,
    higher: bool = False,
    margin: float | None = None,
    overlap: float = 0.0,
    looks: int = 1,
) -> list[Pair]:
    """Compare groups in pairs.

    Parameters
    ----------
    values : mapping of str to (mapping of int to float)
        The finite values of each group (by label), by seed. A group without values is skipped.
    metric : str
        The name of the metric, which the result repeats.
    only : collection of frozenset of str, optional
        The pairs to compare, by label; by default every two groups.
    higher : bool, default False
        Whether higher is better.
    margin : float, optional
        The smallest difference of the metric that matters, above 0.
    overlap : float, default 0.0
        The number of test rows over that of training rows, if each seed has its own split of the
        data (see `statistics.studentized`).
    looks : int, default 1
        The number of times that verdicts may be reached on growing numbers of seeds. Each is at the
        level of 5% divided by it (Bonferroni), and p-values are multiplied by it.

    Returns
    -------
    list of Pair
        The pairs of the group with the best mean, then those of the next, and so on.
    """
    sign = -1.0 if higher else 1.0
    least, most = metric_named(metric).range
    widest = most - least  # no difference is larger
    filled = [label for label in values if values[label]]
    ranked = sorted(
        filled, key=lambda label: sign * math.fsum(values[label].values()) / len(values[label])
    )
    couples, found = [], []
    for first, second in itertools.combinations(ranked, 2):
        if only is not None and frozenset((first, second)) not in only:
            continue
        contrast, seeds = _contrast(values[first], values[second], overlap)
        if sign * contrast.value > 0:  # on the seeds that both have, the order is another
            first, second = second, first
            contrast, seeds = _contrast(values[first], values[second], overlap)
        couples.append((first, second))
        found.append((contrast, seeds))
    raw = [contrast.p_value() for contrast, _ in found]
    adjusted, levels = _holm(raw, looks)
    same = [1.0 if margin is None else equivalence.p_value(one, margin) for one, _ in found]
    equivalences = zip(*_holm(same, looks), strict=True)
    pairs = []
    for (first, second), (contrast, seeds), p, corrected, level, (same_p, same_level) in zip(
        couples, found, raw, adjusted, levels, equivalences, strict=True
    ):
        a, b = values[first], values[second]
        pairs.append(
            Pair(
                first,
                second,
                metric,
                seeds,
                bool(seeds),
                contrast.interval(1 - ALPHA).within(-widest, widest),
                contrast.interval(1 - level).within(-widest, widest),
                p,
                corrected,
                p <= level,
                probability_of_improvement(
                    [a[seed] for seed in seeds or a],
                    [b[seed] for seed in seeds or b],
                    higher=higher,
                    paired=bool(seeds),
                ),
                contrast.spread,
                level,
                contrast.count > 1,
                far_off({seed: a[seed] - b[seed] for seed in seeds}),
                margin,
                same_p,
                same_level,
                overlap,
            )
        )
    return pairs


def _holm(p_values: Sequence[float], looks: int) -> tuple[list[float], list[float]]:
    """Return adjusted p-values and the levels of the tests."""
    adjusted = [min(1.0, looks * p) for p in holm.adjusted(p_values)]
    return adjusted, holm.levels(p_values, ALPHA / looks)


def _contrast(
    first: Mapping[int, float], second: Mapping[int, float], overlap: float
) -> tuple[Studentized, tuple[int, ...]]:
    """Estimate the difference; return it with the seeds over which it is paired."""
    shared = tuple(sorted(first.keys() & second.keys()))
    if 2 * len(shared) >= min(len(first), len(second)):
        return mean([first[seed] - second[seed] for seed in shared], overlap), shared
    return studentize([list(first.values()), list(second.values())], [1.0, -1.0], overlap), ()
