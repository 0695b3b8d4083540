"""Preparation of a dataset from raw data and a split, the last step of every source."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.dataset import Dataset, Part, Task
from experiments.datasets.digest import dataset_digest
from experiments.datasets.preprocessing import Impute, fit_preprocessing
from experiments.datasets.scaling import Scaling
from experiments.datasets.splits import Split
from experiments.datasets.table import Table


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
    image_shape: tuple[int, int] | None = None,
    notes: tuple[str, ...] = (),
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
        Class indices of shape (rows,) for binary and multiclass; zeros and ones of shape
        (rows, labels) for multilabel; raw numbers of shape (rows, outputs) for regression.
    target_names : tuple of str
        The classes, or the target columns.
    split : Split
        The rows of each part.
    scaling : {"standard", "minmax", "max", "none"}, default "standard"
        Scaling of the numeric columns; see :func:`~experiments.datasets.scaling.fit_scaling`.
    impute : {"mean", "median"}, optional
        Replacement for missing values; by default a missing value is an error.
    scale_targets : bool, default True
        Whether regression targets are standardised.
    image_shape : tuple of int, optional
        Height and width if rows are images; inputs are then float32.
    notes : tuple of str, default ()
        Messages for people about how the data were interpreted.

    Returns
    -------
    Dataset

    Raises
    ------
    DataError
        If the data cannot be encoded or do not match the description.
    """
    task, table = Task(task), table.tidied()
    scaled = task is Task.REGRESSION and scale_targets
    targets = np.asarray(targets, np.int64 if task.has_classes else np.float64)
    levels = {
        column: tuple(sorted({cell for cell in cells if cell}))
        for column, cells in table.texts.items()
    }
    preprocessing = fit_preprocessing(
        table.take(split.train),
        levels=levels,
        scaling=scaling,
        impute=impute,
        dtype="float64" if image_shape is None else "float32",
        targets=targets[split.train] if scaled else None,
        target_names=target_names,
    )

    def part(rows: NDArray[np.intp]) -> Part:
        encoded = targets[rows] if task.has_classes else preprocessing.encode_targets(targets[rows])
        return Part(preprocessing.encode_table(table.take(rows)), encoded)

    description = {
        "task": str(task),
        "columns": table.names,
        "targets": target_names,
        "scaling": scaling,
        "impute": impute,
        "scale_targets": scaled,
        "image_shape": image_shape,
    }
    return Dataset(
        name=name,
        task=task,
        train=part(split.train),
        validation=part(split.validation) if len(split.validation) else None,
        test=part(split.test),
        feature_names=table.names,
        target_names=target_names,
        preprocessing=preprocessing,
        digest=dataset_digest(table, targets, split, description),
        image_shape=image_shape,
        notes=notes,
    )
