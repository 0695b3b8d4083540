"""What the stacked launcher does when Hydra hands it a batch of jobs."""

from __future__ import annotations

from collections.abc import Sequence

from hydra.core.utils import JobReturn, JobStatus, setup_globals

from experiments.errors import UserError
from experiments.jobs import Job
from experiments.records import Record
from experiments.sweeps.sweep import Sweep, log_of
from experiments.sweeps.workers import WorkersLost


class SweepError(UserError):
    """Runs of a sweep that failed, when all others have ended."""


def launch(sweep: Sweep, job_overrides: Sequence[Sequence[str]], first: int) -> list[JobReturn]:
    """Run the jobs of a sweep.

    Parameters
    ----------
    sweep : Sweep
        Not entered yet.
    job_overrides : sequence of sequence of str
        What each job changes.
    first : int
        Number of the first job.

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
    with sweep:
        try:
            records = sweep.run(job_overrides, first)
        except (KeyboardInterrupt, WorkersLost):
            if sweep.records:  # else it came before anything was trained
                sweep.conclude()
            raise
        sweep.conclude()
    raise_failed(records)
    return [_job_return(job, record) for job, record in zip(sweep.jobs, records, strict=True)]


def raise_failed(records: Sequence[Record]) -> None:
    """Raise SweepError naming every run that failed, if any did."""
    failed = [record for record in records if record.status == "failed"]
    if failed:
        listed = "\n".join(f"  {r.name}: {r.message} (see {log_of(r)})" for r in failed)
        raise SweepError(f"{len(failed)} of {len(records)} runs failed:\n{listed}")


def _job_return(job: Job, record: Record) -> JobReturn:
    return JobReturn(
        overrides=list(job.overrides),
        working_dir=str(job.folder),
        task_name="run",
        status=JobStatus.COMPLETED,
        _return_value=record.objective,
    )
