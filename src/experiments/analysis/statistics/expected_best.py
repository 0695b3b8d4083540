r"""The expected result of the best of *k* trials, from more trials than that.

From *n* trials, *k* are drawn without replacement, and the best of these by validation is kept. The
trial of rank *i* (1 is the best) is kept with probability

.. math:: \binom{n-i}{k-1} \Big/ \binom{n}{k}

so that the expected result is an average of the trials' results with these weights. No trial is
repeated in such a draw, unlike with the plug-in estimate of Dodge et al., which is biased.

References
----------
Dodge et al. (2019), "Show your work: improved reporting of experimental results". Tang et al.
(2020), "Showing your work doesn't always work".
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def chances(trials: int, budget: int) -> NDArray[np.float64]:
    """Return the probability that each trial is the best of `budget` drawn ones.

    Parameters
    ----------
    trials : int
        The number of trials.
    budget : int
        The number of trials that are drawn, from 1 to `trials`.

    Returns
    -------
    float64 ndarray of shape (trials,)
        The probabilities by rank, that of the best trial first; they sum to 1.
    """
    all_draws = math.comb(trials, budget)
    return np.array(
        [math.comb(trials - rank, budget - 1) / all_draws for rank in range(1, trials + 1)]
    )
