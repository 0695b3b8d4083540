"""Training stacks of runs and writing the record of each run."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from threadpoolctl import threadpool_limits

from experiments.errors import UserError
from experiments.runs.execution import Execution, this_environment
from experiments.runs.write import discard_record
from experiments.training.loop import EpochListener, train
from experiments.training.outcome import Outcome
from experiments.training.state import State
from experiments.warning import warn_once

_SHARE = 0.05  # largest share of the time that writing checkpoints may take
_WRITERS = 4  # threads


def execute(
    executions: Sequence[Execution], on_epoch: EpochListener | None = None
) -> Iterator[Path]:
    """Train runs in stacks and write each run's record when the run ends.

    Finished runs are reused, and runs with a checkpoint resume from it. If training raises an
    exception, every run that has not ended is trained alone, so that only the runs at fault fail;
    a failed run gets a record too.

    Parameters
    ----------
    executions : sequence of Execution
        Runs that can share a stack, each with its dataset.
    on_epoch : callable, optional
        Called after each epoch; see :func:`experiments.training.loop.train`.

    Yields
    ------
    Path
        The folder of each record.

    Raises
    ------
    RecordError
        If a record cannot be written.
    """
    groups: dict[int | None, list[tuple[int, Execution]]] = {}
    for position, execution in enumerate(executions):
        if execution.reuse() is not None:
            yield execution.job.folder
        else:
            discard_record(execution.job.folder)
            # All runs of a stack are at the same epoch.
            groups.setdefault(execution.resume(), []).append((position, execution))
    for group in groups.values():
        yield from _train([e for _, e in group], [p for p, _ in group], on_epoch)


def _train(
    executions: Sequence[Execution],
    positions: Sequence[int],
    on_epoch: EpochListener | None,
) -> Iterator[Path]:
    """Train runs that are at the same epoch in one stack.

    `positions` are the runs' positions among those that the listener knows.
    """
    left = dict(enumerate(executions))
    first = executions[0]
    datasets = [e.dataset for e in executions if e.dataset is not None]
    states = [e.state for e in executions if e.state is not None]
    try:
        with threadpool_limits(limits=first.job.run.training.blas_threads, user_api="blas"):
            outcomes = train(
                [e.job.run for e in executions],
                datasets,
                _renumbered(on_epoch, positions),
                states=states or None,
                keeper=_Keeper(executions),
            )
            yield from _written(outcomes, left)
    except UserError:
        raise
    except Exception as error:  # noqa: BLE001 - any failure of a run becomes its record
        if len(executions) == 1:
            yield first.write_failure(error)
            return
        for index, execution in left.items():
            execution.resume()
            yield from _train([execution], [positions[index]], on_epoch)


def _written(outcomes: Iterator[Outcome], left: dict[int, Execution]) -> Iterator[Path]:
    """Write records as their runs end, and remove these runs from `left`.

    Threads write several records at once: a record spends ten times as long waiting for the disk
    as computing, and most runs of a stack end together.
    """
    with ThreadPoolExecutor(_WRITERS) as writers:
        writing: deque[Future[Path]] = deque()
        this_environment()  # runs Git, so it is called once, before the threads need it
        end: BaseException | None = None
        while end is None:
            try:
                outcome = next(outcomes)
            except BaseException as error:  # noqa: BLE001 - raised after all records are written
                end = error
            else:
                writing.append(writers.submit(left.pop(outcome.position).write, outcome))
            while writing and (end is not None or writing[0].done()):
                yield writing.popleft().result()
    if not isinstance(end, StopIteration):
        raise end


def _renumbered(on_epoch: EpochListener | None, positions: Sequence[int]) -> EpochListener | None:
    """Return a listener for some of the runs, which calls the listener of all runs."""
    if on_epoch is None:
        return None

    def listener(epoch: int, losses: Sequence[tuple[int, float]]) -> None:
        on_epoch(epoch, [(positions[index], loss) for index, loss in losses])

    return listener


class _Keeper:
    """Writes checkpoints of a stack's runs, each at its interval; see `training.Keeper`.

    The interval is extended if writing would take more than `_SHARE` of the time, as for large
    networks and for runs with a long history of epochs.
    """

    def __init__(self, executions: Sequence[Execution]) -> None:
        self._executions = executions
        self._next = [time.monotonic() + self._seconds(e) for e in executions]

    @staticmethod
    def _seconds(execution: Execution) -> float:
        seconds = execution.job.run.checkpoint.seconds
        return math.inf if seconds is None else seconds

    def due(self, position: int) -> bool:
        return time.monotonic() >= self._next[position]

    def keep(self, outcome: Outcome, state: State) -> None:
        execution = self._executions[outcome.position]
        seconds = self._seconds(execution)
        if seconds == math.inf:
            return
        began = time.monotonic()
        try:
            execution.keep(outcome, state)
        except OSError as error:
            warn_once(
                f"{error.filename or execution.checkpoints.folder}: a checkpoint cannot be "
                f"written ({error.strerror}); training continues, but after a crash it restarts "
                "from an earlier checkpoint or from the beginning"
            )
        now = time.monotonic()
        whole_stack = (now - began) * len(self._executions)
        self._next[outcome.position] = now + max(seconds, whole_stack / _SHARE if seconds else 0)
