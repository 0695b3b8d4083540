"""What a sweep needs of an engine that runs its stacks."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")


class WorkerDied(Exception):
    """The worker of a call ended before the call did.

    Parameters
    ----------
    deaths : int
        Of how many workers the call may be guilty; 0 for one that only waited behind another.
    how : str
        For people: how the worker ended, as far as is known.
    """

    def __init__(self, deaths: int, how: str = "") -> None:
        super().__init__(deaths, how)
        self.deaths = deaths
        self.how = how


class Notes(Protocol):
    """A worker's end of a board."""

    def write(self, run: int, epoch: int, loss: float) -> None:
        """Note that `run` has finished `epoch` with this validation loss."""

    @property
    def stopping(self) -> bool:
        """Whether the launcher wants everybody to stop."""


class Board(Protocol):
    """The launcher's end of a board, on which workers note how far their runs are."""

    @property
    def notes(self) -> Notes:
        """What workers are given."""

    @property
    def epochs(self) -> NDArray[np.float64]:
        """Epochs that each run has finished."""

    @property
    def losses(self) -> NDArray[np.float64]:
        """Last validation loss of each run; 0 where there is none yet."""

    def stop(self) -> None:
        """Ask every worker to stop after the epoch it is in."""

    def close(self) -> None:
        """Take the board down."""


class Backend(Protocol):
    """Workers that run functions and may die of it."""

    def open(self) -> None:
        """Reach the workers; nothing happens if they have been.

        Raises
        ------
        UserError
            If there are none.
        """

    @property
    def count(self) -> int:
        """How many calls can run at the same time.

        Raises
        ------
        UserError
            If the last worker has gone and none came.
        """

    @property
    def shares_cores(self) -> bool:
        """Whether there are as many workers as cores that the launcher could use itself."""

    def board(self, runs: int) -> Board:
        """Put up a board for so many runs."""

    def submit(self, function: Callable[..., T], *arguments: object) -> Future[T]:
        """Have a function called in a worker; workers that died are replaced."""

    def result(self, future: Future[T]) -> T:
        """Return what a call that is done returned, or raise what it raised.

        Raises
        ------
        WorkerDied
            If its worker did.
        UserError
            If the engine is lost, or workers lack what the call needs.
        """

    def close(self, *, kill: bool = False) -> None:
        """Let the workers go, in the middle of their work if `kill`; none is left behind."""
