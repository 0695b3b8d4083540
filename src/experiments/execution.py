"""From jobs to records: train a stack, write what came of each run."""

from __future__ import annotations

import secrets
import traceback
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from threadpoolctl import threadpool_limits

from experiments.datasets import Dataset, Source, load_dataset
from experiments.environment import environment
from experiments.errors import UserError
from experiments.identity import identity
from experiments.jobs import Job
from experiments.masking import mask_secrets
from experiments.records import write_record
from experiments.targets import encoding_for
from experiments.training import EpochListener, Outcome, train

LOG = "run.log"

_environment = cache(environment)


def cached_dataset(source: Source) -> Dataset:
    """Load a dataset, through the cache below the working directory."""
    return load_dataset(source, Path(".cache") / "datasets")


def execute(
    jobs: Sequence[Job], dataset: Dataset, on_epoch: EpochListener | None = None
) -> Iterator[Path]:
    """Train jobs in one stack and write each run's record when the run ends.

    If training fails, every run that has not ended is tried alone, so that only those fail
    that are at fault; a failure is a record too.

    Parameters
    ----------
    jobs : sequence of Job
        That can share a stack.
    dataset : Dataset
        Theirs.
    on_epoch : callable, optional
        Told of each epoch; see :func:`experiments.training.train`.

    Yields
    ------
    Path
        Folder of each record.

    Raises
    ------
    RecordError
        If a record cannot be written.
    """
    started = datetime.now(UTC)
    open_jobs = dict(enumerate(jobs))
    threads = jobs[0].run.training.blas_threads
    try:
        with threadpool_limits(limits=threads, user_api="blas"):
            for outcome in train([job.run for job in jobs], dataset, on_epoch):
                job = open_jobs.pop(outcome.position)
                yield _write(job, dataset, outcome, started)
    except UserError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this run's record
        if len(jobs) == 1:
            yield write_failure(jobs[0], error, dataset, started)
            return
        left = list(open_jobs.items())
        for position, job in left:
            yield from execute([job], dataset, _at(position, on_epoch))


def write_failure(
    job: Job,
    error: BaseException | str,
    dataset: Dataset | None = None,
    started: datetime | None = None,
    *,
    status: str = "failed",
) -> Path:
    """Write the record of a run that could not be trained."""
    if isinstance(error, str):
        message, details = error, error
    else:
        message = f"{type(error).__name__}: {error}"
        details = "".join(traceback.format_exception(error))
    outcome = Outcome(0, status, message, {}, {}, {})
    folder = _write(job, dataset, outcome, started or datetime.now(UTC))
    with (folder / LOG).open("a", encoding="utf-8") as log:
        log.write(details)
    return folder


def _at(position: int, on_epoch: EpochListener | None) -> EpochListener | None:
    """Tell a listener to several runs of one that now trains alone."""
    if on_epoch is None:
        return None

    def listener(epoch: int, losses: Sequence[tuple[int, float]]) -> None:
        on_epoch(epoch, [(position, loss) for _, loss in losses])

    return listener


def _write(job: Job, dataset: Dataset | None, outcome: Outcome, started: datetime) -> Path:
    duration = outcome.summary.get("time/seconds")
    finished = datetime.now(UTC)
    if duration is not None:
        finished = started + timedelta(seconds=duration)
    data = {
        "uid": secrets.token_hex(16),
        "identity": identity(job.config, dataset.digest if dataset else ""),
        "name": job.name,
        "status": outcome.status,
        "message": outcome.message,
        "started": started.isoformat(),
        "finished": finished.isoformat(),
        "experiment": job.run.experiment_name,
        "sweep": job.sweep,
        "command": job.command,
        "overrides": list(job.overrides),
        "choices": dict(job.choices),
        "labels": dict(job.labels),
        "seed": job.run.seed,
        "summary": outcome.summary,
        "dataset": _describe(job, dataset),
        "environment": {**_environment(), "blas_threads": job.run.training.blas_threads},
    }
    folder = write_record(
        job.folder,
        data=data,
        config_yaml=yaml.safe_dump(dict(job.config), sort_keys=False, allow_unicode=True),
        metrics=outcome.metrics,
        weights=outcome.weights,
        preprocessing_json=dataset.preprocessing.to_json() if dataset else None,
        snapshots=outcome.snapshots,
    )
    (folder / LOG).write_text(mask_secrets(_log(job, outcome, started)), encoding="utf-8")
    return folder


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


def _log(job: Job, outcome: Outcome, started: datetime) -> str:
    """Tell the run's story in lines, one an epoch."""
    lines = [f"{started:%Y-%m-%d %H:%M:%S} {job.name}: {job.command}"]
    measured = [name for name in outcome.metrics if name.startswith(("train/", "val/"))]
    for row, epoch in enumerate(outcome.metrics.get("epoch", [])):
        values = ", ".join(f"{name} {outcome.metrics[name][row]:.6g}" for name in measured)
        lines.append(f"epoch {epoch}: {values}")
    lines.append(outcome.status + (f": {outcome.message}" if outcome.message else ""))
    return "\n".join(lines) + "\n"
