r"""The median and its interval from order statistics, which infinite values do not disturb.

Between the *k*-th smallest and the *k*-th largest of *n* values the median lies with probability
:math:`1 - 2 B(k - 1; n, \tfrac12)`, whatever the distribution. Between the two *k* on either side
of 95% the ends are interpolated.

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
        One at least; infinities are allowed and sort last (or first).
    level : float, default 0.95
        Of the interval. Fewer than six values cannot give 95%: theirs is the whole range, with
        the level that it has.
    """
    ordered = np.sort(np.asarray(values, np.float64))
    size = ordered.size
    lower, upper = ordered[(size - 1) // 2], ordered[size // 2]
    middle = float(upper) if lower == upper else float(0.5 * (lower + upper))
    # Of the k-th smallest and largest, for k = 1, 2, ...
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

    In integers: a sweep's end would otherwise wait until SciPy is imported.
    """
    coefficients = [1]
    for k in range(size // 2):
        coefficients.append(coefficients[-1] * (size - k) // (k + 1))
    return np.array([tail / 2**size for tail in accumulate(coefficients)])


def _between(outer: float, inner: float, weight: float) -> float:
    """Interpolate; the outer one where either is infinite."""
    if outer == inner or math.isinf(outer) or math.isinf(inner):
        return outer
    return (1 - weight) * outer + weight * inner
