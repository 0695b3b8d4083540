"""Workers that train stacks: what they are given, what comes back, and what if one dies."""

from __future__ import annotations

import os
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from experiments.board import Board
from experiments.datasets import Dataset, Source
from experiments.errors import UserError
from experiments.execution import cached_dataset, execute, write_failure
from experiments.jobs import Job
from experiments.records import RECORD
from experiments.sweeps.backends.backend import Backend, WorkerDied
from experiments.sweeps.stack_queue import TRIES, Stack, StackQueue

_POLL = 0.1  # seconds between looks at the board
_PATIENCE = 10.0  # seconds that workers get to write what they have after Ctrl-C

DEATHS_AT_FIRST: Final = 20
"""Deaths before any run has ended after which it is not the runs that are at fault."""


class WorkersLost(UserError):
    """There is nobody left to train what has not ended."""


class Workers:
    """Trains stacks in workers, a bounded number at a time.

    Parameters
    ----------
    backend : Backend
        Where they are; it stays open, unless they are stopped.
    jobs : sequence of Job
    stacks : sequence of sequence of int
        Positions of the jobs of each stack.
    warn : callable
        Shows a warning to people.
    """

    def __init__(
        self,
        backend: Backend,
        jobs: Sequence[Job],
        stacks: Sequence[Sequence[int]],
        warn: Callable[[str], None],
    ) -> None:
        self._backend = backend
        self._jobs = jobs
        self._queue = StackQueue(stacks)
        self._warn = warn
        self._running: dict[Future[None], Stack] = {}
        self._deaths = 0  # before any run has ended
        self._any_ended = False
        # A file that lives as long as the batch, in memory where the system has such a place.
        shm = Path("/dev/shm")
        handle, path = tempfile.mkstemp("descent", dir=shm if shm.is_dir() else None)
        os.close(handle)
        self._board_path = Path(path)
        self._board = Board(self._board_path, len(jobs), create=True)

    def __enter__(self) -> Self:
        for job in self._jobs:
            # From now on a record is one of this batch.
            (job.folder / RECORD).unlink(missing_ok=True)
        self._fill()
        return self

    def _fill(self) -> None:
        """Keep every worker busy and one stack ready for each, no more, so memory is bounded."""
        most = 2 * self._backend.count
        while (stack := self._queue.take(len(self._running), most)) is not None:
            jobs = [self._jobs[position] for position in stack.positions]
            future = self._backend.submit(_train_stack, jobs, list(stack.positions), self._board)
            self._running[future] = stack

    def finished(self, on_wait: Callable[[], None]) -> Iterator[int]:
        """Iterate over the positions of jobs as their records are written.

        Parameters
        ----------
        on_wait : callable
            Called several times a second.

        Raises
        ------
        WorkersLost
            If one worker after the other dies before any run has ended.
        """
        while self._running:
            done, _ = wait(self._running, timeout=_POLL, return_when=FIRST_COMPLETED)
            ended: list[int] = []
            for future in done:
                ended += self._settle(future, self._running.pop(future))
            self._fill()
            on_wait()
            yield from ended
            if self._deaths >= DEATHS_AT_FIRST and not self._any_ended:
                raise WorkersLost(
                    f"{self._deaths} workers died before any run ended. If memory is short, fewer "
                    "workers (hydra.launcher.n_jobs=1) or narrower stacks (hydra.launcher.width=1) "
                    "may help; if not, a library that they use may be broken: try one run alone"
                )

    def _settle(self, future: Future[None], stack: Stack) -> list[int]:
        """Return which runs of a stack have ended; have the others tried again."""
        try:
            self._backend.result(future)
        except WorkerDied as death:
            left = [position for position in stack.positions if not self._ended(position)]
            ended = [position for position in stack.positions if position not in left]
            self._any_ended |= bool(ended)
            if not left:
                pass
            elif not death.deaths:
                self._queue.put_back(Stack(left, stack.deaths))
            else:
                self._deaths += death.deaths
                again = self._queue.blame(stack, left, death.deaths)
                self._warn(self._told(left, again, stack.alone, death.how))
                if not again:
                    ended += self._give_up(left, death.how)
            return ended
        self._any_ended = True
        return list(stack.positions)

    def _ended(self, position: int) -> bool:
        return (self._jobs[position].folder / RECORD).exists()

    def _give_up(self, positions: Sequence[int], how: str) -> Sequence[int]:
        for position in positions:
            job = self._jobs[position]
            message = (
                f"killed its worker {TRIES} times while nothing else was trained{_reason(how)}: "
                "a smaller network or batch may help"
            )
            write_failure(job, message, _dataset(job.run.dataset))
        return positions

    def _told(self, left: Sequence[int], again: Sequence[Stack], alone: bool, how: str) -> str:
        """Say that a worker died, at what, and what comes next."""
        names = [self._jobs[position].name for position in left]
        what = names[0] if len(names) == 1 else f"{len(names)} runs ({names[0]}, ...)"
        they = "it is" if len(names) == 1 else "they are"
        if not again:
            then = "given up"
        elif len(again) > 1:
            then = "tried again in halves"
        elif alone or not again[0].alone:
            then = "tried again"
        else:
            then = "tried again alone, when the others have ended"
        return f"a worker died{_reason(how)}, at {what}; {they} {then}"

    def epochs(self) -> float:
        """Return the number of epochs that all runs together have finished."""
        return float(self._board.epochs.sum())

    def loss(self) -> float | None:
        """Return the median validation loss of the runs that are training; None if none is."""
        losses = [loss for loss in self._board.losses if loss]
        return statistics.median(losses) if losses else None

    def stop(self) -> Iterator[int]:
        """Have all workers stop; iterate over the positions whose records they still wrote."""
        self._queue.clear()
        self._board.stop()
        for future in self._running:
            future.cancel()
        wait(self._running, timeout=_PATIENCE)
        self._backend.close(kill=True)
        yield from filter(self._ended, range(len(self._jobs)))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._board.stop()
        self._board_path.unlink(missing_ok=True)


def _reason(how: str) -> str:
    """Guess why a worker ended; a segmentation fault is no want of memory."""
    known = f" ({how})" if how else ""
    return known if how not in ("", "SIGKILL") else f"{known}, perhaps for want of memory"


def _train_stack(jobs: Sequence[Job], positions: Sequence[int], board: Board) -> None:
    """Train jobs in a worker, which notes on the board how far they are."""

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


@lru_cache(maxsize=2)
def _dataset(source: Source) -> Dataset:
    return cached_dataset(source)
