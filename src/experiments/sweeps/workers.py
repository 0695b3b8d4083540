"""Worker processes that train stacks."""

from __future__ import annotations

import itertools
import os
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Self

from experiments.board import Board
from experiments.child_processes import interrupts_held, serve_parent
from experiments.datasets import Dataset, Source
from experiments.errors import UserError
from experiments.execution import cached_dataset, execute
from experiments.jobs import Job

_POLL = 0.1  # seconds between looks at the board
_PATIENCE = 10.0  # seconds that workers get to write what they have after Ctrl-C


class Workers:
    """Trains stacks in worker processes, a bounded number at a time.

    Parameters
    ----------
    jobs : sequence of Job
    stacks : sequence of sequence of int
        Positions of the jobs of each stack.
    n_jobs : int
        Processes; -1 takes one for each core.
    """

    def __init__(self, jobs: Sequence[Job], stacks: Sequence[Sequence[int]], n_jobs: int) -> None:
        self._jobs = jobs
        self._waiting = iter(stacks)
        self._count = min(self.count(n_jobs), len(stacks))
        self._running: set[Future[list[int]]] = set()
        # A file that lives as long as the sweep, in memory where the system has such a place.
        shm = Path("/dev/shm")
        handle, path = tempfile.mkstemp("descent", dir=shm if shm.is_dir() else None)
        os.close(handle)
        self._board_path = Path(path)
        self._board = Board(self._board_path, len(jobs), create=True)

    @staticmethod
    def count(n_jobs: int) -> int:
        """Return the number of processes that `n_jobs` asks for."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        return n_jobs if n_jobs > 0 else max(1, (cores or 1) + 1 + n_jobs)

    def __enter__(self) -> Self:
        from joblib.externals.loky import get_reusable_executor

        with interrupts_held():
            self._executor = get_reusable_executor(
                max_workers=self._count, initializer=serve_parent
            )
        self._fill()
        return self

    def _fill(self) -> None:
        """Keep every worker busy and one stack ready for each, no more, so memory is bounded."""
        for stack in itertools.islice(self._waiting, 2 * self._count - len(self._running)):
            jobs = [self._jobs[position] for position in stack]
            with interrupts_held():
                future = self._executor.submit(
                    _train_stack, jobs, list(stack), self._board_path, len(self._jobs)
                )
            self._running.add(future)

    def finished(self, on_wait: Callable[[], None]) -> Iterator[int]:
        """Iterate over the positions of jobs as their records are written.

        Parameters
        ----------
        on_wait : callable
            Called several times a second.

        Raises
        ------
        UserError
            If a worker dies.
        """
        while self._running:
            done, self._running = wait(self._running, timeout=_POLL, return_when=FIRST_COMPLETED)
            self._fill()
            on_wait()
            for future in done:
                try:
                    yield from future.result()
                except BrokenExecutor as error:
                    raise UserError(
                        "a worker process died, killed perhaps for want of memory. Runs that had "
                        "ended have their records; give the command again with fewer workers "
                        "(hydra.launcher.n_jobs=1) or narrower stacks (hydra.launcher.width=1)"
                    ) from error

    def epochs(self) -> float:
        """Return the number of epochs that all runs together have finished."""
        return float(self._board.epochs.sum())

    def loss(self) -> float | None:
        """Return the median validation loss of the runs that are training; None if none is."""
        losses = [loss for loss in self._board.losses if loss]
        return statistics.median(losses) if losses else None

    def stop(self) -> Iterator[int]:
        """Ask all workers to stop; iterate over the positions whose records they still wrote."""
        self._board.stop()
        self._waiting = iter(())
        for future in self._running:
            future.cancel()
        wait(self._running, timeout=_PATIENCE)
        for position, job in enumerate(self._jobs):
            if (job.folder / "record.json").exists():
                yield position

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._board.stop()
        self._executor.shutdown(wait=error is None, kill_workers=error is not None)
        self._board_path.unlink(missing_ok=True)


def _train_stack(
    jobs: Sequence[Job], positions: list[int], board_path: Path, runs: int
) -> list[int]:
    board = Board(board_path, runs)

    def on_epoch(epoch: int, losses: Sequence[tuple[int, float]]) -> None:
        if board.stopping:
            raise KeyboardInterrupt
        for position, loss in losses:
            board.write(positions[position], epoch, loss)

    try:
        for _ in execute(jobs, _dataset(jobs[0].run.dataset), on_epoch):
            pass
    except KeyboardInterrupt:
        pass  # the records say so
    for position, job in zip(positions, jobs, strict=True):
        board.write(position, job.run.training.epochs, 0)
    return positions


@lru_cache(maxsize=2)
def _dataset(source: Source) -> Dataset:
    return cached_dataset(source)
