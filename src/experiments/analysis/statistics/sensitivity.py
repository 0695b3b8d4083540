"""Sensitivity: how a metric depends on one hyperparameter, and how wide the range that works is.

The width is measured in decades (powers of ten) around the best value. The range extends as far
as the curve, interpolated linearly on a logarithmic axis, stays within a tolerance of the best
result. The tolerance is a share of the training gain, from the untrained network to the best.

References
----------
Choi et al. (2019), "On empirical comparisons of optimizers for deep learning"; Schneider et al.
(2019), "DeepOBS", whose learning-rate sensitivity is expressed here as a number.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Tried:
    """The results of one value of the hyperparameter.

    Attributes
    ----------
    value : float
        The value of the hyperparameter.
    scores : tuple of float
        The metric of each seed.
    middle : float
        The average of the scores by which values are chosen, through which the curve is drawn.
        Infinite (the worst) if a run diverged and so the value could not be chosen.
    diverged : int
        The number of runs that diverged; they have the score of the untrained network.
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
        The name of the optimizer.
    key : str
        The hyperparameter, such as `optimizer.lr`.
    metric : str
        The name of the metric.
    tried : tuple of Tried
        The values tried, lowest first. If other hyperparameters varied too, each value is shown
        with the best setting of the others.
    average : str
        The average that chooses: `mean` or `median`.
    best : float
        The value with the best average.
    low, high : float
        The ends of the range around the best value that works.
    width : float
        The width of the range in decades; NaN unless all values are positive.
    open_low, open_high : bool
        Whether the range ends at the lowest or highest value tried, so that it may be wider.
    """

    optimizer: str
    key: str
    metric: str
    tried: tuple[Tried, ...]
    average: str
    best: float
    low: float
    high: float
    width: float
    open_low: bool
    open_high: bool

    @property
    def at_edge(self) -> bool:
        """Whether the best value is the lowest or highest tried: a better one may lie beyond it."""
        return len(self.tried) > 1 and self.best in (self.tried[0].value, self.tried[-1].value)


def sensitivity(
    optimizer: str,
    key: str,
    metric: str,
    scores: Mapping[float, Sequence[float]],
    middles: Mapping[float, float],
    *,
    start: float,
    average: str = "mean",
    higher: bool = False,
    tolerance: float = 0.05,
    diverged: Mapping[float, int] | None = None,
) -> Sensitivity:
    """Find the range of a hyperparameter that works.

    Parameters
    ----------
    optimizer, key, metric : str
        The names of the optimizer, the hyperparameter and the metric.
    scores : mapping of float to sequence of float
        The metric of each seed, by value of the hyperparameter; at least one value.
    middles : mapping of float to float
        The average of each value's scores; infinitely bad if the value cannot be chosen.
    start : float
        The metric of the untrained network.
    average : {"mean", "median"}, default "mean"
        The name of the average.
    higher : bool, default False
        Whether higher is better.
    tolerance : float, default 0.05
        The share of the gain, from `start` to the best average, that may be lost.
    diverged : mapping of float to int, optional
        The number of diverged runs at each value.

    Returns
    -------
    Sensitivity
    """
    tried = tuple(
        Tried(value, tuple(found), middles[value], (diverged or {}).get(value, 0))
        for value, found in sorted(scores.items())
    )
    sign = -1.0 if higher else 1.0
    losses = [sign * one.middle for one in tried]
    place = int(np.argmin(losses))
    limit = losses[place] + tolerance * max(sign * start - losses[place], 0.0)
    positive = all(one.value > 0 for one in tried)
    axis = [math.log10(one.value) if positive else one.value for one in tried]
    low, open_low = high, open_high = axis[place], False
    if math.isfinite(losses[place]):
        low, open_low = _reach(axis, losses, place, limit, -1)
        high, open_high = _reach(axis, losses, place, limit, 1)
    return Sensitivity(
        optimizer,
        key,
        metric,
        tried,
        average,
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
    """Walk from the best until the curve crosses the limit; return where, and if it never does."""
    while 0 <= place + step < len(axis):
        here, there = losses[place], losses[place + step]
        if not there <= limit:
            share = 0.0 if math.isinf(there) else (limit - here) / (there - here)
            return axis[place] + share * (axis[place + step] - axis[place]), False
        place += step
    return axis[place], True
