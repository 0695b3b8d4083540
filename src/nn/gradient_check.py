"""A check of backpropagation by central differences."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .network import Network
from .typing import Array, Float64Array

STEP = 1e-5
# The assumed rounding error of a loss, in units of machine precision. At most 2 were measured, with
# four BLAS kernels and every activation before and after batch normalization.
_UNITS = 32


def rounding_noise(loss: ArrayLike, step: float = STEP) -> Float64Array:
    """Bound the rounding error of a central difference.

    Parameters
    ----------
    loss : array_like of shape (...)
        The losses in float64.
    step : float, default 1e-5
        Half the distance between the two points.

    Returns
    -------
    ndarray of shape (...)
        The error of two losses divided by the distance of their points. A loss below 1 counts
        as 1, because it may be the sum of larger terms that cancel.
    """
    size = np.maximum(1, np.abs(np.asarray(loss, np.float64)))
    noise: Float64Array = _UNITS * np.finfo(np.float64).eps * size / step
    return noise


def numerical_gradients(network: Network, x: Array, targets: Array, step: float = STEP) -> Array:
    """Compute gradients of the batch's mean loss by central differences.

    Parameters
    ----------
    network : Network
        A network in float64 without dropout. Batch normalization uses the batch's statistics.
    x : ndarray of shape (runs, batch, inputs)
        The inputs of the batch.
    targets : ndarray of shape (runs, batch, outputs)
        The encoded targets of the batch.
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
            values.append(network.losses(logits, targets).mean(axis=1))
        network.parameters[:, column] = original
        gradients[:, column] = (values[0] - values[1]) / (2 * h)
    network.statistics[...] = statistics
    return gradients


def gradient_error(network: Network, x: Array, targets: Array) -> Float64Array:
    """Compute the relative distance of backpropagated and numerical gradients for each run.

    It is ‖g - ĝ‖ / (‖g‖ + ‖ĝ‖), less the part of ‖g - ĝ‖ that rounding explains: where the
    gradient g is 0, the differences ĝ are pure :func:`rounding_noise`.

    Parameters
    ----------
    network, x, targets
        The arguments of :func:`numerical_gradients`.

    Returns
    -------
    ndarray of shape (runs,)
        The distances, below 1e-6 for a correct gradient away from kinks.
    """
    expected = numerical_gradients(network, x, targets)
    statistics = network.statistics.copy()
    logits = network.backpropagate(x, targets)
    network.statistics[...] = statistics
    losses = network.losses(logits, targets).mean(axis=1)
    noise = rounding_noise(losses) * np.sqrt(network.layout.size)
    distance = np.linalg.norm(network.gradients - expected, axis=1)
    size = np.linalg.norm(network.gradients, axis=1) + np.linalg.norm(expected, axis=1)
    beyond_rounding = np.maximum(0, distance - noise)
    error: Float64Array = beyond_rounding / np.maximum(size, np.finfo(np.float64).tiny)
    return error
