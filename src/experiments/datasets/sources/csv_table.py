"""Tables of the user's own, in CSV or Parquet files."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.dataset import Dataset, Task
from experiments.datasets.number_columns import NumberColumns
from experiments.datasets.preprocessing import Unknown
from experiments.datasets.reading.dates import ISO, formats_of, read_dates
from experiments.datasets.reading.notation import MISSING, Notation
from experiments.datasets.reading.quantities import quantity_cure, sample
from experiments.datasets.reading.raw_table import RawTable, column_name, quoted
from experiments.datasets.reading.table_file import TableFormat, is_encoding, read_table, unescaped
from experiments.datasets.reading.text_column import mapped
from experiments.datasets.source import SplitSource
from experiments.datasets.sources.csv_targets import Targets, check_finite, read_targets
from experiments.datasets.sources.paths import user_path
from experiments.datasets.table import Table
from experiments.errors import ConfigError, DataError
from nn.component import Interval, suggestion
from nn.losses import Loss, TargetForm


@dataclass(frozen=True, kw_only=True)
class Csv(SplitSource):
    r"""A table with a header line.

    A column is numeric if at least half of its cells are numbers (any other cell is then an
    error), else categorical and one-hot encoded. What was inferred is logged.

    Parameters
    ----------
    seed, limit, split, counts, validation, test, scaling
        See `SplitSource`; `scaling` is for the numeric columns.
    path : str
        The file, relative to `dir`: CSV, also compressed (gzip, bzip2, xz or zip), or Parquet.
    dir : str, default "."
        A folder, relative to where the command is given.
    target : str or sequence of str
        The column to predict, or several columns.
    task : {"binary", "multiclass", "multilabel", "regression"}, optional
        The kind of prediction; by default inferred. A single target is a class if it is text, or
        whole numbers with at most 20 distinct values that occur twice on average; otherwise it is
        a number (regression). Several targets are labels if all are 0 or 1, and numbers otherwise.
        If numbers could be either, a loss for numbers makes them numbers. Text that holds
        numbers in another notation, quantities or dates, or that hardly repeats, is refused.
    missing : {"refuse", "mean", "median", "drop"}, default "refuse"
        The treatment of missing inputs: refuse the file; replace them by the column's mean or
        median in the training part (a category by the most frequent one); drop their rows.
        Missing targets are never replaced: their rows are dropped, or the file is refused.
    categorical : sequence of str
        Categorical columns that look like numbers, such as postal codes.
    ignore : sequence of str
        Columns to leave out, such as names and row numbers.
    dates : sequence of str
        Columns of dates, with or without a time of day. Each becomes a number: days since
        1970-01-01. The format is detected and stored with the run.
    unknown : {"error", "ignore"}, default "error"
        The treatment, in prediction, of a level that the table does not have: refuse the row, or
        encode it as none of the levels.
    missing_values : sequence of str
        The texts that mean a missing value, whatever their case; an empty cell always does. An
        empty list keeps texts such as NA.
    delimiter : str, optional
        A single character, or \t for a tab; by default detected (comma, semicolon, tab or |).
    decimal : str, default "."
        The decimal mark of numbers.
    thousands : str, optional
        The character between groups of digits, as in 1,234; none by default.
    encoding : str, default "utf-8"
        The encoding of the text, as Python calls it: "latin-1", "cp1252", "utf-16".
    max_levels : int, default 50
        Largest number of levels in a categorical column; a column with more is likely a name.
    scale_targets : bool, default True
        Whether regression targets are standardised.
    verify : bool, default False
        Whether to read the file even if it looks unchanged since it was cached. Two sources that
        differ in nothing else are equal.

    Raises
    ------
    ConfigError
        At construction, if a field is invalid or `target` names no column, or one that is also in
        `categorical` or `ignore`.
    """

    path: str
    target: str | tuple[str, ...]
    dir: str = "."
    task: Literal["binary", "multiclass", "multilabel", "regression"] | None = None
    missing: Literal["refuse", "mean", "median", "drop"] = "refuse"
    categorical: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    unknown: Unknown = "error"
    missing_values: tuple[str | float | None, ...] = MISSING
    delimiter: str | None = None
    decimal: str = "."
    thousands: str | None = None
    encoding: str = "utf-8"
    max_levels: Annotated[int, Interval(2)] = 50
    scale_targets: bool = True
    verify: bool = field(default=False, compare=False)
    target_form: TargetForm | None = field(default=None, init=False)  # set by `for_loss`

    def __post_init__(self) -> None:
        for name in ("target", "categorical", "ignore", "dates"):
            value = getattr(self, name)
            # OmegaConf's lists become tuples.
            if isinstance(value, Sequence) and not isinstance(value, str):
                value = tuple(column_name(v) if isinstance(v, str) else v for v in value)
            object.__setattr__(self, name, column_name(value) if isinstance(value, str) else value)
        if isinstance(self.missing_values, Sequence) and not isinstance(self.missing_values, str):
            object.__setattr__(self, "missing_values", tuple(map(_text, self.missing_values)))
        object.__setattr__(self, "delimiter", unescaped(self.delimiter))
        super().__post_init__()
        if not self._targets:
            raise ConfigError("dataset Csv: dataset.target names no column. Name at least one.")
        named = {"target": self._targets, **self._named_inputs}
        for (one, columns), (other, others) in combinations(named.items(), 2):
            both = [name for name in columns if name in others]
            if both:
                raise ConfigError(
                    f"dataset Csv: {both[0]!r} is in dataset.{one} and in dataset.{other}. "
                    "Take it out of one."
                )
        if self.delimiter is not None and (len(self.delimiter) != 1 or self.delimiter in '"\r\n'):
            raise ConfigError(
                f"dataset Csv: dataset.delimiter is {self.delimiter!r}. Give one character, such "
                "as ',' or ';', neither quote nor line end."
            )
        if not is_encoding(self.encoding):
            raise ConfigError(
                f"dataset Csv: dataset.encoding is {self.encoding!r}, which Python does not know. "
                "Give one such as utf-8, latin-1, cp1252 or utf-16."
            )
        try:
            _ = self.notation
        except ConfigError as error:
            raise ConfigError(f"dataset Csv: {error}") from None

    @property
    def notation(self) -> Notation:
        """How the cells write numbers and missing values."""
        return Notation(self.decimal, self.thousands, tuple(map(_text, self.missing_values)))

    @property
    def _named_inputs(self) -> dict[str, tuple[str, ...]]:
        """The columns that each option for inputs names."""
        return {"categorical": self.categorical, "ignore": self.ignore, "dates": self.dates}

    @property
    def _targets(self) -> tuple[str, ...]:
        return (self.target,) if isinstance(self.target, str) else self.target

    def for_loss(self, loss: Loss) -> Self:
        """Return the source whose target is read as the loss needs it, where it could be either."""
        source = copy.copy(self)
        object.__setattr__(source, "target_form", loss.target_form)
        return source

    def files(self) -> tuple[Path, ...]:
        """Return the table's file."""
        return (user_path(self.dir) / Path(self.path).expanduser(),)

    def load(self) -> Dataset:
        """Read the file, infer the types of its columns, then split and encode the table."""
        (path,) = self.files()
        cells = read_table(path, TableFormat(self.delimiter, self.encoding))
        names = self._inputs(cells)
        cells, kept, dropped = self._complete(cells, names)
        formats = {name: self._date_format(cells, name) for name in self.dates}
        table = self._table(cells, names, formats, kept + 1)
        cells = cells.only(self._targets)  # which frees the text of the inputs
        task = None if self.task is None else Task(self.task)
        targets = read_targets(cells, self.notation, task, self.target_form)
        notes = self._notes(path, table, targets, dropped)
        try:
            return self.prepare(
                name=path.stem,
                task=targets.task,
                table=table,
                targets=targets.values,
                target_names=targets.names,
                impute=None if self.missing in ("refuse", "drop") else self.missing,
                scale_targets=self.scale_targets,
                notes=notes,
                notation=self.notation,
                dates=formats,
                unknown=self.unknown,
            )
        except DataError as error:
            raise DataError(f"{path}: {error}") from error

    def _inputs(self, cells: RawTable) -> tuple[str, ...]:
        """Check the columns that the options name; return those that are inputs."""
        if cells.unnamed is not None:
            raise DataError(
                f"{cells.path}: column {cells.unnamed} has no name in the header. Give it "
                "one, or write the table without it (with pandas: to_csv(index=False))."
            )
        named = {"target": self._targets, **self._named_inputs}
        for option, columns in named.items():
            for name in columns:
                if name not in cells:
                    raise DataError(
                        f"{cells.path}: dataset.{option} names the column {name!r}, which is not "
                        f"there{suggestion(name, cells)}. The columns are {', '.join(cells)}."
                    )
        inputs = tuple(name for name in cells if name not in (*self._targets, *self.ignore))
        if not inputs:
            raise DataError(
                f"{cells.path}: no column is left to predict {', '.join(self._targets)} from. "
                "Name fewer columns in dataset.target and dataset.ignore."
            )
        return inputs

    def _complete(
        self, cells: RawTable, inputs: tuple[str, ...]
    ) -> tuple[RawTable, NDArray[np.intp], int]:
        """Refuse rows with missing values, or drop them.

        Returns
        -------
        RawTable
            The cells of the other rows.
        ndarray of int, shape (rows,)
            Their positions in the file.
        int
            The number of dropped rows.
        """
        needed = (*inputs, *self._targets) if self.missing in ("refuse", "drop") else self._targets
        gaps = {name: self.notation.gaps(cells[name]) for name in needed}
        incomplete = np.any(list(gaps.values()), axis=0)
        if not incomplete.any():
            return cells, np.arange(cells.rows), 0
        if self.missing != "drop":
            row = int(np.argmax(incomplete))
            name = next(name for name, gap in gaps.items() if gap[row])
            cure = "dataset.missing=drop"
            if name not in self._targets:
                cure = "dataset.missing=mean, median or drop"
            raise DataError(
                f"{cells.where(row, name)}: the value is missing (as in "
                f"{int(incomplete.sum())} of {cells.rows} rows). Fill it in, or choose {cure}."
            )
        complete = np.flatnonzero(~incomplete)
        if not len(complete):
            raise DataError(
                f"{cells.path}: every row misses a value, so dataset.missing=drop leaves none. "
                "Choose dataset.missing=mean or median, or leave out empty columns "
                "(dataset.ignore)."
            )
        return cells.take(complete), complete, int(incomplete.sum())

    def _table(
        self,
        cells: RawTable,
        names: tuple[str, ...],
        formats: Mapping[str, str],
        rows: NDArray[np.intp],
    ) -> Table:
        numbers = NumberColumns(cells.rows, len(names))
        texts: dict[str, NDArray[np.object_]] = {}
        for name in names:
            values: NDArray[np.float64] | None = None
            if name in formats:
                values = self._days(cells, name, formats[name])
            elif name not in self.categorical:
                values = self._numbers(cells, name)
            if values is None:
                texts[name] = self._levels(cells, name)
            else:
                numbers.add(values)
        return Table(names, numbers.matrix, texts, rows)

    def _numbers(self, cells: RawTable, name: str) -> NDArray[np.float64] | None:
        """Read a column as numbers, or return None if it is categorical."""
        values, wrong = self.notation.numbers(cells[name])
        if wrong is not None:
            given = np.count_nonzero(~self.notation.gaps(cells[name]))
            cell = cells[name][wrong]
            if 2 * np.count_nonzero(~np.isnan(values)) < given:
                other = self._other_notation(cells[name])
                if other:
                    raise DataError(
                        f"{cells.where(wrong, name)}: {quoted(cell)} and most other cells of this "
                        f"column would be numbers with {other}. Give that, if it suits the other "
                        "columns, or list this one in dataset.categorical or dataset.ignore."
                    )
                if formats_of(cells[name], self.notation):
                    raise DataError(
                        f"{cells.where(wrong, name)}: {quoted(cell)} and most other cells of this "
                        f"column are dates. List the column in dataset.dates ([{name}]), which "
                        "makes days since 1970 of them, or in dataset.categorical or "
                        "dataset.ignore."
                    )
                if steps := quantity_cure(sample(cells[name]), self.notation):
                    raise DataError(
                        f"{cells.where(wrong, name)}: {quoted(cell)} and most other cells of this "
                        f"column are numbers with a unit. To read numbers, {steps}; or list the "
                        "column in dataset.categorical or dataset.ignore."
                    )
                return None
            other = self._other_notation([cell])
            raise DataError(
                f"{cells.where(wrong, name)}: {quoted(cell)} is not a number, as most of this "
                f"column are{f' (it would be one with {other})' if other else ''}. Correct it, or "
                "list the column in dataset.categorical or dataset.ignore."
            )
        check_finite(cells, name, values)
        return values

    def _date_format(self, cells: RawTable, name: str) -> str:
        """Return the format in which a column writes dates."""
        column = cells[name]
        if isinstance(column, np.ndarray) and column.dtype.kind == "M":
            return ISO
        formats = formats_of(column, self.notation)
        if len(formats) == 1:
            return formats[0]
        example = quoted(next((c for c in column if not self.notation.is_missing(c)), ""))
        if not formats:
            raise DataError(
                f"{cells.path}: dataset.dates names the column {name!r}, most of whose cells are "
                f"not dates (such as {example}). Write them as 2024-03-21, or take the column out "
                "of dataset.dates."
            )
        raise DataError(
            f"{cells.path}: nothing in the column {name!r} tells days from months (such as "
            f"{example}). Write dates as 2024-03-21."
        )

    def _days(self, cells: RawTable, name: str, form: str) -> NDArray[np.float64]:
        """Read a column of dates as days since 1970-01-01."""
        values, wrong = read_dates(cells[name], form, self.notation)
        if wrong is not None:
            raise DataError(
                f"{cells.where(wrong, name)}: {quoted(cells[name][wrong])} is not a date as in the "
                "rest of this column. Correct it."
            )
        return values

    def _other_notation(self, cells: Iterable[Any]) -> str:
        """Return the settings that would read the cells as numbers; "" if no setting does."""
        notation = self.notation
        return " or ".join(map(notation.settings, notation.alternatives(cells)))

    def _levels(self, cells: RawTable, name: str) -> NDArray[np.object_]:
        texts = mapped(self.notation.texts(cells[name]), str)  # a Parquet file may hold numbers
        levels = set(texts) - {""}
        if len(levels) > self.max_levels:
            raise DataError(
                f"{cells.path}: the categorical column {name!r} has {len(levels)} levels (such as "
                f"{quoted(min(levels))}). Leave it out (dataset.ignore=[{name}]), or allow more: "
                f"dataset.max_levels={len(levels)}."
            )
        return texts

    def _notes(
        self,
        path: Path,
        table: Table,
        targets: Targets,
        dropped: int,
    ) -> tuple[str, ...]:
        kinds = []
        for name in table.names:
            if name in table.texts:
                levels = len(set(table.texts[name]) - {""})
                kinds.append(f"{name} (category with {levels} levels)")
            else:
                kinds.append(f"{name} ({'date' if name in self.dates else 'number'})")
        found = str(targets.task)
        if targets.task.has_classes:
            found += f" of the classes {', '.join(targets.names)}"
        if targets.reason:
            found += f", {targets.reason}"
        elif not self.task:
            found += "; if that is wrong, give dataset.task"
        rows = f"{len(table)} rows"
        if dropped:
            rows += f" after {dropped} with missing values were dropped"
        return (
            f"{path.name} has {rows}; the inputs are {', '.join(kinds)}",
            f"the network learns to predict {', '.join(self._targets)} ({found})",
        )


def _text(entry: Any) -> str:
    """Return an entry of `missing_values`; YAML reads some texts as numbers or null."""
    return "null" if entry is None else str(entry)
