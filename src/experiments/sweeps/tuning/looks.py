"""Add reporting seeds in steps until the verdicts are settled.

Looking at results more than once gives chance more than once the opportunity to separate groups
that are alike. The number of looks is fixed beforehand, and each look tests at the level divided by
it (Bonferroni), whatever the results have in common. Stopping because no more seeds would help does
not make a false separation more likely.

Reference: Jennison and Turnbull (2000), "Group sequential methods with applications to clinical
trials".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from experiments.analysis.pairs import Pair

FIRST: Final = 10
"""The number of seeds at the first look."""

MOST: Final = 1000
"""The largest limit to the number of seeds."""


def looks(most: int) -> tuple[int, ...]:
    """Return the number of seeds at each look: twice as many as at the one before, up to `most`."""
    seeds = [FIRST]
    while seeds[-1] < most:
        seeds.append(min(2 * seeds[-1], most))
    return tuple(seeds)


def undecided(pairs: Iterable[Pair], most: int) -> list[Pair]:
    """Return the pairs that are not settled, but probably would be with at most `most` seeds."""
    return [
        pair
        for pair in pairs
        if not pair.settled and pair.seeds_needed is not None and pair.seeds_needed <= most
    ]
