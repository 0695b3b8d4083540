"""The stacked launcher: compose, check, stack, train in workers, publish, compare."""

from __future__ import annotations

import importlib
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from hydra.core.utils import JobReturn, JobStatus, setup_globals
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from experiments.application import print_published, shown, warn
from experiments.datasets import Dataset, Source
from experiments.errors import ConfigError, UserError
from experiments.execution import cached_dataset, write_failure
from experiments.jobs import Job, make_job
from experiments.progress import ProgressBar
from experiments.publishing_process import Destination, PublishingProcess
from experiments.records import Record, find_records
from experiments.sweeps.composition import Composer
from experiments.sweeps.naming import sweep_id
from experiments.sweeps.stacking import make_stacks
from experiments.sweeps.workers import Workers
from experiments.targets import encoding_for
from experiments.tracking import choose_models

# The ends of a sweep's phases: shown, with the time, by hydra.verbose=experiments.sweeps.launching
_log = logging.getLogger(__name__)


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
    KeyboardInterrupt
        After what has finished is published and what has not is marked.
    """
    setup_globals()
    _log.debug("started")
    folder = Path(str(config.hydra.sweep.dir)).absolute()
    console = Console(highlight=False)
    with PublishingProcess(warn) as publishing:
        jobs = _compose(hydra_context, config, job_overrides, first, folder, publishing)
        _log.debug("composed")
        datasets = _load(jobs)
        _log.debug("loaded")
        plural = "s" if len(jobs) != 1 else ""
        console.print(f"{len(jobs)} run{plural} → {shown(folder)}", soft_wrap=True)
        stacks = make_stacks(jobs, datasets, width=width, workers=Workers.count(n_jobs))
        destinations = [Destination(job.run.tracking, job.run.experiment_name) for job in jobs]
        for destination in dict.fromkeys(destinations):
            if destination.tracking.enabled:
                publishing.open(destination)
        records, interrupt = _train(jobs, stacks, n_jobs, destinations, publishing)
        _log.debug("trained")
        earlier = _earlier_batches(folder, records) if first > 0 else []
        _conclude(console, records, earlier, folder, destinations, publishing)
    if interrupt is not None:
        raise interrupt
    failed = [record for record in records if record.status == "failed"]
    if failed:
        listed = "\n".join(f"  {r.name}: {r.message} (see {_log_of(r)})" for r in failed)
        raise SweepError(f"{len(failed)} of {len(jobs)} runs failed:\n{listed}")
    return [_job_return(job, record) for job, record in zip(jobs, records, strict=True)]


def _train(
    jobs: Sequence[Job],
    stacks: Sequence[Sequence[int]],
    n_jobs: int,
    destinations: Sequence[Destination],
    publishing: PublishingProcess,
) -> tuple[list[Record], KeyboardInterrupt | None]:
    """Train all stacks and have each run published when it ends.

    Returns
    -------
    records : list of Record
        Of each job.
    interrupt : KeyboardInterrupt or None
        That ended it.
    """
    records: dict[int, Record] = {}
    epochs = sum(job.run.training.epochs for job in jobs)

    def note(position: int) -> None:
        record = records[position] = Record.read(jobs[position].folder)
        if record.status == "failed":
            warn(f"{record.name} failed: {record.message} (see {_log_of(record)})")
        if destinations[position].tracking.enabled:
            publishing.publish(destinations[position], record.folder)

    with (
        Workers(jobs, stacks, n_jobs) as workers,
        ProgressBar(epochs, len(jobs)) as bar,
    ):

        def show() -> None:
            bar.show_sweep(len(records), workers.epochs(), workers.loss())
            publishing.poll()

        try:
            # The comparison's libraries take a second to import: now, while workers train.
            importlib.import_module("experiments.analysis.report")
            for position in workers.finished(show):
                note(position)
            return [records[position] for position in range(len(jobs))], None
        except KeyboardInterrupt as error:
            interrupt = error
            warn("interrupted; keeping what has finished (press Ctrl-C again to leave at once)")
            stopped = list(workers.stop())
    for position, job in enumerate(jobs):
        if position not in records:
            if position not in stopped:
                message = "the sweep was interrupted before this run ended"
                write_failure(job, message, status="interrupted")
            note(position)
    return [records[position] for position in range(len(jobs))], interrupt


def _compose(
    hydra_context: HydraContext,
    config: DictConfig,
    job_overrides: Sequence[Sequence[str]],
    first: int,
    folder: Path,
    publishing: PublishingProcess,
) -> list[Job]:
    """Compose and check every job; write each its Hydra folder."""
    composer = Composer(hydra_context.config_loader, config)
    varied = _varied(job_overrides)
    faults: dict[str, list[str]] = {}
    jobs: list[Job] = []
    files: list[dict[str, str]] = []
    for number, overrides in enumerate(job_overrides, start=first):
        try:
            one = composer.compose(list(overrides), number)
            job = make_job(
                one.resolved,
                choices=one.hydra["runtime"]["choices"],
                overrides=overrides,
                folder=folder / _subfolder(one.hydra),
                sweep=sweep_id(folder),
                varied=varied,
            )
        except ConfigError as error:
            for fault in str(error).splitlines():
                faults.setdefault(fault, []).append(_told(overrides, varied))
            continue
        if not jobs and job.run.tracking.enabled:
            publishing.warm_up()  # while the other jobs are composed
        jobs.append(job)
        one.hydra["runtime"] = {**one.hydra["runtime"], "output_dir": str(job.folder)}
        # As text, which is small: thousands of composed configurations would not be.
        files.append(_hydra_files(one.config, one.hydra))
    if faults:
        raise ConfigError(_listed(faults, len(job_overrides)))
    if len({job.folder for job in jobs}) < len(jobs):
        raise ConfigError(
            f"hydra.sweep.subdir={config.hydra.sweep._get_node('subdir')} gives several runs one "
            "folder, where each would overwrite the others; put ${hydra.job.num} into it"
        )
    for job, texts in zip(jobs, files, strict=True):
        _write_hydra_folder(job.folder / str(config.hydra.output_subdir or ".hydra"), texts)
    return jobs


def _load(jobs: Sequence[Job]) -> dict[Source, Dataset]:
    """Load every dataset of the sweep once, and check that losses fit them."""
    datasets: dict[Source, Dataset] = {}
    unloaded: dict[Source, str] = {}
    faults: dict[str, list[str]] = {}
    varied = _varied([job.overrides for job in jobs])
    for job in jobs:
        source = job.run.dataset
        if source not in datasets and source not in unloaded:
            try:
                datasets[source] = cached_dataset(source)
            except UserError as error:
                unloaded[source] = str(error)
        fault = unloaded.get(source)
        if fault is None:
            try:
                encoding_for(datasets[source], job.run.objective)
            except ConfigError as error:
                fault = str(error)
        if fault is not None:
            faults.setdefault(fault, []).append(_told(job.overrides, varied))
    if faults:
        raise ConfigError(_listed(faults, len(jobs)))
    return datasets


def _varied(job_overrides: Sequence[Sequence[str]]) -> list[str]:
    """Return the keys that differ between jobs."""
    values: dict[str, set[str]] = {}
    for overrides in job_overrides:
        for override in overrides:
            key, _, value = override.lstrip("+").partition("=")
            values.setdefault(key, set()).add(value)
    return [key for key, seen in values.items() if len(seen) > 1]


def _told(overrides: Sequence[str], varied: Sequence[str]) -> str:
    """Tell a job by what sets it apart from the others."""
    own = [o for o in overrides if o.lstrip("+").partition("=")[0] in varied]
    return " ".join(own or overrides)


def _listed(faults: Mapping[str, Sequence[str]], jobs: int) -> str:
    """List what is wrong, each fault once, with the jobs that have it."""
    lines = [f"nothing was trained; of {jobs} jobs these are wrong:"]
    for fault, having in faults.items():
        if len(having) == jobs:
            who = "every job"
        elif len(having) <= 3:
            who = "; ".join(having)
        else:
            who = f"{having[0]} and {len(having) - 1} others"
        lines.append(f"  {fault}  [{who}]")
    return "\n".join(lines)


def _subfolder(hydra: Mapping[str, Any]) -> str:
    """Resolve ``hydra.sweep.subdir`` for one job."""
    if hydra["sweep"]["subdir"] == "${hydra.job.num}":
        return str(hydra["job"]["num"])
    return str(OmegaConf.create({"hydra": dict(hydra)}).hydra.sweep.subdir)


def _hydra_files(config: DictConfig, hydra: Mapping[str, Any]) -> dict[str, str]:
    """Return what Hydra's own launcher writes for a job: config, Hydra's part, overrides."""
    contents = {
        "config.yaml": OmegaConf.to_container(config, resolve=False),
        "hydra.yaml": {"hydra": dict(hydra)},
        "overrides.yaml": hydra["overrides"]["task"],
    }
    return {
        name: yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
        for name, content in contents.items()
    }


def _write_hydra_folder(folder: Path, files: Mapping[str, str]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"{folder} cannot be written ({error.strerror}); choose another hydra.sweep.dir"
        ) from error


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """libyaml's dumper, with enumerations written by their names."""


_Dumper.add_multi_representer(object, lambda dumper, value: dumper.represent_str(str(value)))


def _conclude(
    console: Console,
    records: Sequence[Record],
    earlier: Sequence[Record],
    folder: Path,
    destinations: Sequence[Destination],
    publishing: PublishingProcess,
) -> None:
    """Compare, publish the comparison, and say where everything is."""
    from experiments.analysis.report import markdown, write_comparison, write_learning_curves
    from experiments.analysis.terminal import print_comparison

    trained = [record for record in [*earlier, *records] if record.status != "interrupted"]
    tracked = list(dict.fromkeys(d for d in destinations if d.tracking.enabled))
    for destination in tracked:
        own = [
            record
            for record, where in zip(records, destinations, strict=True)
            if where == destination and record.status != "interrupted"
        ]
        # Drawn here, because the process that publishes has more than enough to do.
        for record in choose_models(own, destination.tracking.models):
            write_learning_curves(record)
        publishing.publish_models(destination, [record.folder for record in own])
    if trained:
        files = write_comparison(trained, folder)
        console.print()
        print_comparison(trained, console=console)
        for destination in tracked:
            publishing.publish_comparison(destination, sweep_id(folder), files, markdown(trained))
    counted = Counter(record.status for record in records)
    told = ", ".join(f"{count} {status.replace('_', ' ')}" for status, count in counted.items())
    _log.debug("compared")
    console.print(f"\n{told} · records and comparison in {shown(folder)}", soft_wrap=True)
    if tracked:
        print_published(console, publishing.finish(tracked[0], sweep_id(folder)), folder)
        _log.debug("published")


def _earlier_batches(folder: Path, records: Sequence[Record]) -> list[Record]:
    """Read what a sweeper that launches jobs in several batches has had trained before."""
    now = {record.folder for record in records}
    return [record for record in find_records(folder) if record.folder not in now]


def _job_return(job: Job, record: Record) -> JobReturn:
    loss = record.summary.get("best/val_loss")
    return JobReturn(
        overrides=list(job.overrides),
        working_dir=str(job.folder),
        task_name="run",
        status=JobStatus.COMPLETED,
        _return_value=float("inf") if loss is None else loss,
    )


def _log_of(record: Record) -> str:
    return shown(record.folder / "run.log")
