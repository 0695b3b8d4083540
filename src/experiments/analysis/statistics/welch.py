r"""Welch's interval for the difference of two means whose standard deviations may differ.

.. math::

    \bar x - \bar y \pm t_\nu \sqrt{a + b}, \quad a = s_x^2 / n, \quad b = s_y^2 / m, \quad
    \nu = \frac{(a + b)^2}{a^2/(n - 1) + b^2/(m - 1)}

References
----------
Welch (1947), "The generalization of 'Student's' problem when several different population
variances are involved".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from experiments.analysis.statistics.estimate import Estimate
from experiments.analysis.statistics.student import quantile


@dataclass(frozen=True)
class Sample:
    """The statistics of a sample that Welch's interval depends on.

    Parameters
    ----------
    mean : float
        The mean.
    spread : float
        The standard deviation, with the divisor size - 1.
    size : int
        The number of values, at least 1.
    """

    mean: float
    spread: float
    size: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Summarize values; the spread of fewer than two, and of infinite ones, is infinite."""
        array = np.asarray(values, np.float64)
        known = len(array) > 1 and np.isfinite(array).all()
        spread = float(array.std(ddof=1)) if known else math.inf
        return cls(float(array.mean()) if len(array) else math.nan, spread, max(len(array), 1))


def welch_interval(left: Sample, right: Sample, level: float = 0.95) -> Estimate:
    """Return the difference of the means, left less right, with its interval.

    Parameters
    ----------
    left, right : Sample
        The samples. If a spread is infinite, the interval is unbounded.
    level : float, default 0.95
        The coverage of the interval.

    Returns
    -------
    Estimate
    """
    difference = left.mean - right.mean
    variances = left.spread**2 / left.size, right.spread**2 / right.size
    if not math.isfinite(sum(variances)):
        return Estimate(difference, -math.inf, math.inf, level)
    if sum(variances) == 0:  # nothing is random
        return Estimate(difference, difference, difference, level)
    shares = [
        variance**2 / (sample.size - 1)
        for variance, sample in zip(variances, (left, right), strict=True)
        if variance
    ]
    half = quantile(level, sum(variances) ** 2 / sum(shares)) * math.sqrt(sum(variances))
    return Estimate(difference, difference - half, difference + half, level)
