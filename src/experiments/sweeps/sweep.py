"""Sweeps: checking runs, reusing finished ones, and training the others in stacks."""

from __future__ import annotations

import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final, Self

from experiments.config.schema import Run
from experiments.config.trust import allowed_packages, named_packages
from experiments.datasets import CACHE, Dataset, Source, cached_dataset
from experiments.errors import ConfigError, UserError
from experiments.files.atomic import WRITERS
from experiments.runs.claims import Claims
from experiments.runs.environment import blas_core
from experiments.runs.execution import Execution
from experiments.runs.find import find_records
from experiments.runs.identity import Identity
from experiments.runs.job import Job
from experiments.runs.occupied import at_their_places, refuse_other_run, refuse_other_sweep
from experiments.runs.owners import Ownership
from experiments.runs.record import Record
from experiments.runs.write import write_texts
from experiments.sweeps.faults import Faults
from experiments.sweeps.listener import Listener, Plan
from experiments.sweeps.naming import of_same_command, sweep_id
from experiments.training.checks import check
from experiments.training.stacking import make_stacks
from experiments.training.status import Status
from experiments.workers.trainer import Trainer

phases: Final = logging.getLogger("experiments.sweeps")
"""Logs the end of each phase of a sweep; shown by ``hydra.verbose=experiments.sweeps``."""

Check = Callable[[Run, Dataset], None]
"""A check of a run on its dataset, which raises a `ConfigError`."""

_POLL: Final = 0.2  # seconds between checks whether another command has ended


class Sweep:
    """Trains runs in one or more batches and collects their records.

        with Sweep(Path("runs"), WorkerPool(Processes(4))) as sweep:
            records = sweep.run(jobs)

    Parameters
    ----------
    folder : Path
        The sweep's folder; the jobs' folders are usually subfolders of it.
    trainer : Trainer
        The trainer of the stacks, in this process (`InProcess`) or in workers (`WorkerPool`); it
        is closed with the sweep.
    listener : Listener, optional
        The sweep's listener; by default one that only shows warnings.
    width : int, optional
        The largest number of runs in a stack; by default as many as fit the caches.
    overrides : sequence of str or None, default ()
        The command line's overrides for all runs, which are part of the sweep's id. None for a
        single run, which is not a sweep: jobs then keep their sweep id.
    continues : bool, default False
        Whether the sweep adds to earlier batches, whose records are in the folder.
    files : mapping of str to str, optional
        Texts to write to the folder when the first batch begins, by path in the folder.
    """

    def __init__(
        self,
        folder: Path,
        trainer: Trainer,
        *,
        listener: Listener | None = None,
        width: int | None = None,
        overrides: Sequence[str] | None = (),
        continues: bool = False,
        files: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = Path(folder).absolute()
        self.listener = listener or Listener()
        self.id: str | None = None  # set by the first batch
        self.jobs: list[Job] = []
        self.records: list[Record] = []
        self._trainer = trainer
        self._width = width
        self._overrides = overrides
        self._continues = continues
        self._files = dict(files or {})
        self._claims = Claims(CACHE)
        self._ownership = Ownership(self.listener.warn)
        self._commented: set[str] = set()  # the notes on datasets that were shown

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._trainer.close(kill=True)
        self.release_folder()

    def close(self) -> None:
        """Release the workers when the last batch has ended."""
        self._trainer.close()

    def release_folder(self) -> None:
        """Let other commands write to the folder, when everything in it is written."""
        self._ownership.release()

    @property
    def trusted(self) -> frozenset[str]:
        """Packages whose classes may be imported: those that the jobs name, and those allowed."""
        return allowed_packages().union(*(named_packages(job.config) for job in self.jobs))

    @property
    def all_records(self) -> list[Record]:
        """The records of this sweep and of the earlier batches that it continues."""
        if not self._continues:
            return self.records
        now = {record.folder.absolute() for record in self.records}
        earlier = [record for record in find_records(self.folder) if record.folder not in now]
        return [*earlier, *self.records]

    def run(
        self, jobs: Sequence[Job], title: str | None = None, *, checks: Sequence[Check] = (check,)
    ) -> list[Record]:
        """Train a batch of jobs.

        A finished run is not trained again, unless its job has `rerun`; an interrupted run resumes
        from its last checkpoint. While another command writes to the folder, this one waits.

        Parameters
        ----------
        jobs : sequence of Job
        title : str, optional
            A description of the batch; by default its number of runs.
        checks : sequence of callable, optional
            The checks of each run on its dataset, before anything trains.

        Returns
        -------
        list of Record
            One record for each job, including failed runs.

        Raises
        ------
        ConfigError
            If there are no jobs, datasets cannot be loaded, or settings do not fit them; the
            message lists all faulty jobs. Nothing has been trained.
        UserError
            If the sweep's folder, or that of a job, holds other runs. Nothing has been written.
        KeyboardInterrupt, UserError
            If training ends early; runs that have not ended are marked as interrupted.
        """
        if not jobs:
            raise ConfigError("there are no runs to train: give the sweep at least one job")
        datasets = load_datasets(jobs, checks)
        self.listener.check_for_interrupts()
        begins = self.id is None and not self._continues
        files = {job.folder: job.files for job in jobs}
        loaded = [datasets[job.run.dataset] for job in jobs]
        identities = [Identity.of(j.config, d.digest) for j, d in zip(jobs, loaded, strict=True)]
        jobs = [replace(job, files={}) for job in self._with_id(jobs, identities)]
        executions = [
            Execution(job, dataset, identity=identity)
            for job, dataset, identity in zip(jobs, loaded, identities, strict=True)
        ]
        self._own_folders(executions, begins=begins)
        self._refuse_other_runs(executions, begins=begins)
        phases.debug("loaded")
        self.listener.batch_begun(jobs, title or f"{len(jobs)} run{'s' if len(jobs) != 1 else ''}")
        self._write_files(files)
        self._comment(jobs, datasets)
        records = self._reuse(dict(enumerate(executions)))
        missing = {p: e for p, e in enumerate(executions) if p not in records}
        self.listener.planned(_plan(len(jobs), list(missing.values())))
        mixed = _mixed_kernels(list(records.values()), list(missing.values()))
        if mixed:
            self.listener.warn(mixed)
        trained, interrupt = self._complete(missing, datasets)
        records |= trained
        phases.debug("trained")
        ordered = [records[position] for position in range(len(jobs))]
        self.jobs += jobs
        self.records += ordered
        if interrupt is not None:
            raise interrupt
        return ordered

    def _comment(self, jobs: Sequence[Job], datasets: Mapping[Source, Dataset]) -> None:
        """Tell the listener how datasets were understood, each message once a sweep."""
        note, warn = self.listener.note, self.listener.warn
        said = [(note, text) for dataset in datasets.values() for text in dataset.notes]
        said += [(note, text) for job in jobs for text in _notes(job, datasets[job.run.dataset])]
        said += [(warn, f"{d.name}: {text}") for d in datasets.values() for text in d.warnings]
        for say, message in said:
            if message not in self._commented:
                self._commented.add(message)
                say(message)

    def _with_id(self, jobs: Sequence[Job], identities: Sequence[Identity]) -> list[Job]:
        """Return the jobs with the sweep's id, which the first batch determines."""
        if self._overrides is None:
            return list(jobs)
        if self.id is None:
            earlier = find_records(self.folder) if self._continues else []
            self.id = (earlier[0].sweep if earlier else None) or self._new_id(jobs, identities)
        return [replace(job, sweep=self.id) for job in jobs]

    def _new_id(self, jobs: Sequence[Job], identities: Sequence[Identity]) -> str:
        rerun = any(job.run.rerun for job in jobs)
        return sweep_id(self._overrides or (), [one.id for one in identities], rerun=rerun)

    def _own_folders(self, executions: Sequence[Execution], *, begins: bool) -> None:
        """Wait until nobody else writes to the folders; raise if other runs are there."""
        waited = False

        def on_wait(owner: str) -> None:
            nonlocal waited
            if not waited:
                self._refuse_other_runs(executions, begins=begins)
                waited = True
            self.listener.waiting_for_folder(owner)
            self.listener.check_for_interrupts()

        self._ownership.acquire(self.folder, [e.job.folder for e in executions], on_wait)

    def _refuse_other_runs(self, executions: Sequence[Execution], *, begins: bool) -> None:
        """Refuse to write to folders that hold other runs; `begins` means that none is ours yet."""
        own = {execution.job.folder: execution.identity for execution in executions}
        if begins and self._overrides is not None:
            is_own = at_their_places(own)
            refuse_other_sweep(
                self.folder,
                lambda run: of_same_command(run.sweep, self.id) or is_own(run),
                self._files,
            )
        for folder, identity in own.items():
            refuse_other_run(folder, identity)

    def _write_files(self, files: Mapping[Path, Mapping[str, str]]) -> None:
        """Write the sweep's files, once, and those of the jobs."""
        write_texts(self.folder, self._files)
        self._files = {}
        for written, (folder, texts) in enumerate(files.items()):
            self.listener.prepared(written, len(files))
            write_texts(folder, texts)
        self.listener.prepared(len(files), len(files))

    def _reuse(self, executions: Mapping[int, Execution]) -> dict[int, Record]:
        """Copy the records of finished runs; return the copies by position."""
        finished: dict[int, Record] = {}  # all of them before a copy replaces any
        for position, execution in executions.items():
            if execution.job.run.rerun:
                execution.forget()
            elif (earlier := execution.finished()) is not None:
                finished[position] = earlier
        records = {}
        with ThreadPoolExecutor(WRITERS) as writers:
            copies = writers.map(lambda at: executions[at].copy(finished[at]), finished)
            for (position, earlier), record in zip(finished.items(), copies, strict=True):
                records[position] = record
                self.listener.run_reused(executions[position].job, record, earlier)
        return records

    def _complete(
        self, missing: Mapping[int, Execution], datasets: Mapping[Source, Dataset]
    ) -> tuple[dict[int, Record], KeyboardInterrupt | UserError | None]:
        """Train the missing runs, and wait for those that another command is training.

        A run that occurs twice in the batch is trained once.

        Returns
        -------
        dict of int to Record
            The records by position.
        KeyboardInterrupt, UserError or None
            The error that ended training early, if any.
        """
        records: dict[int, Record] = {}
        interrupt: KeyboardInterrupt | UserError | None = None
        while left := {p: e for p, e in missing.items() if p not in records}:
            own = {p: e for p, e in left.items() if self._claim(e)}
            if own:
                try:
                    trained, interrupt = self._train(list(own.values()), datasets)
                finally:
                    for execution in own.values():
                        self._claims.release(execution.identity)
                records |= zip(own, trained, strict=True)
                left = {p: e for p, e in left.items() if p not in own}
            else:
                try:
                    self.listener.waiting(len(left))
                    time.sleep(_POLL)
                    self.listener.check_for_interrupts()
                except KeyboardInterrupt as error:
                    interrupt = error
            if interrupt is not None:
                records |= {position: _give_up(execution) for position, execution in left.items()}
            else:
                records |= self._reuse(left)
        return records, interrupt

    def _claim(self, execution: Execution) -> bool:
        return execution.job.run.rerun or self._claims.claim(execution.identity)

    def _train(
        self, executions: Sequence[Execution], datasets: Mapping[Source, Dataset]
    ) -> tuple[list[Record], KeyboardInterrupt | UserError | None]:
        """Train runs; return their records, and the error that ended training early, if any."""
        listener, jobs = self.listener, [execution.job for execution in executions]
        self._trainer.open()
        self.folder.mkdir(parents=True, exist_ok=True)
        stacks = make_stacks(
            [job.run for job in jobs], datasets, width=self._width, workers=self._trainer.count
        )
        records: dict[int, Record] = {}
        stopped: set[int] = set()
        interrupt: KeyboardInterrupt | UserError | None = None

        def collect(position: int) -> None:
            records[position] = Record.read(jobs[position].folder)
            listener.run_ended(position, records[position])

        def report_progress() -> None:
            listener.check_for_interrupts()
            listener.progressed(training.epochs(), training.losses())

        with self._trainer.train(
            self.folder,
            executions,
            stacks,
            warn=listener.warn,
            spares_one=lambda: listener.needs_core,
        ) as training:
            try:
                listener.training_begun(jobs, [execution.epochs for execution in executions])
                for position in training.finished(report_progress):
                    collect(position)
            except (KeyboardInterrupt, UserError) as error:
                interrupt = error
                listener.interrupted(error)
                stopped = set(training.stop())
            finally:
                listener.training_ended()
        for position, execution in enumerate(executions):
            if position not in records:
                if position not in stopped:
                    _give_up(execution)
                collect(position)
        return [records[position] for position in range(len(jobs))], interrupt


def load_datasets(jobs: Sequence[Job], checks: Sequence[Check] = (check,)) -> dict[Source, Dataset]:
    """Load each dataset of the jobs once, and check that the jobs' settings fit it.

    Raises
    ------
    ConfigError
        If a dataset cannot be loaded or a run fails a check; the message lists all faulty jobs.
    """
    datasets: dict[Source, Dataset] = {}
    failures: dict[Source, str] = {}
    faults = Faults([job.overrides for job in jobs])
    for job in jobs:
        source = job.run.dataset
        if source not in datasets and source not in failures:
            try:
                datasets[source] = cached_dataset(source)
            except UserError as error:
                failures[source] = str(error)
            except MemoryError:
                failures[source] = (
                    f"{type(source).__name__}: the data do not fit in memory; dataset.limit=NUMBER "
                    "uses fewer rows"
                )
        fault = failures.get(source)
        if fault is None:
            try:
                for one in checks:
                    one(job.run, datasets[source])
            except ConfigError as error:
                fault = str(error)
        if fault is not None:
            faults.add(fault, job.overrides)
    faults.raise_any()
    return datasets


def _plan(runs: int, missing: Sequence[Execution]) -> Plan:
    reasons: Counter[str] = Counter()
    if not any(execution.job.run.rerun for execution in missing):
        reasons.update(filter(None, (execution.reason_to_retrain() for execution in missing)))
    resumed = sum(execution.checkpoints.exist for execution in missing)
    return Plan(runs, runs - len(missing), resumed, reasons)


def _mixed_kernels(reused: Sequence[Record], missing: Sequence[Execution]) -> str:
    """Warn if runs are about to be trained with other BLAS kernels than earlier ones.

    Parameters
    ----------
    reused : sequence of Record
        The finished runs of the batch.
    missing : sequence of Execution
        The runs that will be trained, or resumed from a checkpoint.

    Returns
    -------
    str
        The warning; empty if all kernels are the same, or nothing is trained.
    """
    here = blas_core()
    begun = [execution.checkpoints.about() for execution in missing]
    earlier = [record.blas_cores for record in reused]
    earlier += [tuple(filter(None, about.get("blas_cores", ()))) for about in begun]
    others = Counter(" then ".join(cores) for cores in earlier if cores and {*cores} != {here})
    if not missing or not others:
        return ""
    counted = ", ".join(f"{core} ({count})" for core, count in others.items())
    return (
        f"{others.total()} of {len(reused) + len(missing)} runs were trained or started with BLAS "
        f"kernels for other processors: {counted}; this one has those for {here}. They round "
        "differently, so results can differ; rerun=true trains all runs here (see "
        "docs/reliability.md)"
    )


def _give_up(execution: Execution) -> Record:
    """Mark a run that this command will not train to its end as interrupted."""
    message = "interrupted before it ended"
    execution.give_up(message, Status.INTERRUPTED)
    return Record.read(execution.job.folder)


def _notes(job: Job, dataset: Dataset) -> Iterator[str]:
    """Explain how the model and the loss of a run take its data, where that may surprise."""
    loss, model = job.run.loss, job.run.model
    if len(model.input_shape(dataset.samples)) == 1 < len(dataset.shape):
        size = " × ".join(map(str, dataset.shape))
        yield (
            f"the network gets the {size} samples of {dataset.name} as rows of "
            f"{math.prod(dataset.shape)} numbers; model=cnn keeps their shape"
        )
    if not (loss.over_probabilities or dataset.task.has_numbers):
        yield (
            f"{loss.label} is a loss for numbers. On the classes of {dataset.name} it trains "
            "outputs to be 1 for the right class and 0 for any other; its values cannot be "
            "compared with those of cross_entropy, which is made for classes"
        )
