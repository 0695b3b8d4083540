"""What a sweep needs of an engine that runs its stacks."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol, TypeVar

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


class Backend(Protocol):
    """Processes that run functions and may die of it."""

    @property
    def count(self) -> int:
        """How many calls can run at the same time."""

    def submit(self, function: Callable[..., T], *arguments: object) -> Future[T]:
        """Have a function called in a worker; workers that died are replaced."""

    def result(self, future: Future[T]) -> T:
        """Return what a call that is done returned, or raise what it raised.

        Raises
        ------
        WorkerDied
            If its worker did.
        """

    def close(self, *, kill: bool = False) -> None:
        """Let the workers go, in the middle of their work if `kill`; none is left behind."""
