"""Tables of the user's own, in CSV or Parquet files."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.dataset import Dataset, Task
from experiments.datasets.reading.notation import MISSING, Notation
from experiments.datasets.reading.raw_table import RawTable, column_name
from experiments.datasets.reading.table_file import TableFormat, is_encoding, read_table
from experiments.datasets.reading.text_column import TextColumn
from experiments.datasets.source import SplitSource
from experiments.datasets.sources.paths import user_path
from experiments.datasets.table import Table
from experiments.errors import ConfigError, DataError
from nn.component import Interval, suggestion

# A target of whole numbers with at most this many distinct values is read as classes.
_MOST_CLASSES: Final = 20

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Csv(SplitSource):
    r"""A table with a header line.

    A column is numeric if at least half of its cells are numbers (any other cell is then an
    error), else categorical and one-hot encoded. What was inferred is logged.

    Parameters
    ----------
    seed, limit, validation, test, scaling
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
    missing : {"refuse", "mean", "median", "drop"}, default "refuse"
        The treatment of missing inputs: refuse the file; replace them by the column's mean or
        median in the training part (a category by the most frequent one); drop their rows.
        Missing targets are never replaced: their rows are dropped, or the file is refused.
    categorical : sequence of str
        Categorical columns that look like numbers, such as postal codes.
    ignore : sequence of str
        Columns to leave out, such as names and row numbers.
    missing_values : sequence of str
        The texts that mean a missing value, whatever their case; an empty cell always does. An
        empty list keeps texts such as NA.
    delimiter : str, optional
        A single character, or \t for a tab; by default detected (comma, semicolon, tab or |).
    decimal : str, default "."
        The decimal mark of numbers.
    thousands : str, optional
        The character between groups of digits, as in 1,234; by default there is none.
    encoding : str, default "utf-8"
        The encoding of the text, as Python calls it: "latin-1", "cp1252", "utf-16".
    max_levels : int, default 50
        Largest number of levels in a categorical column; a column with more is likely a name.
    scale_targets : bool, default True
        Whether regression targets are standardised.

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
    missing_values: tuple[str | float | None, ...] = MISSING
    delimiter: str | None = None
    decimal: str = "."
    thousands: str | None = None
    encoding: str = "utf-8"
    max_levels: Annotated[int, Interval(2)] = 50
    scale_targets: bool = True

    def __post_init__(self) -> None:
        for name in ("target", "categorical", "ignore"):
            value = getattr(self, name)
            # OmegaConf's lists become tuples.
            if isinstance(value, Sequence) and not isinstance(value, str):
                value = tuple(column_name(v) if isinstance(v, str) else v for v in value)
            object.__setattr__(self, name, column_name(value) if isinstance(value, str) else value)
        if isinstance(self.missing_values, Sequence) and not isinstance(self.missing_values, str):
            object.__setattr__(self, "missing_values", tuple(map(_text, self.missing_values)))
        if self.delimiter == "\\t":
            object.__setattr__(self, "delimiter", "\t")
        super().__post_init__()
        if not self._targets:
            raise ConfigError("dataset Csv: dataset.target names no column. Name at least one.")
        for option in ("categorical", "ignore"):
            both = [name for name in self._targets if name in getattr(self, option)]
            if both:
                raise ConfigError(
                    f"dataset Csv: {both[0]!r} is in dataset.target and in dataset.{option}. "
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
    def _targets(self) -> tuple[str, ...]:
        return (self.target,) if isinstance(self.target, str) else self.target

    def files(self) -> tuple[Path, ...]:
        """Return the table's file."""
        return (user_path(self.dir) / Path(self.path).expanduser(),)

    def load(self) -> Dataset:
        """Read the file, infer the types of its columns, then split and encode the table."""
        (path,) = self.files()
        cells = read_table(path, TableFormat(self.delimiter, self.encoding))
        names = self._inputs(cells)
        cells, kept, dropped = self._complete(cells, names)
        table = self._table(cells, names, kept + 1)
        cells = cells.only(self._targets)  # which frees the text of the inputs
        task, targets, target_names = self._read_targets(cells)
        notes = self._notes(path, table, task, target_names, dropped)
        for note in notes:
            _log.info(note)
        try:
            return self.prepare(
                name=path.stem,
                task=task,
                table=table,
                targets=targets,
                target_names=target_names,
                impute=None if self.missing in ("refuse", "drop") else self.missing,
                scale_targets=self.scale_targets,
                notes=notes,
                notation=self.notation,
            )
        except DataError as error:
            raise DataError(f"{path}: {error}") from error

    def _inputs(self, cells: RawTable) -> tuple[str, ...]:
        """Check the columns that the options name; return those that are inputs."""
        if cells.unnamed is not None:
            raise DataError(
                f"{cells.path}: column {cells.unnamed} has no name in the header. Give it one."
            )
        named = {"target": self._targets, "categorical": self.categorical, "ignore": self.ignore}
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

    def _table(self, cells: RawTable, names: tuple[str, ...], rows: NDArray[np.intp]) -> Table:
        # Memory that is not written to is not taken, however many columns turn out to be text.
        numbers = np.empty((len(names), cells.rows))
        found = 0
        texts: dict[str, NDArray[np.object_]] = {}
        for name in names:
            values = None if name in self.categorical else self._numbers(cells, name)
            if values is None:
                texts[name] = self._levels(cells, name)
            else:
                numbers[found] = values
                found += 1
        return Table(names, numbers[:found].T, texts, rows)

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
                        f"{cells.where(wrong, name)}: {cell!r} and most other cells of this column "
                        f"would be numbers with {other}. Give that, or list the column in "
                        "dataset.categorical or dataset.ignore."
                    )
                return None
            other = self._other_notation([cell])
            raise DataError(
                f"{cells.where(wrong, name)}: {cell!r} is not a number, as most of this column "
                f"are{f' (it would be one with {other})' if other else ''}. Correct it, or list "
                "the column in dataset.categorical or dataset.ignore."
            )
        _check_finite(cells, name, values)
        return values

    def _other_notation(self, cells: Iterable[Any]) -> str:
        """Return the settings with which cells would be numbers; "" if there are none."""
        notation = self.notation
        return " or ".join(map(notation.settings, notation.alternatives(cells)))

    def _levels(self, cells: RawTable, name: str) -> NDArray[np.object_]:
        texts = self.notation.texts(cells[name])
        if not isinstance(cells[name], TextColumn):  # of numbers
            texts = np.array(list(map(str, texts)), object)
        levels = set(texts) - {""}
        if len(levels) > self.max_levels:
            raise DataError(
                f"{cells.path}: the categorical column {name!r} has {len(levels)} levels (such as "
                f"{min(levels)!r}). Leave it out (dataset.ignore=[{name}]), or allow more: "
                f"dataset.max_levels={len(levels)}."
            )
        return texts

    def _read_targets(self, cells: RawTable) -> tuple[Task, NDArray[Any], tuple[str, ...]]:
        read = {name: self.notation.numbers(cells[name]) for name in self._targets}
        task = Task(self.task) if self.task else self._inferred_task(read)
        if task.has_classes:
            return self._classes(cells, task, *read[self._targets[0]])
        for name, (values, wrong) in read.items():
            if wrong is not None:
                raise DataError(
                    f"{cells.where(wrong, name)}: {cells[name][wrong]!r} is not a number, which "
                    f"the task ({task}) needs. Correct it, or choose another dataset.target or "
                    "dataset.task."
                )
            _check_finite(cells, name, values)
            if task is Task.MULTILABEL and not np.isin(values, (0, 1)).all():
                row = int(np.argmin(np.isin(values, (0, 1))))
                raise DataError(
                    f"{cells.where(row, name)}: {cells[name][row]!r} is not a label, 0 or 1. "
                    "Correct it, or choose another dataset.task."
                )
        return task, np.stack([values for values, _ in read.values()], axis=1), self._targets

    def _inferred_task(self, read: dict[str, tuple[NDArray[np.float64], int | None]]) -> Task:
        if len(read) > 1:
            labels = all(np.isin(values, (0, 1)).all() for values, _ in read.values())
            return Task.MULTILABEL if labels else Task.REGRESSION
        values, wrong = next(iter(read.values()))
        # A few words among many numbers are mistakes in a numeric column, not class names.
        if wrong is not None and 2 * np.count_nonzero(~np.isnan(values)) >= len(values):
            return Task.REGRESSION
        whole = wrong is None and np.isfinite(values).all() and (values == np.rint(values)).all()
        different = len(np.unique(values))
        # Whole numbers that rarely occur twice are measurements, not classes.
        measured = different > _MOST_CLASSES or 2 * different > len(values)
        if wrong is None and (not whole or (measured and different > 2)):
            return Task.REGRESSION
        return Task.MULTICLASS if wrong is not None or different != 2 else Task.BINARY

    def _classes(
        self, cells: RawTable, task: Task, values: NDArray[np.float64], wrong: int | None
    ) -> tuple[Task, NDArray[np.int64], tuple[str, ...]]:
        if len(self._targets) > 1:
            raise DataError(
                f"{cells.path}: the task {task} has one target, but dataset.target names "
                f"{', '.join(self._targets)}. Name one, or choose dataset.task=multilabel."
            )
        name = self._targets[0]
        if wrong is None:
            _check_finite(cells, name, values)
            levels, codes = np.unique(values, return_inverse=True)
            names = tuple(_plain(value) for value in levels.tolist())
        else:
            names = tuple(sorted(set(cells[name])))
            index = {level: code for code, level in enumerate(names)}
            codes = np.array([index[cell] for cell in cells[name]])
        if len(names) < 2:
            raise DataError(
                f"{cells.path}: every row has {names[0]!r} in the target column {name!r}, so there "
                "is nothing to learn. Add rows of another class."
            )
        if self.task is None:
            task = Task.BINARY if len(names) == 2 else Task.MULTICLASS
        if task is Task.BINARY and len(names) != 2:
            raise DataError(
                f"{cells.path}: the target column {name!r} has {len(names)} classes "
                f"({', '.join(names[:8])}), not two. Choose dataset.task=multiclass."
            )
        return task, codes.astype(np.int64), names

    def _notes(
        self,
        path: Path,
        table: Table,
        task: Task,
        target_names: tuple[str, ...],
        dropped: int,
    ) -> tuple[str, ...]:
        kinds = []
        for name in table.names:
            if name in table.texts:
                levels = len(set(table.texts[name]) - {""})
                kinds.append(f"{name} (category, {levels} levels)")
            else:
                kinds.append(f"{name} (number)")
        target = ", ".join(self._targets)
        if task.has_classes:
            target += f" (classes {', '.join(target_names)})"
        rows = f"{len(table)} rows"
        if dropped:
            rows += f" ({dropped} with missing values dropped)"
        return (
            f"{path.name}: {rows}; inputs {', '.join(kinds)}",
            f"{path.name}: {task} of {target}"
            + ("" if self.task else "; if that is wrong, give dataset.task"),
        )


def _check_finite(cells: RawTable, name: str, values: NDArray[np.float64]) -> None:
    infinite = np.isinf(values)
    if infinite.any():
        row = int(np.argmax(infinite))
        raise DataError(
            f"{cells.where(row, name)}: {cells[name][row]!r} is not a finite number. Correct it, "
            "or leave the cell empty and choose what to do about missing values (dataset.missing)."
        )


def _plain(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def _text(entry: Any) -> str:
    """Return an entry of `missing_values`; YAML reads some texts as numbers or null."""
    return "null" if entry is None else str(entry)
