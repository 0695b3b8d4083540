"""Preparation of a dataset from raw data and a split, the last step of every source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.caveats import caveats
from experiments.datasets.dataset import Dataset, Part, Task, is_image
from experiments.datasets.digest import dataset_digest
from experiments.datasets.encoded_table import DrawnRows, EncodedTable, shared
from experiments.datasets.preprocessing import (
    Impute,
    Preprocessing,
    Unknown,
    beyond_single,
    fit_preprocessing,
    refuse_gaps,
)
from experiments.datasets.reading.memory import available_memory, require_memory
from experiments.datasets.reading.notation import Notation
from experiments.datasets.scaling import Scaling
from experiments.datasets.splits import Split
from experiments.datasets.table import Table
from experiments.datasets.vocabulary import Vocabulary
from experiments.errors import DataError
from nn.typing import Shape

_WHOLE: Final = 0.5
"""The share of the rows that a split must use for all rows to be kept in memory and in the cache.

Splits of fewer rows, as with `dataset.limit`, share no table: they use different rows, and a large
table would be read for a few of them.
"""


def prepare(
    *,
    name: str,
    task: Task,
    table: Table,
    targets: NDArray[Any],
    target_names: tuple[str, ...],
    split: Split,
    scaling: Scaling = "standard",
    impute: Impute | None = None,
    scale_targets: bool = True,
    shape: Shape | None = None,
    padded: bool = False,
    series: tuple[str, ...] = (),
    notes: tuple[str, ...] = (),
    notation: Notation | None = None,
    dates: Mapping[str, str] | None = None,
    unknown: Unknown = "error",
    warnings: tuple[str, ...] = (),
) -> Dataset:
    """Encode the parts of a split, with all statistics fitted on the training part.

    Parameters
    ----------
    name : str
        Name of the dataset for people and records.
    task : Task
        The kind of prediction.
    table : Table
        The raw inputs of all rows. The levels of categorical columns are taken from all rows,
        as classes are: they define the possible values and are not statistics.
    targets : ndarray
        Class indices of shape (rows,) for binary and multiclass, or of shape (rows, steps) if each
        step of a sequence has a class, -1 after the end of a padded one; zeros and ones of shape
        (rows, labels) for multilabel; raw numbers of shape (rows, outputs) for regression; zeros
        of shape (rows, 1) for minimization.
    target_names : tuple of str
        The classes, or the target columns.
    split : Split
        The rows of each part.
    scaling : {"standard", "channel", "minmax", "max", "none"}, default "standard"
        Scaling of the numeric columns; see :func:`~experiments.datasets.scaling.fit_scaling`.
    impute : {"mean", "median"}, optional
        Replacement for missing values; by default a missing value is an error.
    scale_targets : bool, default True
        Whether regression targets are standardised.
    shape : tuple of int, optional
        The shape of a row, whose columns are in this order: (channels, length) of a sequence, or
        (channels, height, width) of an image, whose inputs are float32. By default (features,).
    padded : bool, default False
        Whether sequences may end before their last step: their columns of all later steps are NaN.
        They are not scaled.
    series : tuple of str, default ()
        The series of whose windows the rows consist; see `Preprocessing`.
    notes : tuple of str, default ()
        Messages for people about how the data were interpreted.
    notation : Notation, optional
        The notation of numbers and missing values, here and in the tables to predict from.
    dates : mapping of str to str, optional
        The format of each number column that was read from dates; see `Preprocessing`.
    unknown : {"error", "ignore"}, default "error"
        The treatment of levels that only the tables to predict from have.
    warnings : tuple of str, default ()
        Messages for people about what makes results on these data doubtful, beside those of
        :func:`~experiments.datasets.caveats.caveats`.

    Returns
    -------
    Dataset

    Raises
    ------
    DataError
        If the data cannot be encoded, do not match the description or need more memory than there
        is.
    """
    notation = notation or Notation()
    task, table = Task(task), table.tidied(notation)
    scaled = task is Task.REGRESSION and scale_targets
    targets = np.asarray(targets, np.int64 if task.has_classes else np.float64)
    levels = {
        column: tuple(sorted({cell for cell in cells if cell}))
        for column, cells in table.texts.items()
    }
    dtype: Literal["float64", "float32"] = "float32" if shape and is_image(shape) else "float64"
    used = np.unique(np.concatenate([split.train, split.validation, split.test]))
    held = used if len(used) < _WHOLE * len(table) else None  # the rows to keep; None for all
    rows = len(table) if held is None else len(held)
    features = sum(len(levels[column]) if column in levels else 1 for column in table.names)
    require_memory(
        f"encoding {rows} rows as {features} features",
        rows * features * np.dtype(dtype).itemsize + table.numbers.nbytes,
        available_memory(),
    )
    steps = shape[-1] if padded and shape is not None else None
    if steps is not None:
        refuse_gaps(table.numbers, steps, table.row)
        if scaling != "none":
            raise DataError("sequences of different lengths need dataset.scaling=none.")
    preprocessing = fit_preprocessing(
        table.take(split.train),
        levels=levels,
        scaling=scaling,
        impute=impute,
        dtype=dtype,
        targets=targets[split.train] if scaled else None,
        target_names=target_names,
        notation=notation,
        dates=dates,
        unknown=unknown,
        channels=None if shape is None else shape[0],
        steps=steps,
        series=series,
    )

    description: dict[str, Any] = {
        "task": str(task),
        "columns": table.names,
        "targets": target_names,
        "scaling": scaling,
        "impute": impute,
        "scale_targets": scaled,
        "image_shape": None,
    }
    if shape is not None and is_image(shape) and shape[0] == 1:
        description["image_shape"] = shape[1:]  # records made before there were channels have it
    elif shape is not None:
        description["shape"] = shape
    if padded:
        description["padded"] = True
    table_digest, digest = dataset_digest(table, targets, split, description)

    def encode() -> EncodedTable:
        if held is None:
            return EncodedTable(preprocessing.features(table), targets.copy(), table_digest)
        return EncodedTable(preprocessing.features(table.take(held)), targets[held], digest)

    encoded = shared(table_digest if held is None else digest, encode)
    # Scaling is monotonic, so the extremes of the columns say whether all values can be scaled.
    extremes = np.stack([encoded.inputs.min(axis=0), encoded.inputs.max(axis=0)])
    doubtful = beyond_single(preprocessing.scaling.scaled(extremes)) is not None

    def part(rows: NDArray[np.intp]) -> Part:
        def number(row: int) -> int:
            return table.row(int(rows[row]))

        places = rows if held is None else np.searchsorted(held, rows)
        drawn = DrawnRows(encoded, places.astype(np.intp), preprocessing.scaling)
        if encoded.has_gaps:
            preprocessing.refuse_missing(encoded.inputs.take(places, axis=0), number)
        if doubtful or encoded.has_gaps:
            preprocessing.refuse_unscalable(drawn.inputs(), number)
        own = targets[rows] if task.has_classes else preprocessing.encode_targets(targets[rows])
        if (place := beyond_single(own)) is not None:
            row, column = place
            cure = "Correct it."
            if not scaled:
                cure = "Correct it, or scale the column (dataset.scale_targets=true)."
            raise DataError(
                f"row {number(row)}, target {target_names[column]!r}: "
                f"{targets[rows[row], column]:g} is infinite or, as it is trained on, beyond "
                f"single precision. {cure}"
            )
        return Part(drawn, own)

    return Dataset(
        name=name,
        task=task,
        train=part(split.train),
        validation=part(split.validation) if len(split.validation) else None,
        test=part(split.test) if len(split.test) else None,
        feature_names=table.names,
        target_names=target_names,
        preprocessing=preprocessing,
        digest=digest,
        shape=shape or (),
        notes=notes,
        warnings=(
            *warnings,
            *caveats(task, table, targets, target_names, split, preprocessing),
        ),
    )


def prepare_tokens(
    *,
    name: str,
    task: Task,
    tokens: NDArray[np.integer],
    targets: NDArray[Any],
    target_names: tuple[str, ...],
    vocabulary: Vocabulary,
    split: Split,
    notes: tuple[str, ...] = (),
    warnings: tuple[str, ...] = (),
) -> Dataset:
    """Divide sequences of tokens into parts.

    Parameters
    ----------
    name, task, target_names, split, notes
        See :func:`prepare`.
    tokens : ndarray of int, shape (rows, length)
        The numbers of the tokens of all rows.
    targets : ndarray
        The targets, as for :func:`prepare`; or class indices of shape (rows, length), one for
        each step.
    vocabulary : Vocabulary
        The tokens.
    warnings : tuple of str, default ()
        Messages for people about what makes results on these data doubtful.

    Returns
    -------
    Dataset

    Raises
    ------
    DataError
        If tokens or targets do not match the description.
    """
    task = Task(task)
    targets = np.asarray(targets, np.int64 if task.has_classes else np.float64)
    description = {"task": str(task), "vocabulary": vocabulary.to_plain(), "targets": target_names}
    _, digest = dataset_digest(Table.of_numbers(tokens), targets, split, description)

    def part(rows: NDArray[np.intp]) -> Part | None:
        return Part(tokens[rows].astype(np.int32), targets[rows]) if len(rows) else None

    train = part(split.train)
    if train is None:
        raise DataError(f"dataset {name}: no row is left for training. Give more rows.")
    return Dataset(
        name=name,
        task=task,
        train=train,
        validation=part(split.validation),
        test=part(split.test),
        feature_names=("text",),
        target_names=target_names,
        preprocessing=Preprocessing(("text",), (), (), vocabulary=vocabulary),
        digest=digest,
        notes=notes,
        warnings=warnings,
    )
