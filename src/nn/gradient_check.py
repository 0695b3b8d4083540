"""Backpropagation against central differences."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .network import Network
from .typing import Array, Float64Array

STEP = 1e-5
# How far, in units of the machine's precision, a computed loss may be off. At most 2 were measured,
# with four BLAS kernels, on every activation before and after batch normalization.
_UNITS = 32


def rounding_noise(loss: ArrayLike, step: float = STEP) -> Float64Array:
    """Bound the error that rounding alone causes in one central difference.

    Parameters
    ----------
    loss : array_like of shape (...)
        The losses, in float64, that are compared.
    step : float, default 1e-5
        Half the distance between the two points.

    Returns
    -------
    ndarray of shape (...)
        The error of two losses, divided by the distance of their points. A loss below 1 counts
        as 1, since it may be the sum of larger terms that cancel.
    """
    size = np.maximum(1, np.abs(np.asarray(loss, np.float64)))
    noise: Float64Array = _UNITS * np.finfo(np.float64).eps * size / step
    return noise


def numerical_gradients(network: Network, x: Array, targets: Array, step: float = STEP) -> Array:
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
    """Compute the relative distance of both gradients, for each run.

    It is ‖g - ĝ‖ / (‖g‖ + ‖ĝ‖), where the part of ‖g - ĝ‖ that rounding explains does not count:
    the differences ĝ of a gradient g that is 0 are nothing but :func:`rounding_noise`.

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
    logits = network.backpropagate(x, targets)
    network.statistics[...] = statistics
    losses = network.objective.per_sample(logits, targets).mean(axis=1)
    noise = rounding_noise(losses) * np.sqrt(network.layout.size)
    distance = np.linalg.norm(network.gradients - expected, axis=1)
    size = np.linalg.norm(network.gradients, axis=1) + np.linalg.norm(expected, axis=1)
    beyond_rounding = np.maximum(0, distance - noise)
    error: Float64Array = beyond_rounding / np.maximum(size, np.finfo(np.float64).tiny)
    return error
