"""The number of seeds that would make a difference of the observed size significant.

The calculation uses the power of a paired t-test.

References
----------
Cohen (1988), "Statistical power analysis for the behavioral sciences". Colas, Sigaud and Oudeyer
(2018), "How many random seeds?".
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from experiments.analysis.statistics import student

MOST: Final = 10_000


def seeds_needed(
    effect: float, *, alpha: float = 0.05, power: float = 0.8, overlap: float = 0.0
) -> int | None:
    """Return the number of seeds with which a two-sided paired t-test detects a difference.

    Parameters
    ----------
    effect : float
        The mean of the paired differences over their standard deviation; the sign is ignored.
    alpha : float, default 0.05
        The level of the test.
    power : float, default 0.8
        The probability with which the test should detect the difference.
    overlap : float, default 0.0
        The number of test rows over that of training rows, if each seed has its own split. No
        number of seeds makes the standard error smaller than its root.

    Returns
    -------
    int or None
        None if the difference is zero, or if more than `MOST` seeds would be needed.
    """
    if not abs(effect) > 0:
        return None
    return fewest_seeds(lambda count: power_of(abs(effect), count, alpha, overlap), power)


def fewest_seeds(power_with: Callable[[int], float], power: float) -> int | None:
    """Return the smallest number of seeds, at least 2, with a power; None if above `MOST`.

    Parameters
    ----------
    power_with : callable
        A function that returns the power with a number of seeds, which it grows with.
    power : float
        The wanted power.
    """
    if not power_with(MOST) >= power:
        return None
    low, high = 1, 2
    while power_with(high) < power:
        low, high = high, min(2 * high, MOST)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if power_with(middle) < power else (low, middle)
    return high


def power_of(effect: float, count: int, alpha: float = 0.05, overlap: float = 0.0) -> float:
    """Return the power of a two-sided paired t-test with `count` pairs (at least 2).

    The mean of the differences is normal, and their standard deviation is an independent chi
    variable. The power is that of the normal test, averaged over quantiles of that variable.
    """
    from scipy.special import ndtr

    reach = student.quantile(1 - alpha, count - 1) * spreads(count - 1)
    shift = abs(effect) / math.sqrt(1 / count + overlap)
    return float(np.mean(ndtr(shift - reach) + ndtr(-shift - reach)))


@lru_cache(maxsize=256)
def spreads(df: int) -> NDArray[np.float64]:
    """Return quantiles of the ratio of the estimated to the true standard deviation."""
    from scipy.special import gammaincinv, ndtri

    quantiles = (np.arange(1000) + 0.5) / 1000
    if df <= 100:
        return np.asarray(np.sqrt(gammaincinv(df / 2, quantiles) * 2 / df))
    # Wilson and Hilferty's approximation is much faster, and accurate to four digits here.
    return np.asarray((1 - 2 / (9 * df) + ndtri(quantiles) * math.sqrt(2 / (9 * df))) ** 1.5)
