"""The interquartile mean: the mean of the middle half of the seeds.

It is less sensitive to outliers than the mean and uses more of the data than the median. Its
standard error is that of a trimmed mean, from the Winsorized variance (each trimmed value is
replaced by the nearest one that is kept). Because Student's distribution is only an approximation
here, its tails are replaced by those of the bootstrap, limited to 0.8 to 1.5 times Student's.

References
----------
Agarwal et al. (2021), "Deep reinforcement learning at the edge of the statistical precipice".
Tukey and McLaughlin (1963); Yuen (1974), "The two-sample trimmed t for unequal population
variances"; Wilcox (2012), "Introduction to robust estimation", ch. 4.4.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from experiments.analysis.statistics.studentized import (
    FEWEST,
    MOST,
    MOST_STRETCHED,
    Studentized,
    Values,
    drawn,
    tails,
)

_LEAST_STRETCHED: Final = 0.8


def interquartile_mean(values: Sequence[float], overlap: float = 0.0) -> Studentized:
    """Estimate the interquartile mean.

    Parameters
    ----------
    values : sequence of float
        The finite values, at least one. A quarter of them, rounded down, is trimmed at each end;
        fewer than four values are averaged as they are.
    overlap : float, default 0.0
        The number of test rows over that of training rows, if each value has its own split.

    Returns
    -------
    Studentized
    """
    ordered = np.sort(np.asarray(values, np.float64))[np.newaxis]
    middle, error = _trimmed(ordered)
    size = ordered.shape[1]
    kept = size - 2 * (size // 4)
    if size < 2:
        return Studentized(float(middle[0]), math.nan, math.nan, size)
    error = error * math.sqrt(1 + size * overlap)
    if error[0] <= 1e-12 * float(np.abs(ordered).max()):
        return Studentized(float(middle[0]), 0.0, math.nan, size)
    df = kept - 1.0
    low = high = 1.0
    if FEWEST <= size <= MOST:
        resampled = np.repeat(
            np.broadcast_to(ordered, (len(drawn(size)), size)).ravel(),
            drawn(size).astype(np.intp).ravel(),
        ).reshape(-1, size)
        middles, errors = _trimmed(resampled)
        # The bootstrap's upper tail gives the lower end of the interval, and vice versa.
        low, high = (
            min(max(_LEAST_STRETCHED, tail), MOST_STRETCHED)
            for tail in tails(middles - middle[0], errors, df)
        )
    return Studentized(float(middle[0]), float(error[0]), df, size, low, high, overlap)


def _trimmed(ordered: Values) -> tuple[Values, Values]:
    """Return the trimmed means and their standard errors of sorted rows."""
    size = ordered.shape[1]
    cut = size // 4
    kept = size - 2 * cut
    middle = ordered[:, cut : size - cut]
    means = middle.mean(axis=1)
    if size < 2:
        return means, np.full(len(ordered), math.nan)
    winsorized = np.clip(ordered, middle[:, :1], middle[:, -1:])
    errors = np.sqrt((size - 1) * winsorized.var(axis=1, ddof=1) / (kept * (kept - 1)))
    return means, errors
