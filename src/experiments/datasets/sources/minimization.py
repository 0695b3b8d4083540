"""Datasets of functions to minimize, which have rows but no targets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.dataset import Dataset, Task
from experiments.datasets.prepare import prepare
from experiments.datasets.splits import Split
from experiments.datasets.table import Table


def prepare_rows(name: str, train: NDArray[np.float64], test: NDArray[np.float64]) -> Dataset:
    """Prepare the rows of a function to minimize.

    Parameters
    ----------
    name : str
        Name for people and records.
    train, test : ndarray of shape (rows, coordinates)
        The rows to train and to test on; `test` may be empty.

    Returns
    -------
    Dataset
    """
    rows = np.arange(len(train) + len(test))
    return prepare(
        name=name,
        task=Task.MINIMIZATION,
        table=Table.of_numbers(np.concatenate([train, test])),
        targets=np.zeros((len(rows), 1)),
        target_names=("value",),
        split=Split(rows[: len(train)], rows[:0], rows[len(train) :]),
        scaling="none",
    )
