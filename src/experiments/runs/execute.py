"""Training stacks of runs and writing the record of each run."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from threadpoolctl import threadpool_limits

from experiments.errors import UserError
from experiments.files.atomic import WRITERS
from experiments.runs.execution import Execution, this_environment
from experiments.runs.write import discard_record
from experiments.training.loop import EpochListener, train
from experiments.training.outcome import Outcome
from experiments.training.state import State
from experiments.training.widths import equal_parts
from experiments.warning import warn_once

_SHARE = 0.05  # largest share of the time that writing checkpoints may take


def execute(
    executions: Sequence[Execution], on_epoch: EpochListener | None = None
) -> Iterator[Path]:
    """Train runs in stacks and write each run's record when the run ends.

    Finished runs are reused, and runs with a checkpoint resume from it. If training raises an
    exception, every run that has not ended is trained alone, so that only the runs at fault fail;
    a failed run gets a record too. A stack that does not fit in memory is divided into halves, and
    these again.

    Parameters
    ----------
    executions : sequence of Execution
        Runs that can share a stack, each with its dataset.
    on_epoch : callable, optional
        A function that is called after each epoch; see :func:`experiments.training.loop.train`.

    Yields
    ------
    Path
        The folder of each record.

    Raises
    ------
    RecordError
        If a record cannot be written.
    """
    left: dict[int, Execution] = {}
    for position, execution in enumerate(executions):
        if execution.reuse() is not None:
            yield execution.job.folder
        else:
            discard_record(execution.job.folder)
            left[position] = execution
    yield from _resumed(left, on_epoch)


def _resumed(executions: Mapping[int, Execution], on_epoch: EpochListener | None) -> Iterator[Path]:
    """Train runs from their last checkpoints, those at the same epoch in one stack.

    The keys are the runs' positions among those that the listener knows.
    """
    groups: dict[int | None, dict[int, Execution]] = {}
    for position, execution in executions.items():
        groups.setdefault(execution.resume(), {})[position] = execution
    for group in groups.values():
        yield from _train(group, on_epoch)


def _train(executions: Mapping[int, Execution], on_epoch: EpochListener | None) -> Iterator[Path]:
    """Train runs that are at the same epoch in one stack, and narrower ones if that fails."""
    stacked, positions = list(executions.values()), list(executions)
    left = dict(enumerate(stacked))
    first = stacked[0]
    datasets = [e.dataset for e in stacked if e.dataset is not None]
    states = [e.state for e in stacked if e.state is not None]
    try:
        with threadpool_limits(limits=first.job.run.training.blas_threads, user_api="blas"):
            outcomes = train(
                [e.job.run for e in stacked],
                datasets,
                _renumbered(on_epoch, positions),
                states=states or None,
                keeper=_Keeper(stacked),
            )
            yield from _written(outcomes, left)
        return
    except UserError:
        raise
    except Exception as error:  # noqa: BLE001 - any failure of a run becomes its record
        if len(stacked) == 1:
            yield first.write_failure(error)
            return
        width = 1  # each alone, so that only those at fault fail
        if isinstance(error, MemoryError):
            width = max(1, len(left) // 2)
            warn_once(
                f"a stack of {len(stacked)} runs does not fit in memory; its runs are trained in "
                f"stacks of {width} (hydra.launcher.width={width} does so from the start)"
            )
    # Here and not above: as long as the exception exists, so do the arrays of the stack.
    again = [positions[index] for index in left]
    for part in equal_parts(len(again), width):
        yield from _resumed({position: executions[position] for position in again[part]}, on_epoch)


def _written(outcomes: Iterator[Outcome], left: dict[int, Execution]) -> Iterator[Path]:
    """Write records as their runs end, and remove runs from `left` whose records are written.

    Threads write several records at once: a record spends ten times as long waiting for the disk
    as computing, and most runs of a stack end together. If training or a write fails, all writes
    end before the error is raised.
    """
    failures: list[BaseException] = []
    writing: deque[tuple[int, Future[Path]]] = deque()
    this_environment()  # runs Git, so it is called once, before the threads need it
    with ThreadPoolExecutor(WRITERS) as writers:
        for outcome in _until_failure(outcomes, failures):
            position = outcome.position
            writing.append((position, writers.submit(left[position].write, outcome)))
            while writing and writing[0][1].done():
                yield from _settled(*writing.popleft(), left, failures)
            if failures:
                break
        while writing:
            yield from _settled(*writing.popleft(), left, failures)
    if failures:
        del failures[1:]
        # Taken out of the list: this frame and the exception must not keep each other alive.
        raise failures.pop()


def _until_failure(outcomes: Iterator[Outcome], failures: list[BaseException]) -> Iterator[Outcome]:
    """Iterate over the outcomes of training; the exception that ends it goes to `failures`."""
    try:
        yield from outcomes
    except GeneratorExit:
        raise
    except BaseException as error:  # noqa: BLE001 - raised when all records are written
        failures.append(error)


def _settled(
    position: int,
    write: Future[Path],
    left: dict[int, Execution],
    failures: list[BaseException],
) -> Iterator[Path]:
    """Wait for a write; yield the folder of the record, or add the exception to `failures`."""
    failure = write.exception()
    if failure is None:
        del left[position]
        yield write.result()
    else:
        failures.append(failure)


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
