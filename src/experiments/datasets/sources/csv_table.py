"""Tables of the user's own, in CSV or Parquet files."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.caveats import number_caveats
from experiments.datasets.dataset import Dataset, Task
from experiments.datasets.number_columns import NumberColumns
from experiments.datasets.preprocessing import Unknown
from experiments.datasets.reading.dates import formats_of
from experiments.datasets.reading.quantities import quantity_cure, sample
from experiments.datasets.reading.raw_table import RawTable, column_name, quoted
from experiments.datasets.reading.text_column import mapped
from experiments.datasets.source import SplitSource
from experiments.datasets.sources.csv_targets import Targets, check_finite, read_targets
from experiments.datasets.sources.table_options import TableOptions
from experiments.datasets.table import Table
from experiments.errors import ConfigError, DataError
from nn.component import Interval, suggestion
from nn.losses import Loss, TargetForm


@dataclass(frozen=True, kw_only=True)
class Csv(TableOptions, SplitSource):
    """A table with a header line.

    A column is numeric if at least half of its cells are numbers (any other cell is then an
    error), else categorical and one-hot encoded. What was inferred is logged.

    Parameters
    ----------
    seed, limit, split, counts, validation, test, scaling
        See `SplitSource`; `scaling` is for the numeric columns.
    path, dir, missing_values, delimiter, decimal, thousands, encoding, verify
        See `TableOptions`.
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

    target: str | tuple[str, ...]
    task: Literal["binary", "multiclass", "multilabel", "regression"] | None = None
    missing: Literal["refuse", "mean", "median", "drop"] = "refuse"
    categorical: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    unknown: Unknown = "error"
    max_levels: Annotated[int, Interval(2)] = 50
    scale_targets: bool = True
    target_form: TargetForm | None = field(default=None, init=False)  # set by `for_loss`

    def __post_init__(self) -> None:
        for name in ("target", "categorical", "ignore", "dates"):
            value = getattr(self, name)
            # OmegaConf's lists become tuples.
            if isinstance(value, Sequence) and not isinstance(value, str):
                value = tuple(column_name(v) if isinstance(v, str) else v for v in value)
            object.__setattr__(self, name, column_name(value) if isinstance(value, str) else value)
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

    def load(self) -> Dataset:
        """Read the file, infer the types of its columns, then split and encode the table."""
        cells = self.read()
        path = cells.path
        names = self._inputs(cells)
        cells, kept, dropped = self._complete(cells, names)
        formats = {name: self.date_format(cells, name, "dataset.dates") for name in self.dates}
        table = self._table(cells, names, formats, kept + 1)
        warnings = tuple(self._number_caveats(cells, table))
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
                warnings=warnings,
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
                    others = f"The columns are {', '.join(cells)}."
                    if len(cells) == 1:
                        others = (
                            f"The only column is {next(iter(cells))!r}. If another character than "
                            "comma, semicolon, tab or | stands between cells, give "
                            "dataset.delimiter."
                        )
                    raise DataError(
                        f"{cells.path}: dataset.{option} names the column {name!r}, which is not "
                        f"there{suggestion(name, cells)}. {others}"
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
            if text := str(cells[name][row]).strip():
                cure += f"; if {text!r} is a value, leave it out of dataset.missing_values"
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
                values = self.days(cells, name, formats[name])
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

    def _number_caveats(self, cells: RawTable, table: Table) -> Iterator[str]:
        for name, values in zip(table.number_names, table.numbers.T, strict=True):
            if name not in self.dates:
                yield from number_caveats(name, cells[name], values.astype(np.float64, copy=False))

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
