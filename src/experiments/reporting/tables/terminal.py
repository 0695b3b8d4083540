"""Show a comparison in the terminal: tables, and their meaning and limits in words."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from experiments.analysis.study import Study
from experiments.escape import visible
from experiments.palette import color_of
from experiments.reporting.tables.layout import (
    Column,
    fitting,
    narrow_columns,
    notes_of,
    overall_columns,
    pair_columns,
    result_columns,
    telling_pairs,
)
from experiments.reporting.words.ascii import PLAIN
from experiments.reporting.words.conclusions import conclusions, how
from experiments.reporting.words.limits import limits_of, warnings_of

# Longer lines of text are hard to read, even in a wide window.
_WORDS_WIDTH = 100
# A table is never cut: in a window that is too narrow for it, the terminal breaks its lines.
_ANY_WIDTH = 10_000
_PLAIN = str.maketrans(PLAIN)


class _View(ABC):
    """A study rendered with Rich for the width and encoding of a console.

    Columns are dropped, the least important first, until a table fits the width; what remains is
    never cut. The best value
    of a column is bold. If the output is not a terminal, it has a star instead, and there are
    neither colours nor line drawings.

    Parameters
    ----------
    study : Study
        The result of `experiments.analysis.analyse`.
    """

    def __init__(self, study: Study) -> None:
        self._study = study

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Render for the width and encoding of the console."""
        for part in self._lines(_Page(console, options.max_width)):
            if isinstance(part, Table):
                yield from console.render(part, options.update(width=_ANY_WIDTH))
            elif isinstance(part, Text) and not _speaks_unicode(console):
                yield Text(_plain(part.plain))
            else:
                yield part

    @abstractmethod
    def _lines(self, page: _Page) -> Iterator[Table | Text]:
        """Yield tables and lines of text from top to bottom."""


class ComparisonView(_View):
    """The narrow view of a study, shown at the end of a sweep: a table, then the conclusions."""

    def _lines(self, page: _Page) -> Iterator[Table | Text]:
        parts = self._study.parts
        for part in parts:
            if len(parts) > 1:
                yield Text(visible(part.name), style="bold")
            yield page.table(narrow_columns(part), [entry.optimizer for entry in part.entries])
            yield Text()
        yield from page.legend()
        for text in conclusions(self._study):
            yield from page.paragraph(text, "bold")
        explained = [*page.notes, *how(self._study, in_full=False)]
        for text in [" ".join(explained), *limits_of(self._study)]:
            yield from page.paragraph(text, "dim")


def print_comparison(study: Study, console: Console | None = None) -> None:
    """Print the narrow view of a study, by default to standard output."""
    (console or Console()).print(ComparisonView(study), crop=False)


class StudyView(_View):
    """The full view of a study: the conclusions, then the tables behind them."""

    def _lines(self, page: _Page) -> Iterator[Table | Text]:
        for text in conclusions(self._study):
            yield from page.paragraph(text, "bold")
        for part in self._study.parts:
            yield Text()
            yield Text(visible(part.name), style="bold")
            yield page.table(result_columns(part), [entry.optimizer for entry in part.entries])
            pairs = telling_pairs(part)
            if pairs:
                yield Text()
                yield page.table(pair_columns(part, pairs))
            if len(pairs) < len(part.separable_pairs):
                yield Text(f"{len(pairs)} of {len(part.separable_pairs)} pairs", style="dim")
        if self._study.overall:
            yield Text()
            yield Text("All datasets (0 is the untrained network, 1 the best group)", style="bold")
            optimizers = [one.optimizer for one in self._study.overall]
            yield page.table(overall_columns(self._study), optimizers)
        yield Text()
        yield from page.legend()
        for text in [" ".join([*page.notes, *how(self._study)]), *warnings_of(self._study)]:
            yield from page.paragraph(text, "dim")


def print_study(study: Study, console: Console | None = None) -> None:
    """Print a study, by default to standard output."""
    (console or Console(highlight=False)).print(StudyView(study), crop=False)


class _Page:
    """A console of some width, and the columns that tables have shown on it."""

    def __init__(self, console: Console, width: int) -> None:
        self._console = console
        self._width = width
        self._shown: list[Column] = []

    @property
    def notes(self) -> list[str]:
        """The notes of the columns that tables have shown so far."""
        return notes_of(self._shown)

    def legend(self) -> Iterator[Text]:
        """Explain the star, if a table has one."""
        if not self._console.is_terminal and any(one.best for one in self._shown):
            yield Text("* best of its column")

    def paragraph(self, text: str, style: str) -> Iterator[Text]:
        """Break a paragraph into lines."""
        for line in Text(visible(text)).wrap(self._console, min(self._width, _WORDS_WIDTH)):
            line.stylize(style)
            yield line

    def table(self, laid: list[Column], optimizers: Sequence[str] = ()) -> Table:
        """Make a table, with a dot in the optimizer's colour before each row that has one."""
        console = self._console
        pretty = console.is_terminal and _speaks_unicode(console)
        laid = [_mapped(one, visible) for one in laid]
        if not console.is_terminal:
            laid = [_starred(one) for one in laid]
        if not _speaks_unicode(console):
            laid = [_mapped(one, _plain) for one in laid]
        dotted = bool(optimizers) and console.color_system is not None and _speaks_unicode(console)
        if dotted:
            laid = [_with_room_for_dots(laid[0]), *laid[1:]]
        # Rich strips the trailing blanks that align numbers, so these are padded on the left.
        kept = [one if one.is_text else _to_the_right(one) for one in fitting(laid, self._width)]
        self._shown += kept
        table = Table(
            box=SIMPLE_HEAD if pretty else None,
            show_edge=False,
            pad_edge=False,
            padding=(0, 1 if pretty else 2, 0, 0),  # the box adds a space
            header_style="bold",
        )
        for one in kept:
            table.add_column(one.header, no_wrap=True)
        for row in range(len(laid[0].cells)):
            cells = [
                Text(one.cells[row], style="bold green" if row in one.best else "") for one in kept
            ]
            if dotted:
                # Only the dot is coloured: some of the colours are unreadable as text on black.
                cells[0].stylize(color_of(optimizers[row]), 0, 1)
            table.add_row(*cells)
        return table


def _starred(one: Column) -> Column:
    if not one.best:
        return one
    cells = [cell + ("*" if row in one.best else " ") for row, cell in enumerate(one.cells)]
    return replace(one, header=one.header + " ", cells=tuple(cells))


def _with_room_for_dots(one: Column) -> Column:
    cells = tuple(f"● {cell}" for cell in one.cells)
    return replace(one, header=f"  {one.header}", cells=cells)


def _to_the_right(one: Column) -> Column:
    width = max(map(len, (one.header, *one.cells)))
    cells = tuple(cell.rjust(width) for cell in one.cells)
    return replace(one, header=one.header.rjust(width), cells=cells)


def _mapped(one: Column, change: Callable[[str], str]) -> Column:
    return replace(one, header=change(one.header), cells=tuple(map(change, one.cells)))


def _plain(text: str) -> str:
    return text.translate(_PLAIN)


def _speaks_unicode(console: Console) -> bool:
    return console.encoding.startswith("utf")
