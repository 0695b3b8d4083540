"""The execution of a job: reusing, resuming and checkpointing its run, and writing its record."""

from __future__ import annotations

import secrets
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

from experiments.datasets import CACHE, Dataset
from experiments.files.masking import masked, remember_secrets
from experiments.files.yaml import dump_yaml
from experiments.runs.checkpoints import Checkpoint, Checkpoints
from experiments.runs.environment import blas_core, environment
from experiments.runs.identity import Identity
from experiments.runs.index import FinishedRuns
from experiments.runs.job import Job
from experiments.runs.record import Record
from experiments.runs.write import (
    copy_record,
    discard_progress,
    write_progress,
    write_record,
)
from experiments.training.length import length_of
from experiments.training.outcome import Outcome
from experiments.training.report import default_report
from experiments.training.state import State
from experiments.training.status import Status
from experiments.training.targets import encoding_for
from experiments.warning import warn, warn_once
from nn.summary import summary

_LESS_MEMORY: Final = (
    "These need less: fewer workers at a time (hydra.launcher.n_jobs=1), a smaller network "
    "(model.hidden) or batch (training.batch_size), training.dtype=float32"
)

this_environment = cache(environment)
"""The environment of this process, computed once."""


class Execution:
    """The execution of one job, from its checkpoints to its record.

    Parameters
    ----------
    job : Job
    dataset : Dataset or None
        The job's dataset; None if it could not be loaded.
    cache_dir : Path
        The folder of the checkpoints and of the index of finished runs.
    identity : Identity, optional
        The run's identity, if it was computed before.
    """

    def __init__(
        self,
        job: Job,
        dataset: Dataset | None,
        cache_dir: Path = CACHE,
        *,
        identity: Identity | None = None,
    ) -> None:
        remember_secrets(job.config)  # which a part of the user's own may put into an error
        self.job = job
        self.dataset = dataset
        self.identity = identity or Identity.of(job.config, dataset.digest if dataset else "")
        self.finished_runs = FinishedRuns(cache_dir / "runs")
        self.checkpoints = Checkpoints(cache_dir / "checkpoints", self.identity.id)
        self.state: State | None = None
        self._earlier_folder = ""  # with the progress of the command whose checkpoint is resumed
        self._about: dict[str, Any] = {}
        self._begin()

    def _begin(self) -> None:
        self._about = {
            "uid": secrets.token_hex(16),
            "started": datetime.now(UTC).isoformat(),
            "started_in": self.job.sweep,
            "resumed": [],
            "blas_cores": [blas_core()],
        }

    @property
    def epochs(self) -> int:
        """The number of epochs that the run trains."""
        if self.dataset is None:
            return self.job.run.training.epochs
        return length_of(self.job.run, self.dataset).epochs

    def forget(self) -> None:
        """Remove the run's checkpoints and its entry in the index, so that it is trained again."""
        self.finished_runs.forget(self.identity)
        self.checkpoints.remove()

    def reuse(self) -> Record | None:
        """Copy the record of an earlier, finished execution of the same run.

        Returns
        -------
        Record or None
            The earlier record; None if no execution of this run is finished.
        """
        record = self.finished()
        if record is not None:
            self.copy(record)
        return record

    def finished(self) -> Record | None:
        """Return the record of an earlier, finished execution of the same run, if there is one."""
        return self.finished_runs.find(self.identity)

    def copy(self, record: Record) -> Record:
        """Copy the record of an earlier execution to the job's folder; return the copy."""
        # Names and labels are those of this command; results and times are the earlier run's.
        data = {**record.data, **self._job_data()}
        self._add_to_index()
        folder = copy_record(record, self.job.folder, data=data, config_yaml=self._config_yaml())
        return Record.read(folder)

    def reason_to_retrain(self) -> str | None:
        """Explain why the run is trained although a run of its configuration is finished."""
        return self.finished_runs.reason_to_retrain(self.identity)

    def resume(self) -> int | None:
        """Load the last checkpoint; return its epoch, or None without a checkpoint."""
        checkpoint = self.checkpoints.latest(warn)
        if checkpoint is None:
            self._begin()
            self.state = None
            return None
        self.state = checkpoint.state
        self._earlier_folder = checkpoint.folder
        epoch = checkpoint.state.epoch
        about = checkpoint.about
        self._about = {
            **about,
            "resumed": [*about["resumed"], epoch],
            "blas_cores": blas_cores_after(about, blas_core()),
        }
        return epoch

    def keep(self, outcome: Outcome, state: State) -> None:
        """Write a checkpoint and the record so far.

        Raises
        ------
        OSError
            If the disk is full or not writable.
        """
        folder = str(self.job.folder.absolute())
        self.checkpoints.write(Checkpoint(self.identity.id, self._about, state, folder))
        self._clear_earlier_progress()
        write_progress(
            self.job.folder,
            data=self._data(outcome),
            config_yaml=self._config_yaml(),
            metrics=outcome.metrics,
        )

    def write(self, outcome: Outcome, details: str = "") -> Path:
        """Write the record of a run that has ended; `details` are appended to its log."""
        dataset = self.dataset
        ended = outcome.status.is_final
        if ended:
            # Before the record: an entry whose record is incomplete is ignored, and the run counts
            # as finished as soon as the record is complete.
            self._add_to_index()
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
            self._clear_earlier_progress()
            self.checkpoints.remove()
        return folder

    def _clear_earlier_progress(self) -> None:
        """Remove the progress that a killed command has left in another folder.

        This process owns the training of the run, so nobody else still writes that progress.
        """
        if self._earlier_folder not in ("", str(self.job.folder.absolute())):
            discard_progress(Path(self._earlier_folder), self._about["uid"])
        self._earlier_folder = ""

    def write_failure(self, error: BaseException | str, status: Status = Status.FAILED) -> Path:
        """Write the record of a run that could not be trained."""
        if isinstance(error, str):
            message, details = error, error
        else:
            message = f"{type(error).__name__}: {error}"
            if isinstance(error, MemoryError):
                message = f"the run does not fit in memory ({message}). {_LESS_MEMORY}"
            details = "".join(traceback.format_exception(error))
        return self.write(Outcome(0, status, message, {}, {}, {}), details)

    def give_up(self, message: str, status: Status = Status.FAILED) -> Path:
        """Write the record of a run that this process will not train to its end.

        The record keeps the uid of the run's checkpoint, so a run that is resumed later stays the
        same run.
        """
        self.resume()
        self.state = None  # large, and no longer needed
        return self.write_failure(message, status)

    def received(self) -> None:
        """Add a record that came from another machine to the index, if the run is finished."""
        if Record.read(self.job.folder).status.is_final:
            self._add_to_index()

    def _add_to_index(self) -> None:
        try:
            self.finished_runs.add(self.identity, self.job.folder)
        except OSError as error:
            warn_once(
                f"{self.finished_runs.folder} cannot be written ({error.strerror}): the same "
                "command will train finished runs again"
            )

    def _config_yaml(self) -> str:
        return dump_yaml(masked(self.job.config))

    def _job_data(self) -> dict[str, Any]:
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
        """Return the contents of `record.json`."""
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
            **self._job_data(),
            "seed": self.job.run.seed,
            "report": training.report or (default_report(self.dataset) if self.dataset else None),
            "metrics": {metric.key: metric.higher_is_better for metric in training.metrics},
            "summary": outcome.summary,
            "dataset": _describe(self.job, self.dataset),
            "environment": {**this_environment(), "blas_threads": training.blas_threads},
        }

    def _log(self, outcome: Outcome) -> str:
        """Return the text of `run.log`, one line per epoch."""
        started = datetime.fromisoformat(self._about["started"])
        lines = [f"{started:%Y-%m-%d %H:%M:%S} {self.job.name}: {self.job.command}"]
        if self.dataset is not None and outcome.metrics:
            outputs = encoding_for(self.dataset, self.job.run.objective).outputs
            model = self.job.run.model
            samples = self.dataset.samples
            lines.append(summary(model.layers(outputs, samples), model.input_shape(samples)))
        measured = [name for name in outcome.metrics if name.startswith(("train/", "val/"))]
        for row, epoch in enumerate(outcome.metrics.get("epoch", [])):
            values = ", ".join(
                f"{name} {value:.6g}"
                for name in measured
                if (value := outcome.metrics[name][row]) is not None
            )
            lines.append(f"epoch {epoch}: {values}")
            if epoch in self._about["resumed"]:
                lines.append("interrupted; resumed from here")
        lines.append(outcome.status + (f": {outcome.message}" if outcome.message else ""))
        return "\n".join(lines) + "\n"


def blas_cores_after(about: Mapping[str, Any], core: str | None) -> list[str | None]:
    """Return the BLAS kernels of a run that continues with those for `core`, in order.

    Parameters
    ----------
    about : mapping
        The entries of a checkpoint that date from the run's start.
    core : str or None
        The processor family of the kernels; see :func:`environment.blas_core`.
    """
    before: list[str | None] = about.get("blas_cores", [])  # version 0.1 did not keep them
    return before if before[-1:] == [core] else [*before, core]


def _describe(job: Job, dataset: Dataset | None) -> dict[str, Any]:
    if dataset is None:
        return {}
    return {
        "name": dataset.name,
        "task": str(dataset.task),
        "digest": dataset.digest,
        "rows": {name: len(part) for name, part in dataset.parts.items()},
        "features": dataset.features,
        "shape": dataset.shape,
        "padded": dataset.samples.padded,
        "tokens": dataset.samples.tokens,
        "steps": dataset.samples.steps,
        "outputs": encoding_for(dataset, job.run.objective).outputs,
        "target_names": list(dataset.target_names),
        "feature_names": list(dataset.feature_names),
    }
