"""Helpers for the output of commands: a log's path, what is awaited, plain text, a progress bar."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable
from typing import Any, Final, Self

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskProgressColumn, TextColumn
from rich.text import Text

from experiments.escape import for_terminal
from experiments.files.paths import shown
from experiments.reporting.words.formatting import duration
from experiments.runs.record import Record


class EscapingConsole(Console):
    """A console that shows names as they are, and never reads them as markup or control codes."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False, markup=False, emoji=False)

    def render_str(self, text: str, **options: Any) -> Text:
        """Render a string that was passed to :meth:`print`."""
        return super().render_str(for_terminal(text), **options)


class OwnerShown:
    """Shows which command is awaited, because it writes to the folder; each command once.

    Parameters
    ----------
    console : Console
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last = ""

    def show(self, owner: str) -> None:
        """Show a description of the folder's owner, unless it is the one that was shown last."""
        if owner != self._last:
            self._last = owner
            self._console.print(f"waiting for {owner}; Ctrl-C ends this command", soft_wrap=True)


def log_of(record: Record) -> str:
    """Return the path of a run's log, shortened by :func:`shown`."""
    return shown(record.folder / "run.log")


def plain_text(write: Callable[[Console], object]) -> str:
    """Return what is written to a console that is a file, in a notebook too: without colours."""
    text = io.StringIO()
    write(
        Console(
            file=text,
            width=_WIDTH,
            force_jupyter=False,
            force_terminal=False,
            color_system=None,
            highlight=False,
        )
    )
    return text.getvalue()


class NotebookDisplay:
    """A live display in a notebook's output, which is cleared at the end.

    Rich's own live display needs ipywidgets, which not every notebook has.

    Parameters
    ----------
    drawn : callable
        A function that returns the current content.
    """

    def __init__(self, drawn: Callable[[], RenderableType]) -> None:
        self._drawn = drawn
        self._handle: Any = None
        self._next = 0.0

    def refresh(self) -> None:
        """Redraw the content, unless that was done a short time ago."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _BETWEEN
            self._show(plain_text(lambda console: console.print(self._drawn())))

    def close(self) -> None:
        """Clear the display."""
        if self._handle is not None:
            self._show("")

    def _show(self, text: str) -> None:
        data = {"text/plain": text}
        if self._handle is None:
            from IPython.display import display

            self._handle = display(data, raw=True, display_id=True)
        else:
            self._handle.update(data, raw=True)


_PATIENCE: Final = 1.0  # seconds before a slow loop shows its progress
_BETWEEN: Final = 0.5  # seconds between two drawings in a notebook
_WIDTH: Final = 100  # characters of a line without a terminal


class TimeLeft(ProgressColumn):
    """The time that a task will still take, known as soon as any of it is done.

    Rich's own column forgets what is longer ago than half a minute, so that it knows nothing about
    a task whose parts take longer.
    """

    max_refresh = 0.5  # seconds

    def render(self, task: Task) -> Text:
        """Show the time left, at the average speed so far."""
        speed = task.speed
        if not speed and task.elapsed:  # one part is done
            speed = task.completed / task.elapsed
        if task.finished or not speed or task.remaining is None:
            return Text("")
        left = duration(math.ceil(task.remaining / speed))
        return Text(f"{left} left", style="progress.remaining")


def bar(console: Console) -> Progress:
    """Return a progress bar with a description, a share and the time left; hidden in a file."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeLeft(),
        console=console,
        speed_estimate_period=math.inf,
        transient=True,
        disable=not console.is_terminal,
    )


class SlowLoop:
    """A progress bar that appears on a terminal when a loop takes longer than a second.

    Parameters
    ----------
    description : str
        A description of the loop, such as "composing".
    console : Console, optional
        The console of the bar; by default standard error.
    clock : callable, optional
        A function that returns the time in seconds.
    """

    def __init__(
        self,
        description: str,
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bar = bar(console or Console(stderr=True))
        self._task = self._bar.add_task(description, start=False)
        self._clock = clock
        self._began = clock()

    def show(self, done: int, total: int) -> None:
        """Show how many of the loop's steps are done; begin with 0, and end with `total`."""
        if done == 0:
            self._began = self._clock()
            self._bar.reset(self._task, total=total)
        self._bar.update(self._task, completed=done)
        if done == total:
            self._hide()
        elif self._clock() - self._began > _PATIENCE and not self._bar.live.is_started:
            self._bar.start()

    def _hide(self) -> None:
        if self._bar.live.is_started:
            self._bar.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._hide()


class ProgressBar:
    """A progress bar over the epochs of a run, on a terminal and in a notebook; hidden elsewhere.

    Parameters
    ----------
    epochs : int
        The number of epochs of the run.
    console : Console, optional
        The console of the bar; by default standard error, so that redirected output stays clean.
    """

    def __init__(self, epochs: int, console: Console | None = None) -> None:
        console = console or EscapingConsole(stderr=True)
        self._progress = bar(console)
        self._task = self._progress.add_task("training", total=epochs)
        self._epochs = epochs
        self._notebook = NotebookDisplay(lambda: self._progress) if console.is_jupyter else None

    def show_epoch(self, epoch: int, loss: float) -> None:
        """Show the last epoch and its validation loss."""
        text = f"epoch {epoch}/{self._epochs}  loss {loss:.4g}"
        self._progress.update(self._task, completed=epoch, description=text)
        if self._notebook is not None:
            self._notebook.refresh()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
        if self._notebook is not None:
            self._notebook.close()
