"""A sweep: its jobs are composed, checked, stacked, trained in workers, published and compared."""

from __future__ import annotations

import logging
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from hydra.types import HydraContext
from omegaconf import DictConfig
from rich.console import Console

from experiments.commands.hydra.compose import Composer
from experiments.commands.hydra.preparation import compose_jobs, load_datasets
from experiments.commands.interrupts import interrupts_deferred, signal_of
from experiments.commands.main import finish_publishing, shown
from experiments.commands.standings import Standings
from experiments.commands.startup import publishing_process
from experiments.config.trust import allowed_packages, named_packages
from experiments.datasets import CACHE, Dataset, Source
from experiments.errors import UserError
from experiments.files.masking import mask_files
from experiments.runs.claims import Claims
from experiments.runs.execute import Execution, write_failure
from experiments.runs.identity import Identity
from experiments.runs.job import Job
from experiments.runs.records import Record, find_records
from experiments.sweeps.naming import sweep_id
from experiments.tracking.process import Destination, PublishingProcess
from experiments.tracking.runs import choose_models
from experiments.tracking.summaries import Summary
from experiments.training.stacking import make_stacks
from experiments.warning import warn
from experiments.workers.backend import Backend
from experiments.workers.pool import Workers

# The ends of a sweep's phases: shown, with the time, by hydra.verbose=experiments.sweeps
_log = logging.getLogger(__name__)

_POLL: Final = 0.2  # seconds between looks whether another command has ended

Comparison = Callable[[Sequence[Record], Path, Console], tuple[list[Path], str]]
"""Compares runs: writes files to a folder, prints, and returns the files and a text for MLflow."""


class Sweep:
    """Runs the jobs of a sweep, in one batch or several.

    Parameters
    ----------
    hydra_context : HydraContext
    config : DictConfig
        Hydra's for the sweep itself.
    backend : Backend
        Where the workers are; closed with the sweep.
    width : int, optional
        Most runs in one stack; by default as many as fit the caches.
    """

    def __init__(
        self,
        hydra_context: HydraContext,
        config: DictConfig,
        *,
        backend: Backend,
        width: int | None,
    ) -> None:
        self._config = config
        self.composer = Composer(hydra_context.config_loader, config)
        self._backend = backend
        self._width = width
        self.folder = Path(str(config.hydra.sweep.dir)).absolute()
        self.console = Console(highlight=False)
        self.id = ""  # known with the first batch
        self.jobs: list[Job] = []
        self.records: list[Record] = []
        self._first = 0
        self._claims = Claims(CACHE)
        self._publishing = PublishingProcess(publishing_process(), warn)

    @property
    def trusted(self) -> frozenset[str]:
        """Packages whose classes may be imported: those that its jobs name, and those allowed."""
        return allowed_packages().union(*(named_packages(job.config) for job in self.jobs))

    def __enter__(self) -> Self:
        _log.debug("started")
        self._publishing.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._backend.close(kill=True)
        self._publishing.__exit__(kind, error, trace)

    def run(
        self,
        job_overrides: Sequence[Sequence[str]],
        first: int = 0,
        labels: Sequence[Mapping[str, str]] | None = None,
        told: str | None = None,
    ) -> list[Record]:
        """Train a batch of jobs and have each run published when it ends.

        What is finished already is taken over, unless a job's `rerun` says otherwise.

        Parameters
        ----------
        job_overrides : sequence of sequence of str
            What each job changes.
        first : int
            Number of the first job.
        labels : sequence of mapping, optional
            What part each run has in the sweep; see :class:`experiments.runs.job.Job`.
        told : str, optional
            What to say of the batch; by default how many runs it has.

        Returns
        -------
        list of Record
            Of each job, failed ones too.

        Raises
        ------
        ConfigError
            Listing every job that is wrong, before any has trained.
        KeyboardInterrupt, UserError
            After runs that have not ended are marked.
        """
        with interrupts_deferred() as heard:
            return self._run(job_overrides, first, labels, told, heard)

    def _run(
        self,
        job_overrides: Sequence[Sequence[str]],
        first: int,
        labels: Sequence[Mapping[str, str]] | None,
        told: str | None,
        heard: Callable[[], None],
    ) -> list[Record]:
        """Do what `run` does, and raise interrupts by `heard` where it suits."""
        if not self.jobs:
            self._first = first
            mask_files(self.folder / "multirun.yaml")  # Hydra's sweeper has written it
        jobs = compose_jobs(
            self.composer,
            self._config,
            job_overrides,
            first,
            self.folder,
            labels=labels,
            between=heard,
        )
        _log.debug("composed")
        datasets = load_datasets(jobs)
        heard()
        if not self.id:
            self.id = self._identify(jobs, datasets, first)
        jobs = [replace(job, sweep=self.id) for job in jobs]
        executions = [Execution(job, datasets[job.run.dataset]) for job in jobs]
        _log.debug("loaded")
        told = told or f"{len(jobs)} run{'s' if len(jobs) != 1 else ''}"
        where = "" if self.jobs else f" → {shown(self.folder)}"
        self.console.print(told + where, soft_wrap=True)
        for destination in dict.fromkeys(_destination(job) for job in jobs):
            if destination.tracking.enabled:
                self._publishing.open(destination)
        everything = range(len(jobs))
        records = self._take_over(executions, everything)
        missing = [position for position in everything if position not in records]
        self._announce([executions[position] for position in missing], len(jobs))
        trained, interrupt = self._complete(executions, missing, datasets, heard)
        records |= trained
        _log.debug("trained")
        ordered = [records[position] for position in everything]
        self.jobs += jobs
        self.records += ordered
        if interrupt is not None:
            raise interrupt
        return ordered

    def _identify(self, jobs: Sequence[Job], datasets: Mapping[Source, Dataset], first: int) -> str:
        """Return the sweep's id: that of its first batch."""
        if first > 0:
            earlier = find_records(self.folder)
            if earlier and earlier[0].sweep:
                return earlier[0].sweep
        digests = [datasets[job.run.dataset].digest for job in jobs]
        identities = [Identity.of(j.config, d).id for j, d in zip(jobs, digests, strict=True)]
        if any(job.run.rerun for job in jobs):  # what was trained anew is another sweep each time
            identities.append(secrets.token_hex(8))
        return sweep_id(list(self._config.hydra.overrides.task), identities)

    def _take_over(
        self, executions: Sequence[Execution], positions: Iterable[int]
    ) -> dict[int, Record]:
        """Take over what is finished; return the records by position."""
        records = {}
        for position in positions:
            execution = executions[position]
            if execution.job.run.rerun:
                execution.forget()
            elif execution.take_over() is not None:
                records[position] = Record.read(execution.job.folder)
                self._publish(execution.job, records[position])
        return records

    def _announce(self, left: Sequence[Execution], runs: int) -> None:
        """Say what is not trained, what is and why."""
        finished = runs - len(left)
        if finished:
            self.console.print(
                f"{finished} of {runs} runs are finished already and are not trained again "
                "(rerun=true trains them anew)",
                soft_wrap=True,
            )
        started = sum(execution.checkpoints.exist for execution in left)
        if started:
            self.console.print(f"{started} of {runs} runs go on from their last checkpoint")
        if not any(execution.job.run.rerun for execution in left):
            reasons = Counter(filter(None, (execution.why_anew() for execution in left)))
            for reason, count in reasons.items():
                self.console.print(f"{count} of {runs} runs train anew: {reason}", soft_wrap=True)

    def _publish(self, job: Job, record: Record) -> None:
        if job.run.tracking.enabled:
            self._publishing.publish(_destination(job), record.folder)

    def _complete(
        self,
        executions: Sequence[Execution],
        missing: Sequence[int],
        datasets: Mapping[Source, Dataset],
        heard: Callable[[], None],
    ) -> tuple[dict[int, Record], KeyboardInterrupt | UserError | None]:
        """Train what is missing, and wait for what another command trains at this moment.

        A run that a sweep has twice is trained once, too.

        Returns
        -------
        dict of int to Record
            By position.
        KeyboardInterrupt, UserError or None
            What has ended it, if anything did.
        """
        records: dict[int, Record] = {}
        interrupt: KeyboardInterrupt | UserError | None = None
        said = False
        while left := [position for position in missing if position not in records]:
            own = [position for position in left if self._claim(executions[position])]
            if own:
                try:
                    trained, interrupt = self._train(
                        [executions[position] for position in own], datasets, heard
                    )
                finally:
                    for position in own:
                        self._claims.release(executions[position].identity)
                records |= zip(own, trained, strict=True)
                left = [position for position in left if position not in records]
            else:
                if not said:
                    said = True
                    self.console.print(
                        f"waiting for another command, which trains {len(left)} of these runs"
                    )
                try:
                    time.sleep(_POLL)
                    self._publishing.poll()
                    heard()
                except KeyboardInterrupt as error:
                    interrupt = error
            if interrupt is not None:
                records |= {position: self._give_up(executions[position]) for position in left}
            else:
                records |= self._take_over(executions, left)
        return records, interrupt

    def _claim(self, execution: Execution) -> bool:
        return execution.job.run.rerun or self._claims.claim(execution.identity)

    def _train(
        self,
        executions: Sequence[Execution],
        datasets: Mapping[Source, Dataset],
        heard: Callable[[], None],
    ) -> tuple[list[Record], KeyboardInterrupt | UserError | None]:
        """Train runs; return the record of each, and the interrupt that ended it if any."""
        jobs = [execution.job for execution in executions]
        self._backend.open()
        stacks = make_stacks(jobs, datasets, width=self._width, workers=self._backend.count)
        records: dict[int, Record] = {}
        epochs = sum(job.run.training.epochs for job in jobs)

        def note(position: int) -> None:
            record = records[position] = Record.read(jobs[position].folder)
            if record.status == "failed":
                warn(f"{record.name} failed: {record.message} (see {log_of(record)})")
            standings.end(position, record.summary.get("best/val_loss"))
            self._publish(jobs[position], record)

        with (
            Workers(
                self._backend,
                self.folder,
                executions,
                stacks,
                warn,
                spares_one=lambda: self._publishing.needs_core,
            ) as workers,
            Standings([_group(job) for job in jobs], epochs) as standings,
        ):

            def show() -> None:
                heard()
                _prepare_comparison()
                standings.show(workers.epochs(), workers.losses())
                self._publishing.publish_progress(
                    lambda: [
                        (_destination(job), job.folder)
                        for position, job in enumerate(jobs)
                        if position not in records and job.run.tracking.enabled
                    ]
                )

            try:
                for position in workers.finished(show):
                    note(position)
                return [records[position] for position in range(len(jobs))], None
            except (KeyboardInterrupt, UserError) as error:
                interrupt = error
                if isinstance(error, KeyboardInterrupt):
                    told = f"interrupted ({signal_of(error).name}); keeping what has finished"
                    warn(f"{told} (Ctrl-C leaves at once)")
                stopped = list(workers.stop())
        for position, execution in enumerate(executions):
            if position not in records:
                if position not in stopped:
                    self._give_up(execution)
                note(position)
        return [records[position] for position in range(len(jobs))], interrupt

    @staticmethod
    def _give_up(execution: Execution) -> Record:
        """Mark a run that will not end in this command."""
        message = "the sweep was interrupted before this run ended"
        write_failure(execution.job, message, execution.dataset, status="interrupted")
        return Record.read(execution.job.folder)

    def conclude(self, compare: Comparison | None = None) -> None:
        """Compare all runs, publish the comparison, and say where everything is.

        Parameters
        ----------
        compare : callable, optional
            How; by default as every sweep does.
        """
        from experiments.reporting.report.everyday import write_learning_curves

        console, publishing = self.console, self._publishing
        publishing.poll()
        self._backend.close()
        trained = [r for r in self._all_records() if r.status != "interrupted"]
        destinations = [_destination(job) for job in self.jobs]
        tracked = list(dict.fromkeys(d for d in destinations if d.tracking.enabled))
        for destination in tracked:
            own = [
                record
                for record, where in zip(self.records, destinations, strict=True)
                if where == destination and record.status != "interrupted"
            ]
            # Drawn here, because the process that publishes has more than enough to do.
            for record in choose_models(own, destination.tracking.models):
                write_learning_curves(record)
            folders = [record.folder for record in own]
            publishing.publish_models(destination, folders, trusted=self.trusted)
        if trained:
            files, note = (compare or _compare)(trained, self.folder, console)
            experiments = list(dict.fromkeys(d.experiment_name for d in destinations))
            names = [str(file.relative_to(self.folder)) for file in files]
            Summary(self.folder, self.id, experiments, names, note).write()
            for destination in tracked:
                publishing.publish_comparison(destination, self.id, files, note)
        counted = Counter(record.status for record in self.records)
        told = ", ".join(f"{count} {status.replace('_', ' ')}" for status, count in counted.items())
        _log.debug("compared")
        console.print(f"\n{told} · records and comparison in {shown(self.folder)}", soft_wrap=True)
        if tracked:
            finish_publishing(console, publishing, tracked[0], self.folder, self.id)
            _log.debug("published")

    def _all_records(self) -> list[Record]:
        """Return what this and, for a sweeper that launches in batches, earlier ones trained."""
        if self._first == 0:
            return self.records
        now = {record.folder for record in self.records}
        earlier = [record for record in find_records(self.folder) if record.folder not in now]
        return [*earlier, *self.records]


def _compare(records: Sequence[Record], folder: Path, console: Console) -> tuple[list[Path], str]:
    """Compare runs as every sweep does."""
    from experiments.reporting.report.everyday import write_comparison
    from experiments.reporting.tables.terminal import print_comparison

    files = write_comparison(records, folder, pictures=["png"])
    console.print()
    print_comparison(records, console=console)
    (page,) = (file for file in files if file.suffix == ".md")
    return files, page.read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def _prepare_comparison() -> None:
    """Import what a comparison is made with, which would take a fifth of a second when it is due.

    Whatever is wrong with it is told then, when all runs are trained.
    """
    with suppress(Exception):
        from experiments.reporting.figures import drawing
        from experiments.reporting.report import everyday  # noqa: F401

        drawing.prepare()


def _group(job: Job) -> str:
    """Name what runs have in common that differ in their seed alone."""
    return job.name.rpartition("-seed")[0]


def _destination(job: Job) -> Destination:
    return Destination(job.run.tracking, job.run.experiment_name)


def log_of(record: Record) -> str:
    """Return the path of a run's log, as short as it can be typed."""
    return shown(record.folder / "run.log")
