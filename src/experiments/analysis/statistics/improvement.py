r"""The probability of improvement: how often one group does better than another.

Over the *n* seeds that both have, :math:`\hat p = (\text{wins} + \tfrac12 \text{ties}) / n`, with
Wilson's interval. The percentile bootstrap's interval for ten wins in ten would have no width.

References
----------
Agarwal et al. (2021), "Deep reinforcement learning at the edge of the statistical precipice".
Wilson (1927), "Probable inference, the law of succession, and statistical inference". Brown, Cai
and DasGupta (2001), "Interval estimation for a binomial proportion".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from experiments.analysis.statistics.estimate import Estimate


def probability_of_improvement(
    first: Sequence[float],
    second: Sequence[float],
    *,
    higher: bool = False,
    paired: bool = True,
    level: float = 0.95,
) -> Estimate:
    """Estimate the probability that the first does better than the second.

    Parameters
    ----------
    first, second : sequence of float
        The values of each group, which may be infinite.
    higher : bool, default False
        Whether higher is better.
    paired : bool, default True
        Whether values match by position. Otherwise each value is compared with every other one,
        and the interval uses the size of the smaller sample.
    level : float, default 0.95
        The coverage of the interval.

    Returns
    -------
    Estimate
        The probability with its interval.
    """
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if higher:
        a, b = b, a
    if not paired:
        a = a[:, np.newaxis]
    wins = (a < b) + 0.5 * (a == b)
    return proportion(float(wins.mean()), min(a.shape[0], b.shape[0]), level)


def proportion(share: float, count: int, level: float = 0.95) -> Estimate:
    """Return a share of `count` trials, with Wilson's interval."""
    z2 = NormalDist().inv_cdf(0.5 + level / 2) ** 2
    centre = (share + z2 / (2 * count)) / (1 + z2 / count)
    reach = math.sqrt(share * (1 - share) / count + z2 / (4 * count**2)) * math.sqrt(z2)
    reach /= 1 + z2 / count
    low = 0.0 if share == 0 else max(0.0, centre - reach)
    high = 1.0 if share == 1 else min(1.0, centre + reach)
    return Estimate(share, low, high, level)
