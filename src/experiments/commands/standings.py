"""The progress of a sweep on the terminal: a bar and, after a few seconds, a table of groups."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Final, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from experiments.commands.console import EscapingConsole, NotebookDisplay, bar
from experiments.escape import visible
from experiments.palette import color_of
from experiments.reporting.words.formatting import compact

_AFTER: Final = 3.0  # seconds before the table is shown
_A_SECOND: Final = 2  # redraws per second
_NUMBERS: Final = 40  # columns of the terminal that the numbers take
_OTHER_LINES: Final = 6  # heading of two lines, rule, hidden groups, bar, and the cursor's line


class Standings:
    """A live display of a sweep's progress and groups, on a terminal and in a notebook.

    Parameters
    ----------
    groups : sequence of str
        The group of each run, which is the run's name without its seed. The part up to the first
        hyphen is the optimizer's name.
    epochs : int
        The number of epochs of all runs together.
    console : Console, optional
        The console of the display; by default standard error, so that redirected output stays
        clean.
    clock : callable, optional
        A function that returns the time in seconds.
    average : {"mean", "median"}, default "mean"
        The average of a group by which settings are chosen.
    """

    def __init__(
        self,
        groups: Sequence[str],
        epochs: int,
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
        average: str = "mean",
    ) -> None:
        self._groups = groups
        self._average = average
        self._losses: list[float | None] = [None] * len(groups)
        self._ended = [False] * len(groups)
        self._console = console or EscapingConsole(stderr=True)
        self._clock = clock
        self._started = clock()
        self._bar = bar(self._console)
        self._task = self._bar.add_task("training", total=epochs)
        self._live = Live(
            get_renderable=self._drawn,
            console=self._console,
            refresh_per_second=_A_SECOND,
            transient=True,
            vertical_overflow="crop",
        )
        self._notebook = NotebookDisplay(self._drawn) if self._console.is_jupyter else None

    def show(self, epochs: float, losses: Sequence[float]) -> None:
        """Update the progress of the runs.

        Parameters
        ----------
        epochs : float
            The number of epochs that all runs together have finished.
        losses : sequence of float
            The loss by which each run counts so far; 0 before the first and after the run's end.
        """
        for run, loss in enumerate(losses):
            if loss and math.isfinite(loss) and not self._ended[run]:
                self._losses[run] = float(loss)
        ended = sum(self._ended)
        self._bar.update(
            self._task, completed=epochs, description=f"{ended}/{len(self._groups)} runs"
        )
        if self._notebook is not None:
            self._notebook.refresh()

    def end(self, run: int, loss: float) -> None:
        """Mark a run as ended, with the loss by which it counts; infinite if it diverged."""
        self._ended[run] = True
        self._losses[run] = loss

    def _drawn(self) -> RenderableType:
        if self._clock() - self._started < _AFTER:
            return self._bar
        return Group(self._table(), self._bar)

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False, show_edge=False, header_style="dim")
        room = min(36, self._console.width - _NUMBERS)
        table.add_column("group", no_wrap=True, overflow="ellipsis", max_width=max(8, room))
        table.add_column(f"{self._average} of\nlosses", justify="right", no_wrap=True)
        table.add_column("middle half", justify="right", no_wrap=True)
        table.add_column("left", justify="right", no_wrap=True)
        runs: dict[str, list[int]] = {}
        for run, group in enumerate(self._groups):
            runs.setdefault(group, []).append(run)
        rows = sorted(
            (self._averaged([self._losses[run] for run in members]), place, group, members)
            for place, (group, members) in enumerate(runs.items())
        )
        shown = max(3, self._console.height - _OTHER_LINES)
        for average, _, group, members in rows[:shown]:
            measured = [loss for run in members if (loss := self._losses[run]) is not None]
            left = sum(not self._ended[run] for run in members)
            mark = Text("● ", style=color_of(group.partition("-")[0]))
            middle = _middle_half(measured)
            name, value = mark + Text(visible(group)), _shown(average) if measured else ""
            table.add_row(name, value, middle, str(left or "–"))
        if len(rows) > shown:
            hidden = len(rows) - shown
            words = f"  {hidden} group{'s' if hidden > 1 else ''} hidden"
            table.add_row(Text(words, style="dim"))
        return table

    def _averaged(self, values: Sequence[float | None]) -> float:
        """Return the average of the known values, infinite if a run that counts diverged."""
        known = [value for value in values if value is not None and not math.isnan(value)]
        if not known:
            return math.inf
        return statistics.median(known) if self._average == "median" else statistics.fmean(known)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()
        if self._notebook is not None:
            self._notebook.close()


def _middle_half(values: Sequence[float]) -> str:
    """Write the interquartile range of at least three values."""
    if len(values) < 3:
        return ""
    low, _, high = statistics.quantiles(
        (min(value, 1e300) for value in values), n=4, method="inclusive"
    )
    return f"{_shown(low)} – {_shown(high)}"


def _shown(value: float) -> str:
    return "diverged" if value >= 1e299 else compact(value)
