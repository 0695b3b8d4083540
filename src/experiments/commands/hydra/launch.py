"""What the stacked launcher does when Hydra hands it a batch of jobs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from hydra.core.utils import JobReturn, JobStatus, setup_globals
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from experiments.commands.console import log_of
from experiments.commands.hydra.backends import choose_backend
from experiments.commands.hydra.compose import Composer
from experiments.commands.hydra.jobs import JobComposer
from experiments.commands.train import Comparison, train_sweep
from experiments.config.seeds import read_seeds
from experiments.errors import ConfigError, UserError
from experiments.files.masking import mask_files
from experiments.runs.job import Job
from experiments.runs.record import Record
from experiments.sweeps.drafts import Draft
from experiments.sweeps.sweep import Sweep
from experiments.training.status import Status
from experiments.workers.pool import WorkerPool


class SweepError(UserError):
    """Runs of a sweep that failed, when all others have ended."""


class HydraSweep:
    """A sweep as Hydra configures it.

    Parameters
    ----------
    hydra_context : HydraContext
    config : DictConfig
        Hydra's for the sweep itself.
    n_jobs, backend, scheduler, cluster, timeout
        Where the workers are; see :func:`choose_backend`.
    width : int, optional
        Most runs in one stack; by default as many as fit the caches.
    seeds : list of int or str, optional
        On which each job is trained, as ``hydra.launcher.seeds`` has them; by default on its own.

    Raises
    ------
    ConfigError
        If a setting is wrong.
    """

    def __init__(
        self,
        hydra_context: HydraContext,
        config: DictConfig,
        *,
        width: int | None,
        seeds: Any,
        **workers: Any,
    ) -> None:
        setup_globals()
        if width is not None and (not isinstance(width, int) or width < 1):
            raise ConfigError(
                f"hydra.launcher.width={width} is no number of runs: give 1 or more, or null for "
                "as many as fit the caches"
            )
        self._trainer = WorkerPool(choose_backend(**workers))
        self._config = config
        self._width = width
        self._seeds = seeds
        self._composer = Composer(hydra_context.config_loader, config)
        self._folder = Path(str(config.hydra.sweep.dir)).absolute()

    def composer(self, sweep: Sweep) -> JobComposer:
        """Return what composes the sweep's jobs."""
        return JobComposer(self._composer, self._folder, sweep.listener.check_for_interrupts)

    def train(
        self,
        train: Callable[[Sweep, Console], object],
        *,
        continues: bool = False,
        compare: Comparison | None = None,
    ) -> Sweep:
        """Train the sweep's runs; see :func:`train_sweep`.

        Raises
        ------
        SweepError
            Naming every run that failed, after all others have ended.
        KeyboardInterrupt, UserError
            After what has finished is published and what has not is marked.
        """
        mask_files(self._folder / "multirun.yaml")  # Hydra has written it, and knows no secrets
        sweep = train_sweep(
            train,
            self._folder,
            self._trainer,
            compare=compare,
            width=self._width,
            overrides=list(self._config.hydra.overrides.task),
            continues=continues,
            publishes=bool(OmegaConf.select(self._config, "tracking.enabled")),  # as most jobs will
        )
        _raise_failed(sweep.records)
        return sweep

    def launch(self, job_overrides: Sequence[Sequence[str]], first: int) -> list[JobReturn]:
        """Train a batch of jobs.

        Parameters
        ----------
        job_overrides : sequence of sequence of str
            What each job changes.
        first : int
            Number of the first job.

        Returns
        -------
        list of JobReturn
            With each job's best validation loss, the mean over its seeds.

        Raises
        ------
        ConfigError
            Listing every job that is wrong, before any has trained.
        SweepError, KeyboardInterrupt, UserError
            As in :meth:`train`.
        """
        drafts = [_on_seeds(overrides, self._seeds) for overrides in job_overrides]
        each = len(drafts[0]) if drafts else 1

        def train(sweep: Sweep, console: Console) -> None:
            del console
            runs = [draft for of_job in drafts for draft in of_job]
            sweep.run(self.composer(sweep).jobs(runs, first * each))

        sweep = self.train(train, continues=first > 0)
        return [
            _job_return(overrides, sweep.jobs[i * each], sweep.records[i * each : (i + 1) * each])
            for i, overrides in enumerate(job_overrides)
        ]


def _on_seeds(overrides: Sequence[str], node: Any) -> list[Draft]:
    """Draft a run of a job for each seed."""
    if node is None:
        return [Draft(overrides)]
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
    return [Draft(overrides, {"seed": seed}) for seed in seeds]


def _raise_failed(records: Sequence[Record]) -> None:
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
