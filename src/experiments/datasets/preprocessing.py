"""The transformation from a raw table to the network's inputs, and from predictions to raw units.

It is fitted once, on the training part, and stored as JSON with the weights, so that a served model
encodes new rows exactly as the training rows were encoded. It needs only NumPy.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any, ClassVar, Final, Literal, Self, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from experiments.datasets.reading.dates import FORMATS, example, read_dates
from experiments.datasets.reading.notation import Cells, Notation
from experiments.datasets.reading.raw_table import column_name, quoted
from experiments.datasets.reading.text_column import TextColumn
from experiments.datasets.scaling import Scaling, fit_scaling
from experiments.datasets.series_windows import read_series, windows
from experiments.datasets.table import Table
from experiments.datasets.vocabulary import Vocabulary
from experiments.errors import ConfigError, DataError
from experiments.files.json import parse_json
from nn.component import suggestion
from nn.lengths import lengths_of
from nn.table_rows import Scaling as FillAndScale

FORMAT: Final = 1
_LARGEST: Final = float(np.finfo(np.float32).max)
_IGNORED: Final = -1
_MISSING: Final = -2
Impute = Literal["mean", "median"]
Unknown = Literal["error", "ignore"]


@dataclass(frozen=True)
class Preprocessing:
    """The encoding of raw columns as features: imputation, one-hot encoding and scaling.

    Parameters
    ----------
    columns : tuple of str
        The raw input columns, in order.
    center, scale : tuple of float
        Centre and scale of each encoded feature, ``(value - center) / scale``. One-hot features
        have centre 0 and scale 1.
    levels : mapping of str to tuple of str
        The levels of each categorical column; each level is one feature, in this order.
    fills : mapping of str to float or str
        The replacement for a missing value, by column. Other columns refuse missing values.
    dtype : {"float64", "float32"}
        Type of the encoded inputs, and of the arithmetic that scales them.
    target_center, target_scale : tuple of float
        Centre and scale of each target column; empty unless targets are scaled.
    notation : Notation
        The notation of numbers and missing values in texts.
    dates : mapping of str to str
        The format of each column of dates, of :data:`experiments.datasets.reading.dates.FORMATS`.
        A date counts as the number of days since 1970-01-01.
    unknown : {"error", "ignore"}
        The treatment of a level that training had not seen: refuse it, or encode it as none of the
        levels.
    steps : int, optional
        The number of steps of sequences that may end earlier. The columns are the steps of the
        first channel, those of the second and so on, and those after the end of a sequence are
        missing in all channels. By default nothing may be missing without a replacement.
    series : tuple of str
        The series of whose windows the rows consist, if they do. A raw table may then have a column
        for each series, and a row for each step.
    vocabulary : Vocabulary, optional
        The tokens, if the rows are sequences of tokens; then the only column is the text, which has
        no scale.
    """

    kind: ClassVar[str] = "table"

    columns: tuple[str, ...]
    center: tuple[float, ...]
    scale: tuple[float, ...]
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    fills: Mapping[str, float | str] = field(default_factory=dict)
    dtype: Literal["float64", "float32"] = "float64"
    target_center: tuple[float, ...] = ()
    target_scale: tuple[float, ...] = ()
    notation: Notation = field(default_factory=Notation)
    dates: Mapping[str, str] = field(default_factory=dict)
    unknown: Unknown = "error"
    steps: int | None = None
    series: tuple[str, ...] = ()
    vocabulary: Vocabulary | None = None

    @property
    def window(self) -> int:
        """The number of steps of a window of series."""
        return len(self.columns) // len(self.series)

    def has_numbers(self, column: str) -> bool:
        """Whether a raw column holds numbers, or dates that count as such, and not texts."""
        return self.vocabulary is None and column not in self.levels

    @property
    def encoded_names(self) -> tuple[str, ...]:
        """The name of each feature, such as "age" or "colour=red"."""
        names: list[str] = []
        for column in self.columns:
            if column in self.levels:
                names += [f"{column}={level}" for level in self.levels[column]]
            else:
                names.append(column)
        return tuple(names)

    @property
    def width(self) -> int:
        """The number of features."""
        return len(self.encoded_names)

    def example(self) -> dict[str, float | str]:
        """Make up a raw row: the fitted centre of each number, the first level of each category."""
        if self.vocabulary is not None:
            return {self.columns[0]: self.vocabulary.decode(range(min(3, len(self.vocabulary))))}
        row: dict[str, float | str] = {}
        for column, slot in self._slots.items():
            if column in self.levels:
                row[column] = self.levels[column][0]
            elif column in self.dates:
                row[column] = example(self.dates[column], self.center[slot])
            else:
                row[column] = float(f"{self.center[slot]:.4g}")
        return row

    def encode(self, raw: Any) -> NDArray[Any]:
        """Encode raw rows as the training rows were encoded.

        Parameters
        ----------
        raw : pandas.DataFrame, mapping of str to column, or array-like of shape (rows, columns)
            The raw rows. The columns of a frame or mapping, such as a `RawTable`, are looked up by
            name, and others are ignored; those of an array are in the order of `columns`. Numbers
            may be text in the notation of the training table. With a column for each of `series`
            in place of these, the rows are steps in time, of which all windows are encoded.

        Returns
        -------
        ndarray of shape (rows, features)
            float64, or float32 for images (see `dtype`).

        Raises
        ------
        DataError
            For a missing column, a cell that is not a number, a level not seen in training, a
            missing value that nothing was fitted for, a number that is not finite or, once it is
            scaled, beyond single precision: naming row (from 1) and column.
        """
        return self.encode_table(self._table(raw))

    def encode_table(self, table: Table) -> NDArray[Any]:
        """Encode a table whose columns already have the right types; see `encode`."""
        features = self.features(table)
        self.refuse_missing(features, table.row)
        inputs = self.scaling.scaled(features)
        self.refuse_unscalable(inputs, table.row)
        return inputs

    def features(self, table: Table) -> NDArray[Any]:
        """Encode a table without filling or scaling it, which no split can change.

        Parameters
        ----------
        table : Table
            The raw columns, of the right types.

        Returns
        -------
        ndarray of shape (rows, features)
            The numbers, NaN where missing, and for each level of a category 1 or 0, or NaN in all
            of them where the category is missing. Its type is `dtype`, or a narrower one if all
            columns are numbers of that type.
        """
        if not self.levels and np.can_cast(table.numbers.dtype, self.dtype):
            return np.array(table.numbers, order="C")
        features = np.empty((len(table), len(self.scale)), self.dtype)
        with np.errstate(over="ignore"):  # `refuse_unscalable` refuses what overflows
            features[:, self._number_slots] = table.numbers
        for column, first in self._text_slots.items():
            codes = self._codes(column, table)
            features[:, first : first + len(self.levels[column])] = 0
            known = codes >= 0
            features[np.flatnonzero(known), first + codes[known]] = 1
            missing = codes == _MISSING
            features[missing, first : first + len(self.levels[column])] = np.nan
        return features

    @cached_property
    def scaling(self) -> FillAndScale:
        """The filling and scaling of the result of `features`."""
        # An array of a smaller type would be promoted by float64 statistics.
        with np.errstate(over="ignore"):
            center, scale = (np.array(s, self.dtype) for s in (self.center, self.scale))
            if not self.fills:
                return FillAndScale(center, scale)
            fill = np.full(len(scale), np.nan, self.dtype)
            for column, value in self.fills.items():
                slot = self._slots[column]
                if isinstance(value, str):
                    levels = self.levels[column]
                    fill[slot : slot + len(levels)] = [level == value for level in levels]
                else:
                    fill[slot] = value
        return FillAndScale(center, scale, fill)

    def refuse_missing(self, features: NDArray[Any], number: Callable[[int], int]) -> None:
        """Raise a DataError for a missing value that nothing was fitted for.

        Parameters
        ----------
        features : ndarray of shape (rows, features)
            A result of `features`.
        number : callable
            Returns the number of a row in its source, by which the message names it.
        """
        if self.steps is not None:
            refuse_gaps(features, self.steps, number)
            return
        if features.dtype.kind != "f" or not np.isnan(features.max(initial=-np.inf)):
            return
        for column, slot in self._slots.items():
            gaps = np.isnan(features[:, slot])
            if column not in self.fills and gaps.any():
                raise _missing(number(int(np.argmax(gaps))), column)

    def refuse_unscalable(self, inputs: NDArray[Any], number: Callable[[int], int]) -> None:
        """Raise a DataError for a scaled value that single precision cannot hold.

        Parameters
        ----------
        inputs, number
            The scaled features, and see `refuse_missing`.
        """
        if self.steps is not None:
            inputs = np.nan_to_num(inputs, nan=0.0, posinf=np.inf, neginf=-np.inf)
        if (place := beyond_single(inputs)) is not None:
            row, slot = place
            raise DataError(
                f"row {number(row)}, column {self.encoded_names[slot]!r}: the value is infinite "
                f"or, once it is scaled, beyond single precision ({_LARGEST:.1e}). Correct it."
            )

    def encode_targets(self, raw: ArrayLike) -> NDArray[np.float64]:
        """Scale raw regression targets; the inverse of `decode_targets`."""
        targets = np.array(raw, np.float64)
        if self.target_scale:
            with np.errstate(over="ignore"):  # datasets hold no infinite targets
                targets -= np.array(self.target_center)
                targets /= np.array(self.target_scale)
        return targets

    def decode_targets(self, scaled: ArrayLike) -> NDArray[np.float64]:
        """Convert scaled predictions to raw units.

        Parameters
        ----------
        scaled : array-like of shape (..., target columns)
            The predictions in scaled units.

        Returns
        -------
        float64 ndarray of the same shape
            The raw values; an unchanged copy if targets were not scaled, as for classes.
        """
        targets = np.array(scaled, np.float64)
        if self.target_scale:
            if targets.ndim == 0 or targets.shape[-1] != len(self.target_scale):
                raise ValueError(
                    f"predictions have shape {targets.shape}, not (..., {len(self.target_scale)})"
                )
            with np.errstate(over="ignore"):
                targets *= np.array(self.target_scale)
                targets += np.array(self.target_center)
        return targets

    @property
    def takes_table(self) -> bool:
        """Whether raw rows are those of a table."""
        return True

    @property
    def requirements(self) -> tuple[str, ...]:
        """The distributions that encoding needs besides NumPy."""
        return ()

    def to_json(self) -> str:
        """Serialize as JSON, from which every number is restored to the bit."""
        return json.dumps(self.contents(), allow_nan=False)

    def contents(self) -> dict[str, Any]:
        """Return what `to_json` serializes."""
        return {
            "format": FORMAT,
            "columns": self.columns,
            "levels": dict(self.levels),
            "fills": dict(self.fills),
            "dtype": self.dtype,
            "center": self.center,
            "scale": self.scale,
            "target_center": self.target_center,
            "target_scale": self.target_scale,
            "notation": self.notation.to_plain(),
            "dates": dict(self.dates),
            "unknown": self.unknown,
            "steps": self.steps,
            "series": self.series,
            **({} if self.vocabulary is None else {"vocabulary": self.vocabulary.to_plain()}),
        }

    @classmethod
    def from_json(cls, text: str) -> Preprocessing:
        """Deserialize the result of `to_json`.

        Raises
        ------
        DataError
            If the text is not such a result.
        """
        try:
            contents = parse_json(text)
            if contents["format"] != FORMAT:
                raise ValueError(f"format {str(contents['format'])[:50]!r}, not {FORMAT}")
            kinds = {kind.kind: kind for kind in (cls, *cls.__subclasses__())}
            preprocessing = kinds[contents.get("kind", cls.kind)].from_contents(contents)
            lengths = {len(preprocessing.target_center), len(preprocessing.target_scale)}
            scales = *preprocessing.scale, *preprocessing.target_scale
            if len(lengths) != 1 or any(scale <= 0 for scale in scales):
                raise ValueError("a scale is missing or not positive")
            if preprocessing.dtype not in ("float64", "float32"):
                raise ValueError(f"dtype {str(preprocessing.dtype)[:50]!r}")
            with np.errstate(over="ignore"):
                scale = np.array(preprocessing.scale, preprocessing.dtype)
            if not (np.isfinite(scale) & (scale > 0)).all():
                raise ValueError("a scale is not a positive number")
        except (ValueError, KeyError, TypeError, AttributeError, ConfigError) as error:
            raise DataError(
                f"preprocessing cannot be read from JSON ({type(error).__name__}: {error}). "
                "Use the preprocessing.json of a run that has ended."
            ) from error
        return preprocessing

    @classmethod
    def from_contents(cls, contents: Mapping[str, Any]) -> Self:
        """Restore the result of `contents`.

        Raises
        ------
        ValueError, KeyError, TypeError, AttributeError, ConfigError
            If it is not such a result.
        """
        preprocessing = cls(
            columns=tuple(map(str, contents["columns"])),
            center=tuple(map(float, contents["center"])),
            scale=tuple(map(float, contents["scale"])),
            levels={str(k): tuple(map(str, v)) for k, v in contents["levels"].items()},
            fills={
                str(k): v if isinstance(v, str) else float(v) for k, v in contents["fills"].items()
            },
            dtype=contents["dtype"],
            target_center=tuple(map(float, contents["target_center"])),
            target_scale=tuple(map(float, contents["target_scale"])),
            # Tables had one notation when there was no such entry.
            notation=Notation.from_plain(contents.get("notation", Notation().to_plain())),
            dates={str(k): str(v) for k, v in contents.get("dates", {}).items()},
            unknown=contents.get("unknown", "error"),
            steps=contents.get("steps"),
            series=tuple(map(str, contents.get("series", ()))),
            vocabulary=(
                Vocabulary.from_plain(contents["vocabulary"]) if "vocabulary" in contents else None
            ),
        )
        preprocessing._check_columns()
        lengths = {len(preprocessing.center), len(preprocessing.scale)}
        if lengths != {0 if preprocessing.vocabulary else preprocessing.width}:
            raise ValueError("the columns do not fit their scaling")
        if preprocessing.vocabulary is not None and len(preprocessing.columns) != 1:
            raise ValueError("the texts have more than one column")
        if (steps := preprocessing.steps) is not None and (
            type(steps) is not int or steps < 1 or len(preprocessing.columns) % steps
        ):
            raise ValueError(f"{str(steps)[:50]} steps do not fit the columns")
        if (series := preprocessing.series) and (
            len(preprocessing.columns) % len(series) or preprocessing.levels
        ):
            raise ValueError("the series do not fit the columns")
        if preprocessing.unknown not in get_args(Unknown):
            raise ValueError(f"unknown {str(preprocessing.unknown)[:50]!r}")
        if not set(preprocessing.dates.values()) <= set(FORMATS):
            raise ValueError("dates in a format that is not known")
        return preprocessing

    def _check_columns(self) -> None:
        """Raise a ValueError if levels, fills or dates are not those of the columns."""
        if len(set(self.columns)) < len(self.columns):
            raise ValueError("two columns have the same name")
        if not self.columns or not {*self.levels, *self.fills, *self.dates} <= {*self.columns}:
            raise ValueError("the levels, fills or dates are of other columns")
        if not self.levels.keys().isdisjoint(self.dates):
            raise ValueError("a column of dates has levels")
        for column, fill in self.fills.items():
            levels = self.levels.get(column)
            if fill not in levels if levels is not None else not isinstance(fill, float):
                raise ValueError(f"the fill of the column {column[:50]!r} does not fit it")

    @cached_property
    def _slots(self) -> dict[str, int]:
        """The first encoded feature of each column."""
        slots, slot = {}, 0
        for column in self.columns:
            slots[column] = slot
            slot += len(self.levels[column]) if column in self.levels else 1
        return slots

    @cached_property
    def _number_slots(self) -> Any:
        """The features of the number columns; a slice, which copies faster, if they are all."""
        slots = [slot for column, slot in self._slots.items() if column not in self.levels]
        return np.array(slots, np.intp) if self.levels else slice(None)

    @cached_property
    def _text_slots(self) -> dict[str, int]:
        return {column: slot for column, slot in self._slots.items() if column in self.levels}

    def _codes(self, column: str, table: Table) -> NDArray[np.intp]:
        """Look up the index of each cell's level: `_IGNORED` and `_MISSING` stand for none."""
        levels, cells = self.levels[column], table.texts[column]
        known: dict[str, tuple[int, ...]] = {level: (code,) for code, level in enumerate(levels)}
        others: dict[str, tuple[int, ...]] = {}
        codes = np.empty(len(cells), np.intp)
        for row, cell in enumerate(cells):
            if isinstance(cell, str) and cell in known:
                found = known[cell]
            elif self.notation.is_missing(cell):
                codes[row] = _MISSING
                continue
            elif isinstance(cell, str):
                found = known.get(cell.strip(), ())
            elif (key := repr(cell)) in others:
                found = others[key]
            else:
                found = others[key] = _codes_of(cell, levels)
            if len(found) > 1:
                raise DataError(
                    f"row {table.row(row)}, column {column!r}: {quoted(cell)} is not text, and may "
                    f"stand for the levels {' and '.join(levels[code] for code in found)}. Give "
                    "text."
                )
            if not found and self.unknown == "error":
                raise DataError(
                    f"row {table.row(row)}, column {column!r}: {quoted(cell)} is not among the "
                    f"levels seen in training ({listed(levels)}). Correct it, or train again "
                    "with such rows or with dataset.unknown=ignore."
                )
            codes[row] = found[0] if found else _IGNORED
        return codes

    def _table(self, raw: Any) -> Table:
        if isinstance(raw, Table):
            return raw
        if self.takes_steps(raw):
            return self._windows(raw)
        cells = self._cells(raw, self.columns)
        if isinstance(cells, np.ndarray):
            if not self.levels and not self.dates and cells.dtype.kind in "fiub":
                return Table(self.columns, cells)
            cells = dict(zip(self.columns, cells.T, strict=True))
        rows = {len(column) for column in cells.values()}
        if len(rows) > 1:
            raise DataError(f"the columns differ in length ({sorted(rows)}). Make them equal.")
        names = [name for name in self.columns if name not in self.levels]
        matrix = np.empty((max(rows, default=0), len(names)))
        for position, name in enumerate(names):
            matrix[:, position] = self._numbers(name, cells[name])
        texts = {name: self.notation.texts(cells[name]) for name in self.levels}
        return Table(self.columns, matrix, texts)

    def _numbers(self, name: str, cells: Cells) -> NDArray[np.float64]:
        if name in self.dates:
            values, wrong = read_dates(cells, self.dates[name], self.notation)
            if wrong is not None:
                raise DataError(
                    f"row {wrong + 1}, column {name!r}: {quoted(cells[wrong])} is not a date as in "
                    f"the training table, such as {example(self.dates[name])}. Correct it."
                )
            return values
        values, wrong = self.notation.numbers(cells)
        if wrong is not None:
            cell = cells[wrong]
            cure = "Correct it."
            if self.notation.alternatives([cell]):
                cure = f"Write numbers as the training table does: {self.notation.example}."
            raise DataError(
                f"row {wrong + 1}, column {name!r}: {quoted(cell)} is not a number. {cure}"
            )
        return values

    def takes_steps(self, raw: Any) -> bool:
        """Whether a raw table has a column for each series, and a row for each step in time."""
        if not self.series or not (hasattr(raw, "columns") or isinstance(raw, Mapping)):
            return False
        labels = raw.columns if hasattr(raw, "columns") else raw.keys()
        return not {column_name(name) for name in self.columns} <= set(map(column_name, labels))

    def _windows(self, raw: Any) -> Table:
        """Cut the windows of a table of series."""
        cells = self._cells(raw, self.series)
        assert isinstance(cells, dict)
        values = read_series(
            cells, self.series, self.notation, lambda row, name: f"row {row + 1}, column {name!r}"
        )
        if len(values) < self.window:
            raise DataError(
                f"the table has {len(values)} rows, and a forecast needs the last {self.window} "
                "steps. Give more rows."
            )
        return Table(self.columns, windows(values, self.window))

    def _cells(self, raw: Any, columns: tuple[str, ...]) -> NDArray[Any] | dict[str, Cells]:
        """Extract the columns from a frame, a mapping or an array."""
        if hasattr(raw, "columns") or isinstance(raw, Mapping):
            labels = raw.columns if hasattr(raw, "columns") else raw.keys()
            found = {column_name(label): label for label in labels}
            needed = {name: column_name(name) for name in columns}
            absent = [name for name in needed.values() if name not in found]
            if absent:
                raise DataError(
                    f"no column is called {absent[0]!r}{suggestion(absent[0], found)}. The columns "
                    f"are {listed(found)}; those needed are {listed(columns)}."
                )
            given = {name: _column(raw[found[label]]) for name, label in needed.items()}
            for name, column in given.items():
                if isinstance(column, np.ndarray) and column.ndim != 1:
                    raise DataError(
                        f"column {name!r} has shape {column.shape}, not (rows,). "
                        "Is there more than one of this name?"
                    )
            return given
        try:
            array = raw if isinstance(raw, np.ndarray) else np.array(raw, object)
        except ValueError as error:
            raise DataError(f"the rows differ in length ({error}). Make them equal.") from None
        if array.ndim != 2 or array.shape[1] != len(columns):
            raise DataError(
                f"the raw inputs have shape {array.shape}, not (rows, {len(columns)}): one "
                f"column for each of {listed(columns)}."
            )
        return array


def beyond_single(values: NDArray[Any]) -> tuple[int, ...] | None:
    """Return the index of the first value that single precision cannot hold; None if there is none.

    Networks train in single precision by default. NaN counts as such a value, too.
    """
    # Minimum and maximum propagate NaN, and avoid a temporary array of booleans.
    if values.size == 0 or (values.min() >= -_LARGEST and values.max() <= _LARGEST):
        return None
    return tuple(np.argwhere(~(np.abs(values) <= _LARGEST))[0].tolist())


def refuse_gaps(numbers: NDArray[Any], steps: int, number: Callable[[int], int]) -> None:
    """Raise a DataError for a sequence without any step, or with a gap before its end.

    Parameters
    ----------
    numbers : ndarray of shape (rows, channels · steps)
        Sequences, NaN after their ends.
    steps : int
        The largest number of steps.
    number : callable
        A function that returns the number of a row in its source, for the message.
    """
    try:
        lengths_of(numbers, (numbers.shape[1] // steps, steps), number)
    except ValueError as error:
        raise DataError(f"{error}. Correct the row.") from None


def fit_preprocessing(
    train: Table,
    *,
    levels: Mapping[str, tuple[str, ...]],
    scaling: Scaling,
    impute: Impute | None,
    dtype: Literal["float64", "float32"],
    targets: NDArray[np.float64] | None,
    target_names: tuple[str, ...] = (),
    notation: Notation | None = None,
    dates: Mapping[str, str] | None = None,
    unknown: Unknown = "error",
    channels: int | None = None,
    steps: int | None = None,
    series: tuple[str, ...] = (),
) -> Preprocessing:
    """Fit the preprocessing on the training part.

    Parameters
    ----------
    train : Table
        The training rows, tidied.
    levels : mapping of str to tuple of str
        The levels of each categorical column of the table.
    scaling : {"standard", "channel", "minmax", "max", "none"}
        Scaling of the number columns (see :func:`fit_scaling`); one-hot features stay 0 and 1.
    impute : {"mean", "median"} or None
        Replacement for missing numbers; a missing category becomes the most frequent one (in a
        tie, the first). None refuses missing values.
    dtype : {"float64", "float32"}
        Type of the encoded inputs.
    targets : float64 ndarray of shape (rows, target columns), optional
        The raw targets, if they are to be standardised.
    target_names : tuple of str
        Names of the target columns, for the error message.
    notation : Notation, optional
        The notation of numbers and missing values in texts.
    dates, unknown
        See `Preprocessing`.
    channels : int, optional
        The number of channels, if rows are images or sequences.
    steps, series
        See `Preprocessing`.

    Returns
    -------
    Preprocessing

    Raises
    ------
    DataError
        If a column to be imputed has no value in the training part, or `encode` or
        :func:`fit_scaling` refuses the data.
    """
    fills = {} if impute is None else _fills(train, levels, impute)
    names = train.number_names
    numbers = train.numbers if steps is not None else _filled(train, fills)
    center, scale = fit_scaling(numbers, scaling, names, channels)
    statistics = dict(zip(names, zip(center.tolist(), scale.tolist(), strict=True), strict=True))
    encoded = [
        entry
        for name in train.names
        for entry in ([(0.0, 1.0)] * len(levels[name]) if name in levels else [statistics[name]])
    ]
    target_center: tuple[float, ...] = ()
    target_scale: tuple[float, ...] = ()
    if targets is not None:
        centers, scales = fit_scaling(targets, "standard", target_names)
        target_center, target_scale = tuple(centers.tolist()), tuple(scales.tolist())
    return Preprocessing(
        columns=train.names,
        center=tuple(entry[0] for entry in encoded),
        scale=tuple(entry[1] for entry in encoded),
        levels=dict(levels),
        fills=fills,
        dtype=dtype,
        target_center=target_center,
        target_scale=target_scale,
        notation=notation or Notation(),
        dates=dict(dates or {}),
        unknown=unknown,
        steps=steps,
        series=series,
    )


def _fills(
    train: Table, levels: Mapping[str, tuple[str, ...]], impute: Impute
) -> dict[str, float | str]:
    fills: dict[str, float | str] = {}
    for position, name in enumerate(train.number_names):
        values = train.numbers[:, position].astype(np.float64)
        values = values[~np.isnan(values)]
        if not len(values):
            raise _nothing_to_impute_from(name)
        if impute == "median":
            # Halved before they are added: the sum of two large numbers may overflow.
            low, high = np.sort(values)[[(len(values) - 1) // 2, len(values) // 2]]
            fills[name] = float(low / 2 + high / 2) if low != high else float(low)
        else:
            fills[name] = float(np.sum(values / len(values)))
    for name, column in train.texts.items():
        counts = [int(np.sum(column == level)) for level in levels[name]]
        if not any(counts):
            raise _nothing_to_impute_from(name)
        fills[name] = levels[name][int(np.argmax(counts))]
    return fills


def _filled(table: Table, fills: Mapping[str, float | str]) -> NDArray[Any]:
    """Return the number columns with gaps filled; the same array if it has none."""
    numbers = table.numbers
    # The maximum is NaN if any element is; this avoids a temporary array of booleans.
    if numbers.dtype.kind != "f" or not np.isnan(numbers.max(initial=-np.inf)):
        return numbers
    numbers = numbers.astype(np.float64)  # a fill is exact in no narrower type
    for position, name in enumerate(table.number_names):
        gaps = np.isnan(numbers[:, position])
        if gaps.any():
            if name not in fills:
                raise _missing(table.row(int(np.argmax(gaps))), name)
            numbers[gaps, position] = fills[name]
    return numbers


def _column(cells: Any) -> Cells:
    return cells if isinstance(cells, TextColumn) else np.asarray(cells)


def _codes_of(cell: Any, levels: tuple[str, ...]) -> tuple[int, ...]:
    """Return the indices of the levels with the same value as a cell that is not text.

    Readers of tables disagree on types: the text "1" or "true" of the training data may arrive
    as the number 1.0 or the boolean True. Numbers of any length are compared exactly.
    """
    if isinstance(cell, bool | np.bool_):
        texts = [level.lower() for level in levels]
        return tuple(code for code, text in enumerate(texts) if text == str(bool(cell)).lower())
    value = _decimal(str(cell))
    if value is None:
        return tuple(code for code, level in enumerate(levels) if level == str(cell))
    return tuple(code for code, level in enumerate(levels) if _decimal(level) == value)


def _decimal(text: str) -> Decimal | None:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


def _missing(row: int, column: str) -> DataError:
    return DataError(
        f"row {row}, column {column!r}: the value is missing, and nothing was fitted to "
        "replace it. Fill it in, or train with dataset.missing=mean or median."
    )


def _nothing_to_impute_from(column: str) -> DataError:
    return DataError(
        f"column {column!r} has no value in the training part, so nothing can replace its missing "
        "values. Leave it out (dataset.ignore) or choose dataset.missing=drop."
    )


def listed(names: Any, most: int = 12) -> str:
    """Join names for a message, the first `most` of them."""
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
