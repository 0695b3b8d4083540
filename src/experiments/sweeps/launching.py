"""The stacked launcher: compose, check, stack, train in workers, publish, compare."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from hydra.core.utils import JobReturn, JobStatus, setup_globals
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from experiments.application import shown, warn
from experiments.datasets import Dataset
from experiments.errors import ConfigError, UserError
from experiments.execution import cached_dataset, write_failure
from experiments.jobs import Job, make_job
from experiments.progress import ProgressBar
from experiments.publishing import Publisher
from experiments.records import Record, atomic_write
from experiments.sweeps.composition import Composer
from experiments.sweeps.naming import sweep_id
from experiments.sweeps.stacking import make_stacks
from experiments.sweeps.workers import Workers
from experiments.targets import encoding_for


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
    folder = Path(str(config.hydra.sweep.dir)).absolute()
    jobs = _compose(hydra_context, config, job_overrides, first, folder)
    datasets = _load(jobs)
    console = Console(highlight=False)
    plural = "s" if len(jobs) != 1 else ""
    console.print(f"{len(jobs)} run{plural} → {shown(folder)}", soft_wrap=True)
    tracking = jobs[0].run
    publisher = Publisher(tracking.tracking, tracking.experiment_name, warn)
    stacks = make_stacks(jobs, datasets, width=width, workers=Workers.count(n_jobs))
    records: dict[int, Record] = {}
    failed: list[Record] = []
    epochs = sum(job.run.training.epochs for job in jobs)
    interrupted = False
    with (
        Workers(jobs, stacks, n_jobs, folder) as workers,
        ProgressBar(epochs, len(jobs)) as bar,
    ):
        publisher.open()
        finished = workers.finished(lambda: bar.show_sweep(len(records), workers.epochs()))
        try:
            for position in finished:
                record = Record.read(jobs[position].folder)
                records[position] = record
                if record.status == "failed":
                    failed.append(record)
                    warn(f"{record.name} failed: {record.message} (see {_log_of(record)})")
                publisher.publish(record)
                bar.show_sweep(len(records), workers.epochs(), "training and publishing")
        except KeyboardInterrupt:
            interrupted = True
            warn("interrupted; keeping what has finished (press Ctrl-C again to leave at once)")
            for position in workers.stop():
                records[position] = Record.read(jobs[position].folder)
            for position, job in enumerate(jobs):
                if position not in records:
                    message = "the sweep was interrupted before this run ended"
                    write_failure(job, message, status="interrupted")
                    records[position] = Record.read(job.folder)
            for record in records.values():
                publisher.publish(record)
    ordered = [records[position] for position in range(len(jobs))]
    _conclude(console, publisher, ordered, folder)
    if interrupted:
        raise KeyboardInterrupt
    if failed:
        listed = "\n".join(f"  {r.name}: {r.message} (see {_log_of(r)})" for r in failed)
        raise SweepError(f"{len(failed)} of {len(jobs)} runs failed:\n{listed}")
    return [_job_return(job, record) for job, record in zip(jobs, ordered, strict=True)]


def _compose(
    hydra_context: HydraContext,
    config: DictConfig,
    job_overrides: Sequence[Sequence[str]],
    first: int,
    folder: Path,
) -> list[Job]:
    """Compose and check every job; write each its Hydra folder."""
    composer = Composer(hydra_context.config_loader, config)
    varied = _varied(job_overrides)
    faults: dict[str, list[str]] = {}
    composed, jobs = [], []
    for number, overrides in enumerate(job_overrides, start=first):
        try:
            one = composer.compose(list(overrides), number)
            job = make_job(
                one.resolved,
                choices=one.hydra["runtime"]["choices"],
                overrides=overrides,
                folder=folder / _subfolder(config, one.hydra, number),
                sweep=sweep_id(folder),
                varied=varied,
            )
        except ConfigError as error:
            for fault in str(error).splitlines():
                faults.setdefault(fault, []).append(" ".join(overrides))
            continue
        composed.append(one)
        jobs.append(job)
    if faults:
        raise ConfigError(_listed(faults, len(job_overrides)))
    for job, one in zip(jobs, composed, strict=True):
        one.hydra["runtime"] = {**one.hydra["runtime"], "output_dir": str(job.folder)}
        _write_hydra_folder(
            job.folder / str(config.hydra.output_subdir or ".hydra"), one.config, one.hydra
        )
    return jobs


def _load(jobs: Sequence[Job]) -> dict[str, Dataset]:
    """Load every dataset of the sweep once, and check that losses fit them."""
    datasets: dict[str, Dataset] = {}
    faults: dict[str, list[str]] = {}
    for job in jobs:
        source = job.run.dataset
        if repr(source) not in datasets:
            datasets[repr(source)] = cached_dataset(source)
        try:
            encoding_for(datasets[repr(source)], job.run.objective)
        except ConfigError as error:
            faults.setdefault(str(error), []).append(" ".join(job.overrides))
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


def _subfolder(config: DictConfig, hydra: Mapping[str, Any], number: int) -> str:
    """Resolve ``hydra.sweep.subdir`` for one job."""
    raw = OmegaConf.to_container(config.hydra, resolve=False)
    assert isinstance(raw, dict)
    template = raw["sweep"]["subdir"]
    if template == "${hydra.job.num}":
        return str(number)
    return str(OmegaConf.create({"hydra": dict(hydra)}).hydra.sweep.subdir)


def _write_hydra_folder(folder: Path, config: DictConfig, hydra: Mapping[str, Any]) -> None:
    """Write what Hydra's own launcher writes: config, Hydra's part, overrides."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"{folder} cannot be made ({error.strerror}); choose hydra.sweep.dir"
        ) from error
    atomic_write(folder / "config.yaml", OmegaConf.to_yaml(config).encode())
    node = yaml.dump({"hydra": dict(hydra)}, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    atomic_write(folder / "hydra.yaml", node.encode())
    overrides = yaml.dump(hydra["overrides"]["task"], Dumper=_Dumper, allow_unicode=True)
    atomic_write(folder / "overrides.yaml", overrides.encode())


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """libyaml's dumper, with enumerations written by their names."""


_Dumper.add_multi_representer(object, lambda dumper, value: dumper.represent_str(str(value)))


def _conclude(
    console: Console, publisher: Publisher, records: Sequence[Record], folder: Path
) -> None:
    """Compare, publish the comparison, and say where everything is."""
    from experiments.analysis.report import markdown, write_comparison
    from experiments.analysis.terminal import print_comparison

    trained = [record for record in records if record.status != "interrupted"]
    if trained:
        publisher.publish_models(trained)
        files = write_comparison(trained, folder)
        console.print()
        print_comparison(trained, console=console)
        sweep = trained[0].sweep
        if sweep is not None:
            publisher.publish_comparison(sweep, files, markdown(trained))
    counted = Counter(record.status for record in records)
    told = ", ".join(f"{count} {status.replace('_', ' ')}" for status, count in counted.items())
    console.print(f"\n{told} · records and comparison in {shown(folder)}", soft_wrap=True)
    if publisher.unpublished:
        console.print(
            f"{len(publisher.unpublished)} runs are not published yet; publish them with\n"
            f"  python scripts/publish.py {shown(folder)}",
            soft_wrap=True,
        )
    where = publisher.where(records[0].sweep)
    if where:
        console.print("Open these runs in the MLflow UI:", *where, sep="\n  ", soft_wrap=True)


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
