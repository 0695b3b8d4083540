"""From raw data and a split to a dataset: every source ends here."""

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
    """Encode the parts of a split, with everything fitted on the training part.

    Parameters
    ----------
    name : str
        The dataset's, for people and records.
    task : Task
        What is to be predicted.
    table : Table
        The raw inputs of all rows. The levels of its categorical columns are those of all rows,
        as classes are: they say what can occur, and are no statistic.
    targets : ndarray
        Class indices of shape (rows,) for binary and multiclass; zeros and ones of shape
        (rows, labels) for multilabel; raw numbers of shape (rows, outputs) for regression.
    target_names : tuple of str
        Classes or target columns.
    split : Split
        Which rows are in which part.
    scaling : {"standard", "minmax", "max", "none"}
        Of the number columns; see :func:`~experiments.datasets.scaling.fit_scaling`.
    impute : {"mean", "median"}, optional
        What replaces missing values; they are refused by default.
    scale_targets : bool
        Whether regression targets are standardised.
    image_shape : tuple of int, optional
        (height, width) where rows are images; inputs are then float32.
    notes : tuple of str
        For people; see :class:`Dataset`.

    Raises
    ------
    DataError
        For data that cannot be encoded or do not fit the description.
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
        validation=part(split.validation),
        test=part(split.test),
        feature_names=table.names,
        target_names=target_names,
        preprocessing=preprocessing,
        digest=dataset_digest(table, targets, split, description),
        image_shape=image_shape,
        notes=notes,
    )
