"""Who trains the stacks: what workers are given, what comes back, and what if one dies."""

from __future__ import annotations

import pickle
import secrets
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from experiments.errors import UserError
from experiments.runs.execution import Execution
from experiments.runs.layout import RECORD
from experiments.runs.write import discard_record
from experiments.workers.backend import Backend, WorkerDied
from experiments.workers.stack_queue import TRIES, Attempt, StackQueue
from experiments.workers.task import Files, Home, train_stack, unpack

_POLL = 0.1  # seconds between looks at the board
_PATIENCE = 10.0  # seconds that workers get to write what they have after Ctrl-C

DEATHS_AT_FIRST: Final = 20
"""Deaths before any run has ended after which it is not the runs that are at fault."""


class WorkerPool:
    """Trains stacks in the workers of a backend: a `Trainer`.

    Parameters
    ----------
    backend : Backend
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def open(self) -> None:
        self._backend.open()

    @property
    def count(self) -> int:
        return self._backend.count

    def train(
        self,
        folder: Path,
        executions: Sequence[Execution],
        stacks: Sequence[Sequence[int]],
        *,
        warn: Callable[[str], None],
        spares_one: Callable[[], bool],
    ) -> Workers:
        return Workers(self._backend, folder, executions, stacks, warn, spares_one=spares_one)

    def close(self, *, kill: bool = False) -> None:
        self._backend.close(kill=kill)


class Workers:
    """Trains stacks in workers, a bounded number at a time.

    Parameters
    ----------
    backend : Backend
        Where they are; it stays open, unless they are stopped.
    folder : Path
        The sweep's.
    executions : sequence of Execution
        What to train.
    stacks : sequence of sequence of int
        Positions of those that train side by side.
    warn : callable
        Shows a warning to people.
    spares_one : callable, optional
        Tells whether other work of the sweep needs a core at the moment. One worker is then given
        no further stack, if they have all cores of this machine. By default none is spared.
    """

    def __init__(
        self,
        backend: Backend,
        folder: Path,
        executions: Sequence[Execution],
        stacks: Sequence[Sequence[int]],
        warn: Callable[[str], None],
        *,
        spares_one: Callable[[], bool] = lambda: False,
    ) -> None:
        self._backend = backend
        self._executions = executions
        self._queue = StackQueue(stacks)
        self._warn = warn
        self._running: dict[Future[dict[int, Files]], Attempt] = {}
        self._deaths = 0
        self._any_ended = False
        self._spares_one = spares_one
        token = f".shared-{secrets.token_hex(8)}"
        self._home = Home(folder, token, Path.cwd())
        self._board = backend.board(len(executions))

    def __enter__(self) -> Self:
        (self._home.folder / self._home.token).touch()
        for execution in self._executions:
            # From now on a record is one of this batch.
            discard_record(execution.job.folder)
        return self

    def _fill(self) -> None:
        """Keep every worker busy and one stack ready for each, no more, so memory is bounded."""
        most = 2 * self._backend.count
        if self._backend.count > 1 and self._backend.shares_cores and self._spares_one():
            most = self._backend.count - 1
        while (attempt := self._queue.take(len(self._running), most)) is not None:
            assigned = {
                position: (self._executions[position].job, self._executions[position].identity)
                for position in attempt.positions
            }
            future = self._backend.submit(
                train_stack, pickle.dumps(assigned), self._board.notes, self._home
            )
            self._running[future] = attempt

    def finished(self, on_wait: Callable[[], None]) -> Iterator[int]:
        """Iterate over the positions of jobs as their records are written.

        Parameters
        ----------
        on_wait : callable
            Called several times a second.

        Raises
        ------
        UserError
            If there are no workers left, or they cannot train this, or one worker after the other
            dies before any run has ended.
        """
        self._fill()
        while self._running:
            done, _ = wait(self._running, timeout=_POLL, return_when=FIRST_COMPLETED)
            ended: list[int] = []
            for future in done:
                ended += self._settle(future, self._running.pop(future))
            self._fill()
            on_wait()
            yield from ended
            if self._deaths >= DEATHS_AT_FIRST and not self._any_ended:
                raise UserError(
                    f"{self._deaths} workers died before any run ended. If memory is short, fewer "
                    "workers (hydra.launcher.n_jobs=1) or narrower stacks (hydra.launcher.width=1) "
                    "may help; if not, a library that they use may be broken: try one run alone"
                )

    def _settle(self, future: Future[dict[int, Files]], attempt: Attempt) -> list[int]:
        """Return which runs of a stack have ended; have the others tried again."""
        try:
            for position, files in self._backend.result(future).items():
                unpack(files, self._executions[position].job.folder)
                self._executions[position].received()
        except WorkerDied as death:
            left = [position for position in attempt.positions if not self._ended(position)]
            ended = [position for position in attempt.positions if position not in left]
            self._any_ended |= bool(ended)
            if not left:
                pass
            elif not death.deaths:
                self._queue.put_back(Attempt(left, attempt.deaths))
            else:
                self._deaths += death.deaths
                again = self._queue.blame(attempt, left, death.deaths)
                self._warn(self._told(left, again, attempt.alone, death.how))
                if not again:
                    ended += self._give_up(left, death.how)
            return ended
        self._any_ended = True
        return list(attempt.positions)

    def _ended(self, position: int) -> bool:
        return (self._executions[position].job.folder / RECORD).exists()

    def _give_up(self, positions: Sequence[int], how: str) -> Sequence[int]:
        for position in positions:
            message = (
                f"killed its worker {TRIES} times while nothing else was trained{_reason(how)}: "
                "a smaller network or batch may help"
            )
            self._executions[position].give_up(message)
        return positions

    def _told(self, left: Sequence[int], again: Sequence[Attempt], alone: bool, how: str) -> str:
        """Say that a worker died, at what, and what comes next."""
        names = [self._executions[position].job.name for position in left]
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

    def losses(self) -> list[float]:
        """Return the last validation loss of each run; 0 where there is none, or it has ended."""
        return [float(loss) for loss in self._board.losses]

    def stop(self) -> Iterator[int]:
        """Have all workers stop; iterate over the positions whose records they still wrote."""
        self._queue.clear()
        self._board.stop()
        done, _ = wait(self._running, timeout=_PATIENCE)
        for future in done:
            with suppress(CancelledError, UserError):  # the sweep ends anyway
                self._settle(future, self._running.pop(future))
        self._backend.close(kill=True)
        yield from filter(self._ended, range(len(self._executions)))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._board.close()
        (self._home.folder / self._home.token).unlink(missing_ok=True)


def _reason(how: str) -> str:
    """Guess why a worker ended; a segmentation fault is no want of memory."""
    known = f" ({how})" if how else ""
    return known if how not in ("", "SIGKILL") else f"{known}, perhaps for want of memory"
