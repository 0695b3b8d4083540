r"""Student's distribution, with :math:`\nu \ge 1` degrees of freedom, whole or not.

Between *-t* and *t* lies :math:`I_{t^2/(\nu + t^2)}(\tfrac12, \tfrac\nu2)`, a regularized
incomplete beta function, for which there is a continued fraction.

Every comparison needs these two functions, and of SciPy nothing else: importing that takes
longer than all that a sweep's end computes.

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
    """Return the probability that a value is further from zero than *t*, on either side.

    Parameters
    ----------
    t : float
        Of any sign.
    df : float
        Degrees of freedom, 1 at least.
    """
    square = t * t
    if math.isinf(square):
        return 0.0
    return _incomplete_beta(df / (df + square), square / (df + square), df / 2, 0.5)


@lru_cache(maxsize=256)  # intervals of one comparison share levels and degrees of freedom
def quantile(level: float, df: float) -> float:
    """Return the *t* between whose negative and which a value lies with probability `level`.

    Parameters
    ----------
    level : float
        At least 0 and below 1.
    df : float
        Degrees of freedom, 1 at least.
    """
    # As a function of the angle whose tangent is t / sqrt(df) the probability is concave. So
    # Newton's steps come closer from below, each shorter than the last until they are rounding.
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
    # By Lentz's method, from the front: numerators and denominators are ratios of successive ones.
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
