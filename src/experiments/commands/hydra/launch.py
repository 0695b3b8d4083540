"""What the stacked launcher does when Hydra hands it a batch of jobs."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from hydra.core.utils import JobReturn, JobStatus, setup_globals

from experiments.config.seeds import read_seeds
from experiments.errors import ConfigError, UserError
from experiments.runs.job import Job
from experiments.runs.record import Record
from experiments.sweeps.sweep import Sweep, log_of
from experiments.training.status import Status


class SweepError(UserError):
    """Runs of a sweep that failed, when all others have ended."""


def launch(
    sweep: Sweep, job_overrides: Sequence[Sequence[str]], first: int, seeds: Any = None
) -> list[JobReturn]:
    """Run the jobs of a sweep.

    Parameters
    ----------
    sweep : Sweep
        Not entered yet.
    job_overrides : sequence of sequence of str
        What each job changes.
    first : int
        Number of the first job.
    seeds : list of int or str, optional
        On which each job is trained, as `hydra.launcher.seeds` has them; by default on its own.

    Returns
    -------
    list of JobReturn
        With each job's best validation loss, the mean over its seeds.

    Raises
    ------
    ConfigError
        Listing every job that is wrong, before any has trained.
    SweepError
        Naming every run that failed, after all others have ended.
    KeyboardInterrupt, UserError
        After what has finished is published and what has not is marked.
    """
    setup_globals()
    seeded = [_on_seeds(overrides, seeds) for overrides in job_overrides]
    each = len(seeded[0]) if seeded else 1
    with sweep:
        try:
            records = sweep.run([run for runs in seeded for run in runs], first * each)
        except (KeyboardInterrupt, UserError):
            if sweep.records:  # else it came before anything was trained
                sweep.conclude()
            raise
        sweep.conclude()
    raise_failed(records)
    return [
        _job_return(overrides, sweep.jobs[i * each], records[i * each : (i + 1) * each])
        for i, overrides in enumerate(job_overrides)
    ]


def _on_seeds(overrides: Sequence[str], node: Any) -> list[list[str]]:
    """Make a job one run for each seed."""
    if node is None:
        return [list(overrides)]
    seeds = read_seeds(node)
    if not isinstance(seeds, Sequence) or not all(isinstance(seed, int) for seed in seeds):
        raise ConfigError(
            f"hydra.launcher.seeds must be seeds, such as 0-4 or [0,1,2], but is {node!r}"
        )
    if not seeds:
        raise ConfigError("hydra.launcher.seeds is empty; null trains each job on its own seed")
    given = [override for override in overrides if override.startswith("seed=")]
    if given:
        raise ConfigError(f"{given[0]}: the seeds of every job are hydra.launcher.seeds={node}")
    return [[*overrides, f"seed={seed}"] for seed in seeds]


def raise_failed(records: Sequence[Record]) -> None:
    """Raise SweepError naming every run that failed, if any did."""
    failed = [record for record in records if record.status is Status.FAILED]
    if failed:
        listed = "\n".join(f"  {r.name}: {r.message} (see {log_of(r)})" for r in failed)
        raise SweepError(f"{len(failed)} of {len(records)} runs failed:\n{listed}")


def _job_return(overrides: Sequence[str], job: Job, records: Sequence[Record]) -> JobReturn:
    return JobReturn(
        overrides=list(overrides),
        working_dir=str(job.folder),
        task_name="run",
        status=JobStatus.COMPLETED,
        _return_value=fmean(record.objective for record in records),
    )
