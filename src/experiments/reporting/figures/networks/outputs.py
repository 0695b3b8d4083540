"""Build the networks of records and evaluate them for pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.runs.network import network_of
from experiments.runs.record import Record

Numbers = NDArray[np.float64]


def best_outputs(record: Record, inputs: NDArray[Any], *, trusted: frozenset[str]) -> Numbers:
    """Compute the outputs of a run's best weights, shape (rows, outputs)."""
    network = network_of(record, record.weights(), trusted=trusted)
    outputs: Numbers = network.predict(inputs)[0].astype(np.float64)
    return outputs


def class_shares(record: Record, outputs: NDArray[Any], *, trusted: frozenset[str]) -> Numbers:
    """Convert outputs to a share for each class; the predicted class has the largest.

    Parameters
    ----------
    record : Record
        The record of a run on a task with classes.
    outputs : ndarray of shape (..., outputs)
        The outputs of the run's network.
    trusted : frozenset of str
        The trusted packages (see `network_of`).

    Returns
    -------
    float64 ndarray of shape (..., classes)
        The probabilities, if the network outputs probabilities: a single output and its
        complement, or several outputs scaled to a sum of 1. Otherwise 1 for the predicted class
        and 0 for the others.
    """
    outputs = np.asarray(outputs, np.float64)
    if outputs.shape[-1] == 1:
        positive = np.clip(outputs, 0, 1)
        return np.concatenate([1 - positive, positive], axis=-1)
    network = network_of(record, record.weights(), trusted=trusted)
    if network.objective.activation.gives_probabilities:
        total = outputs.sum(axis=-1, keepdims=True)
        return np.where(total > 0, outputs / np.where(total > 0, total, 1), 1 / outputs.shape[-1])
    shares: Numbers = np.eye(outputs.shape[-1])[outputs.argmax(axis=-1)]
    return shares


def predicted_classes(outputs: NDArray[Any]) -> NDArray[np.intp]:
    """Return the class predicted by each row of outputs, as evaluation does; shape (rows,)."""
    if outputs.shape[-1] == 1:
        return (outputs[..., 0] > 0.5).astype(np.intp)
    classes: NDArray[np.intp] = outputs.argmax(axis=-1)
    return classes
