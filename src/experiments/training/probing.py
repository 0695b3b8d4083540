"""The probes of a stack, which measure what its runs ask for beyond the metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.training.evaluation import Evaluated
from experiments.training.metrics import PROBE
from nn.losses import Loss
from nn.network import Network
from nn.probes import Probe, Probed
from nn.sparse_rows import SparseRows
from nn.table_rows import TableRows


def is_due(probe: Probe, epoch: int, last: int) -> bool:
    """Whether a probe measures after an epoch of a run whose last one is `last`."""
    return epoch % probe.every == 0 or epoch == last


def measure(
    probe: Probe,
    network: Network,
    parts: Sequence[Evaluated],
    places: Sequence[int],
    start: NDArray[np.floating],
    preconditioner: NDArray[np.float64],
) -> dict[str, list[float | None]]:
    """Measure one probe for all runs, on copies of their networks.

    Parameters
    ----------
    probe : Probe
        The probe.
    network : Network
        The networks, which are not changed.
    parts : sequence of Evaluated
        The probe's part of each split of the stack.
    places : sequence of int
        The split of each run.
    start, preconditioner : ndarray of shape (runs, P)
        See `nn.probes.Probed`.

    Returns
    -------
    dict of str to list
        One value for each run by the name of the column; None for a run without the column.
    """
    copied = network.without_noise(np.float64)
    measured: dict[str, NDArray[np.float64]] = {}
    for split, part in enumerate(parts):
        own = [run for run, place in enumerate(places) if place == split]
        if not own:
            continue
        probed = Probed(
            copied.only(own),
            _first(part.inputs, probe.rows),
            _first(part.targets, probe.rows),
            _weights(network.objective.loss, part.targets, probe.rows),
            start[own],
            preconditioner[own],
        )
        for key, values in probe.measure(probed).items():
            name = f"{PROBE}{probe.label}/{key}".removesuffix("/")
            measured.setdefault(name, np.full(len(places), np.nan))[own] = values
    return {
        name: [float(value) if np.isfinite(value) else None for value in column]
        for name, column in measured.items()
    }


def _weights(loss: Loss, targets: TableRows, count: int | None) -> NDArray[np.float64] | None:
    """Return the weights of the first rows of a part, (1, rows, 1), if the loss weighs rows."""
    weights = loss.row_weights(targets.block(slice(0, len(targets)))[0])
    return None if weights is None else np.array(weights[np.newaxis, :count], np.float64)


def _first(rows: TableRows, count: int | None) -> Any:
    """Copy the first rows of one split, (1, rows, *shape): numbers in float64, indices as such."""
    block = rows.block(slice(0, len(rows) if count is None else min(count, len(rows))))
    if isinstance(block, SparseRows):
        return block.run(0).astype(np.float64)
    return np.array(block[:1], np.float64 if block.dtype.kind == "f" else block.dtype)
