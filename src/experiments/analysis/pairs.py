"""Two groups at a time: the difference, whether the seeds bear it out, how many would.

All verdicts of one table are made together. Each pair's p-value comes from the mean of the
differences over the seeds that both have (`statistics.studentized`), Holm's correction is made
over all pairs, and a pair is *separated* if its adjusted p-value is at most 0.05. The interval
printed with it is that of the level at which Holm's procedure tested the pair: it leaves zero out
exactly where the pair is separated. (The 95% interval of the pair by itself is narrower.)
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from experiments.analysis.statistics import holm
from experiments.analysis.statistics.estimate import Estimate
from experiments.analysis.statistics.improvement import probability_of_improvement
from experiments.analysis.statistics.seeds_needed import seeds_needed
from experiments.analysis.statistics.studentized import Studentized, mean, studentize

ALPHA: Final = 0.05

# Pairs grow with the square of the groups, and a reader's patience does not.
MOST_COMPARED: Final = 30


@dataclass(frozen=True)
class Pair:
    """A comparison of two groups by one metric.

    Attributes
    ----------
    first, second : str
        Their labels; the first is the one with the better mean.
    metric : str
        What was compared.
    seeds : tuple of int
        Those that the difference is over; empty where it is not paired.
    paired : bool
        Whether it is over the seeds that both have; if they share too few, two independent
        samples are compared (Welch).
    difference : Estimate
        Mean of first minus second, with the 95% interval of this pair by itself.
    adjusted : Estimate
        The same with the interval of the level at which Holm's procedure tested it.
    p_value, adjusted_p : float
        Two-sided; after Holm's correction over all pairs.
    separated : bool
        Whether the seeds bear the difference out: the adjusted interval leaves zero out.
    improvement : Estimate
        The probability that the first does better on a seed, with its 95% interval.
    effect : float
        The difference in standard deviations of it; NaN where the spread is not known.
    level : float
        That at which Holm's procedure tested the pair.
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
    effect: float
    level: float

    @cached_property
    def seeds_needed(self) -> int | None:
        """Seeds that would separate a difference such as this one with probability 80%.

        None where it is zero or more than ten thousand would be needed, or the spread is not
        known.
        """
        return seeds_needed(self.effect, alpha=self.level)


def compare_pairs(
    values: Mapping[str, Mapping[int, float]], *, metric: str, higher: bool = False
) -> list[Pair]:
    """Compare every two groups.

    Parameters
    ----------
    values : mapping of str to mapping of int to float
        By label, by seed. Finite; a group without any is in no pair.
    metric : str
        For the result.
    higher : bool, default False
        Whether higher is better.

    Returns
    -------
    list of Pair
        In the order of the means, best first: the pairs of the best, then of the next.
    """
    sign = -1.0 if higher else 1.0
    filled = [label for label in values if values[label]]
    ranked = sorted(
        filled, key=lambda label: sign * math.fsum(values[label].values()) / len(values[label])
    )
    couples = list(itertools.combinations(ranked, 2))
    found = [_contrast(values[first], values[second]) for first, second in couples]
    raw = [contrast.p_value() for contrast, _ in found]
    adjusted, levels = holm.adjusted(raw), holm.levels(raw, ALPHA)
    pairs = []
    for (first, second), (contrast, seeds), p, corrected, level in zip(
        couples, found, raw, adjusted, levels, strict=True
    ):
        a, b = values[first], values[second]
        pairs.append(
            Pair(
                first,
                second,
                metric,
                seeds,
                bool(seeds),
                contrast.interval(1 - ALPHA),
                contrast.interval(1 - level),
                p,
                corrected,
                p <= level,
                probability_of_improvement(
                    [a[seed] for seed in seeds or a],
                    [b[seed] for seed in seeds or b],
                    higher=higher,
                    paired=bool(seeds),
                ),
                _effect(contrast),
                level,
            )
        )
    return pairs


def _contrast(
    first: Mapping[int, float], second: Mapping[int, float]
) -> tuple[Studentized, tuple[int, ...]]:
    """Estimate the difference, and name the seeds that it is paired over."""
    shared = tuple(sorted(first.keys() & second.keys()))
    if 2 * len(shared) >= min(len(first), len(second)):
        return mean([first[seed] - second[seed] for seed in shared]), shared
    return studentize([list(first.values()), list(second.values())], [1.0, -1.0]), ()


def _effect(contrast: Studentized) -> float:
    if not contrast.error > 0:
        return math.nan
    return contrast.value / (contrast.error * math.sqrt(contrast.count))
