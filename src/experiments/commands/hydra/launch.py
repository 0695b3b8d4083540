"""The implementation of the stacked launcher: training the batches of jobs that Hydra passes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from hydra.core.utils import JobReturn, JobStatus, setup_globals
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from experiments.commands.console import EscapingConsole, OwnerShown, log_of
from experiments.commands.hydra.backends import choose_backend
from experiments.commands.hydra.compose import Composer
from experiments.commands.hydra.jobs import JobComposer
from experiments.commands.hydra.mask_files import mask_files
from experiments.commands.train import Comparison, train_sweep
from experiments.config.seeds import read_seeds
from experiments.errors import ConfigError, UserError
from experiments.files.masking import masked
from experiments.runs.identity import config_hash
from experiments.runs.job import Job
from experiments.runs.occupied import refuse_other_sweep
from experiments.runs.owners import Ownership
from experiments.runs.record import Record
from experiments.runs.write import write_texts
from experiments.sweeps.drafts import Draft
from experiments.sweeps.sweep import Sweep
from experiments.training.status import Status
from experiments.warning import warn
from experiments.workers.pool import WorkerPool


class SweepError(UserError):
    """Runs of a sweep failed; raised after all others have ended."""


class HydraSweep:
    """A sweep with the settings of Hydra's configuration.

    Parameters
    ----------
    hydra_context : HydraContext
    config : DictConfig
        The configuration that Hydra composed for the sweep itself.
    n_jobs, backend, scheduler, cluster, timeout
        The settings of the workers; see :func:`choose_backend`.
    width : int, optional
        The largest number of runs in a stack; by default as many as fit the caches.
    seeds : list of int or str, optional
        The seeds on which each job is trained (``hydra.launcher.seeds``); by default each job is
        trained on its own seed.

    Raises
    ------
    ConfigError
        If a setting is invalid.
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
        self._folder = Path(str(config.hydra.sweep.dir)).absolute()
        mask_files(self._folder / "multirun.yaml")  # other projects' sweepers write it
        if width is not None and (not isinstance(width, int) or width < 1):
            raise ConfigError(
                f"hydra.launcher.width={width} is not a number of runs: give 1 or more, or null "
                "for as many as fit the caches"
            )
        self._trainer = WorkerPool(choose_backend(**workers))
        self._config = config
        self._width = width
        self._seeds = seeds
        self._composer = Composer(hydra_context.config_loader, config)

    def composer(self, sweep: Sweep) -> JobComposer:
        """Return the composer of the sweep's jobs."""
        return JobComposer(self._composer, self._folder, sweep.listener.prepared)

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
            If runs failed; the message lists them. All other runs have ended.
        KeyboardInterrupt, UserError
            If training ends early; finished runs are published, the others marked as interrupted.
        """
        sweep = train_sweep(
            train,
            self._folder,
            self._trainer,
            compare=compare,
            width=self._width,
            overrides=[*self._config.hydra.overrides.task, *self._config.hydra.overrides.hydra],
            continues=continues,
            files={} if continues else _files_of_sweep(self._config),
            publishes=bool(OmegaConf.select(self._config, "tracking.enabled")),  # jobs may differ
        )
        _raise_failed(sweep.records)
        return sweep

    def launch(self, job_overrides: Sequence[Sequence[str]], first: int) -> list[JobReturn]:
        """Train a batch of jobs.

        Parameters
        ----------
        job_overrides : sequence of sequence of str
            The overrides of each job.
        first : int
            The number of the first job.

        Returns
        -------
        list of JobReturn
            The results of the jobs; each value is the best validation loss, averaged over seeds.

        Raises
        ------
        ConfigError
            If jobs are invalid; the message lists all of them. Nothing has been trained.
        SweepError, KeyboardInterrupt, UserError
            See :meth:`train`.
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


def begin_sweep(
    hydra_context: HydraContext, config: DictConfig, job_overrides: Sequence[Sequence[str]]
) -> None:
    """Validate the jobs of a sweep that another launcher will train, and write the sweep's file.

    Parameters
    ----------
    hydra_context : HydraContext
    config : DictConfig
        The configuration that Hydra composed for the sweep itself.
    job_overrides : sequence of sequence of str
        The overrides of each job of the sweep.

    Raises
    ------
    ConfigError
        If jobs are invalid; the message lists all of them.
    UserError
        If the sweep's folder holds other runs. Nothing has been written.
    KeyboardInterrupt
        If it arrives while another command writes to the folder.
    """
    folder = Path(str(config.hydra.sweep.dir)).absolute()
    composer = JobComposer(Composer(hydra_context.config_loader, config), folder)
    jobs = composer.jobs([Draft(overrides) for overrides in job_overrides])
    # The data, which are the rest of a run's identity, may be on other machines: each job checks
    # its own folder where it trains.
    configs = {job.folder.resolve(): config_hash(job.config) for job in jobs}
    files = _files_of_sweep(config)
    ownership = Ownership(warn)
    ownership.acquire(folder, configs, OwnerShown(EscapingConsole()).show)
    try:
        refuse_other_sweep(
            folder,
            lambda run: configs.get(run.folder.resolve()) == run.identity_parts.get("config"),
            files,
        )
        write_texts(folder, files)
    finally:
        ownership.release()  # each job will own its own folder


def _files_of_sweep(config: DictConfig) -> dict[str, str]:
    """Return the file that Hydra's basic sweeper writes to the folder of a sweep, masked."""
    safe = masked(OmegaConf.to_container(config, resolve=False))
    return {"multirun.yaml": OmegaConf.to_yaml(OmegaConf.create(safe))}


def _on_seeds(overrides: Sequence[str], node: Any) -> list[Draft]:
    """Return the drafts of a job's runs, one per seed."""
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
        raise ConfigError(f"{given[0]}: hydra.launcher.seeds={node} sets the seeds of every job")
    return [Draft(overrides, {"seed": seed}) for seed in seeds]


def _raise_failed(records: Sequence[Record]) -> None:
    """Raise a SweepError that lists the runs that failed, if there are any."""
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
