"""From executions to records: train a stack, write what came of each run."""

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

_SHARE = 0.05  # of the time, that writing checkpoints may take
_WRITERS = 4


def execute(
    executions: Sequence[Execution], on_epoch: EpochListener | None = None
) -> Iterator[Path]:
    """Train runs in stacks and write each run's record when the run ends.

    What is finished already is taken over, and what has left a checkpoint goes on from there. If
    training fails, every run that has not ended is tried alone, so that only those fail that are
    at fault; a failure is a record too.

    Parameters
    ----------
    executions : sequence of Execution
        Runs that can share a stack, with the dataset that they share.
    on_epoch : callable, optional
        Told of each epoch; see :func:`experiments.training.loop.train`.

    Yields
    ------
    Path
        Folder of each record.

    Raises
    ------
    RecordError
        If a record cannot be written.
    """
    groups: dict[int | None, list[tuple[int, Execution]]] = {}
    for position, execution in enumerate(executions):
        if execution.take_over() is not None:
            yield execution.job.folder
        else:
            discard_record(execution.job.folder)
            # A stack is at one epoch.
            groups.setdefault(execution.resume(), []).append((position, execution))
    for group in groups.values():
        yield from _train([e for _, e in group], [p for p, _ in group], on_epoch)


def _train(
    executions: Sequence[Execution],
    positions: Sequence[int],
    on_epoch: EpochListener | None,
) -> Iterator[Path]:
    """Train runs of one epoch in one stack; `positions` are what the listener knows them by."""
    left = dict(enumerate(executions))
    first = executions[0]
    assert first.dataset is not None
    states = [e.state for e in executions if e.state is not None]
    try:
        with threadpool_limits(limits=first.job.run.training.blas_threads, user_api="blas"):
            outcomes = train(
                [e.job.run for e in executions],
                first.dataset,
                _renumbered(on_epoch, positions),
                states=states or None,
                keeper=_Keeper(executions),
            )
            yield from _written(outcomes, left)
    except UserError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this run's record
        if len(executions) == 1:
            yield first.write_failure(error)
            return
        for index, execution in left.items():
            execution.resume()
            yield from _train([execution], [positions[index]], on_epoch)


def _written(outcomes: Iterator[Outcome], left: dict[int, Execution]) -> Iterator[Path]:
    """Write records as their runs end, and take these out of those that are `left`.

    Several at once, since a record waits ten times as long for the disk as for the processor, and
    most runs of a stack end together.
    """
    with ThreadPoolExecutor(_WRITERS) as writers:
        writing: deque[Future[Path]] = deque()
        this_environment()  # asks Git, once
        end: BaseException | None = None
        while end is None:
            try:
                outcome = next(outcomes)
            except BaseException as error:  # noqa: BLE001 - raised when all is written
                end = error
            else:
                writing.append(writers.submit(left.pop(outcome.position).write, outcome))
            while writing and (end is not None or writing[0].done()):
                yield writing.popleft().result()
    if not isinstance(end, StopIteration):
        raise end


def _renumbered(on_epoch: EpochListener | None, positions: Sequence[int]) -> EpochListener | None:
    """Tell a listener to several runs of some of them."""
    if on_epoch is None:
        return None

    def listener(epoch: int, losses: Sequence[tuple[int, float]]) -> None:
        on_epoch(epoch, [(positions[index], loss) for index, loss in losses])

    return listener


class _Keeper:
    """Writes checkpoints of a stack's runs, each at its interval; see `training.Keeper`.

    An interval is stretched where writing would take more than a small share of the time: those
    of large networks, and of runs with a hundred thousand epochs behind them.
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
                f"written ({error.strerror}); training goes on, but after a crash it starts anew "
                "or from an earlier one"
            )
        now = time.monotonic()
        all_of_them = (now - began) * len(self._executions)
        self._next[outcome.position] = now + max(seconds, all_of_them / _SHARE if seconds else 0)
