r"""Performance profiles: how often a group is within a factor of the fastest, over all datasets.

For a problem *p* (a dataset with a seed) and a group *s*, the ratio
:math:`r_{ps} = t_{ps} / \min_s t_{ps}` compares its time to the target with the fastest. The
profile :math:`\rho_s(\tau)` is the share of problems with :math:`r_{ps} \le \tau`. At 1 it shows
how often the group is the fastest; at large factors, how often it reaches the target at all.
Every dataset has the same weight.

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
        The label of the group.
    factors : tuple of float
        The factors at which the profile rises, ascending from 1.
    shares : tuple of float
        The share of problems solved within each factor of the fastest, constant until the next
        factor.
    area : float
        The mean share over factors from 1 to `limit` on a logarithmic axis; at most 1.
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
    times : mapping of str to (mapping of str to (mapping of int to float))
        The time to the dataset's target by group label, dataset and seed; infinite for a miss.
        A problem counts for those groups that have its dataset and seed.
    limit : float, default 4.0
        The factor at which the area ends (4, as in AlgoPerf).

    Returns
    -------
    list of Profile
        The profiles, largest area first.
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
