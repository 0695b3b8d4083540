"""What a sweep needs of whoever trains its stacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from experiments.runs.execution import Execution


class Training(Protocol):
    """Stacks that are being trained."""

    def finished(self, on_wait: Callable[[], None]) -> Iterator[int]:
        """Iterate over the positions of runs as their records are written.

        Parameters
        ----------
        on_wait : callable
            Called several times a second; may raise what is to end the training.

        Raises
        ------
        UserError
            If nothing can be trained any more.
        """

    def epochs(self) -> float:
        """Return the number of epochs that all runs together have finished."""

    def losses(self) -> list[float]:
        """Return the last validation loss of each run; 0 where there is none, or it has ended."""

    def stop(self) -> Iterator[int]:
        """End all training; iterate over the positions of the runs that have a record."""


class Trainer(Protocol):
    """Trains stacks of runs, some at the same time."""

    def open(self) -> None:
        """Get ready to train; nothing happens if it is.

        Raises
        ------
        UserError
            If that cannot be.
        """

    @property
    def count(self) -> int:
        """How many stacks are trained at the same time."""

    def train(
        self,
        folder: Path,
        executions: Sequence[Execution],
        stacks: Sequence[Sequence[int]],
        *,
        warn: Callable[[str], None],
        spares_one: Callable[[], bool],
    ) -> AbstractContextManager[Training]:
        """Train stacks, from when the context is entered until it is left.

        Parameters
        ----------
        folder : Path
            The sweep's.
        executions : sequence of Execution
            What to train. Records that are in their folders are discarded.
        stacks : sequence of sequence of int
            Positions of the runs that train side by side.
        warn : callable
            Shows a warning to people.
        spares_one : callable
            Tells whether other work of the sweep needs a core at the moment.
        """

    def close(self, *, kill: bool = False) -> None:
        """Release what training takes, in the middle of it if `kill`."""
