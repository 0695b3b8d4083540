r"""Performance profiles: who is how often within a factor of the fastest, over several datasets.

For a problem *p* (a dataset with a seed) and an optimizer *s*, the ratio
:math:`r_{ps} = t_{ps} / \min_s t_{ps}` compares its time to the target with the fastest. The
profile :math:`\rho_s(\tau)` is the share of problems with :math:`r_{ps} \le \tau`: at 1 how often
it is the fastest, far out how often it reaches the target at all. Every dataset counts the same.

References
----------
Dolan and Moré (2002), "Benchmarking optimization software with performance profiles"; Dahl et al.
(2023), "Benchmarking neural network training algorithms" (AlgoPerf).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Profile:
    """The performance profile of one group.

    Attributes
    ----------
    label : str
        The group's.
    factors : tuple of float
        From 1 on, ascending: where the profile rises.
    shares : tuple of float
        Of the problems solved within each factor of the fastest; holds until the next factor.
    area : float
        Mean share over factors from 1 to `limit` on a logarithmic axis, 1 at best.
    """

    label: str
    factors: tuple[float, ...]
    shares: tuple[float, ...]
    area: float


def performance_profiles(
    times: Mapping[str, Mapping[str, Mapping[int, float]]], *, limit: float = 4.0
) -> list[Profile]:
    """Compute the profiles of groups over datasets.

    Parameters
    ----------
    times : mapping of str to mapping of str to mapping of int to float
        By group's label, by dataset, by seed: the time to the dataset's target, infinite for a
        miss. A problem counts for those groups that have its dataset and seed.
    limit : float, default 4.0
        The factor at which the area ends (AlgoPerf's 4).

    Returns
    -------
    list of Profile
        The largest area first.
    """
    fastest: dict[tuple[str, int], float] = {}
    for group in times.values():
        for name, found in group.items():
            for seed, time in found.items():
                fastest[name, seed] = min(time, fastest.get((name, seed), math.inf))
    profiles = []
    for label, group in times.items():
        ratios, weights = [], []
        for name, found in group.items():
            for seed, time in found.items():
                ratios.append(_ratio(time, fastest[name, seed]))
                weights.append(1 / (len(found) * len(group)))
        factors = sorted({1.0, *(ratio for ratio in ratios if math.isfinite(ratio))})
        shares = [
            math.fsum(w for ratio, w in zip(ratios, weights, strict=True) if ratio <= factor)
            for factor in factors
        ]
        profiles.append(
            Profile(label, tuple(factors), tuple(shares), _area(factors, shares, limit))
        )
    return sorted(profiles, key=lambda profile: -profile.area)


def _ratio(time: float, fastest: float) -> float:
    if math.isinf(time):
        return math.inf
    return 1.0 if time == fastest else time / fastest if fastest > 0 else math.inf


def _area(factors: list[float], shares: list[float], limit: float) -> float:
    ends = np.log(np.clip([*factors, limit], 1.0, limit))
    ends[-1] = math.log(limit)
    return float((np.diff(ends) * shares).sum() / math.log(limit))
