"""What `run.py` does: one run, from configuration to record to tracker."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, NoReturn

from experiments.own_modules import search_working_directory
from experiments.shown_config import asks_for_config, identity_added
from experiments.warning import warn

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from rich.console import Console

    from experiments.execution import Execution
    from experiments.records import Record
    from experiments.tracking.process import Destination, PublishingProcess

_FULL_ERROR = "HYDRA_FULL_ERROR"
_PATIENCE = 10.0  # seconds that an epoch gets to end after Ctrl-C
_SILENCE = 2.0  # seconds of waiting for the tracker before it is said
_DISK_IS_FULL = (errno.ENOSPC, errno.EDQUOT)
_BY_SIGNAL = 128  # plus the signal's number: the exit status, as shells have it


def run(config: DictConfig) -> float:
    """Train one run, write its record and publish it.

    Parameters
    ----------
    config : DictConfig
        As Hydra composed it.

    Returns
    -------
    float
        The record's objective, for sweepers that search.
    """
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    from experiments.errors import UserError

    try:
        return _run(config)
    except UserError as error:
        if HydraConfig.get().mode is RunMode.MULTIRUN:
            raise  # the sweep goes on with its other jobs
        fail(str(error))


def _run(config: DictConfig) -> float:
    # Slow imports wait until something is to be trained: --help and --cfg stay quick.
    from collections import deque

    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from rich.console import Console

    from experiments.errors import ConfigError, UserError
    from experiments.execution import Execution, cached_dataset, execute
    from experiments.jobs import make_job
    from experiments.masking import mask_files
    from experiments.progress import ProgressBar
    from experiments.records import RECORD, Record
    from experiments.sweeps.composition import first_lines
    from experiments.sweeps.naming import id_by_folder
    from experiments.tracking.process import Destination, PublishingProcess
    from experiments.tracking.tracker import choose_models

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
    job = make_job(
        {str(key): value for key, value in resolved.items()},
        choices=dict(hydra.runtime.choices),
        overrides=list(hydra.overrides.task),
        folder=Path(hydra.runtime.output_dir),
        sweep=id_by_folder(Path(hydra.sweep.dir)) if in_sweep else None,
    )
    console = Console(highlight=False)
    tracked = job.run.tracking.enabled
    destination = Destination(job.run.tracking, job.run.experiment_name)
    with PublishingProcess(warn) if tracked else nullcontext() as publishing:
        if publishing is not None:
            publishing.open(destination)
        dataset = cached_dataset(job.run.dataset)
        execution = Execution(job, dataset)
        if job.run.rerun:
            execution.forget()
        earlier = execution.take_over()
        interrupt: KeyboardInterrupt | None = None
        if earlier is None:
            if not job.run.rerun:
                _announce(console, execution)
            try:
                with ProgressBar(job.run.training.epochs) as bar, interrupts_between_epochs() as ok:

                    def on_epoch(epoch: int, losses: Sequence[tuple[int, float]]) -> None:
                        bar.show_epoch(epoch, losses)
                        if publishing is not None:
                            publishing.publish_progress(lambda: [(destination, job.folder)])
                        ok()

                    deque(execute([job], dataset, on_epoch), maxlen=0)
            except KeyboardInterrupt as error:
                if not (job.folder / RECORD).exists():
                    raise  # before there was anything to record
                interrupt = error
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
                from experiments.analysis.report import write_learning_curves

                write_learning_curves(record)
            publishing.publish_models(destination, [job.folder])
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


def finish_publishing(
    console: Console,
    publishing: PublishingProcess,
    destination: Destination,
    folder: Path,
    sweep: str | None = None,
) -> None:
    """Wait for the tracker; say what is not published and how to do it, and where to look."""
    started, said = time.monotonic(), False

    def say(left: int) -> None:
        nonlocal said
        if not said and time.monotonic() - started > _SILENCE:
            said = True
            what = f"publishing: {_runs(left)} left" if left else "publishing"
            console.print(f"{what} (Ctrl-C leaves it for later)", soft_wrap=True)

    published = None
    try:
        published = publishing.finish(destination, sweep, say)
    finally:
        if publishing.unpublished:
            console.print(
                f"{_runs(publishing.unpublished)} not published yet; publish with\n"
                f"  python scripts/publish.py {shown(folder)}",
                soft_wrap=True,
            )
    if published.where:
        console.print("Open in the MLflow UI:", *published.where, sep="\n  ", soft_wrap=True)


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"


def shown(path: Path) -> str:
    """Return a path as short as it can be typed from here."""
    here = Path.cwd()
    return str(path.relative_to(here)) if here in path.parents else str(path)


@contextmanager
def friendly_errors() -> Iterator[None]:
    """Show a user's mistake as one message and exit with status 1; let defects show in full.

    Hydra would otherwise print its own mistakes without suggestions and ours with a traceback.
    Whoever sets HYDRA_FULL_ERROR gets the traceback of everything.
    """
    search_working_directory()
    if os.environ.get(_FULL_ERROR):
        yield
        return
    os.environ[_FULL_ERROR] = "1"  # Hydra hands exceptions on instead of printing them
    from experiments.errors import UserError

    for number in _terminating():
        if signal.getsignal(number) != signal.SIG_IGN:  # as nohup has it
            signal.signal(number, _terminate)
    try:
        if {"-m", "--multirun"} & set(sys.argv):
            from experiments.sweeps.deferring import deferred

            sys.argv[1:] = deferred(sys.argv[1:], Path(sys.argv[0]))
        with identity_added() if asks_for_config(sys.argv[1:]) else nullcontext():
            yield
    except KeyboardInterrupt as error:
        # Whoever asks again is being obeyed already: the rest takes a moment.
        for number in (signal.SIGINT, *_terminating()):
            signal.signal(number, signal.SIG_IGN)
        sys.exit(_BY_SIGNAL + signal_of(error))
    except UserError as error:
        fail(str(error))
    except Exception as error:
        message = _message(error)
        if message is None:
            raise
        fail(message)


@contextmanager
def interrupts_between_epochs() -> Iterator[Callable[[], None]]:
    """Have Ctrl-C, and what else asks the program to end, wait for the end of an epoch.

    There a run can be kept so that it goes on later. A second one is not held up, nor is the
    first longer than `_PATIENCE`.

    Yields
    ------
    callable
        To be called after each epoch; raises the interrupt that has come meanwhile.
    """
    if threading.current_thread() is not threading.main_thread():  # which gets all signals
        yield lambda: None
        return
    came: list[KeyboardInterrupt] = []

    def raise_it() -> None:
        if came:
            raise came[0]

    def handle(number: int, _: FrameType | None) -> None:
        if came:
            raise_it()
        came.append(KeyboardInterrupt() if number == signal.SIGINT else Terminated(number))
        if hasattr(signal, "setitimer"):  # Windows has none
            signal.signal(signal.SIGALRM, lambda *_: raise_it())
            signal.setitimer(signal.ITIMER_REAL, _PATIENCE)

    handled = [s for s in (signal.SIGINT, *_terminating()) if signal.getsignal(s) != signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in handled}
    try:
        yield raise_it
    finally:
        if came and hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
    raise_it()


class Terminated(KeyboardInterrupt):
    """Another signal that asks the program to end, handled as Ctrl-C is."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def signal_of(interrupt: KeyboardInterrupt) -> signal.Signals:
    """Return the signal that asked the program to end."""
    return signal.Signals(interrupt.number) if isinstance(interrupt, Terminated) else signal.SIGINT


def _terminating() -> list[signal.Signals]:
    """Return the signals that ask a program to end; Windows has no SIGHUP."""
    names = ("SIGTERM", "SIGHUP")
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


def _terminate(number: int, _: FrameType | None) -> None:
    raise Terminated(number)


def _message(error: Exception) -> str | None:
    """Say what Hydra, OmegaConf or the file system refused; None for a defect of ours."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from experiments.sweeps.composition import first_lines
    from experiments.sweeps.explaining import explain

    # Hydra's own exceptions, one of which is an OSError, and those it leaves plain.
    if isinstance(error, HydraException) or (
        isinstance(error, ValueError) and _raised_in(error.__traceback__).startswith("hydra.")
    ):
        return explain(error, sys.argv[1:])
    if isinstance(error, OSError) and (error.filename is not None or error.errno in _DISK_IS_FULL):
        where = f"{error.filename}: " if error.filename is not None else ""
        return (
            f"{where}{error.strerror}. Another place for results is chosen with "
            "hydra.run.dir=FOLDER, or hydra.sweep.dir=FOLDER for a sweep"
        )
    if isinstance(error, OmegaConfBaseException):
        return first_lines(error)
    return None


def _raised_in(trace: TracebackType | None) -> str:
    """Return the name of the module in which an error came up."""
    module = ""
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        trace = trace.tb_next
    return module


def fail(message: str) -> NoReturn:
    """Print an error to standard error and exit with status 1."""
    print(f"error: {message}", file=sys.stderr)
    sys.exit(1)
