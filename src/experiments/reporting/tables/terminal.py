"""The comparison in the terminal: a table, and below it in words what it does and does not say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from experiments.analysis.groups import group_runs, scopes
from experiments.analysis.study import Study
from experiments.palette import color_of
from experiments.reporting.tables.layout import (
    Column,
    columns,
    fitting,
    overall_columns,
    pair_columns,
    result_columns,
    telling_pairs,
)
from experiments.reporting.words.conclusions import headline, how, remarks, scope_names
from experiments.runs.record import Record

# Lines of words longer than this are hard to read, however wide the window is.
_WORDS_WIDTH = 100
_PLAIN = str.maketrans(
    {"±": "+/-", "†": "!", "µ": "u", "²": "2", "–": "-", "─": "-", "’": "'", "≥": ">=", "≤": "<="}
    | {"∞": "inf", "×": "x", "α": "alpha"}
)


class ComparisonView:
    """What Rich prints: `console.print(ComparisonView(records))`.

    Columns are left out, the least important first, until the table fits the width; the CSV
    of the report has them all. The best value of a column is bold, or has a star where the
    output is not a terminal. There is neither colour nor line drawing in that case.

    Parameters
    ----------
    records
        Runs of any status.
    by
        Grouping keys (see `experiments.reporting.tables.frames.comparison`).

    Raises
    ------
    ConfigError
        Where there are no records, or no run has one of the keys.
    """

    def __init__(self, records: Sequence[Record], by: Sequence[str] | None = None) -> None:
        self._records = list(records)
        self._groups = group_runs(self._records, by)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Render for the console's width and abilities."""
        for part in self._lines(console, options.max_width):
            if isinstance(part, Text) and not _speaks_unicode(console):
                yield Text(part.plain.translate(_PLAIN))
            else:
                yield part

    def _lines(self, console: Console, width: int) -> Iterator[Table | Text]:
        parts = scopes(self._groups)
        for part, name in zip(parts, scope_names(parts), strict=True):
            if len(parts) > 1:
                yield Text(name, style="bold")
            optimizers = [group.optimizer for group in part]
            yield _table(optimizers, columns(part), console, width)
            yield Text()
        if not console.is_terminal and len(self._groups) > len(parts):
            yield Text("* the best of its column")
        yield from _paragraph(headline(self._groups), console, width, "bold")
        for remark in remarks(self._records, self._groups):
            yield from _paragraph(remark, console, width, "dim")


def print_comparison(
    records: Sequence[Record], by: Sequence[str] | None = None, console: Console | None = None
) -> None:
    """Print the comparison of runs, to standard output unless another console is given."""
    (console or Console()).print(ComparisonView(records, by))


class StudyView:
    """A whole study for Rich: the conclusion in words first, then the tables it rests on.

    Parameters
    ----------
    study
        What `experiments.analysis.study.analyse` makes.
    """

    def __init__(self, study: Study) -> None:
        self._study = study

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Render for the console's width and abilities."""
        for part in self._lines(console, options.max_width):
            if isinstance(part, Text) and not _speaks_unicode(console):
                yield Text(part.plain.translate(_PLAIN))
            else:
                yield part

    def _lines(self, console: Console, width: int) -> Iterator[Table | Text]:
        for part in self._study.parts:
            several = len(self._study.parts) > 1
            text = f"On {part.name}: {part.conclusion}" if several else part.conclusion
            yield from _paragraph(text, console, width, "bold")
        for part in self._study.parts:
            yield Text()
            yield Text(part.name, style="bold")
            optimizers = [entry.optimizer for entry in part.entries]
            yield _table(optimizers, result_columns(part), console, width)
            pairs = telling_pairs(part)
            if pairs:
                yield Text()
                yield _table([], pair_columns(part, pairs), console, width)
            if len(pairs) < len(part.pairs):
                yield Text(f"{len(pairs)} of {len(part.pairs)} pairs", style="dim")
        if self._study.overall:
            yield Text()
            yield Text("All datasets (0 is the untrained network, 1 the best group)", style="bold")
            optimizers = [one.optimizer for one in self._study.overall]
            yield _table(optimizers, overall_columns(self._study), console, width)
        yield Text()
        for text in [how(self._study), *self._study.warnings]:
            yield from _paragraph(text, console, width, "dim")


def print_study(study: Study, console: Console | None = None) -> None:
    """Print a study, to standard output unless another console is given."""
    (console or Console(highlight=False)).print(StudyView(study))


def _paragraph(text: str, console: Console, width: int, style: str) -> Iterator[Text]:
    for line in Text(text).wrap(console, min(width, _WORDS_WIDTH)):
        line.stylize(style)
        yield line


def _table(optimizers: Sequence[str], laid: list[Column], console: Console, width: int) -> Table:
    """Make a table; a dot before each row has its optimizer's colour, where there are any."""
    pretty = console.is_terminal and _speaks_unicode(console)
    if not console.is_terminal:
        laid = [_starred(one) for one in laid]
    if not _speaks_unicode(console):
        laid = [_plain(one) for one in laid]
    dotted = bool(optimizers) and console.color_system is not None and _speaks_unicode(console)
    if dotted:
        laid = [_with_room_for_dots(laid[0]), *laid[1:]]
    # Rich would take away the blanks behind a number that line it up with the others.
    kept = [one if one.is_text else _to_the_right(one) for one in fitting(laid, width)]
    table = Table(
        box=SIMPLE_HEAD if pretty else None,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1 if pretty else 2, 0, 0),  # the box adds a space of its own
        header_style="bold",
    )
    for one in kept:
        table.add_column(one.header, no_wrap=True)
    for row in range(len(laid[0].cells)):
        cells = [
            Text(one.cells[row], style="bold green" if row in one.best else "") for one in kept
        ]
        if dotted:
            # The name itself keeps the terminal's colour: some of ours are unreadable on black.
            cells[0].stylize(color_of(optimizers[row]), 0, 1)
        table.add_row(*cells)
    return table


def _starred(one: Column) -> Column:
    if not one.best:
        return one
    cells = [cell + ("*" if row in one.best else " ") for row, cell in enumerate(one.cells)]
    return Column(one.header + " ", tuple(cells), one.best, one.rank, one.is_text)


def _with_room_for_dots(one: Column) -> Column:
    cells = tuple(f"● {cell}" for cell in one.cells)
    return Column(f"  {one.header}", cells, one.best, one.rank, one.is_text)


def _to_the_right(one: Column) -> Column:
    width = max(map(len, (one.header, *one.cells)))
    cells = tuple(cell.rjust(width) for cell in one.cells)
    return Column(one.header.rjust(width), cells, one.best, one.rank)


def _plain(one: Column) -> Column:
    cells = tuple(cell.translate(_PLAIN) for cell in one.cells)
    return Column(one.header.translate(_PLAIN), cells, one.best, one.rank, one.is_text)


def _speaks_unicode(console: Console) -> bool:
    return console.encoding.startswith("utf")
