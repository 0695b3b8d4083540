"""The runs of a stack that have what the others lack."""

from __future__ import annotations

from collections.abc import Sequence


class SomeRuns:
    """The runs of a stack that have what the others lack, such as an average of their weights.

    Parameters
    ----------
    have : sequence of bool
        Whether each run has it.

    Attributes
    ----------
    rows : list of int
        The places in the stack of those that do.
    """

    def __init__(self, have: Sequence[bool]) -> None:
        self.rows = [row for row, has in enumerate(have) if has]

    def restrict(self, runs: Sequence[int]) -> list[int]:
        """Restrict the stack to some runs, and return the places in :attr:`rows` that stay."""
        places = {run: place for place, run in enumerate(runs)}
        stay = [place for place, row in enumerate(self.rows) if row in places]
        self.rows = [places[self.rows[place]] for place in stay]
        return stay
