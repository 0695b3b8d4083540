"""From jobs to records: train a stack, write what came of each run."""

from __future__ import annotations

import math
import secrets
import time
import traceback
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from threadpoolctl import threadpool_limits

from experiments.datasets import CACHE, Dataset, Source, load_dataset
from experiments.errors import UserError
from experiments.files import yaml as libyaml
from experiments.runs.checkpoints import Checkpoint, Checkpoints
from experiments.runs.environment import environment
from experiments.runs.identity import Identity
from experiments.runs.index import FinishedRuns
from experiments.runs.job import Job
from experiments.runs.record import Record
from experiments.runs.write import copy_record, discard_record, write_progress, write_record
from experiments.training.loop import EpochListener, train
from experiments.training.outcome import Outcome
from experiments.training.state import State
from experiments.training.status import Status
from experiments.training.targets import encoding_for
from experiments.warning import warn, warn_once

_SHARE = 0.05  # of the time, that writing checkpoints may take
_WRITERS = 4

_environment = cache(environment)


def cached_dataset(source: Source) -> Dataset:
    """Load a dataset, through the cache below the working directory."""
    return load_dataset(source, CACHE / "datasets")


def execute(
    jobs: Sequence[Job],
    dataset: Dataset,
    on_epoch: EpochListener | None = None,
    *,
    cache_dir: Path = CACHE,
) -> Iterator[Path]:
    """Train jobs in stacks and write each run's record when the run ends.

    What is finished already is taken over, and what has left a checkpoint goes on from there. If
    training fails, every run that has not ended is tried alone, so that only those fail that are
    at fault; a failure is a record too.

    Parameters
    ----------
    jobs : sequence of Job
        That can share a stack.
    dataset : Dataset
        Theirs.
    on_epoch : callable, optional
        Told of each epoch; see :func:`experiments.training.loop.train`.
    cache_dir : Path
        Where checkpoints and the index of finished runs are.

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
    for position, job in enumerate(jobs):
        execution = Execution(job, dataset, cache_dir)
        if execution.take_over() is not None:
            yield job.folder
        else:
            discard_record(job.folder)
            # A stack is at one epoch.
            groups.setdefault(execution.resume(), []).append((position, execution))
    for group in groups.values():
        yield from _train([e for _, e in group], [p for p, _ in group], dataset, on_epoch)


def _train(
    executions: Sequence[Execution],
    positions: Sequence[int],
    dataset: Dataset,
    on_epoch: EpochListener | None,
) -> Iterator[Path]:
    """Train runs of one epoch in one stack; `positions` are what the listener knows them by."""
    left = dict(enumerate(executions))
    first = executions[0]
    states = [e.state for e in executions if e.state is not None]
    try:
        with threadpool_limits(limits=first.job.run.training.blas_threads, user_api="blas"):
            outcomes = train(
                [e.job.run for e in executions],
                dataset,
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
            yield from _train([execution], [positions[index]], dataset, on_epoch)


def _written(outcomes: Iterator[Outcome], left: dict[int, Execution]) -> Iterator[Path]:
    """Write records as their runs end, and take these out of those that are `left`.

    Several at once, since a record waits ten times as long for the disk as for the processor, and
    most runs of a stack end together.
    """
    with ThreadPoolExecutor(_WRITERS) as writers:
        writing: deque[Future[Path]] = deque()
        _environment()  # asks Git, once
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


def write_failure(
    job: Job, message: str, dataset: Dataset | None = None, *, status: Status = Status.FAILED
) -> Path:
    """Write the record of a run that is not trained, or no further; it stays the same run."""
    execution = Execution(job, dataset)
    execution.resume()
    return execution.write_failure(message, status)


def _renumbered(on_epoch: EpochListener | None, positions: Sequence[int]) -> EpochListener | None:
    """Tell a listener to several runs of some of them."""
    if on_epoch is None:
        return None

    def listener(epoch: int, losses: Sequence[tuple[int, float]]) -> None:
        on_epoch(epoch, [(positions[index], loss) for index, loss in losses])

    return listener


class Execution:
    """One job on its way to a record.

    Parameters
    ----------
    job : Job
    dataset : Dataset or None
        None where it could not be loaded.
    cache_dir : Path
        See :func:`execute`.
    """

    def __init__(self, job: Job, dataset: Dataset | None, cache_dir: Path = CACHE) -> None:
        self.job = job
        self.dataset = dataset
        self.identity = Identity.of(job.config, dataset.digest if dataset else "")
        self.finished_runs = FinishedRuns(cache_dir / "runs")
        self.checkpoints = Checkpoints(cache_dir / "checkpoints", self.identity.id)
        self.state: State | None = None
        self._about: dict[str, Any] = {}
        self._begin()

    def _begin(self) -> None:
        self._about = {
            "uid": secrets.token_hex(16),
            "started": datetime.now(UTC).isoformat(),
            "started_in": self.job.sweep,
            "resumed": [],
        }

    def forget(self) -> None:
        """Have the run trained anew, from its start."""
        self.finished_runs.forget(self.identity)
        self.checkpoints.remove()

    def take_over(self) -> Record | None:
        """Write the record of this run from that of an earlier one that is finished.

        Returns
        -------
        Record or None
            The earlier run's; None where there is none.
        """
        record = self.finished_runs.find(self.identity)
        if record is None:
            return None
        # What the run is in this command; what it did and when stays as it was.
        data = {**record.data, **self._told_by_job()}
        self._enter()
        copy_record(record, self.job.folder, data=data, config_yaml=self._config_yaml())
        return record

    def why_anew(self) -> str | None:
        """Say why the run trains though one of its configuration is finished."""
        return self.finished_runs.why_anew(self.identity)

    def resume(self) -> int | None:
        """Go on from the last checkpoint; return its epoch, None where there is none."""
        checkpoint = self.checkpoints.latest(warn)
        if checkpoint is None:
            self._begin()
            self.state = None
            return None
        self.state = checkpoint.state
        epoch = checkpoint.state.epoch
        self._about = {**checkpoint.about, "resumed": [*checkpoint.about["resumed"], epoch]}
        return epoch

    def keep(self, outcome: Outcome, state: State) -> None:
        """Write a checkpoint, and what there is of the record so far.

        Raises
        ------
        OSError
            If the disk is full or may not be written.
        """
        self.checkpoints.write(Checkpoint(self.identity.id, self._about, state))
        write_progress(
            self.job.folder,
            data=self._data(outcome),
            config_yaml=self._config_yaml(),
            metrics=outcome.metrics,
        )

    def write(self, outcome: Outcome, details: str = "") -> Path:
        """Write the record of a run that has ended; `details` end its log."""
        dataset = self.dataset
        ended = outcome.status.is_final
        if ended:
            # First, because it leads nowhere until the record is whole, and then at once.
            self._enter()
        folder = write_record(
            self.job.folder,
            data=self._data(outcome),
            config_yaml=self._config_yaml(),
            metrics=outcome.metrics,
            weights=outcome.weights,
            preprocessing_json=dataset.preprocessing.to_json() if dataset else None,
            snapshots=outcome.snapshots,
            log=self._log(outcome) + details,
        )
        if ended:
            self.checkpoints.remove()
        return folder

    def write_failure(self, error: BaseException | str, status: Status = Status.FAILED) -> Path:
        """Write the record of a run that could not be trained."""
        if isinstance(error, str):
            message, details = error, error
        else:
            message = f"{type(error).__name__}: {error}"
            details = "".join(traceback.format_exception(error))
        return self.write(Outcome(0, status, message, {}, {}, {}), details)

    def received(self) -> None:
        """Note that the record has come from another machine."""
        if Record.read(self.job.folder).status.is_final:
            self._enter()

    def _enter(self) -> None:
        try:
            self.finished_runs.add(self.identity, self.job.folder)
        except OSError as error:
            warn_once(
                f"{self.finished_runs.folder} cannot be written ({error.strerror}): the same "
                "command will train again what is finished now"
            )

    def _config_yaml(self) -> str:
        return yaml.dump(
            dict(self.job.config), Dumper=libyaml.Dumper, sort_keys=False, allow_unicode=True
        )

    def _told_by_job(self) -> dict[str, Any]:
        job = self.job
        return {
            "name": job.name,
            "experiment": job.run.experiment_name,
            "sweep": job.sweep,
            "command": job.command,
            "overrides": list(job.overrides),
            "choices": dict(job.choices),
            "labels": dict(job.labels),
        }

    def _data(self, outcome: Outcome) -> dict[str, Any]:
        """Say what `record.json` says."""
        started, finished = datetime.fromisoformat(self._about["started"]), datetime.now(UTC)
        duration = outcome.summary.get("time/seconds")
        if duration is not None:
            finished = started + timedelta(seconds=duration)
        training = self.job.run.training
        return {
            **self._about,
            "identity": self.identity.id,
            "identity_parts": self.identity.parts(),
            "status": outcome.status,
            "message": outcome.message,
            "finished": finished.isoformat(),
            **self._told_by_job(),
            "seed": self.job.run.seed,
            "summary": outcome.summary,
            "dataset": _describe(self.job, self.dataset),
            "environment": {**_environment(), "blas_threads": training.blas_threads},
        }

    def _log(self, outcome: Outcome) -> str:
        """Tell the run's story in lines, one an epoch."""
        started = datetime.fromisoformat(self._about["started"])
        lines = [f"{started:%Y-%m-%d %H:%M:%S} {self.job.name}: {self.job.command}"]
        measured = [name for name in outcome.metrics if name.startswith(("train/", "val/"))]
        for row, epoch in enumerate(outcome.metrics.get("epoch", [])):
            values = ", ".join(f"{name} {outcome.metrics[name][row]:.6g}" for name in measured)
            lines.append(f"epoch {epoch}: {values}")
            if epoch in self._about["resumed"]:
                lines.append("interrupted; goes on from here")
        lines.append(outcome.status + (f": {outcome.message}" if outcome.message else ""))
        return "\n".join(lines) + "\n"


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


def _describe(job: Job, dataset: Dataset | None) -> dict[str, Any]:
    if dataset is None:
        return {}
    return {
        "name": dataset.name,
        "task": str(dataset.task),
        "digest": dataset.digest,
        "rows": {name: len(part) for name, part in dataset.parts.items()},
        "features": dataset.features,
        "outputs": encoding_for(dataset, job.run.objective).outputs,
        "target_names": list(dataset.target_names),
        "feature_names": list(dataset.feature_names),
        "image_shape": dataset.image_shape,
    }
