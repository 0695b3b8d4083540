"""How often intervals hold the true value, found by drawing sample after sample."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import integrate, stats

from experiments.analysis.statistics.estimate import Estimate

# Frozen distributions: symmetric, skewed as losses are, long-tailed, and short-tailed.
DISTRIBUTIONS = {
    "normal": stats.norm(1, 0.1),
    "gamma": stats.gamma(4),
    "lognormal": stats.lognorm(0.5),
    "exponential": stats.expon(),
    "t with 4 degrees of freedom": stats.t(4),
    "laplace": stats.laplace(),
}


def coverage(
    distribution: stats.rv_continuous,
    truth: float,
    interval: Callable[[NDArray[np.float64]], Estimate],
    *,
    seeds: int,
    draws: int,
) -> float:
    """Give the share of `draws` samples whose interval holds the truth."""
    samples = distribution.rvs(size=(draws, seeds), random_state=np.random.default_rng(20))
    return float(np.mean([interval(sample).covers(truth) for sample in samples]))


def interquartile_mean_of(distribution: stats.rv_continuous, seeds: int) -> float:
    """Give the mean of the middle of a distribution, as much of it as a sample's keeps."""
    cut = (seeds // 4) / seeds
    total, _ = integrate.quad(distribution.ppf, cut, 1 - cut)
    return float(total / (1 - 2 * cut))
