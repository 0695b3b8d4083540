"""The networks of records, evaluated for pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.config.schema import network_from_config
from experiments.runs.record import Record
from nn.network import Network

Numbers = NDArray[np.float64]


def network_of(
    record: Record,
    weights: Mapping[str, NDArray[Any]],
    runs: int = 1,
    *,
    trusted: frozenset[str],
) -> Network:
    """Build a record's network and load weights into it.

    Parameters
    ----------
    record : Record
        A run that was trained.
    weights : name -> ndarray of shape (*shape), or (runs, *shape)
    runs : int, default 1
        How many networks side by side.
    trusted : frozenset of str
        Packages, besides this project's, whose classes it may be built of.
    """
    network = _network(record, runs, trusted)
    network.load(weights)
    return network


def best_outputs(record: Record, inputs: NDArray[Any], *, trusted: frozenset[str]) -> Numbers:
    """Compute the outputs (rows, outputs) of a run's best weights."""
    network = network_of(record, record.weights(), trusted=trusted)
    outputs: Numbers = network.predict(inputs)[0].astype(np.float64)
    return outputs


def class_shares(record: Record, outputs: NDArray[Any], *, trusted: frozenset[str]) -> Numbers:
    """Turn outputs into a share for each class; the largest is that of the predicted class.

    Parameters
    ----------
    record : Record
        Of a task with classes.
    outputs : ndarray of shape (..., outputs)
    trusted : frozenset of str
        As in `network_of`.

    Returns
    -------
    ndarray of shape (..., classes)
        The network's probabilities, if its outputs are any: one output and its complement, or
        several outputs scaled to sum 1. Otherwise 1 for the predicted class and 0 for the others.
    """
    outputs = np.asarray(outputs, np.float64)
    if outputs.shape[-1] == 1:
        positive = np.clip(outputs, 0, 1)
        return np.concatenate([1 - positive, positive], axis=-1)
    if _network(record, 1, trusted).objective.activation.gives_probabilities:
        total = outputs.sum(axis=-1, keepdims=True)
        return np.where(total > 0, outputs / np.where(total > 0, total, 1), 1 / outputs.shape[-1])
    shares: Numbers = np.eye(outputs.shape[-1])[outputs.argmax(axis=-1)]
    return shares


def predicted_classes(outputs: NDArray[Any]) -> NDArray[np.intp]:
    """Read the predicted class (rows,) off outputs (rows, outputs), as evaluation does."""
    if outputs.shape[-1] == 1:
        return (outputs[..., 0] > 0.5).astype(np.intp)
    classes: NDArray[np.intp] = outputs.argmax(axis=-1)
    return classes


def _network(record: Record, runs: int, trusted: frozenset[str]) -> Network:
    data = record.dataset
    return network_from_config(
        record.config, int(data["features"]), int(data["outputs"]), runs, trusted=trusted
    )
