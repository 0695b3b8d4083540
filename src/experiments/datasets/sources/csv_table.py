"""Tables from CSV files."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.dataset import Dataset, Task
from experiments.datasets.source import SplitSource
from experiments.datasets.sources.paths import user_path
from experiments.datasets.table import Table, is_missing, parse_numbers
from experiments.errors import ConfigError, DataError
from nn.component import Interval, suggestion

# A target of whole numbers with at most this many distinct values is read as classes.
_MOST_CLASSES: Final = 20
_DELIMITERS: Final = ",;\t|"


@dataclass(frozen=True, eq=False)
class CsvTable(Mapping[str, NDArray[np.object_]]):
    """The cells of a CSV file by column, as text without surrounding blanks.

    Parameters
    ----------
    path : Path
        The file.
    columns : mapping of str to ndarray of str, shape (rows,)
        The columns by name, in the order of the file.
    lines : ndarray of int, shape (rows,)
        The line of the file on which each row ends.
    """

    path: Path
    columns: Mapping[str, NDArray[np.object_]]
    lines: NDArray[np.intp]

    def __getitem__(self, name: str) -> NDArray[np.object_]:
        return self.columns[name]

    def __iter__(self) -> Any:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    @property
    def rows(self) -> int:
        """The number of rows below the header."""
        return len(self.lines)

    def where(self, row: int, column: str) -> str:
        """Describe the place of a cell for people; row 1 is the first below the header."""
        return f"{self.path}, line {self.lines[row]} (row {row + 1}), column {column!r}"

    def take(self, rows: NDArray[np.intp]) -> CsvTable:
        """Return the given rows."""
        columns = {name: cells[rows] for name, cells in self.columns.items()}
        return CsvTable(self.path, columns, self.lines[rows])


def read_csv(path: Path, delimiter: str | None = None) -> CsvTable:
    """Read a CSV file with a header line; a mapping of column name to cells.

    Cells remain text: the types of columns are inferred in one place (`Csv`, or
    :meth:`Preprocessing.encode`, which accepts the result). Quoting follows RFC 4180, empty lines
    are skipped, and the encoding is UTF-8.

    Parameters
    ----------
    path : Path
        The file.
    delimiter : str, optional
        A single character; by default the most frequent of comma, semicolon, tab and | in the
        header line.

    Raises
    ------
    DataError
        If the file is missing, not text, empty or ragged, or its header has gaps or duplicates.
    """
    header, rows, lines = _rows(path, delimiter)
    _check_header(path, header)
    if not rows:
        raise DataError(f"{path}: there are no rows below the header. Give a table with rows.")
    for row, line in zip(rows, lines, strict=True):
        if len(row) != len(header):
            raise DataError(
                f"{path}, line {line}: {len(row)} cells, where the header names {len(header)} "
                "columns. Correct the line; a cell that holds the delimiter needs double quotes."
            )
    columns = {
        name: np.array([cell.strip() for cell in cells], object)
        for name, cells in zip(header, zip(*rows, strict=True), strict=True)
    }
    return CsvTable(path, columns, np.array(lines, np.intp))


@dataclass(frozen=True, kw_only=True)
class Csv(SplitSource):
    """A table with a header line.

    A column is numeric if at least half of its cells are numbers (any other cell is then an
    error), else categorical and one-hot encoded. What was inferred is logged.

    Parameters
    ----------
    seed, limit, validation, test, scaling
        See `SplitSource`; `scaling` is for the numeric columns.
    path : str
        The file, relative to `dir`.
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
    delimiter : str, optional
        A single character; by default detected (comma, semicolon, tab or |).
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
    delimiter: str | None = None
    max_levels: Annotated[int, Interval(2)] = 50
    scale_targets: bool = True
    verify: bool = field(default=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("target", "categorical", "ignore"):
            value = getattr(self, name)
            # OmegaConf's lists become tuples.
            if isinstance(value, Sequence) and not isinstance(value, str):
                object.__setattr__(self, name, tuple(value))
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

    @property
    def _targets(self) -> tuple[str, ...]:
        return (self.target,) if isinstance(self.target, str) else self.target

    def files(self) -> tuple[Path, ...]:
        """Return the table's file."""
        return (user_path(self.dir) / Path(self.path).expanduser(),)

    def load(self) -> Dataset:
        """Read the file, infer the types of its columns, then split and encode the table."""
        (path,) = self.files()
        cells = read_csv(path, self.delimiter)
        names = self._inputs(cells)
        cells, dropped = self._complete(cells, names)
        table = self._table(cells, names)
        task, targets, target_names = self._read_targets(cells)
        notes = self._notes(path, table, task, target_names, dropped)
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
            )
        except DataError as error:
            raise DataError(f"{path}: {error}") from error

    def _inputs(self, cells: CsvTable) -> tuple[str, ...]:
        """Check the columns that the options name; return those that are inputs."""
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

    def _complete(self, cells: CsvTable, inputs: tuple[str, ...]) -> tuple[CsvTable, int]:
        """Refuse rows with missing values or drop them; return the number of dropped rows too."""
        needed = (*inputs, *self._targets) if self.missing in ("refuse", "drop") else self._targets
        gaps = {name: np.array([is_missing(cell) for cell in cells[name]]) for name in needed}
        incomplete = np.any(list(gaps.values()), axis=0)
        if not incomplete.any():
            return cells, 0
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
        return cells.take(complete), int(incomplete.sum())

    def _table(self, cells: CsvTable, names: tuple[str, ...]) -> Table:
        numbers: list[NDArray[np.float64]] = []
        texts: dict[str, NDArray[np.object_]] = {}
        for name in names:
            values = None if name in self.categorical else self._numbers(cells, name)
            if values is None:
                texts[name] = self._levels(cells, name)
            else:
                numbers.append(values)
        matrix = np.stack(numbers, axis=1) if numbers else np.empty((cells.rows, 0))
        return Table(names, matrix, texts)

    def _numbers(self, cells: CsvTable, name: str) -> NDArray[np.float64] | None:
        """Read a column as numbers, or return None if it is categorical."""
        values, wrong = parse_numbers(cells[name])
        if wrong is not None:
            given = sum(not is_missing(cell) for cell in cells[name])
            if 2 * np.count_nonzero(~np.isnan(values)) < given:
                return None
            raise DataError(
                f"{cells.where(wrong, name)}: {cells[name][wrong]!r} is not a number, as most of "
                "this column are. Correct it, or list the column in dataset.categorical or "
                "dataset.ignore."
            )
        _check_finite(cells, name, values)
        return values

    def _levels(self, cells: CsvTable, name: str) -> NDArray[np.object_]:
        levels = {cell for cell in cells[name] if not is_missing(cell)}
        if len(levels) > self.max_levels:
            raise DataError(
                f"{cells.path}: the categorical column {name!r} has {len(levels)} levels (such as "
                f"{min(levels)!r}). Leave it out (dataset.ignore=[{name}]), or allow more: "
                f"dataset.max_levels={len(levels)}."
            )
        return cells[name]

    def _read_targets(self, cells: CsvTable) -> tuple[Task, NDArray[Any], tuple[str, ...]]:
        read = {name: parse_numbers(cells[name]) for name in self._targets}
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
        self, cells: CsvTable, task: Task, values: NDArray[np.float64], wrong: int | None
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
                levels = len({cell for cell in table.texts[name] if not is_missing(cell)})
                kinds.append(f"{name} (category with {levels} levels)")
            else:
                kinds.append(f"{name} (number)")
        found = str(task)
        if task.has_classes:
            found += f" of the classes {', '.join(target_names)}"
        if not self.task:
            found += "; if that is wrong, give dataset.task"
        rows = f"{len(table)} rows"
        if dropped:
            rows += f" after {dropped} with missing values were dropped"
        return (
            f"{path.name} has {rows}; the inputs are {', '.join(kinds)}",
            f"the network learns to predict {', '.join(self._targets)} ({found})",
        )


def _rows(path: Path, delimiter: str | None) -> tuple[list[str], list[list[str]], list[int]]:
    """Read header, rows and the line on which each row ends."""
    text = _text(path)
    if delimiter is None:
        first = text.partition("\n")[0]
        delimiter = max(_DELIMITERS, key=first.count)
    # newline="" leaves line ends within quotes alone.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        for row in reader:
            if row:
                rows.append(row)
                lines.append(reader.line_num)
    except csv.Error as error:
        raise DataError(
            f"{path}, line {reader.line_num}: not proper CSV ({error}). Check the quotes there."
        ) from error
    if not rows:
        raise DataError(f"{path}: the file is empty. Give a table with a header line.")
    return [cell.strip() for cell in rows[0]], rows[1:], lines[1:]


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError(
            f"{path}: there is no such file. Give its path from where you give the command: "
            "dataset.path=FILE."
        ) from None
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror or error}). Check the file and its "
            "permissions."
        ) from error
    try:
        return content.decode("utf-8-sig")  # without a byte order mark
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}, line {line}: not UTF-8 text. Save the table as CSV in UTF-8."
        ) from error


def _check_header(path: Path, header: list[str]) -> None:
    seen: set[str] = set()
    for position, name in enumerate(header, start=1):
        if not name:
            raise DataError(f"{path}: column {position} has no name in the header. Give it one.")
        if name in seen:
            raise DataError(f"{path}: the header names {name!r} twice. Rename one of the columns.")
        seen.add(name)
    values, wrong = parse_numbers(np.array(header, object))
    if wrong is None and not np.isnan(values).all():
        raise DataError(
            f"{path}: the first line holds numbers ({', '.join(header[:4])}), not the names of the "
            "columns. Add a header line."
        )


def _check_finite(cells: CsvTable, name: str, values: NDArray[np.float64]) -> None:
    infinite = np.isinf(values)
    if infinite.any():
        row = int(np.argmax(infinite))
        raise DataError(
            f"{cells.where(row, name)}: {cells[name][row]!r} is not a finite number. Correct it, "
            "or leave the cell empty and choose what to do about missing values (dataset.missing)."
        )


def _plain(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
