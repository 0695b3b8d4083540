r"""The prediction interval of a single further result.

A new value from the normal distribution of *n* earlier ones lies within
:math:`\bar x \pm t_{n-1} s \sqrt{1 + 1/n}`; the mean of *m* new values within
:math:`\bar x \pm t_{n-1} s \sqrt{1/m + 1/n}`.

References
----------
Hahn and Meeker (1991), *Statistical Intervals*, section 4.7.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from experiments.analysis.statistics.estimate import Estimate
from experiments.analysis.statistics.student import quantile


def prediction_interval(values: Sequence[float], draws: int = 1, level: float = 0.95) -> Estimate:
    """Return the mean of the values and the interval in which the mean of further ones lies.

    Parameters
    ----------
    values : sequence of float
        The values. The interval of fewer than two is unbounded, and so is that of values that are
        not all finite.
    draws : int, default 1
        The number of further values whose mean is predicted.
    level : float, default 0.95
        The coverage of the interval.

    Returns
    -------
    Estimate
    """
    array = np.asarray(values, np.float64)
    mean = float(array.mean()) if len(array) else math.nan
    if len(array) < 2 or not np.isfinite(array).all():
        return Estimate(mean, -math.inf, math.inf, level)
    spread = float(array.std(ddof=1))
    half = quantile(level, len(array) - 1) * spread * math.sqrt(1 / draws + 1 / len(array))
    return Estimate(mean, mean - half, mean + half, level)
