"""Progress on the terminal; nothing where there is no terminal to show it."""

from __future__ import annotations

from collections.abc import Sequence
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


class ProgressBar:
    """A bar over the epochs of a run, or of all runs of a sweep.

    Parameters
    ----------
    epochs : int
        Of all runs together.
    runs : int, default 1
    console : Console, optional
        Standard error by default, so that results can be redirected without it.
    """

    def __init__(self, epochs: int, runs: int = 1, console: Console | None = None) -> None:
        self.runs = runs
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

    def show_epoch(self, epoch: int, losses: Sequence[tuple[int, float]]) -> None:
        """Show how far a single run is."""
        loss = losses[0][1]
        text = f"epoch {epoch}/{self._epochs}  val/loss {loss:.4g}"
        self._progress.update(self._task, completed=epoch, description=text)

    def show_sweep(self, done: int, epochs: float, loss: float | None = None) -> None:
        """Show how far a sweep is.

        Parameters
        ----------
        done : int
            Runs that have ended.
        epochs : float
            Epochs that all runs together have finished.
        loss : float, optional
            Median of the validation losses of the runs that are training.
        """
        each, mean = self._epochs / self.runs, epochs / self.runs
        text = f"{done}/{self.runs} runs done  epoch {mean:.0f}/{each:.0f}"
        if loss is not None:
            text += f"  median val/loss {loss:.4g}"
        self._progress.update(self._task, completed=epochs, description=text)

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
