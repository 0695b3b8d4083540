"""Sensitivity: how a metric depends on one hyperparameter, and how wide the range is that works.

The width is counted in decades (powers of ten) around the best value, as far as the curve,
drawn straight between the tried values on a logarithmic axis, stays within a tolerance of the
best. The tolerance is a share of what training gained: from the untrained network to the best.

References
----------
Choi et al. (2019), "On empirical comparisons of optimizers for deep learning"; Schneider et al.
(2019), "DeepOBS", whose learning-rate sensitivity this makes a number.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from experiments.analysis.statistics.median import median


@dataclass(frozen=True)
class Tried:
    """One value of the hyperparameter.

    Attributes
    ----------
    value : float
        Of the hyperparameter.
    scores : tuple of float
        The metric, one per seed.
    middle : float
        Their median, which the curve goes through.
    diverged : int
        How many of the runs diverged; their scores are those of the untrained network.
    """

    value: float
    scores: tuple[float, ...]
    middle: float
    diverged: int


@dataclass(frozen=True)
class Sensitivity:
    """How the metric depends on one hyperparameter.

    Attributes
    ----------
    optimizer : str
        Whose it is.
    key : str
        The hyperparameter, such as `optimizer.lr`.
    metric : str
        What was measured.
    tried : tuple of Tried
        By value, lowest first. Where other hyperparameters varied too, each value is shown at
        the best of them.
    best : float
        The value with the best median.
    low, high : float
        The range that works around it.
    width : float
        In decades; NaN where the values are not all positive.
    open_low, open_high : bool
        Whether the range reaches the lowest or highest value tried, so that it may be wider.
    """

    optimizer: str
    key: str
    metric: str
    tried: tuple[Tried, ...]
    best: float
    low: float
    high: float
    width: float
    open_low: bool
    open_high: bool

    @property
    def at_edge(self) -> bool:
        """Whether the best is the lowest or highest value tried: a better one may lie beyond."""
        return len(self.tried) > 1 and self.best in (self.tried[0].value, self.tried[-1].value)


def sensitivity(
    optimizer: str,
    key: str,
    metric: str,
    scores: Mapping[float, Sequence[float]],
    *,
    start: float,
    higher: bool = False,
    tolerance: float = 0.05,
    diverged: Mapping[float, int] | None = None,
) -> Sensitivity:
    """Find the range of a hyperparameter that works.

    Parameters
    ----------
    optimizer, key, metric : str
        What is looked at.
    scores : mapping of float to sequence of float
        The metric of each seed by the hyperparameter's value; one value at least.
    start : float
        The metric of the untrained network.
    higher : bool, default False
        Whether the metric is better when it is higher.
    tolerance : float, default 0.05
        Share of the gain, from `start` to the best median, that may be lost.
    diverged : mapping of float to int, optional
        How many runs diverged at each value.
    """
    tried = tuple(
        Tried(value, tuple(found), median(found).value, (diverged or {}).get(value, 0))
        for value, found in sorted(scores.items())
    )
    sign = -1.0 if higher else 1.0
    losses = [sign * one.middle for one in tried]
    place = int(np.argmin(losses))
    limit = losses[place] + tolerance * max(sign * start - losses[place], 0.0)
    positive = all(one.value > 0 for one in tried)
    axis = [math.log10(one.value) if positive else one.value for one in tried]
    low, open_low = _reach(axis, losses, place, limit, -1)
    high, open_high = _reach(axis, losses, place, limit, 1)
    return Sensitivity(
        optimizer,
        key,
        metric,
        tried,
        tried[place].value,
        10**low if positive else low,
        10**high if positive else high,
        high - low if positive else math.nan,
        open_low,
        open_high,
    )


def _reach(
    axis: Sequence[float], losses: Sequence[float], place: int, limit: float, step: int
) -> tuple[float, bool]:
    """Walk from the best until the curve crosses the limit; say where, or that it does not."""
    while 0 <= place + step < len(axis):
        here, there = losses[place], losses[place + step]
        if not there <= limit:
            share = 0.0 if math.isinf(there) else (limit - here) / (there - here)
            return axis[place] + share * (axis[place + step] - axis[place]), False
        place += step
    return axis[place], True
