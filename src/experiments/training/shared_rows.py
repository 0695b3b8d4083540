"""The rows that the runs of a stack read, from one table where all splits were drawn from one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.datasets import Dataset, Part
from experiments.datasets.encoded_table import DrawnRows
from experiments.training.targets import Encoding
from nn.losses import Loss
from nn.sparse_rows import SparseRows
from nn.table_rows import Scaling, TableRows

Parts = dict[str, TableRows]


def inputs_of(datasets: Sequence[Dataset], dtype: str) -> Parts:
    """Return the inputs of each part, for runs of different splits.

    Splits of one table read their rows from it and scale them by their own statistics, unless all
    have the same ones: then the table is scaled once. The prepared parts of splits that share no
    table, as of data that the seed generates, are joined.

    Parameters
    ----------
    datasets : sequence of Dataset
        The splits, with parts of equal sizes.
    dtype : str
        Precision of the networks.
    """
    names = datasets[0].parts
    drawn = None if len(datasets) == 1 else _drawn(datasets)
    if drawn is None:
        return {name: _joined([_ready(d.parts[name], dtype) for d in datasets]) for name in names}
    first = drawn["train"][0]
    table, scaling = first.table.inputs, None
    scalings = [one.scaling for one in drawn["train"]]
    if all(one.equals(first.scaling) for one in scalings):
        with np.errstate(over="ignore"):  # in rows that no split uses
            table = first.scaling.scaled(table).astype(dtype, copy=False)
    else:
        scaling = Scaling.stack(scalings)
    return {
        name: TableRows(table, np.stack([one.rows for one in parts]), scaling, dtype)
        for name, parts in drawn.items()
    }


def targets_of(datasets: Sequence[Dataset], encoding: Encoding, dtype: str) -> Parts:
    """Return the encoded targets of each part, for runs of different splits.

    Classes and labels of splits of one table are encoded once. Numbers are scaled by split, so each
    split has its own, which take about as much memory as the row numbers.
    """
    drawn = None if len(datasets) == 1 else _drawn(datasets)
    if drawn is None or datasets[0].task.has_numbers:
        return {
            name: _joined([encoding.encode(d.parts[name].targets, dtype) for d in datasets])
            for name in datasets[0].parts
        }
    table = encoding.encode(drawn["train"][0].table.targets, dtype)
    return {
        name: TableRows(table, np.stack([one.rows for one in parts]))
        for name, parts in drawn.items()
    }


def weights_of(
    datasets: Sequence[Dataset], encoding: Encoding, loss: Loss, dtype: str
) -> TableRows | None:
    """Return the weights of the training rows, computed for each split from its own rows.

    None if the loss weighs all rows the same.
    """
    each = (loss.row_weights(encoding.encode(d.train.targets, dtype)) for d in datasets)
    weights = [one.astype(dtype) for one in each if one is not None]
    return _joined(weights) if weights else None


def _drawn(datasets: Sequence[Dataset]) -> dict[str, list[DrawnRows]] | None:
    """Return the rows of each part and split; None unless all are of one table."""
    parts = {name: [d.parts[name].drawn for d in datasets] for name in datasets[0].parts}
    drawn = {name: [one for one in each if one is not None] for name, each in parts.items()}
    tables = {id(one.table) for each in drawn.values() for one in each}
    if len(tables) != 1 or any(len(drawn[name]) < len(datasets) for name in parts):
        return None
    return drawn


def _ready(part: Part, dtype: str) -> NDArray[Any] | SparseRows:
    if part.sparse is not None:
        return part.sparse.astype(dtype)
    return np.ascontiguousarray(part.inputs, dtype if part.dtype.kind == "f" else np.intp)


def _joined(parts: Sequence[NDArray[Any] | SparseRows]) -> TableRows:
    """Join the rows of all splits to one table, of which each split has its share."""
    if len(parts) == 1:
        return TableRows(parts[0])
    sparse = [part for part in parts if isinstance(part, SparseRows)]
    dense = [part for part in parts if isinstance(part, np.ndarray)]
    table = TableRows(SparseRows.joined(sparse) if sparse else np.concatenate(dense))
    return TableRows(table.table, np.arange(len(table)).reshape(len(parts), -1))
