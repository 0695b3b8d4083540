"""Training stacks in the workers of a backend, with retries if a worker dies."""

from __future__ import annotations

import os
import pickle
import secrets
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from experiments.errors import UserError
from experiments.files.locks import hold, is_free
from experiments.runs.execution import Execution
from experiments.runs.layout import RECORD
from experiments.runs.write import discard_record
from experiments.workers.backend import Backend, WorkerDied
from experiments.workers.stack_queue import TRIES, Attempt, StackQueue
from experiments.workers.task import Files, Home, train_stack, unpack

_OUT_OF_MEMORY: Final = "out of memory"  # how a worker failed that is still alive
_TOKEN: Final = ".shared-"  # how the names of tokens begin; see `Home`
_POLL = 0.1  # seconds between reads of the board
_PATIENCE = 10.0  # seconds in which workers can write their records after Ctrl-C

DEATHS_AT_FIRST: Final = 20
"""Worker deaths before the first run ends, after which the sweep stops: no run is to blame."""


class WorkerPool:
    """A `Trainer` that trains stacks in the workers of a backend.

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
    """The training of a batch of stacks in workers, with a bounded number of stacks submitted.

    Parameters
    ----------
    backend : Backend
        The backend of the workers; it stays open unless training is stopped.
    folder : Path
        The sweep's folder.
    executions : sequence of Execution
        The runs to train.
    stacks : sequence of sequence of int
        The positions of the runs of each stack.
    warn : callable
        A function that shows a warning to the user.
    spares_one : callable, optional
        A function that returns whether other work of the sweep needs a core at the moment. If the
        workers occupy all cores of this machine, one of them then gets no further stack. By
        default no core is spared.
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
        self._home = Home(folder, f"{_TOKEN}{secrets.token_hex(8)}", Path.cwd())
        self._board = backend.board(len(executions))

    def __enter__(self) -> Self:
        for token in self._home.folder.glob(f"{_TOKEN}*"):
            if is_free(token):  # its launcher was killed
                token.unlink(missing_ok=True)
        self._token = hold(self._home.folder / self._home.token)
        for execution in self._executions:
            # A record in the folder then means that the run has ended in this batch.
            discard_record(execution.job.folder)
        return self

    def _fill(self) -> None:
        """Submit stacks until each worker has one to train and one waiting, to bound memory."""
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
            A function that is called several times a second.

        Raises
        ------
        UserError
            If no worker is left, a worker cannot train these runs, or `DEATHS_AT_FIRST` workers
            die before any run has ended.
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
                    "may help; otherwise a library may be broken: try a single run"
                )

    def _settle(self, future: Future[dict[int, Files]], attempt: Attempt) -> list[int]:
        """Return the positions of a stack's runs that have ended, and retry the others."""
        try:
            for position, files in self._backend.result(future).items():
                unpack(files, self._executions[position].job.folder)
                self._executions[position].received()
        except (WorkerDied, MemoryError) as error:
            death = error if isinstance(error, WorkerDied) else WorkerDied(1, _OUT_OF_MEMORY)
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
                self._warn(self._death_message(left, again, attempt.alone, death.how))
                if not again:
                    ended += self._give_up(left, death.how)
            return ended
        self._any_ended = True
        return list(attempt.positions)

    def _ended(self, position: int) -> bool:
        return (self._executions[position].job.folder / RECORD).exists()

    def _give_up(self, positions: Sequence[int], how: str) -> Sequence[int]:
        for position in positions:
            did = "ran out of memory" if how == _OUT_OF_MEMORY else "killed its worker"
            message = (
                f"{did} {TRIES} times while nothing else was training{_reason(how)}: "
                "a smaller network or batch may help"
            )
            self._executions[position].give_up(message)
        return positions

    def _death_message(
        self, left: Sequence[int], again: Sequence[Attempt], alone: bool, how: str
    ) -> str:
        """Describe the death of a worker, the runs it was training, and how they are retried."""
        names = [self._executions[position].job.name for position in left]
        what = names[0] if len(names) == 1 else f"{len(names)} runs ({names[0]}, ...)"
        they = "it is" if len(names) == 1 else "they are"
        if not again:
            then = "given up"
        elif len(again) > 1:
            then = "retried in halves"
        elif alone or not again[0].alone:
            then = "retried"
        else:
            then = "retried alone after all others"
        did = "ran out of memory" if how == _OUT_OF_MEMORY else "died"
        return f"a worker {did}{_reason(how)} while training {what}; {they} {then}"

    def epochs(self) -> float:
        """Return the number of epochs that all runs together have finished."""
        return float(self._board.epochs.sum())

    def losses(self) -> list[float]:
        """Return the last validation loss of each run; 0 before the first and after the end."""
        return [float(loss) for loss in self._board.losses]

    def stop(self) -> Iterator[int]:
        """Stop all workers; iterate over the positions of the runs that have a record."""
        self._queue.clear()
        self._board.stop()
        done, _ = wait(self._running, timeout=_PATIENCE)
        for future in done:
            with suppress(CancelledError, UserError):  # the sweep ends anyway
                self._settle(future, self._running.pop(future))
        self._backend.close(kill=True)
        yield from filter(self._ended, range(len(self._executions)))

    def __exit__(self, *_: object) -> None:
        self._board.close()
        (self._home.folder / self._home.token).unlink(missing_ok=True)
        os.close(self._token)


def _reason(how: str) -> str:
    """Describe how a worker ended; Linux kills processes with SIGKILL when memory runs out."""
    if how == _OUT_OF_MEMORY:
        return ""
    reasons = [how] if how else []
    if how in ("", "SIGKILL"):
        reasons.append("perhaps out of memory")
    return f" ({', '.join(reasons)})"
