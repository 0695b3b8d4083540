r"""Student's t distribution, with :math:`\nu \ge 1` degrees of freedom, not necessarily whole.

The probability between *-t* and *t* is :math:`I_{t^2/(\nu + t^2)}(\tfrac12, \tfrac\nu2)`, a
regularized incomplete beta function, which is computed by a continued fraction.

Every comparison needs these two functions and nothing else from SciPy, whose import takes longer
than all computations at the end of a sweep.

References
----------
NIST (2010), *Digital Library of Mathematical Functions*, 8.17.4 and 8.17.22. Abramowitz and
Stegun (1964), *Handbook of Mathematical Functions*, 26.7.1.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import count


def beyond(t: float, df: float) -> float:
    """Return the two-sided tail probability: that a value is further from zero than *t*.

    Parameters
    ----------
    t : float
        The statistic, of either sign.
    df : float
        The degrees of freedom, at least 1.

    Returns
    -------
    float
    """
    square = t * t
    if math.isinf(square):
        return 0.0
    return _incomplete_beta(df / (df + square), square / (df + square), df / 2, 0.5)


@lru_cache(maxsize=256)  # intervals of one comparison share levels and degrees of freedom
def quantile(level: float, df: float) -> float:
    """Return the *t* for which a value lies between *-t* and *t* with probability `level`.

    Parameters
    ----------
    level : float
        The probability, at least 0 and below 1.
    df : float
        The degrees of freedom, at least 1.

    Returns
    -------
    float
    """
    # The probability is concave in the angle whose tangent is t / sqrt(df). Newton's steps
    # therefore converge from below and shrink until only rounding is left.
    slope = 2 / math.sqrt(math.pi) * math.exp(math.lgamma((df + 1) / 2) - math.lgamma(df / 2))
    angle, last = 0.0, math.inf
    while True:
        sine, cosine = math.sin(angle), math.cos(angle)
        covered = _incomplete_beta(sine * sine, cosine * cosine, 0.5, df / 2)
        step = (level - covered) / (slope * cosine ** (df - 1))
        if not 0 < step < last:
            return math.sqrt(df) * math.tan(angle)
        angle, last = angle + step, step


def _incomplete_beta(x: float, rest: float, a: float, b: float) -> float:
    """Return the regularized incomplete beta function of x = 1 - rest."""
    if x > (a + 1) / (a + b + 2):  # where the fraction converges slowly
        return 1 - _by_fraction(rest, x, b, a)
    return _by_fraction(x, rest, a, b)


def _by_fraction(x: float, rest: float, a: float, b: float) -> float:
    if x == 0:
        return 0.0
    logarithm = a * math.log(x) + b * math.log(rest)
    logarithm += math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    # Lentz's method, which keeps ratios of successive numerators and of successive denominators.
    fraction, numerators, denominators = 1.0, 1.0, 0.0
    for place in count(1):
        half = place // 2
        part = -(a + half) * (a + b + half) if place % 2 else half * (b - half)
        part *= x / ((a + place - 1) * (a + place))
        denominators = 1 / (1 + part * denominators)
        numerators = 1 + part / numerators
        fraction *= numerators * denominators
        if not abs(numerators * denominators - 1) > 1e-15:
            break
    return math.exp(logarithm) / (a * fraction)
