r"""Equivalence by two one-sided tests: whether a difference is surely smaller than a margin.

A difference that is not significant may still exist. Equivalence is shown if both
:math:`\theta \ge \delta` and :math:`\theta \le -\delta` are rejected, each at level *α/2*, which is
the case exactly if the interval of level *1 - α* lies between :math:`-\delta` and :math:`\delta`.
At most one of the two hypotheses is true, so level *α* for each would do if the differences were
normal. Where they are skewed, nearly all errors of an interval are on one side, which is why each
test has half of it, and why the interval is stretched by the whole difference of the bootstrap's
tails (see `studentized`): with ten exponential differences, 5.7% of pairs that are a margin apart
are then called equivalent, and 10% otherwise (`scripts/simulations.py`).

Reference: Schuirmann (1987), "A comparison of the two one-sided tests procedure and the power
approach for assessing the equivalence of average bioavailability".
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from experiments.analysis.statistics import student
from experiments.analysis.statistics.seeds_needed import fewest_seeds, spreads
from experiments.analysis.statistics.studentized import SHARE, Studentized


def p_value(contrast: Studentized, margin: float) -> float:
    """Return twice the larger p-value of the one-sided tests; 1 if the estimate is not inside.

    Parameters
    ----------
    contrast : Studentized
        The estimated difference.
    margin : float
        The smallest difference that matters, above 0.

    Returns
    -------
    float
    """
    if not abs(contrast.value) < margin:
        return 1.0
    cautious = replace(
        contrast,
        stretch_low=1 + (contrast.stretch_low - 1) / SHARE,
        stretch_high=1 + (contrast.stretch_high - 1) / SHARE,
    )
    return max(cautious.p_value(bound) for bound in (-margin, margin))


def seeds_to_equivalence(
    effect: float, margin: float, *, alpha: float = 0.05, power: float = 0.8, overlap: float = 0.0
) -> int | None:
    """Return the number of seeds with which two one-sided paired t-tests show equivalence.

    Parameters
    ----------
    effect, margin : float
        The mean of the paired differences and the margin, both over their standard deviation.
    alpha : float, default 0.05
        The level of both tests together.
    power : float, default 0.8
        The probability with which equivalence should be shown.
    overlap : float, default 0.0
        See :func:`~experiments.analysis.statistics.seeds_needed.seeds_needed`.

    Returns
    -------
    int or None
        None if the effect is not smaller than the margin, or if more than
        :data:`~experiments.analysis.statistics.seeds_needed.MOST` seeds would be needed.
    """
    if not abs(effect) < margin:
        return None
    return fewest_seeds(lambda count: power_of(effect, margin, count, alpha, overlap), power)


def power_of(
    effect: float, margin: float, count: int, alpha: float = 0.05, overlap: float = 0.0
) -> float:
    """Return the power of two one-sided paired t-tests with `count` pairs (at least 2)."""
    from scipy.special import ndtr

    reach = student.quantile(1 - alpha, count - 1) * spreads(count - 1)
    error = math.sqrt(1 / count + overlap)
    low, high = ((side * margin - effect) / error for side in (-1, 1))
    return float(np.mean(np.maximum(ndtr(high - reach) - ndtr(low + reach), 0)))
