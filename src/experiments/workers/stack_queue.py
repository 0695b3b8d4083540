"""The queue of stacks to train, and the retries of stacks whose workers die."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

ALONE: Final = 2
"""Worker deaths after which a stack is trained only while nothing else is."""

TRIES: Final = 3
"""Worker deaths while training alone after which a run is given up."""


@dataclass(eq=False)
class Attempt:
    """An attempt to train a stack in a worker.

    Parameters
    ----------
    positions : sequence of int
        The positions of the stack's jobs.
    deaths : int, default 0
        The number of workers that died while training it.
    """

    positions: Sequence[int]
    deaths: int = 0

    @property
    def alone(self) -> bool:
        """Whether the stack is trained only while nothing else is."""
        return self.deaths >= ALONE


class StackQueue:
    """A queue of stacks in the order in which they are trained.

    A stack whose worker died is first retried alongside the others. If a second worker dies, the
    stack waits until all others have ended and is retried alone, when more memory is free. If that
    fails too, its halves are retried alone, and so on; a single run that kills its worker
    `TRIES` times alone is given up.

    Parameters
    ----------
    stacks : iterable of sequence of int
        The positions of the jobs of each stack.
    """

    def __init__(self, stacks: Iterable[Sequence[int]]) -> None:
        self._waiting = deque(Attempt(positions) for positions in stacks)
        self._suspects: deque[Attempt] = deque()  # to be retried alone

    def take(self, running: int, most: int) -> Attempt | None:
        """Remove and return the stack to train next; None if no stack may start now.

        Parameters
        ----------
        running : int
            The number of stacks that are submitted and have not ended.
        most : int
            The largest number of stacks that may be submitted.
        """
        if self._waiting:
            return self._waiting.popleft() if running < most else None
        return self._suspects.popleft() if self._suspects and not running else None

    def put_back(self, attempt: Attempt) -> None:
        """Return a stack to the front of the queue, without counting a death."""
        (self._suspects if attempt.alone else self._waiting).appendleft(attempt)

    def blame(self, attempt: Attempt, left: Sequence[int], deaths: int = 1) -> list[Attempt]:
        """Schedule retries for a stack whose worker died.

        Parameters
        ----------
        attempt : Attempt
        left : sequence of int
            The positions of the stack's runs that have not ended.
        deaths : int, default 1
            The number of workers that died.

        Returns
        -------
        list of Attempt
            The scheduled attempts; empty if the run is given up.
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
        """Remove all stacks."""
        self._waiting.clear()
        self._suspects.clear()
