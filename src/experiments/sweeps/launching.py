"""What the stacked launcher does when Hydra hands it a batch of jobs."""

from __future__ import annotations

from collections.abc import Sequence

from hydra.core.utils import JobReturn, JobStatus, setup_globals
from hydra.types import HydraContext
from omegaconf import DictConfig

from experiments.errors import UserError
from experiments.jobs import Job
from experiments.records import Record
from experiments.sweeps.sweep import Sweep, log_of
from experiments.sweeps.workers import WorkersLost


class SweepError(UserError):
    """Runs of a sweep that failed, when all others have ended."""


def launch(
    hydra_context: HydraContext,
    config: DictConfig,
    job_overrides: Sequence[Sequence[str]],
    first: int,
    *,
    n_jobs: int,
    width: int | None,
) -> list[JobReturn]:
    """Run the jobs of a sweep.

    Parameters
    ----------
    hydra_context : HydraContext
    config : DictConfig
        Hydra's for the sweep itself.
    job_overrides : sequence of sequence of str
        What each job changes.
    first : int
        Number of the first job.
    n_jobs : int
        Worker processes; -1 takes one for each core.
    width : int, optional
        Most runs in one stack.

    Returns
    -------
    list of JobReturn
        With each run's best validation loss.

    Raises
    ------
    ConfigError
        Listing every job that is wrong, before any has trained.
    SweepError
        Naming every run that failed, after all others have ended.
    KeyboardInterrupt, WorkersLost
        After what has finished is published and what has not is marked.
    """
    setup_globals()
    with Sweep(hydra_context, config, n_jobs=n_jobs, width=width) as sweep:
        try:
            records = sweep.run(job_overrides, first)
        except (KeyboardInterrupt, WorkersLost):
            if sweep.records:  # else it came before anything was trained
                sweep.conclude()
            raise
        sweep.conclude()
    failed = [record for record in records if record.status == "failed"]
    if failed:
        listed = "\n".join(f"  {r.name}: {r.message} (see {log_of(r)})" for r in failed)
        raise SweepError(f"{len(failed)} of {len(records)} runs failed:\n{listed}")
    return [_job_return(job, record) for job, record in zip(sweep.jobs, records, strict=True)]


def _job_return(job: Job, record: Record) -> JobReturn:
    loss = record.summary.get("best/val_loss")
    return JobReturn(
        overrides=list(job.overrides),
        working_dir=str(job.folder),
        task_name="run",
        status=JobStatus.COMPLETED,
        _return_value=float("inf") if loss is None else loss,
    )
