"""What `run.py` does: one run, from configuration to record to tracker."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn

from experiments.commands.hydra.show_config import asks_for_config, identity_added
from experiments.commands.interrupts import interrupts_deferred
from experiments.config.trust import search_working_directory

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from rich.console import Console

    from experiments.tracking.process import Destination, PublishingProcess

_FULL_ERROR = "HYDRA_FULL_ERROR"
_SILENCE = 2.0  # seconds of waiting for the tracker before it is said
_DISK_IS_FULL = (errno.ENOSPC, errno.EDQUOT)


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

    # Slow imports wait until something is to be trained: --help and --cfg stay quick.
    with interrupts_deferred():  # compiled modules would swallow them
        from experiments.commands import train as single_run
        from experiments.datasets.sources.paths import relative_paths_start_at

    hydra = HydraConfig.get()
    try:
        with relative_paths_start_at(Path(hydra.runtime.cwd)):  # it may have changed directory
            return single_run.run(config)
    except UserError as error:
        if hydra.mode is RunMode.MULTIRUN:
            raise  # the sweep goes on with its other jobs
        fail(str(error))


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
    with interrupts_deferred():  # compiled modules would swallow them
        from experiments.commands.hydra.files import name_broken_files
        from experiments.commands.hydra.interrupts import have_hydra_compose_undisturbed
        from experiments.errors import UserError

        name_broken_files()
        have_hydra_compose_undisturbed()
    if os.environ.get(_FULL_ERROR):
        yield
        return
    os.environ[_FULL_ERROR] = "1"  # Hydra hands exceptions on instead of printing them
    try:
        if {"-m", "--multirun"} & set(sys.argv):
            with interrupts_deferred():
                from experiments.commands.hydra.defer import deferred
            sys.argv[1:] = deferred(sys.argv[1:], Path(sys.argv[0]))
        with identity_added() if asks_for_config(sys.argv[1:]) else nullcontext():
            yield
    except UserError as error:
        fail(str(error))
    except Exception as error:
        message = _message(error)
        if message is None:
            raise
        fail(message)


def _message(error: Exception) -> str | None:
    """Say what Hydra, OmegaConf or the file system refused; None for a defect of ours."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from experiments.commands.hydra.compose import first_lines
    from experiments.commands.hydra.explain import explain

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
