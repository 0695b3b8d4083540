"""The interface of a backend: an engine that runs function calls in workers."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")


class WorkerDied(Exception):
    """The worker of a call died before the call returned.

    Parameters
    ----------
    deaths : int
        The number of worker deaths that the call may have caused; 0 if it had not started yet.
    how : str
        A description of how the worker ended, if it is known.
    """

    def __init__(self, deaths: int, how: str = "") -> None:
        super().__init__(deaths, how)
        self.deaths = deaths
        self.how = how


class Notes(Protocol):
    """A worker's side of a board."""

    def write(self, run: int, epoch: int, loss: float) -> None:
        """Note that `run` has finished `epoch` with this validation loss."""

    @property
    def stopping(self) -> bool:
        """Whether the launcher has asked all workers to stop."""


class Board(Protocol):
    """The launcher's side of a board, on which workers note the progress of their runs."""

    @property
    def notes(self) -> Notes:
        """The side that is sent to the workers."""

    @property
    def epochs(self) -> NDArray[np.float64]:
        """The number of epochs that each run has finished, shape (runs,)."""

    @property
    def losses(self) -> NDArray[np.float64]:
        """The last validation loss of each run, 0 before the first, shape (runs,)."""

    def stop(self) -> None:
        """Ask all workers to stop after the current epoch."""

    def close(self) -> None:
        """Release the board; workers that still run stop."""


class Backend(Protocol):
    """An engine that runs function calls in workers, which may die."""

    def open(self) -> None:
        """Connect to the workers, unless they are connected already.

        Raises
        ------
        UserError
            If no worker can be reached.
        """

    @property
    def count(self) -> int:
        """The number of calls that can run at the same time.

        Raises
        ------
        UserError
            If the last worker has left and none joined in time.
        """

    @property
    def shares_cores(self) -> bool:
        """Whether the workers occupy all cores of the launcher's machine."""

    def board(self, runs: int) -> Board:
        """Create a board for this number of runs."""

    def submit(self, function: Callable[..., T], *arguments: object) -> Future[T]:
        """Call a function in a worker; workers that died are replaced."""

    def result(self, future: Future[T]) -> T:
        """Return the result of a call that is done, or raise its exception.

        Raises
        ------
        WorkerDied
            If the worker died before the call returned.
        UserError
            If the connection is lost, or a worker cannot import what the call needs.
        """

    def close(self, *, kill: bool = False) -> None:
        """Release the workers, in the middle of their calls if `kill`; none is left running."""
