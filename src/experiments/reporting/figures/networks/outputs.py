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


def network_of(record: Record, weights: Mapping[str, NDArray[Any]], runs: int = 1) -> Network:
    """Build a record's network and load weights into it.

    Parameters
    ----------
    record
        A run that was trained.
    weights : name -> ndarray of shape (*shape), or (runs, *shape)
    runs
        How many networks side by side.
    """
    data = record.dataset
    network = network_from_config(
        record.config, int(data["features"]), int(data["outputs"]), runs=runs
    )
    network.load(weights)
    return network


def best_outputs(record: Record, inputs: NDArray[Any]) -> Numbers:
    """Compute the outputs (rows, outputs) of a run's best weights."""
    outputs: Numbers = network_of(record, record.weights()).predict(inputs)[0].astype(np.float64)
    return outputs


def class_shares(record: Record, outputs: NDArray[Any]) -> Numbers:
    """Turn outputs into a share for each class; the largest is that of the predicted class.

    Parameters
    ----------
    record
        Of a task with classes.
    outputs : ndarray of shape (..., outputs)

    Returns
    -------
    ndarray of shape (..., classes)
        The network's probabilities where it gives them (softmax), or those of one sigmoid
        output and its complement; other sigmoids are scaled to sum 1. Outputs that are no
        probabilities become 1 for the predicted class and 0 for the others.
    """
    outputs = np.asarray(outputs, np.float64)
    if outputs.shape[-1] == 1:
        positive = np.clip(outputs, 0, 1)
        return np.concatenate([1 - positive, positive], axis=-1)
    if _activation(record) in ("softmax", "sigmoid"):
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


def _activation(record: Record) -> str:
    data = record.dataset
    network = network_from_config(record.config, int(data["features"]), int(data["outputs"]))
    return network.objective.activation.name
