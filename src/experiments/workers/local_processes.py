"""Worker processes on this machine: loky."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future
from typing import Any, TypeVar

from experiments.errors import UserError
from experiments.workers.backend import WorkerDied
from experiments.workers.child_processes import ChildProcess
from experiments.workers.shared_board import SharedBoard

T = TypeVar("T")

_TRIES = 3


def processes(n_jobs: int) -> int:
    """Return the number of processes for `n_jobs`; -1 is one per core."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return n_jobs if n_jobs > 0 else max(1, (cores or 1) + 1 + n_jobs)


class Processes:
    """A backend of processes on this machine, which are started when they are needed.

    Each process has a separate pool: if it dies, the call that it was running is known, and the
    other processes continue.

    Parameters
    ----------
    n_jobs : int
        The number of processes; -1 is one per core.
    """

    def __init__(self, n_jobs: int) -> None:
        self._count = processes(n_jobs)
        self._pools: list[_Pool] = []
        self._pool_of: dict[Future[Any], _Pool] = {}

    def open(self) -> None:
        pass  # processes start when they are needed

    @property
    def count(self) -> int:
        return self._count

    @property
    def shares_cores(self) -> bool:
        return self._count >= processes(-1)

    def board(self, runs: int) -> SharedBoard:
        return SharedBoard.create(runs)

    def submit(self, function: Callable[..., T], *arguments: object) -> Future[T]:
        for _ in range(_TRIES + self._count):
            pool = min(self._pools, key=lambda pool: len(pool.calls), default=None)
            if pool is None or (pool.calls and len(self._pools) < self._count):
                pool = _Pool()
                self._pools.append(pool)
            try:
                future = pool.submit(function, *arguments)
            except BrokenExecutor:
                self._pools.remove(pool)
                pool.process.end()
                continue
            self._pool_of[future] = pool
            return future
        raise UserError(
            "no worker process can be started, perhaps because memory is short; try fewer "
            "workers: hydra.launcher.n_jobs=1"
        )

    def result(self, future: Future[T]) -> T:
        pool = self._pool_of.pop(future)
        try:
            return future.result()
        except BrokenExecutor as error:
            raise WorkerDied(int(pool.culprit() is future), _how(error)) from error
        finally:
            pool.calls.remove(future)

    def close(self, *, kill: bool = False) -> None:
        for pool in self._pools:  # with or without `kill`: idle processes have nothing to lose
            pool.process.end()
        self._pools.clear()


class _Pool:
    """A process and the calls that were submitted to it, in order."""

    def __init__(self) -> None:
        self.process = ChildProcess()
        self.calls: list[Future[Any]] = []
        self._culprit: Future[Any] | None = None

    def submit(self, function: Callable[..., T], *arguments: object) -> Future[T]:
        future = self.process.submit(function, *arguments)
        self.calls.append(future)
        return future

    def culprit(self) -> Future[Any]:
        """Return the call during which the process died: the first that did not return."""
        if self._culprit is None:
            self._culprit = next(
                call
                for call in self.calls
                if not call.done() or isinstance(call.exception(), BrokenExecutor)
            )
        return self._culprit


def _how(error: BrokenExecutor) -> str:
    """Extract the signal or the exit status of a process from loky's long message."""
    return ", ".join(re.findall(r"SIG[A-Z]+|EXIT\(\d+\)", str(error)))
