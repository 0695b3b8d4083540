"""Seeds that lie far from all others, on which a mean depends more than its interval can show.

A value is far off if it lies outside the quartiles by more than five times their distance. Tukey's
fences for what he calls far out are at three times; with ten seeds, 5% of normal samples have a
value beyond these, and 1% beyond ours.

Reference: Tukey (1977), "Exploratory data analysis", ch. 2; Hoaglin, Iglewicz and Tukey (1986),
"Performance of some resistant rules for outlier labeling".
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Final

from experiments.analysis.statistics.studentized import FEWEST

FENCE: Final = 5.0
"""The distance of the fences from the quartiles, in interquartile ranges."""


def far_off(values: Mapping[int, float]) -> tuple[int, ...]:
    """Return the seeds whose values are far off; none of fewer than six, or of mostly equal ones.

    Parameters
    ----------
    values : mapping of int to float
        The finite value of each seed.
    """
    if len(values) < FEWEST:
        return ()
    low, _, high = statistics.quantiles(values.values(), n=4, method="inclusive")
    room = FENCE * (high - low)
    if not room > 0:
        return ()
    return tuple(
        seed for seed, value in values.items() if value < low - room or value > high + room
    )
