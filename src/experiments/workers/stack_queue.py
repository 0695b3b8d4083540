"""Which stack trains next, and what becomes of stacks whose workers die."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

ALONE: Final = 2
"""Deaths after which a stack trains only when nothing else does."""

TRIES: Final = 3
"""Deaths alone after which a run is given up."""


@dataclass(eq=False)
class Attempt:
    """A try to train a stack in a worker.

    Parameters
    ----------
    positions : sequence of int
        Of their jobs.
    deaths : int, default 0
        How many workers have died of it.
    """

    positions: Sequence[int]
    deaths: int = 0

    @property
    def alone(self) -> bool:
        """Whether it trains only when nothing else does."""
        return self.deaths >= ALONE


class StackQueue:
    """Stacks in the order in which they are trained.

    Whose worker died is tried again with the others. If that costs a second worker, it waits
    until all others have ended, and is tried alone: had the memory not sufficed for all at
    once, it now may. If that fails too, its halves are tried alone, and theirs; a single run
    that still kills its worker, three times alone, is given up.

    Parameters
    ----------
    stacks : iterable of sequence of int
        Positions of the jobs of each stack.
    """

    def __init__(self, stacks: Iterable[Sequence[int]]) -> None:
        self._waiting = deque(Attempt(positions) for positions in stacks)
        self._suspects: deque[Attempt] = deque()  # to be tried alone

    def take(self, running: int, most: int) -> Attempt | None:
        """Return the stack to train next; None if none may start now.

        Parameters
        ----------
        running : int
            How many stacks workers have been given and not ended.
        most : int
            How many they may be given.
        """
        if self._waiting:
            return self._waiting.popleft() if running < most else None
        return self._suspects.popleft() if self._suspects and not running else None

    def put_back(self, attempt: Attempt) -> None:
        """Have a stack trained that was taken and, by no fault of its own, was not."""
        (self._suspects if attempt.alone else self._waiting).appendleft(attempt)

    def blame(self, attempt: Attempt, left: Sequence[int], deaths: int = 1) -> list[Attempt]:
        """Have the rest of a stack tried again whose worker died.

        Parameters
        ----------
        attempt : Attempt
        left : sequence of int
            Those of its positions that have not ended.
        deaths : int, default 1
            How many workers died.

        Returns
        -------
        list of Attempt
            What it will be tried as; empty if it is given up.
        """
        total = attempt.deaths + deaths
        if not attempt.alone:
            again = Attempt(left, min(total, ALONE))
            (self._suspects if again.alone else self._waiting).append(again)
            return [again]
        if len(left) > 1:
            middle = (len(left) + 1) // 2
            halves = [Attempt(left[:middle], ALONE), Attempt(left[middle:], ALONE)]
            self._suspects.extendleft(reversed(halves))
            return halves
        if total < ALONE + TRIES:
            again = Attempt(left, total)
            self._suspects.appendleft(again)
            return [again]
        return []

    def clear(self) -> None:
        """Let nothing more start."""
        self._waiting.clear()
        self._suspects.clear()
