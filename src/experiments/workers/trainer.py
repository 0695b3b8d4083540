"""The interface of a trainer, which trains the stacks of a sweep."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from experiments.runs.execution import Execution


class Training(Protocol):
    """The training of a batch of stacks."""

    def finished(self, on_wait: Callable[[], None]) -> Iterator[int]:
        """Iterate over the positions of runs as their records are written.

        Parameters
        ----------
        on_wait : callable
            A function that is called several times a second; an exception that it raises ends the
            training.

        Raises
        ------
        UserError
            If training cannot continue.
        """

    def epochs(self) -> float:
        """Return the number of epochs that all runs together have finished."""

    def losses(self) -> list[float]:
        """Return the last validation loss of each run; 0 before the first and after the end."""

    def stop(self) -> Iterator[int]:
        """Stop all training; iterate over the positions of the runs that have a record."""


class Trainer(Protocol):
    """Trains stacks of runs, possibly several at the same time."""

    def open(self) -> None:
        """Prepare for training, unless that has been done.

        Raises
        ------
        UserError
            If the trainer cannot train, for example without workers.
        """

    @property
    def count(self) -> int:
        """The number of stacks that are trained at the same time."""

    def train(
        self,
        folder: Path,
        executions: Sequence[Execution],
        stacks: Sequence[Sequence[int]],
        *,
        warn: Callable[[str], None],
        spares_one: Callable[[], bool],
    ) -> AbstractContextManager[Training]:
        """Return the context in which the stacks are trained.

        Parameters
        ----------
        folder : Path
            The sweep's folder.
        executions : sequence of Execution
            The runs to train. Older records in their folders are discarded.
        stacks : sequence of sequence of int
            The positions of the runs of each stack.
        warn : callable
            A function that shows a warning to the user.
        spares_one : callable
            A function that returns whether other work of the sweep needs a core at the moment.
        """

    def close(self, *, kill: bool = False) -> None:
        """Release the workers, in the middle of training if `kill`."""
