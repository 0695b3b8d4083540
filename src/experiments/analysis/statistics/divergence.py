"""Count the runs that went wrong, which a mean does not show unless they are NaN.

A run counts under the first of three kinds that applies: its loss was not finite; its final loss
is higher than its initial one; its score is no better than guessing.
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
    """The number of runs of a group that went wrong, by kind.

    Attributes
    ----------
    runs : int
        The number of runs that finished or diverged.
    non_finite, worse_than_start, at_chance : int
        The number of runs of each kind; a run counts once.
    """

    runs: int
    non_finite: int = 0
    worse_than_start: int = 0
    at_chance: int = 0

    @property
    def total(self) -> int:
        """The number of runs that went wrong."""
        return self.non_finite + self.worse_than_start + self.at_chance


def classify(
    *,
    finite: bool,
    start: float | None,
    end: float | None,
    score: float | None = None,
    chance: float | None = None,
) -> str | None:
    """Return how a run went wrong, or None if it did not.

    Parameters
    ----------
    finite : bool
        Whether the loss was finite throughout.
    start, end : float or None
        The validation loss before training and after the last epoch; None if not measured.
    score, chance : float, optional
        The best validation score (higher is better) and the score of guessing.

    Returns
    -------
    str or None
        `NON_FINITE`, `WORSE_THAN_START`, `AT_CHANCE` or None.
    """
    if not finite:
        return NON_FINITE
    if start is not None and end is not None and end > start:
        return WORSE_THAN_START
    if score is not None and chance is not None and score <= chance:
        return AT_CHANCE
    return None


def count(found: Iterable[str | None]) -> Divergences:
    """Count the results of `classify` for the runs of a group."""
    ways = list(found)
    return Divergences(
        len(ways), ways.count(NON_FINITE), ways.count(WORSE_THAN_START), ways.count(AT_CHANCE)
    )


def chance_accuracy(classes: int, rows: int) -> float:
    """Return the highest accuracy that guessing among the classes could plausibly reach.

    This is two standard errors above :math:`1/k` on `rows` rows.
    """
    share = 1 / classes
    return share + 2 * math.sqrt(share * (1 - share) / max(rows, 1))
