"""Runs that went wrong: a count beside every mean, for they are often not NaN.

Three ways, of which a run is counted in the first that is true of it: its loss was not finite;
it ended with a loss above the one it started from; it scores no better than guessing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

NON_FINITE: Final = "non-finite"
WORSE_THAN_START: Final = "worse than at the start"
AT_CHANCE: Final = "at chance level"


@dataclass(frozen=True)
class Divergences:
    """How many runs of a group went wrong, and in which way.

    Attributes
    ----------
    runs : int
        Runs that were trained to an end, good or bad.
    non_finite, worse_than_start, at_chance : int
        Of these, each counted once.
    """

    runs: int
    non_finite: int = 0
    worse_than_start: int = 0
    at_chance: int = 0

    @property
    def total(self) -> int:
        """All that went wrong."""
        return self.non_finite + self.worse_than_start + self.at_chance


def classify(
    *,
    finite: bool,
    start: float | None,
    end: float | None,
    score: float | None = None,
    chance: float | None = None,
) -> str | None:
    """Say how a run went wrong; None if it did not.

    Parameters
    ----------
    finite : bool
        Whether the loss was finite throughout.
    start, end : float or None
        Validation loss before training and after the last epoch, where measured.
    score, chance : float, optional
        The best validation score (higher is better) and what guessing gives.
    """
    if not finite:
        return NON_FINITE
    if start is not None and end is not None and end > start:
        return WORSE_THAN_START
    if score is not None and chance is not None and score <= chance:
        return AT_CHANCE
    return None


def count(found: Iterable[str | None]) -> Divergences:
    """Count what `classify` says of each run of a group."""
    ways = list(found)
    return Divergences(
        len(ways), ways.count(NON_FINITE), ways.count(WORSE_THAN_START), ways.count(AT_CHANCE)
    )


def chance_accuracy(classes: int, rows: int) -> float:
    """Return the accuracy up to which a classifier cannot be told from guessing among classes.

    Two standard errors above :math:`1/k` on `rows` rows.
    """
    share = 1 / classes
    return share + 2 * math.sqrt(share * (1 - share) / max(rows, 1))
