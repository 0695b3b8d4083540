r"""The median and its interval from order statistics, which allow infinite values.

The median lies between the *k*-th smallest and the *k*-th largest of *n* values with probability
:math:`1 - 2 B(k - 1; n, \tfrac12)`, whatever the distribution. The ends of the interval are
interpolated between the two *k* whose probabilities bracket 95%.

References
----------
Hettmansperger and Sheather (1986), "Confidence intervals based on interpolated order statistics".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from experiments.analysis.statistics.estimate import Estimate


def median(values: Sequence[float], level: float = 0.95) -> Estimate:
    """Estimate the median.

    Parameters
    ----------
    values : sequence of float
        The values, at least one. Infinite values are allowed.
    level : float, default 0.95
        The coverage of the interval. Fewer than six values cannot reach 95%: their interval is
        the whole range, with the level that this range has.

    Returns
    -------
    Estimate
        The median with its interval.
    """
    ordered = np.sort(np.asarray(values, np.float64))
    size = ordered.size
    lower, upper = ordered[(size - 1) // 2], ordered[size // 2]
    middle = float(upper) if lower == upper else float(0.5 * (lower + upper))
    # The coverage of the k-th smallest to the k-th largest value, for k = 1, 2, ...
    coverage = 1 - 2 * _binomial_tails(size)[: max(1, size // 2)]
    k = int(np.count_nonzero(coverage >= level))
    if k == 0:
        return Estimate(middle, float(ordered[0]), float(ordered[-1]), float(coverage[0]))
    inner = coverage[k] if k < coverage.size else 0.0
    share = float((coverage[k - 1] - level) / (coverage[k - 1] - inner))
    weight = (size - k) * share / (k + (size - 2 * k) * share)
    low = _between(float(ordered[k - 1]), float(ordered[k]), weight)
    high = _between(float(ordered[size - k]), float(ordered[size - k - 1]), weight)
    return Estimate(middle, low, high, level)


def _binomial_tails(size: int) -> NDArray[np.float64]:
    r"""Return :math:`B(k; n, \tfrac12)`, rounded once, for *k* up to half of *n*.

    Integer arithmetic avoids importing SciPy, which would delay the end of every sweep.
    """
    coefficients = [1]
    for k in range(size // 2):
        coefficients.append(coefficients[-1] * (size - k) // (k + 1))
    return np.array([tail / 2**size for tail in accumulate(coefficients)])


def _between(outer: float, inner: float, weight: float) -> float:
    """Interpolate between two values; return the outer one if either is infinite."""
    if outer == inner or math.isinf(outer) or math.isinf(inner):
        return outer
    return (1 - weight) * outer + weight * inner
