"""One run: from its configuration to its record, and to the tracker."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Final

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console

from experiments.commands.hydra.compose import first_lines
from experiments.commands.interrupts import interrupts_deferred
from experiments.commands.main import finish_publishing, shown
from experiments.commands.progress import ProgressBar
from experiments.commands.startup import publishing_process
from experiments.config.trust import named_packages
from experiments.datasets import CACHE
from experiments.errors import ConfigError, UserError
from experiments.files.masking import mask_files
from experiments.runs.claims import Claims
from experiments.runs.execute import Execution, cached_dataset, execute
from experiments.runs.job import make_job
from experiments.runs.records import RECORD, Record
from experiments.sweeps.naming import id_by_folder
from experiments.tracking.process import Destination, PublishingProcess
from experiments.tracking.runs import choose_models
from experiments.warning import warn

_POLL: Final = 0.2  # seconds between looks whether another command has ended


def run(config: DictConfig) -> float:
    """Train one run, write its record and publish it; see :func:`experiments.commands.main.run`."""
    hydra = HydraConfig.get()
    try:
        resolved = OmegaConf.to_container(config, resolve=True)
    except OmegaConfBaseException as error:
        raise ConfigError(first_lines(error)) from error
    assert isinstance(resolved, dict)
    in_sweep = hydra.mode is RunMode.MULTIRUN
    # Hydra has written them, and knows no secrets.
    mask_files(Path(hydra.runtime.output_dir, str(hydra.output_subdir or ".hydra")))
    if in_sweep:
        mask_files(Path(hydra.sweep.dir, "multirun.yaml"))
    trusted = named_packages(resolved)
    job = make_job(
        {str(key): value for key, value in resolved.items()},
        trusted=trusted,
        choices=dict(hydra.runtime.choices),
        overrides=list(hydra.overrides.task),
        folder=Path(hydra.runtime.output_dir),
        sweep=id_by_folder(Path(hydra.sweep.dir)) if in_sweep else None,
    )
    console = Console(highlight=False)
    tracked = job.run.tracking.enabled
    destination = Destination(job.run.tracking, job.run.experiment_name)
    with PublishingProcess(publishing_process(), warn) if tracked else nullcontext() as publishing:
        if publishing is not None:
            publishing.open(destination)
        with interrupts_deferred():  # what reads it may be a compiled module's first use
            dataset = cached_dataset(job.run.dataset)
        execution = Execution(job, dataset)
        if job.run.rerun:
            execution.forget()
        earlier = execution.take_over()
        claims = Claims(CACHE)
        if earlier is None and not job.run.rerun:
            _claim(console, claims, execution)
            earlier = execution.take_over()  # it may have been finished meanwhile
        interrupt: KeyboardInterrupt | None = None
        if earlier is None:
            if not job.run.rerun:
                _announce(console, execution)
            try:
                with ProgressBar(job.run.training.epochs) as bar, interrupts_deferred() as heard:

                    def on_epoch(epoch: int, losses: Sequence[tuple[int, float]]) -> None:
                        bar.show_epoch(epoch, losses)
                        if publishing is not None:
                            publishing.publish_progress(lambda: [(destination, job.folder)])
                        heard()

                    deque(execute([job], dataset, on_epoch), maxlen=0)
            except KeyboardInterrupt as error:
                if not (job.folder / RECORD).exists():
                    raise  # before there was anything to record
                interrupt = error
        claims.release(execution.identity)
        record = Record.read(job.folder)
        if earlier is not None:
            console.print(
                f"{record.name} is finished already, trained on {earlier.finished:%Y-%m-%d %H:%M} "
                f"UTC in {shown(earlier.folder)}, and is not trained again (rerun=true trains it "
                "anew)",
                soft_wrap=True,
            )
        if publishing is not None:
            publishing.publish(destination, job.folder)
            if choose_models([record], job.run.tracking.models):
                from experiments.reporting.report.everyday import write_learning_curves

                write_learning_curves(record)
            publishing.publish_models(destination, [job.folder], trusted=trusted)
        _print_result(console, record)
        if publishing is not None:
            finish_publishing(console, publishing, destination, job.folder)
    if interrupt is not None:
        raise interrupt
    if record.status == "failed":
        raise UserError(
            f"{record.name} failed: {record.message}. The full story is in "
            f"{record.folder / 'run.log'}"
        )
    return record.objective


def _claim(console: Console, claims: Claims, execution: Execution) -> None:
    """Wait until no other command trains this run."""
    said = False
    while not claims.claim(execution.identity):
        if not said:
            said = True
            console.print("waiting for another command, which trains this run")
        time.sleep(_POLL)


def _announce(console: Console, execution: Execution) -> None:
    """Say that a run goes on from a checkpoint, or why it trains though it was finished once."""
    reason = execution.why_anew()
    if execution.checkpoints.exist:
        console.print("going on from the last checkpoint")
    elif reason is not None:
        console.print(f"trained anew: {reason}", soft_wrap=True)


def _print_result(console: Console, record: Record) -> None:
    """Say in a few lines how the run ended and where its record is."""
    summary = record.summary

    def measured(*names: str) -> str:
        values = ((name, summary.get(name)) for name in names)
        return "  ".join(f"{name} {value:.4f}" for name, value in values if value is not None)

    status = record.status.replace("_", " ")
    console.print(f"{record.name}: {status}" + (f" ({record.message})" if record.message else ""))
    best = summary.get("best/epoch")
    if best is not None:
        console.print(
            f"  best at epoch {best:.0f}: "
            + measured("best/val_loss", "best/val_accuracy", "best/val_r2")
        )
        console.print("  test there:    " + measured("test/loss", "test/accuracy", "test/r2"))
    steps = summary.get("time/us_per_step")
    if steps is not None:
        console.print(f"  {steps:.0f} µs a step, {summary.get('time/seconds') or 0:.2f} s in all")
    console.print(f"  record in {shown(record.folder)}", soft_wrap=True)
