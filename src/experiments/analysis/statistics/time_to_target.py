"""Time to a target: when a curve first reaches a value, or infinity if it never does.

A run that misses its target counts as infinitely slow: it ranks last in the median, and the curve
of the share of runs that reached the target stays below 1. Capping the time at the last epoch
instead would reward giving up early.

References
----------
Schneider et al. (2019), "DeepOBS"; Dahl et al. (2023), "Benchmarking neural network training
algorithms" (AlgoPerf), where a miss is infinite too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from experiments.analysis.statistics.estimate import Estimate
from experiments.analysis.statistics.improvement import proportion
from experiments.analysis.statistics.median import median


@dataclass(frozen=True)
class TimeToTarget:
    """The times at which the runs of a group reached a target.

    Attributes
    ----------
    unit : str
        The unit of the times: `epoch`, `step` or `seconds`.
    seeds : tuple of int
        The seeds of the runs.
    times : tuple of float
        The time of each seed; infinite for a miss.
    median : Estimate
        The median with its interval; either end may be infinite.
    """

    unit: str
    seeds: tuple[int, ...]
    times: tuple[float, ...]
    median: Estimate

    @property
    def reached(self) -> int:
        """The number of seeds that reached the target."""
        return sum(math.isfinite(time) for time in self.times)

    def curve(self) -> list[tuple[float, Estimate]]:
        """Return the share of seeds that reached the target over time, as a step curve.

        Returns
        -------
        list of (float, Estimate)
            The times, from 0 on, each with the share until the next time and its Wilson interval.
        """
        times = sorted({0.0, *(time for time in self.times if math.isfinite(time))})
        count = len(self.times)
        return [
            (time, proportion(sum(one <= time for one in self.times) / count, count))
            for time in times
        ]


def time_to_target(unit: str, times: dict[int, float]) -> TimeToTarget:
    """Summarize times by seed; there must be at least one."""
    values = tuple(times.values())
    return TimeToTarget(unit, tuple(times), values, median(values))


def first_reached(curve: Sequence[float], target: float, *, higher: bool) -> int | None:
    """Return the first index at which a curve is at or beyond the target, or None; NaN never is."""
    values = np.asarray(curve, np.float64)
    with np.errstate(invalid="ignore"):
        found = np.flatnonzero(values >= target if higher else values <= target)
    return int(found[0]) if found.size else None


def ranks(samples: Sequence[Sequence[float]]) -> list[list[float]]:
    """Replace values by their rank among all values; ties have the mean of their ranks.

    Ranks make infinite times comparable: a paired t-test of ranks tests which group is faster
    (Conover and Iman, 1981, "Rank transformations as a bridge between parametric and
    nonparametric statistics").
    """
    pooled = np.array([value for sample in samples for value in sample], np.float64)
    _, inverse, counts = np.unique(pooled, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    middle = last - (counts - 1) / 2
    ranked = iter(middle[inverse].tolist())
    return [[next(ranked) for _ in sample] for sample in samples]
