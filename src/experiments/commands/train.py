"""Training by a command: with output on the console, publishing, and handling of Ctrl-C.

A single run and a sweep share one implementation; they differ in the trainer and the output.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from experiments.commands.console import EscapingConsole, OwnerShown, ProgressBar, SlowLoop, log_of
from experiments.commands.interrupts import interrupts_deferred, signal_of
from experiments.commands.live_publishing import LivePublishing
from experiments.commands.standings import Standings
from experiments.errors import UserError
from experiments.files.paths import shown
from experiments.program import to_type
from experiments.reporting.words.formatting import duration
from experiments.runs.job import Job
from experiments.runs.record import Record
from experiments.sweeps.listener import Listener, Plan
from experiments.sweeps.sweep import Sweep, phases
from experiments.training.status import Status
from experiments.warning import warn
from experiments.workers.in_process import InProcess
from experiments.workers.trainer import Trainer

if TYPE_CHECKING:
    from experiments.analysis.study import Study


@dataclass(frozen=True)
class Compared:
    """The comparison of a sweep.

    Attributes
    ----------
    study : Study
        The comparison as data.
    files : sequence of Path
        The files that were written.
    note : str
        The comparison as Markdown, for MLflow.
    """

    study: Study
    files: Sequence[Path]
    note: str


Comparison = Callable[[Sequence[Record], Sweep, Console], Compared]
"""A function that compares runs, prints the comparison and writes its files."""


def train_run(job: Job) -> Record:
    """Train one run, write its record and publish it.

    Raises
    ------
    KeyboardInterrupt
        If training was interrupted; the record of the interrupted run has been published.
    UserError
        If the run failed or could not be trained.
    """
    console = EscapingConsole()
    interrupt: KeyboardInterrupt | None = None
    with LivePublishing(warn) as publishing:
        if job.run.tracking.enabled:
            publishing.start()
        listener = _OneRun(console, publishing)
        sweep = Sweep(job.folder, InProcess(), listener=listener, overrides=None)
        with sweep:
            try:
                with listener.interruptible():
                    sweep.run([job])
            except KeyboardInterrupt as error:
                if not sweep.records:
                    raise  # interrupted before training
                interrupt = error
            (record,) = sweep.records
            publishing.publish_models([job], [record], trusted=sweep.trusted)
        _print_result(console, record)
        unpublished = publishing.finish([job], job.folder, console)
    if interrupt is not None:
        raise interrupt
    if record.status is Status.FAILED:
        raise UserError(
            f"{record.name} failed: {record.message}. For details see {record.folder / 'run.log'}"
        )
    _check_published(unpublished)
    return record


def train_sweep(
    train: Callable[[Sweep, Console], object],
    folder: Path,
    trainer: Trainer,
    *,
    compare: Comparison | None = None,
    width: int | None = None,
    overrides: Sequence[str] = (),
    continues: bool = False,
    files: Mapping[str, str] | None = None,
    publishes: bool = True,
) -> Sweep:
    """Train the runs of a sweep; compare and publish them, even if the sweep is interrupted.

    Parameters
    ----------
    train : callable
        A function that has the sweep run its jobs, in one or more batches; it may print.
    folder, trainer, width, overrides, continues, files
        See :class:`experiments.sweeps.sweep.Sweep`.
    compare : callable, optional
        A function that compares the runs when all have ended; by default they are compared and
        their networks drawn, and after an interrupt they are only compared.
    publishes : bool, default True
        Whether runs are likely to be published, so that the publishing process starts immediately.

    Raises
    ------
    KeyboardInterrupt, UserError
        If training ends early; runs that have ended have been compared and published.
    """
    phases.debug("started")
    console = EscapingConsole()
    with LivePublishing(warn) as publishing:
        if publishes:
            publishing.start()
        listener = _ManyRuns(console, publishing, folder)
        with Sweep(
            folder,
            trainer,
            listener=listener,
            width=width,
            overrides=overrides,
            continues=continues,
            files=files,
        ) as sweep:
            try:
                with listener.interruptible():
                    train(sweep, console)
            except (KeyboardInterrupt, UserError):
                if sweep.records:  # empty if nothing was trained
                    _conclude(sweep, publishing, console, _compare)
                raise
            unpublished = _conclude(sweep, publishing, console, compare or _compare_and_draw)
    _check_published(unpublished)
    return sweep


def _check_published(unpublished: int) -> None:
    """Check that no run is unpublished that must not be, by `tracking.strict`."""
    if unpublished:
        runs = "1 run is" if unpublished == 1 else f"{unpublished} runs are"
        raise UserError(f"{runs} not published (tracking.strict=true)")


def _conclude(
    sweep: Sweep, publishing: LivePublishing, console: Console, compare: Comparison
) -> int:
    """Compare all runs, publish the comparison, and print where the results are.

    Returns the number of runs that are not published although they should be.
    """
    publishing.poll()
    sweep.close()
    publishing.publish_models(sweep.jobs, sweep.records, trusted=sweep.trusted)
    trained = [record for record in sweep.all_records if record.status is not Status.INTERRUPTED]
    if trained:
        from experiments.commands.sweep_view import view_of

        compared = compare(trained, sweep, console)
        publishing.publish_comparison(
            sweep.jobs,
            sweep.id or "",
            sweep.folder,
            compared.files,
            compared.note,
            view_of(compared.study, trained),
        )
    sweep.release_folder()
    phases.debug("compared")
    counted = Counter(record.status.words for record in sweep.records)
    ended = ", ".join(f"{count} {status}" for status, count in counted.items())
    console.print(f"\n{ended} · records and comparison in {shown(sweep.folder)}", soft_wrap=True)
    unpublished = publishing.finish(sweep.jobs, sweep.folder, console, sweep.id)
    phases.debug("published")
    return unpublished


def _compare(records: Sequence[Record], sweep: Sweep, console: Console) -> Compared:
    """Compare runs by the default comparison of sweeps."""
    from experiments.analysis.analyse import analyse
    from experiments.reporting.report.everyday import write_comparison
    from experiments.reporting.tables.markup import narrow_markdown
    from experiments.reporting.tables.terminal import print_comparison

    study = analyse(records)
    files = write_comparison(study, sweep.folder, pictures=["png"])
    console.print()
    print_comparison(study, console=console)
    (picture,) = (file for file in files if file.suffix == ".png")
    console.print(f"\nPicture: {shown(picture)}", soft_wrap=True)
    return Compared(study, files, narrow_markdown(study))


def _compare_and_draw(records: Sequence[Record], sweep: Sweep, console: Console) -> Compared:
    """Compare runs, and draw what their networks learnt unless `comparison.pictures` is false."""
    compared = _compare(records, sweep, console)
    if not any(job.run.comparison.pictures for job in sweep.jobs):
        return compared
    from experiments.reporting.report.everyday import MOST_PARTS, write_networks

    say = partial(console.print, soft_wrap=True)
    drawn = write_networks(compared.study, sweep.folder, trusted=sweep.trusted, warn=warn, note=say)
    if drawn:
        names = ", ".join(path.stem for path in drawn)
        say(f"What the networks learnt: {shown(drawn[0].parent)} ({names})")
    tasks = len(compared.study.parts)
    if tasks > MOST_PARTS:
        say(f"For all {tasks} tasks: {to_type('pictures')} {shlex.quote(shown(sweep.folder))}")
    return replace(compared, files=[*compared.files, *drawn])


@cache
def _prepare_comparison() -> None:
    """Import what a comparison needs while workers train, which saves 0.2 s at the end.

    Errors are ignored here; the comparison itself raises them.
    """
    with suppress(Exception):
        from experiments.reporting.figures import drawing
        from experiments.reporting.report import everyday  # noqa: F401

        drawing.prepare()


# ---- listeners: publishing and output while runs train


class _Publisher(Listener):
    """Publishes runs, and defers interrupts to the points at which a sweep can stop."""

    def __init__(self, console: Console, publishing: LivePublishing) -> None:
        self._console = console
        self._publishing = publishing
        self._running: dict[int, Job] = {}
        self._raise_interrupt: Callable[[], None] = lambda: None
        self._waited = False
        self._owner_shown = OwnerShown(console)
        self._display = ExitStack()  # the live display while runs train

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Defer interrupts within the context to the calls of `check_for_interrupts`."""
        with interrupts_deferred() as check:
            self._raise_interrupt = check
            yield

    def check_for_interrupts(self) -> None:
        self._raise_interrupt()

    @property
    def needs_core(self) -> bool:
        return self._publishing.needs_core

    def note(self, message: str) -> None:
        self._console.print(f"note: {message}", soft_wrap=True)

    def batch_begun(self, jobs: Sequence[Job], title: str) -> None:
        self._publishing.open(jobs)

    def run_reused(self, job: Job, record: Record, earlier: Record) -> None:
        self._publishing.publish(job, record)

    def waiting(self, runs: int) -> None:
        if not self._waited:
            self._waited = True
            what = f"{runs} of these runs" if runs > 1 else "this run"
            self._console.print(f"waiting for another command, which trains {what}")
        self._publishing.poll()

    def waiting_for_folder(self, owner: str) -> None:
        self._owner_shown.show(owner)

    def training_begun(self, jobs: Sequence[Job], epochs: Sequence[int]) -> None:
        self._running = dict(enumerate(jobs))

    def progressed(self, epochs: float, losses: Sequence[float]) -> None:
        self._publishing.publish_progress(self._running.values)

    def run_ended(self, position: int, record: Record) -> None:
        self._publishing.publish(self._running.pop(position), record)

    def training_ended(self) -> None:
        self._display.close()


class _OneRun(_Publisher):
    """Shows the progress of a single run, and why it is trained, resumed or reused."""

    def run_reused(self, job: Job, record: Record, earlier: Record) -> None:
        self._console.print(
            f"{record.name} is finished already, trained on {earlier.finished:%Y-%m-%d %H:%M} UTC "
            f"in {shown(earlier.folder)}, and is not trained again (rerun=true retrains it)",
            soft_wrap=True,
        )
        super().run_reused(job, record, earlier)

    def planned(self, plan: Plan) -> None:
        if plan.resumed:
            self._console.print("resuming from the last checkpoint")
        elif plan.reasons:
            (reason,) = plan.reasons
            self._console.print(f"retraining: {reason}", soft_wrap=True)

    def training_begun(self, jobs: Sequence[Job], epochs: Sequence[int]) -> None:
        super().training_begun(jobs, epochs)
        self._bar = self._display.enter_context(ProgressBar(epochs[0]))

    def progressed(self, epochs: float, losses: Sequence[float]) -> None:
        self._bar.show_epoch(int(epochs), losses[0])
        super().progressed(epochs, losses)


class _ManyRuns(_Publisher):
    """Shows the plan and progress of a sweep, and the runs that fail."""

    def __init__(self, console: Console, publishing: LivePublishing, folder: Path) -> None:
        super().__init__(console, publishing)
        self._folder: Path | None = folder  # until it is shown
        self._preparing = SlowLoop("preparing runs")

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        with self._preparing, super().interruptible():
            yield

    def prepared(self, done: int, runs: int) -> None:
        self._preparing.show(done, runs)
        super().prepared(done, runs)

    def batch_begun(self, jobs: Sequence[Job], title: str) -> None:
        where = f" → {shown(self._folder)}" if self._folder is not None else ""
        self._folder = None
        self._waited = False
        self._console.print(title + where, soft_wrap=True)
        super().batch_begun(jobs, title)

    def planned(self, plan: Plan) -> None:
        of = f"of {plan.runs} runs"
        if plan.reused:
            self._console.print(
                f"{plan.reused} {of} are finished already and are not trained again "
                "(rerun=true retrains them)",
                soft_wrap=True,
            )
        if plan.resumed:
            self._console.print(f"{plan.resumed} {of} resume from their last checkpoint")
        for reason, count in plan.reasons.items():
            self._console.print(f"{count} {of} are retrained: {reason}", soft_wrap=True)

    def training_begun(self, jobs: Sequence[Job], epochs: Sequence[int]) -> None:
        super().training_begun(jobs, epochs)
        groups = [_group(job) for job in jobs]
        average = jobs[0].labels.get("aggregate", "mean")
        self._standings = self._display.enter_context(
            Standings(groups, sum(epochs), average=average)
        )

    def progressed(self, epochs: float, losses: Sequence[float]) -> None:
        _prepare_comparison()
        self._standings.show(epochs, losses)
        super().progressed(epochs, losses)

    def run_ended(self, position: int, record: Record) -> None:
        if record.status is Status.FAILED:
            self.warn(f"{record.name} failed: {record.message} (see {log_of(record)})")
        self._standings.end(position, record.objective)
        super().run_ended(position, record)

    def interrupted(self, error: KeyboardInterrupt | UserError) -> None:
        if isinstance(error, KeyboardInterrupt):
            self.warn(
                f"interrupted ({signal_of(error).name}); keeping what has finished "
                "(Ctrl-C exits immediately)"
            )


def _group(job: Job) -> str:
    """Return the common part of the names of runs that differ only in their seed."""
    return job.name.rpartition("-seed")[0]


# ---- the result of a run


def _print_result(console: Console, record: Record) -> None:
    """Print a run's status, its metrics and the folder of its record."""
    summary = record.summary

    def measured(*names: str) -> str:
        values = ((name, summary.get(name)) for name in names)
        return "  ".join(f"{name} {value:.4f}" for name, value in values if value is not None)

    status = record.status.words
    console.print(f"{record.name}: {status}" + (f" ({record.message})" if record.message else ""))
    for moment, names in _headline(record):
        values = measured(*names)
        if values:
            console.print(f"  {moment}: {values}")
    step, whole = summary.get("time/us_per_step"), summary.get("time/seconds")
    if step is not None and whole is not None:
        console.print(f"  {duration(step * 1e-6)} per step, {duration(whole)} in total")
    console.print(f"  record in {shown(record.folder)}", soft_wrap=True)


def _headline(record: Record) -> Iterator[tuple[str, Sequence[str]]]:
    """Choose what to print of a run: the moment in words, and the metrics."""

    def named(prefix: str) -> list[str]:
        measured = ("loss", "accuracy", "r2", *record.directions)
        return [f"{prefix}{quantity}" for quantity in dict.fromkeys(measured)]

    best, peak = (record.summary.get(f"{moment}/epoch") for moment in ("best", "test_peak"))
    if best is not None:
        yield f"best at epoch {best:.0f}", named("best/val_")
        yield f"test at epoch {best:.0f}", named("test/")
        return
    if set(record.dataset.get("rows") or ()) == {"train"}:
        yield "training at the last epoch", named("final/train_")
    yield "validation at the last epoch", named("final/val_")
    yield "test at the last epoch", named("test/")
    if peak is not None:
        yield f"peak on the test part, chosen on it, at epoch {peak:.0f}", named("test_peak/")
