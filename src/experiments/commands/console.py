"""What a command prints, and how."""

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
    """Return a path as short as it can be typed from here."""
    here = Path.cwd()
    return str(path.relative_to(here)) if here in path.parents else str(path)


def log_of(record: Record) -> str:
    """Return the path of a run's log, as short as it can be typed."""
    return shown(record.folder / "run.log")


class ProgressBar:
    """A bar over the epochs of a run; nothing where there is no terminal to show it.

    Parameters
    ----------
    epochs : int
    console : Console, optional
        Standard error by default, so that results can be redirected without it.
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
        """Show how far the run is, and its last validation loss."""
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
