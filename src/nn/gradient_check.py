"""Backpropagation against central differences."""

from __future__ import annotations

import numpy as np

from .network import Network
from .typing import Array, Float64Array


def numerical_gradients(network: Network, x: Array, targets: Array, step: float = 1e-5) -> Array:
    """Compute gradients of the batch's mean loss by central differences.

    Parameters
    ----------
    network : Network
        In float64, without dropout; with the batch's statistics where it normalizes.
    x : ndarray of shape (runs, batch, inputs)
    targets : ndarray of shape (runs, batch, outputs)
    step : float, default 1e-5
        Half the distance between the two points, relative to max(1, abs(θ)).

    Returns
    -------
    ndarray of shape (runs, P)

    Raises
    ------
    ValueError
        If the network is not in float64, where differences are mostly rounding.
    """
    if network.dtype != np.float64:
        raise ValueError("numerical gradients need a network with dtype float64")
    statistics = network.statistics.copy()
    gradients = np.zeros_like(network.parameters)
    for column in range(network.layout.size):
        original = network.parameters[:, column].copy()
        h = step * np.maximum(1, np.abs(original))
        values = []
        for sign in (1, -1):
            network.parameters[:, column] = original + sign * h
            logits = network.forward(x, training=True)
            values.append(network.objective.per_sample(logits, targets).mean(axis=1))
        network.parameters[:, column] = original
        gradients[:, column] = (values[0] - values[1]) / (2 * h)
    network.statistics[...] = statistics
    return gradients


def gradient_error(network: Network, x: Array, targets: Array) -> Float64Array:
    """Compute the relative distance ‖g - ĝ‖ / (‖g‖ + ‖ĝ‖) of both gradients, for each run.

    Parameters
    ----------
    network, x, targets
        The arguments of :func:`numerical_gradients`.

    Returns
    -------
    ndarray of shape (runs,)
        Below 1e-6 for a right gradient away from kinks.
    """
    expected = numerical_gradients(network, x, targets)
    statistics = network.statistics.copy()
    network.backpropagate(x, targets)
    network.statistics[...] = statistics
    distance = np.linalg.norm(network.gradients - expected, axis=1)
    size = np.linalg.norm(network.gradients, axis=1) + np.linalg.norm(expected, axis=1)
    error: Float64Array = distance / np.maximum(size, np.finfo(np.float64).tiny)
    return error
