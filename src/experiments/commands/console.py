"""Helpers for the output of commands: paths and a progress bar."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from experiments.runs.record import Record


def shown(path: Path) -> str:
    """Return a path, relative to the working directory if it is below it."""
    here = Path.cwd()
    return str(path.relative_to(here)) if here in path.parents else str(path)


def log_of(record: Record) -> str:
    """Return the path of a run's log, shortened by :func:`shown`."""
    return shown(record.folder / "run.log")


class ProgressBar:
    """A progress bar over the epochs of a run, shown only on a terminal.

    Parameters
    ----------
    epochs : int
        The number of epochs of the run.
    console : Console, optional
        The console of the bar; by default standard error, so that redirected output stays clean.
    """

    def __init__(self, epochs: int, console: Console | None = None) -> None:
        console = console or Console(stderr=True)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("training", total=epochs)
        self._epochs = epochs

    def show_epoch(self, epoch: int, loss: float) -> None:
        """Show the last epoch and its validation loss."""
        text = f"epoch {epoch}/{self._epochs}  val/loss {loss:.4g}"
        self._progress.update(self._task, completed=epoch, description=text)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()
