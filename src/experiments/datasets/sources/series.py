"""Forecasts of series: windows of a table whose rows follow each other in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.dataset import Dataset, Task
from experiments.datasets.prepare import prepare
from experiments.datasets.reading.dates import formats_of
from experiments.datasets.reading.raw_table import RawTable, column_name, quoted
from experiments.datasets.scaling import Scaling
from experiments.datasets.series_windows import forecast_names, read_series, window_names, windows
from experiments.datasets.source import Share, ShareOrNone
from experiments.datasets.sources.table_options import TableOptions
from experiments.datasets.splits import Split
from experiments.datasets.table import Table
from experiments.errors import ConfigError, DataError
from nn.component import Interval, suggestion

_DAY: Final = 86_400.0
_SLACK: Final = 1e-6  # days by which steps may differ: rounding


@dataclass(frozen=True, kw_only=True)
class Series(TableOptions):
    """One or more series, the columns of a table whose rows are even steps in time, to forecast.

    A sample is a window of the last steps of all series, (series, window), and its target is the
    next steps of the series to forecast. The first steps train, the next ones validate and
    the last ones test: a window belongs to the part in which its targets lie, and to none if they
    lie in two. Its inputs may lie in the part before.

    Parameters
    ----------
    seed, limit
        See `Source`: no random number is drawn, and `limit` is for the rows of the table, of which
        the first are used.
    path, dir, missing_values, delimiter, decimal, thousands, encoding, verify
        See `TableOptions`.
    series : sequence of str, optional
        The columns to read; by default all but `time`.
    target : str or sequence of str, optional
        The series to forecast; by default all.
    time : str, optional
        A column of dates or numbers that must advance in even steps, months and years included; a
        missing row is refused. By default nothing is checked.
    window : int, default 24
        Number of steps that the network sees.
    horizon : int, default 1
        Number of steps to forecast.
    validation, test : float, default 0.15
        Fractions of the steps, together less than 1; a `validation` of 0 means no validation part.
    scaling : {"channel", "standard", "minmax", "max", "none"}, default "channel"
        Scaling of the inputs, fitted on the training part: "channel" for each series.
    """

    series: tuple[str, ...] | None = None
    target: str | tuple[str, ...] | None = None
    time: str | None = None
    window: Annotated[int, Interval(1, 100_000)] = 24
    horizon: Annotated[int, Interval(1, 10_000)] = 1
    validation: ShareOrNone = 0.15
    test: Share = 0.15
    scaling: Scaling = "channel"

    def __post_init__(self) -> None:
        for name in ("series", "target", "time"):
            value = getattr(self, name)
            if isinstance(value, Sequence) and not isinstance(value, str):
                value = tuple(column_name(v) if isinstance(v, str) else v for v in value)
            object.__setattr__(self, name, column_name(value) if isinstance(value, str) else value)
        super().__post_init__()
        if self.validation + self.test >= 1:
            raise ConfigError(
                f"dataset Series: dataset.validation={self.validation} and dataset.test={self.test}"
                " leave no steps for training. Lower one of them."
            )
        for name, columns in (("series", self.series), ("target", self.target)):
            if columns == ():
                raise ConfigError(f"dataset Series: dataset.{name} names no column. Name one.")
            if isinstance(columns, tuple) and len(set(columns)) < len(columns):
                raise ConfigError(
                    f"dataset Series: dataset.{name} names a column twice. Name each once."
                )

    def load(self) -> Dataset:
        """Read the file, check that the series have no gaps, and cut the windows."""
        cells = self.read()
        names, targets = self._columns(cells)
        if self.limit is not None:
            cells = cells.take(np.arange(min(self.limit, cells.rows)))
        if self.time is not None:
            self._check_time(cells, self.time)
        values = read_series(cells, names, self.notation, cells.where)
        split = self._split(len(values), cells)
        forecast = [names.index(name) for name in targets]
        followed = values[self.window :, forecast]
        try:
            return prepare(
                name=cells.path.stem,
                task=Task.REGRESSION,
                table=Table.of_numbers(
                    windows(values[: -self.horizon], self.window), window_names(names, self.window)
                ),
                targets=windows(followed, self.horizon),
                target_names=forecast_names(targets, self.horizon),
                split=split,
                scaling=self.scaling,
                shape=(len(names), self.window),
                series=names,
                notation=self.notation,
                notes=(self._note(cells, names, targets),),
            )
        except DataError as error:
            raise DataError(f"{cells.path}: {error}") from error

    def _columns(self, cells: RawTable) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the series to read and those to forecast."""
        given = (self.target,) if isinstance(self.target, str) else self.target
        named = {
            "series": self.series or (),
            "target": given or (),
            "time": () if self.time is None else (self.time,),
        }
        for option, columns in named.items():
            for name in columns:
                if name not in cells:
                    raise DataError(
                        f"{cells.path}: dataset.{option} names the column {name!r}, which is not "
                        f"there{suggestion(name, cells)}. The columns are {', '.join(cells)}."
                    )
        names = self.series or tuple(name for name in cells if name != self.time)
        if not names:
            raise DataError(f"{cells.path}: there is no column beside {self.time}. Add a series.")
        for name in given or ():
            if name not in names:
                raise DataError(
                    f"{cells.path}: dataset.target names {name!r}, which is not in dataset.series. "
                    "Add it there."
                )
        if self.series is None and self.time is None:
            for name in names:
                if formats_of(cells[name], self.notation):
                    raise DataError(
                        f"{cells.path}: the column {name!r} holds dates. Give dataset.time={name}, "
                        "which also checks that no row is missing, or name the series in "
                        "dataset.series."
                    )
        return names, given or names

    def _check_time(self, cells: RawTable, name: str) -> None:
        """Raise a DataError unless a column advances in even steps."""
        numbers, wrong = self.notation.numbers(cells[name])
        dated = wrong is not None or bool(formats_of(cells[name], self.notation))
        if dated:
            numbers = self.days(cells, name, self.date_format(cells, name, "dataset.time"))
        unknown = ~np.isfinite(numbers)
        if unknown.any():
            row = int(np.argmax(unknown))
            problem = "missing" if np.isnan(numbers[row]) else "infinite"
            raise DataError(f"{cells.where(row, name)}: the time is {problem}. Correct it.")
        steps = np.diff(numbers)
        if not len(steps) or (dated and _by_months(numbers)):
            return
        usual = float(np.median(steps))
        uneven = np.abs(steps - usual) > max(_SLACK, 1e-9 * abs(usual))
        if usual <= 0:
            raise DataError(
                f"{cells.where(1, name)}: the time does not advance. Sort the rows by it."
            )
        if uneven.any():
            row = int(np.argmax(uneven)) + 1
            raise DataError(
                f"{cells.where(row, name)}: {quoted(cells[name][row])} follows "
                f"{quoted(cells[name][row - 1])}, a step of {_duration(steps[row - 1], dated)}, "
                f"but most steps are {_duration(usual, dated)}. A series has no gaps: add the "
                "missing rows, or remove those that are too many."
            )

    def _split(self, steps: int, cells: RawTable) -> Split:
        """Divide the windows among the parts by where their targets lie."""
        testing = max(1, round(steps * self.test))
        validating = max(1, round(steps * self.validation)) if self.validation else 0
        ends = np.cumsum([steps - validating - testing, validating, testing])
        first = np.arange(steps - self.window - self.horizon + 1) + self.window
        parts = []
        for name, begin, end in zip(
            ("training", "validation", "test"), [0, *ends[:-1]], ends, strict=True
        ):
            inside = np.flatnonzero((first >= begin) & (first + self.horizon <= end))
            if not len(inside) and (name != "validation" or validating):
                raise DataError(
                    f"{cells.path}: {steps} rows are too few: the {name} part has {end - begin} of "
                    f"them, and holds no whole window of {self.window} steps "
                    f"(dataset.window) and {self.horizon} to forecast (dataset.horizon). Give a "
                    "longer series, or a shorter window or horizon."
                )
            parts.append(inside)
        return Split(*parts)

    def _note(self, cells: RawTable, names: tuple[str, ...], targets: tuple[str, ...]) -> str:
        return (
            f"{cells.path.name} has {cells.rows} rows; from {self.window} steps of "
            f"{', '.join(names)}, the network learns to forecast the next "
            f"{f'{self.horizon} of' if self.horizon > 1 else 'one of'} {', '.join(targets)}"
        )


def _by_months(days: NDArray[np.float64]) -> bool:
    """Whether days since 1970-01-01 are the same or the last day of months in even steps."""
    dates = np.floor(days).astype(np.int64).astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    steps = np.diff(months.astype(np.int64))
    start = months.astype("datetime64[D]")
    month, day = np.timedelta64(1, "M"), np.timedelta64(1, "D")
    last = (months + month).astype("datetime64[D]") - day
    same_day = len(set((dates - start).tolist())) == 1
    even = len(set(steps.tolist())) == 1 and steps[0] > 0
    return bool(even and (same_day or (dates == last).all()))


def _duration(steps: float, dated: bool) -> str:
    """Write a step in time for people."""
    if not dated:
        return f"{steps:g}"
    if abs(steps) >= 1 or steps == 0:
        return f"{steps:g} day{'' if steps == 1 else 's'}"
    return f"{steps * _DAY:g} seconds"
